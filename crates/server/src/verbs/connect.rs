//! Requests to a connecter.

use super::{Context, get};
use crate::admission::Operation;
use crate::connect::{Answer, Connection};
use crate::part::AnyCall;
use crate::registry::Subresource;
use crate::request::query_value;
use pintle_meta::Status;
use pintle_meta::options::ReadAt;

/// Any request to a connecter: the object of the path and the request go to its author.
pub(crate) async fn connect(cx: &Context, connection: Connection) -> Result<Answer, Status> {
    let found = cx.resource.subresource(cx.version, &cx.request.subresource);
    let Some(Subresource::Connect(connect)) = found else { return Err(Status::unknown_path()) };
    if query_value(&cx.query, "dryRun").is_some() {
        return Err(Status::bad_request("dryRun is not supported"));
    }
    cx.check_name()?;
    let attributes = cx.attributes(Operation::Connect, &cx.request.name, None);
    cx.plugins.validate(&attributes, None).await?;
    let (object, entry) = get::found(cx, ReadAt::Latest).await?;
    let json = entry.value(&cx.resource.kind, cx.version).unwrap_or_default();
    let call = AnyCall { object, json, request: cx.request.clone() };
    connect.connecter.connect(call, connection).await
}

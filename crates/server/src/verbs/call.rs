//! POST to an action.

use super::body::{self, Expected};
use super::{Context, create, fields, get};
use crate::admission::Operation;
use crate::part::{Action, AnyCall};
use crate::reply::Reply;
use pintle_meta::options::{CreateOptions, ReadAt};
use pintle_meta::{FieldErrors, Object, Status};

/// POST to an action: the object of the path and the body go to its author's function.
pub(super) async fn call(cx: &Context, action: &Action) -> Result<Reply, Status> {
    body::check_media_type(cx)?;
    let options = CreateOptions::from_query(&cx.query)?;
    let expected = Expected {
        kind: &action.body.kind,
        api_version: &action.body.api_version,
        decode: action.body.decode,
        protobuf: &action.body.protobuf,
        rules: None,
    };
    let mut body = body::object(cx, expected, options.field_validation)?;
    create::wipe_metadata(body.meta_mut());
    create::own_namespace(cx, body.meta_mut())?;
    check_name(cx, action, body.as_ref())?;
    let manager = fields::manager(cx, &options.field_manager);
    fields::track_body(cx, action, body.as_mut(), &manager)?;
    let attributes = cx.attributes(Operation::Connect, &cx.request.name, None);
    cx.plugins.mutate(&attributes, body.as_mut()).await?;
    cx.plugins.validate(&attributes, Some(body.as_ref())).await?;
    cx.check_name()?;
    let (object, entry) = get::found(cx, ReadAt::Latest).await?;
    let kind = &cx.resource.kind;
    let json = entry.value(kind, cx.version).unwrap_or_default();
    let call = AnyCall { object, json, request: cx.request.clone() };
    let answer = action.call.call(call, body).await?;
    let version = answer.meta().resource_version.as_deref().and_then(|text| text.parse().ok());
    let encoded = (action.body.encode)(answer.as_ref(), version);
    let json = encoded.map_err(|e| Status::internal(&e))?.bytes.into();
    Ok(Reply::Other { code: 201, json, protobuf: action.body.protobuf.clone() })
}

/// A body may leave out the name of the path, but not contradict it.
fn check_name(cx: &Context, action: &Action, body: &dyn Object) -> Result<(), Status> {
    let (name, path) = (body.name(), &cx.request.name);
    if name.is_empty() || name == path {
        return Ok(());
    }
    let mut errors = FieldErrors::new();
    let on = cx.resource.kind.kind.to_lowercase();
    errors.invalid("metadata.name", name, format!("must match the {on} name if specified"));
    Err(Status::invalid(&action.body.group, &action.body.kind, path, &errors))
}

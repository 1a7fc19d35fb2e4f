//! POST to an action.

use super::body::{self, Expected};
use super::{Context, fields};
use crate::admission::Operation;
use crate::part::{Action, AnyCall};
use crate::reply::Reply;
use crate::store::Store;
use pintle_meta::options::{CreateOptions, ReadAt};
use pintle_meta::{FieldErrors, Object, Status};

/// POST to an action: the object of the path and the body go to its author's function.
pub(super) async fn call(cx: &Context, store: &Store, action: &Action) -> Result<Reply, Status> {
    let options = CreateOptions::from_query(&cx.query)?;
    let expected = Expected {
        kind: &action.body.kind,
        api_version: &action.body.api_version,
        decode: action.body.decode,
    };
    let mut body = body::object(cx, expected, options.field_validation)?;
    check_names(cx, action, body.as_mut())?;
    let manager = fields::manager(cx, &options.field_manager);
    fields::track_body(cx, action, body.as_mut(), &manager)?;
    let attributes = cx.attributes(Operation::Connect, &cx.request.name, None);
    cx.plugins.mutate(&attributes, body.as_mut()).await?;
    cx.plugins.validate(&attributes, Some(body.as_ref())).await?;
    let entry = store.get(&cx.key(), ReadAt::Latest).await?;
    let kind = &cx.resource.kind;
    let encoded = entry.encoded(kind, cx.version);
    let json = encoded.and_then(|e| serde_json::from_slice(&e.bytes).ok()).unwrap_or_default();
    let object = store.decode(&entry)?;
    let call = AnyCall { object, json, request: cx.request.clone() };
    let answer = action.call.call(call, body).await?;
    let encoded = (action.body.encode)(answer.as_ref(), None);
    let json = encoded.map_err(|e| Status::internal(&e))?.bytes.into();
    Ok(Reply::Other { code: 201, json })
}

/// A body may leave out the name and the namespace of the path, but not contradict them.
fn check_names(cx: &Context, action: &Action, body: &mut dyn Object) -> Result<(), Status> {
    let mut errors = FieldErrors::new();
    let (name, namespace) = (body.name().to_owned(), body.namespace().to_owned());
    if !name.is_empty() && name != cx.request.name {
        errors.invalid("metadata.name", &name, "must match the name on the URL if specified");
    }
    if !namespace.is_empty() && namespace != cx.request.namespace {
        let why = "must match the namespace on the URL if specified";
        errors.invalid("metadata.namespace", &namespace, why);
    }
    if !errors.is_empty() {
        return Err(Status::invalid(&action.body.group, &action.body.kind, &name, &errors));
    }
    if !cx.request.namespace.is_empty() {
        body.meta_mut().namespace = Some(cx.request.namespace.clone());
    }
    Ok(())
}

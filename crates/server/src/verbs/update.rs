//! PUT of an object or of a part of it.

use super::body::{self, Expected};
use super::replace::{Made, Update, replace};
use super::{Context, create, fields};
use crate::cache::Entry;
use crate::part::Part;
use crate::registry::Subresource;
use crate::reply::Reply;
use pintle_meta::options::UpdateOptions;
use pintle_meta::{Object, Status};
use serde_json::Value;

/// PUT of an object, or of its status: then the status and the metadata are the client's, and the
/// rest stays.
pub(super) async fn object(cx: &Context, on: Option<Subresource<'_>>) -> Result<Reply, Status> {
    let options = UpdateOptions::from_query(&cx.query)?;
    let mut object = body::object(cx, Expected::object(cx), options.field_validation)?;
    check_place(cx, object.as_mut())?;
    create::own_owners(cx, object.meta_mut());
    let update = Update {
        on,
        dry_run: options.dry_run,
        manager: Some(fields::manager(cx, &options.field_manager)),
        creates: false,
        make: Box::new(|_| Ok(object.boxed_clone().into())),
    };
    replace(cx, &update).await
}

/// PUT of a part.
pub(super) async fn part(cx: &Context, part: &Part) -> Result<Reply, Status> {
    let options = UpdateOptions::from_query(&cx.query)?;
    let expected = expected(part);
    let mut body = body::object(cx, expected, options.field_validation)?;
    check_place(cx, body.as_mut())?;
    let update = Update {
        on: Some(Subresource::Part(part)),
        dry_run: options.dry_run,
        manager: owner(cx, part, &options.field_manager),
        creates: false,
        make: Box::new(|stored| with_part(cx, part, stored, body.as_ref())),
    };
    show(cx, part, replace(cx, &update).await?)
}

/// Who comes to own the fields of the object that a write to a part changes. Nobody does, but for a
/// scale, as with the custom resources of Kubernetes.
pub(super) fn owner(cx: &Context, part: &Part, field_manager: &str) -> Option<String> {
    part.scale.is_some().then(|| fields::manager(cx, field_manager))
}

/// What the body of a part must be.
pub(super) fn expected(part: &Part) -> Expected<'_> {
    Expected {
        kind: &part.body.kind,
        api_version: &part.body.api_version,
        decode: part.body.decode,
        protobuf: &part.body.protobuf,
        rules: None,
    }
}

/// The part of a stored object as a client sees it.
pub(super) fn shown(part: &Part, old: &dyn Object, entry: &Entry) -> Result<Value, Status> {
    let shown = (part.get)(old)?;
    let encoded = (part.body.encode)(shown.as_ref(), Some(entry.revision));
    let bytes = encoded.map_err(|e| Status::internal(&e))?.bytes;
    serde_json::from_slice(&bytes).map_err(|e| Status::internal(&e))
}

/// The stored object with a part of it replaced.
pub(super) fn with_part(
    cx: &Context,
    part: &Part,
    stored: Option<(&dyn Object, &Entry)>,
    body: &dyn Object,
) -> Result<Made, Status> {
    let (old, entry) = stored.ok_or_else(|| cx.missing())?;
    let mut new = old.boxed_clone();
    (part.set)(&mut new, body.boxed_clone())?;
    let meta = new.meta_mut();
    // A part without a resource version is taken for one of the newest object.
    meta.resource_version.clone_from(&body.meta().resource_version);
    if meta.resource_version.as_deref().unwrap_or_default().is_empty() {
        meta.resource_version = Some(entry.revision.to_string());
    }
    // As with the custom resources of Kubernetes, the UID of a scale is of no account.
    if part.scale.is_none() {
        meta.uid.clone_from(&body.meta().uid);
    }
    Ok(new.into())
}

/// The answer to a write of a part: the part as it is now.
pub(super) fn show(cx: &Context, part: &Part, reply: Reply) -> Result<Reply, Status> {
    let Reply::Object { code, entry } = reply else { return Ok(reply) };
    let object = cx.decode(&entry)?;
    let shown = (part.get)(object.as_ref())?;
    let encoded = (part.body.encode)(shown.as_ref(), Some(entry.revision));
    let json = encoded.map_err(|e| Status::internal(&e))?.bytes.into();
    Ok(Reply::Other { code, json, protobuf: part.body.protobuf.clone() })
}

/// 400: a body without a name.
pub(super) fn nameless(cx: &Context) -> Status {
    let path = &cx.request.name;
    Status::bad_request(format!(
        "the name of the object ({path} based on URL) was undeterminable: name must be provided"
    ))
}

/// Refuses what a client has sent to another place than it belongs to; of what is wrong with both,
/// the namespace comes first.
pub(super) fn check_place(cx: &Context, object: &mut dyn Object) -> Result<(), Status> {
    create::own_namespace(cx, object.meta_mut())?;
    let path = &cx.request.name;
    match object.name() {
        "" => Err(nameless(cx)),
        name if name == path => Ok(()),
        name => Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({path})"
        ))),
    }
}

//! Who owns which field: `metadata.managedFields`, kept on every write.
//!
//! See [Field management](https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management).
//! The arithmetic is in [`pintle_meta::managed`]; here it meets the objects of a request.

use super::{Context, patch};
use crate::cache::Entry;
use crate::names;
use crate::part::{Action, BodyKind, Part};
use crate::registry::Resource;
use crate::typing::Typing;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use pintle_meta::managed::{
    self, Applied, ApplyError, FieldSet, Live, Manager, Operation, Record, Sent, TypeSchema,
    Versions,
};
use pintle_meta::{Object, Reason, Status};
use serde_json::Value;

/// The name of who owns the fields that a request sets.
pub(super) fn manager(cx: &Context, option: &str) -> String {
    if option.is_empty() { cx.manager.clone() } else { option.to_owned() }
}

/// Who owns the fields of an object that is created, or that replaces a stored one. What the client
/// has sent of that is taken out of the object.
pub(super) fn track(
    cx: &Context,
    old: Option<&Entry>,
    new: &mut dyn Object,
    manager: &str,
) -> Result<Record, Status> {
    let sent = new.meta_mut().managed_fields.take();
    let written = (cx.version().encode_bare)(new).map_err(|e| Status::internal(&e))?;
    let written: Value =
        serde_json::from_slice(&written.bytes).map_err(|e| Status::internal(&e))?;
    let stored = old.map(|entry| stored(cx, entry)).transpose()?;
    let versions = OfResource(&cx.resource);
    let now = names::whole_second(cx.request.time);
    let manager = named(cx, manager, Operation::Update);
    let written = Sent { object: &written, managed_fields: sent.as_deref() };
    match managed::update(&versions, stored.as_ref().map(live), written, &manager, now) {
        Ok(record) => Ok(record),
        Err(error) => {
            tracing::warn!(%error, "managed fields are dropped");
            Ok(Record::default())
        }
    }
}

/// Whether an object that was too large for the storage is to be stored without its managed fields: as
/// in Kubernetes, it is better kept so than not at all, but for who applies and would lose what is his.
pub(super) fn sheds(cx: &Context, record: &Record, failure: &Status) -> bool {
    let applies = cx.request.verb == "patch" && patch::is_apply(cx);
    failure.is(Reason::RequestEntityTooLarge) && !applies && !record.is_empty()
}

/// Sets the managed fields of the body of an action.
pub(super) fn track_body(
    cx: &Context,
    action: &Action,
    body: &mut dyn Object,
    manager: &str,
) -> Result<(), Status> {
    let sent = body.meta_mut().managed_fields.take();
    let encoded = (action.body.encode)(body, None).map_err(|e| Status::internal(&e))?;
    let written: Value =
        serde_json::from_slice(&encoded.bytes).map_err(|e| Status::internal(&e))?;
    let typing = action.typing.get_or_init(|| Typing::of_body(&action.body));
    let versions = OfBody { body: &action.body, typing };
    let now = names::whole_second(cx.request.time);
    let manager = Manager {
        api_version: action.body.api_version.clone(),
        ..named(cx, manager, Operation::Update)
    };
    let written = Sent { object: &written, managed_fields: sent.as_deref() };
    let record = managed::update(&versions, None, written, &manager, now).unwrap_or_default();
    body.meta_mut().managed_fields = entries(&record);
    Ok(())
}

/// Applies a configuration to the stored object, or to none, in the version of the request.
pub(super) fn apply(
    cx: &Context,
    entry: Option<&Entry>,
    config: &Value,
    manager: &str,
    force: bool,
) -> Result<Result<Applied, ApplyError>, Status> {
    let stored = entry.map(|entry| stored(cx, entry)).transpose()?;
    let now = names::whole_second(cx.request.time);
    let manager = named(cx, manager, Operation::Apply);
    let versions = OfResource(&cx.resource);
    let live = stored.as_ref().map(live);
    Ok(managed::apply(&versions, live, config, &manager, force, now))
}

/// Applies a configuration to a part. Nobody is recorded as an owner of its fields, so that an apply
/// meets whoever wrote them before the first one.
pub(super) fn apply_body(
    cx: &Context,
    part: &Part,
    live: &Value,
    config: &Value,
    manager: &str,
    force: bool,
) -> Result<Value, Status> {
    let typing = part.typing.get_or_init(|| Typing::of_body(&part.body));
    let versions = OfBody { body: &part.body, typing };
    let now = names::whole_second(cx.request.time);
    let manager = Manager {
        api_version: part.body.api_version.clone(),
        ..named(cx, manager, Operation::Apply)
    };
    let live = Live { object: live, record: &Record::default() };
    let applied = managed::apply(&versions, Some(live), config, &manager, force, now)?;
    Ok(applied.object.unwrap_or_else(|| live.object.clone()))
}

fn named(cx: &Context, name: &str, operation: Operation) -> Manager {
    Manager {
        name: name.to_owned(),
        operation,
        api_version: cx.version().api_version.clone(),
        subresource: cx.request.subresource.clone(),
    }
}

/// The stored object in the version of the request, and who owns its fields.
fn stored(cx: &Context, entry: &Entry) -> Result<(Value, Record), Status> {
    let document = entry.document(&cx.resource.kind, cx.version);
    let document = document.ok_or_else(|| Status::internal("the object has no such version"))?;
    Ok((document, entry.record()))
}

fn live((object, record): &(Value, Record)) -> Live<'_> {
    Live { object, record }
}

/// The entries of a record, as an object has them that keeps them itself.
pub(super) fn entries(record: &Record) -> Option<Vec<ManagedFieldsEntry>> {
    Some(record.entries()).filter(|entries| !entries.is_empty())
}

/// The stored object in the version of the request.
pub(super) fn stored_json(cx: &Context, entry: &Entry) -> Result<Value, Status> {
    let value = entry.value(&cx.resource.kind, cx.version);
    value.ok_or_else(|| Status::internal("the object has no such version"))
}

/// The versions of a resource, as the field engine asks for them.
struct OfResource<'a>(&'a Resource);

impl OfResource<'_> {
    fn typing(&self, api_version: &str) -> Option<&Typing> {
        let at = self.0.kind.versions.iter().position(|v| v.api_version == api_version)?;
        Some(self.0.typing(at))
    }
}

impl Versions for OfResource<'_> {
    fn schema(&self, api_version: &str) -> Option<&TypeSchema> {
        self.typing(api_version).map(|typing| &typing.schema)
    }

    fn convert(&self, object: &Value, to_api_version: &str) -> Result<Value, String> {
        let from = object["apiVersion"].as_str().unwrap_or_default();
        let find = |name: &str| self.0.kind.versions.iter().find(|v| v.api_version == name);
        let (Some(from), Some(to)) = (find(from), find(to_api_version)) else {
            return Err(format!("{from} cannot become {to_api_version}"));
        };
        let hub = (from.convert)(object.clone()).map_err(|e| e.to_string())?;
        let version = hub.meta().resource_version.as_deref();
        let revision = version.and_then(|version| version.parse().ok());
        let encoded = (to.encode)(hub.as_ref(), revision).map_err(|e| e.to_string())?;
        serde_json::from_slice(&encoded.bytes).map_err(|e| e.to_string())
    }

    fn empty(&self, api_version: &str) -> Option<&Value> {
        self.typing(api_version).map(|typing| &typing.empty)
    }

    fn reset_fields(&self, api_version: &str, subresource: &str) -> Option<&FieldSet> {
        let status = self.0.status.as_ref()?;
        let typing = self.typing(api_version)?;
        match subresource {
            "status" => typing.all_but_status.as_ref(),
            "" if !status.main_may_write => Some(&typing.status),
            _ => None,
        }
    }
}

/// The one version of an action's body.
struct OfBody<'a> {
    body: &'a BodyKind,
    typing: &'a Typing,
}

impl Versions for OfBody<'_> {
    fn schema(&self, api_version: &str) -> Option<&TypeSchema> {
        (api_version == self.body.api_version).then_some(&self.typing.schema)
    }

    fn convert(&self, _: &Value, to_api_version: &str) -> Result<Value, String> {
        Err(format!("there is no version {to_api_version} of the body"))
    }

    fn empty(&self, api_version: &str) -> Option<&Value> {
        (api_version == self.body.api_version).then_some(&self.typing.empty)
    }
}

//! PATCH with `application/apply-patch+yaml`: server-side apply.
//!
//! See [Server-Side Apply](https://kubernetes.io/docs/reference/using-api/server-side-apply/).

use super::body::{self, Expected};
use super::replace::{Update, replace};
use super::{Context, fields, update};
use crate::cache::Entry;
use crate::part::Part;
use crate::registry::Subresource;
use crate::reply::Reply;
use crate::store::Store;
use pintle_meta::json::{self, Parsed};
use pintle_meta::options::PatchOptions;
use pintle_meta::{Object, Status, yaml};
use serde_json::Value;

/// Apply to an object, which is created where it does not exist, or to its status.
pub(super) async fn object(
    cx: &Context,
    store: &Store,
    on: Option<Subresource<'_>>,
) -> Result<Reply, Status> {
    let (config, options) = read(cx)?;
    let update = Update {
        on,
        dry_run: options.dry_run,
        manager: None,
        creates: on.is_none(),
        make: Box::new(|stored| applied(cx, stored.map(|(_, entry)| entry), &config, &options)),
    };
    replace(cx, store, &update).await
}

/// Apply to a part.
pub(super) async fn part(cx: &Context, store: &Store, part: &Part) -> Result<Reply, Status> {
    let (config, options) = read(cx)?;
    let update = Update {
        on: Some(Subresource::Part(part)),
        dry_run: options.dry_run,
        manager: None,
        creates: false,
        make: Box::new(|stored| {
            let (old, entry) = stored.ok_or_else(|| store.not_found(&cx.key()))?;
            let live = update::shown(part, old, entry)?;
            let force = options.force.unwrap_or_default();
            let manager = &options.field_manager;
            let value = fields::apply_body(cx, part, &live, &config, manager, force)?;
            let object = read_back(cx, update::expected(part), value, &options)?;
            update::with_part(cx, part, Some((old, entry)), object.as_ref())
        }),
    };
    update::show(part, store, replace(cx, store, &update).await?)
}

/// Reads the configuration: YAML, of which JSON is a part.
fn read(cx: &Context) -> Result<(Value, PatchOptions), Status> {
    let options = PatchOptions::from_query(&cx.query, true)?;
    let undecodable = |why: String| Status::bad_request(format!("error decoding YAML: {why}"));
    let parsed: Parsed = yaml::decode(&cx.body).map_err(|e| undecodable(e.to_string()))?;
    if !parsed.value.is_object() {
        return Err(undecodable("the document is not an object".to_owned()));
    }
    let found = yaml::strict(&parsed, &[]);
    body::report(cx, Expected::object(cx), &found, options.field_validation)?;
    let name = parsed.value["metadata"]["name"].as_str().unwrap_or_default();
    let path = &cx.request.name;
    if !name.is_empty() && name != path {
        return Err(Status::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({path})"
        )));
    }
    Ok((parsed.value, options))
}

/// What has come of an apply, as an object again.
fn read_back(
    cx: &Context,
    expected: Expected<'_>,
    value: Value,
    options: &PatchOptions,
) -> Result<Box<dyn Object>, Status> {
    let parsed = Parsed { value, duplicates: Vec::new() };
    let find = |unknown: &[String], _: &[String]| json::in_document_order(&[], unknown, &[]);
    body::from_parsed(cx, expected, parsed, find, options.field_validation)
}

/// The object with the configuration laid over it, and its owners.
fn applied(
    cx: &Context,
    entry: Option<&Entry>,
    config: &Value,
    options: &PatchOptions,
) -> Result<Box<dyn Object>, Status> {
    let force = options.force.unwrap_or_default();
    let (value, owners) = fields::apply(cx, entry, config, &options.field_manager, force)?;
    let mut object = read_back(cx, Expected::object(cx), value, options)?;
    if object.name().is_empty() {
        object.meta_mut().name = Some(cx.request.name.clone());
    }
    object.meta_mut().managed_fields = Some(owners).filter(|owners| !owners.is_empty());
    Ok(object)
}

//! PATCH with `application/apply-patch+yaml`, or `+cbor`: server-side apply.
//!
//! See [Server-Side Apply](https://kubernetes.io/docs/reference/using-api/server-side-apply/).

use super::body::{self, Expected};
use super::replace::{Made, Update, replace};
use super::{Context, fields, patch, update};
use crate::cache::Entry;
use crate::part::Part;
use crate::registry::Subresource;
use crate::reply::Reply;
use pintle_meta::json::{self, Parsed, Strict};
use pintle_meta::managed::{Applied, ApplyError, PathElement};
use pintle_meta::options::{FieldValidation, PatchOptions};
use pintle_meta::scale::ScalePaths;
use pintle_meta::{Object, Status, cbor, yaml};
use serde_json::{Map, Value};

/// What a client wants to be there.
struct Configuration {
    value: Value,
    /// What is odd about how it is written.
    found: Vec<Strict>,
}

/// Apply to an object, which is created where it does not exist, or to its status.
pub(super) async fn object(cx: &Context, on: Option<Subresource<'_>>) -> Result<Reply, Status> {
    let options = PatchOptions::from_query(&cx.query, true)?;
    // What cannot be read is of less weight than an object that does not exist.
    let config = read(cx);
    let update = Update {
        on,
        dry_run: options.dry_run,
        manager: None,
        creates: on.is_none(),
        make: Box::new(|stored| {
            applied(cx, stored, config.as_ref().map_err(Status::clone)?, &options, |error| error)
        }),
    };
    replace(cx, &update).await
}

/// Apply to a part.
pub(super) async fn part(cx: &Context, part: &Part) -> Result<Reply, Status> {
    let options = &PatchOptions::from_query(&cx.query, true)?;
    let config = read(cx);
    let update = Update {
        on: Some(Subresource::Part(part)),
        dry_run: options.dry_run,
        manager: None,
        creates: false,
        make: Box::new(|stored| {
            let (old, entry) = stored.ok_or_else(|| cx.missing())?;
            let config = config.as_ref().map_err(Status::clone)?;
            if part.scale.is_some() {
                check_version(part, config)?;
            }
            let live = update::shown(part, old, entry)?;
            // Who owns the field of a scale is known of the object alone.
            let force = part.scale.is_some() || options.force.unwrap_or_default();
            let manager = &options.field_manager;
            let value = fields::apply_body(cx, part, &live, &config.value, manager, force)?;
            report(cx, config, options)?;
            let mut object = read_back(cx, update::expected(part), value, options)?;
            update::check_place(cx, object.as_mut())?;
            match &part.scale {
                Some(scale) => {
                    let value = whole(cx, &scale.paths, &config.value)?;
                    let config = Configuration { value, found: Vec::new() };
                    applied(cx, stored, &config, options, |error| of_scale(part, error))
                }
                None => update::with_part(cx, part, Some((old, entry)), object.as_ref()),
            }
        }),
    };
    update::show(cx, part, replace(cx, &update).await?)
}

fn check_version(part: &Part, config: &Configuration) -> Result<(), Status> {
    let version = config.value["apiVersion"].as_str().unwrap_or_default();
    let expected = &part.body.api_version;
    if version == expected {
        return Ok(());
    }
    Err(Status::bad_request(format!(
        "Incorrect version specified in apply patch. Specified patch version: {version}, \
         expected: {expected}"
    )))
}

/// Conflicts about the field of an object that is its scale, as conflicts about the scale.
fn of_scale(part: &Part, error: ApplyError) -> ApplyError {
    let field = ["spec", "replicas"].map(PathElement::field);
    match error {
        ApplyError::Conflicts(conflicts) => {
            ApplyError::Conflicts(conflicts.of_part(&field, &part.body.api_version))
        }
        other => other,
    }
}

/// The configuration of an object that says what one of its scale says: so that who applies the one
/// meets who applies the other.
fn whole(cx: &Context, paths: &ScalePaths, scale: &Value) -> Result<Value, Status> {
    let mut config = serde_json::json!({
        "apiVersion": cx.version().api_version, "kind": cx.resource.kind.kind,
        "metadata": {"name": cx.request.name},
    });
    if let Some(version) = scale["metadata"].get("resourceVersion") {
        config["metadata"]["resourceVersion"] = version.clone();
    }
    paths.configuration(scale, &mut config).map_err(Status::bad_request)?;
    Ok(config)
}

/// Reads the configuration: YAML, of which JSON is a part, or CBOR.
fn read(cx: &Context) -> Result<Configuration, Status> {
    let undecodable = |why: String| Status::bad_request(format!("error decoding YAML: {why}"));
    if patch::is_cbor(cx) {
        let value = cbor::decode(&cx.body).map_err(|e| undecodable(e.to_string()))?;
        let kind = cbor::kind_of(&value);
        let value = match value {
            Value::Object(_) => value,
            Value::Null => Value::Object(Map::new()),
            _ => {
                let go = "Go value of type map[string]interface {}";
                return Err(undecodable(format!("cbor: cannot unmarshal {kind} into {go}")));
            }
        };
        return Ok(Configuration { value, found: Vec::new() });
    }
    let mut parsed: Parsed = yaml::decode(&cx.body).map_err(|e| undecodable(e.to_string()))?;
    if parsed.value.is_null() {
        parsed.value = Value::Object(Map::new());
    }
    if !parsed.value.is_object() {
        return Err(undecodable("the document is not an object".to_owned()));
    }
    let found = yaml::strict(&parsed, &[]);
    Ok(Configuration { value: parsed.value, found })
}

/// Does about repeated fields what the client has asked for, once all else is well.
fn report(cx: &Context, config: &Configuration, options: &PatchOptions) -> Result<(), Status> {
    let found: Vec<String> = config.found.iter().map(ToString::to_string).collect();
    match options.field_validation.unwrap_or_default() {
        FieldValidation::Strict if !found.is_empty() => {
            let why = format!("error strict decoding YAML: {}", found.join(", "));
            return Err(Status::bad_request(why));
        }
        FieldValidation::Strict | FieldValidation::Ignore => {}
        FieldValidation::Warn => found.iter().for_each(|text| body::warn(cx, text)),
    }
    Ok(())
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
    stored: Option<(&dyn Object, &Entry)>,
    config: &Configuration,
    options: &PatchOptions,
    shown: impl Fn(ApplyError) -> ApplyError,
) -> Result<Made, Status> {
    let force = options.force.unwrap_or_default();
    let entry = stored.map(|(_, entry)| entry);
    let made = fields::apply(cx, entry, &config.value, &options.field_manager, force)?;
    let made = made.map_err(shown)?;
    report(cx, config, options)?;
    let Applied { object, managed_fields: owners } = made;
    let mut object = match (stored, object) {
        (Some((old, entry)), None) => {
            let mut same = old.boxed_clone();
            same.meta_mut().resource_version = Some(entry.revision.to_string());
            same
        }
        (_, object) => read_back(cx, Expected::object(cx), object.unwrap_or_default(), options)?,
    };
    if stored.is_none() && !object.uid().is_empty() {
        let uid = object.uid();
        let why = format!(
            "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        );
        return Err(Status::conflict(&cx.group_resource(), &cx.request.name, why));
    }
    update::check_place(cx, object.as_mut())?;
    let of_before = || entry.map(Entry::record).unwrap_or_default();
    let record = owners.unwrap_or_else(of_before);
    Ok(Made { object, record: Some(record) })
}

//! PATCH of an object or of a part of it.

use super::body::Expected;
use super::replace::{Made, Update, replace};
use super::{Context, apply, fields, update};
use crate::negotiate::is_patch;
use crate::part::Part;
use crate::registry::Subresource;
use crate::reply::Reply;
use crate::typing::Typing;
use pintle_meta::decode::{self, Decoded};
use pintle_meta::go;
use pintle_meta::json::{self, Strict};
use pintle_meta::managed::TypeSchema;
use pintle_meta::options::{FieldValidation, PatchOptions};
use pintle_meta::patch::{Error, JsonPatch, MergePatch, StrategicPatch};
use pintle_meta::{FieldErrors, Object, Status};
use serde_json::Value;

const APPLY: &str = "application/apply-patch+yaml";

/// A patch that has been read.
enum Patch {
    Json(JsonPatch),
    Merge(MergePatch),
    Strategic(StrategicPatch),
}

impl Patch {
    fn read(cx: &Context, validation: Option<FieldValidation>) -> Result<Self, Status> {
        let patch = match media_type(cx) {
            "application/json-patch+json" => JsonPatch::decode(&cx.body).map(Self::Json),
            "application/merge-patch+json" => {
                MergePatch::decode(&cx.body).map(Self::Merge).map_err(|error| match validation {
                    // Go reads it a second time, and says so, where it is to look for odd fields.
                    Some(FieldValidation::Ignore) => {
                        Error::BadFormat("Invalid JSON Patch".to_owned())
                    }
                    _ => error,
                })
            }
            "application/strategic-merge-patch+json" => {
                StrategicPatch::decode(&cx.body).map(Self::Strategic)
            }
            _ => return Err(unknown_format(cx)),
        };
        patch.map_err(refuse)
    }

    fn findings(&self) -> &[String] {
        match self {
            Self::Json(patch) => patch.findings(),
            Self::Merge(patch) => patch.findings(),
            Self::Strategic(patch) => patch.findings(),
        }
    }

    fn apply(&self, object: Value, schema: &TypeSchema) -> Result<Value, Status> {
        match self {
            Self::Json(patch) => patch.apply(object).map_err(refuse),
            Self::Merge(patch) => Ok(patch.apply(object)),
            Self::Strategic(patch) => patch.apply(object, schema).map_err(refuse),
        }
    }

    /// What a message shows of the patch where what it made is no object of the kind.
    fn shown(&self, object: Value, schema: &TypeSchema) -> Result<String, Status> {
        Ok(match self {
            Self::Strategic(patch) => go::plain(&patch.remainder(&object, schema)),
            Self::Json(_) | Self::Merge(_) => self.apply(object, schema)?.to_string(),
        })
    }
}

/// The router takes a list of types of which one is right; a patch is of one type.
fn check_media_type(cx: &Context) -> Result<(), Status> {
    if is_patch(media_type(cx), cx.cbor) { Ok(()) } else { Err(unknown_format(cx)) }
}

fn unknown_format(cx: &Context) -> Status {
    let more = if cx.cbor { ", application/apply-patch+cbor" } else { "" };
    Status::unsupported_media_type(format!(
        "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json, \
         application/strategic-merge-patch+json, application/apply-patch+yaml{more}"
    ))
}

fn media_type(cx: &Context) -> &str {
    let header = cx.content_type.as_deref().unwrap_or_default();
    header.split(';').next().unwrap_or_default().trim()
}

fn refuse(error: Error) -> Status {
    let status = match &error {
        Error::Undecodable(_) | Error::BadFormat(_) => Status::bad_request(error.to_string()),
        Error::CannotApply(_) | Error::TooLarge(_) => Status::patch_failed(),
        Error::TooManyOperations(_) => Status::too_large(&error),
        Error::Internal(_) => Status::plain(error.to_string()),
    };
    status.caused_by(error)
}

/// PATCH of an object, or of its status.
pub(super) async fn object(cx: &Context, on: Option<Subresource<'_>>) -> Result<Reply, Status> {
    if is_apply(cx) {
        return apply::object(cx, on).await;
    }
    let (patch, options) = read(cx)?;
    let update = Update {
        on,
        dry_run: options.dry_run,
        manager: Some(fields::manager(cx, &options.field_manager)),
        creates: false,
        make: Box::new(|stored| {
            let (_, entry) = stored.ok_or_else(|| cx.missing())?;
            let schema = &cx.resource.typing(cx.version).schema;
            let current = || fields::stored_json(cx, entry);
            patched(cx, &patch, (&current, schema), Expected::object(cx), &options).map(Made::from)
        }),
    };
    replace(cx, &update).await
}

/// PATCH of a part.
pub(super) async fn part(cx: &Context, part: &Part) -> Result<Reply, Status> {
    if is_apply(cx) {
        return apply::part(cx, part).await;
    }
    let (patch, options) = read(cx)?;
    let update = Update {
        on: Some(Subresource::Part(part)),
        dry_run: options.dry_run,
        manager: update::owner(cx, part, &options.field_manager),
        creates: false,
        make: Box::new(|stored| {
            let (old, entry) = stored.ok_or_else(|| cx.missing())?;
            let schema = &part.typing.get_or_init(|| Typing::of_body(&part.body)).schema;
            let current = || update::shown(part, old, entry);
            let new = patched(cx, &patch, (&current, schema), update::expected(part), &options)?;
            update::with_part(cx, part, Some((old, entry)), new.as_ref())
        }),
    };
    update::show(cx, part, replace(cx, &update).await?)
}

/// Whether a configuration comes in CBOR.
pub(super) fn is_cbor(cx: &Context) -> bool {
    cx.cbor && media_type(cx) == "application/apply-patch+cbor"
}

/// Whether a patch is a configuration that is applied.
pub(super) fn is_apply(cx: &Context) -> bool {
    media_type(cx) == APPLY || is_cbor(cx)
}

/// Reads the patch and its options. What is wrong with the patch is kept until the object is there
/// to apply it to: an object that does not exist comes first.
fn read(cx: &Context) -> Result<(Result<Patch, Status>, PatchOptions), Status> {
    check_media_type(cx)?;
    let options = PatchOptions::from_query(&cx.query, false)?;
    Ok((Patch::read(cx, options.field_validation), options))
}

/// What the patched document is read as. A strategic patch knows what it patches; another one may
/// have made it an object of another version, or something else.
fn made_as<'a>(
    cx: &'a Context,
    patch: &Patch,
    expected: Expected<'a>,
    value: &Value,
) -> Result<Expected<'a>, String> {
    if matches!(patch, Patch::Strategic(_)) {
        for name in ["kind", "apiVersion"] {
            text(&value[name])?;
        }
        return Ok(expected);
    }
    // A document that says no kind is one of the kind expected.
    let kind = Some(&value["kind"]).filter(|kind| !is_empty(kind));
    let kind = kind.map_or(Some(expected.kind), Value::as_str);
    let api_version = value["apiVersion"].as_str();
    if kind == Some(expected.kind) && api_version == Some(expected.api_version) {
        return Ok(expected);
    }
    let mut versions = cx.resource.kind.versions.iter();
    let version = versions.find(|version| {
        Some(version.api_version.as_str()) == api_version
            && kind == Some(expected.kind)
            && expected.kind == cx.resource.kind.kind
    });
    let version = version.ok_or_else(|| {
        let text = |it: Option<&str>| it.unwrap_or_default().to_owned();
        let (kind, version) = (text(kind), text(api_version));
        format!("no kind {kind:?} is registered for version {version:?}")
    })?;
    let rules = version.rules.as_deref();
    Ok(Expected { api_version: &version.api_version, decode: version.decode, rules, ..expected })
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value == ""
}

/// What is said of a document that has lost its version: Kubernetes reads it as one of its own, which
/// knows none of the fields, and so misses the name.
fn versionless(cx: &Context, value: &Value, validation: FieldValidation) -> Result<Status, String> {
    let fields = value.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let unknown = fields.filter(|name| !matches!(*name, "kind" | "apiVersion"));
    let found: Vec<String> =
        unknown.map(|name| Strict::Unknown(name.to_owned()).to_string()).collect();
    match validation {
        FieldValidation::Strict if !found.is_empty() => {
            return Err(format!("strict decoding error: {}", found.join(", ")));
        }
        FieldValidation::Strict | FieldValidation::Ignore => {}
        FieldValidation::Warn => found.into_iter().for_each(|text| cx.warn(text)),
    }
    Ok(update::nameless(cx))
}

/// Whether a value can be a text, in the words of Go's conversion of documents.
fn text(value: &Value) -> Result<(), String> {
    match value {
        Value::Null | Value::String(_) => Ok(()),
        Value::Number(number) if !number.is_f64() => Err("cannot convert int64 to string".into()),
        _ => Err("unrecognized type: string".to_owned()),
    }
}

/// 422: what the patch has made is no object of the kind.
fn unreadable(shown: &str, why: String) -> Status {
    let mut errors = FieldErrors::new();
    errors.invalid("patch", shown, why);
    let mut status = Status::invalid("", "", "", &errors);
    status.message = format!(" \"\" is invalid: {errors}");
    status
}

/// A type that does not fit, in the words of Go's conversion of documents.
fn go_problem(error: &decode::Error) -> String {
    let why = error.to_string();
    let Some((got, expected)) =
        why.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected "))
    else {
        return why;
    };
    let got = match got.split(' ').next().unwrap_or_default() {
        "integer" => "int64",
        "floating" => "float64",
        "boolean" => "bool",
        "sequence" => "slice",
        other => other,
    };
    match (got, expected) {
        ("int64", "a string") => "cannot convert int64 to string".to_owned(),
        (_, "a string") => "unrecognized type: string".to_owned(),
        (_, "a boolean") => "unrecognized type: bool".to_owned(),
        ("float64", "i32" | "i64") => format!("cannot convert float64 to {}", go_integer(expected)),
        (_, "i32" | "i64") => format!("unrecognized type: {}", go_integer(expected)),
        (_, "a sequence") => format!("cannot restore slice from {got}"),
        (_, "a map") => format!("cannot restore map from {got}"),
        _ if got == "map" => why,
        _ => format!("cannot restore struct from: {got}"),
    }
}

fn go_integer(name: &str) -> &'static str {
    if name == "i32" { "int32" } else { "int64" }
}

/// Fields that are there twice, without those of which the type knows nothing.
fn known(repeated: Vec<Strict>, unknown: &[Strict]) -> impl Iterator<Item = Strict> {
    let is_in = |path: &str, of: &str| {
        path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    repeated.into_iter().filter(move |field| {
        !unknown.iter().any(|other| match (field, other) {
            (Strict::Duplicate(path), Strict::Unknown(of)) => is_in(path, of),
            _ => false,
        })
    })
}

/// Applies a patch to a document, and reads the result as an object again.
fn patched(
    cx: &Context,
    patch: &Result<Patch, Status>,
    (current, schema): (&dyn Fn() -> Result<Value, Status>, &TypeSchema),
    expected: Expected<'_>,
    options: &PatchOptions,
) -> Result<Box<dyn Object>, Status> {
    let patch = patch.as_ref().map_err(Clone::clone)?;
    let validation = options.field_validation.unwrap_or_default();
    let value = patch.apply(current()?, schema)?;
    if !value.is_object() {
        return Err(Status::patch_failed());
    }
    // What a message shows is made where there is one: it may be long.
    let refused = |why| match current().and_then(|current| patch.shown(current, schema)) {
        Ok(shown) => unreadable(&shown, why),
        Err(status) => status,
    };
    if !matches!(patch, Patch::Strategic(_)) && is_empty(&value["apiVersion"]) {
        return Err(versionless(cx, &value, validation).unwrap_or_else(refused));
    }
    let repeated = match patch {
        Patch::Json(patch) => patch.repeated(&value),
        Patch::Merge(_) | Patch::Strategic(_) => Vec::new(),
    };
    let expected = made_as(cx, patch, expected, &value).map_err(refused)?;
    let Decoded { mut object, unknown } = expected.read(value, |why| refused(go_problem(&why)))?;
    let mut found = patch.findings().to_vec();
    let unknown = json::in_document_order(&[], &unknown, &[]);
    found.extend(unknown.iter().map(ToString::to_string));
    found.extend(known(repeated, &unknown).map(|field| field.to_string()));
    match validation {
        FieldValidation::Strict if !found.is_empty() => {
            return Err(refused(format!("strict decoding error: {}", found.join(", "))));
        }
        FieldValidation::Strict | FieldValidation::Ignore => {}
        FieldValidation::Warn => found.into_iter().for_each(|text| cx.warn(text)),
    }
    update::check_place(cx, object.as_mut())?;
    Ok(object)
}

//! PATCH of an object or of a part of it.

use super::body::Expected;
use super::replace::{Update, replace};
use super::{Context, apply, fields, update};
use crate::cache::Entry;
use crate::part::Part;
use crate::registry::Subresource;
use crate::reply::Reply;
use crate::store::Store;
use crate::typing::Typing;
use pintle_meta::decode::{self, Decoded};
use pintle_meta::go;
use pintle_meta::json;
use pintle_meta::managed::TypeSchema;
use pintle_meta::options::{FieldValidation, PatchOptions};
use pintle_meta::patch::{Error, JsonPatch, MergePatch, StrategicPatch};
use pintle_meta::{FieldErrors, Object, Status};
use serde_json::Value;

/// A patch that has been read.
enum Patch {
    Json(JsonPatch),
    Merge(MergePatch),
    Strategic(StrategicPatch),
}

impl Patch {
    fn read(cx: &Context) -> Result<Self, Status> {
        let patch = match media_type(cx) {
            "application/json-patch+json" => JsonPatch::decode(&cx.body).map(Self::Json),
            "application/merge-patch+json" => MergePatch::decode(&cx.body).map(Self::Merge),
            "application/strategic-merge-patch+json" => {
                StrategicPatch::decode(&cx.body).map(Self::Strategic)
            }
            _ => return Err(unknown_format()),
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
}

fn check_media_type(cx: &Context) -> Result<(), Status> {
    match media_type(cx) {
        "application/json-patch+json"
        | "application/merge-patch+json"
        | "application/strategic-merge-patch+json" => Ok(()),
        _ => Err(unknown_format()),
    }
}

fn unknown_format() -> Status {
    Status::unsupported_media_type("415: Unsupported Media Type").with_empty_details()
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
pub(super) async fn object(
    cx: &Context,
    store: &Store,
    on: Option<Subresource<'_>>,
) -> Result<Reply, Status> {
    if is_apply(cx) {
        return apply::object(cx, store, on).await;
    }
    let (patch, options) = read(cx)?;
    let update = Update {
        on,
        dry_run: options.dry_run,
        manager: Some(fields::manager(cx, &options.field_manager)),
        creates: false,
        make: Box::new(|stored| {
            let (_, entry) = stored.ok_or_else(|| store.not_found(&cx.key()))?;
            patched(cx, &patch, current(cx, entry)?, Expected::object(cx), &options)
        }),
    };
    replace(cx, store, &update).await
}

/// PATCH of a part.
pub(super) async fn part(cx: &Context, store: &Store, part: &Part) -> Result<Reply, Status> {
    if is_apply(cx) {
        return apply::part(cx, store, part).await;
    }
    let (patch, options) = read(cx)?;
    let update = Update {
        on: Some(Subresource::Part(part)),
        dry_run: options.dry_run,
        manager: None,
        creates: false,
        make: Box::new(|stored| {
            let (old, entry) = stored.ok_or_else(|| store.not_found(&cx.key()))?;
            let value = update::shown(part, old, entry)?;
            let schema = &part.typing.get_or_init(|| Typing::of_body(&part.body)).schema;
            let new = patched(cx, &patch, (value, schema), update::expected(part), &options)?;
            update::with_part(cx, part, Some((old, entry)), new.as_ref())
        }),
    };
    update::show(part, store, replace(cx, store, &update).await?)
}

fn is_apply(cx: &Context) -> bool {
    media_type(cx) == "application/apply-patch+yaml"
}

/// Reads the patch and its options. What is wrong with the patch is kept until the object is there
/// to apply it to: an object that does not exist comes first.
fn read(cx: &Context) -> Result<(Result<Patch, Status>, PatchOptions), Status> {
    check_media_type(cx)?;
    let options = PatchOptions::from_query(&cx.query, false)?;
    Ok((Patch::read(cx), options))
}

/// The stored object as the client sees it, and its schema.
fn current<'a>(cx: &'a Context, entry: &Entry) -> Result<(Value, &'a TypeSchema), Status> {
    Ok((fields::stored_json(cx, entry)?, &cx.resource.typing(cx.version).schema))
}

/// What the patched document is read as. A strategic patch knows what it patches; another one may
/// have made it an object of another version, or something else.
fn made_as<'a>(
    cx: &'a Context,
    patch: &Patch,
    expected: Expected<'a>,
    value: &Value,
) -> Result<Expected<'a>, Status> {
    let (kind, api_version) = (value["kind"].as_str(), value["apiVersion"].as_str());
    let same = kind == Some(expected.kind) && api_version == Some(expected.api_version);
    if same || matches!(patch, Patch::Strategic(_)) {
        return Ok(expected);
    }
    let mut versions = cx.resource.kind.versions.iter();
    let version = versions.find(|version| {
        Some(version.api_version.as_str()) == api_version
            && kind == Some(expected.kind)
            && expected.kind == cx.resource.kind.kind
    });
    let none = || {
        let text = |it: Option<&str>| it.unwrap_or_default().to_owned();
        let (kind, version) = (text(kind), text(api_version));
        unreadable(cx, patch, format!("no kind {kind:?} is registered for version {version:?}"))
    };
    let version = version.ok_or_else(none)?;
    Ok(Expected { api_version: &version.api_version, decode: version.decode, ..expected })
}

/// 422: what the patch has made is no object of the kind.
fn unreadable(cx: &Context, patch: &Patch, why: String) -> Status {
    let shown = match patch {
        Patch::Strategic(_) => go::plain(&serde_json::from_slice(&cx.body).unwrap_or(Value::Null)),
        Patch::Json(_) | Patch::Merge(_) => String::from_utf8_lossy(&cx.body).into_owned(),
    };
    let mut errors = FieldErrors::new();
    errors.invalid("patch", &shown, why);
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
        ("slice" | "map", "a string" | "a boolean") => {
            format!("unrecognized type: {}", if expected == "a string" { "string" } else { "bool" })
        }
        ("bool", "a string") => "unrecognized type: string".to_owned(),
        (_, "a string") => format!("cannot convert {got} to string"),
        (_, "a boolean") => format!("cannot convert {got} to bool"),
        (_, "a sequence") => format!("cannot restore slice from {got}"),
        (_, "a map") => format!("cannot restore map from {got}"),
        _ if got == "map" => why,
        _ => format!("cannot restore struct from: {got}"),
    }
}

/// Applies a patch to a document, and reads the result as an object again.
fn patched(
    cx: &Context,
    patch: &Result<Patch, Status>,
    (current, schema): (Value, &TypeSchema),
    expected: Expected<'_>,
    options: &PatchOptions,
) -> Result<Box<dyn Object>, Status> {
    let patch = patch.as_ref().map_err(Clone::clone)?;
    let validation = options.field_validation.unwrap_or_default();
    let value = patch.apply(current, schema)?;
    if !value.is_object() {
        return Err(Status::patch_failed());
    }
    let expected = made_as(cx, patch, expected, &value)?;
    let Decoded { object, unknown } =
        (expected.decode)(value).map_err(|why| unreadable(cx, patch, go_problem(&why)))?;
    let mut found = patch.findings().to_vec();
    let unknown = json::in_document_order(&[], &unknown, &[]);
    found.extend(unknown.iter().map(ToString::to_string));
    match validation {
        FieldValidation::Strict if !found.is_empty() => {
            let why = format!("strict decoding error: {}", found.join(", "));
            if !patch.findings().is_empty() {
                return Err(Status::bad_request(why));
            }
            return Err(unreadable(cx, patch, why));
        }
        FieldValidation::Strict | FieldValidation::Ignore => {}
        FieldValidation::Warn => found.into_iter().for_each(|text| cx.warn(text)),
    }
    update::check_name(cx, object.as_ref())?;
    Ok(object)
}

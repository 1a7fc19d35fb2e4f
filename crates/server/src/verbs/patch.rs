//! PATCH of an object or of a part of it.

use super::body::{self, Expected};
use super::replace::{Update, replace};
use super::{Context, apply, fields, update};
use crate::cache::Entry;
use crate::part::{Part, StatusPart};
use crate::registry::Subresource;
use crate::reply::Reply;
use crate::store::Store;
use crate::typing::Typing;
use pintle_meta::json::{self, Parsed};
use pintle_meta::managed::TypeSchema;
use pintle_meta::options::{FieldValidation, PatchOptions};
use pintle_meta::patch::{Error, JsonPatch, MergePatch, StrategicPatch};
use pintle_meta::{Object, Status};
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

/// PATCH of an object.
pub(super) async fn object(cx: &Context, store: &Store) -> Result<Reply, Status> {
    if is_apply(cx) {
        return apply::object(cx, store).await;
    }
    let (patch, options) = read(cx)?;
    let update = Update {
        on: None,
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

/// PATCH of a status.
pub(super) async fn status(
    cx: &Context,
    store: &Store,
    part: &StatusPart,
) -> Result<Reply, Status> {
    if is_apply(cx) {
        return apply::status(cx, store, part).await;
    }
    let (patch, options) = read(cx)?;
    let update = Update {
        on: Some(Subresource::Status(part)),
        dry_run: options.dry_run,
        manager: Some(fields::manager(cx, &options.field_manager)),
        creates: false,
        make: Box::new(|stored| {
            let (old, entry) = stored.ok_or_else(|| store.not_found(&cx.key()))?;
            let new = patched(cx, &patch, current(cx, entry)?, Expected::object(cx), &options)?;
            Ok(update::with_status(part, Some(old), new.as_ref()))
        }),
    };
    replace(cx, store, &update).await
}

/// PATCH of a part.
pub(super) async fn part(cx: &Context, store: &Store, part: &Part) -> Result<Reply, Status> {
    let (patch, options) = read(cx)?;
    let update = Update {
        on: Some(Subresource::Part(part)),
        dry_run: options.dry_run,
        manager: None,
        creates: false,
        make: Box::new(|stored| {
            let (old, entry) = stored.ok_or_else(|| store.not_found(&cx.key()))?;
            let shown = (part.get)(old);
            let encoded = (part.body.encode)(shown.as_ref(), Some(entry.revision));
            let bytes = encoded.map_err(|e| Status::internal(&e))?.bytes;
            let value = serde_json::from_slice(&bytes).map_err(|e| Status::internal(&e))?;
            let schema = &part.typing.get_or_init(|| Typing::of_body(&part.body)).schema;
            let new = patched(cx, &patch, (value, schema), update::expected(part), &options)?;
            update::with_part(cx, part, Some(old), new.as_ref())
        }),
    };
    update::show(part, store, replace(cx, store, &update).await?)
}

fn is_apply(cx: &Context) -> bool {
    media_type(cx) == "application/apply-patch+yaml"
}

fn read(cx: &Context) -> Result<(Patch, PatchOptions), Status> {
    check_media_type(cx)?;
    let options = PatchOptions::from_query(&cx.query, false)?;
    Ok((Patch::read(cx)?, options))
}

/// The stored object as the client sees it, and its schema.
fn current<'a>(cx: &'a Context, entry: &Entry) -> Result<(Value, &'a TypeSchema), Status> {
    Ok((fields::stored_json(cx, entry)?, &cx.resource.typing(cx.version).schema))
}

/// Applies a patch to a document, and reads the result as an object again.
fn patched(
    cx: &Context,
    patch: &Patch,
    (current, schema): (Value, &TypeSchema),
    expected: Expected<'_>,
    options: &PatchOptions,
) -> Result<Box<dyn Object>, Status> {
    let validation = options.field_validation.unwrap_or_default();
    let value = patch.apply(current, schema)?;
    if !value.is_object() {
        return Err(Status::patch_failed());
    }
    let duplicates = match validation {
        FieldValidation::Ignore => Vec::new(),
        FieldValidation::Warn | FieldValidation::Strict => patch.findings().to_vec(),
    };
    if validation == FieldValidation::Strict && !duplicates.is_empty() {
        let list = duplicates.join(", ");
        return Err(Status::bad_request(format!("strict decoding error: {list}")));
    }
    duplicates.into_iter().for_each(|text| cx.warn(text));
    let parsed = Parsed { value, duplicates: Vec::new() };
    let find = |unknown: &[String], _: &[String]| json::in_document_order(&[], unknown, &[]);
    let object = body::from_parsed(cx, expected, parsed, find, Some(validation))?;
    update::check_name(cx, object.as_ref())?;
    Ok(object)
}

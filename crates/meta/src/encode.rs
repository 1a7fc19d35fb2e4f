//! Objects to JSON, in the order and with the omissions of Go's `encoding/json`.
//!
//! `kind` and `apiVersion` come first, then `metadata` in the field order of `metav1.ObjectMeta`
//! with everything empty left out, then the rest as the type itself serialises it. A client cannot
//! tell an object of ours from one of a Go server, and a Go server reads what we have stored.

use crate::json::GoFormatter;
use crate::object::Served;
use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{
    ManagedFieldsEntry, ObjectMeta, OwnerReference, Time,
};
use serde::ser::{self, Impossible, SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// An object as JSON, and where in it the metadata stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// `{"kind":…,"apiVersion":…,"metadata":{…},…}` without a line feed.
    pub bytes: Bytes,
    /// The offset of the opening brace of the metadata.
    pub meta_start: u32,
    /// The offset just behind the closing brace of the metadata.
    pub meta_end: u32,
}

impl Encoded {
    /// The metadata as JSON.
    #[must_use]
    pub fn metadata(&self) -> &[u8] {
        &self.bytes[self.meta_start as usize..self.meta_end as usize]
    }

    /// The object without `kind` and `apiVersion`, and without its opening brace: an item of a
    /// list is `{` and this.
    #[must_use]
    pub fn item(&self) -> &[u8] {
        &self.bytes[self.meta_start as usize - META_KEY.len()..]
    }
}

const META_KEY: &[u8] = br#""metadata":"#;

/// Why an object could not be written.
pub type Error = serde_json::Error;

/// Writes an object as `kind` of `api_version`.
///
/// The resource version is the one given; the one in the object's own metadata is never written,
/// because it is a fact of the storage, not of the object.
///
/// # Errors
/// Where the type's own `Serialize` fails, or does not write a map or a struct.
pub fn encode<T: Served>(
    object: &T,
    kind: &str,
    api_version: &str,
    revision: Option<u64>,
) -> Result<Encoded, Error> {
    write(object, kind, api_version, &Meta::of(object.meta(), revision))
}

/// Writes an object as [`encode`] does, without resource version and managed fields.
///
/// # Errors
/// As [`encode`].
pub fn encode_bare<T: Served>(object: &T, kind: &str, api_version: &str) -> Result<Encoded, Error> {
    let meta = Meta { managed_fields: Vec::new(), ..Meta::of(object.meta(), None) };
    write(object, kind, api_version, &meta)
}

/// Writes managed fields as [`encode`] writes them.
pub(crate) fn managed_fields(entries: &[ManagedFieldsEntry]) -> Vec<u8> {
    let entries: Vec<Managed<'_>> = entries.iter().map(Managed::of).collect();
    let mut out = Vec::new();
    // Texts, times and JSON can be written as JSON.
    let _ = write_json(&mut out, &entries);
    out
}

fn write<T: Served>(
    object: &T,
    kind: &str,
    api_version: &str,
    meta: &Meta<'_>,
) -> Result<Encoded, Error> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(br#"{"kind":"#);
    write_json(&mut out, kind)?;
    out.extend_from_slice(br#","apiVersion":"#);
    write_json(&mut out, api_version)?;
    out.push(b',');
    out.extend_from_slice(META_KEY);
    let meta_start = offset(&out)?;
    write_json(&mut out, meta)?;
    let meta_end = offset(&out)?;
    object.serialize(Rest { out: &mut out })?;
    out.push(b'}');
    Ok(Encoded { bytes: Bytes::from(out.into_boxed_slice()), meta_start, meta_end })
}

pub(crate) fn offset(out: &[u8]) -> Result<u32, Error> {
    u32::try_from(out.len()).map_err(|_| ser::Error::custom("the object is over 4 GiB"))
}

fn write_json<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), Error> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, GoFormatter::default()))
}

/// `metav1.ObjectMeta` in Go's order; [`ObjectMeta`] itself would write its fields by the alphabet
/// and empty strings and maps too.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    generate_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    uid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generation: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_timestamp: Option<Seconds<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_timestamp: Option<Seconds<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_grace_period_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owner_references: Vec<Owner<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    finalizers: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    managed_fields: Vec<Managed<'a>>,
}

impl<'a> Meta<'a> {
    fn of(meta: &'a ObjectMeta, revision: Option<u64>) -> Self {
        Self {
            name: text(&meta.name),
            generate_name: text(&meta.generate_name),
            namespace: text(&meta.namespace),
            uid: text(&meta.uid),
            resource_version: revision.map(Decimal),
            generation: meta.generation.filter(|n| *n != 0),
            creation_timestamp: meta.creation_timestamp.as_ref().map(Seconds),
            deletion_timestamp: meta.deletion_timestamp.as_ref().map(Seconds),
            deletion_grace_period_seconds: meta.deletion_grace_period_seconds,
            labels: meta.labels.as_ref().filter(|map| !map.is_empty()),
            annotations: meta.annotations.as_ref().filter(|map| !map.is_empty()),
            owner_references: slice(&meta.owner_references).iter().map(Owner::of).collect(),
            finalizers: slice(&meta.finalizers),
            managed_fields: slice(&meta.managed_fields).iter().map(Managed::of).collect(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Owner<'a> {
    api_version: &'a str,
    kind: &'a str,
    name: &'a str,
    uid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_owner_deletion: Option<bool>,
}

impl<'a> Owner<'a> {
    fn of(owner: &'a OwnerReference) -> Self {
        Self {
            api_version: &owner.api_version,
            kind: &owner.kind,
            name: &owner.name,
            uid: &owner.uid,
            controller: owner.controller,
            block_owner_deletion: owner.block_owner_deletion,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Managed<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    manager: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    operation: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    api_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Seconds<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    fields_type: &'a str,
    #[serde(rename = "fieldsV1", skip_serializing_if = "Option::is_none")]
    fields_v1: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "str::is_empty")]
    subresource: &'a str,
}

impl<'a> Managed<'a> {
    fn of(entry: &'a ManagedFieldsEntry) -> Self {
        Self {
            manager: text(&entry.manager),
            operation: text(&entry.operation),
            api_version: text(&entry.api_version),
            time: entry.time.as_ref().map(Seconds),
            fields_type: text(&entry.fields_type),
            fields_v1: entry.fields_v1.as_ref().map(|fields| &fields.0),
            subresource: text(&entry.subresource),
        }
    }
}

fn text(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or_default()
}

fn slice<T>(value: &Option<Vec<T>>) -> &[T] {
    value.as_deref().unwrap_or_default()
}

/// A number as a JSON string, which is what a resource version is.
struct Decimal(u64);

impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// A time to the second in UTC, as `metav1.Time` writes it.
struct Seconds<'a>(&'a Time);

impl Serialize for Seconds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.0.strftime("%Y-%m-%dT%H:%M:%SZ"))
    }
}

/// Writes the fields of an object that follow its metadata, and skips those already written.
struct Rest<'a> {
    out: &'a mut Vec<u8>,
}

impl Rest<'_> {
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        if matches!(key, "kind" | "apiVersion" | "metadata") {
            return Ok(());
        }
        self.out.push(b',');
        write_json(self.out, key)?;
        self.out.push(b':');
        write_json(self.out, value)
    }
}

impl SerializeStruct for Rest<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

/// The same for a type that serialises itself as a map, as one with a flattened field does.
struct RestOfMap<'a> {
    rest: Rest<'a>,
    key: String,
}

impl SerializeMap for RestOfMap<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        match serde_json::to_value(key)? {
            serde_json::Value::String(key) => self.key = key,
            other => return Err(ser::Error::custom(format!("{other} is not a field name"))),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.rest.field(&self.key, value)
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

macro_rules! not_an_object {
    ($($name:ident($($arg:ty),*) -> $ok:ty;)*) => {
        $(fn $name(self, $(_: $arg),*) -> Result<$ok, Error> { Err(NotAnObject.into()) })*
    };
}

struct NotAnObject;

impl From<NotAnObject> for Error {
    fn from(_: NotAnObject) -> Self {
        ser::Error::custom("an API object must serialise as a struct or a map")
    }
}

impl<'a> Serializer for Rest<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = RestOfMap<'a>;
    type SerializeStruct = Self;
    type SerializeStructVariant = Impossible<(), Error>;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<RestOfMap<'a>, Error> {
        Ok(RestOfMap { rest: self, key: String::new() })
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(NotAnObject.into())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _: &T) -> Result<(), Error> {
        Err(NotAnObject.into())
    }

    not_an_object! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_unit_variant(&'static str, u32, &'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}

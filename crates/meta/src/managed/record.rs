//! `metadata.managedFields` as text, beside the object that it is about.

use super::entries::{self, Entry};
use super::fields_v1::Fields;
use crate::encode::{self, Encoded};
use bytes::Bytes;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, Time};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What comes before the text of managed fields, which are the last of the metadata.
pub const MANAGED_FIELDS_KEY: &[u8] = br#""managedFields":"#;

/// Who owns the fields of an object: its `metadata.managedFields` as JSON, as it is stored.
///
/// It may be the larger part of an object, so it is kept as text and read only where it matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record(Bytes);

impl Record {
    /// The record in the text of a list that [`encode`](crate::encode::encode) wrote; an empty text is
    /// that of nobody.
    #[must_use]
    pub fn from_text(text: Bytes) -> Self {
        Self(text)
    }

    /// The text of the list; empty where nobody owns anything.
    #[must_use]
    pub fn text(&self) -> &Bytes {
        &self.0
    }

    /// Whether nobody owns anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries as the type of an object has them.
    #[must_use]
    pub fn entries(&self) -> Vec<ManagedFieldsEntry> {
        self.parsed().unwrap_or_default()
    }

    /// The entries without the fields themselves, for what has to know their owners only.
    #[must_use]
    pub fn owners(&self) -> Vec<ManagedFieldsEntry> {
        let owners: Vec<Written<IgnoredAny>> = self.parsed().unwrap_or_default();
        owners.into_iter().map(Written::into_owner).collect()
    }

    /// Puts the record into an object that was written without managed fields.
    ///
    /// # Errors
    /// Where the object is then over 4 GiB.
    pub fn put_into(&self, bare: Encoded) -> Result<Encoded, encode::Error> {
        if self.is_empty() {
            return Ok(bare);
        }
        let (before, after) = bare.bytes.split_at(bare.meta_end as usize - 1);
        let length = before.len() + MANAGED_FIELDS_KEY.len() + 1 + self.0.len() + after.len();
        let mut out = Vec::with_capacity(length);
        out.extend_from_slice(before);
        out.extend_from_slice(if before.ends_with(b"{") { b"" } else { b"," });
        out.extend_from_slice(MANAGED_FIELDS_KEY);
        out.extend_from_slice(&self.0);
        let meta_end = encode::offset(&out)? + 1;
        out.extend_from_slice(after);
        encode::offset(&out)?;
        Ok(Encoded { bytes: out.into(), meta_end, ..bare })
    }

    /// Whether two say the same but for their times.
    ///
    /// A write that changes nothing else is no write: the server keeps the stored object.
    #[must_use]
    pub fn differs_only_in_time(&self, other: &Self) -> bool {
        entries::differ_only_in_time(&self.entries(), &other.entries())
    }

    fn parsed<'de, T: Deserialize<'de>>(&'de self) -> serde_json::Result<Vec<T>> {
        if self.0.is_empty() { Ok(Vec::new()) } else { serde_json::from_slice(&self.0) }
    }

    /// The entries with their sets. Text that cannot be read so is read once more as a type, which says
    /// what is wrong with it.
    pub(super) fn read(&self) -> Result<Vec<Entry>, String> {
        let Ok(written) = self.parsed::<Written<Fields>>() else {
            return entries::read(&self.parsed().map_err(|e| e.to_string())?);
        };
        let read = written.into_iter().enumerate().map(|(i, entry)| {
            let (owner, fields) = entry.into_parts();
            entries::entry_of(i, &owner, fields.map(|fields| Ok(fields.0)))
        });
        read.collect::<Result<_, _>>().map(entries::each_once)
    }
}

impl From<&[ManagedFieldsEntry]> for Record {
    fn from(entries: &[ManagedFieldsEntry]) -> Self {
        match entries {
            [] => Self::default(),
            _ => Self(encode::managed_fields(entries).into()),
        }
    }
}

/// An entry as it is written, with its fields as an `F`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<F> {
    manager: Option<String>,
    operation: Option<String>,
    api_version: Option<String>,
    time: Option<Time>,
    fields_type: Option<String>,
    #[serde(rename = "fieldsV1")]
    fields_v1: Option<F>,
    subresource: Option<String>,
}

impl<F> Written<F> {
    fn into_parts(self) -> (ManagedFieldsEntry, Option<F>) {
        let Self { manager, operation, api_version, time, fields_type, fields_v1, subresource } =
            self;
        let owner = ManagedFieldsEntry {
            manager,
            operation,
            api_version,
            time,
            fields_type,
            fields_v1: None,
            subresource,
        };
        (owner, fields_v1)
    }

    fn into_owner(self) -> ManagedFieldsEntry {
        self.into_parts().0
    }
}

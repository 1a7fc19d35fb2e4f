//! JSON patch, RFC 6902, with the habits of `evanphx/json-patch` version 4.
//!
//! Those that a client can tell from the letter of the RFC: a negative index counts from the end
//! (`-1` adds behind the last item), `replace` and `copy` take a missing field of an object for
//! `null`, a missing `value` is `null`, and the first token of a path need not be empty.

use super::repeated::Repeated;
use super::{Error, go_type};
use crate::json::{MAX_DEPTH, Strict, in_document_order, parse, to_vec};
use serde_json::{Map, Value};

/// How many operations a patch may have.
pub const MAX_OPERATIONS: usize = 10_000;

/// How many bytes of JSON the `copy` operations of one patch may add.
pub const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// How often the whole document is measured before a patch that keeps on nesting is refused.
const MAX_MEASUREMENTS: u32 = 100;

/// A list of operations, checked as far as that can be done without the object.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPatch {
    operations: Vec<Operation>,
    findings: Vec<String>,
    repeated: Vec<Repeated>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) kind: String,
    pub(super) path: Option<String>,
    pub(super) from: Option<String>,
    value: Option<Value>,
}

impl JsonPatch {
    /// Reads the body of a request with `application/json-patch+json`.
    ///
    /// An unknown `op` or a missing `path` is not found here: Kubernetes says so only when the
    /// operation has its turn.
    ///
    /// # Errors
    /// [`Error::Undecodable`] if it is not a list of operations, [`Error::TooManyOperations`] if it
    /// has more than [`MAX_OPERATIONS`].
    pub fn decode(body: &[u8]) -> Result<Self, Error> {
        let undecodable = |why: String| Error::Undecodable(format!("error decoding patch: {why}"));
        let parsed = parse(body).map_err(|error| undecodable(error.to_string()))?;
        let items = match parsed.value {
            Value::Array(items) => items,
            Value::Null => Vec::new(),
            other => {
                return Err(undecodable(wrong_type(&other, "value", "[]handlers.jsonPatchOp")));
            }
        };
        let count = items.len();
        let mut unknown = Vec::new();
        let mut operations = Vec::with_capacity(count.min(MAX_OPERATIONS));
        for (index, item) in items.into_iter().enumerate() {
            let (operation, names) = Operation::read(item).map_err(undecodable)?;
            unknown.extend(names.into_iter().map(|name| format!("[{index}].{name}")));
            if index < MAX_OPERATIONS {
                operations.push(operation);
            }
        }
        if count > MAX_OPERATIONS {
            return Err(Error::TooManyOperations(count));
        }
        let findings = in_document_order(body, &unknown, &parsed.duplicates);
        let findings = findings.iter().map(strict_text).collect();
        let repeated = parsed.duplicates.iter().filter_map(|path| Repeated::of_path(path));
        Ok(Self { operations, findings, repeated: repeated.collect() })
    }

    /// What `fieldValidation` has to say of the patch itself, in the order of the document:
    /// `json patch unknown field "[0].vlaue"`.
    #[must_use]
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// What there is to say of the patched document besides: a field that a value of the patch has
    /// twice is there twice.
    #[must_use]
    pub fn repeated(&self, patched: &Value) -> Vec<Strict> {
        self.repeated.iter().filter_map(|field| field.found(&self.operations, patched)).collect()
    }

    /// Applies all operations in their order.
    ///
    /// # Errors
    /// [`Error::CannotApply`] or [`Error::TooLarge`] at the first operation that fails.
    ///
    /// ```
    /// # use pintle_meta::patch::JsonPatch;
    /// # use serde_json::json;
    /// let patch = JsonPatch::decode(br#"[{"op": "add", "path": "/a/-", "value": 3}]"#)?;
    /// assert_eq!(patch.apply(json!({"a": [1, 2]}))?, json!({"a": [1, 2, 3]}));
    /// # Ok::<(), pintle_meta::patch::Error>(())
    /// ```
    pub fn apply(&self, object: Value) -> Result<Value, Error> {
        let depth = Depth { bound: depth(&object), measurements: 0 };
        let mut document = Document { root: object, depth, copied: 0 };
        for operation in &self.operations {
            document.apply(operation)?;
        }
        Ok(document.root)
    }
}

fn strict_text(finding: &Strict) -> String {
    format!("json patch {finding}")
}

fn wrong_type(value: &Value, what: &str, wanted: &str) -> String {
    format!("json: cannot unmarshal {} into Go {what} of type {wanted}", go_type(value))
}

impl Operation {
    /// The operation and the names of its unknown fields.
    fn read(item: Value) -> Result<(Self, Vec<String>), String> {
        let mut fields = match item {
            Value::Object(fields) => fields,
            Value::Null => Map::new(),
            other => return Err(wrong_type(&other, "value", "handlers.jsonPatchOp")),
        };
        let mut text = |name: &str| match fields.remove(name) {
            Some(Value::String(text)) => Ok(Some(text)),
            None | Some(Value::Null) => Ok(None),
            Some(other) => {
                Err(wrong_type(&other, &format!("struct field jsonPatchOp.{name}"), "string"))
            }
        };
        let kind = text("op")?.unwrap_or_else(|| "unknown".to_owned());
        let (path, from) = (text("path")?, text("from")?);
        let value = fields.remove("value");
        let unknown = fields.into_iter().map(|(name, _)| name).collect();
        Ok((Self { kind, path, from, value }, unknown))
    }

    fn path(&self) -> Result<&str, Error> {
        self.path.as_deref().ok_or_else(|| fails("operation missing path field: missing value"))
    }

    fn from(&self) -> Result<&str, Error> {
        self.from.as_deref().ok_or_else(|| fails("operation, missing from field: missing value"))
    }

    fn value(&self) -> Value {
        self.value.clone().unwrap_or_default()
    }
}

fn fails(why: impl Into<String>) -> Error {
    Error::CannotApply(why.into())
}

/// The object while the operations change it.
struct Document {
    root: Value,
    depth: Depth,
    copied: usize,
}

impl Document {
    fn apply(&mut self, operation: &Operation) -> Result<(), Error> {
        match operation.kind.as_str() {
            "add" => self.add(operation.path()?, operation.value()),
            "remove" => self.remove(operation.path()?).map(|_| ()),
            "replace" => self.replace(operation.path()?, operation.value()),
            "move" => self.relocate(operation),
            "copy" => self.copy(operation),
            "test" => self.test(operation.path()?, operation.value.as_ref()),
            kind => Err(fails(format!("Unexpected kind: {kind}"))),
        }
    }

    fn add(&mut self, path: &str, value: Value) -> Result<(), Error> {
        let levels = depth(&value);
        self.add_of_depth(path, value, levels)
    }

    fn add_of_depth(&mut self, path: &str, value: Value, levels: usize) -> Result<(), Error> {
        self.find(path)?.add(value)?;
        self.depth.grown(&self.root, path, levels)
    }

    fn remove(&mut self, path: &str) -> Result<Value, Error> {
        self.find(path)?.remove()
    }

    fn replace(&mut self, path: &str, value: Value) -> Result<(), Error> {
        let levels = depth(&value);
        if path.is_empty() {
            if !value.is_object() && !value.is_array() {
                return Err(fails("replace operation value must be object or array"));
            }
            self.root = value;
        } else {
            self.find(path)?.set(value)?;
        }
        self.depth.grown(&self.root, path, levels)
    }

    fn relocate(&mut self, operation: &Operation) -> Result<(), Error> {
        let from = operation.from()?;
        let value = self.remove(from)?;
        // Measuring the value would cost too much if ten thousand operations move a large one.
        let levels = self.depth.bound.saturating_sub(tokens(from));
        self.add_of_depth(operation.path()?, value, levels)
    }

    fn copy(&mut self, operation: &Operation) -> Result<(), Error> {
        let value = self.find(operation.from()?)?.get()?.cloned();
        let path = operation.path()?;
        self.find(path)?;
        if let Some(value) = &value {
            self.copied += to_vec(value).map_err(|error| fails(error.to_string()))?.len();
        }
        if self.copied > MAX_COPIED_BYTES {
            return Err(Error::TooLarge(self.copied));
        }
        self.add(path, value.unwrap_or_default())
    }

    fn test(&mut self, path: &str, expected: Option<&Value>) -> Result<(), Error> {
        let actual = if path.is_empty() { Some(&self.root) } else { self.find(path)?.get()? };
        // A missing field, a missing value and `null` are the same.
        if actual.unwrap_or(&Value::Null) == expected.unwrap_or(&Value::Null) {
            return Ok(());
        }
        Err(fails(format!("testing value {path} failed: test failed")))
    }

    /// The object or array that holds, or will hold, what the path names.
    fn find(&mut self, path: &str) -> Result<Place<'_>, Error> {
        let missing = || fails(format!("doc is missing path: {path:?}: missing value"));
        let (parents, last) = path.rsplit_once('/').ok_or_else(missing)?;
        let mut inside = &mut self.root;
        for token in parents.split('/').skip(1) {
            inside = match inside {
                Value::Object(fields) => fields.get_mut(&unescaped(token)),
                Value::Array(items) => {
                    let index = existing_index(token, items.len())?;
                    items.get_mut(index)
                }
                _ => None,
            }
            .ok_or_else(missing)?;
        }
        match inside {
            Value::Object(fields) => Ok(Place::Field(fields, unescaped(last))),
            Value::Array(items) => Ok(Place::Item(items, unescaped(last))),
            _ => Err(missing()),
        }
    }
}

/// Where an operation acts: a field of an object or an item of an array, there or not.
enum Place<'a> {
    Field(&'a mut Map<String, Value>, String),
    Item(&'a mut Vec<Value>, String),
}

impl<'a> Place<'a> {
    fn get(self) -> Result<Option<&'a Value>, Error> {
        match self {
            Self::Field(fields, name) => Ok(fields.get(&name)),
            Self::Item(items, token) => {
                let index = existing_index(&token, items.len())?;
                Ok(items.get(index))
            }
        }
    }

    fn add(self, value: Value) -> Result<(), Error> {
        match self {
            Self::Field(fields, name) => _ = fields.insert(name, value),
            Self::Item(items, token) if token == "-" => items.push(value),
            Self::Item(items, token) => {
                // There is one place more than there are items.
                let index = existing_index(&token, items.len() + 1)?;
                items.insert(index, value);
            }
        }
        Ok(())
    }

    fn set(self, value: Value) -> Result<(), Error> {
        match self {
            Self::Field(fields, name) => _ = fields.insert(name, value),
            Self::Item(items, token) => {
                let index = existing_index(&token, items.len())?;
                items[index] = value;
            }
        }
        Ok(())
    }

    fn remove(self) -> Result<Value, Error> {
        match self {
            Self::Field(fields, name) => fields
                .remove(&name)
                .ok_or_else(|| fails(format!("Unable to remove nonexistent key: {name}"))),
            Self::Item(items, token) => {
                let index = existing_index(&token, items.len())?;
                Ok(items.remove(index))
            }
        }
    }
}

/// The index below `length` that a token means; a negative one counts from the end.
fn existing_index(token: &str, length: usize) -> Result<usize, Error> {
    let invalid = || fails(format!("Unable to access invalid index: {token}"));
    let given: isize = token
        .parse()
        .map_err(|_| fails(format!("value was not a proper array index: '{token}'")))?;
    let index = if given < 0 {
        length.checked_sub(given.unsigned_abs()).ok_or_else(invalid)?
    } else {
        given.unsigned_abs()
    };
    if index < length { Ok(index) } else { Err(invalid()) }
}

/// A reference token without the escapes of RFC 6901.
pub(super) fn unescaped(token: &str) -> String {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~") } else { token.to_owned() }
}

/// How many levels below the root the path leads.
fn tokens(path: &str) -> usize {
    path.matches('/').count()
}

/// Keeps the document from being nested deeper than [`MAX_DEPTH`] without measuring it each time.
struct Depth {
    /// At least the number of levels of the document.
    bound: usize,
    measurements: u32,
}

impl Depth {
    /// A value of at most `levels` was put to `path`.
    fn grown(&mut self, root: &Value, path: &str, levels: usize) -> Result<(), Error> {
        self.bound = self.bound.max(tokens(path).saturating_add(levels));
        if self.bound <= MAX_DEPTH {
            return Ok(());
        }
        self.measurements += 1;
        self.bound = depth(root);
        if self.bound > MAX_DEPTH || self.measurements > MAX_MEASUREMENTS {
            return Err(fails("exceeded max depth"));
        }
        Ok(())
    }
}

/// The levels of objects and arrays in a value.
///
/// The recursion is bounded: nothing here is deeper than two documents of [`MAX_DEPTH`].
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

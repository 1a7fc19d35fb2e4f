//! YAML to JSON values.

use super::parse::{Kind, NodeId, Scalar, Tree, parse, too_deep};
use super::resolve::{self, Resolved};
use super::{Error, MAX_ALIASED_BYTES, MAX_ALIASED_NODES, number};
use crate::json::{self, MAX_DEPTH, MAX_STRICT_ERRORS, Parsed, lossy, quote};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Reads the first document of a YAML text; an empty text is `null`.
///
/// Of keys that occur more than once the last one counts, and each further one is noted in
/// [`Parsed::duplicates`]; a `<<` counts as if the merged keys stood in its place.
///
/// # Errors
/// Where the text is not YAML, cannot be expressed in JSON, or exceeds [`MAX_DEPTH`],
/// [`MAX_ALIASED_NODES`] or [`MAX_ALIASED_BYTES`]. How large it is by itself is for the caller to
/// limit.
///
/// ```
/// # use pintle_meta::yaml;
/// let parsed = yaml::decode(b"on: [yes, 0o17, 1e3, '12', 2001-01-01]")?;
/// assert_eq!(parsed.value, serde_json::json!({"true": [true, 15, 1000, "12", "2001-01-01"]}));
/// assert_eq!(
///     yaml::decode(b"not: [valid").unwrap_err().to_string(),
///     "yaml: line 1: did not find expected ',' or ']'"
/// );
/// # Ok::<(), yaml::Error>(())
/// ```
pub fn decode(text: &[u8]) -> Result<Parsed, Error> {
    plain_json(text).map_or_else(|| decode_yaml(text), Ok)
}

/// Reads a text as YAML, also where it is JSON.
pub(super) fn decode_yaml(text: &[u8]) -> Result<Parsed, Error> {
    let tree = parse(text)?;
    let mut builder = Builder {
        tree: &tree,
        duplicates: Vec::new(),
        aliases: Vec::new(),
        aliased_nodes: 0,
        aliased_bytes: 0,
    };
    let value = if tree.nodes.is_empty() { Value::Null } else { builder.value(0, 0)? };
    Ok(Parsed { value, duplicates: builder.duplicates })
}

/// The value of a text that is JSON and means the same in YAML. Programs write YAML so, and reading it
/// as JSON takes a tenth of the time. Whatever could be read otherwise is left to the reader of YAML:
/// odd characters and escapes, fractions, keys that are long, special or there twice.
pub(super) fn plain_json(text: &[u8]) -> Option<Parsed> {
    let plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
    if text.first() != Some(&b'{') || !text.iter().all(plain) {
        return None;
    }
    if text.windows(2).any(|two| two == b"\\u") {
        return None;
    }
    let parsed = json::parse(text).ok()?;
    (parsed.duplicates.is_empty() && is_plain(&parsed.value)).then_some(parsed)
}

/// Whether a value of JSON, no deeper than that may be, means the same in YAML.
fn is_plain(value: &Value) -> bool {
    /// YAML gives up on longer keys.
    const KEY_BYTES_MAX: usize = 1000;
    let plain_key = |key: &String| key.len() <= KEY_BYTES_MAX && key != "<<";
    match value {
        Value::Number(number) => !number.is_f64(),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => {
            fields.iter().all(|(key, value)| plain_key(key) && is_plain(value))
        }
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

struct Builder<'a> {
    tree: &'a Tree,
    duplicates: Vec<String>,
    /// The aliases that are being expanded, of which no one may occur in itself.
    aliases: Vec<NodeId>,
    aliased_nodes: usize,
    aliased_bytes: usize,
}

impl<'a> Builder<'a> {
    /// The value of a node that stands in so many collections; that bounds the recursion.
    fn value(&mut self, id: NodeId, depth: usize) -> Result<Value, Error> {
        let node = &self.tree.nodes[id];
        self.count(&node.kind)?;
        match &node.kind {
            Kind::Scalar(scalar) => json_scalar(scalar),
            Kind::Alias(name, target) => {
                self.expand(id, name, |builder| builder.value(*target, depth))
            }
            Kind::Sequence(_) | Kind::Mapping(_) if depth >= MAX_DEPTH => Err(too_deep(node.line)),
            Kind::Sequence(items) => {
                let items = items.iter().map(|item| self.value(*item, depth + 1));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            Kind::Mapping(children) => {
                let mut fields = Map::new();
                self.fill(&mut fields, children, depth + 1)?;
                Ok(Value::Object(fields))
            }
        }
    }

    /// Puts the keys of a mapping into an object, which has some already if this is a merge.
    fn fill(
        &mut self,
        fields: &mut Map<String, Value>,
        children: &[NodeId],
        depth: usize,
    ) -> Result<(), Error> {
        for pair in children.chunks_exact(2) {
            let (key, value) = (pair[0], pair[1]);
            if self.is_merge(key) {
                self.merge(fields, value, depth)?;
                continue;
            }
            let key = self.key(key, depth)?;
            let read = self.value(value, depth)?;
            let name = key.name().map_err(|key| {
                let value = go_syntax(&read);
                Error::json(format!("unsupported map key of type: {key}, value: {value}"))
            })?;
            if fields.insert(name, read).is_some() && self.duplicates.len() < MAX_STRICT_ERRORS {
                let line = self.tree.nodes[value].line;
                let key = key.in_go_syntax();
                self.duplicates.push(format!("line {line}: key {key} already set in map"));
            }
        }
        Ok(())
    }

    fn is_merge(&self, key: NodeId) -> bool {
        let Kind::Scalar(scalar) = &self.tree.nodes[key].kind else {
            return false;
        };
        let tagged = scalar.tag.as_deref() == Some("tag:yaml.org,2002:merge");
        scalar.text == "<<" && (scalar.plain || tagged)
    }

    /// Merges a mapping, an alias of one, or a list of these of which the first takes precedence.
    fn merge(
        &mut self,
        fields: &mut Map<String, Value>,
        value: NodeId,
        depth: usize,
    ) -> Result<(), Error> {
        match &self.tree.nodes[value].kind {
            Kind::Sequence(items) => {
                items.iter().rev().try_for_each(|item| self.merge_one(fields, *item, depth))
            }
            _ => self.merge_one(fields, value, depth),
        }
    }

    fn merge_one(
        &mut self,
        fields: &mut Map<String, Value>,
        value: NodeId,
        depth: usize,
    ) -> Result<(), Error> {
        let node = &self.tree.nodes[value];
        // Merged mappings stand within each other without making the result any deeper.
        if depth >= MAX_DEPTH {
            return Err(too_deep(node.line));
        }
        self.count(&node.kind)?;
        match &node.kind {
            Kind::Mapping(children) => self.fill(fields, children, depth + 1),
            Kind::Alias(name, target) => match &self.tree.nodes[*target].kind {
                Kind::Mapping(children) => {
                    self.expand(value, name, |builder| builder.fill(fields, children, depth + 1))
                }
                _ => Err(not_a_map()),
            },
            _ => Err(not_a_map()),
        }
    }

    fn key(&mut self, id: NodeId, depth: usize) -> Result<Key<'a>, Error> {
        let node = &self.tree.nodes[id];
        self.count(&node.kind)?;
        match &node.kind {
            Kind::Scalar(scalar) => Key::new(scalar),
            Kind::Alias(name, target) => {
                self.expand(id, name, |builder| builder.key(*target, depth))
            }
            Kind::Sequence(_) | Kind::Mapping(_) => {
                let key = self.value(id, depth)?;
                Err(Error::yaml(format_args!("invalid map key: {}", go_syntax(&key))))
            }
        }
    }

    fn expand<T>(
        &mut self,
        alias: NodeId,
        name: &str,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.aliases.contains(&alias) {
            return Err(Error::yaml(format_args!("anchor '{name}' value contains itself")));
        }
        self.aliases.push(alias);
        let result = work(self);
        self.aliases.pop();
        result
    }

    /// Counts a node that is reached by way of an alias.
    fn count(&mut self, kind: &Kind) -> Result<(), Error> {
        if self.aliases.is_empty() {
            return Ok(());
        }
        self.aliased_nodes += 1;
        if let Kind::Scalar(scalar) = kind {
            self.aliased_bytes = self.aliased_bytes.saturating_add(scalar.text.len());
        }
        if self.aliased_nodes > MAX_ALIASED_NODES || self.aliased_bytes > MAX_ALIASED_BYTES {
            return Err(Error::yaml("document contains excessive aliasing"));
        }
        Ok(())
    }
}

fn not_a_map() -> Error {
    Error::yaml("map merge requires map or sequence of maps as the value")
}

fn resolve(scalar: &Scalar) -> Result<Resolved, Error> {
    match scalar.tag.as_deref() {
        Some(tag) if !tag.is_empty() => resolve::tagged(tag, &scalar.text).map_err(Error::yaml),
        _ if scalar.plain => Ok(resolve::plain(&scalar.text)),
        _ => Ok(Resolved::Text),
    }
}

/// The text of a scalar that is none of the other types; `!!binary` is what is encoded in it.
fn text(scalar: &Scalar) -> Result<String, Error> {
    if scalar.tag.as_deref() != Some("tag:yaml.org,2002:binary") {
        return Ok(scalar.text.clone());
    }
    // Go's decoder does not mind line breaks.
    let encoded: String = scalar.text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| Error::yaml("!!binary value contains invalid base64 data"))?;
    Ok(lossy(&bytes))
}

fn json_scalar(scalar: &Scalar) -> Result<Value, Error> {
    Ok(match resolve(scalar)? {
        Resolved::Null => Value::Null,
        Resolved::Bool(value) => value.into(),
        Resolved::Int(value) => value.into(),
        Resolved::Uint(value) => value.into(),
        Resolved::Float(value) => number::through_json(value)
            .map_err(|name| Error::json(format!("json: unsupported value: {name}")))?
            .into(),
        Resolved::Timestamp | Resolved::Text => text(scalar)?.into(),
    })
}

/// The key of a mapping before it has become a string.
struct Key<'a> {
    scalar: &'a Scalar,
    resolved: Resolved,
    text: String,
}

impl<'a> Key<'a> {
    fn new(scalar: &'a Scalar) -> Result<Self, Error> {
        Ok(Self { scalar, resolved: resolve(scalar)?, text: text(scalar)? })
    }

    /// The name of the field, or a description of a key that cannot be one.
    fn name(&self) -> Result<String, String> {
        match self.resolved {
            Resolved::Null => Err("%!s(<nil>), key: <nil>".to_owned()),
            Resolved::Uint(value) => Err(format!("uint64, key: {value:#x}")),
            Resolved::Bool(value) => Ok(value.to_string()),
            Resolved::Int(value) => Ok(value.to_string()),
            Resolved::Float(value) => Ok(number::as_key(value)),
            Resolved::Timestamp | Resolved::Text => Ok(self.text.clone()),
        }
    }

    fn in_go_syntax(&self) -> String {
        match self.resolved {
            Resolved::Null | Resolved::Uint(_) => self.scalar.text.clone(),
            Resolved::Bool(value) => value.to_string(),
            Resolved::Int(value) => value.to_string(),
            Resolved::Float(value) => number::in_go_syntax(value),
            Resolved::Timestamp | Resolved::Text => quote(&self.text),
        }
    }
}

/// A value as Go's `%#v` prints what `go-yaml` has made of it.
fn go_syntax(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Null => text.push_str("<nil>"),
        value => write_go_syntax(&mut text, value),
    }
    text
}

fn write_go_syntax(out: &mut String, value: &Value) {
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Null => write!(out, "interface {{}}(nil)"),
        Value::String(text) => write!(out, "{}", quote(text)),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(value) => write!(out, "{}", number::in_go_syntax(value)),
            None => write!(out, "{number}"),
        },
        Value::Bool(value) => write!(out, "{value}"),
        Value::Array(items) => {
            out.push_str("[]interface {}{");
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_go_syntax(out, item);
            }
            write!(out, "}}")
        }
        Value::Object(fields) => {
            out.push_str("map[interface {}]interface {}{");
            for (index, (name, value)) in fields.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                let _ = write!(out, "{}:", quote(name));
                write_go_syntax(out, value);
            }
            write!(out, "}}")
        }
    };
}

//! JSON values to YAML.

use super::number;
use super::order::sorted;
use super::scalar::{INDENT, Writer, is_simple_key};
use serde_json::{Map, Number, Value};

/// Writes a value as `sigs.k8s.io/yaml.Marshal` does, with a line feed at the end.
///
/// The recursion is as deep as the value; those that come from a parser of this crate are at most
/// [`MAX_DEPTH`](crate::json::MAX_DEPTH) deep.
///
/// ```
/// # use pintle_meta::yaml;
/// let value = serde_json::json!({"spec": {"ports": [80, "80"], "on": "yes"}, "log": "a\nb\n"});
/// assert_eq!(yaml::encode(&value), "\
/// log: |
///   a
///   b
/// spec:
///   \"on\": \"yes\"
///   ports:
///   - 80
///   - \"80\"
/// ");
/// ```
#[must_use]
pub fn encode(value: &Value) -> String {
    let mut encoder = Encoder { writer: Writer::new(), indent: None };
    encoder.node(value, false);
    encoder.writer.write_indent(0);
    encoder.writer.out
}

struct Encoder {
    writer: Writer,
    /// The indentation of the innermost collection, if there is one.
    indent: Option<usize>,
}

impl Encoder {
    /// Writes a value, which is perhaps that of a field.
    fn node(&mut self, value: &Value, field: bool) {
        match value {
            Value::Null => self.writer.literal("null"),
            Value::Bool(value) => self.writer.literal(if *value { "true" } else { "false" }),
            Value::Number(number) => self.writer.literal(&number_text(number)),
            Value::String(text) => self.writer.text(text, self.text_indent()),
            Value::Array(items) if items.is_empty() => self.writer.indicator("[]", true),
            Value::Object(fields) if fields.is_empty() => self.writer.indicator("{}", true),
            Value::Array(items) => self.array(items, field),
            Value::Object(fields) => self.object(fields),
        }
    }

    fn array(&mut self, items: &[Value], field: bool) {
        let outer = self.indent;
        // The items of a field stand right below its key, unless they begin on the same line.
        let below_key = field && !self.writer.indention;
        let indent = outer.map_or(0, |outer| if below_key { outer } else { outer + INDENT });
        self.indent = Some(indent);
        for item in items {
            self.writer.write_indent(indent);
            self.writer.block_indicator("-");
            self.node(item, false);
        }
        self.indent = outer;
    }

    fn object(&mut self, fields: &Map<String, Value>) {
        let outer = self.indent;
        let indent = outer.map_or(0, |outer| outer + INDENT);
        self.indent = Some(indent);
        for (name, value) in sorted(fields) {
            self.writer.write_indent(indent);
            if is_simple_key(name) {
                self.writer.key(name, true, self.text_indent());
                self.writer.indicator(":", false);
            } else {
                self.writer.block_indicator("?");
                self.writer.key(name, false, self.text_indent());
                self.writer.write_indent(indent);
                self.writer.block_indicator(":");
            }
            self.node(value, true);
        }
        self.indent = outer;
    }

    /// The indentation of the further lines of a text.
    fn text_indent(&self) -> usize {
        self.indent.unwrap_or(0) + INDENT
    }
}

/// A number the way it looks after having been JSON for a moment: `1.0` is `1` there.
fn number_text(number: &Number) -> String {
    let through_json = match number.as_f64().filter(|_| number.is_f64()) {
        Some(value) => number::through_json(value).unwrap_or_else(|_| number.clone()),
        None => number.clone(),
    };
    match through_json.as_f64().filter(|_| through_json.is_f64()) {
        Some(value) => number::shown(value),
        None => through_json.to_string(),
    }
}

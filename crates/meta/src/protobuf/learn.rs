//! The table of an author's type: names and types from its schema, numbers from the author.
//!
//! A field has the number of its place among the declared fields, unless it says another one with
//! `#[schemars(extend("x-protobuf-number" = 7))]`. Both kinds of numbers may stand side by side.

use super::order::{Names, Step, names};
use super::table::{Codec, Field, Message, Shape, Type};
use super::{access, known};
use crate::kind::schema;
use crate::object::Served;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

const NUMBER: &str = "x-protobuf-number";
/// The numbers that a field can have, and those that protocol buffers keep for themselves.
const NUMBERS: std::ops::RangeInclusive<u64> = 1..=0x1fff_ffff;
const RESERVED: std::ops::RangeInclusive<u64> = 19_000..=19_999;
/// Types may be nested this deep.
const DEPTH_MAX: usize = 64;

/// Works out the codec of a type.
///
/// # Errors
/// Where a field cannot be told in protocol buffers, or has no number; the text names it.
pub fn learn<T: Served>() -> Result<Codec, String> {
    if let Some(message) = access::message(&T::schema_name()) {
        return Ok(Codec::of(message));
    }
    let schema = schema::<T>();
    let mut learner = Learner {
        definitions: schema["components"]["schemas"].as_object(),
        names: names::<T>,
        own: Vec::new(),
        known: BTreeMap::new(),
    };
    let root = learner.message(&schema, &[], None)?;
    Ok(Codec { root, own: learner.own })
}

struct Learner<'a> {
    definitions: Option<&'a Map<String, Value>>,
    names: fn(&[Step]) -> Option<Names>,
    own: Vec<Message>,
    /// The messages of the definitions, by their names.
    known: BTreeMap<String, usize>,
}

/// A schema without the wrapping that says that it may be missing.
struct Bare<'a> {
    schema: &'a Value,
    /// The definition that it stands in.
    name: Option<&'a str>,
    optional: bool,
}

impl<'a> Learner<'a> {
    /// The message of an object's schema; `name` is that of its definition.
    fn message(
        &mut self,
        schema: &Value,
        path: &[Step],
        name: Option<&str>,
    ) -> Result<Type, String> {
        if let Some(position) = name.and_then(|name| self.known.get(name)) {
            return Ok(Type::Own(*position));
        }
        let position = self.own.len();
        self.own.push(Message { fields: Cow::Borrowed(&[]) });
        if let Some(name) = name {
            self.known.insert(name.to_owned(), position);
        }
        let is_root = path.is_empty();
        let variants = variants(schema);
        let properties = variants.clone().or_else(|| schema["properties"].as_object().cloned());
        let mut properties = properties.ok_or_else(|| at(path, "has no fields"))?;
        if is_root {
            // kube-derive leaves them out of its schemas, or says only that they are an object.
            properties.insert("metadata".to_owned(), Value::Null);
        }
        let declared = (self.names)(path).unwrap_or_default().iter();
        let declared: Vec<&str> = declared
            .filter(|name| properties.contains_key(**name))
            .filter(|name| !(is_root && matches!(**name, "apiVersion" | "kind")))
            .copied()
            .collect();
        let mut fields = Vec::new();
        for (name, schema) in &properties {
            if is_root && matches!(name.as_str(), "apiVersion" | "kind") {
                continue;
            }
            let path: Vec<Step> = path.iter().cloned().chain([Step::Field(name.clone())]).collect();
            let place = declared.iter().position(|declared| declared == name);
            let number = number(schema, place).map_err(|why| at(&path, &why))?;
            let (shape, of) = match is_root && name == "metadata" {
                true => (Shape::Plain, known::object_meta()),
                false => self.field(schema, &path)?,
            };
            let shape = if variants.is_some() { Shape::Optional } else { shape };
            fields.push(Field { name: Cow::Owned(name.clone()), number, shape, of });
        }
        fields.sort_by_key(|field| field.number);
        let mut seen = BTreeSet::new();
        if let Some(twice) = fields.iter().find(|field| !seen.insert(field.number)) {
            return Err(at(path, &format!("has the number {} twice", twice.number)));
        }
        self.own[position].fields = Cow::Owned(fields);
        Ok(Type::Own(position))
    }

    /// How often a field is there, and its type.
    fn field(&mut self, schema: &Value, path: &[Step]) -> Result<(Shape, Type), String> {
        let bare = self.bare(schema, path)?;
        let list = (type_of(bare.schema) == Some("array")).then(|| &bare.schema["items"]);
        if let Some(items) = list {
            let path = then(path, Step::Item);
            return Ok((Shape::List, self.one(items, &path)?));
        }
        if let (true, Some(values)) = (is_map(bare.schema), bare.schema.get("additionalProperties"))
        {
            let path = then(path, Step::Entry);
            return Ok((Shape::Map, self.one(values, &path)?));
        }
        let of = self.single(&bare, path)?;
        let shape = match of {
            _ if bare.optional => Shape::Optional,
            // Nothing and `null` are the same to JSON of any form.
            Type::Json => Shape::Optional,
            _ => Shape::Plain,
        };
        Ok((shape, of))
    }

    /// The type of an item of a list or of a value of a map.
    fn one(&mut self, schema: &Value, path: &[Step]) -> Result<Type, String> {
        let bare = self.bare(schema, path)?;
        if type_of(bare.schema) == Some("array") {
            let items = self.bare(&bare.schema["items"], path)?;
            return match type_of(items.schema) == Some("string") {
                true => Ok(Type::Texts),
                false => Err(at(path, "is a list in a list or a map, which only texts can be")),
            };
        }
        if bare.optional {
            return Err(at(path, "may be null in a list or a map"));
        }
        if is_map(bare.schema) {
            return Err(at(path, "is a map in a list or a map"));
        }
        self.single(&bare, path)
    }

    fn single(&mut self, bare: &Bare<'_>, path: &[Step]) -> Result<Type, String> {
        if let Some(name) = bare.name {
            if let Some(known) = known::type_of(name) {
                return Ok(known);
            }
            if name.starts_with("io.k8s.") && bare.schema["properties"].is_object() {
                return Err(at(path, &format!("is {name}, whose numbers are not known")));
            }
        }
        let schema = bare.schema;
        if schema["x-kubernetes-int-or-string"] == true {
            return Ok(Type::IntOrString);
        }
        let format = schema["format"].as_str().unwrap_or_default();
        match type_of(schema) {
            Some("boolean") => Ok(Type::Bool),
            Some("integer") if format.starts_with("uint") => Ok(Type::Unsigned),
            Some("integer") => Ok(Type::Integer),
            Some("number") if format == "float" => Ok(Type::Float),
            Some("number") => Ok(Type::Double),
            Some("string") if format == "byte" => Ok(Type::Bytes),
            Some("string") => Ok(Type::Text),
            _ if schema["properties"].is_object() => self.message(schema, path, bare.name),
            _ if variants(schema).is_some() => self.message(schema, path, bare.name),
            _ if is_text(schema) => Ok(Type::Text),
            Some("object") | None if is_free(schema) => Ok(Type::Json),
            _ => Err(at(path, "has no form in protocol buffers")),
        }
    }

    /// Follows references, and takes off what only says that a value may be missing.
    fn bare<'s>(&self, schema: &'s Value, path: &[Step]) -> Result<Bare<'s>, String>
    where
        'a: 's,
    {
        let mut bare = Bare { schema, name: None, optional: false };
        for _ in 0..DEPTH_MAX {
            bare.optional |= bare.schema["nullable"] == true || is_nullable(bare.schema);
            let lists = ["anyOf", "oneOf", "allOf"].iter();
            let only = lists.filter_map(|key| bare.schema[*key].as_array()).find_map(|all| {
                let rest: Vec<&Value> = all.iter().filter(|one| !is_null(one)).collect();
                bare.optional |= rest.len() < all.len();
                <[&Value; 1]>::try_from(rest).ok()
            });
            if let Some(name) = bare.schema["$ref"].as_str().and_then(|r| r.rsplit('/').next()) {
                let definition = self.definitions.and_then(|all| all.get(name));
                bare.schema = definition.ok_or_else(|| at(path, "refers to nothing"))?;
                bare.name = Some(name);
            } else if let Some([only]) = only {
                bare.schema = only;
            } else {
                return Ok(bare);
            }
        }
        Err(at(path, "refers to itself"))
    }
}

fn then(path: &[Step], step: Step) -> Vec<Step> {
    path.iter().cloned().chain([step]).collect()
}

/// The number that the author has stated, or the place among the declared fields.
fn number(schema: &Value, place: Option<usize>) -> Result<u32, String> {
    let number = match (&schema[NUMBER], place) {
        (Value::Null, Some(place)) => place as u64 + 1,
        (Value::Null, None) => {
            return Err(format!(
                "has no number: its type does not tell the order of its fields, \
                so state one with #[schemars(extend({NUMBER:?} = …))]"
            ));
        }
        (stated, _) => stated.as_u64().unwrap_or_default(),
    };
    let fits = NUMBERS.contains(&number) && !RESERVED.contains(&number);
    let number = u32::try_from(number).ok().filter(|_| fits);
    number.ok_or_else(|| format!("has a number that no field can have: {}", schema[NUMBER]))
}

/// The variants of an enumeration that holds one of several values, each under its name.
fn variants(schema: &Value) -> Option<Map<String, Value>> {
    let all = schema["oneOf"].as_array()?;
    let mut variants = Map::new();
    for variant in all {
        let properties = variant["properties"].as_object()?;
        let (name, value) = properties.iter().next().filter(|_| properties.len() == 1)?;
        // A tag beside the fields of a variant is another way to write an enumeration.
        if value.get("const").is_some() || value.get("enum").is_some() {
            return None;
        }
        variants.insert(name.clone(), value.clone());
    }
    Some(variants)
}

/// The type of a schema beside `null`; nothing where it says none, `""` where it says several.
fn type_of(schema: &Value) -> Option<&str> {
    match &schema["type"] {
        Value::String(name) => Some(name),
        Value::Array(names) => {
            let mut names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.next().map(|name| if names.next().is_none() { name } else { "" })
        }
        _ => None,
    }
}

fn is_nullable(schema: &Value) -> bool {
    schema["type"].as_array().is_some_and(|names| names.iter().any(|name| name == "null"))
}

fn is_map(schema: &Value) -> bool {
    let values = schema.get("additionalProperties").is_some_and(|v| *v != Value::Bool(false));
    values && !schema["properties"].is_object()
}

/// Whether every value is a text: an enumeration of names.
fn is_text(schema: &Value) -> bool {
    let texts = |all: &Value| all.as_array().is_some_and(|all| all.iter().all(Value::is_string));
    let is = |one: &Value| {
        one["const"].is_string() || texts(&one["enum"]) || type_of(one) == Some("string")
    };
    is(schema) || schema["oneOf"].as_array().is_some_and(|all| all.iter().all(is))
}

fn is_free(schema: &Value) -> bool {
    ["oneOf", "anyOf", "allOf", "enum", "const"].iter().all(|key| schema.get(key).is_none())
}

fn is_null(schema: &Value) -> bool {
    schema["type"] == "null" || schema["enum"] == Value::Array(vec![Value::Null])
}

fn at(path: &[Step], why: &str) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Field(name) if text.is_empty() => text.push_str(name),
            Step::Field(name) => text.extend([".", name]),
            Step::Item | Step::Entry => text.push_str("[]"),
        }
    }
    let text = if text.is_empty() { "the object" } else { &text };
    format!("{text} {why}")
}

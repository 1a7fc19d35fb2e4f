//! Reading an object without its managed fields.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// Reads an object from JSON, but for its `metadata.managedFields`: of an object that is applied they
/// may be the larger part, and who works with [`Managed`](super::Managed) has them already.
///
/// # Errors
/// Where the text is no JSON, or no object.
///
/// ```
/// let text = br#"{"metadata": {"name": "a", "managedFields": [{}]}, "spec": {}}"#;
/// let object = pintle_meta::managed::document(text)?;
/// assert_eq!(object, serde_json::json!({"metadata": {"name": "a"}, "spec": {}}));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn document(text: &[u8]) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let object = Without(&["metadata", "managedFields"]).deserialize(&mut reader)?;
    reader.end()?;
    Ok(object)
}

/// Reads an object without the field at this path.
struct Without<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Without<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Without<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = match self.0 {
                [last] if *last == name => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                [first, rest @ ..] if *first == name => map.next_value_seed(Without(rest))?,
                _ => map.next_value()?,
            };
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

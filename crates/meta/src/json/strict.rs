//! The findings of strict decoding, in the order in which a Go server reports them.

use super::{MAX_STRICT_ERRORS, quote};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// One finding of strict decoding; its text is what the client sees.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Strict {
    /// A field that the type does not have, by its path.
    Unknown(String),
    /// A field that stands more than once in its object, by its path.
    Duplicate(String),
    /// What the YAML reader found, in its own words.
    Yaml(String),
}

impl fmt::Display for Strict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(path) => write!(f, "unknown field {}", quote(path)),
            Self::Duplicate(path) => write!(f, "duplicate field {}", quote(path)),
            Self::Yaml(text) => f.write_str(text),
        }
    }
}

/// Merges unknown and duplicate fields into one list in the order of the JSON document.
///
/// Within an unknown field nothing further is reported. Unknown fields that do not occur in the
/// text come last. At most [`MAX_STRICT_ERRORS`] are returned, as `sigs.k8s.io/json` has it.
///
/// ```
/// # use pintle_meta::json::in_document_order;
/// let text = br#"{"b":1,"a":2,"a":3}"#;
/// let found = in_document_order(text, &["b".to_owned()], &["a".to_owned()]);
/// let found: Vec<String> = found.iter().map(ToString::to_string).collect();
/// assert_eq!(found, [r#"unknown field "b""#, r#"duplicate field "a""#]);
/// ```
#[must_use]
pub fn in_document_order(text: &[u8], unknown: &[String], duplicates: &[String]) -> Vec<Strict> {
    let mut walk = Walk {
        unknown: unknown.iter().map(String::as_str).collect(),
        duplicates: duplicates.iter().map(String::as_str).collect(),
        path: String::new(),
        found: Vec::new(),
    };
    if duplicates.is_empty() && unknown.len() < 2 {
        walk.found.extend(unknown.iter().cloned().map(Strict::Unknown));
        return walk.found;
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    // A text that cannot be read has been refused long before; what was found still counts.
    let _ = Step(&mut walk).deserialize(&mut reader);
    for path in unknown {
        walk.report(Strict::Unknown(path.clone()));
    }
    walk.found
}

/// What is still looked for, where the reader stands, and what was found.
struct Walk<'a> {
    unknown: HashSet<&'a str>,
    duplicates: HashSet<&'a str>,
    path: String,
    found: Vec<Strict>,
}

impl Walk<'_> {
    /// Adds a finding once, up to the limit, which also bounds the search for an earlier one.
    fn report(&mut self, finding: Strict) {
        if self.found.len() < MAX_STRICT_ERRORS && !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }
}

struct Step<'w, 'a>(&'w mut Walk<'a>);

impl<'de> DeserializeSeed<'de> for Step<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Step<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        use fmt::Write as _;
        let parent = self.0.path.len();
        for index in 0_usize.. {
            // Writing to a string cannot fail.
            let _ = write!(self.0.path, "[{index}]");
            let item = items.next_element_seed(Step(self.0))?;
            self.0.path.truncate(parent);
            if item.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let parent = self.0.path.len();
        let mut once = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            if parent > 0 {
                self.0.path.push('.');
            }
            self.0.path.push_str(&name);
            let path = self.0.path.as_str();
            let known = !self.0.unknown.contains(path);
            if known {
                if self.0.duplicates.contains(path) && !once.insert(name) {
                    let finding = Strict::Duplicate(path.to_owned());
                    self.0.report(finding);
                }
                fields.next_value_seed(Step(self.0))?;
            } else {
                let finding = Strict::Unknown(path.to_owned());
                self.0.report(finding);
                fields.next_value::<IgnoredAny>()?;
            }
            self.0.path.truncate(parent);
        }
        Ok(())
    }
}

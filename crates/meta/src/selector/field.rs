//! Field selectors, in the syntax of apimachinery's `fields.ParseSelector`.

use super::check_length;
use crate::json::quote;
use std::fmt;
use std::str::FromStr;

/// Which values a few named fields of an object must have; every term has to hold.
///
/// The default selector selects everything. A field that an object does not have counts as empty.
///
/// ```
/// use pintle_meta::selector::FieldSelector;
///
/// let selector = FieldSelector::parse("status.phase!=Running,metadata.name==a").unwrap();
/// assert_eq!(selector.to_string(), "metadata.name=a,status.phase!=Running");
/// assert_eq!(selector.requires_exact("metadata.name"), Some("a"));
/// assert!(selector.matches(|field| (field == "metadata.name").then_some("a")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<FieldTerm>);

/// One condition on one field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldTerm {
    /// The field, for example `metadata.name`.
    pub field: String,
    /// Whether the field must not have the value (`!=`).
    pub negated: bool,
    /// The value, without escapes.
    pub value: String,
}

impl FieldSelector {
    /// Parses the query parameter `fieldSelector`; the empty string selects everything.
    ///
    /// Whether the kind knows the fields is asked apart, with [`check_known`](Self::check_known).
    ///
    /// # Errors
    /// The words of `fields.ParseSelector`, which the server answers as 400.
    pub fn parse(selector: &str) -> Result<Self, String> {
        check_length(selector)?;
        let mut parts = split_terms(selector);
        // Sorted before they are read: of several wrong terms Go reports the first in this order.
        parts.sort_unstable();
        let mut terms = Vec::with_capacity(parts.len());
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            let (field, negated, value) = split_term(part).ok_or_else(|| {
                format!("invalid selector: '{selector}'; can't understand '{part}'")
            })?;
            let (field, value) = (field.to_owned(), unescape(value)?);
            // A lone operator says nothing, and Go lets it pass as nothing.
            if !(field.is_empty() && value.is_empty()) {
                terms.push(FieldTerm { field, negated, value });
            }
        }
        terms.sort_by_cached_key(ToString::to_string);
        Ok(Self(terms))
    }

    /// The selector of one field that must have one value.
    #[must_use]
    pub fn equal(field: impl Into<String>, value: impl Into<String>) -> Self {
        Self(vec![FieldTerm { field: field.into(), negated: false, value: value.into() }])
    }

    /// Whether an object with these fields is selected.
    #[inline]
    pub fn matches<'a>(&self, fields: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|term| {
            let value = fields(&term.field).unwrap_or_default();
            (value == term.value) != term.negated
        })
    }

    /// Whether every object is selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The value that the field must have, where the selector says one.
    ///
    /// A list with `metadata.name=a` is the read of a single key.
    #[must_use]
    pub fn requires_exact(&self, field: &str) -> Option<&str> {
        let term = self.0.iter().find(|term| !term.negated && term.field == field)?;
        Some(&term.value)
    }

    /// The conditions, sorted.
    #[must_use]
    pub fn terms(&self) -> &[FieldTerm] {
        &self.0
    }

    /// Checks that the selector asks only for fields that the kind knows.
    ///
    /// # Errors
    /// `"spec.image" is not a known field selector: only "metadata.name", "metadata.namespace"`,
    /// which the server answers as 400.
    pub fn check_known(&self, known: &[&str]) -> Result<(), String> {
        let Some(term) = self.0.iter().find(|term| !known.contains(&term.field.as_str())) else {
            return Ok(());
        };
        let known: Vec<String> = known.iter().map(|field| quote(field)).collect();
        let field = quote(&term.field);
        Err(format!("{field} is not a known field selector: only {}", known.join(", ")))
    }
}

impl FromStr for FieldSelector {
    type Err = String;

    fn from_str(selector: &str) -> Result<Self, String> {
        Self::parse(selector)
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, term) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{term}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = if self.negated { "!=" } else { "=" };
        write!(f, "{}{operator}", self.field)?;
        for c in self.value.chars() {
            if matches!(c, '\\' | ',' | '=') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

/// Splits at commas that no backslash precedes; escapes stay as they are.
fn split_terms(selector: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (i, c) in selector.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&selector[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    terms.push(&selector[start..]);
    terms
}

/// Splits at the first operator; fields know no escapes.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let equals = term.find('=')?;
    let (field, value) = (&term[..equals], &term[equals + 1..]);
    match field.strip_suffix('!') {
        Some(field) => Some((field, true, value)),
        None => Some((field, false, value.strip_prefix('=').unwrap_or(value))),
    }
}

fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => out.push(escaped),
                Some(other) => {
                    return Err(format!(
                        "invalid field selector: invalid escape sequence: \\{other}"
                    ));
                }
                None => {
                    return Err("invalid field selector: invalid escape sequence: \\".to_owned());
                }
            },
            // Go prints the number of the character here.
            ',' | '=' => {
                return Err(format!(
                    "invalid field selector: unescaped character in value: {}",
                    u32::from(c)
                ));
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

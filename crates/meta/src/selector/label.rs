//! Label selectors, in the syntax of apimachinery's `labels.Parse`.

use super::{check_length, parser};
use crate::FieldErrors;
use crate::validation::{is_qualified_name, is_valid_label_value};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Which labels an object must have and must not have; every requirement has to hold.
///
/// The default selector selects everything. It prints in Kubernetes' canonical form: requirements
/// sorted by key, the values of a set sorted.
///
/// ```
/// use pintle_meta::selector::LabelSelector;
///
/// let selector = LabelSelector::parse("tier notin (front, back), app=web").unwrap();
/// assert_eq!(selector.to_string(), "app=web,tier notin (back,front)");
/// assert!(selector.matches(|key| (key == "app").then_some("web")));
/// assert!(!selector.matches(|_| None));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

/// One condition on one label.
///
/// Authorizers and webhooks read it; it is made by parsing, so it is always well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    /// Sorted, each once.
    values: Vec<String>,
    /// The value of `>` and `<`.
    number: i64,
}

/// How a [`Requirement`] relates a label to its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `key in (a,b)`: the label is there and has one of the values.
    In,
    /// `key notin (a,b)`: the label is not there or has another value.
    NotIn,
    /// `key=a`: the label is there and has the value.
    Equals,
    /// `key==a`: the same.
    DoubleEquals,
    /// `key!=a`: the label is not there or has another value.
    NotEquals,
    /// `key`: the label is there.
    Exists,
    /// `!key`: the label is not there.
    DoesNotExist,
    /// `key>1`: the label is an integer above the value.
    GreaterThan,
    /// `key<1`: the label is an integer below the value.
    LessThan,
}

impl LabelSelector {
    /// Parses the query parameter `labelSelector`; the empty string selects everything.
    ///
    /// # Errors
    /// The words of `labels.Parse`, which the server answers as 400.
    pub fn parse(selector: &str) -> Result<Self, String> {
        check_length(selector)?;
        Ok(parser::parse(selector)?.into_iter().collect())
    }

    /// Whether an object with these labels is selected.
    #[inline]
    pub fn matches<'a>(&self, labels: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels(&requirement.key)))
    }

    /// Whether every object is selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The conditions, sorted by key.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.0
    }
}

impl FromIterator<Requirement> for LabelSelector {
    fn from_iter<T: IntoIterator<Item = Requirement>>(requirements: T) -> Self {
        let mut requirements: Vec<Requirement> = requirements.into_iter().collect();
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self(requirements)
    }
}

impl Requirement {
    /// A requirement, checked.
    ///
    /// # Errors
    /// What is wrong with it, in the words of `labels.NewRequirement`.
    pub fn new(
        key: impl Into<String>,
        operator: Operator,
        mut values: Vec<String>,
    ) -> Result<Self, String> {
        let key = key.into();
        values.sort_unstable();
        values.dedup();
        let mut errors = FieldErrors::new();
        check_key(&key, "key", &mut errors);
        let number = check_values(&key, operator, &values, &mut errors);
        if !errors.is_empty() {
            return Err(errors.to_string());
        }
        Ok(Self { key, operator, values, number })
    }

    /// The key of the label.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How label and values relate.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values, sorted, each once; none for `Exists` and `DoesNotExist`.
    #[must_use]
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Whether the label, `None` where the object has none, meets the requirement.
    #[inline]
    #[must_use]
    pub fn matches(&self, label: Option<&str>) -> bool {
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => {
                label.is_some_and(|value| self.has(value))
            }
            Operator::NotIn | Operator::NotEquals => label.is_none_or(|value| !self.has(value)),
            Operator::Exists => label.is_some(),
            Operator::DoesNotExist => label.is_none(),
            Operator::GreaterThan => self.compare(label) == Some(Ordering::Greater),
            Operator::LessThan => self.compare(label) == Some(Ordering::Less),
        }
    }

    fn has(&self, value: &str) -> bool {
        match self.values.as_slice() {
            [only] => only == value,
            many => many.binary_search_by(|each| each.as_str().cmp(value)).is_ok(),
        }
    }

    fn compare(&self, label: Option<&str>) -> Option<Ordering> {
        Some(label?.parse::<i64>().ok()?.cmp(&self.number))
    }
}

impl Operator {
    /// The operator as Kubernetes names it (`in`, `=`, `exists`, `gt`, …).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::NotIn => "notin",
            Self::Equals => "=",
            Self::DoubleEquals => "==",
            Self::NotEquals => "!=",
            Self::Exists => "exists",
            Self::DoesNotExist => "!",
            Self::GreaterThan => "gt",
            Self::LessThan => "lt",
        }
    }
}

impl FromStr for LabelSelector {
    type Err = String;

    fn from_str(selector: &str) -> Result<Self, String> {
        Self::parse(selector)
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, requirement) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(f, "{comma}{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, values) = (&self.key, self.values.join(","));
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Exists => f.write_str(key),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

pub(super) fn check_key(key: &str, field: &str, errors: &mut FieldErrors) {
    let found = is_qualified_name(key);
    if !found.is_empty() {
        errors.invalid(field, key, found.join("; "));
    }
}

/// Checks number and form of the values; gives the integer of `>` and `<`.
fn check_values(key: &str, operator: Operator, values: &[String], errors: &mut FieldErrors) -> i64 {
    let shown = serde_json::Value::from(values);
    let mut number = 0;
    match operator {
        Operator::In | Operator::NotIn if values.is_empty() => {
            errors.invalid(
                "values",
                shown,
                "for 'in', 'notin' operators, values set can't be empty",
            );
        }
        Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if values.len() != 1 => {
            errors.invalid("values", shown, "exact-match compatibility requires one single value");
        }
        Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
            let why = "values set must be empty for exists and does not exist";
            errors.invalid("values", shown, why);
        }
        Operator::GreaterThan | Operator::LessThan => {
            if values.len() != 1 {
                let why = "for 'Gt', 'Lt' operators, exactly one value is required";
                errors.invalid("values", shown, why);
            }
            for (i, value) in values.iter().enumerate() {
                match value.parse() {
                    Ok(parsed) => number = parsed,
                    Err(_) => errors.invalid(
                        format!("values[{i}]"),
                        value,
                        "for 'Gt', 'Lt' operators, the value must be an integer",
                    ),
                }
            }
        }
        _ => {}
    }
    for (i, value) in values.iter().enumerate() {
        let found = is_valid_label_value(value);
        if !found.is_empty() {
            errors.invalid(format!("values[{i}][{key}]"), value, found.join("; "));
        }
    }
    number
}

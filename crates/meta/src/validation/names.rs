//! What a name, a label key or a label value may look like.
//!
//! Each function gives what is wrong with the text, in the words of apimachinery's
//! `util/validation`; an empty list says that nothing is. The regular expressions are quoted in
//! the messages and checked by hand: the rules are small, and lists check them in bulk.

use std::borrow::Cow;

/// The longest DNS label, in bytes (RFC 1123).
pub const DNS1123_LABEL_MAX_BYTES: usize = 63;
/// The longest DNS subdomain, in bytes (RFC 1123).
pub const DNS1123_SUBDOMAIN_MAX_BYTES: usize = 253;
/// The longest DNS label, in bytes (RFC 1035).
pub const DNS1035_LABEL_MAX_BYTES: usize = 63;
/// The longest name part of a qualified name, in bytes; its prefix is a subdomain.
pub const QUALIFIED_NAME_MAX_BYTES: usize = 63;
/// The longest value of a label, in bytes.
pub const LABEL_VALUE_MAX_BYTES: usize = 63;

macro_rules! qualified_name_form {
    () => {
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
         alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
         validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
    };
}

const DNS1123_LABEL_FORM: &str = "a lowercase RFC 1123 label must consist of lower case \
    alphanumeric characters or '-', and must start and end with an alphanumeric character \
    (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS1123_SUBDOMAIN_FORM: &str = "a lowercase RFC 1123 subdomain must consist of lower case \
    alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character \
    (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS1035_LABEL_FORM: &str = "a DNS-1035 label must consist of lower case alphanumeric \
    characters or '-', start with an alphabetic character, and end with an alphanumeric character \
    (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const NAME_PART_FORM: &str = concat!("name part ", qualified_name_form!());
const QUALIFIED_NAME_FORM: &str = concat!(
    "a valid label key ",
    qualified_name_form!(),
    " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
);
const LABEL_VALUE_FORM: &str = "a valid label must be an empty string or consist of alphanumeric \
    characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. \
    'MyValue',  or 'my_value',  or '12345', regex used for validation is \
    '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What the names of a kind may look like.
///
/// ```
/// use pintle_meta::validation::NameRule;
///
/// assert!(NameRule::PathSegment.validate("Bad_Name", false).is_empty());
/// assert_eq!(NameRule::PathSegment.validate("..", false), ["may not be '..'"]);
/// assert!(!NameRule::Dns1123Label.validate("web-", false).is_empty());
/// assert!(NameRule::Dns1123Label.validate("web-", true).is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NameRule {
    /// Whatever can be a segment of a path: what the library asks of every kind.
    #[default]
    PathSegment,
    /// A DNS subdomain, as custom resources and most kinds of Kubernetes have it.
    Dns1123Subdomain,
    /// A DNS label, as namespaces have it.
    Dns1123Label,
    /// A DNS label that starts with a letter, as services have it.
    Dns1035Label,
}

impl NameRule {
    /// What is wrong with a name or, with `prefix`, with a `generateName` that will be added to.
    #[must_use]
    pub fn validate(self, name: &str, prefix: bool) -> Vec<String> {
        let masked = if prefix { mask_trailing_dash(name) } else { Cow::Borrowed(name) };
        match self {
            Self::PathSegment if prefix => is_path_segment_prefix(name),
            Self::PathSegment => is_path_segment_name(name),
            Self::Dns1123Subdomain => is_dns1123_subdomain(&masked),
            Self::Dns1123Label => is_dns1123_label(&masked),
            Self::Dns1035Label => is_dns1035_label(&masked),
        }
    }
}

/// Whether a text is a DNS label (RFC 1123): `web-1`.
#[must_use]
pub fn is_dns1123_label(value: &str) -> Vec<String> {
    let mut found = over(value, DNS1123_LABEL_MAX_BYTES, "characters");
    if !dns1123_label(value) {
        // The length is said already, so what a subdomain has more than a label must be dots.
        let why =
            if dns1123_subdomain(value) { "must not contain dots" } else { DNS1123_LABEL_FORM };
        found.push(why.to_owned());
    }
    found
}

/// Whether a text is a DNS subdomain (RFC 1123): `web.example.com`.
#[must_use]
pub fn is_dns1123_subdomain(value: &str) -> Vec<String> {
    subdomain(value, "characters")
}

fn subdomain(value: &str, unit: &str) -> Vec<String> {
    let mut found = over(value, DNS1123_SUBDOMAIN_MAX_BYTES, unit);
    if !dns1123_subdomain(value) {
        found.push(DNS1123_SUBDOMAIN_FORM.to_owned());
    }
    found
}

/// Whether a text is a DNS label that starts with a letter (RFC 1035): `web-1`.
#[must_use]
pub fn is_dns1035_label(value: &str) -> Vec<String> {
    let mut found = over(value, DNS1035_LABEL_MAX_BYTES, "characters");
    if !(dns1123_label(value) && value.starts_with(|c: char| c.is_ascii_lowercase())) {
        found.push(DNS1035_LABEL_FORM.to_owned());
    }
    found
}

/// Whether a text is a qualified name, as the keys of labels and annotations and the names of
/// finalizers are: `tier` or `example.com/tier`.
#[must_use]
pub fn is_qualified_name(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let name = match value.split_once('/') {
        None => value,
        Some((_, name)) if name.contains('/') => return vec![QUALIFIED_NAME_FORM.to_owned()],
        Some(("", name)) => {
            found.push("prefix part must be non-empty".to_owned());
            name
        }
        Some((prefix, name)) => {
            let wrong = subdomain(prefix, "bytes");
            found.extend(wrong.into_iter().map(|why| format!("prefix part {why}")));
            name
        }
    };
    if name.is_empty() {
        found.push("name part must be non-empty".to_owned());
    }
    let long = over(name, QUALIFIED_NAME_MAX_BYTES, "bytes");
    found.extend(long.into_iter().map(|why| format!("name part {why}")));
    if !name_part(name) {
        found.push(NAME_PART_FORM.to_owned());
    }
    found
}

/// Whether a text can be the value of a label; the empty one can.
#[must_use]
pub fn is_valid_label_value(value: &str) -> Vec<String> {
    let mut found = over(value, LABEL_VALUE_MAX_BYTES, "bytes");
    if !(value.is_empty() || name_part(value)) {
        found.push(LABEL_VALUE_FORM.to_owned());
    }
    found
}

/// Whether a name can be a segment of a path. Empty names are not this rule's business.
#[must_use]
pub fn is_path_segment_name(name: &str) -> Vec<String> {
    match name {
        "." | ".." => vec![format!("may not be '{name}'")],
        _ => is_path_segment_prefix(name),
    }
}

/// Whether a text can begin a name that is a segment of a path.
#[must_use]
pub fn is_path_segment_prefix(name: &str) -> Vec<String> {
    let forbidden = ['/', '%'].into_iter().filter(|c| name.contains(*c));
    forbidden.map(|c| format!("may not contain '{c}'")).collect()
}

/// A prefix may end in a dash; Kubernetes then judges it without its last two characters and
/// with an `a` instead, so it must be so here for the same prefixes to pass.
fn mask_trailing_dash(name: &str) -> Cow<'_, str> {
    match name.strip_suffix('-') {
        // A last character of several bytes is wrong in every rule that masks.
        Some(rest) if rest.ends_with(|c: char| c.is_ascii()) => {
            Cow::Owned(format!("{}a", &rest[..rest.len() - 1]))
        }
        _ => Cow::Borrowed(name),
    }
}

/// Kubernetes counts bytes and, in its older messages, calls them characters.
fn over(value: &str, limit: usize, unit: &str) -> Vec<String> {
    if value.len() <= limit {
        return Vec::new();
    }
    vec![format!("must be no more than {limit} {unit}")]
}

fn dns1123_label(value: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !value.is_empty()
        && value.bytes().all(inner)
        && !value.starts_with('-')
        && !value.ends_with('-')
}

fn dns1123_subdomain(value: &str) -> bool {
    value.split('.').all(dns1123_label)
}

fn name_part(value: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let ends = |c: char| c.is_ascii_alphanumeric();
    value.bytes().all(inner) && value.starts_with(ends) && value.ends_with(ends)
}

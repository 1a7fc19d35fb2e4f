//! The formats of strings that Kubernetes checks.
//!
//! They are those of
//! [custom resources](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation);
//! another format says something to readers and is not checked.

use crate::quantity::Quantity;
use crate::validation::NameRule;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::civil::Date;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A format that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Byte,
    Cidr,
    Date,
    DateTime,
    Duration,
    Email,
    HexColor,
    Hostname,
    Ipv4,
    Ipv6,
    LongName,
    Mac,
    Quantity,
    ShortName,
    Uri,
    Uuid(Option<char>),
}

impl Format {
    /// The format of a name, where it is one that is checked.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "byte" => Self::Byte,
            "cidr" => Self::Cidr,
            "date" => Self::Date,
            "date-time" | "datetime" => Self::DateTime,
            "duration" => Self::Duration,
            "email" => Self::Email,
            "hexcolor" => Self::HexColor,
            "hostname" => Self::Hostname,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "k8s-long-name" => Self::LongName,
            "k8s-short-name" => Self::ShortName,
            "mac" => Self::Mac,
            "quantity" => Self::Quantity,
            "uri" => Self::Uri,
            "uuid" => Self::Uuid(None),
            "uuid3" => Self::Uuid(Some('3')),
            "uuid4" => Self::Uuid(Some('4')),
            "uuid5" => Self::Uuid(Some('5')),
            _ => return None,
        })
    }

    /// The name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Byte => "byte",
            Self::Cidr => "cidr",
            Self::Date => "date",
            Self::DateTime => "date-time",
            Self::Duration => "duration",
            Self::Email => "email",
            Self::HexColor => "hexcolor",
            Self::Hostname => "hostname",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::LongName => "k8s-long-name",
            Self::Mac => "mac",
            Self::Quantity => "quantity",
            Self::ShortName => "k8s-short-name",
            Self::Uri => "uri",
            Self::Uuid(None) => "uuid",
            Self::Uuid(Some('3')) => "uuid3",
            Self::Uuid(Some('4')) => "uuid4",
            Self::Uuid(Some(_)) => "uuid5",
        }
    }

    /// Whether a text has the format.
    pub(crate) fn fits(self, text: &str) -> bool {
        match self {
            Self::Byte => BASE64_STANDARD.decode(text).is_ok(),
            Self::Cidr => is_cidr(text),
            Self::Date => text.len() == 10 && text.parse::<Date>().is_ok(),
            Self::DateTime => text.contains(['T', 't']) && text.parse::<jiff::Timestamp>().is_ok(),
            Self::Duration => duration(text).is_some(),
            Self::Email => is_email(text),
            Self::HexColor => {
                let digits = text.strip_prefix('#').unwrap_or(text);
                matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit())
            }
            Self::Hostname => is_hostname(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::LongName => NameRule::Dns1123Subdomain.validate(text, false).is_empty(),
            Self::Mac => is_mac(text),
            Self::Quantity => text.parse::<Quantity>().is_ok(),
            Self::ShortName => NameRule::Dns1123Label.validate(text, false).is_empty(),
            Self::Uri => is_uri(text),
            Self::Uuid(version) => is_uuid(text, version),
        }
    }
}

/// A duration as Go writes it, for example `1h30m` or `-1.5s`, in nanoseconds.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    let mut total: f64 = 0.0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "ns" => 1.0,
                "us" | "µs" | "μs" => 1e3,
                "ms" => 1e6,
                "s" => 1e9,
                "m" => 60e9,
                "h" => 3600e9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    let total = if negative { -total } else { total };
    (total.abs() < i64::MAX as f64).then_some(total.round() as i64)
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    let plain = !bits.is_empty() && bits.bytes().all(|b| b.is_ascii_digit());
    let bits = bits.parse::<u8>().ok().filter(|_| plain);
    match (address.parse::<IpAddr>(), bits) {
        (Ok(IpAddr::V4(_)), Some(bits)) => bits <= 32,
        (Ok(IpAddr::V6(_)), Some(bits)) => bits <= 128,
        _ => false,
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"@".contains(c);
    !local.is_empty()
        && !host.is_empty()
        && local.chars().all(plain)
        && host.chars().all(plain)
        && local.split('.').chain(host.split('.')).all(|part| !part.is_empty())
}

fn is_hostname(text: &str) -> bool {
    /// RFC 1034, section 3.1.
    const HOSTNAME_BYTES_MAX: usize = 255;
    const LABEL_BYTES_MAX: usize = 63;
    let fits = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= HOSTNAME_BYTES_MAX && text.split('.').all(fits)
}

fn is_mac(text: &str) -> bool {
    let parts: Vec<&str> = match () {
        () if text.contains(':') => text.split(':').collect(),
        () if text.contains('-') => text.split('-').collect(),
        () => {
            let digits =
                |part: &str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_hexdigit());
            return matches!(text.split('.').count(), 3 | 4 | 10) && text.split('.').all(digits);
        }
    };
    let digits = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    matches!(parts.len(), 6 | 8 | 20) && parts.iter().all(digits)
}

/// Whether a text is a URI as Go's `url.ParseRequestURI` takes one: absolute, or a path.
pub(crate) fn is_uri(text: &str) -> bool {
    if text.starts_with('/') {
        return !text.chars().any(|c| c.is_ascii_control() || c == ' ');
    }
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    named && !rest.is_empty() && !rest.chars().any(|c| c.is_ascii_control() || c == ' ')
}

/// Whether a text is a UUID; hyphens may be left out where all are.
pub(crate) fn is_uuid(text: &str, version: Option<char>) -> bool {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let at = |index: usize| digits[index..].chars().next().map(|c| c.to_ascii_lowercase());
    let hyphens: Vec<usize> = text.match_indices('-').map(|(at, _)| at).collect();
    let variant = matches!(version, Some('4' | '5'));
    digits.len() == 32
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
        && (hyphens.is_empty() || hyphens == [8, 13, 18, 23])
        && version.is_none_or(|version| at(12) == Some(version))
        && (!variant || matches!(at(16), Some('8' | '9' | 'a' | 'b')))
}

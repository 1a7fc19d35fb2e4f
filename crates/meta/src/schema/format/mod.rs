//! The formats of strings that Kubernetes checks.
//!
//! They are those of
//! [custom resources](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation),
//! and as lenient as Kubernetes is, which the tests have from the server of custom resources itself;
//! another format says something to readers and is not checked.

mod address;
mod email;
mod number;
mod time;
mod uri;

#[cfg(test)]
mod tests;

use crate::validation::NameRule;
#[cfg(feature = "cel")]
pub(crate) use time::duration;

/// A format as a schema names it.
#[derive(Debug)]
pub(crate) struct Declared {
    /// The name, which messages show as it is.
    pub(crate) name: String,
    pub(crate) format: Format,
}

/// A format that is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    BsonObjectId,
    Byte,
    Cidr,
    CreditCard,
    Date,
    DateTime,
    Duration,
    Email,
    HexColor,
    Hostname,
    Ipv4,
    Ipv6,
    Isbn,
    Isbn10,
    Isbn13,
    LongName,
    Mac,
    RgbColor,
    ShortName,
    Ssn,
    Uri,
    Uuid,
    Uuid3,
    Uuid4,
    Uuid5,
}

impl Declared {
    /// The format of a name, where it is one that is checked.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(Self { name: name.to_owned(), format: Format::of(name)? })
    }
}

impl Format {
    fn of(name: &str) -> Option<Self> {
        // Hyphens do not matter: `date-time` is `datetime`.
        Some(match name.replace('-', "").as_str() {
            "bsonobjectid" => Self::BsonObjectId,
            "byte" => Self::Byte,
            "cidr" => Self::Cidr,
            "creditcard" => Self::CreditCard,
            "date" => Self::Date,
            "datetime" => Self::DateTime,
            "duration" => Self::Duration,
            "email" => Self::Email,
            "hexcolor" => Self::HexColor,
            "hostname" => Self::Hostname,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "isbn" => Self::Isbn,
            "isbn10" => Self::Isbn10,
            "isbn13" => Self::Isbn13,
            "k8slongname" => Self::LongName,
            "k8sshortname" => Self::ShortName,
            "mac" => Self::Mac,
            "rgbcolor" => Self::RgbColor,
            "ssn" => Self::Ssn,
            "uri" => Self::Uri,
            "uuid" => Self::Uuid,
            "uuid3" => Self::Uuid3,
            "uuid4" => Self::Uuid4,
            "uuid5" => Self::Uuid5,
            _ => return None,
        })
    }

    /// Whether a text has the format.
    pub(crate) fn fits(self, text: &str) -> bool {
        match self {
            Self::BsonObjectId => text.len() == 24 && is_hex(text),
            Self::Byte => number::is_base64(text),
            Self::Cidr => address::is_cidr(text),
            Self::CreditCard => number::is_credit_card(text),
            Self::Date => time::is_date(text),
            Self::DateTime => time::is_date_time(text),
            Self::Duration => time::duration(text).is_some(),
            Self::Email => email::is_address(text),
            Self::HexColor => {
                let digits = text.strip_prefix('#').unwrap_or(text);
                matches!(digits.len(), 3 | 6) && is_hex(digits)
            }
            Self::Hostname => address::is_hostname(text),
            Self::Ipv4 => address::is_ipv4(text),
            Self::Ipv6 => address::is_ipv6(text),
            Self::Isbn => number::is_isbn10(text) || number::is_isbn13(text),
            Self::Isbn10 => number::is_isbn10(text),
            Self::Isbn13 => number::is_isbn13(text),
            Self::LongName => NameRule::Dns1123Subdomain.validate(text, false).is_empty(),
            Self::Mac => address::is_mac(text),
            Self::RgbColor => number::is_rgb_color(text),
            Self::ShortName => NameRule::Dns1123Label.validate(text, false).is_empty(),
            Self::Ssn => number::is_social_security_number(text),
            Self::Uri => uri::is_request_uri(text),
            Self::Uuid => number::is_uuid(text, None),
            Self::Uuid3 => number::is_uuid(text, Some('3')),
            Self::Uuid4 => number::is_uuid(text, Some('4')),
            Self::Uuid5 => number::is_uuid(text, Some('5')),
        }
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// White space as Go's patterns have it.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0c' | '\r')
}

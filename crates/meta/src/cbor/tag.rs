//! The tags that have a meaning: times, and bytes that are to be text later.

use super::Error;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;

pub(super) const DATE_TIME: u64 = 0;
pub(super) const EPOCH_TIME: u64 = 1;
pub(super) const POSITIVE_BIGNUM: u64 = 2;
pub(super) const NEGATIVE_BIGNUM: u64 = 3;
const LATER_BASE64URL: u64 = 21;
const LATER_BASE64: u64 = 22;
const LATER_BASE16: u64 = 23;

/// How byte strings become text: an "expected later encoding" holds for all that it encloses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Later {
    /// They are the text.
    Text,
    Base64Url,
    Base64,
    Base16,
}

impl Later {
    pub(super) fn of_tag(number: u64) -> Option<Self> {
        match number {
            LATER_BASE64URL => Some(Self::Base64Url),
            LATER_BASE64 => Some(Self::Base64),
            LATER_BASE16 => Some(Self::Base16),
            _ => None,
        }
    }

    pub(super) fn text(self, bytes: Vec<u8>) -> Result<String, Error> {
        Ok(match self {
            Self::Text => {
                let invalid = |_| Error::new("a byte string that is no UTF-8 has no form in JSON");
                return String::from_utf8(bytes).map_err(invalid);
            }
            Self::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
            Self::Base64 => STANDARD.encode(bytes),
            Self::Base16 => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

/// A tagged time as text.
pub(super) fn time(number: u64, content: &Value) -> Result<Value, Error> {
    let invalid = || Error::new(format_args!("cannot read {content} as a time (tag {number})"));
    let time = match (number, content) {
        (DATE_TIME, Value::String(text)) => {
            text.parse::<Timestamp>().map_err(|_| invalid())?;
            return Ok(content.clone());
        }
        (EPOCH_TIME, Value::Number(seconds)) => match (seconds.as_i64(), seconds.as_f64()) {
            (Some(seconds), _) => Timestamp::from_second(seconds).ok(),
            (None, Some(seconds)) => fraction(seconds),
            (None, None) => None,
        },
        _ => None,
    };
    time.map(|time| Value::String(time.to_string())).ok_or_else(invalid)
}

fn fraction(seconds: f64) -> Option<Timestamp> {
    const NANOSECONDS: f64 = 1e9;
    // A number that does not fit is cut, and then out of a time's range.
    let whole = seconds.floor();
    let nanoseconds = ((seconds - whole) * NANOSECONDS) as i32;
    Timestamp::new(whole as i64, nanoseconds).ok()
}

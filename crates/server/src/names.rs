//! What the server makes up itself: UIDs, generated names, times to the second.

use http::{HeaderMap, HeaderValue};
use jiff::{Timestamp, TimestampRound, Unit};
use ring::rand::{SecureRandom, SystemRandom};

/// The characters of generated name suffixes: no vowels, so that no words come out.
const SUFFIX_LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
const SUFFIX_CHARS: usize = 5;
/// A generated name has at most 63 characters, suffix included.
const BASE_CHARS_MAX: usize = 58;

/// A new UID: a random UUID, version 4 of [RFC 9562](https://www.rfc-editor.org/rfc/rfc9562).
pub(crate) fn uid() -> String {
    let mut bytes: [u8; 16] = random();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The client's own audit ID, or a new one.
pub(crate) fn audit_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get("audit-id").filter(|value| !value.is_empty()).cloned();
    given.unwrap_or_else(|| HeaderValue::from_str(&uid()).unwrap_or(HeaderValue::from_static("")))
}

/// A name made of a base and five random characters.
pub(crate) fn generate(base: &str) -> String {
    let mut name: String = base.chars().take(BASE_CHARS_MAX).collect();
    // Of 256 values 243 are nine times the alphabet: the few above are drawn again.
    let fair = |byte: &u8| usize::from(*byte) < 256 / SUFFIX_LETTERS.len() * SUFFIX_LETTERS.len();
    let mut left = SUFFIX_CHARS;
    while left > 0 {
        for byte in random::<16>().iter().filter(|byte| fair(byte)).take(left) {
            name.push(char::from(SUFFIX_LETTERS[usize::from(*byte) % SUFFIX_LETTERS.len()]));
            left -= 1;
        }
    }
    name
}

/// Whether something that happens with this chance happens now.
pub(crate) fn chance(chance: f64) -> bool {
    fraction() < chance
}

/// A number from 0 to less than 1.
pub(crate) fn fraction() -> f64 {
    f64::from(u32::from_ne_bytes(random())) / (f64::from(u32::MAX) + 1.0)
}

/// So many random bytes, as text.
pub(crate) fn hex<const N: usize>() -> String {
    random::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Random bytes.
///
/// # Panics
/// Where the system has no randomness to give: no UID could be unique then.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system gives randomness");
    bytes
}

/// The time to the second, as metadata has it.
pub(crate) fn whole_second(time: Timestamp) -> Timestamp {
    let round = TimestampRound::new().smallest(Unit::Second).mode(jiff::RoundMode::Floor);
    time.round(round).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_uuids_of_version_4() {
        let uid = uid();
        assert_eq!(uid.len(), 36);
        assert_eq!(&uid[14..15], "4");
        assert!(matches!(&uid[19..20], "8" | "9" | "a" | "b"), "{uid}");
    }

    #[test]
    fn generated_names_end_in_five_letters_and_fit() {
        let name = generate("gen-");
        assert_eq!(name.len(), 9);
        assert!(name[4..].bytes().all(|b| SUFFIX_LETTERS.contains(&b)), "{name}");
        assert_eq!(generate(&"x".repeat(100)).len(), 63);
    }
}

//! JSON, YAML and CBOR: what is read is written so that it reads the same.

use pintle_meta::{cbor, json, yaml};

/// JSON of a request body.
pub(super) fn json(data: &[u8]) -> bool {
    let parsed = match json::parse(data) {
        Ok(parsed) => parsed,
        Err(error) => {
            // The end of the text may be the mistake, and counts as a space behind it.
            assert!(error.offset() <= data.len() + 1, "the mistake is within the text");
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let compact = json::to_vec(&parsed.value).expect("a value can be written");
    let again = json::parse(&compact).expect("what is written can be read");
    // A fraction may come back as an integer: Go writes 1e9 as 1000000000.
    assert_eq!(json::to_vec(&again.value).expect("it can be written again"), compact);
    let pretty = json::to_vec_pretty(&parsed.value).expect("a value can be written");
    let same = json::parse(&pretty).expect("what is written can be read");
    assert_eq!(same.value, again.value, "spaces mean nothing");
    let unknown = [parsed.duplicates.first().cloned().unwrap_or_default(), "spec.x".to_owned()];
    let found = json::in_document_order(data, &unknown, &parsed.duplicates);
    assert!(found.len() <= unknown.len() + parsed.duplicates.len());
    true
}

/// YAML of a request body.
pub(super) fn yaml(data: &[u8]) -> bool {
    let parsed = match yaml::decode(data) {
        Ok(parsed) => parsed,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let written = yaml::encode(&parsed.value);
    let again = yaml::decode(written.as_bytes());
    let again = again.unwrap_or_else(|e| panic!("what is written can be read: {e}\n{written:?}"));
    assert_eq!(again.value, parsed.value, "{written:?}");
    let _ = yaml::strict(&parsed, &["a.b".to_owned()]);
    true
}

/// CBOR of a request body; also in hexadecimal digits, which seeds and their changes are in.
pub(super) fn cbor(data: &[u8]) -> bool {
    let bytes = unhexed(data).unwrap_or_else(|| data.to_vec());
    let value = match cbor::decode(&bytes) {
        Ok(value) => value,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    assert_eq!(cbor::first_length(&bytes), Some(bytes.len()), "it is one document");
    let written = cbor::encode(&value);
    assert!(cbor::is_cbor(&written));
    let again = cbor::decode(&written).expect("what is written can be read");
    assert_eq!(again, value, "nothing is lost");
    assert_eq!(cbor::encode(&again), written, "there is one way to write a value");
    let json = serde_json::to_vec(&value).expect("a value can be written");
    assert_eq!(cbor::from_json(&json), written, "JSON says the same");
    true
}

fn unhexed(data: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).map(|digit| digit as u8);
    let digits: Vec<u8> = data.iter().map(digit).collect::<Option<_>>()?;
    Some(
        digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect(),
    )
}

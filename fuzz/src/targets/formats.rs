//! JSON and YAML: what is read is written so that it reads the same.

use pintle_meta::{json, yaml};

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

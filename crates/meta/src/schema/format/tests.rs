//! Texts of each format, with what the server of custom resources of Kubernetes 0.37 made of them:
//! `asked.json` has its answers.

use super::{Declared, Format};
use proptest::prelude::*;
use serde_json::Value;

fn asked() -> Value {
    serde_json::from_str(include_str!("asked.json")).unwrap()
}

#[test]
fn formats_are_as_lenient_as_kubernetes() {
    let asked = asked();
    let asked = asked.as_object().unwrap();
    assert_eq!(asked.len(), 25);
    for (name, texts) in asked {
        let declared = Declared::of(name).unwrap_or_else(|| panic!("{name}"));
        let differ = |list: &str, want: bool| -> Vec<String> {
            let texts = texts[list].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
            let differ = texts.filter(|text| declared.format.fits(text) != want);
            differ.map(str::to_owned).collect()
        };
        let (refused, taken) = (differ("taken", true), differ("refused", false));
        assert!(refused.is_empty() && taken.is_empty(), "{name}: not {refused:?}, but {taken:?}");
    }
}

#[test]
fn names_of_formats() {
    for unchecked in ["int32", "password", "quantity", "unknown"] {
        assert!(Declared::of(unchecked).is_none(), "{unchecked}");
    }
    for (name, format) in [("date-time", Format::DateTime), ("hex-color", Format::HexColor)] {
        let declared = Declared::of(name).unwrap();
        assert_eq!((declared.name.as_str(), declared.format), (name, format));
    }
}

proptest! {
    /// No text is too strange for any format, and the same one gets the same verdict.
    #[test]
    fn any_text_gets_a_verdict(text in r#"[a-z0-9 :;@.,/%+\-\[\]()<>"=µé\\]{0,24}"#) {
        for name in asked().as_object().unwrap().keys() {
            let format = Declared::of(name).unwrap().format;
            prop_assert_eq!(format.fits(&text), format.fits(&text));
        }
    }
}

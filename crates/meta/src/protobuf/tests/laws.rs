//! What must hold for any value and for any bytes.

use super::{Zoo, zoo};
use crate::protobuf::{Codec, envelope, learn};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

static CODEC: LazyLock<Codec> = LazyLock::new(|| learn::<Zoo>().unwrap());

fn animals() -> impl Strategy<Value = Value> {
    let leaf =
        (".{0,4}", any::<i32>()).prop_map(|(name, legs)| json!({"name": name, "legs": legs}));
    leaf.prop_recursive(4, 16, 3, |inner| {
        (".{0,4}", any::<i32>(), vec(inner, 1..3))
            .prop_map(|(name, legs, young)| json!({"name": name, "legs": legs, "young": young}))
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        animals in vec(animals(), 1..4),
        by_name in btree_map("[a-z]{0,3}", animals(), 1..3),
        weights in vec(any::<i64>(), 1..5),
        big: u64,
        share in proptest::num::f64::NORMAL,
        second in -62_135_596_800_i64..253_402_300_800,
    ) {
        let mut value = zoo();
        let spec = &mut value["spec"];
        spec["animals"] = animals.into();
        spec["byName"] = json!(by_name);
        spec["weights"] = weights.into();
        spec["big"] = big.into();
        spec["share"] = share.into();
        let time = jiff::Timestamp::from_second(second).unwrap();
        spec["since"] = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into();
        let mut bytes = Vec::new();
        CODEC.write(&value, &mut bytes).unwrap();
        prop_assert_eq!(CODEC.read(&bytes).unwrap(), value);
    }

    #[test]
    fn a_cut_never_panics(cut in 0_usize..2000) {
        let mut bytes = Vec::new();
        CODEC.write(&zoo(), &mut bytes).unwrap();
        let _ = CODEC.read(&bytes[..cut.min(bytes.len())]);
    }

    #[test]
    fn what_was_read_is_written_and_read_again(noise in vec(any::<u8>(), 0..64)) {
        if let Ok(value) = CODEC.read(&noise) {
            let mut bytes = Vec::new();
            if CODEC.write(&value, &mut bytes).is_ok() {
                prop_assert_eq!(CODEC.read(&bytes).unwrap(), value);
            }
        }
        let _ = envelope::open(&noise);
        let _ = envelope::field(&noise, 1);
        let _ = envelope::tag_of(&noise, 1);
    }

    #[test]
    fn lengths_are_as_announced(version in "[a-z./]{0,200}", message in 0_usize..40_000) {
        let mut out = Vec::new();
        envelope::write(&version, "Foo", &vec![0; message], &mut out);
        prop_assert_eq!(out.len(), envelope::length(&version, "Foo", message));
    }
}

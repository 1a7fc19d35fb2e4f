//! What holds for all field sets and all configurations.

use super::fixture::{SCHEMA_V2, Stored};
use crate::managed::element::same;
use crate::managed::merge::{changes, merge};
use crate::managed::{Comparison, FieldSet, PathElement};
use proptest::prelude::*;
use serde_json::{Value, json};

fn element() -> impl Strategy<Value = PathElement> {
    prop_oneof![
        "[a-c.:/<\"]{0,2}".prop_map(|name| PathElement::field(&name)),
        (0..4i64).prop_map(PathElement::Index),
        (0..120i64).prop_map(|n| PathElement::Value(json!(n))),
        "[a-c<\"]{0,2}".prop_map(|text| PathElement::Value(json!(text))),
        any::<bool>().prop_map(|b| PathElement::Value(json!(b))),
        ("[a-b]", 0..12i64)
            .prop_map(|(name, n)| PathElement::Key(Box::new([(name.into(), json!(n))]))),
    ]
}

fn set() -> impl Strategy<Value = FieldSet> {
    let path = prop::collection::vec(element(), 1..4);
    prop::collection::vec(path, 0..12).prop_map(|paths| {
        let mut set = FieldSet::new();
        paths.into_iter().for_each(|path| set.insert(path));
        set
    })
}

fn config() -> impl Strategy<Value = Value> {
    let text = || "[a-c]";
    let names = || {
        prop::collection::btree_set("[a-e]", 0..5).prop_map(|s| s.into_iter().collect::<Vec<_>>())
    };
    let shuffled = || names().prop_shuffle();
    let config = prop::option::of((prop::option::of(text()), prop::option::of(text())));
    let of_config = |c: Option<(Option<String>, Option<String>)>| {
        c.map(|(a, b)| {
            let mut config = json!({});
            a.into_iter().for_each(|a| config["msg"] = json!(a));
            b.into_iter().for_each(|b| config["msg1"] = json!(b));
            config
        })
    };
    (prop::option::of(text()), config, shuffled(), shuffled(), text(), names()).prop_map(
        move |(image, config, tags, env, value, options)| {
            let mut spec = json!({});
            image.into_iter().for_each(|image| spec["image"] = json!(image));
            of_config(config).into_iter().for_each(|config| spec["config"] = config);
            if !tags.is_empty() {
                spec["tags"] = json!(tags);
            }
            let env: Vec<_> = env.iter().map(|n| json!({"name": n, "value": value})).collect();
            if !env.is_empty() {
                spec["env"] = json!(env);
            }
            if !options.is_empty() {
                spec["options"] = options.iter().map(|o| (o.clone(), json!(value))).collect();
            }
            json!({"spec": spec})
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(set in set()) {
        prop_assert_eq!(FieldSet::from_fields_v1(&set.to_fields_v1()).unwrap(), set);
    }

    #[test]
    fn sets_obey_their_algebra(a in set(), b in set(), c in set()) {
        prop_assert_eq!(a.union(&b), b.union(&a));
        prop_assert_eq!(a.union(&b).union(&c), a.union(&b.union(&c)));
        prop_assert_eq!(a.intersection(&b), b.intersection(&a));
        prop_assert_eq!(a.difference(&b).union(&a.intersection(&b)), a.clone());
        prop_assert_eq!(a.intersection(&b.union(&c)), a.intersection(&b).union(&a.intersection(&c)));
        prop_assert!(a.difference(&b).intersection(&b).is_empty());
        prop_assert!(a.difference(&a).is_empty() && a.is_subset(&a.union(&b)));
        prop_assert_eq!(a.is_subset(&b), a.difference(&b).is_empty());
        prop_assert!(a.recursive_difference(&b).is_subset(&a.difference(&b)));
        prop_assert_eq!(a.leaves().leaves(), a.leaves());
        let mut members = 0;
        let mut all_in = true;
        a.for_each(|path| {
            members += 1;
            all_in &= a.has(path) && a.union(&b).has(path);
        });
        prop_assert!(all_in);
        prop_assert_eq!(members, a.len());
    }

    #[test]
    fn a_comparison_backwards_is_the_other_way_round(a in config(), b in config()) {
        let root = SCHEMA_V2.root();
        let (there, back) = (Comparison::of(root, &a, &b).unwrap(), Comparison::of(root, &b, &a).unwrap());
        prop_assert_eq!(&there.added, &back.removed);
        prop_assert_eq!(&there.removed, &back.added);
        prop_assert_eq!(&there.modified, &back.modified);
    }

    #[test]
    fn what_changes_nothing_merges_to_the_same(a in config(), b in config(), more in any::<bool>()) {
        let root = SCHEMA_V2.root();
        let mut object = a.clone();
        if more {
            merge(root, &mut object, &b).unwrap();
        }
        let mut merged = object.clone();
        merge(root, &mut merged, &b).unwrap();
        prop_assert!(changes(root, &object, &b) || same(&merged, &object));
        prop_assert!(!changes(root, &merged, &merged));
    }

    #[test]
    fn what_is_applied_is_there_and_is_owned(configs in prop::collection::vec((config(), 0..3usize), 1..6)) {
        let mut stored = Stored::default();
        for (config, who) in configs {
            let who = ["one!", "two!", "three@v2!"][who];
            stored.try_apply(who, &config).unwrap();
            let again = stored.try_apply(who, &config).unwrap();
            prop_assert!(!again.changed());
            let object = stored.object.as_ref().unwrap();
            let applied = FieldSet::of_object(SCHEMA_V2.root(), &config).unwrap();
            let there = FieldSet::of_object(SCHEMA_V2.root(), object).unwrap();
            let name = who.trim_end_matches("@v2!").trim_end_matches('!');
            let entries = object["metadata"]["managedFields"].as_array().unwrap();
            let own = entries.iter().find(|e| e["manager"] == name);
            let own = own.map(|e| FieldSet::from_fields_v1(&e["fieldsV1"]).unwrap());
            prop_assert_eq!(own.unwrap_or_default(), applied.clone());
            // An empty map that has been filled is no leaf any more.
            prop_assert!(applied.leaves().difference(&there).to_string().lines().all(|l| l == ".spec" || l == ".spec.config"));
            // Each value of the configuration has arrived.
            let added = Comparison::of(SCHEMA_V2.root(), object, &config).unwrap();
            prop_assert!(added.added.is_empty() && added.modified.is_empty());
        }
    }

    #[test]
    fn pruning_through_another_version_comes_to_the_same(
        configs in prop::collection::vec((config(), 0..3usize), 1..6)
    ) {
        let mut plain = Stored::default();
        let mut mixed = Stored::default();
        mixed.try_apply("zero@v1", &json!({"spec": {"replicas": 1}})).unwrap();
        for (config, who) in configs {
            let who = ["one!", "two!", "three!"][who];
            plain.try_apply(who, &config).unwrap();
            mixed.try_apply(who, &config).unwrap();
            let mut spec = mixed.spec().clone();
            spec.as_object_mut().unwrap().remove("replicas");
            prop_assert_eq!(plain.spec(), &spec);
        }
    }
}

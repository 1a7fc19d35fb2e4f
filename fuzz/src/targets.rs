//! The targets, by name.

mod fields;
mod formats;
mod objects;
mod patches;
mod protobuf;
mod rules;
mod selecting;
mod storing;
mod thing;

use crate::seeds;

/// Something that reads bytes of strangers.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// What it is called on a command line.
    pub name: &'static str,
    /// Takes an input, and says whether it made sense. Panics where a law is broken.
    pub run: fn(&[u8]) -> bool,
    /// Inputs that make sense.
    pub seeds: &'static [&'static str],
}

/// All targets, in the order in which they are run.
pub const TARGETS: &[Target] = &[
    Target { name: "json", run: formats::json, seeds: seeds::JSON },
    Target { name: "yaml", run: formats::yaml, seeds: seeds::YAML },
    Target { name: "cbor", run: formats::cbor, seeds: seeds::CBOR },
    Target { name: "label_selector", run: selecting::labels, seeds: seeds::LABELS },
    Target { name: "field_selector", run: selecting::fields, seeds: seeds::FIELDS },
    Target { name: "continue_token", run: selecting::token, seeds: seeds::TOKENS_OF_PAGES },
    Target { name: "query", run: selecting::query, seeds: seeds::QUERIES },
    Target { name: "delete_options", run: selecting::delete, seeds: seeds::DELETES },
    Target { name: "json_patch", run: patches::json, seeds: seeds::JSON_PATCHES },
    Target { name: "merge_patch", run: patches::merge, seeds: seeds::MERGE_PATCHES },
    Target { name: "strategic_patch", run: patches::strategic, seeds: seeds::STRATEGIC_PATCHES },
    Target { name: "fields_v1", run: fields::fields_v1, seeds: seeds::FIELD_SETS },
    Target { name: "schema", run: fields::schema, seeds: seeds::SCHEMAS },
    Target { name: "apply", run: fields::apply, seeds: seeds::APPLIES },
    Target { name: "update", run: fields::update, seeds: seeds::APPLIES },
    Target { name: "rules", run: rules::rules, seeds: seeds::RULES },
    Target { name: "rule_values", run: rules::values, seeds: seeds::RULE_VALUES },
    Target { name: "text_formats", run: rules::formats, seeds: seeds::TEXTS },
    Target { name: "expression", run: rules::expression, seeds: seeds::EXPRESSIONS },
    Target { name: "scale", run: rules::scale, seeds: seeds::SCALES },
    Target { name: "protobuf", run: protobuf::protobuf, seeds: seeds::MESSAGES },
    Target { name: "object", run: objects::object, seeds: seeds::OBJECTS },
    Target {
        name: "encryption_config",
        run: storing::encryption_config,
        seeds: seeds::ENCRYPTION_CONFIGS,
    },
    Target {
        name: "authentication_config",
        run: storing::authentication_config,
        seeds: seeds::AUTHENTICATION_CONFIGS,
    },
    Target { name: "token_file", run: storing::token_file, seeds: seeds::TOKEN_FILES },
    Target { name: "audit_policy", run: storing::audit_policy, seeds: seeds::AUDIT_POLICIES },
    Target { name: "sealed_object", run: storing::sealed_object, seeds: seeds::SEALED_OBJECTS },
    Target { name: "etcd_address", run: storing::etcd_address, seeds: seeds::ETCD_ADDRESSES },
];

/// Runs one target on one input.
///
/// # Panics
/// Where there is no such target, and where the input breaks one of its laws.
pub fn run(name: &str, data: &[u8]) -> bool {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of that name").run)(data)
}

/// The two documents of an input, which a NUL parts; the second is empty where there is none.
fn two(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    (&data[..at], data.get(at + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Corpus, Random};

    /// Enough to notice a target that is broken altogether; more is for the driver.
    const INPUTS: usize = 200;

    #[test]
    fn every_target_takes_its_seeds_and_others() {
        for target in TARGETS {
            let mut random = Random::new(1);
            let mut corpus = Corpus::new(target.seeds);
            assert!((target.run)(target.seeds[0].as_bytes()), "{}", target.name);
            for _ in 0..INPUTS {
                let input = corpus.next(&mut random);
                if (target.run)(&input) {
                    corpus.keep(input, &mut random);
                }
            }
        }
    }
}

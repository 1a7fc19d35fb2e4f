//! The files of ours that a request crosses, from the connection to the answer: the rooms that a
//! reader walks through to know what happens.
//!
//! Kept by hand, after what a debugger saw: with a breakpoint on every function of ours, one request
//! is sent to a server that has answered such requests before. Left out are what happens once for a
//! connection (the handshake, the shutdown), what happens after the answer (the watch cache takes a
//! write in), derived functions, and the sample's own files.

use crate::tree::Tree;
use std::fmt::Write;

/// The way of one request.
struct Way {
    what: &'static str,
    /// What it should come to.
    goal: usize,
    /// What it may be: the goal, or the number it has and may not exceed until it gets there.
    limit: usize,
    files: &'static [&'static str],
}

const WAYS: &[Way] = &[
    Way {
        what: "GET of an object, from the memory storage",
        goal: 15,
        limit: 28,
        files: &[
            "crates/server/src/serve/connection.rs",
            "crates/server/src/pipeline.rs",
            "crates/server/src/names.rs",
            "crates/server/src/clock.rs",
            "crates/server/src/request.rs",
            "crates/server/src/deadline.rs",
            "crates/server/src/metrics.rs",
            "crates/server/src/metrics/histogram.rs",
            "crates/server/src/negotiate.rs",
            "crates/server/src/authn.rs",
            "crates/server/src/authn/tokens.rs",
            "crates/server/src/impersonate.rs",
            "crates/server/src/flow.rs",
            "crates/server/src/authz.rs",
            "crates/server/src/registry.rs",
            "crates/server/src/verbs/mod.rs",
            "crates/server/src/verbs/get.rs",
            "crates/meta/src/options.rs",
            "crates/server/src/store.rs",
            "crates/server/src/cache/mod.rs",
            "crates/storage/src/memory.rs",
            "crates/server/src/cache/tree.rs",
            "crates/server/src/cache/entry.rs",
            "crates/server/src/cache/json.rs",
            "crates/server/src/respond.rs",
            "crates/server/src/shape.rs",
            "crates/server/src/body.rs",
            "crates/server/src/serve/activity.rs",
        ],
    },
    Way {
        what: "CREATE of an object, in the memory storage",
        goal: 25,
        limit: 52,
        files: &[
            "crates/server/src/serve/connection.rs",
            "crates/server/src/pipeline.rs",
            "crates/server/src/names.rs",
            "crates/server/src/clock.rs",
            "crates/server/src/request.rs",
            "crates/server/src/deadline.rs",
            "crates/server/src/metrics.rs",
            "crates/server/src/metrics/histogram.rs",
            "crates/server/src/negotiate.rs",
            "crates/server/src/authn.rs",
            "crates/server/src/authn/tokens.rs",
            "crates/server/src/impersonate.rs",
            "crates/server/src/flow.rs",
            "crates/server/src/authz.rs",
            "crates/server/src/registry.rs",
            "crates/server/src/verbs/mod.rs",
            "crates/server/src/verbs/create.rs",
            "crates/meta/src/options.rs",
            "crates/meta/src/field.rs",
            "crates/meta/src/validation/options.rs",
            "crates/server/src/verbs/body.rs",
            "crates/meta/src/json.rs",
            "crates/meta/src/decode.rs",
            "crates/meta/src/kind.rs",
            "crates/meta/src/object.rs",
            "crates/server/src/verbs/fields.rs",
            "crates/meta/src/encode.rs",
            "crates/meta/src/json/write.rs",
            "crates/meta/src/managed/update.rs",
            "crates/meta/src/managed/entries.rs",
            "crates/meta/src/managed/track.rs",
            "crates/meta/src/managed/schema.rs",
            "crates/meta/src/managed/compare.rs",
            "crates/meta/src/managed/set.rs",
            "crates/meta/src/managed/element.rs",
            "crates/meta/src/managed/fields_v1.rs",
            "crates/meta/src/managed/record.rs",
            "crates/server/src/admission.rs",
            "crates/server/src/verbs/rules.rs",
            "crates/meta/src/validation/object_meta.rs",
            "crates/meta/src/validation/names.rs",
            "crates/server/src/store.rs",
            "crates/storage/src/lib.rs",
            "crates/storage/src/memory.rs",
            "crates/storage/src/memory/state.rs",
            "crates/storage/src/memory/history.rs",
            "crates/server/src/cache/entry.rs",
            "crates/server/src/cache/json.rs",
            "crates/server/src/respond.rs",
            "crates/server/src/shape.rs",
            "crates/server/src/body.rs",
            "crates/server/src/serve/activity.rs",
        ],
    },
];

/// The files of each way.
pub(crate) fn report() -> String {
    let mut out = String::new();
    for way in WAYS {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{}: {} files, the goal is {}", way.what, way.files.len(), way.goal);
        for file in way.files {
            let _ = writeln!(out, "  {file}");
        }
    }
    out
}

/// The files are there, each once, and not too many.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for way in WAYS {
        for (i, file) in way.files.iter().enumerate() {
            if !tree.files.iter().any(|f| f.path == *file) {
                problems.push(format!("{}: {file} is not there: mend the list", way.what));
            }
            if way.files[..i].contains(file) {
                problems.push(format!("{}: {file} is listed twice", way.what));
            }
        }
        let count = way.files.len();
        if count > way.limit {
            problems.push(format!("{}: {count} files, the limit is {}", way.what, way.limit));
        } else if count < way.limit.max(way.goal) && way.limit > way.goal {
            problems.push(format!("{}: only {count} files: say so in its limit", way.what));
        }
    }
    problems
}

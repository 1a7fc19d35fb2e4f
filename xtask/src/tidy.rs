//! The house rules that a machine can check, each with the way to mend it.

use crate::source::{Line, Source, is_test, words};
use crate::tree::{File, Tree};

/// A file longer than this without its tests is noted on the list below, or split.
const FILE_LINES_SOFT: usize = 400;
/// No file is longer than this, tests and all.
const FILE_LINES_HARD: usize = 800;
/// No function is longer than this.
const FUNCTION_LINES_MAX: usize = 70;

/// Files over the soft limit, with what they had when they came here: they may only shrink.
const LONG_FILES: &[(&str, usize)] = &[("crates/meta/src/status.rs", 452)];

/// Functions over the limit, with their lengths: they may only shrink.
const LONG_FUNCTIONS: &[(&str, &str, usize)] = &[];

/// Files that do not say what they are for: they may only get fewer.
const HEADLESS: &[&str] = &[
    "crates/meta/src/json/tests.rs",
    "crates/meta/src/options/tests.rs",
    "crates/meta/src/patch/tests.rs",
    "crates/meta/src/selector/tests.rs",
    "crates/meta/src/validation/tests.rs",
    "crates/meta/src/yaml/tests.rs",
];

/// Words that a place must not name in its code.
struct Ban {
    /// The beginnings of paths.
    places: &'static [&'static str],
    /// The beginnings of paths among those that may.
    except: &'static [&'static str],
    words: &'static [&'static str],
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        places: &["crates/"],
        // etcd is asked over gRPC, which is HTTP/2.
        except: &["crates/server/", "crates/etcd/"],
        words: &["http", "http_body", "hyper", "hyper_util", "axum", "tower"],
        why: "nothing below the server knows HTTP: hand in what it needs as its own type",
    },
    Ban {
        places: &[
            "crates/server/src/store",
            "crates/server/src/cache",
            "crates/server/src/admission",
        ],
        except: &[],
        words: &["http", "http_body", "hyper"],
        why: "store, cache and admission never name a type of HTTP",
    },
    Ban {
        places: &["crates/meta/src/"],
        except: &[],
        words: &["async", "await", "tokio"],
        why: "meta never awaits: whoever does belongs to the server",
    },
    Ban {
        places: &["crates/storage/"],
        except: &[],
        words: &[
            "Status",
            "ObjectMeta",
            "namespace",
            "api_version",
            "apiVersion",
            "resource_version",
            "resourceVersion",
            "kube",
            "kube_core",
            "k8s_openapi",
            "kubectl",
            "serde_json",
        ],
        why: "storage deals in keys, bytes and revisions: what is Kubernetes lives above it",
    },
    Ban {
        places: &[""],
        except: &[],
        words: &["todo!", "unimplemented!", "dbg!"],
        why: "finish it, or say in a TODO-correctness, -hardening or -cleanup what is open",
    },
];

/// Phrases that belong to nobody's repository.
const PHRASES: &[(&str, &str)] = &[
    ("/work/", "a path of one machine: name it from the root of the repository"),
    ("/tmp/", "a path of one machine: ask for a temporary folder"),
    ("index.crates.io", "the name of a registry's host: cargo knows it"),
    ("static.crates.io", "the name of a registry's host: cargo knows it"),
    ("proxy.golang.org", "the name of a registry's host: go knows it"),
    ("goproxy", "the name of a registry's host: go knows it"),
    ("artifactory", "the name of a registry's host: the machine's own settings know it"),
];

/// Words for how the text came about.
const BANNED_WORDS: &[&str] = &["session", "sessions"];

/// Where a banned word or phrase is meant: a path and what its line says.
const MEANT: &[(&str, &str)] = &[
    ("crates/server/src/tls.rs", "Clients resume with tickets"),
    ("crates/server/src/openapi/meta.json", "allowWatchBookmarks"),
    // Descriptions of Kubernetes' own.
    ("conformance/reference/api/openapi/zz_generated.openapi.go", "allowWatchBookmarks"),
];

/// What is wrong, a line each.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let mut problems = Vec::new();
    for file in &tree.files {
        problems.extend(phrases(file));
    }
    for file in tree.rust() {
        let source = Source::new(&file.path, &file.text);
        problems.extend(head(file));
        problems.extend(file_length(file, &source));
        problems.extend(function_lengths(file, &source));
        problems.extend(bans(file, &source));
    }
    for file in tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml")) {
        problems.extend(manifest(file));
    }
    problems
}

/// Every file says what it is for.
fn head(file: &File) -> Option<String> {
    let begins = file.text.starts_with("//! ");
    let path = &file.path;
    match (begins, HEADLESS.contains(&path.as_str())) {
        (false, false) => Some(format!("{path}:1: begin with //! and what the file is for")),
        (true, true) => Some(format!("{path}: has a head now: take it out of HEADLESS")),
        _ => None,
    }
}

fn file_length(file: &File, source: &Source) -> Vec<String> {
    let all = source.lines.len();
    let own = all - source.count(Line::Test);
    let path = &file.path;
    let mut problems = Vec::new();
    if all > FILE_LINES_HARD {
        problems.push(format!("{path}: {all} lines, the limit is {FILE_LINES_HARD}: split it"));
    }
    let known = LONG_FILES.iter().find(|(long, _)| long == path).map(|(_, lines)| *lines);
    let limit = known.unwrap_or(FILE_LINES_SOFT);
    if own > limit {
        problems.push(format!("{path}: {own} lines without tests, the limit is {limit}: split it"));
    } else if known.is_some_and(|known| own < known) {
        problems.push(format!("{path}: has shrunk to {own} lines: say so in LONG_FILES"));
    }
    problems
}

fn function_lengths(file: &File, source: &Source) -> Vec<String> {
    let mut problems = Vec::new();
    for function in source.functions() {
        let (path, name) = (file.path.as_str(), function.name.as_str());
        let known = LONG_FUNCTIONS.iter().find(|(p, n, _)| (*p, *n) == (path, name));
        let limit = known.map_or(FUNCTION_LINES_MAX, |(_, _, lines)| *lines);
        let (line, lines) = (function.line, function.lines);
        if lines > limit {
            problems.push(format!("{path}:{line}: {name} has {lines} lines, the limit is {limit}"));
        } else if known.is_some() && lines < limit {
            problems.push(format!("{path}:{line}: {name} has shrunk: say so in LONG_FUNCTIONS"));
        }
    }
    problems
}

fn bans(file: &File, source: &Source) -> Vec<String> {
    let begins = |places: &[&str]| places.iter().any(|place| file.path.starts_with(place));
    let mut problems = Vec::new();
    for ban in BANS.iter().filter(|ban| begins(ban.places) && !begins(ban.except)) {
        for (at, word) in words(&source.code) {
            let is_macro = source.code[at + word.len()..].starts_with('!');
            let hit = ban.words.iter().any(|banned| match banned.strip_suffix('!') {
                Some(name) => is_macro && name == word,
                None => *banned == word,
            });
            if hit {
                let line = source.code[..at].matches('\n').count() + 1;
                problems.push(format!("{}:{line}: {word}: {}", file.path, ban.why));
            }
        }
    }
    problems
}

/// A crate below the server does not even depend on HTTP.
fn manifest(file: &File) -> Vec<String> {
    let speaks = ["crates/server/", "crates/etcd/"].iter().any(|it| file.path.starts_with(it));
    let below = file.path.starts_with("crates/") && !speaks;
    let knows_http = |line: &str| {
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        matches!(name, "http" | "http-body" | "hyper" | "hyper-util" | "axum")
    };
    let lines = file.text.lines().filter(|line| below && knows_http(line));
    lines
        .map(|line| format!("{}: {line}: nothing below the server knows HTTP", file.path))
        .collect()
}

fn phrases(file: &File) -> Vec<String> {
    let generated = ["Cargo.lock", "go.sum"].iter().any(|name| file.path.ends_with(name));
    // The lists are here, and tests may speak of paths that nobody has.
    let own = file.path == "xtask/src/tidy.rs";
    if generated || own {
        return Vec::new();
    }
    let mut problems = Vec::new();
    for (i, text) in file.text.lines().enumerate() {
        let meant = |(path, says): &(&str, &str)| file.path == *path && text.contains(says);
        if MEANT.iter().any(meant) {
            continue;
        }
        let at = format!("{}:{}", file.path, i + 1);
        for (phrase, why) in PHRASES {
            let in_test = *phrase == "/tmp/" && is_test(&file.path);
            if !in_test && text.contains(phrase) {
                problems.push(format!("{at}: {phrase}: {why}"));
            }
        }
        for (_, word) in words(text) {
            if BANNED_WORDS.iter().any(|banned| word.eq_ignore_ascii_case(banned)) {
                problems.push(format!("{at}: {word}: say what it is, or add the line to MEANT"));
            }
        }
    }
    problems
}

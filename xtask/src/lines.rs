//! How much there is to read: the sample, and each crate by code, comments and tests.

use crate::source::{Line, Source};
use crate::tree::Tree;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What a user writes for all of hello: the code of the sample. It may only fall.
const SAMPLE_CODE_LINES_MAX: usize = 170;
const SAMPLE: &str = "samples/hello/src/";
/// Where crates are.
const FOLDERS: &[&str] = &["crates/", "samples/"];

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    files: usize,
    code: usize,
    comments: usize,
    tests: usize,
}

impl Count {
    fn add(&mut self, source: &Source) {
        self.files += 1;
        self.code += source.count(Line::Code);
        self.comments += source.count(Line::Comment);
        self.tests += source.count(Line::Test);
    }
}

/// A table of the crates, and the files of the sample.
pub(crate) fn report(tree: &Tree) -> String {
    let mut crates: BTreeMap<String, Count> = BTreeMap::new();
    let mut sample: Vec<(String, Count)> = Vec::new();
    for file in tree.rust() {
        let source = Source::new(&file.path, &file.text);
        crates.entry(crate_of(&file.path)).or_default().add(&source);
        if let Some(name) = file.path.strip_prefix(SAMPLE) {
            let mut count = Count::default();
            count.add(&source);
            sample.push((name.to_owned(), count));
        }
    }
    let mut out = format!(
        "{:24} {:>6} {:>7} {:>9} {:>7}\n",
        "lines, without blanks", "files", "code", "comments", "tests"
    );
    let mut row = |name: &str, count: &Count| {
        let Count { files, code, comments, tests } = count;
        // Writing to a string does not fail.
        let _ = writeln!(out, "{name:24} {files:6} {code:7} {comments:9} {tests:7}");
    };
    for (name, count) in &crates {
        row(name, count);
    }
    row("the sample:", &total(&sample));
    for (name, count) in &sample {
        row(&format!("  {name}"), count);
    }
    out
}

/// The sample does not grow.
pub(crate) fn check(tree: &Tree) -> Vec<String> {
    let files = tree.rust().filter(|file| file.path.starts_with(SAMPLE));
    let code: usize = files.map(|file| Source::new(&file.path, &file.text).count(Line::Code)).sum();
    match code.cmp(&SAMPLE_CODE_LINES_MAX) {
        std::cmp::Ordering::Equal => Vec::new(),
        std::cmp::Ordering::Less => vec![format!(
            "the sample has shrunk to {code} lines of code: say so in SAMPLE_CODE_LINES_MAX"
        )],
        std::cmp::Ordering::Greater => vec![format!(
            "the sample has {code} lines of code, the limit is {SAMPLE_CODE_LINES_MAX}: what a \
             user writes may only get less"
        )],
    }
}

fn total(counts: &[(String, Count)]) -> Count {
    counts.iter().fold(Count::default(), |sum, (_, count)| Count {
        files: sum.files + count.files,
        code: sum.code + count.code,
        comments: sum.comments + count.comments,
        tests: sum.tests + count.tests,
    })
}

fn crate_of(path: &str) -> String {
    let parts = if FOLDERS.iter().any(|folder| path.starts_with(folder)) { 2 } else { 1 };
    path.split('/').take(parts).collect::<Vec<_>>().join("/")
}

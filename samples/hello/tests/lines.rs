//! The sample shows how little an API server takes; it must not grow.

use std::fs;
use std::path::Path;

/// What the sample takes at most. A ratchet: it may only fall.
const LINES_MAX: usize = 230;

/// Lines that somebody had to write: neither blank nor a comment.
fn is_written(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with("//")
}

#[test]
fn the_sample_stays_small() {
    let mut total = 0;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|one| one.unwrap().path()).collect();
    files.sort();
    for file in files {
        assert!(file.is_file(), "count the files of {} too", file.display());
        let text = fs::read_to_string(&file).unwrap();
        let (all, written) = (text.lines().count(), text.lines().filter(|l| is_written(l)).count());
        println!("{}: {written} lines are written, {all} with blanks and comments", file.display());
        total += all;
    }
    println!("all: {total} of {LINES_MAX}");
    assert!(
        total <= LINES_MAX,
        "the sample has {total} lines, which is more than {LINES_MAX}: make it, or what it asks \
         of its author, smaller. The limit may only fall."
    );
}

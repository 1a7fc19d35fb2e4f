//! `cargo run -p xtask -- tidy|lines|rooms`: the checks and chores of the repository.
//!
//! - `tidy`: the rules that a machine can check and rustc and clippy do not;
//! - `lines`: how much there is to read;
//! - `rooms`: the files that a request crosses.
//!
//! All of them are tests too, so that `cargo test --workspace` is the one command to remember.

mod lines;
mod rooms;
mod source;
mod tidy;
mod tree;

use std::io::Write;
use std::process::ExitCode;

/// The exit code for a command line that makes no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let tree = tree::Tree::read();
    let (text, problems) = match command.as_str() {
        "tidy" => (String::new(), tidy::check(&tree)),
        "lines" => (lines::report(&tree), lines::check(&tree)),
        "rooms" => (rooms::report(), rooms::check(&tree)),
        _ => {
            eprintln!("usage: cargo run -p xtask -- tidy|lines|rooms");
            return USAGE.into();
        }
    };
    // A reader that has seen enough may close the pipe.
    let _ = std::io::stdout().write_all(text.as_bytes());
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(problems: &[String]) {
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }

    #[test]
    fn tidy() {
        none(&tidy::check(&tree::Tree::read()));
    }

    #[test]
    fn lines() {
        let tree = tree::Tree::read();
        println!("{}", lines::report(&tree));
        none(&lines::check(&tree));
    }

    #[test]
    fn rooms() {
        println!("{}", rooms::report());
        none(&rooms::check(&tree::Tree::read()));
    }
}

//! The flags beside those of servers in Go, and the page that has the differences.

use clap::{Arg, Args, Command};
use pintle::Options;
use std::collections::BTreeSet;

/// The names and defaults of the Go sample, and of the library that it is built on.
const THERE: &str = include_str!("flags.txt");
const PAGE: &str = include_str!("../../../../docs/flags.md");

/// The flags in the first column of a section's table.
fn section(title: &str) -> BTreeSet<&'static str> {
    let (_, rest) = PAGE.split_once(&format!("## {title}\n")).unwrap();
    let text = rest.split("\n## ").next().unwrap_or_default();
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let names = cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`'));
    names.filter(|name| *name != "flag").collect()
}

fn default(flag: &Arg) -> String {
    let values: Vec<_> = flag.get_default_values().iter().map(|it| it.to_string_lossy()).collect();
    values.join(",")
}

#[test]
fn every_flag_of_a_server_in_go_is_here_or_on_the_page() {
    let command = Options::augment_args(Command::new("it"));
    let find = |name: &str| command.get_arguments().find(|flag| flag.get_long() == Some(name));
    let others = section("Other defaults");
    let (inert, absent) = (section("Taken, and change nothing"), section("Not there"));
    let mut known = BTreeSet::new();
    for line in THERE.lines() {
        let (name, there) = line.split_once(' ').unwrap_or((line, ""));
        assert!(known.insert(name), "--{name} twice");
        match find(name) {
            None => assert!(absent.contains(name), "--{name} is neither here nor on docs/flags.md"),
            Some(flag) => {
                assert!(!absent.contains(name), "--{name} is here, and docs/flags.md denies it");
                let same = default(flag) == there;
                let said = others.contains(name) || inert.contains(name);
                assert!(same || said, "--{name}: {:?} here, {there:?} there", default(flag));
                assert_eq!(flag.is_hide_set(), inert.contains(name), "--{name} in --help");
            }
        }
    }
    let listed = others.iter().chain(&inert).chain(&absent);
    let made_up: Vec<_> = listed.filter(|name| !known.contains(*name)).collect();
    assert!(made_up.is_empty(), "docs/flags.md has what is no flag there: {made_up:?}");
}

#[test]
fn what_changes_nothing_is_taken_and_what_would_is_refused() {
    let read = |line: &str| {
        let command = Options::augment_args(Command::new("it").no_binary_name(true));
        command.try_get_matches_from(line.split(' ')).map(drop).map_err(|error| error.to_string())
    };
    for (line, why) in [
        ("--lease-reuse-duration-seconds=5 --default-watch-cache-size 0", ""),
        ("--watch-cache=true --one_output", ""),
        ("--watch-cache=false", "only true can be had here"),
        ("--watch-cache-sizes=foos.hello.zeng.dev#100,pods#1", ""),
        ("--watch-cache-sizes=pods#0", "the watch cache cannot be turned off"),
        ("--watch-cache-sizes=pods", "invalid watch cache size pods"),
        ("--permit-port-sharing --tls-curve-preferences=29,23", ""),
        ("--tls-curve-preferences=4588", "known are 23, 24 and 29"),
        ("--logging-format=json --vmodule=audit=6 -v 3", ""),
        ("--vmodule=a*=6", "syntax error"),
        ("--log_dir=/x", "unexpected argument '--log_dir'"),
    ] {
        match read(line) {
            Ok(()) => assert_eq!(why, "", "{line}"),
            Err(error) => assert!(!why.is_empty() && error.contains(why), "{line}: {error}"),
        }
    }
}

//! Whole runs and comparisons against fake servers, good ones and bad ones.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser as _;

use crate::compare;
use crate::fake::{Fake, Flaws};
use crate::options::{Command, CompareOptions, Options, RunOptions};
use crate::report::RunReport;
use crate::run;
use crate::scenario::SCENARIOS;
use crate::server::Server;

/// Short runs with few objects: what is tested is the program, not the machine.
const SHORT: &str = "--objects 1100 --seconds 0.2 --warm-up 0 -c 2 -m 4 --watchers 20 --events 50";

fn run_options(url: &str, line: &str) -> RunOptions {
    let line = format!("pintle-bench run --server {url} {SHORT} {line}");
    match Options::try_parse_from(line.split_ascii_whitespace()).unwrap().command {
        Command::Run(options) => options,
        Command::ApplyLarge(_) | Command::Compare(_) | Command::Floor(_) | Command::Scale(_) => {
            panic!("{line}")
        }
    }
}

async fn run(flaws: Flaws, line: &str) -> (RunReport, Arc<Fake>) {
    let (url, fake) = Fake::start(flaws);
    let options = run_options(&url, line);
    // The same server stands for its etcd, which takes HTTP/2 only.
    let etcd = (!flaws.http1).then(|| url.clone());
    let server = Server { etcd, ..server(&url) };
    let report = run::run(&server, &options.settings, options.keep).await.unwrap();
    (report, fake)
}

fn server(url: &str) -> Server {
    Server { url: url.to_owned(), process: None, etcd: None }
}

/// What a scenario should come to.
#[derive(Debug)]
enum Want {
    Good,
    Skipped(&'static str),
    Error(&'static str),
}

/// Runs against a server with flaws. Scenarios that are not named should be good.
async fn check(flaws: Flaws, line: &str, wants: &[(&str, Want)]) -> RunReport {
    let (report, fake) = run(flaws, line).await;
    let mut wants: BTreeMap<&str, &Want> = wants.iter().map(|(name, want)| (*name, want)).collect();
    for measured in &report.scenarios {
        let errors: Vec<&String> = measured.errors.keys().collect();
        match wants.remove(measured.name).unwrap_or(&Want::Good) {
            Want::Good => {
                assert!(measured.errors.is_empty(), "{}: {errors:?}", measured.name);
                assert_eq!(measured.skipped, None, "{}", measured.name);
                assert!(measured.count > 0 && measured.per_second > 0.0, "{measured:?}");
                assert!(measured.server_cpu_us.is_some(), "{measured:?}");
                assert!(measured.rss_after_kib.is_some(), "{measured:?}");
            }
            Want::Skipped(why) => assert_eq!(measured.skipped.as_deref(), Some(*why)),
            Want::Error(part) => {
                assert!(errors.iter().any(|line| line.contains(part)), "{part}: {errors:?}");
            }
        }
    }
    assert!(wants.is_empty(), "never measured: {wants:?}");
    assert!(report.errors.is_empty(), "{:?}", report.errors);
    assert_eq!(fake.count(), 0, "objects are left");
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_server() {
    let report = check(Flaws::default(), "", &[]).await;
    assert_eq!(report.scenarios.len(), SCENARIOS.len());
    assert_eq!(report.object_bytes, 824);
    assert_eq!(report.pid, Some(std::process::id()));
    let watch = report.scenarios.last().unwrap();
    assert_eq!((watch.name, watch.count, watch.unit), ("watch", 20 * 50, "event"));
    assert!(watch.p50_us.is_some_and(|p50| p50 > 0.0 && Some(p50) <= watch.p99_us), "{watch:?}");
    let text = report.markdown();
    assert!(text.contains("% of raw puts into its etcd"), "{text}");
    assert!(text.contains("% of raw creates in its etcd"), "{text}");
    let Some(memory) = report.memory.read_kib.zip(report.memory.peak_kib) else { panic!() };
    assert!(memory.0 <= memory.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_can_less() {
    let flaws = Flaws { json_only: true, http1: true, ..Flaws::default() };
    let wants = [
        ("list-500-protobuf", Want::Skipped("HTTP 406")),
        ("list-500-gzip", Want::Skipped("not compressed")),
        ("etcd-put", Want::Skipped("no etcd is named")),
        ("etcd-txn", Want::Skipped("no etcd is named")),
        ("apply", Want::Skipped("HTTP 415")),
    ];
    check(flaws, "--http1", &wants).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_servers() {
    let fails = Flaws { fails_every: Some(5), ..Flaws::default() };
    let wants = [("get-rv0", Want::Error("HTTP 500"))];
    check(fails, "--only get-rv0,list-500", &wants).await;

    let forgets = Flaws { forgets: true, ..Flaws::default() };
    let wants = [
        ("list-all-rv0", Want::Error("the answer holds 1099 objects, not 1100")),
        ("list-500-last-page", Want::Error("1097 objects on all pages, not 1100")),
    ];
    check(forgets, "--only list-all-rv0,list-500-last-page", &wants).await;

    let empties = Flaws { empties: true, ..Flaws::default() };
    let wants = [("list-500", Want::Error("a body that is too short"))];
    check(empties, "--only list-500", &wants).await;

    let ends = Flaws { watch_ends_after: Some(7), ..Flaws::default() };
    let wants = [("watch", Want::Error("a watch ended before its last event"))];
    check(ends, "--only watch", &wants).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs() {
    let hangs = Flaws { ignores_puts: true, ..Flaws::default() };
    let wants = [("update", Want::Error("no answer within 10s of the end"))];
    let report = check(hangs, "--only update", &wants).await;
    assert_eq!(report.error_lines(), ["update: 8 × no answer within 10s of the end"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_that_cannot_begin() {
    let check = async |flaws: Flaws, line: &str, part: &str| {
        let (url, _fake) = Fake::start(flaws);
        let options = run_options(&url, line);
        let failure = run::run(&server(&url), &options.settings, false).await.unwrap_err();
        assert!(failure.to_string().contains(part), "{failure}");
        assert_eq!(failure.to_string().lines().count(), 1);
    };
    let http1 = Flaws { http1: true, ..Flaws::default() };
    check(http1, "", "cannot connect to 127.0.0.1").await;
    let token = Flaws { token: Some("secret"), ..Flaws::default() };
    check(token, "", "HTTP 401: Unauthorized").await;
    check(token, "--token wrong", "HTTP 401: Unauthorized").await;
    check(token, "--token-file /nowhere/token", "cannot read /nowhere/token").await;
    let options = run_options("https://127.0.0.1:1", "");
    let failure = run::run(&server("https://127.0.0.1:1"), &options.settings, false).await;
    assert!(failure.unwrap_err().to_string().contains("Connection refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_fill_is_filled_again() {
    let (url, fake) = Fake::start(Flaws { token: Some("secret"), ..Flaws::default() });
    for _ in 0..2 {
        let options = run_options(&url, "--keep --token secret --only list-500");
        let report = run::run(&server(&url), &options.settings, options.keep).await.unwrap();
        assert_eq!(report.error_lines(), [""; 0]);
        assert_eq!((report.object_bytes, fake.count()), (824, 1100));
    }
}

fn compare_options(a: &str, b: &str, more: &[&str]) -> CompareOptions {
    let words =
        ["pintle-bench", "compare", "--a", a, "--b", b, "--only", "get-rv0", "--rounds", "2"];
    let words = words.iter().copied().chain(SHORT.split(' ')).chain(more.iter().copied());
    match Options::try_parse_from(words).unwrap().command {
        Command::Compare(options) => *options,
        Command::ApplyLarge(_) | Command::Run(_) | Command::Floor(_) | Command::Scale(_) => {
            panic!("{a} {b}")
        }
    }
}

fn fake_command() -> String {
    let program = std::env::current_exe().unwrap();
    format!(
        "PINTLE_BENCH_FAKE_PORT={{port}} {} --exact fake::serve_as_a_process",
        program.display()
    )
}

/// Folders of this process that `compare` has not removed.
fn folders_left() -> Vec<String> {
    let prefix = format!("pintle-bench-{}-", std::process::id());
    let names = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn comparisons() {
    let fake = fake_command();
    // What stands beside the second server is a server too, and the first one starts its own as a child.
    let beside = fake.replace("{port}", "{port2}");
    let wrapped = format!("echo started > {{dir}}/note; {fake}; true");
    let options = compare_options(&wrapped, &fake, &["--b-with", &beside, "--a-name", "ours"]);
    let comparison = compare::compare(&options).await.unwrap();
    let text = comparison.markdown();
    assert!(!comparison.has_errors(), "{text}");
    assert!(text.contains("| work | rate ours | b | ours/b |"), "{text}");
    assert_eq!((comparison.a.ready_ms.len(), comparison.b.ready_ms.len()), (2, 2));
    for side in [&comparison.a, &comparison.b] {
        let pid = side.run.pid.unwrap();
        assert_ne!(pid, std::process::id());
        assert!(!fs::exists(format!("/proc/{pid}/fd/0")).unwrap(), "{pid} still runs");
    }
    check_failures(&fake).await;
    check_dropping(&fake).await;
    assert_eq!(folders_left(), [""; 0]);
}

/// Each way in which a server does not start is told in one line.
async fn check_failures(fake: &str) {
    let check = async |a: &str, more: &[&str], part: &str| {
        let options = compare_options(a, fake, more);
        let failure = compare::compare(&options).await.unwrap_err().to_string();
        assert!(failure.contains(part), "{failure}");
        assert_eq!(failure.lines().count(), 1, "{failure}");
    };
    check("no-such-tool --port {port}", &[], "cannot start a: no such command: ").await;
    check("no-such-tool", &["--a-name", "ours"], "cannot start ours: no such command: ").await;
    let ends = "echo first; echo the disk is full >&2; exit 3";
    let line = "a ended before it was ready (exit status: 3): the disk is full";
    check(ends, &[], line).await;
    let beside = ["--a-with", "echo no store; exit 1"];
    let line = "what a needs ended before it was ready (exit status: 1): no store";
    check(fake, &beside, line).await;
    let (url, _fake) = Fake::start(Flaws::default());
    let line = format!("is in use by process {}", std::process::id());
    check(fake, &["--a-url", &url], &line).await;
    check(fake, &["--a-url", "ftp://{port}"], "must start with https:// or http://").await;
}

/// What an interrupt does: the comparison is dropped while a server is under load.
async fn check_dropping(fake: &str) {
    let note = std::env::temp_dir().join(format!("pintle-bench-note-{}", std::process::id()));
    let command =
        format!("echo $$ > {}; export {}", note.display(), fake.replacen(' ', "; exec ", 1));
    let mut options = compare_options(&command, fake, &[]);
    options.settings.seconds = Duration::from_secs(60);
    options.rounds = 1;
    let comparison = compare::compare(&options);
    let dropped = tokio::time::timeout(Duration::from_secs(4), comparison).await;
    assert!(dropped.is_err(), "it should still be measuring: {dropped:?}");
    let pid = fs::read_to_string(&note).unwrap();
    fs::remove_file(&note).unwrap();
    assert!(!fs::exists(format!("/proc/{}", pid.trim())).unwrap(), "{pid} still runs");
}

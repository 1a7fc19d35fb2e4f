//! One server on a store with few objects and on one with many: starts, memory, reads, and watchers that wait.
//!
//! A million objects are put into SQLite past the server, as copies of one that the server has made: so they are
//! byte for byte what it would have stored.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pintle_storage::{Backend as _, Range};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::Target;
use crate::failure::Failure;
use crate::fill;
use crate::objects::FILLED;
use crate::options::{ScaleOptions, Settings};
use crate::probe;
use crate::report::{RunReport, mib, micros, rate};
use crate::run;
use crate::server::Server;
use crate::subject::{Folder, Recipe, Subject};
use crate::watchers::{self, FanOut};

/// Writes that are on their way to the store at a time: they share its transactions.
const WRITES_IN_FLIGHT: u64 = 1_024;
/// What reads are compared, unless `--only` says otherwise: what must not depend on the number of objects.
const READS: &[&str] =
    &["get-consistent", "get-rv0", "list-500", "list-500-last-page", "list-label-none"];
/// How long a server is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(2);

/// What was measured with one number of objects.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Size {
    /// Objects in the store.
    pub(crate) objects: u64,
    /// How long it took to put them there.
    pub(crate) filled_seconds: f64,
    /// From the start of the server until it was ready.
    pub(crate) ready_seconds: f64,
    /// Resident memory then.
    pub(crate) ready_kib: Option<u64>,
    /// The reads, with the most memory that there ever was.
    pub(crate) run: RunReport,
    /// What watchers that wait add to the memory.
    pub(crate) idle: Vec<Idle>,
}

/// Watchers that wait.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Idle {
    /// How many.
    pub(crate) watchers: u64,
    /// Over how many connections.
    pub(crate) connections: u64,
    /// Resident memory before and with them.
    pub(crate) before_kib: Option<u64>,
    /// See there.
    pub(crate) with_kib: Option<u64>,
}

/// Measures a server with few objects and with many.
///
/// # Errors
/// When a store cannot be filled, or the server does not start.
pub(crate) async fn scale(options: &ScaleOptions) -> Result<Vec<Size>, Failure> {
    let few = measure(options, options.few, true).await?;
    let many = measure(options, options.settings.objects, false).await?;
    Ok(vec![few, many])
}

async fn measure(options: &ScaleOptions, objects: u64, idle: bool) -> Result<Size, Failure> {
    let mut settings = Settings { objects, ..options.settings.clone() };
    if settings.only.is_empty() {
        settings.only = READS.iter().map(|name| (*name).to_owned()).collect();
    }
    let folder = Folder::new()?;
    let command = options.command.replace("{data}", &folder.0.display().to_string());
    let recipe = Recipe {
        name: "the server".to_owned(),
        command,
        url: "https://127.0.0.1:{port}".to_owned(),
        with: None,
        etcd: None,
    };
    let token = settings.bearer()?;
    eprintln!("pintle-bench: filling a store with {objects} objects");
    let began = Instant::now();
    let subject = Subject::start(&recipe, token.as_deref()).await?;
    let target = Arc::new(Target::new(&subject.url, token.as_deref(), settings.http1)?);
    fill::fill(&target, &Settings { objects: 1, ..settings.clone() }).await?;
    drop((target, subject));
    copy(&folder.0, objects).await?;
    let filled = began.elapsed();
    eprintln!("pintle-bench: starting the server with {objects} objects");
    let subject = Subject::start(&recipe, token.as_deref()).await?;
    let ready_kib = subject.process.resident_kib().ok();
    let run = run::run(&Server::from(&subject), &settings, true).await?;
    let target = Target::new(&subject.url, token.as_deref(), settings.http1)?;
    let waiting = if idle { wait(options, &subject, &target).await? } else { Vec::new() };
    Ok(Size {
        objects,
        filled_seconds: filled.as_secs_f64(),
        ready_seconds: subject.ready_after.as_secs_f64(),
        ready_kib,
        run,
        idle: waiting,
    })
}

/// Watchers on few connections, and each on its own.
async fn wait(
    options: &ScaleOptions,
    subject: &Subject,
    target: &Target,
) -> Result<Vec<Idle>, Failure> {
    let watchers = options.idle;
    // A server takes 10,000 connections, and one is needed besides.
    let alone = watchers.min(9_000);
    let mut measured = Vec::new();
    for (watchers, connections) in [(watchers, options.settings.connections), (alone, alone)] {
        eprintln!("pintle-bench: {watchers} watchers on {connections} connections wait");
        let from = probe::list_version(target).await?;
        let before_kib = subject.process.resident_kib().ok();
        let fan_out =
            FanOut { watchers: watchers as usize, events: 0, connections: connections as usize };
        let watches = watchers::idle(target, fan_out, &from).await?;
        sleep(SETTLE).await;
        let with_kib = subject.process.resident_kib().ok();
        measured.push(Idle { watchers, connections, before_kib, with_kib });
        drop(watches);
        sleep(SETTLE).await;
    }
    Ok(measured)
}

/// Copies the one object of a store, so that there are as many as asked for.
async fn copy(folder: &Path, objects: u64) -> Result<(), Failure> {
    let failed = |error: &dyn std::error::Error| {
        Failure::new(format!("cannot fill {}: {error}", folder.display()))
    };
    let address = format!("sqlite:{}?compaction-seconds=0", folder.join("objects.db").display());
    let store = pintle_sql::Sql.open(&address).await.map_err(|error| failed(&error))?;
    let name = FILLED.name(0);
    let all = store.range(Range::default()).await.map_err(|error| failed(&error))?;
    let first = all.items.iter().find(|item| item.key.ends_with(&format!("/{name}")));
    let first = first.ok_or_else(|| {
        Failure::new(format!("{} has no {name}: is it the server's?", folder.display()))
    })?;
    let value = String::from_utf8_lossy(&first.value).into_owned();
    let original = Arc::new((first.key.to_string(), value));
    let mut writers = JoinSet::new();
    for writer in 0..WRITES_IN_FLIGHT.min(objects) {
        let (store, original) = (Arc::clone(&store), Arc::clone(&original));
        writers.spawn(async move {
            for number in (writer..objects).step_by(WRITES_IN_FLIGHT as usize).filter(|n| *n > 0) {
                let (key, value) = copied(&original, number);
                store.create(&key, value.into()).await?;
            }
            Ok::<_, pintle_storage::Error>(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// The key and the value of a copy: another name, namespace and UID.
fn copied(original: &(String, String), number: u64) -> (String, String) {
    let place = |number: u64| {
        let path = FILLED.path(number);
        let (rest, name) = path.rsplit_once('/').unwrap_or_default();
        let namespace = rest.rsplit('/').nth(1).unwrap_or_default();
        (namespace.to_owned(), name.to_owned())
    };
    let ((namespace, name), (of, was)) = (place(number), place(0));
    let (key, value) = original;
    let key = key.replace(&format!("/{of}/{was}"), &format!("/{namespace}/{name}"));
    let value = value.replacen(&format!("\"{was}\""), &format!("\"{name}\""), 1).replacen(
        &format!("\"{of}\""),
        &format!("\"{namespace}\""),
        1,
    );
    let mark = "\"uid\":\"";
    let value = match value.find(mark).map(|at| at + mark.len()) {
        Some(at) if value.len() >= at + 8 => {
            format!("{}{:08x}{}", &value[..at], number, &value[at + 8..])
        }
        _ => value,
    };
    (key, value)
}

/// What was measured as Markdown.
pub(crate) fn markdown(sizes: &[Size]) -> String {
    let mut text = "| objects | filled | ready after | memory then | at most |".to_owned();
    let names: Vec<&str> = sizes
        .first()
        .map(|size| size.run.scenarios.iter().map(|it| it.what).collect())
        .unwrap_or_default();
    names.iter().for_each(|name| {
        let _ = write!(text, " {name} |");
    });
    let columns = 5 + names.len();
    let _ = writeln!(text, "\n|{}", "--:|".repeat(columns));
    for size in sizes {
        let _ = write!(
            text,
            "| {} | {:.1} s | {:.2} s | {} | {} |",
            size.objects,
            size.filled_seconds,
            size.ready_seconds,
            mib(size.ready_kib),
            mib(size.run.memory.peak_kib)
        );
        for measured in &size.run.scenarios {
            let _ = write!(text, " {}, {} |", rate(measured), micros(measured.server_cpu_us));
        }
        text.push('\n');
    }
    for idle in sizes.iter().flat_map(|size| &size.idle) {
        let added =
            idle.with_kib.zip(idle.before_kib).map(|(with, before)| with.saturating_sub(before));
        let each = added.map(|kib| kib as f64 / idle.watchers as f64);
        let _ = writeln!(
            text,
            "\n{} watchers that wait on {} connections: {} ({:.1} KiB each)",
            idle.watchers,
            idle.connections,
            mib(added),
            each.unwrap_or_default()
        );
    }
    for line in sizes.iter().flat_map(|size| size.run.error_lines()) {
        let _ = writeln!(text, "- {line}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_differ_in_what_names_them() {
        let value = "{\"metadata\":{\"name\":\"bench-0000000\",\"namespace\":\"bench-0\",\
                     \"uid\":\"0123456789\"},\"spec\":{\"image\":\"bench-0000000\"}}\n";
        let original =
            ("/registry/hello.zeng.dev/foos/bench-0/bench-0000000".to_owned(), value.to_owned());
        let (key, value) = copied(&original, 23);
        assert_eq!(key, "/registry/hello.zeng.dev/foos/bench-3/bench-0000023");
        assert_eq!(
            value,
            "{\"metadata\":{\"name\":\"bench-0000023\",\"namespace\":\"bench-3\",\
             \"uid\":\"0000001789\"},\"spec\":{\"image\":\"bench-0000000\"}}\n"
        );
    }
}

//! A run: fills a server, measures each scenario, and takes the objects away again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::header::ACCEPT;
use hyper::{Method, StatusCode};

use crate::client::{Target, Template};
use crate::etcd::{self, How, Puts};
use crate::failure::Failure;
use crate::feed::{Batch, Change, Deed, Feed, Manner, Turn, Update};
use crate::fill::{self, Filled};
use crate::load::{self, Expect, Outcome, Plan, count_error};
use crate::objects::{self, FILLED, MADE, SEEN};
use crate::options::Settings;
use crate::probe::{self, Probed};
use crate::process::Process;
use crate::report::{Measured, Memory, RunReport};
use crate::scenario::{Holds, List, Scenario, Work};
use crate::sender::Answer;
use crate::server::{self, Server};
use crate::watchers::{self, FanOut};

/// Objects that GETs take in turn.
const GET_OBJECTS: u64 = 1_024;
/// There are at least so many objects to delete: what was created before, and more if that is less.
const DELETE_OBJECTS: u64 = 20_000;

/// Fills the server, measures the scenarios that the settings name, and cleans up unless told to keep the objects.
///
/// All reads are measured before all writes, so that lists find exactly the objects of the fill.
///
/// # Errors
/// When the server cannot be reached or filled. What goes wrong later is told in the report.
pub(crate) async fn run(
    server: &Server,
    settings: &Settings,
    keep: bool,
) -> Result<RunReport, Failure> {
    let target = server.target(settings)?;
    let process = server.process.or_else(|| server::listening(&target));
    let mut memory = Memory { idle_kib: resident(process)?, ..Memory::default() };
    progress("filling");
    let filled = fill::fill(&target, settings).await?;
    memory.filled_kib = resident(process)?;
    let bench = Bench::new(server, settings, &target, process, &filled);
    let mut report = RunReport {
        server: server.url.clone(),
        protocol: target.protocol(),
        pid: process.map(|process| process.pid),
        concurrency: settings.concurrency(),
        objects: settings.objects,
        object_bytes: filled.object_bytes,
        filled_per_second: filled.per_second,
        errors: filled.errors,
        ..RunReport::default()
    };
    for scenario in settings.scenarios() {
        if !scenario.reads() && memory.read_kib.is_none() {
            memory.read_kib = resident(process)?;
        }
        progress(scenario.name);
        report.scenarios.push(bench.measure(scenario).await);
    }
    memory.end_kib = process.and_then(|process| process.resident_kib().ok());
    memory.read_kib = memory.read_kib.or(memory.end_kib);
    memory.peak_kib = process.and_then(|process| process.peak_kib().ok());
    report.memory = memory;
    if !keep {
        progress("removing the objects");
        if let Err(failure) = bench.clean(&mut report).await {
            count_error(&mut report.errors, format!("cleaning: {failure}"), 1);
        }
    }
    Ok(report)
}

/// Fills the server and asks for everything once that is only read, but for the last page, which is found by walking.
///
/// # Errors
/// When the server cannot be reached or filled, or does not answer.
pub(crate) async fn answers(
    server: &Server,
    settings: &Settings,
) -> Result<Vec<(&'static Scenario, Answer)>, Failure> {
    let target = server.target(settings)?;
    fill::fill(&target, settings).await?;
    let mut sender = target.connect().await?;
    let mut answers = Vec::new();
    for scenario in settings.scenarios() {
        let Some((path, headers)) = scenario.work.read() else { continue };
        let template = target.template(Method::GET, &path, &headers)?;
        let answer = sender.call(&template).await?;
        if answer.status == StatusCode::OK {
            answers.push((scenario, answer));
        }
    }
    Ok(answers)
}

/// Measures one scenario on a server that answers everything with `answer`.
///
/// # Errors
/// When the server's URL is none.
pub(crate) async fn measure_one(
    server: &Server,
    settings: &Settings,
    scenario: &Scenario,
    answer: &Answer,
) -> Result<Measured, Failure> {
    let target = server.target(settings)?;
    let filled = Filled { object_bytes: answer.body.len(), ..Filled::default() };
    let bench = Bench::new(server, settings, &target, server.process, &filled);
    Ok(bench.measure(scenario).await)
}

/// Tells what is being done: a run takes minutes.
fn progress(what: &str) {
    eprintln!("pintle-bench: {what}");
}

fn resident(process: Option<Process>) -> Result<Option<u64>, Failure> {
    process.map(Process::resident_kib).transpose()
}

/// What the scenarios of a run share.
struct Bench<'a> {
    server: &'a Server,
    target: Arc<Target>,
    settings: &'a Settings,
    process: Option<Process>,
    msg: Arc<str>,
    least_object: u64,
    /// The next of the objects to be created.
    made: Arc<AtomicU64>,
    /// The next of them to be deleted.
    gone: Arc<AtomicU64>,
    /// The first of the objects that watchers saw, and the next.
    seen: (u64, Arc<AtomicU64>),
}

/// What a scenario came to.
enum Performed {
    Done(Outcome),
    Skipped(String),
}

impl<'a> Bench<'a> {
    fn new(
        server: &'a Server,
        settings: &'a Settings,
        target: &Arc<Target>,
        process: Option<Process>,
        filled: &Filled,
    ) -> Self {
        let first = fill::fresh_number();
        Self {
            server,
            target: Arc::clone(target),
            settings,
            process,
            msg: Arc::clone(&filled.msg),
            least_object: filled.object_bytes as u64 / 2,
            made: Arc::new(AtomicU64::new(first)),
            gone: Arc::new(AtomicU64::new(first)),
            seen: (first, Arc::new(AtomicU64::new(first))),
        }
    }

    /// Measures one scenario. Whatever goes wrong is in the result.
    async fn measure(&self, scenario: &Scenario) -> Measured {
        let resident = || self.process.and_then(|process| process.resident_kib().ok());
        let before = resident();
        let mut measured = match self.perform(scenario.work).await {
            Ok(Performed::Done(outcome)) => Measured::of(scenario, outcome, self.settings.threads),
            Ok(Performed::Skipped(why)) => Measured::skipped(scenario, why),
            Err(failure) => Measured::failed(scenario, &failure),
        };
        if measured.count == 0 && measured.skipped.is_none() && measured.errors.is_empty() {
            count_error(&mut measured.errors, "no answer within the time".to_owned(), 1);
        }
        measured.rss_before_kib = before;
        measured.rss_after_kib = resident();
        measured
    }

    async fn perform(&self, work: Work) -> Result<Performed, Failure> {
        match work {
            Work::Get(query) => self.get(query).await.map(Performed::Done),
            Work::List(list) => self.list(list).await,
            Work::LastPage => self.last_page().await.map(Performed::Done),
            Work::Document(_) => self.document(work).await.map(Performed::Done),
            Work::EtcdPut(how) => self.etcd_put(how).await,
            Work::Create => self.create().await.map(Performed::Done),
            Work::Change(manner) => self.change(manner).await,
            Work::Update => self.update().await.map(Performed::Done),
            Work::Delete => self.delete().await.map(Performed::Done),
            Work::Watch => self.watch().await.map(Performed::Done),
        }
    }

    async fn get(&self, query: &str) -> Result<Outcome, Failure> {
        let count = self.settings.objects.min(GET_OBJECTS);
        // Spread over the whole store, not its beginning.
        let step = self.settings.objects / count;
        let get = |number: u64| {
            let path = FILLED.path(number * step) + query;
            self.target.template(Method::GET, &path, &[(ACCEPT, "application/json")])
        };
        let templates = (0..count).map(get).collect::<Result<Vec<_>, _>>()?;
        self.read(templates.into(), self.least_object, self.settings.streams).await
    }

    async fn list(&self, list: List) -> Result<Performed, Failure> {
        let path = objects::everywhere(list.query);
        let template = self.target.template(Method::GET, &path, &list.form.headers())?;
        let bytes = match probe::list(&self.target, &template, list, self.settings.objects).await? {
            Probed::Good { bytes } => bytes,
            Probed::NotOffered(why) => return Ok(Performed::Skipped(why)),
        };
        let streams = if list.holds == Holds::All { 1 } else { self.settings.streams };
        self.read(vec![template].into(), bytes, streams).await.map(Performed::Done)
    }

    async fn last_page(&self) -> Result<Outcome, Failure> {
        let (template, bytes) = probe::last_page(&self.target, self.settings.objects).await?;
        self.read(vec![template].into(), bytes, self.settings.streams).await
    }

    async fn document(&self, work: Work) -> Result<Outcome, Failure> {
        let (path, headers) = work.read().ok_or_else(|| Failure::new("no document is named"))?;
        let template = self.target.template(Method::GET, &path, &headers)?;
        let bytes = probe::document(&self.target, &template).await?;
        self.read(vec![template].into(), bytes, self.settings.streams).await
    }

    /// Values as large as the objects, at the same concurrency. The CPU time is etcd's.
    async fn etcd_put(&self, how: How) -> Result<Performed, Failure> {
        let Some(url) = &self.server.etcd else {
            return Ok(Performed::Skipped("no etcd is named".to_owned()));
        };
        let target = Target::new(url, None, false)?;
        let puts = Puts::new(&target, how, self.least_object as usize * 2)?;
        let plan = Plan {
            feeds: self.each_stream(|_| Ok(Feed::Puts(puts.clone())))?,
            process: server::listening(&target),
            // A call that failed has a status behind it instead of a message.
            ..self.plan(Expect { least_bytes: 1, ..Expect::status(StatusCode::OK) })
        };
        let outcome = load::drive(&target, plan).await?;
        etcd::clean(&target).await?;
        Ok(Performed::Done(outcome))
    }

    /// Reads the same things over and over; answers must not be much shorter than the one that was checked.
    async fn read(
        &self,
        templates: Arc<[Template]>,
        bytes: u64,
        streams: u64,
    ) -> Result<Outcome, Failure> {
        let count = (self.settings.connections * streams) as usize;
        let turn = |stream| Feed::Turn(Turn::new(Arc::clone(&templates), stream * 7));
        let least_bytes = bytes - bytes / 20;
        let expect = Expect { least_bytes, ..Expect::status(StatusCode::OK) };
        let plan = Plan {
            feeds: (0..count).map(turn).collect(),
            streams: streams as usize,
            ..self.plan(expect)
        };
        load::drive(&self.target, plan).await
    }

    async fn create(&self) -> Result<Outcome, Failure> {
        let numbers = (Arc::clone(&self.made), u64::MAX);
        let batch = Batch::new(&self.target, Deed::Create, MADE, &self.msg, numbers)?;
        let plan = Plan {
            feeds: self.each_stream(|_| Ok(Feed::Batch(batch.clone())))?,
            ..self.plan(Expect::status(StatusCode::CREATED))
        };
        load::drive(&self.target, plan).await
    }

    async fn change(&self, manner: Manner) -> Result<Performed, Failure> {
        let objects = (FILLED, self.settings.objects);
        let streams = self.settings.concurrency() as u64;
        let change = |stream| Change::new(&self.target, manner, objects, (stream, streams));
        let mut sender = self.target.connect().await?;
        let (status, _) = sender
            // A stream beyond the others, so that none of them makes the same change again.
            .exchange(change(streams)?.next()?, None)
            .await
            .map_err(|error| Failure::caused("patch", &error))?;
        if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
            return Ok(Performed::Skipped("HTTP 415".to_owned()));
        }
        let plan = Plan {
            feeds: self.each_stream(|stream| change(stream).map(Feed::Change))?,
            ..self.plan(Expect::status(StatusCode::OK))
        };
        load::drive(&self.target, plan).await.map(Performed::Done)
    }

    async fn update(&self) -> Result<Outcome, Failure> {
        let streams = (self.settings.concurrency() as u64).min(self.settings.objects);
        let mut feeds = Vec::new();
        let mut sender = self.target.connect().await?;
        for stream in 0..streams {
            let version = probe::version(&mut sender, &self.target, FILLED, stream).await?;
            let update = Update::new(&self.target, FILLED, &self.msg, stream, version)?;
            feeds.push(Feed::Update(update));
        }
        let plan = Plan { feeds, ..self.plan(Expect::status(StatusCode::OK)) };
        load::drive(&self.target, plan).await
    }

    async fn delete(&self) -> Result<Outcome, Failure> {
        let there = self.made.load(Ordering::Relaxed) - self.gone.load(Ordering::Relaxed);
        let missing = DELETE_OBJECTS.saturating_sub(there);
        let errors =
            fill::create(&self.target, self.settings, (MADE, &self.msg), (&self.made, missing))
                .await?
                .errors;
        if let Some((line, times)) = errors.first_key_value() {
            return Err(Failure::new(format!("{times} × {line} while creating what to delete")));
        }
        let numbers = (Arc::clone(&self.gone), self.made.load(Ordering::Relaxed));
        let batch = Batch::new(&self.target, Deed::Delete, MADE, &self.msg, numbers)?;
        let plan = Plan {
            feeds: self.each_stream(|_| Ok(Feed::Batch(batch.clone())))?,
            // What there is to delete is not wasted on warming up.
            warm_up: Duration::ZERO,
            ..self.plan(Expect::status(StatusCode::OK))
        };
        load::drive(&self.target, plan).await
    }

    async fn watch(&self) -> Result<Outcome, Failure> {
        let Settings { watchers, events, connections, .. } = *self.settings;
        let fan_out =
            FanOut { watchers: watchers as usize, events, connections: connections as usize };
        let from = probe::list_version(&self.target).await?;
        let objects = (&self.seen.1, &self.msg);
        watchers::watch(&self.target, fan_out, &from, objects, self.process).await
    }

    /// A plan with what all have in common, and no feeds yet.
    fn plan(&self, expect: Expect) -> Plan {
        Plan {
            feeds: Vec::new(),
            streams: self.settings.streams as usize,
            warm_up: self.settings.warm_up,
            length: self.settings.seconds,
            expect,
            process: self.process,
        }
    }

    fn each_stream(
        &self,
        feed: impl FnMut(u64) -> Result<Feed, Failure>,
    ) -> Result<Vec<Feed>, Failure> {
        (0..self.settings.concurrency() as u64).map(feed).collect()
    }

    /// Deletes everything that this run created.
    async fn clean(&self, report: &mut RunReport) -> Result<(), Failure> {
        let last = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let batches = [
            (FILLED, 0, self.settings.objects),
            (MADE, last(&self.gone), last(&self.made)),
            (SEEN, self.seen.0, last(&self.seen.1)),
        ];
        for (series, first, end) in batches {
            let outcome = fill::delete(&self.target, self.settings, series, (first, end)).await?;
            for (line, times) in outcome.errors {
                count_error(&mut report.errors, line, times);
            }
        }
        Ok(())
    }
}

//! Putting objects into a server and taking them away again, as fast as it lets us.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde::Deserialize;

use crate::client::Target;
use crate::failure::Failure;
use crate::feed::{Batch, Deed, Feed};
use crate::load::{self, Errors, Expect, Outcome, Plan};
use crate::objects::{self, FILLED, Series};
use crate::options::Settings;
use crate::probe;

/// Filling and cleaning take at most this long …
const BATCH_LIMIT: Duration = Duration::from_secs(60);
/// … and as much longer as a server needs that handles so many objects per second.
const SLOWEST_PER_SECOND: u64 = 200;

/// What a server was filled with.
#[derive(Debug, Default)]
pub(crate) struct Filled {
    /// The message that pads each object.
    pub(crate) msg: Arc<str>,
    /// The bytes of an object's JSON.
    pub(crate) object_bytes: usize,
    /// How many objects were created per second.
    pub(crate) per_second: f64,
    /// What went wrong.
    pub(crate) errors: Errors,
}

/// Fills the server with as many objects as the settings say. Objects that are there already are taken as they are.
///
/// # Errors
/// When the server cannot be reached or does not take the first object.
pub(crate) async fn fill(target: &Arc<Target>, settings: &Settings) -> Result<Filled, Failure> {
    let msg = padding(target, settings.object_bytes).await?;
    let outcome = match has(target, settings.objects - 1).await? {
        true => Outcome::default(),
        false => {
            let next = Arc::new(AtomicU64::new(0));
            create(target, settings, (FILLED, &msg), (&next, settings.objects)).await?
        }
    };
    let (object_bytes, _) = measure(target).await?;
    let seconds = outcome.elapsed.as_secs_f64().max(f64::EPSILON);
    let per_second = outcome.requests as f64 / seconds;
    Ok(Filled { msg, object_bytes, per_second, errors: outcome.errors })
}

/// Whether the object of the fill with a number is there, and so all before it.
async fn has(target: &Target, number: u64) -> Result<bool, Failure> {
    let template = target.template(Method::GET, &FILLED.path(number), &[])?;
    Ok(target.connect().await?.call(&template).await?.status.is_success())
}

/// Creates `count` objects of a series, from the number that `next` holds on.
///
/// # Errors
/// When the server cannot be reached.
pub(crate) async fn create(
    target: &Arc<Target>,
    settings: &Settings,
    (series, msg): (Series, &Arc<str>),
    (next, count): (&Arc<AtomicU64>, u64),
) -> Result<Outcome, Failure> {
    let end = next.load(Ordering::Relaxed) + count;
    let batch = Batch::new(target, Deed::Create, series, msg, (Arc::clone(next), end))?;
    let expect = Expect { or: Some(StatusCode::CONFLICT), ..Expect::status(StatusCode::CREATED) };
    load::drive(target, plan(settings, &batch, count, expect)).await
}

/// Deletes the objects of a series with the numbers from `first` up to but not with `end`, those that are there.
///
/// # Errors
/// When the server cannot be reached.
pub(crate) async fn delete(
    target: &Arc<Target>,
    settings: &Settings,
    series: Series,
    (first, end): (u64, u64),
) -> Result<Outcome, Failure> {
    let next = Arc::new(AtomicU64::new(first));
    let batch = Batch::new(target, Deed::Delete, series, &Arc::from(""), (next, end))?;
    let expect = Expect { or: Some(StatusCode::NOT_FOUND), ..Expect::status(StatusCode::OK) };
    load::drive(target, plan(settings, &batch, end - first, expect)).await
}

/// A number that no earlier run has used for its objects.
pub(crate) fn fresh_number() -> u64 {
    /// Objects that one run may make of a series before it meets those of another.
    const RUN_OBJECTS: u64 = 1_000_000_000;
    u64::from(std::process::id()) * RUN_OBJECTS
}

fn plan(settings: &Settings, batch: &Batch, count: u64, expect: Expect) -> Plan {
    let streams = settings.concurrency();
    Plan {
        feeds: (0..streams).map(|_| Feed::Batch(batch.clone())).collect(),
        streams: settings.streams as usize,
        warm_up: Duration::ZERO,
        length: BATCH_LIMIT + Duration::from_secs(count / SLOWEST_PER_SECOND),
        expect,
        process: None,
    }
}

/// The message that makes an object as large as asked for, found by looking at one: only the server knows how long
/// its metadata are.
async fn padding(target: &Arc<Target>, object_bytes: u64) -> Result<Arc<str>, Failure> {
    let template = target
        .template(Method::POST, &FILLED.collection(0), &[])?
        .with_body("application/json", objects::object(&FILLED.name(0), "x", "world", None));
    let mut sender = target.connect().await?;
    let answer = sender.call(&template).await?;
    let created = answer.status != StatusCode::CONFLICT;
    if created {
        probe::good(answer)?;
    }
    let (bytes, msg) = measure(target).await?;
    if created {
        let template = target.template(Method::DELETE, &FILLED.path(0), &[])?;
        probe::good(sender.call(&template).await?)?;
    }
    let bare = bytes.saturating_sub(msg);
    let pad = usize::try_from(object_bytes).unwrap_or(usize::MAX).saturating_sub(bare).max(1);
    Ok(Arc::from("x".repeat(pad)))
}

/// The bytes of the first object's JSON, and those of its message.
async fn measure(target: &Target) -> Result<(usize, usize), Failure> {
    #[derive(Deserialize)]
    struct Foo {
        spec: Spec,
    }
    #[derive(Deserialize)]
    struct Spec {
        config: Config,
    }
    #[derive(Deserialize)]
    struct Config {
        msg: String,
    }
    let template = target.template(Method::GET, &FILLED.path(0), &[])?;
    let answer = probe::good(target.connect().await?.call(&template).await?)?;
    let json = answer.body.trim_ascii_end();
    let object: Foo =
        serde_json::from_slice(json).map_err(|error| Failure::caused("read an object", &error))?;
    Ok((json.len(), object.spec.config.msg.len()))
}

//! Server-side apply of one large object: what a create, an apply that changes nothing, and one that changes an item
//! of a long list cost. The server is the example `machines` of pintle, or another one that serves its kind.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use hyper::Method;
use serde_json::json;

use crate::client::{Target, Template};
use crate::failure::Failure;
use crate::sender::Sender;

/// The object, and nothing else, is left in the server while this runs.
const PATH: &str = "/apis/machines.example.com/v1/namespaces/default/machines/large";
const APPLY: &str = "application/apply-patch+yaml";
/// The most items, and the most applies of each kind.
const ITEMS_LIMIT: u64 = 100_000;
const TIMES_LIMIT: u64 = 10_000;

/// Options of `apply-large`.
#[derive(Debug, Args)]
pub(crate) struct ApplyOptions {
    /// The server, as https://host:port
    #[arg(long, value_name = "URL")]
    server: String,
    /// A bearer token
    #[arg(long)]
    token: Option<String>,
    /// Items of the object's list; with its managed fields one takes some 100 bytes
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=ITEMS_LIMIT))]
    items: u64,
    /// Applies of each kind
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=TIMES_LIMIT))]
    times: u64,
}

/// Measures, and removes the object again.
///
/// # Errors
/// When the server does not answer as it should.
pub(crate) async fn measure(options: &ApplyOptions) -> Result<String, Failure> {
    let target = Target::new(&options.server, options.token.as_deref(), false)?;
    let apply = target.template(Method::PATCH, &format!("{PATH}?fieldManager=bench"), &[])?;
    let delete = target.template(Method::DELETE, PATH, &[])?;
    let mut sender = target.connect().await?;
    // What an earlier run may have left.
    sender.call(&delete).await?;
    let body = |round: u64| configuration(options.items, round);
    let mut out = String::new();
    let size = body(0).len();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{} items, a configuration of {size} bytes, in ms:", options.items);
    let mut bytes = 0;
    for (what, first, step) in [("create", 0, 1), ("no change", 0, 0), ("one item changed", 1, 1)] {
        let mut times = Vec::new();
        for round in 0..options.times {
            let request = apply.clone().with_body(APPLY, body(first + step * round));
            let (time, length) = timed(&mut sender, &request).await?;
            times.push(time);
            bytes = length;
            if what == "create" && round + 1 < options.times {
                sender.call(&delete).await?;
            }
        }
        let _ = writeln!(out, "  {what}: {}", summary(times));
    }
    let _ = writeln!(out, "the object has {bytes} bytes");
    sender.call(&delete).await?;
    Ok(out)
}

/// The object as it is applied; each round has another size of the item in the middle.
fn configuration(items: u64, round: u64) -> Bytes {
    let size = |i: u64| if i == items / 2 { round } else { 1 };
    let parts: Vec<_> =
        (0..items).map(|i| json!({"name": format!("p{i:06}"), "size": size(i)})).collect();
    let object = json!({
        "apiVersion": "machines.example.com/v1",
        "kind": "Machine",
        "metadata": {"name": "large", "namespace": "default"},
        "spec": {"hands": 1, "parts": parts, "work": "a lot"},
    });
    object.to_string().into()
}

async fn timed(sender: &mut Sender, request: &Template) -> Result<(Duration, usize), Failure> {
    let begun = Instant::now();
    let answer = sender.call(request).await?;
    let time = begun.elapsed();
    if !answer.status.is_success() {
        let text: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        return Err(Failure::new(format!("an apply was answered with {}: {text}", answer.status)));
    }
    Ok((time, answer.body.len()))
}

fn summary(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let ms = |time: Option<&Duration>| time.copied().unwrap_or_default().as_secs_f64() * 1000.0;
    let (first, middle, last) = (times.first(), times.get(times.len() / 2), times.last());
    format!("median {:.1}, best {:.1}, worst {:.1}", ms(middle), ms(first), ms(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_ten_thousand_items_is_large() {
        let text = configuration(10_000, 7);
        assert!((250_000..350_000).contains(&text.len()), "{}", text.len());
        let object: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(object["spec"]["parts"][5_000], json!({"name": "p005000", "size": 7}));
        assert_eq!(
            summary(vec![Duration::from_millis(3), Duration::from_millis(1)]),
            "median 3.0, best 1.0, worst 3.0"
        );
    }
}

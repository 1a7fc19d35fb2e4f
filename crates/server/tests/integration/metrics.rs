//! What `/metrics` has, beside what the Go sample has there.

use crate::cluster::Cluster;
use crate::harness::{Answer, Issuer, Served, soon};
use crate::kinds::{TASKS, WIDGETS, server, widget};
use crate::plugin::Plugin;
use crate::storage::{Fault, Faulty};
use pintle::Options;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

/// What there is there, what of it is left out, and what is here beside it.
const KNOWN: &str = include_str!("metrics.txt");
const PAGE: &str = include_str!("../../../../docs/COMPARE.md");

/// A metric: its type, its labels and the bounds of its buckets; `None` where there is no value of it.
#[derive(Clone, Debug, PartialEq)]
struct Family {
    sort: String,
    values: Option<(BTreeSet<String>, Vec<f64>)>,
}

/// The names and values of the labels of a sample; no value has a quotation mark.
fn labels(sample: &str) -> BTreeMap<&str, &str> {
    let labels = sample.split_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
    let parts: Vec<&str> = labels.split_terminator('"').collect();
    parts.chunks_exact(2).map(|pair| (pair[0].trim_matches([',', '=']), pair[1])).collect()
}

/// The metrics of a scrape, in which nothing may be there twice.
fn scraped(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let (mut name, mut samples) = ("", BTreeSet::new());
    for line in text.lines().filter(|line| !line.starts_with("# HELP ")) {
        if let Some((family, sort)) = line.strip_prefix("# TYPE ").and_then(|it| it.split_once(' '))
        {
            name = family;
            let family = Family { sort: sort.to_owned(), values: None };
            assert!(families.insert(name.to_owned(), family).is_none(), "{name} twice");
            continue;
        }
        let (sample, _) = line.rsplit_once(' ').unwrap();
        assert!(samples.insert(sample), "{sample} twice");
        let mut labels = labels(sample);
        let bound = labels.remove("le").map(|bound| bound.parse::<f64>().unwrap());
        let names: BTreeSet<String> = labels.into_keys().map(str::to_owned).collect();
        let family = families.get_mut(name).unwrap();
        let (known, bounds) = family.values.get_or_insert_with(|| (names.clone(), Vec::new()));
        assert_eq!(*known, names, "{sample}: other labels than before");
        bounds.extend(bound.filter(|bound| bound.is_finite() && !bounds.contains(bound)));
    }
    families
}

/// The lines of [`KNOWN`] that begin with a word, without it.
fn known(word: &str) -> impl Iterator<Item = &'static str> {
    KNOWN.lines().filter_map(move |line| line.strip_prefix(word)?.strip_prefix(' '))
}

/// The metrics of [`KNOWN`].
fn families(word: &str) -> BTreeMap<String, Family> {
    let list = |text: &'static str| text.split(',').filter(|text| *text != "-");
    let family = |line: &'static str| {
        let [name, sort, labels, bounds] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}: not four words")
        };
        let values = (labels != "?").then(|| {
            let bounds = list(bounds).map(|bound| bound.parse().unwrap()).collect();
            (list(labels).map(str::to_owned).collect(), bounds)
        });
        (name.to_owned(), Family { sort: sort.to_owned(), values })
    };
    known(word).map(family).collect()
}

/// What is left out, as names and beginnings of names, and why.
fn left_out() -> BTreeMap<&'static str, &'static str> {
    known("not").map(|line| line.split_once(' ').unwrap()).collect()
}

fn is_left_out(name: &str) -> bool {
    left_out().into_keys().any(|it| match it.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == it,
    })
}

#[test]
fn what_is_left_out_is_on_the_page() {
    let (_, rest) = PAGE.split_once("### Metrics that are left out\n").unwrap();
    let text = rest.split("\n#").next().unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let mut page = BTreeMap::new();
    for row in rows {
        let (names, why) = row.rsplit_once(" | ").unwrap();
        page.extend(names.split(", ").map(|name| (name.trim_matches('`'), why)));
    }
    assert_eq!(page, left_out());
    for name in left_out().into_keys() {
        let there = families("there").into_keys();
        let beginning = name.trim_end_matches('*');
        assert!(there.into_iter().any(|it| it.starts_with(beginning)), "{name} is not there");
    }
}

/// Sends one request of each sort, and some that fail.
async fn round(served: &Served, storage: &Faulty) {
    let send = async |line: &str, body: String| -> Answer {
        let media = match line.split(' ').next() {
            Some("PATCH") if line.contains("fieldManager") => "application/apply-patch+yaml",
            Some("PATCH") => "application/merge-patch+json",
            _ => "application/json",
        };
        let bearer = format!("Bearer {}", served.token());
        let headers = [("authorization", bearer.as_str()), ("content-type", media)];
        served.send_with(line, &headers, body).await
    };
    let large =
        widget("large", 1).replace("\"size\"", &format!("\"x\":\"{}\",\"size\"", "x".repeat(200)));
    for (line, body, code) in [
        (format!("POST {WIDGETS}"), widget("a", 1), 201),
        (format!("POST {WIDGETS}?dryRun=All"), widget("b", 1), 201),
        (format!("POST {WIDGETS}?fieldValidation=Strict"), large, 400),
        (format!("GET {WIDGETS}/a"), String::new(), 200),
        (format!("GET {WIDGETS}"), String::new(), 200),
        (
            format!("GET {WIDGETS}?limit=1&resourceVersion=1&resourceVersionMatch=Exact"),
            String::new(),
            200,
        ),
        (format!("GET {WIDGETS}?watch=1&timeoutSeconds=1&resourceVersion=0"), String::new(), 200),
        (format!("PUT {WIDGETS}/a"), widget("a", 2), 422),
        (format!("PATCH {WIDGETS}/a"), widget("a", 3), 200),
        (format!("PATCH {TASKS}/t?fieldManager=me"), TASK.to_owned(), 201),
        (format!("PATCH {TASKS}/t/status"), TASK.to_owned(), 200),
        (format!("DELETE {WIDGETS}/a"), String::new(), 200),
        (format!("DELETE {TASKS}"), String::new(), 200),
        ("GET /readyz".to_owned(), String::new(), 200),
    ] {
        let answer = send(&line, body).await;
        assert_eq!(answer.code, code, "{line}: {}", answer.text());
    }
    storage.set(Fault::Absent);
    assert_eq!(send(&format!("POST {WIDGETS}"), widget("c", 1)).await.code, 500);
    storage.set(Fault::Nothing);
    // Nobody is waited for whose body does not come.
    let mut slow = served.connect(b"http/1.1").await;
    let head = format!(
        "POST {WIDGETS}?timeout=1s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 9\r\n\r\n",
        served.token()
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.flush().await.unwrap();
    let bearer = format!("Bearer {}", served.token());
    let as_jane = [("authorization", bearer.as_str()), ("impersonate-user", "jane")];
    assert_eq!(served.send_with(&format!("GET {WIDGETS}"), &as_jane, "").await.code, 403);
    soon(async {
        let line = "apiserver_request_terminations_total{";
        while !send("GET /metrics", String::new()).await.text().contains(line) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

const TASK: &str = r#"{"apiVersion":"test.example.com/v1","kind":"Task","metadata":{"name":"t"}}"#;

/// A server with everything that is measured.
fn everything(options: &mut Options, folder: &Path, clients: &Issuer) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n";
    options.audit.audit_policy_file = Some(write("policy.yaml", policy));
    options.audit.audit_log_path = Some(folder.join("audit.log"));
    options.authentication.client_ca_file = Some(write("clients.crt", &clients.pem()));
    let encryption = format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n\
         - resources: ['*.*']\n  providers: [{{kms: {{apiVersion: v2, name: p, endpoint: \
         'unix://{}/kms.sock'}}}}]\n",
        folder.display()
    );
    options.stored.encryption_config = Some(write("encryption.yaml", &encryption));
}

#[tokio::test]
async fn metrics_are_those_of_kubernetes_or_named() {
    let (folder, clients) = (TempDir::new().unwrap(), Issuer::new("clients"));
    let plugin = Plugin::start(&folder.path().join("kms.sock"));
    let storage = Faulty::new(Fault::Nothing);
    let set = |options: &mut Options| everything(options, folder.path(), &clients);
    let mut served = Served::start_with(server().storage(storage.clone()), set).await;
    let mut here = BTreeMap::new();
    round(&served, &storage).await;
    assert!(plugin.asked("Encrypt") > 0 && plugin.behaviour().healthz == "ok");
    served.show(Some(&clients.issue("root", "system:masters")));
    served.send(&format!("GET {WIDGETS}"), "").await;
    here.extend(scraped(served.send("GET /metrics", "").await.text()));
    served.stop().await;

    let cluster = Cluster::start().await;
    let asks = Served::start_with(server(), |options| {
        options.delegation.enable_auth = true;
        options.delegation.kubeconfig = Some(cluster.served.kubeconfig().to_owned());
        options.delegation.authentication_tolerate_lookup_failure = true;
    })
    .await;
    let jane = [("authorization", "Bearer jane-token")];
    let metrics = asks.send_with("GET /metrics", &jane, "").await;
    let metrics =
        scraped(metrics.text()).into_iter().filter(|(name, _)| name.contains("delegated"));
    here.extend(metrics);
    asks.stop().await;
    cluster.served.stop().await;

    let mut want = families("there");
    want.retain(|name, _| !is_left_out(name));
    let beside = families("here");
    let twice: Vec<_> = beside.keys().filter(|name| want.contains_key(*name)).collect();
    assert!(twice.is_empty(), "{twice:?} are there too");
    want.extend(beside);
    let mut wrong = Vec::new();
    for name in want.keys().chain(here.keys()).collect::<BTreeSet<_>>() {
        let (want, here) = (want.get(name), here.get(name));
        if want != here {
            wrong.push(format!("{name}\n  wanted: {want:?}\n  served: {here:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

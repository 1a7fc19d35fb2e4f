//! Resource versions: which state a GET, a LIST and a watch show, by the tables of
//! [resource versions](https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions).

use crate::harness::{Answer, Served};
use crate::kinds::{WIDGETS, server, widget};
use pintle_storage::{Memory, Storage};
use serde_json::Value;
use std::collections::BTreeMap;

/// A server whose widgets have a history: `a`, `b` and `c` are created, `a` grows, `b` goes, `d` comes.
/// `{1}` … `{6}` in a query stand for the versions after each of these, `{9}` for one to come.
struct History {
    served: Served,
    versions: BTreeMap<char, u64>,
}

impl History {
    async fn start(storage: Memory) -> Self {
        let served = Served::start(server().storage(storage)).await;
        let mut versions = BTreeMap::new();
        let patch = [("content-type", "application/merge-patch+json")];
        for (at, line, body) in [
            ('1', "POST ", widget("a", 1)),
            ('2', "POST ", widget("b", 1)),
            ('3', "POST ", widget("c", 1)),
            ('4', "PATCH /a", r#"{"spec":{"size":2}}"#.to_owned()),
            ('5', "DELETE /b", String::new()),
            ('6', "POST ", widget("d", 1)),
        ] {
            let (method, rest) = line.split_once(' ').unwrap();
            let line = format!("{method} {WIDGETS}{rest}");
            let headers = if method == "PATCH" { &patch[..] } else { &[] };
            let answer = served.send_with(&line, headers, body).await;
            assert!(answer.code < 300, "{line}: {}", answer.text());
            let list = served.send(&format!("GET {WIDGETS}"), "").await;
            versions.insert(at, list.at("/metadata/resourceVersion").parse().unwrap());
        }
        versions.insert('9', versions[&'6'] + 1000);
        Self { served, versions }
    }

    /// A text with its versions filled in.
    fn fill(&self, text: &str) -> String {
        let fill = |text: String, (at, version): (&char, &u64)| {
            text.replace(&format!("{{{at}}}"), &version.to_string())
        };
        self.versions.iter().fold(text.to_owned(), fill)
    }

    /// What a GET of a path below the widgets is answered, in short: the names and sizes and the
    /// version of a list, or the code, the reason and the message.
    async fn ask(&self, rest: &str) -> (String, Answer) {
        let line = format!("GET {WIDGETS}{}", self.fill(rest));
        let answer = self.served.send(&line, "").await;
        let body = answer.json();
        let version = body["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        let known = self.versions.iter().find(|(_, v)| v.to_string() == version);
        let version = known.map_or(String::new(), |(at, _)| format!(" at {at}"));
        let one = |item: &Value| {
            format!("{}{}", item["metadata"]["name"].as_str().unwrap(), item["spec"]["size"])
        };
        let brief = match (answer.code, body["items"].as_array()) {
            (200, Some(items)) => {
                let items: Vec<String> = items.iter().map(one).collect();
                let more = body["metadata"]["continue"].is_string();
                let more = if more { " more" } else { "" };
                format!("{}{version}{more}", items.join(" "))
            }
            (200, None) => format!("{}{version}", one(&body)),
            (code, _) => {
                let reason = body["reason"].as_str().unwrap_or_default();
                format!("{code} {reason}: {}", body["message"].as_str().unwrap_or_default())
            }
        };
        (brief, answer)
    }

    async fn check(&self, rest: &str, want: &str) {
        let (got, _) = self.ask(rest).await;
        let want = self.fill(want);
        assert!(
            got == want || (want.ends_with('…') && got.starts_with(want.trim_end_matches('…'))),
            "{rest}: {got}\nwant {want}"
        );
    }
}

const TOO_LARGE: &str = "504 Timeout: Timeout: Too large resource version: {9}, current: {6}";
const TOO_OLD: &str = "410 Expired: The resourceVersion for the provided list is too old.";
const BOTH: &str = "400 BadRequest: specifying resource version is not allowed when using continue";

/// What each combination shows, from the cache.
const TABLE: &[(&str, &str)] = &[
    ("/a", "a2 at 4"),
    ("/a?resourceVersion=0", "a2 at 4"),
    ("/a?resourceVersion={1}", "a2 at 4"),
    ("/a?resourceVersion={6}", "a2 at 4"),
    ("/a?resourceVersion={9}", TOO_LARGE),
    ("/a?resourceVersion=x", "500 : resourceVersion: Invalid value: …"),
    ("/b", "404 NotFound: widgets.test.example.com \"b\" not found"),
    ("", "a2 c1 d1 at 6"),
    ("?limit=2", "a2 c1 at 6 more"),
    ("?limit=3", "a2 c1 d1 at 6"),
    ("?resourceVersion=0", "a2 c1 d1 at 6"),
    ("?resourceVersion=0&limit=2", "a2 c1 d1 at 6"),
    ("?resourceVersion=0&resourceVersionMatch=NotOlderThan&limit=2", "a2 c1 d1 at 6"),
    (
        "?resourceVersion=0&resourceVersionMatch=Exact",
        "422 Invalid: ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: \
         resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
    ),
    ("?resourceVersion={3}", "a2 c1 d1 at 6"),
    ("?resourceVersion={3}&limit=2", "a1 b1 at 3 more"),
    ("?resourceVersion={3}&resourceVersionMatch=NotOlderThan", "a2 c1 d1 at 6"),
    ("?resourceVersion={3}&resourceVersionMatch=NotOlderThan&limit=1", "a2 at 6 more"),
    ("?resourceVersion={3}&resourceVersionMatch=Exact", "a1 b1 c1 at 3"),
    ("?resourceVersion={4}&resourceVersionMatch=Exact", "a2 b1 c1 at 4"),
    ("?resourceVersion={5}&resourceVersionMatch=Exact", "a2 c1 at 5"),
    ("?resourceVersion={6}&resourceVersionMatch=Exact&limit=1", "a2 at 6 more"),
    ("?resourceVersion={4}&resourceVersionMatch=Exact&fieldSelector=metadata.name%3Db", "b1 at 4"),
    ("?fieldSelector=metadata.name%3Db", " at 6"),
    ("?fieldSelector=metadata.name%3Dc&limit=1", "c1 at 6"),
    ("?fieldSelector=metadata.name!%3Dc", "a2 d1 at 6"),
    ("?fieldSelector=metadata.namespace%3Dother", " at 6"),
    ("?resourceVersion={9}", TOO_LARGE),
    ("?resourceVersion={9}&resourceVersionMatch=Exact", TOO_LARGE),
    ("?resourceVersion=x", "400 BadRequest: …"),
    ("?resourceVersionMatch=Exact", "422 Invalid: …"),
    ("?resourceVersion={3}&resourceVersionMatch=Sometimes", "422 Invalid: …"),
    ("?sendInitialEvents=true", "422 Invalid: …"),
];

#[tokio::test]
async fn each_combination_shows_its_state() {
    let history = History::start(Memory::new()).await;
    for (rest, want) in TABLE {
        history.check(rest, want).await;
    }
    // A page goes on at its own version, and refuses another one.
    let (_, first) = history.ask("?resourceVersion={3}&limit=2").await;
    let token = first.at("/metadata/continue");
    assert_eq!(first.at("/metadata/remainingItemCount"), "1");
    history.check(&format!("?continue={token}"), "c1 at 3").await;
    history.check(&format!("?resourceVersion=0&continue={token}"), "c1 at 3").await;
    history.check(&format!("?resourceVersion={{3}}&continue={token}"), BOTH).await;
    history.check(&format!("?resourceVersionMatch=Exact&continue={token}"), "422 Invalid: …").await;
    history.check("?continue=x", "400 BadRequest: invalid continue token: …").await;
    history.served.stop().await;
}

/// What the cache has forgotten, or never knew, is read from the storage; what both have forgotten has
/// expired.
#[tokio::test]
async fn the_storage_remembers_more_than_a_cache_that_starts_late() {
    let storage = Memory::new();
    let first = History::start(storage.clone()).await;
    let versions = first.versions.clone();
    first.served.stop().await;
    let served = Served::start(server().storage(storage.clone())).await;
    let history = History { served, versions };
    history.check("?resourceVersion={3}&resourceVersionMatch=Exact", "a1 b1 c1 at 3").await;
    let rest = "?resourceVersion={4}&resourceVersionMatch=Exact&fieldSelector=metadata.name%3Db";
    history.check(rest, "b1 at 4").await;
    let (brief, page) = history.ask("?resourceVersion={3}&limit=1").await;
    assert_eq!(brief, "a1 at 3 more");
    let token = page.at("/metadata/continue");
    history.check(&format!("?limit=1&continue={token}"), "b1 at 3 more").await;

    storage.compact(history.versions[&'5']).await.unwrap();
    history.check("?resourceVersion={4}&resourceVersionMatch=Exact", TOO_OLD).await;
    let (brief, gone) = history.ask(&format!("?limit=1&continue={token}")).await;
    assert!(
        brief.starts_with("410 Expired: The provided continue parameter is too old"),
        "{brief}"
    );
    // The token of the refusal goes on where the old one stood, with what there is now.
    let token = gone.at("/metadata/continue");
    history.check(&format!("?limit=1&continue={token}"), "c1 at 6 more").await;
    history.served.stop().await;
}

/// What a watch starts with, and that a version which is still to come is waited for.
#[tokio::test]
async fn each_watch_starts_at_its_version() {
    let history = History::start(Memory::new()).await;
    let everything = &["ADDED a", "ADDED c", "ADDED d"][..];
    let initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    for (query, want) in [
        ("", everything),
        ("resourceVersion=0", everything),
        ("resourceVersion={4}", &["DELETED b", "ADDED d"]),
        ("resourceVersion={6}", &[]),
        ("resourceVersion={9}", &[]),
        (initial, everything),
        (&format!("{initial}&resourceVersion=0"), everything),
        (&format!("{initial}&resourceVersion={{4}}"), everything),
        (
            "sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion={5}",
            &["ADDED d"],
        ),
        (&format!("{initial}&resourceVersion={{9}}"), &["ERROR"]),
    ] {
        let query = history.fill(query);
        let path = format!("{WIDGETS}?watch=true&timeoutSeconds=1&{query}");
        let mut events = history.served.watch(&path, &[]).await;
        assert_eq!(events.rest().await, want, "{query}");
    }
    // Changes up to a version of the future are not for its watch.
    let next = history.versions[&'6'] + 1;
    let path = format!("{WIDGETS}?watch=true&timeoutSeconds=20&resourceVersion={next}");
    let mut events = history.served.watch(&path, &[]).await;
    for name in ["e", "f"] {
        let answer = history.served.send(&format!("POST {WIDGETS}"), widget(name, 1)).await;
        assert_eq!(answer.code, 201, "{}", answer.text());
    }
    assert_eq!(events.brief().await, "ADDED f");
    history.served.stop().await;
}

/// A field selector on names and namespaces finds what it should across namespaces.
#[tokio::test]
async fn names_are_found_in_all_namespaces() {
    let served = Served::start(server()).await;
    let all = "/apis/test.example.com/v1/widgets";
    for namespace in ["a", "a-b", "b", "c"] {
        for name in ["one", "two"] {
            let line = format!("POST /apis/test.example.com/v1/namespaces/{namespace}/widgets");
            let answer = served.send(&line, widget(name, 1)).await;
            assert_eq!(answer.code, 201, "{}", answer.text());
        }
    }
    let answer = served.send("DELETE /apis/test.example.com/v1/namespaces/b/widgets/two", "").await;
    assert_eq!(answer.code, 200);
    let check = async |query: &str, want: &str| {
        let answer = served.send(&format!("GET {all}?{query}"), "").await;
        let json = answer.json();
        let items = json["items"].as_array().unwrap().iter();
        let text = |item: &Value, field: &str| item["metadata"][field].as_str().unwrap().to_owned();
        let keys = items.map(|it| format!("{}/{}", text(it, "namespace"), text(it, "name")));
        assert_eq!(keys.collect::<Vec<_>>().join(" "), want, "{query}");
        if !query.contains("limit") {
            // A watch starts with the same.
            let path = format!("{all}?watch=true&timeoutSeconds=1&{query}");
            let mut events = served.watch(&path, &[]).await;
            let mut seen = Vec::new();
            while let Some(event) = events.next().await {
                assert_eq!(event["type"], "ADDED", "{query}");
                let text =
                    |field: &str| event["object"]["metadata"][field].as_str().unwrap().to_owned();
                seen.push(format!("{}/{}", text("namespace"), text("name")));
            }
            assert_eq!(seen.join(" "), want, "{query}: a watch");
        }
        answer.at("/metadata/continue")
    };
    check("fieldSelector=metadata.name%3Dtwo", "a-b/two a/two c/two").await;
    check("fieldSelector=metadata.name%3Dnone", "").await;
    check("fieldSelector=metadata.namespace%3Da", "a/one a/two").await;
    check("fieldSelector=metadata.namespace%3Db,metadata.name%3Done", "b/one").await;
    let token = check("fieldSelector=metadata.name%3Done&limit=2", "a-b/one a/one").await;
    check(&format!("fieldSelector=metadata.name%3Done&limit=2&continue={token}"), "b/one c/one")
        .await;
    let token = check("fieldSelector=metadata.namespace%3Dc&limit=1", "c/one").await;
    check(&format!("fieldSelector=metadata.namespace%3Dc&limit=1&continue={token}"), "c/two").await;
    served.stop().await;
}

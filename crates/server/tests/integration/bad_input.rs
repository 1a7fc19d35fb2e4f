//! What no well-meaning client sends: it is refused in Kubernetes' words, nothing is half
//! written, and the server goes on.

use crate::harness::{Http, Served, soon};
use crate::kinds::{NOTES, WIDGETS, server, widget};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const BODY_BYTES_MAX: usize = 3 << 20;

/// A server with one widget, which no bad request may change.
struct Target {
    served: Served,
    before: Bytes,
}

impl Target {
    async fn start() -> Self {
        let served = Served::start(server()).await;
        let made = served.send(&format!("POST {WIDGETS}"), widget("old", 1)).await;
        assert_eq!(made.code, 201);
        let before = served.send(&format!("GET {WIDGETS}"), "").await.body;
        Self { served, before }
    }

    /// The server is well, and has what it had.
    async fn unharmed(&self, after: &str) {
        let list = self.served.send("GET /apis/test.example.com/v1/widgets", "").await;
        assert_eq!(list.body, self.before, "after {after}");
        assert_eq!(self.served.send("GET /healthz", "").await.text(), "ok", "after {after}");
    }

    /// Sends a request, and checks what it is answered and that it changes nothing.
    async fn check(
        &self,
        line: &str,
        media: &str,
        body: impl Into<Bytes>,
        code: u16,
        reason: &str,
    ) {
        let body = body.into();
        let sent = short(&String::from_utf8_lossy(&body));
        let answer = self.served.send_with(line, &[("content-type", media)], body).await;
        let what = format!("{} {media} {sent:?}: {}", short(line), short(answer.text()));
        assert_eq!(answer.code, code, "{what}");
        assert_eq!(answer.at("/reason"), reason, "{what}");
        if !reason.is_empty() {
            assert_eq!(answer.at("/kind"), "Status", "{what}");
            assert_eq!(answer.at("/code"), code.to_string(), "{what}");
        }
        assert_eq!(answer.header("allow"), "", "{what}");
        self.unharmed(&what).await;
    }

    /// Writes bytes to a connection, and checks that the answer begins with one of these, where
    /// `""` is none at all.
    async fn raw(&self, bytes: &[u8], wants: &[&str]) {
        let mut stream = self.served.connect(b"http/1.1").await;
        let mut text = Vec::new();
        // A server that refuses need not read to the end.
        let _ = soon(stream.write_all(bytes)).await;
        let _ = soon(stream.flush()).await;
        let _ = soon(stream.shutdown()).await;
        let _ = soon(stream.read_to_end(&mut text)).await;
        let text = String::from_utf8_lossy(&text);
        let sent = String::from_utf8_lossy(bytes);
        let fits = |want: &&str| match *want {
            "" => text.is_empty(),
            want => text.starts_with(want),
        };
        assert!(wants.iter().any(fits), "{}: {}", short(&sent), short(&text));
        self.unharmed(&short(&sent)).await;
    }
}

fn short(text: &str) -> String {
    text.chars().take(300).collect()
}

fn spec(inner: &str) -> String {
    format!(
        r#"{{"apiVersion":"test.example.com/v1","kind":"Widget","metadata":{{"name":"new"}},"spec":{inner}}}"#
    )
}

const YAML_HEAD: &str = "apiVersion: test.example.com/v1\nkind: Widget\nmetadata: {name: new}\n";

/// A widget with these metadata beside its name, in JSON.
fn with_metadata(metadata: &str) -> String {
    widget("new", 1).replace(r#""name":"new""#, &format!(r#""name":"new",{metadata}"#))
}

/// What is long costs as much as it is long, and not as its items are pairs; each of these took
/// minutes. While it is worked on, others are answered.
#[tokio::test]
async fn long_lists_cost_no_more_than_they_are_long() {
    let target = Target::start().await;
    let create = &format!("POST {WIDGETS}");
    let many = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(",")
    };
    let owner = r#"{"apiVersion":"v1","kind":"Pod","name":"a","uid":"i"}"#;
    let owners = |items: String| format!(r#""ownerReferences":[{items}]"#);
    let labels = many(60_000, &|i| format!(r#""Bad {i}!":"x""#));
    let distinct = owners(many(30_000, &|i| owner.replace(r#""i""#, &format!(r#""{i}""#))));
    let rivals = many(2_000, &|i| owner.replace(r#""i""#, &format!(r#""{i}","controller":true"#)));
    for (what, metadata, code, reason) in [
        ("owners", distinct.as_str(), 201, ""),
        ("the same owner", &owners(many(50_000, &|_| owner.to_owned())), 201, ""),
        ("bad labels", &format!(r#""labels":{{{labels}}}"#), 422, "Invalid"),
        ("controllers", &owners(rivals), 422, "Invalid"),
    ] {
        let line = &format!("{create}?dryRun=All");
        let sent = target.served.send(line, with_metadata(metadata));
        let (answer, health) = tokio::join!(soon(sent), target.served.send("GET /healthz", ""));
        assert_eq!((answer.code, answer.at("/reason").as_str()), (code, reason), "{what}");
        assert!(answer.body.len() < 8 << 20, "{what}: {} bytes", answer.body.len());
        assert_eq!(health.code, 200, "{what}");
        target.unharmed(what).await;
    }
}

/// An object that does not fit with its managed fields is kept without them, as in Kubernetes; not
/// where it is applied, for that needs them.
#[tokio::test]
async fn what_is_too_large_is_kept_without_managed_fields() {
    let target = Target::start().await;
    let labels: Vec<String> = (0..22_000).map(|i| format!(r#""label-{i:05}":"{i:040}""#)).collect();
    let large = with_metadata(&format!(r#""labels":{{{}}}"#, labels.join(",")));
    let merge = [("content-type", "application/merge-patch+json")];
    let apply = [("content-type", "application/apply-patch+yaml")];
    let at = &format!("{WIDGETS}/new");
    let refused = format!("PATCH {at}?fieldManager=me");
    assert_eq!(target.served.send_with(&refused, &apply, large.clone()).await.code, 413);
    for (line, headers, code) in [
        (format!("POST {WIDGETS}"), &[][..], 201),
        (format!("PUT {at}"), &[], 200),
        (format!("PATCH {at}"), &merge, 200),
    ] {
        let mut body = large.clone();
        if code == 200 {
            // A small one is there, with managed fields.
            target.served.send(&format!("DELETE {at}"), "").await;
            let made = target.served.send(&format!("POST {WIDGETS}"), widget("new", 1)).await;
            assert!(made.text().contains("managedFields"), "{}", made.text());
            let version =
                format!(r#""resourceVersion":"{}","#, made.at("/metadata/resourceVersion"));
            body = body.replace(r#""labels""#, &(version + r#""labels""#));
        }
        let answer = target.served.send_with(&line, headers, body).await;
        assert_eq!(answer.code, code, "{line}: {}", short(answer.text()));
        assert_eq!(answer.at("/metadata/managedFields"), "", "{line}");
        let read = target.served.send(&format!("GET {at}"), "").await;
        assert_eq!(read.at("/metadata/labels/label-00001").len(), 40, "{line}");
        assert_eq!(read.at("/metadata/managedFields"), "", "{line}");
    }
}

#[tokio::test]
async fn bodies_over_the_limit() {
    let target = Target::start().await;
    let create = format!("POST {WIDGETS}");
    let merge = "application/merge-patch+json";
    for size in [BODY_BYTES_MAX + 1, 2 * BODY_BYTES_MAX] {
        let body = spec(&format!(r#"{{"color":"{}"}}"#, "x".repeat(size)));
        for (line, media) in [
            (create.as_str(), JSON),
            (create.as_str(), YAML),
            (&format!("PUT {WIDGETS}/old"), JSON),
            (&format!("PATCH {WIDGETS}/old"), merge),
            (&format!("DELETE {WIDGETS}/old"), JSON),
        ] {
            target.check(line, media, body.clone(), 413, "RequestEntityTooLarge").await;
            let headers = [("content-type", media)];
            let answer = target.served.send_over(Http::Two, line, &headers, body.clone()).await;
            assert_eq!(answer.code, 413, "{}", answer.text());
        }
    }
    // The same in chunks, whose sum nobody announces.
    let mut chunked = format!(
        "POST {WIDGETS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for _ in 0..64 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.resize(chunked.len() + 0x10000, b' ');
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    target.raw(&chunked, &["HTTP/1.1 413 "]).await;
    // An announcement alone is enough.
    let announced = format!(
        "POST {WIDGETS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 999999999999\r\n\r\n"
    );
    target.raw(announced.as_bytes(), &["HTTP/1.1 413 "]).await;
    // Who sends everything before it reads hears why it was refused all the same.
    let size = BODY_BYTES_MAX + (1 << 20);
    for (header, want) in [("accept: x/y", "HTTP/1.1 406 "), ("accept: */*", "HTTP/1.1 413 ")] {
        let head =
            format!("POST {WIDGETS} HTTP/1.1\r\nhost: x\r\n{header}\r\nconnection: close\r\n");
        let request = format!("{head}content-length: {size}\r\n\r\n{}", " ".repeat(size));
        target.raw(request.as_bytes(), &[want]).await;
    }
    // What just fits is read.
    let fits = spec("{}");
    let fits = format!("{fits}{}", " ".repeat(BODY_BYTES_MAX - fits.len()));
    let answer = target.served.send(&format!("{create}?dryRun=All"), fits).await;
    assert_eq!(answer.code, 201, "{}", answer.text());
    target.served.stop().await;
}

#[tokio::test]
async fn bombs() {
    let target = Target::start().await;
    let create = format!("POST {WIDGETS}");
    let patch = format!("PATCH {WIDGETS}/old");
    let apply = format!("{patch}?fieldManager=m");
    let bad = "BadRequest";
    for depth in [200, 10_000, 500_000] {
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        let open = "[".repeat(depth);
        for deep in [&arrays, &objects, &open] {
            let object = spec(&format!(r#"{{"x":{deep}}}"#));
            target.check(&create, JSON, object.clone(), 400, bad).await;
            target.check(&create, YAML, format!("{YAML_HEAD}spec: {{x: {deep}}}"), 400, bad).await;
            let merge = format!(r#"{{"spec":{{"x":{deep}}}}}"#);
            target.check(&patch, "application/merge-patch+json", merge, 400, bad).await;
            target.check(&apply, "application/apply-patch+yaml", object, 400, bad).await;
            let add = format!(r#"[{{"op":"add","path":"/spec/x","value":{deep}}}]"#);
            target.check(&patch, "application/json-patch+json", add, 400, bad).await;
            let options = format!(r#"{{"kind":"DeleteOptions","apiVersion":"v1","x":{deep}}}"#);
            target.check(&format!("DELETE {WIDGETS}/old"), JSON, options, 400, bad).await;
        }
        let block = format!("{YAML_HEAD}spec:\n  x:\n    {}a", "- ".repeat(depth));
        target.check(&create, YAML, block, 400, bad).await;
    }
    // A billion laughs.
    let mut laughs = String::from(YAML_HEAD);
    laughs.push_str("a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n");
    for (name, of) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip("abcdefgh".chars()) {
        let list = vec![format!("*{of}"); 10].join(",");
        laughs.push_str(&format!("{name}: &{name} [{list}]\n"));
    }
    laughs.push_str("spec: {uses: *i}\n");
    target.check(&create, YAML, laughs.clone(), 400, bad).await;
    target.check(&apply, "application/apply-patch+yaml", laughs, 400, bad).await;
    target.check(&create, YAML, format!("{YAML_HEAD}spec: &s\n  x: *s\n"), 400, bad).await;
    // A patch that doubles the object again and again.
    let double: Vec<_> =
        (0..40).map(|i| format!(r#"{{"op":"copy","from":"/spec","path":"/spec/x{i}"}}"#)).collect();
    let answer = target
        .served
        .send_with(
            &patch,
            &[("content-type", "application/json-patch+json")],
            format!("[{}]", double.join(",")),
        )
        .await;
    assert!((400..500).contains(&answer.code), "{} {}", answer.code, short(answer.text()));
    target.unharmed("a patch that doubles").await;
    target.served.stop().await;
}

#[tokio::test]
async fn bodies_that_are_no_widget() {
    let target = Target::start().await;
    let create = format!("POST {WIDGETS}");
    let bad = "BadRequest";
    let texts: [&[u8]; 16] = [
        b"",
        b"\0\0\0\0",
        b"\xff\xfe{\x00}\x00",
        b"\x80\x81\x82",
        b"k8s\0\x0a\x0b\x0a\x02v1\x12\x05Thing",
        b"true",
        b"[]",
        b"1e999999",
        b"\"x\"",
        b"{",
        b"{\"kind\":1}",
        b"{\"kind\":\"Widget\",\"metadata\":[]}",
        b"{}}",
        b"{\"apiVersion\":\"///\",\"kind\":\"Widget\"}",
        b"{\"kind\":\"Widget\"} trailing",
        b"\xef\xbb\xbf{\"kind\":\"Widget\"}",
    ];
    for text in texts {
        target.check(&create, JSON, text, 400, bad).await;
        let answer = target
            .served
            .send_with(&create, &[("content-type", YAML)], Bytes::from_static(text))
            .await;
        assert!((400..500).contains(&answer.code), "{text:?}: {}", answer.text());
        target.unharmed("YAML").await;
    }
    for inner in [
        r#"{"size":"1"}"#,
        r#"{"size":1.5}"#,
        r#"{"size":123456789012345678901234567890}"#,
        r#"{"size":1e400}"#,
        r#"{"size":true}"#,
        r#"{"size":{}}"#,
        r#"{"uses":"door"}"#,
        r#"{"uses":[1]}"#,
        r#"{"color":["red"]}"#,
        r#"{"color":"\x"}"#,
        "{\"color\":\"\u{1}\"}",
        r#"{"size":01}"#,
        r#"{"size":1,}"#,
        "[]",
        "\"x\"",
    ] {
        target.check(&create, JSON, spec(inner), 400, bad).await;
    }
    target.served.stop().await;
}

#[tokio::test]
async fn bodies_of_another_kind_or_name() {
    let target = Target::start().await;
    let create = format!("POST {WIDGETS}");
    let bad = "BadRequest";
    for (api_version, kind) in [
        ("test.example.com/v1", "Task"),
        ("test.example.com/v1", "widget"),
        ("test.example.com/v2", "Widget"),
        ("other.example.com/v1", "Widget"),
        ("v1", "Widget"),
        ("a/b/c", "Widget"),
    ] {
        let body = format!(
            r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"new"}}}}"#
        );
        target.check(&create, JSON, body, 400, bad).await;
    }
    // What kind it is need not be said, but its name.
    for text in ["{}", "null", r#"{"kind":"Widget"}"#, r#"{"apiVersion":"test.example.com/v1"}"#] {
        target.check(&create, JSON, text, 422, "Invalid").await;
    }
    for media in
        ["text/plain", "application/xml", "x", ";;;", "application/vnd.kubernetes.protobuf"]
    {
        target.check(&create, media, widget("new", 1), 415, "UnsupportedMediaType").await;
    }
    for name in ["", "UPPER", "a b", "-a", "a/b", "..", "a\\u0000", &"x".repeat(254)] {
        target.check(&create, JSON, widget(name, 1), 422, "Invalid").await;
    }
    target.check(&create, JSON, widget("new", -1), 422, "Invalid").await;
    target.check(&create, JSON, widget("old", 1), 409, "AlreadyExists").await;
    target.served.stop().await;
}

#[tokio::test]
async fn patches_that_cannot_be() {
    let target = Target::start().await;
    let patch = format!("PATCH {WIDGETS}/old");
    let merge = "application/merge-patch+json";
    let json = "application/json-patch+json";
    let apply = "application/apply-patch+yaml";
    for (line, media, body, code, reason) in [
        (&patch, merge, "", 400, "BadRequest"),
        (&patch, merge, "[]", 400, "BadRequest"),
        (&patch, merge, "{", 400, "BadRequest"),
        (&patch, merge, r#"{"spec":{"size":"x"}}"#, 422, "Invalid"),
        (&patch, merge, r#"{"spec":{"size":-5}}"#, 422, "Invalid"),
        (&patch, merge, r#"{"metadata":{"resourceVersion":"1"}}"#, 409, "Conflict"),
        (&patch, json, "{}", 400, "BadRequest"),
        (&patch, json, r#"[{"op":"jump","path":"/spec"}]"#, 422, "Invalid"),
        (&patch, json, r#"[{"op":"remove","path":"/nope/x"}]"#, 422, "Invalid"),
        (&patch, json, r#"[{"op":"test","path":"/spec/size","value":9}]"#, 422, "Invalid"),
        (&patch, "application/json", "{}", 415, "UnsupportedMediaType"),
        (&patch, "text/plain", "{}", 415, "UnsupportedMediaType"),
        (&format!("{patch}?fieldManager=m"), apply, "a: b: c", 400, "BadRequest"),
        (&format!("{patch}?fieldManager=m"), apply, "{}", 400, "BadRequest"),
        (&format!("{patch}?force=true"), merge, "{}", 422, "Invalid"),
        (&format!("PATCH {WIDGETS}/none"), merge, "{}", 404, "NotFound"),
    ] {
        target.check(line, media, body, code, reason).await;
    }
    let many = vec![r#"{"op":"test","path":"/kind","value":"Widget"}"#; 10_001].join(",");
    target.check(&patch, json, format!("[{many}]"), 413, "RequestEntityTooLarge").await;
    target.served.stop().await;
}

#[tokio::test]
async fn queries_that_make_no_sense() {
    let target = Target::start().await;
    let token = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    for (query, code, reason) in [
        ("labelSelector=a%3D%3D%3D", 400, "BadRequest"),
        ("labelSelector=a+in+(", 400, "BadRequest"),
        ("labelSelector=a+in+b", 400, "BadRequest"),
        ("labelSelector=%2C", 400, "BadRequest"),
        ("labelSelector=%FF", 400, "BadRequest"),
        ("labelSelector=-a%3Db", 400, "BadRequest"),
        ("fieldSelector=spec.size%3D1", 400, "BadRequest"),
        ("fieldSelector=metadata.name", 400, "BadRequest"),
        ("continue=AAAA", 400, "BadRequest"),
        ("continue=%00", 400, "BadRequest"),
        (&format!("continue={}", token("{}")), 400, "BadRequest"),
        (
            &format!("continue={}", token(r#"{"v":"meta.k8s.io/v1","rv":2,"start":"../../x"}"#)),
            400,
            "BadRequest",
        ),
        ("resourceVersion=x", 400, "BadRequest"),
        ("resourceVersion=-1", 400, "BadRequest"),
        ("resourceVersion=18446744073709551616", 400, "BadRequest"),
        ("resourceVersionMatch=Exact", 422, "Invalid"),
        ("resourceVersion=1&resourceVersionMatch=Sometimes", 422, "Invalid"),
        ("resourceVersion=0&resourceVersionMatch=Exact", 422, "Invalid"),
        ("sendInitialEvents=true", 422, "Invalid"),
        ("limit=abc", 400, "BadRequest"),
        ("limit=99999999999999999999", 400, "BadRequest"),
        ("limit=1.5", 400, "BadRequest"),
        ("timeoutSeconds=abc", 400, "BadRequest"),
        ("watch=true&timeoutSeconds=abc", 400, "BadRequest"),
        ("watch=true&resourceVersion=x", 500, ""),
        ("watch=true&labelSelector=%2C", 400, "BadRequest"),
        ("timeout=abc", 400, "BadRequest"),
        ("timeout=-1s", 200, ""),
        ("timeout=1e999h", 400, "BadRequest"),
        ("limit=-1", 200, ""),
        ("limit=9223372036854775807", 200, ""),
        ("watch=false", 200, ""),
        ("timeout=999999h", 200, ""),
        ("%00=%00&&&=&==", 200, ""),
        (&"a=b&".repeat(4000), 200, ""),
    ] {
        target.check(&format!("GET {WIDGETS}?{query}"), JSON, "", code, reason).await;
    }
    let selector: Vec<_> = (0..2000).map(|i| format!("k{i}!%3Dv")).collect();
    let many = format!("GET {WIDGETS}?labelSelector={}", selector.join(","));
    target.check(&many, JSON, "", 200, "").await;
    for (query, code, reason) in [
        ("dryRun=Maybe", 422, "Invalid"),
        ("fieldValidation=Maybe", 422, "Invalid"),
        ("fieldManager=%00", 422, "Invalid"),
        (&format!("fieldManager={}", "x".repeat(129)), 422, "Invalid"),
    ] {
        let line = format!("POST {WIDGETS}?{query}");
        target.check(&line, JSON, widget("new", 1), code, reason).await;
    }
    for query in ["dryRun=Maybe", "propagationPolicy=Maybe", "gracePeriodSeconds=-x"] {
        let answer = target.served.send(&format!("DELETE {WIDGETS}/old?{query}"), "").await;
        assert!((400..500).contains(&answer.code), "{query}: {}", answer.text());
        target.unharmed(query).await;
    }
    target.served.stop().await;
}

#[tokio::test]
async fn paths_and_methods() {
    let target = Target::start().await;
    let none = "NotFound";
    let no_method = "MethodNotAllowed";
    for (line, code, reason) in [
        (format!("GET {WIDGETS}/none"), 404, none),
        (format!("GET {WIDGETS}/none/status"), 404, none),
        (format!("GET {WIDGETS}/old/status/x"), 404, none),
        ("GET /apis/test.example.com/v1/nope".into(), 404, none),
        ("GET /apis/test.example.com/v9/widgets".into(), 404, none),
        ("GET /apis/test.example.com/v9".into(), 404, none),
        ("GET /apis/test.example.com/v1/widgets/old".into(), 404, none),
        // A group or a path that nobody knows gets the list of paths.
        ("GET /apis/nope.example.com/v1/widgets".into(), 404, ""),
        ("GET /api/v1/pods".into(), 404, ""),
        ("GET /nope".into(), 404, ""),
        ("GET /healthz/nope".into(), 404, ""),
        (format!("POST {WIDGETS}/old"), 405, no_method),
        (format!("PUT {WIDGETS}"), 405, no_method),
        (format!("PATCH {WIDGETS}"), 405, no_method),
        ("POST /apis/test.example.com/v1/widgets".into(), 405, no_method),
        ("DELETE /apis/test.example.com/v1/widgets".into(), 405, no_method),
        (format!("OPTIONS {WIDGETS}"), 405, no_method),
        (format!("TRACE {WIDGETS}"), 405, no_method),
        (format!("BREW {WIDGETS}"), 405, no_method),
        (format!("POST {NOTES}/n/status"), 404, none),
    ] {
        target.check(&line, JSON, "", code, reason).await;
    }
    // HEAD has no body to look at.
    for (path, code) in [(WIDGETS, 405), (&format!("{WIDGETS}/old"), 405), ("/healthz", 200)] {
        let answer = target.served.send(&format!("HEAD {path}"), "").await;
        assert_eq!((answer.code, answer.body.len()), (code, 0), "{path}");
        assert_eq!(answer.header("allow"), "");
    }
    let answer = target.served.send("GET /nope", "").await;
    assert!(answer.json()["paths"].is_array(), "{}", answer.text());
    target.served.stop().await;
}

#[tokio::test]
async fn percent_signs_in_paths() {
    let target = Target::start().await;
    let base = "/apis/test.example.com/v1/namespaces";
    for path in [
        format!("{WIDGETS}/%2e%2e"),
        format!("{WIDGETS}/%2E"),
        format!("{WIDGETS}/.."),
        format!("{WIDGETS}/../widgets/none"),
        format!("{WIDGETS}/x%2Fold"),
        format!("{WIDGETS}/%FF"),
        format!("{WIDGETS}/%"),
        format!("{WIDGETS}/%zz"),
        format!("{WIDGETS}/%00"),
        format!("{WIDGETS}/{}", "x".repeat(10_000)),
        format!("{base}/default%2Fwidgets/widgets/old"),
        format!("{base}/%2e%2e/widgets/old"),
        format!("{NOTES}/%2e%2e%2fwidgets%2fdefault%2fold"),
        "/apis/%FF/v1/x".to_owned(),
        "/%2e%2e/%2e%2e/etc/passwd".to_owned(),
        "/..%2f..%2fetc%2fpasswd".to_owned(),
        "/apis/test.example.com/v1/%6eamespaces/x/none".to_owned(),
    ] {
        for method in ["GET", "DELETE"] {
            let answer = target.served.send(&format!("{method} {path}"), "").await;
            // As in Kubernetes, a namespace of dots is found out where keys are made.
            let invalid_key = answer.code == 500 && answer.text().contains("invalid key");
            assert!(
                matches!(answer.code, 400 | 404 | 405) || invalid_key,
                "{path}: {} {}",
                answer.code,
                answer.text()
            );
            target.unharmed(&path).await;
        }
    }
    // Nothing can be made in a namespace that cannot be, whatever it would be confused with.
    for namespace in ["default%2Fx", "%2e%2e", "UPPER", "a_b", "%00", "%FF", "-"] {
        let answer =
            target.served.send(&format!("POST {base}/{namespace}/widgets"), widget("new", 1)).await;
        assert!(
            matches!(answer.code, 400 | 404 | 422),
            "{namespace}: {} {}",
            answer.code,
            answer.text()
        );
        target.unharmed(namespace).await;
    }
    // An encoded letter is the letter.
    let answer = target.served.send(&format!("GET {WIDGETS}/%6fld"), "").await;
    assert_eq!((answer.code, answer.at("/metadata/name")), (200, "old".into()));
    target.served.stop().await;
}

#[tokio::test]
async fn what_is_not_quite_http() {
    let target = Target::start().await;
    let get = format!("GET {WIDGETS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    let post = format!("POST {WIDGETS} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    let body = widget("new", 1);
    let refused = ["HTTP/1.1 400 ", ""];
    target.raw(format!("{get}\r\n").as_bytes(), &["HTTP/1.1 200 "]).await;
    target.raw(b"\x00\x01\x02\x03\r\n\r\n", &refused).await;
    target.raw(&[0xff; 5000], &refused).await;
    target.raw(b"GET\r\n\r\n", &refused).await;
    target.raw(b"GET / HTTP/9.9\r\n\r\n", &["HTTP/1.1 400 ", "HTTP/1.1 505 ", ""]).await;
    target
        .raw(b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n", &["HTTP/1.1 400 ", "HTTP/1.1 404 ", ""])
        .await;
    target.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage", &["", "HTTP/1.1 400 ", "\0"]).await;
    // Floods of headers.
    let flood: String = (0..5000).map(|i| format!("x-{i}: y\r\n")).collect();
    let too_many = ["HTTP/1.1 431 ", "HTTP/1.1 400 "];
    target.raw(format!("{get}{flood}\r\n").as_bytes(), &too_many).await;
    let long = "y".repeat(2 << 20);
    target
        .raw(format!("{get}x: {long}\r\n\r\n").as_bytes(), &["HTTP/1.1 431 ", "HTTP/1.1 400 ", ""])
        .await;
    target.raw(format!("GET /{long} HTTP/1.1\r\n\r\n").as_bytes(), &["HTTP/1.1 4", ""]).await;
    // Headers that are no text.
    for name in ["accept", "content-type", "user-agent", "audit-id", "authorization"] {
        let mut bytes = format!("{get}{name}: ").into_bytes();
        bytes.extend_from_slice(b"\xff\xfe\x80\r\n\r\n");
        target.raw(&bytes, &["HTTP/1.1 200 ", "HTTP/1.1 4"]).await;
    }
    let clauses = "a/b;q=9,".repeat(10_000);
    target.raw(format!("{get}accept: {clauses}\r\n\r\n").as_bytes(), &["HTTP/1.1 406 "]).await;
    // Bodies that break off, and lie about their length.
    let length = body.len();
    let half = &body[..length / 2];
    target.raw(format!("{post}content-length: {length}\r\n\r\n{half}").as_bytes(), &refused).await;
    target.raw(format!("{post}content-length: -1\r\n\r\n{body}").as_bytes(), &refused).await;
    target
        .raw(
            format!("{post}content-length: 5\r\ncontent-length: 6\r\n\r\n{body}").as_bytes(),
            &refused,
        )
        .await;
    let chunked = format!("{post}transfer-encoding: chunked\r\n\r\n");
    target.raw(format!("{chunked}{length:x}\r\n{half}").as_bytes(), &refused).await;
    target.raw(format!("{chunked}zz\r\n{body}\r\n0\r\n\r\n").as_bytes(), &refused).await;
    target.raw(format!("{chunked}ffffffffffffffffff\r\n{body}").as_bytes(), &refused).await;
    // Without TLS there is an answer that says so.
    let mut plain = TcpStream::connect(target.served.address()).await.unwrap();
    plain.write_all(format!("{get}\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    soon(plain.read_to_string(&mut text)).await.unwrap();
    assert!(text.starts_with("HTTP/1.0 400 "), "{text}");
    target.unharmed("plain HTTP").await;
    // Chunks that are in order are a body like any other.
    let (one, two) = body.split_at(20);
    let mut stream = target.served.connect(b"http/1.1").await;
    let text = format!("{chunked}14\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", two.len());
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    soon(stream.read_to_end(&mut text)).await.unwrap();
    assert!(text.starts_with(b"HTTP/1.1 201 "), "{}", String::from_utf8_lossy(&text));
    target.served.stop().await;
}

#[tokio::test]
async fn head_is_answered_without_a_body() {
    let served = &Served::start(server()).await;
    for http in [Http::One, Http::Two] {
        for (path, code) in [("/healthz", 200), ("/apis", 405), (WIDGETS, 405)] {
            let answer = served.send_over(http, &format!("HEAD {path}"), &[], "").await;
            assert_eq!((answer.code, answer.body.len()), (code, 0), "{http:?} {path}");
            assert_ne!(answer.header("content-length"), "", "{http:?} {path}");
        }
    }
    assert_eq!(served.send("GET /healthz", "").await.header("x-content-type-options"), "nosniff");
}

//! What a write that is wrong in several ways is told, what plugins may make of an object, and what is said of
//! fields that are unknown or there twice.

use crate::harness::{Answer, Served};
use crate::kinds::{NOTES, WIDGETS, server, widget};
use pintle::{Admission, Attributes, Object, Status, async_trait};
use serde_json::{Value, json};

const NAMESPACE: &str =
    "the namespace of the provided object does not match the namespace sent on the request";
const UID: &str = "11111111-2222-3333-4444-555555555555";

/// Sends a body as the media type of the `kind` of write: `PUT`, `merge`, `json`, `strategic` or `apply`.
async fn send(served: &Served, kind: &str, path: &str, body: &str) -> Answer {
    let media_type = match kind {
        "merge" | "strategic-merge" | "json" => format!("application/{kind}-patch+json"),
        "apply" => "application/apply-patch+yaml".to_owned(),
        _ => "application/json".to_owned(),
    };
    let method = if kind.chars().all(char::is_uppercase) { kind } else { "PATCH" };
    let headers = [("content-type", media_type.as_str())];
    served.send_with(&format!("{method} {path}"), &headers, body.to_owned()).await
}

fn changed(metadata: &Value) -> String {
    let mut object: Value = serde_json::from_str(&widget("w", 1)).unwrap();
    for (name, value) in metadata.as_object().unwrap() {
        object["metadata"][name] = value.clone();
    }
    object.to_string()
}

#[tokio::test]
async fn of_what_is_wrong_the_first_is_told() {
    let served = &Served::start(server()).await;
    let made = send(served, "POST", WIDGETS, &widget("w", 1)).await;
    let version = made.at("/metadata/resourceVersion");
    let nameless =
        "the name of the object (w based on URL) was undeterminable: name must be provided";
    let other = "the name of the object (v) does not match the name on the URL (w)";
    let check = async |kind: &str, path: &str, metadata: Value, code: u16, words: &str| {
        let answer = send(served, kind, &format!("{WIDGETS}/{path}"), &changed(&metadata)).await;
        let message = answer.at("/message");
        assert_eq!((answer.code, message.as_str()), (code, words), "{kind} {path} {metadata}");
    };
    // The namespace, the name, whether there is such an object, its UID, its version.
    for path in ["w", "w?fieldManager=m&force=true"] {
        for kind in ["PUT", "merge", "strategic-merge", "apply"] {
            if (kind == "apply") != path.contains("fieldManager") {
                continue;
            }
            let elsewhere =
                json!({"namespace": "x", "name": "", "uid": "", "resourceVersion": "1"});
            check(kind, path, elsewhere, 400, NAMESPACE).await;
            let unnamed = json!({"name": null, "resourceVersion": "1", "labels": {"a": "b c"}});
            // A patch takes the name away where it is null, and an apply does not.
            if kind != "apply" {
                check(kind, path, unnamed, 400, nameless).await;
            }
            check(kind, path, json!({"name": "v", "resourceVersion": "1"}), 400, other).await;
        }
    }
    let missing = "widgets.test.example.com \"gone\" not found";
    check("PUT", "gone", json!({"name": "gone", "uid": UID, "resourceVersion": "1"}), 404, missing)
        .await;
    check("PUT", "gone", json!({"namespace": "x", "name": "gone"}), 400, NAMESPACE).await;
    let lost = format!(
        "Operation cannot be fulfilled on widgets.test.example.com \"w\": Precondition failed: UID in \
         precondition: {UID}, UID in object meta: {}",
        made.at("/metadata/uid")
    );
    check("PUT", "w", json!({"uid": UID, "resourceVersion": "x"}), 409, &lost).await;
    let late = "Operation cannot be fulfilled on widgets.test.example.com \"w\": the object has been \
                modified; please apply your changes to the latest version and try again";
    check("PUT", "w", json!({"resourceVersion": "1", "labels": {"a": "b c"}}), 409, late).await;
    let labels = json!({"resourceVersion": version, "labels": {"a": "b c"}});
    let answer = send(served, "PUT", &format!("{WIDGETS}/w"), &changed(&labels)).await;
    assert_eq!(
        (answer.code, answer.at("/details/causes/0/field")),
        (422, "metadata.labels".to_owned())
    );
    // Of an object that is not there no UID can be right, also where a PUT would make it.
    let note = json!({"apiVersion": "test.example.com/v1", "kind": "Note", "metadata": {"name": "n", "uid": UID}});
    let answer = send(served, "PUT", &format!("{NOTES}/n"), &note.to_string()).await;
    let words = format!("Precondition failed: UID in precondition: {UID}, UID in object meta: ");
    assert_eq!(answer.code, 409, "{}", answer.text());
    assert!(answer.at("/message").ends_with(&words), "{}", answer.text());
}

/// Does to a widget what its annotation says.
#[derive(Debug)]
struct Meddler;

#[async_trait]
impl Admission for Meddler {
    async fn mutate(&self, at: &Attributes<'_>, object: &mut dyn Object) -> Result<(), Status> {
        let meta = object.meta_mut();
        let what = meta.annotations.as_ref().and_then(|all| all.get("do")).cloned();
        match what.as_deref() {
            Some("refuse") => return Err(at.forbidden("as it was told")),
            Some("move") => meta.namespace = Some("elsewhere".to_owned()),
            Some("repeat") => {
                let owners = meta.owner_references.get_or_insert_default();
                owners.extend(owners.clone());
            }
            _ => {}
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_plugin_comes_before_the_version_and_leaves_the_object_in_its_place() {
    let served = &Served::start_with(server().admit(Meddler), |options| {
        options.insecure_allow_all = true;
        options.enable_admission = true;
    })
    .await;
    let one = &format!("{WIDGETS}/w");
    let with = |what: &str, more: Value| {
        let owners = json!([{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]);
        let mut metadata = json!({"annotations": {"do": what}, "ownerReferences": owners});
        metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        changed(&metadata)
    };
    let twice = "299 - \".metadata.ownerReferences contains duplicate entries after mutating admission \
                 happens; API server dedups owner references in 1.20+, and may reject such requests as \
                 early as 1.24; please fix your requests; duplicate UID(s) observed: u\"";
    for (kind, path) in [("POST", WIDGETS), ("apply", &format!("{one}?fieldManager=m"))] {
        let moved = send(served, kind, path, &with("move", json!({}))).await;
        assert_eq!(moved.at("/message"), NAMESPACE, "{kind} {}", moved.text());
        let made = send(served, kind, path, &with("repeat", json!({}))).await;
        assert_eq!((made.code, made.header("warning")), (201, twice), "{kind} {}", made.text());
        let owners = made.json()["metadata"]["ownerReferences"].as_array().map(Vec::len);
        assert_eq!(owners, Some(1));
        let gone = served.send_with(&format!("DELETE {one}"), &[], String::new()).await;
        assert_eq!(gone.code, 200, "{}", gone.text());
    }
    let made = send(served, "POST", WIDGETS, &with("", json!({}))).await;
    let version = json!({"resourceVersion": made.at("/metadata/resourceVersion")});
    let old = json!({"resourceVersion": "1"});
    for (what, version, code) in [
        ("refuse", &old, 403),
        ("move", &old, 409),
        ("move", &version, 400),
        ("repeat", &version, 200),
    ] {
        let answer = send(served, "PUT", one, &with(what, version.clone())).await;
        assert_eq!(answer.code, code, "{what} {version} {}", answer.text());
        let warned = if what == "repeat" { twice } else { "" };
        assert_eq!(answer.header("warning"), warned, "{what}");
    }
}

#[tokio::test]
async fn an_apply_may_make_an_object_that_is_about_to_go() {
    let served = &Served::start(server()).await;
    let path = &format!("{WIDGETS}/w?fieldManager=m&force=true");
    let time = "2001-01-01T00:00:00Z";
    let body = &changed(&json!({"deletionTimestamp": time, "annotations": {"a": "b"}}));
    let made = send(served, "apply", path, body).await;
    assert_eq!((made.code, made.at("/metadata/deletionTimestamp").as_str()), (201, time));
    // A dry run changes nothing; the next write finds that nothing holds the object.
    let dry = send(served, "apply", &format!("{path}&dryRun=All"), body).await;
    assert_eq!(dry.code, 200, "{}", dry.text());
    assert_eq!(send(served, "apply", path, body).await.code, 200);
    let gone = served.send_with(&format!("GET {WIDGETS}/w"), &[], String::new()).await;
    assert_eq!(gone.code, 404, "{}", gone.text());
    // What a POST says of a deletion is not taken.
    let made = send(served, "POST", WIDGETS, body).await;
    assert_eq!((made.code, made.at("/metadata/deletionTimestamp").as_str()), (201, ""));
}

#[tokio::test]
async fn odd_fields_are_told_in_each_kind_of_write() {
    let served = &Served::start(server()).await;
    assert_eq!(send(served, "POST", WIDGETS, &widget("w", 1)).await.code, 201);
    // The kind of write, its body, and what there is to say of it.
    let odd = r#"{"metadata":{"labels":{"a":"b","a":"b"},"extra":1},"spec":{"size":1,"size":1,"Size":2,"more":{}}}"#;
    let found = [
        "duplicate field \"metadata.labels.a\"",
        "duplicate field \"spec.size\"",
        "unknown field \"metadata.extra\"",
        "unknown field \"spec.Size\"",
        "unknown field \"spec.more\"",
    ];
    let operations =
        r#"[{"op":"add","path":"/spec","value":{"size":1,"size":1,"more":1,"more":2},"extra":1}]"#;
    let of_operations = [
        "duplicate field \"spec.size\"",
        "json patch duplicate field \"[0].value.more\"",
        "json patch duplicate field \"[0].value.size\"",
        "json patch unknown field \"[0].extra\"",
        "unknown field \"spec.more\"",
    ];
    for (kind, body, found) in [
        ("merge", odd, &found[..]),
        ("strategic-merge", odd, &found[..]),
        ("json", operations, &of_operations[..]),
    ] {
        let patch = async |query: &str| {
            let answer = send(served, kind, &format!("{WIDGETS}/w{query}"), body).await;
            let warnings = answer.headers.get_all("warning");
            let text = |value: &http::HeaderValue| {
                let text = value.to_str().unwrap().strip_prefix("299 - \"").unwrap();
                text.strip_suffix('"').unwrap().replace('\\', "")
            };
            let mut warnings: Vec<String> = warnings.iter().map(text).collect();
            warnings.sort();
            (answer, warnings)
        };
        for query in ["", "?fieldValidation=", "?fieldValidation=Warn"] {
            let (answer, warnings) = patch(query).await;
            assert_eq!(answer.code, 200, "{kind} {query} {}", answer.text());
            assert_eq!(warnings, found, "{kind} {query}");
        }
        let (answer, warnings) = patch("?fieldValidation=Ignore").await;
        assert_eq!((answer.code, warnings.len()), (200, 0), "{kind}");
        let (answer, warnings) = patch("?fieldValidation=Strict").await;
        assert_eq!((answer.code, warnings.len()), (422, 0), "{kind}");
        let message = answer.at("/message");
        assert!(message.contains("strict decoding error: "), "{message}");
        for finding in found {
            assert!(message.contains(finding), "{kind} {finding}: {message}");
        }
        let (answer, _) = patch("?fieldValidation=strict").await;
        assert_eq!(
            (answer.code, answer.at("/details/causes/0/field")),
            (422, "fieldValidation".to_owned())
        );
    }
}

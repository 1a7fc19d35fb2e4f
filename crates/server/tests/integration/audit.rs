//! The audit log: which requests are written down, and how much of them.

use crate::harness::{Http, Served, soon};
use crate::kinds::{PANIC, TASKS, Task, WIDGETS, colored, server, widget};
use crate::outside::Outside;
use crate::storage::{Fault, Faulty};
use base64::Engine;
use bytes::Bytes;
use pintle::{AuditFormat, AuditMode, Options, Server};
use pintle_meta::cbor;
use pintle_meta::protobuf::{envelope, learn};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, nonResourceURLs: ["/readyz", "/metrics"]}
- {level: RequestResponse, verbs: [create], omitStages: [RequestReceived], omitManagedFields: true}
- {level: Metadata, omitStages: [RequestReceived]}
"#;

fn events(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An event without what changes with each run.
fn steady(event: &Value) -> Value {
    let mut event = event.clone();
    let fields = event.as_object_mut().unwrap();
    for gone in ["auditID", "requestReceivedTimestamp", "stageTimestamp", "sourceIPs"] {
        assert!(fields.remove(gone).is_some(), "{gone}");
    }
    event
}

/// The event of a GET of a widget that is not there.
fn not_found() -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "stage": "ResponseComplete", "requestURI": format!("{WIDGETS}/none"), "verb": "get",
        "user": {"username": "system:admin", "groups": ["system:masters", "system:authenticated"]},
        "userAgent": "test/1",
        "objectRef": {
            "resource": "widgets", "namespace": "default", "name": "none",
            "apiGroup": "test.example.com", "apiVersion": "v1",
        },
        "responseStatus": {
            "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404,
            "message": "widgets.test.example.com \"none\" not found",
            "details": {"name": "none", "group": "test.example.com", "kind": "widgets"},
        },
        "annotations": {
            "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "",
        },
    })
}

#[tokio::test]
async fn what_the_policy_wants_is_written() {
    let folder = TempDir::new().unwrap();
    let (policy, log) = (folder.path().join("policy.yaml"), folder.path().join("audit.log"));
    std::fs::write(&policy, POLICY).unwrap();
    let served = Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.audit.audit_policy_file = Some(policy);
        options.audit.audit_log_path = Some(log.clone());
    })
    .await;
    served.send("GET /readyz", "").await;
    let id = [("audit-id", "one"), ("user-agent", "test/1"), ("x-forwarded-for", "192.0.2.1")];
    served.send_with(&format!("GET {WIDGETS}/none"), &id, "").await;
    served.send(&format!("POST {WIDGETS}"), widget("a", 1)).await;
    let as_jane = [("impersonate-user", "jane")];
    served.send_with(&format!("GET {WIDGETS}"), &as_jane, "").await;
    served.send(&format!("POST {WIDGETS}"), colored("p", PANIC)).await;
    let mut watch = served.watch(&format!("{TASKS}?watch=1&timeoutSeconds=1"), &[]).await;
    assert_eq!(watch.rest().await, [""; 0]);
    let metrics = served.send("GET /metrics", "").await;
    assert!(metrics.text().contains("apiserver_audit_event_total "), "{}", metrics.text());
    served.stop().await;

    let events = events(&log);
    let stages: Vec<String> = events
        .iter()
        .map(|event| {
            format!("{} {}", event["verb"].as_str().unwrap(), event["stage"].as_str().unwrap())
        })
        .collect();
    assert_eq!(
        stages,
        [
            "get ResponseComplete",
            "create ResponseComplete",
            "list ResponseComplete",
            "create Panic",
            "watch ResponseStarted",
            "watch ResponseComplete",
        ]
    );
    assert_eq!(events[0]["auditID"], "one");
    assert_eq!(events[0]["sourceIPs"], json!(["192.0.2.1", "127.0.0.1"]));
    assert_eq!(steady(&events[0]), not_found());
    let created = &events[1];
    assert_eq!(created["objectRef"]["name"], "a");
    assert_eq!(created["requestObject"]["spec"]["size"], 1);
    assert_eq!(created["responseObject"]["kind"], "Widget");
    assert!(created["responseObject"]["metadata"]["uid"].is_string());
    assert_eq!(created["responseObject"]["metadata"]["managedFields"], Value::Null);
    assert_eq!(created["responseStatus"], json!({"metadata": {}, "code": 201}));
    assert_eq!(events[2]["impersonatedUser"]["username"], "jane");
    assert_eq!(events[3]["responseStatus"]["code"], 500);
    assert_eq!(events[4]["auditID"], events[5]["auditID"]);
}

/// A server that writes down whole objects.
async fn start_whole(server: Server, log: &Path) -> Served {
    let policy = log.with_file_name("policy.yaml");
    let whole = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: \
                 [{level: RequestResponse, omitStages: [RequestReceived], omitManagedFields: true}]\n";
    std::fs::write(&policy, whole).unwrap();
    Served::start_with(server, |options| {
        options.insecure_allow_all = true;
        options.audit.audit_policy_file = Some(policy);
        options.audit.audit_log_path = Some(log.to_owned());
        options.features.feature_gates = vec!["CBORServingAndStorage=true".parse().unwrap()];
    })
    .await
}

/// A request whose client goes away before it is answered, one that is slow, and one that is refused
/// before anybody is asked who sends it.
#[tokio::test]
async fn what_is_cut_short_or_slow_is_written_down() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("audit.log");
    let storage = Faulty::new(Fault::Nothing);
    let served = start_whole(server().storage(storage.clone()), &log).await;
    // Whoever reads waits for the storage.
    storage.set(Fault::Late);
    served.send(&format!("POST {WIDGETS}"), widget("a", 1)).await;
    let mut cut = served.connect(b"http/1.1").await;
    let head = format!("GET {WIDGETS}/a HTTP/1.1\r\nHost: x\r\nAudit-Id: cut\r\n\r\n");
    cut.write_all(head.as_bytes()).await.unwrap();
    cut.flush().await.unwrap();
    let line = format!("GET {WIDGETS}/a");
    let answer = served.open(Http::Two, &line, &[("audit-id", "reset")], "");
    let reset = tokio::time::timeout(Duration::from_millis(500), answer).await;
    assert!(reset.is_err(), "it is still waited for");
    drop(cut);
    tokio::time::sleep(Duration::from_millis(200)).await;
    storage.set(Fault::Nothing);
    let mut slow = served.connect(b"http/1.1").await;
    let head = format!(
        "POST {WIDGETS}?timeout=2s HTTP/1.1\r\nHost: x\r\nAudit-Id: slow\r\n\
         Content-Length: 9\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.flush().await.unwrap();
    let mut code = [0; 12];
    soon(slow.read_exact(&mut code)).await.unwrap();
    assert_eq!(&code, b"HTTP/1.1 504");
    let answer = served.send("GET /version?timeout=soon", "").await;
    assert_eq!(answer.code, 400, "{}", answer.text());
    let watch = format!("GET {TASKS}?watch=1&timeoutSeconds=1&timeout=soon");
    assert_eq!(served.send(&watch, "").await.code, 200, "a watch has no such limit");
    served.stop().await;
    let events = events(&log);
    let found = |id: &str| events.iter().find(|event| event["auditID"] == id).unwrap();
    // Who closes an end of an HTTP/1.1 connection may still listen, and is answered.
    let early = json!({"metadata": {}, "status": "Success", "code": 200,
                       "message": "Connection closed early"});
    for (id, status) in [("cut", json!({"metadata": {}, "code": 200})), ("reset", early)] {
        assert_eq!(found(id)["responseStatus"], status, "{id}");
        assert_eq!(found(id)["stage"], "ResponseComplete");
    }
    let slow = &found("slow")["annotations"];
    let total = slow["apiserver.latency.k8s.io/total"].as_str().unwrap();
    assert!(total.starts_with("2.") && total.ends_with('s'), "{slow}");
    assert!(slow["apiserver.latency.k8s.io/authorization"].is_string(), "{slow}");
    let refused = events.iter().find(|event| event["requestURI"] == "/version?timeout=soon");
    let refused = refused.unwrap();
    assert_eq!((&refused["stage"], &refused["user"]), (&json!("ResponseStarted"), &json!({})));
    assert_eq!(refused["responseStatus"]["code"], 400);
    assert_eq!(refused["annotations"], Value::Null, "it was not slow");
}

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

fn task() -> Value {
    json!({"kind": "Task", "apiVersion": "test.example.com/v1",
           "metadata": {"name": "it"}, "spec": {"todo": "dig"}})
}

#[tokio::test]
async fn objects_are_written_down_in_whatever_form_they_come() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("audit.log");
    let served = start_whole(server(), &log).await;
    let (mut message, mut enclosed) = (Vec::new(), Vec::new());
    learn::<Task>().unwrap().write(&task(), &mut message).unwrap();
    envelope::write("test.example.com/v1", "Task", &message, &mut enclosed);
    let yaml = "kind: Task\napiVersion: test.example.com/v1\nmetadata: {name: it}\n\
                spec: {todo: dig}\n";
    let bodies: [(&str, Bytes); 4] = [
        ("application/json", task().to_string().into()),
        ("application/yaml", yaml.into()),
        ("application/cbor", cbor::encode(&task()).into()),
        (PROTOBUF, enclosed.into()),
    ];
    for (sent, body) in &bodies {
        for (wanted, _) in &bodies {
            let headers = [("content-type", *sent), ("accept", *wanted)];
            let line = format!("POST {TASKS}?dryRun=All");
            assert_eq!(served.send_with(&line, &headers, body.clone()).await.code, 201);
        }
    }
    served.stop().await;
    let events = events(&log);
    assert_eq!(events.len(), 16);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event["requestObject"], task(), "{index}");
        let answer = &event["responseObject"];
        assert_eq!(answer["kind"], "Task", "{index}: {event}");
        assert_eq!(answer["apiVersion"], "test.example.com/v1", "{index}");
        assert_eq!(answer["spec"]["todo"], "dig", "{index}");
        assert!(answer["metadata"]["creationTimestamp"].is_string(), "{index}");
        assert_eq!(answer["metadata"]["managedFields"], Value::Null, "{index}");
        assert_eq!(event["objectRef"]["name"], "it", "{index}");
    }
}

#[tokio::test]
async fn objects_that_are_too_large_are_left_out() {
    let folder = TempDir::new().unwrap();
    let (policy, log) = (folder.path().join("policy.yaml"), folder.path().join("audit.log"));
    std::fs::write(&policy, POLICY).unwrap();
    let served = Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.audit.audit_policy_file = Some(policy);
        options.audit.audit_log_path = Some(log.clone());
        options.audit.audit_log_truncate_enabled = true;
        options.audit.audit_log_truncate_max_event_size = 4_000;
    })
    .await;
    for (name, color) in [("small", "red".to_owned()), ("large", "r".repeat(5_000))] {
        let body = widget(name, 1).replace("\"size\"", &format!("\"color\":\"{color}\",\"size\""));
        assert_eq!(served.send(&format!("POST {WIDGETS}"), body).await.code, 201);
    }
    served.stop().await;
    let events = events(&log);
    let [small, large] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(small["requestObject"]["spec"]["color"], "red");
    assert_eq!(small["annotations"]["audit.k8s.io/truncated"], Value::Null);
    assert_eq!(large["annotations"]["audit.k8s.io/truncated"], "true");
    assert_eq!((&large["requestObject"], &large["responseObject"]), (&Value::Null, &Value::Null));
    assert_eq!(large["objectRef"]["name"], "large", "the rest is there");
}

#[tokio::test]
async fn lists_and_patches_are_written_down() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("audit.log");
    let served = start_whole(server(), &log).await;
    served.send(&format!("POST {TASKS}"), task().to_string()).await;
    let partial = format!("{PROTOBUF};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
    let (one, none) = (format!("{TASKS}/it"), format!("{TASKS}/none"));
    for (path, wanted) in
        [(TASKS, PROTOBUF), (&one, PROTOBUF), (&none, PROTOBUF), (TASKS, &partial)]
    {
        served.send_with(&format!("GET {path}"), &[("accept", wanted)], "").await;
    }
    let patches = [
        ("application/merge-patch+json", r#"{"metadata":{"uid":""},"spec":{"todo":"rest"}}"#),
        ("application/json-patch+json", r#"[{"op":"replace","path":"/spec/todo","value":"eat"}]"#),
        ("application/apply-patch+yaml", "kind: Task\napiVersion: test.example.com/v1\n"),
    ];
    for (media, patch) in patches {
        let line = format!("PATCH {one}?fieldManager=me");
        let headers = [("content-type", media), ("accept", PROTOBUF)];
        assert_eq!(served.send_with(&line, &headers, patch).await.code, 200, "{media}");
    }
    served.stop().await;

    let events = events(&log);
    let list = &events[1]["responseObject"];
    assert_eq!(list["kind"], "TaskList", "{}", events[1]);
    assert!(list["metadata"]["resourceVersion"].is_string());
    assert_eq!(list["items"][0]["spec"]["todo"], "dig");
    assert_eq!(list["items"][0]["metadata"]["managedFields"], Value::Null);
    assert_eq!(events[2]["responseObject"]["spec"]["todo"], "dig");
    assert_eq!(events[3]["responseObject"]["reason"], "NotFound");
    let partial = &events[4]["responseObject"];
    assert_eq!(partial["kind"], "PartialObjectMetadataList", "{}", events[4]);
    assert_eq!(partial["items"][0]["metadata"]["name"], "it");
    for (event, (_, patch)) in events[5..].iter().zip(patches) {
        let sent = pintle_meta::yaml::decode(patch.as_bytes()).unwrap().value;
        assert_eq!(event["requestObject"], sent);
        assert_eq!(event["responseObject"]["kind"], "Task");
        assert_eq!(event["objectRef"]["uid"], Value::Null);
    }
}

#[tokio::test]
async fn who_is_not_known_is_written_down_too() {
    let folder = TempDir::new().unwrap();
    let (policy, log) = (folder.path().join("policy.yaml"), folder.path().join("audit.log"));
    std::fs::write(&policy, POLICY).unwrap();
    let served = Served::start_with(server(), |options| {
        options.audit.audit_policy_file = Some(policy);
        options.audit.audit_log_path = Some(log.clone());
        options.lifecycle.strict_transport_security_directives = vec!["max-age=1".to_owned()];
    })
    .await;
    let wrong = [("authorization", "Bearer wrong")];
    let answer = served.send_with(&format!("GET {WIDGETS}"), &wrong, "").await;
    assert_eq!((answer.code, answer.header("strict-transport-security")), (401, "max-age=1"));
    served.send(&format!("GET {WIDGETS}"), "").await;
    served.stop().await;
    let events = events(&log);
    assert_eq!(events.len(), 2);
    assert_eq!((&events[0]["stage"], &events[0]["user"]), (&json!("ResponseStarted"), &json!({})));
    assert_eq!(events[0]["responseStatus"]["code"], 401);
    assert_eq!(events[1]["annotations"]["authorization.k8s.io/decision"], "forbid");
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_told_at_the_start() {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, "apiVersion: audit.k8s.io/v1\nkind: Policy\n").unwrap();
    let mut options = pintle::Options::default();
    options.secure_port = 0;
    options.data_dir = Some(folder.path().to_owned());
    options.audit.audit_policy_file = Some(policy.clone());
    options.audit.audit_log_path = Some(folder.path().join("audit.log"));
    let error = server().start(&options).await.unwrap_err().to_string();
    let want = format!("loaded illegal policy with 0 rules: from file {}", policy.display());
    assert_eq!(error, want);
}

/// A webhook that keeps what it is told, and fails at first as often as it is said to.
struct Hook {
    outside: Outside,
    /// What it was told, and how often it failed.
    told: Arc<Mutex<(Vec<Value>, usize)>>,
    folder: TempDir,
}

impl Hook {
    async fn start(failures: usize) -> Self {
        let told = Arc::<Mutex<(Vec<Value>, usize)>>::default();
        let keep = Arc::clone(&told);
        let outside = Outside::start(move |_| {
            move |path: &str, body: Bytes| {
                let mut told = keep.lock().unwrap();
                if told.1 < failures {
                    told.1 += 1;
                    return (500, json!({}));
                }
                assert_eq!(path, "/audit/here");
                told.0.push(serde_json::from_slice(&body).unwrap());
                (200, json!({}))
            }
        })
        .await;
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), POLICY).unwrap();
        let hook = Self { outside, told, folder };
        hook.write_kubeconfig(&hook.outside.url);
        hook
    }

    fn write_kubeconfig(&self, url: &str) {
        let ca = base64::engine::general_purpose::STANDARD.encode(&self.outside.authority_pem);
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters:\n- name: c\n  cluster:\n    \
             server: {url}/audit/here\n    certificate-authority-data: {ca}\nusers: []\n\
             contexts: [{{name: c, context: {{cluster: c}}}}]\n"
        );
        std::fs::write(self.folder.path().join("kubeconfig"), text).unwrap();
    }

    fn set(&self, options: &mut Options) {
        options.insecure_allow_all = true;
        options.audit.audit_policy_file = Some(self.folder.path().join("policy.yaml"));
        let webhook = &mut options.audit.webhook;
        webhook.audit_webhook_config_file = Some(self.folder.path().join("kubeconfig"));
        webhook.audit_webhook_initial_backoff = Duration::from_millis(1);
    }

    /// The lists that it was told, each as the number of its events.
    fn lists(&self) -> Vec<usize> {
        let told = self.told.lock().unwrap();
        told.0.iter().map(|list| list["items"].as_array().unwrap().len()).collect()
    }
}

#[tokio::test]
async fn a_webhook_is_told_in_batches() {
    let hook = Hook::start(2).await;
    let served = Served::start_with(server(), |options| {
        hook.set(options);
        options.audit.webhook.audit_webhook_batch_max_size = 3;
    })
    .await;
    for _ in 0..7 {
        served.send(&format!("GET {WIDGETS}/none"), "").await;
    }
    // The end waits for what is left, also for what waits to be sent again.
    served.stop().await;
    let mut lists = hook.lists();
    lists.sort_unstable();
    assert_eq!(lists, [1, 3, 3]);
    let told = hook.told.lock().unwrap();
    assert_eq!(told.1, 2, "it failed twice, and was tried again");
    let (list, event) = (&told.0[0], &told.0[0]["items"][0]);
    assert_eq!(
        (&list["kind"], &list["apiVersion"]),
        (&json!("EventList"), &json!("audit.k8s.io/v1"))
    );
    assert_eq!((&event["verb"], &event["responseStatus"]["code"]), (&json!("get"), &json!(404)));
}

#[tokio::test]
async fn a_webhook_that_is_waited_for() {
    for (failures, mode, codes) in [
        (0, AuditMode::Blocking, [404, 404]),
        (2, AuditMode::BlockingStrict, [404, 404]),
        (usize::MAX, AuditMode::Blocking, [404, 404]),
        (usize::MAX, AuditMode::BlockingStrict, [500, 500]),
    ] {
        let hook = Hook::start(failures).await;
        let policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n";
        std::fs::write(hook.folder.path().join("policy.yaml"), policy).unwrap();
        let served = Served::start_with(server(), |options| {
            hook.set(options);
            options.audit.webhook.audit_webhook_mode = mode;
        })
        .await;
        for code in codes {
            let answer = served.send(&format!("GET {WIDGETS}/none"), "").await;
            assert_eq!(answer.code, code, "{mode:?}, {failures}: {}", answer.text());
            if code == 500 {
                assert!(
                    answer.text().ends_with("failed to store audit event\n"),
                    "{}",
                    answer.text()
                );
            }
        }
        // Two stages of two requests, each told at once.
        let told: usize = hook.lists().iter().sum();
        assert_eq!(told, if failures > 2 { 0 } else { 4 }, "{mode:?}, {failures}");
        served.stop().await;
    }
}

#[tokio::test]
async fn events_that_are_too_many_are_counted() {
    let hook = Hook::start(0).await;
    hook.write_kubeconfig("https://127.0.0.1:1");
    let served = Served::start_with(server(), |options| {
        hook.set(options);
        let webhook = &mut options.audit.webhook;
        webhook.audit_webhook_batch_buffer_size = 2;
        webhook.audit_webhook_batch_max_size = 1;
        (webhook.audit_webhook_batch_throttle_qps, webhook.audit_webhook_batch_throttle_burst) =
            (1.0, 1);
    })
    .await;
    for _ in 0..20 {
        assert_eq!(served.send(&format!("GET {WIDGETS}/none"), "").await.code, 404);
    }
    let metrics = served.send("GET /metrics", "").await;
    let count = |plugin: &str| -> u64 {
        let line = format!("apiserver_audit_error_total{{plugin=\"{plugin}\"}} ");
        let found = metrics.text().lines().find_map(|it| it.strip_prefix(line.as_str()));
        found.unwrap_or_else(|| panic!("no {line} in\n{}", metrics.text())).parse().unwrap()
    };
    // One is under way, one waits for its turn, two wait in the buffer.
    assert!(count("buffered") >= 10, "{}", metrics.text());
    count("webhook");
    served.stop().await;
}

#[tokio::test]
async fn lines_of_text() {
    let folder = TempDir::new().unwrap();
    let (policy, log) = (folder.path().join("policy.yaml"), folder.path().join("audit.log"));
    std::fs::write(&policy, POLICY).unwrap();
    let served = Served::start_with(server(), |options| {
        options.insecure_allow_all = true;
        options.audit.audit_policy_file = Some(policy);
        options.audit.audit_log_path = Some(log.clone());
        options.audit.audit_log_format = AuditFormat::Legacy;
        options.audit.audit_log_mode = AuditMode::Batch;
    })
    .await;
    let headers = [("audit-id", "one"), ("user-agent", "a \"b\""), ("impersonate-user", "jane")];
    served.send_with(&format!("GET {WIDGETS}/none?x=%20"), &headers, "").await;
    served.stop().await;
    let text = std::fs::read_to_string(&log).unwrap();
    let (time, rest) = text.split_once(' ').unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
    let want = format!(
        r#"AUDIT: id="one" stage="ResponseComplete" ip="127.0.0.1" method="get" user="system:admin" groups="\"system:masters\",\"system:authenticated\"" as="jane" asgroups="\"system:authenticated\"" user-agent="a \"b\"" namespace="default" uri="{WIDGETS}/none?x=%20" response="403""#
    );
    assert_eq!(rest.trim_end(), want);
}

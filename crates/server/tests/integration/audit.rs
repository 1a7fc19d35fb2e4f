//! The audit log: which requests are written down, and how much of them.

use crate::harness::Served;
use crate::kinds::{PANIC, TASKS, WIDGETS, colored, server, widget};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

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

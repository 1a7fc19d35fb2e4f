//! Acting as somebody else by rights that hold for one thing: the constrained modes, with roles.

use crate::harness::{PATIENCE, Served};
use crate::kinds::server;
use crate::signer::Signer;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const POLICY: &str = r#"
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: None, users: [system:admin]}
- {level: Metadata, omitStages: [RequestReceived]}
"#;

const WHOAMI: &str = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";

/// Who may do what as whom: the user, the verbs, the group, the resources and the names.
const ROLES: &[(&str, &str, &str, &str, &str)] = &[
    ("agent", "impersonate:user-info", "authentication.k8s.io", "users", "jane"),
    ("agent", "impersonate:user-info", "authentication.k8s.io", "groups", "a,b,c,d,*"),
    ("agent", "impersonate:user-info", "authentication.k8s.io", "uids", "7"),
    ("agent", "impersonate:user-info", "authentication.k8s.io", "userextras/a.b/team", "x,y"),
    ("agent", "impersonate-on:user-info:create", "authentication.k8s.io", "selfsubjectreviews", ""),
    ("agent", "impersonate:serviceaccount", "authentication.k8s.io", "serviceaccounts", "robot"),
    ("agent", "impersonate-on:serviceaccount:create", "authentication.k8s.io", "*", ""),
    ("agent", "impersonate:arbitrary-node", "authentication.k8s.io", "nodes", "two"),
    ("agent", "impersonate-on:arbitrary-node:create", "*", "*", ""),
    ("careful", "impersonate:user-info", "authentication.k8s.io", "users", "jane"),
    ("careful", "impersonate:user-info", "authentication.k8s.io", "groups", "a,b,c"),
    ("careful", "impersonate-on:user-info:create", "authentication.k8s.io", "*", ""),
    ("half", "impersonate-on:user-info:create", "*", "*", ""),
    ("old", "impersonate", "", "users,serviceaccounts", ""),
    ("old", "impersonate", "", "groups", "system:masters"),
    ("both", "impersonate", "", "users,groups", ""),
    ("both", "impersonate:user-info", "authentication.k8s.io", "users", "jane"),
    ("both", "impersonate-on:user-info:create", "*", "selfsubjectreviews", ""),
    (
        "system:serviceaccount:n:pod",
        "impersonate:associated-node",
        "authentication.k8s.io",
        "nodes",
        "*",
    ),
    ("system:serviceaccount:n:pod", "impersonate-on:associated-node:create", "*", "*", ""),
];

/// What is asked: who asks, the headers, the request; the code, whom it is answered as or the message,
/// and what the audit says of the right.
type Row = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    u16,
    &'static str,
    &'static str,
);

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const JANE: (&str, &str) = (USER, "jane");

const ROWS: &[Row] = &[
    (
        "agent",
        &[JANE],
        WHOAMI,
        201,
        r#"{"groups":["system:authenticated"],"username":"jane"}"#,
        "impersonate:user-info",
    ),
    (
        "agent",
        &[JANE, (GROUP, "a"), ("impersonate-uid", "7"), ("impersonate-extra-a.b%2fteam", "x")],
        WHOAMI,
        201,
        r#"{"extra":{"a.b/team":["x"]},"groups":["a","system:authenticated"],"uid":"7","username":"jane"}"#,
        "impersonate:user-info",
    ),
    // Of many groups it is asked first whether all are allowed.
    (
        "agent",
        &[JANE, (GROUP, "a"), (GROUP, "b"), (GROUP, "c"), (GROUP, "other")],
        WHOAMI,
        201,
        r#"{"groups":["a","b","c","other","system:authenticated"],"username":"jane"}"#,
        "impersonate:user-info",
    ),
    (
        "careful",
        &[JANE, (GROUP, "a"), (GROUP, "b"), (GROUP, "c"), (GROUP, "other")],
        WHOAMI,
        403,
        r#"groups.authentication.k8s.io "other" is forbidden: User "careful" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope"#,
        "",
    ),
    (
        "agent",
        &[JANE, (GROUP, "other")],
        WHOAMI,
        403,
        r#"groups.authentication.k8s.io "other" is forbidden: User "agent" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope"#,
        "",
    ),
    (
        "agent",
        &[JANE, (GROUP, "system:masters")],
        WHOAMI,
        403,
        r#"groups.authentication.k8s.io "system:masters" is forbidden: User "agent" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed"#,
        "",
    ),
    (
        "agent",
        &[JANE, (GROUP, "")],
        WHOAMI,
        403,
        r#"groups.authentication.k8s.io is forbidden: User "agent" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the empty string group is not allowed"#,
        "",
    ),
    (
        "agent",
        &[JANE, ("impersonate-extra-a.b%2fteam", "z")],
        WHOAMI,
        403,
        r#"userextras.authentication.k8s.io "z" is forbidden: User "agent" cannot impersonate:user-info resource "userextras/a.b/team" in API group "authentication.k8s.io" at the cluster scope"#,
        "",
    ),
    (
        "agent",
        &[JANE, ("impersonate-extra-team", "x")],
        WHOAMI,
        403,
        r#"userextras.authentication.k8s.io is forbidden: User "agent" cannot impersonate:user-info resource "userextras" in API group "authentication.k8s.io" at the cluster scope: impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "team": must be a domain-prefixed path (such as "acme.io/foo")"#,
        "",
    ),
    (
        "agent",
        &[JANE],
        "GET /apis/test.example.com/v1/namespaces/default/widgets/w",
        403,
        r#"widgets.test.example.com "w" is forbidden: User "agent" cannot impersonate-on:user-info:get resource "widgets" in API group "test.example.com" in the namespace "default""#,
        "",
    ),
    (
        "agent",
        &[JANE],
        "GET /metrics",
        403,
        r#"forbidden: User "agent" cannot impersonate-on:user-info:get path "/metrics""#,
        "",
    ),
    (
        "half",
        &[JANE],
        WHOAMI,
        403,
        r#"users.authentication.k8s.io "jane" is forbidden: User "half" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope"#,
        "",
    ),
    (
        "agent",
        &[(USER, "system:serviceaccount:n:robot")],
        WHOAMI,
        201,
        r#"{"groups":["system:serviceaccounts","system:serviceaccounts:n","system:authenticated"],"username":"system:serviceaccount:n:robot"}"#,
        "impersonate:serviceaccount",
    ),
    // With a group it is none of the constrained modes.
    (
        "agent",
        &[(USER, "system:serviceaccount:n:robot"), (GROUP, "a")],
        WHOAMI,
        403,
        r#"serviceaccounts "robot" is forbidden: User "agent" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "n""#,
        "",
    ),
    (
        "agent",
        &[(USER, "system:node:two")],
        WHOAMI,
        201,
        r#"{"groups":["system:nodes","system:authenticated"],"username":"system:node:two"}"#,
        "impersonate:arbitrary-node",
    ),
    (
        "agent",
        &[(USER, "system:node:one")],
        WHOAMI,
        403,
        r#"nodes.authentication.k8s.io "one" is forbidden: User "agent" cannot impersonate:arbitrary-node resource "nodes" in API group "authentication.k8s.io" at the cluster scope"#,
        "",
    ),
    (
        "pod on one",
        &[(USER, "system:node:one")],
        WHOAMI,
        201,
        r#"{"groups":["system:nodes","system:authenticated"],"username":"system:node:one"}"#,
        "impersonate:associated-node",
    ),
    (
        "pod on one",
        &[(USER, "system:node:two")],
        WHOAMI,
        403,
        r#"selfsubjectreviews.authentication.k8s.io is forbidden: User "system:serviceaccount:n:pod" cannot impersonate-on:arbitrary-node:create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope"#,
        "",
    ),
    // The verb that has always been there goes on to be enough, and no other is named.
    ("old", &[JANE], WHOAMI, 201, r#"{"groups":["system:authenticated"],"username":"jane"}"#, ""),
    (
        "old",
        &[(USER, "system:node:one"), (GROUP, "system:masters")],
        WHOAMI,
        201,
        r#"{"groups":["system:masters","system:authenticated"],"username":"system:node:one"}"#,
        "",
    ),
    (
        "old",
        &[JANE, (GROUP, "a")],
        WHOAMI,
        403,
        r#"groups "a" is forbidden: User "old" cannot impersonate resource "groups" in API group "" at the cluster scope"#,
        "",
    ),
    // What allows less is tried first, and what allowed the last request before all others.
    (
        "both",
        &[JANE],
        WHOAMI,
        201,
        r#"{"groups":["system:authenticated"],"username":"jane"}"#,
        "impersonate:user-info",
    ),
    (
        "both",
        &[JANE, (GROUP, "a")],
        WHOAMI,
        201,
        r#"{"groups":["a","system:authenticated"],"username":"jane"}"#,
        "",
    ),
    ("both", &[JANE], WHOAMI, 201, r#"{"groups":["system:authenticated"],"username":"jane"}"#, ""),
];

#[tokio::test]
async fn rights_that_hold_for_one_thing() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("audit.log");
    let accounts = Signer::new();
    let served = start(folder.path(), &accounts).await;
    let pod = pod_token(&accounts);
    let sent = async |row: &Row| {
        let token = if row.0.starts_with("pod") { pod.as_str() } else { row.0 };
        let token = format!("Bearer {token}");
        let headers = [&[("authorization", token.as_str())], row.1].concat();
        served.send_with(row.2, &headers, "{}").await
    };
    for (index, row) in ROWS.iter().enumerate() {
        let answer = sent(row).await;
        let got = match answer.code {
            201 => answer.json()["status"]["userInfo"].to_string(),
            _ => answer.at("/message"),
        };
        assert_eq!((answer.code, got.as_str()), (row.3, row.4), "row {index}");
    }
    served.stop().await;

    let text = std::fs::read_to_string(&log).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), ROWS.len());
    for (index, (row, event)) in ROWS.iter().zip(&events).enumerate() {
        let metadata = match row.5 {
            "" => Value::Null,
            constraint => json!({"impersonationConstraint": constraint}),
        };
        assert_eq!(event["authenticationMetadata"], metadata, "row {index}: {event}");
        let acted = if row.3 == 201 { json!(row.1[0].1) } else { Value::Null };
        assert_eq!(event["impersonatedUser"]["username"], acted, "row {index}: {event}");
    }
}

/// A server whose roles are there and decide.
async fn start(folder: &Path, accounts: &Signer) -> Served {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (policy, keys) = (write("policy.yaml", POLICY), write("accounts.pem", &accounts.pem()));
    let users = ["agent", "careful", "half", "old", "both", "last"];
    let tokens = write("tokens.csv", &users.map(|user| format!("{user},{user},\n")).concat());
    let served = Served::start_with(server(), |options| {
        options.audit.audit_policy_file = Some(policy);
        options.audit.audit_log_path = Some(folder.join("audit.log"));
        options.authentication.token_auth_file = Some(tokens);
        options.authentication.service_account_issuer = vec!["https://here".to_owned()];
        options.authentication.service_account_key_file = vec![keys];
    })
    .await;
    // What is written last is seen last.
    let last = ("last", "get", "test.example.com", "widgets", "");
    for (index, role) in ROLES.iter().chain([&last]).enumerate() {
        allow(&served, index, *role).await;
    }
    let review = json!({"spec": {
        "user": "last",
        "resourceAttributes": {
            "verb": "get", "group": "test.example.com", "resource": "widgets", "namespace": "default",
        },
    }});
    let begun = Instant::now();
    let admin = format!("Bearer {}", served.token());
    let admin = [("authorization", admin.as_str())];
    let line = "POST /apis/authorization.k8s.io/v1/subjectaccessreviews";
    while served.send_with(line, &admin, review.to_string()).await.at("/status/allowed") != "true" {
        assert!(begun.elapsed() < PATIENCE, "the roles are seen in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served
}

async fn allow(served: &Served, index: usize, role: (&str, &str, &str, &str, &str)) {
    let (user, verb, group, resources, names) = role;
    let list = |text: &str| -> Vec<String> {
        text.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    let name = format!("role-{index}");
    let rule = json!({
        "verbs": [verb], "apiGroups": [group], "resources": list(resources),
        "resourceNames": list(names),
    });
    let rbac = "rbac.authorization.k8s.io";
    let role = json!({"metadata": {"name": name}, "rules": [rule]});
    let binding = json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name},
        "subjects": [{"apiGroup": rbac, "kind": "User", "name": user}],
    });
    let admin = format!("Bearer {}", served.token());
    let admin = [("authorization", admin.as_str())];
    for (resource, object) in [("clusterroles", role), ("clusterrolebindings", binding)] {
        let line = format!("POST /apis/{rbac}/v1/{resource}");
        let answer = served.send_with(&line, &admin, object.to_string()).await;
        assert_eq!(answer.code, 201, "{}", answer.text());
    }
}

/// The token of a service account whose pod is on the node `one`.
#[expect(clippy::disallowed_methods, reason = "the server under test goes by the real time")]
fn pod_token(accounts: &Signer) -> String {
    accounts.sign(&json!({
        "iss": "https://here", "aud": ["https://here"],
        "exp": jiff::Timestamp::now().as_second() + 3600,
        "sub": "system:serviceaccount:n:pod",
        "kubernetes.io": {
            "namespace": "n", "serviceaccount": {"name": "pod"},
            "pod": {"name": "pod-1", "uid": "1"}, "node": {"name": "one", "uid": "2"},
        },
    }))
}

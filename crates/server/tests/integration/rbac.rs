//! RBAC: roles and bindings that are written through the API decide who may do what.

use crate::harness::{Answer, PATIENCE, Served};
use crate::kinds::{NOTES, WIDGETS, server, widget};
use pintle::AuthorizationMode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const APPLY: &str = "application/apply-patch+yaml";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1";

/// A server in which roles decide, when it is ready.
async fn start() -> Served {
    let served = Served::start_with(server(), |_| {}).await;
    let begun = Instant::now();
    while served.send("GET /readyz", "").await.code != 200 {
        assert!(begun.elapsed() < PATIENCE, "the default roles are made in time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    served
}

/// Sends a request as somebody: the administrator acts as them. `user+group+group`.
async fn send(served: &Served, who: &str, line: &str, body: impl ToString) -> Answer {
    let token = format!("Bearer {}", served.token());
    let mut headers = vec![("authorization", token.as_str())];
    let mut names = who.split('+');
    if let Some(user) = names.next().filter(|user| !user.is_empty()) {
        headers.push(("impersonate-user", user));
    }
    headers.extend(names.map(|group| ("impersonate-group", group)));
    if line.starts_with("PATCH") {
        headers.push(("content-type", "application/merge-patch+json"));
    }
    served.send_with(line, &headers, body.to_string()).await
}

/// Sends a request as somebody until it is answered so: the roles follow what was written at once,
/// but not before that is answered.
async fn check(served: &Served, who: &str, line: &str, body: impl ToString, code: u16) -> Answer {
    let body = body.to_string();
    let begun = Instant::now();
    loop {
        let answer = send(served, who, line, &body).await;
        if answer.code == code {
            return answer;
        }
        let late = begun.elapsed() > Duration::from_secs(5);
        assert!(!late, "{who} {line}: {} {}", answer.code, answer.text());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn role(kind: &str, name: &str, rules: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": {"name": name}, "rules": rules,
    })
}

fn binding(kind: &str, name: &str, role: &str, subjects: &[&str]) -> Value {
    let (role_kind, role) = role.split_once('/').unwrap();
    let subjects: Vec<Value> = subjects
        .iter()
        .map(|subject| {
            let (kind, name) = subject.split_once('/').unwrap();
            match name.split_once(':') {
                Some((namespace, name)) if kind == "ServiceAccount" => {
                    json!({"kind": kind, "name": name, "namespace": namespace})
                }
                _ => json!({"kind": kind, "name": name}),
            }
        })
        .collect();
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name},
        "roleRef": {"kind": role_kind, "name": role, "apiGroup": "rbac.authorization.k8s.io"},
        "subjects": subjects,
    })
}

fn rule(verbs: &[&str], group: &str, resources: &[&str]) -> Value {
    json!({"verbs": verbs, "apiGroups": [group], "resources": resources})
}

const OURS: &str = "test.example.com";

#[tokio::test]
async fn roles_decide() {
    let served = start().await;
    let list = format!("GET {WIDGETS}");
    let all = format!("GET /apis/{OURS}/v1/widgets");
    let create = format!("POST {WIDGETS}");
    let roles = format!("POST {RBAC}/namespaces/default/roles");
    let bindings = format!("POST {RBAC}/namespaces/default/rolebindings");
    let everywhere = format!("POST {RBAC}/clusterrolebindings");

    let refused = check(&served, "jane", &list, "", 403).await;
    assert_eq!(
        refused.at("/message"),
        r#"widgets.test.example.com is forbidden: User "jane" cannot list resource "widgets" in API group "test.example.com" in the namespace "default""#
    );
    let reads = json!([rule(&["get", "list", "watch"], OURS, &["widgets"])]);
    check(&served, "", &roles, role("Role", "reader", &reads), 201).await;
    let to_jane = binding("RoleBinding", "jane", "Role/reader", &["User/jane", "Group/readers"]);
    check(&served, "", &bindings, &to_jane, 201).await;
    check(&served, "jane", &list, "", 200).await;
    check(&served, "joe+readers", &list, "", 200).await;
    check(&served, "joe", &list, "", 403).await;
    check(&served, "jane", &create, widget("a", 1), 403).await;
    check(&served, "jane", &all, "", 403).await;
    check(&served, "jane", &list.replace("/default/", "/other/"), "", 403).await;

    let to_robot =
        binding("ClusterRoleBinding", "robots", "ClusterRole/edit", &["ServiceAccount/n:robot"]);
    check(&served, "", &everywhere, to_robot, 201).await;
    let robot = "system:serviceaccount:n:robot";
    check(&served, robot, &create, widget("a", 1), 201).await;
    check(&served, robot, &all, "", 200).await;
    check(&served, robot, &format!("GET {NOTES}"), "", 403).await;

    // What is taken away is gone.
    let gone = format!("DELETE {RBAC}/namespaces/default/rolebindings/jane");
    check(&served, "", &gone, "", 200).await;
    check(&served, "jane", &list, "", 403).await;
    check(&served, "", &bindings, to_jane, 201).await;
    check(&served, "jane", &list, "", 200).await;
    let reader = format!("{RBAC}/namespaces/default/roles/reader");
    check(&served, "", &format!("PATCH {reader}"), json!({"rules": []}), 200).await;
    check(&served, "jane", &list, "", 403).await;
    check(&served, "", &format!("DELETE {reader}"), "", 200).await;
    let dangling = check(&served, "jane", &list, "", 403).await;
    let begun = Instant::now();
    let why = r#": RBAC: role.rbac.authorization.k8s.io "reader" not found"#;
    let mut message = dangling.at("/message");
    while !message.ends_with(why) && begun.elapsed() < PATIENCE {
        message = send(&served, "jane", &list, "").await.at("/message");
    }
    assert!(message.ends_with(why), "{message}");
    served.stop().await;
}

#[tokio::test]
async fn what_everybody_may_see() {
    let served = start().await;
    for (who, path, code) in [
        ("system:anonymous", "/version", 200),
        ("system:anonymous", "/healthz", 200),
        ("system:anonymous", "/apis", 403),
        ("system:anonymous", "/metrics", 403),
        ("jane", "/apis", 200),
        ("jane", "/apis/test.example.com/v1", 200),
        ("jane", "/openapi/v3", 200),
        ("jane", "/metrics", 403),
        ("jane+system:monitoring", "/metrics", 200),
        ("jane", "/apis/rbac.authorization.k8s.io/v1/clusterroles", 403),
        ("jane+system:masters", "/apis/rbac.authorization.k8s.io/v1/clusterroles", 200),
    ] {
        check(&served, who, &format!("GET {path}"), "", code).await;
    }
    served.stop().await;
}

#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    let served = start().await;
    let roles = format!("{RBAC}/namespaces/default/roles");
    let bindings = format!("{RBAC}/namespaces/default/rolebindings");
    let cluster_roles = format!("{RBAC}/clusterroles");
    let to_jane = binding("RoleBinding", "jane", "ClusterRole/admin", &["User/jane"]);
    check(&served, "", &format!("POST {bindings}"), to_jane, 201).await;

    let mine = json!([rule(&["get", "list"], OURS, &["widgets"])]);
    let create = format!("POST {roles}");
    check(&served, "jane", &create, role("Role", "mine", &mine), 201).await;
    let more = json!([rule(&["get", "escalate"], OURS, &["widgets", "notes"])]);
    let refused = check(&served, "jane", &create, role("Role", "more", &more), 403).await;
    assert_eq!(
        refused.at("/message"),
        "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"jane\" \
         (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently \
         held:\n\
         {APIGroups:[\"test.example.com\"], Resources:[\"notes\"], Verbs:[\"get\" \"escalate\"]}\n\
         {APIGroups:[\"test.example.com\"], Resources:[\"widgets\"], Verbs:[\"escalate\"]}"
    );
    let patch = format!("PATCH {roles}/mine");
    check(&served, "jane", &patch, json!({"rules": more}), 403).await;
    check(&served, "jane", &patch, json!({"metadata": {"labels": {"a": "b"}}}), 200).await;

    let bind = format!("POST {bindings}");
    let give = |name, role| binding("RoleBinding", name, role, &["User/joe"]);
    check(&served, "jane", &bind, give("a", "Role/mine"), 201).await;
    check(&served, "jane", &bind, give("b", "ClusterRole/view"), 201).await;
    check(&served, "jane", &bind, give("c", "ClusterRole/cluster-admin"), 403).await;
    let missing = check(&served, "jane", &bind, give("d", "Role/none"), 404).await;
    assert_eq!(missing.at("/message"), r#"roles.rbac.authorization.k8s.io "none" not found"#);
    let change = json!({"roleRef": {"name": "other"}});
    let fixed = check(&served, "", &format!("PATCH {bindings}/a"), change, 422).await;
    assert!(fixed.at("/message").ends_with("cannot change roleRef"), "{}", fixed.text());

    // The verbs bind and escalate let somebody give what they do not have.
    let powers = json!([
        {"verbs": ["bind"], "apiGroups": ["rbac.authorization.k8s.io"],
         "resources": ["clusterroles"], "resourceNames": ["cluster-admin"]},
        rule(&["escalate", "create"], "rbac.authorization.k8s.io", &["clusterroles"]),
    ]);
    let create = format!("POST {cluster_roles}");
    check(&served, "", &create, role("ClusterRole", "powers", &powers), 201).await;
    let to_jane = binding("ClusterRoleBinding", "powers", "ClusterRole/powers", &["User/jane"]);
    check(&served, "", &format!("POST {RBAC}/clusterrolebindings"), to_jane, 201).await;
    check(&served, "jane", &bind, give("c", "ClusterRole/cluster-admin"), 201).await;
    let all = json!([rule(&["*"], "*", &["*"])]);
    check(&served, "jane", &create, role("ClusterRole", "all", &all), 201).await;
    served.stop().await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let served = start().await;
    let cluster_roles = format!("POST {RBAC}/clusterroles");
    let bindings = format!("POST {RBAC}/clusterrolebindings");
    let roles = format!("POST {RBAC}/namespaces/default/roles");
    let paths = json!([{"verbs": ["get"], "nonResourceURLs": ["/x"]}]);
    for (line, body, why) in [
        (
            &cluster_roles,
            role("ClusterRole", "a", &json!([{"verbs": []}])),
            "[rules[0].verbs: Required value: verbs must contain at least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, rules[0].resources: Required value: resource rules must supply at least one resource]",
        ),
        (
            &roles,
            role("Role", "a", &paths),
            r#"rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs"#,
        ),
        (
            &bindings,
            binding("ClusterRoleBinding", "a", "Role/x", &["User/x"]),
            r#"roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole""#,
        ),
        (
            &bindings,
            binding("ClusterRoleBinding", "a", "ClusterRole/x", &["ServiceAccount/x", "Robot/y"]),
            r#"[subjects[0].namespace: Required value, subjects[1].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"]"#,
        ),
    ] {
        let answer = check(&served, "", line, body, 422).await;
        let message = answer.at("/message");
        assert!(message.ends_with(&format!(" is invalid: {why}")), "{message}");
    }
    served.stop().await;
}

/// Who makes a new object by an apply, or by an update that may, needs the right to create one.
#[tokio::test]
async fn an_update_that_creates_needs_the_right_to_create() {
    let served = start().await;
    let may = |verbs: &[&str]| {
        let rules = json!([rule(verbs, OURS, &["widgets", "notes"])]);
        role("ClusterRole", "writer", &rules)
    };
    let roles = format!("{RBAC}/clusterroles");
    check(&served, "", &format!("POST {roles}"), may(&["get", "patch", "update"]), 201).await;
    let bind = binding("ClusterRoleBinding", "writer", "ClusterRole/writer", &["User/jane"]);
    check(&served, "", &format!("POST {RBAC}/clusterrolebindings"), bind, 201).await;
    let apply = |name: &str| format!("PATCH {WIDGETS}/{name}?fieldManager=me");
    let put = |name: &str| format!("PUT {NOTES}/{name}");
    let note = |name: &str| json!({"apiVersion": "test.example.com/v1", "kind": "Note", "metadata": {"name": name}});
    let token = format!("Bearer {}", served.token());
    let send = async |line: &str, body: String| {
        let media = if line.starts_with("PUT") { "application/json" } else { APPLY };
        let headers =
            [("authorization", &*token), ("impersonate-user", "jane"), ("content-type", media)];
        served.send_with(line, &headers, body).await
    };
    // The roles follow what was written at once: a merge patch is let through to what is not there.
    check(&served, "jane", &format!("PATCH {WIDGETS}/none"), "{}", 404).await;
    for (line, body, message) in [
        (
            apply("a"),
            widget("a", 1),
            r#"widgets.test.example.com "a" is forbidden: User "jane" cannot create resource "widgets" in API group "test.example.com" in the namespace "default""#,
        ),
        (apply("a") + "&dryRun=All", widget("a", 1), ""),
        (
            put("a"),
            note("a").to_string(),
            r#"notes.test.example.com "a" is forbidden: User "jane" cannot create resource "notes" in API group "test.example.com" at the cluster scope"#,
        ),
    ] {
        let refused = send(&line, body).await;
        assert_eq!(refused.code, 403, "{line}: {}", refused.text());
        assert!(refused.at("/message").contains(message), "{line}: {}", refused.text());
    }
    for path in [WIDGETS, NOTES] {
        check(&served, "", &format!("GET {path}/a"), "", 404).await;
    }
    // What is there already may be written.
    check(&served, "", &format!("POST {WIDGETS}"), widget("b", 1), 201).await;
    check(&served, "", &format!("POST {NOTES}"), note("b"), 201).await;
    assert_eq!(send(&(apply("b") + "&force=true"), widget("b", 2)).await.code, 200);
    assert_eq!(send(&put("b"), note("b").to_string()).await.code, 200);

    let all = may(&["get", "patch", "update", "create"]);
    check(&served, "", &format!("PUT {roles}/writer"), all, 200).await;
    check(&served, "jane", &format!("POST {WIDGETS}"), widget("c", 1), 201).await;
    assert_eq!(send(&apply("a"), widget("a", 1)).await.code, 201);
    assert_eq!(send(&put("a"), note("a").to_string()).await.code, 201);
    served.stop().await;
}

#[tokio::test]
async fn aggregated_roles_are_made_of_others() {
    let served = start().await;
    let roles = format!("{RBAC}/clusterroles");
    let mut part = role("ClusterRole", "part", &json!([rule(&["get"], OURS, &["notes"])]));
    part["metadata"]["labels"] = json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"});
    check(&served, "", &format!("POST {roles}"), part, 201).await;
    let bind = binding("ClusterRoleBinding", "view", "ClusterRole/admin", &["User/jane"]);
    check(&served, "", &format!("POST {RBAC}/clusterrolebindings"), bind, 201).await;
    // A part of view is a part of edit, and that of admin.
    check(&served, "jane", &format!("GET {NOTES}/x"), "", 404).await;
    check(&served, "", &format!("DELETE {roles}/part"), "", 200).await;
    check(&served, "jane", &format!("GET {NOTES}/x"), "", 403).await;
    served.stop().await;
}

#[tokio::test]
async fn questions_about_access() {
    let served = start().await;
    let bind = binding("RoleBinding", "jane", "ClusterRole/view", &["User/jane"]);
    check(&served, "", &format!("POST {RBAC}/namespaces/default/rolebindings"), bind, 201).await;
    check(&served, "jane", &format!("GET {WIDGETS}"), "", 200).await;

    let asked = |verb: &str| json!({"verb": verb, "group": OURS, "resource": "widgets", "namespace": "default"});
    let question = |kind: &str, spec: Value| json!({"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec});
    let own = format!("POST {REVIEWS}/selfsubjectaccessreviews");
    for (verb, want) in [("list", true), ("create", false)] {
        let spec = json!({"resourceAttributes": asked(verb)});
        let answer =
            check(&served, "jane", &own, question("SelfSubjectAccessReview", spec), 201).await;
        assert_eq!(answer.json()["status"]["allowed"], want, "{}", answer.text());
    }
    let spec = json!({"user": "jane", "resourceAttributes": asked("get")});
    let others = format!("POST {REVIEWS}/subjectaccessreviews");
    let answer =
        check(&served, "", &others, question("SubjectAccessReview", spec.clone()), 201).await;
    assert_eq!(
        answer.at("/status/reason"),
        r#"RBAC: allowed by RoleBinding "jane/default" of ClusterRole "view" to User "jane""#
    );
    check(&served, "jane", &others, question("SubjectAccessReview", spec.clone()), 403).await;
    let local = format!("POST {REVIEWS}/namespaces/default/localsubjectaccessreviews");
    let answer =
        check(&served, "", &local, question("LocalSubjectAccessReview", spec.clone()), 201).await;
    assert_eq!(answer.at("/status/allowed"), "true");
    let local = local.replace("default", "other");
    let answer = check(&served, "", &local, question("LocalSubjectAccessReview", spec), 422).await;
    assert!(answer.at("/message").ends_with("must match metadata.namespace"), "{}", answer.text());
    let answer =
        check(&served, "jane", &own, question("SelfSubjectAccessReview", json!({})), 422).await;
    assert!(answer.at("/message").ends_with("must be specified"), "{}", answer.text());

    let rules = format!("POST {REVIEWS}/selfsubjectrulesreviews");
    let spec = json!({"namespace": "default"});
    let answer =
        check(&served, "jane", &rules, question("SelfSubjectRulesReview", spec), 201).await;
    let verbs = ["get", "list", "watch"];
    let found = answer.json()["status"]["resourceRules"].as_array().unwrap().iter().any(|rule| {
        rule["verbs"] == json!(verbs)
            && rule["resources"].as_array().unwrap().contains(&json!("widgets"))
    });
    assert!(found, "{}", answer.text());
    let answer =
        check(&served, "jane", &rules, question("SelfSubjectRulesReview", json!({})), 400).await;
    assert_eq!(answer.at("/message"), "no namespace on request");

    let whoami = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = check(&served, "jane+a", whoami, body, 201).await;
    assert_eq!(
        answer.json()["status"]["userInfo"],
        json!({"username": "jane", "groups": ["a", "system:authenticated"]})
    );
    served.stop().await;
}

#[tokio::test]
async fn modes() {
    let mode = |modes: &'static [AuthorizationMode]| {
        Served::start_with(server(), |options| options.authorization.mode = modes.to_vec())
    };
    let list = format!("GET {WIDGETS}");
    let served = mode(&[AuthorizationMode::AlwaysAllow]).await;
    check(&served, "jane", &list, "", 200).await;
    check(&served, "jane", &format!("GET {RBAC}/clusterroles"), "", 404).await;
    served.stop().await;
    let served = mode(&[AuthorizationMode::Rbac, AuthorizationMode::AlwaysDeny]).await;
    let refused = check(&served, "jane", &list, "", 403).await;
    assert!(refused.at("/message").ends_with(": Everything is forbidden."), "{}", refused.text());
    check(&served, "", &list, "", 200).await;
    served.stop().await;
    let served = Served::start(server()).await;
    let groups = served.send("GET /apis", "").await;
    assert_eq!(groups.json()["groups"].as_array().unwrap().len(), 1, "{}", groups.text());
    served.stop().await;
}

type Impersonation = (&'static [(&'static str, &'static str)], u16, &'static str);

/// Whom a client asks for who may act as joe, and what it gets.
const IMPERSONATIONS: &[Impersonation] = &[
    (
        &[("impersonate-user", "joe"), ("impersonate-extra-team", "a")],
        201,
        r#"{"extra":{"team":["a"]},"groups":["system:authenticated"],"username":"joe"}"#,
    ),
    (
        &[("impersonate-user", "jane")],
        403,
        r#"users "jane" is forbidden: User "system:anonymous" cannot impersonate resource "users" in API group "" at the cluster scope"#,
    ),
    (
        &[("impersonate-user", "joe"), ("impersonate-group", "system:masters")],
        403,
        r#"groups "system:masters" is forbidden: User "system:anonymous" cannot impersonate resource "groups" in API group "" at the cluster scope"#,
    ),
    (
        &[("impersonate-user", "joe"), ("impersonate-uid", "1")],
        403,
        r#"uids.authentication.k8s.io "1" is forbidden: User "system:anonymous" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope"#,
    ),
    (
        &[("impersonate-user", "joe"), ("impersonate-extra-x", "1")],
        403,
        r#"userextras.authentication.k8s.io "1" is forbidden: User "system:anonymous" cannot impersonate resource "userextras/x" in API group "authentication.k8s.io" at the cluster scope"#,
    ),
    (
        &[("impersonate-user", "system:serviceaccount:n:a")],
        403,
        r#"serviceaccounts "a" is forbidden: User "system:anonymous" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "n""#,
    ),
    (
        &[("impersonate-group", "a")],
        400,
        r#"requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"a"}, Extra:map[string][]string(nil)} without impersonating a user name"#,
    ),
];

#[tokio::test]
async fn acting_as_somebody_else_must_be_allowed() {
    let served = start().await;
    let powers = json!([
        {"verbs": ["impersonate"], "apiGroups": [""], "resources": ["users"], "resourceNames": ["joe"]},
        {"verbs": ["impersonate"], "apiGroups": ["authentication.k8s.io"], "resources": ["userextras/team"]},
    ]);
    check(
        &served,
        "",
        &format!("POST {RBAC}/clusterroles"),
        role("ClusterRole", "act", &powers),
        201,
    )
    .await;
    let bind =
        binding("ClusterRoleBinding", "act", "ClusterRole/act", &["Group/system:unauthenticated"]);
    check(&served, "", &format!("POST {RBAC}/clusterrolebindings"), bind, 201).await;
    let whoami = "POST /apis/authentication.k8s.io/v1/selfsubjectreviews";
    let body =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).to_string();
    for (headers, code, want) in IMPERSONATIONS {
        let begun = Instant::now();
        loop {
            let answer = served.send_with(whoami, headers, body.clone()).await;
            let got = if *code == 201 {
                answer.json()["status"]["userInfo"].to_string()
            } else {
                answer.at("/message")
            };
            if (answer.code, got.as_str()) == (*code, *want) {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(5), "{headers:?}: {}", answer.text());
        }
    }
    served.stop().await;
}

//! Who may do what, and what the others are told.

use crate::harness::{Served, soon};
use crate::kinds::{NOTES, WIDGETS, server, widget};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use pintle::Options;
use std::os::unix::fs::PermissionsExt;

const ANONYMOUS: &str = "system:anonymous";

/// A request as somebody, and the code and the message that it is answered.
async fn check(served: &Served, credential: &str, line: &str, code: u16, message: &str) {
    let headers = [("authorization", credential)];
    let headers = if credential.is_empty() { &[] } else { &headers[..] };
    let body = if line.starts_with("POST") { widget("a", 1) } else { String::new() };
    let answer = served.send_with(line, headers, body).await;
    let what = format!("{credential:?} {line}: {}", answer.text());
    assert_eq!(answer.code, code, "{what}");
    if message.is_empty() {
        return;
    }
    assert_eq!(answer.at("/message"), message, "{what}");
    let reason = if code == 401 { "Unauthorized" } else { "Forbidden" };
    assert_eq!(answer.at("/reason"), reason, "{what}");
    assert_eq!((answer.at("/kind"), answer.at("/code")), ("Status".into(), code.to_string()));
}

#[tokio::test]
async fn credentials() {
    let served = Served::start_with(server(), |_| {}).await;
    let right = format!("Bearer {}", served.token());
    let lower = format!("bearer {}", served.token());
    let longer = format!("Bearer {}x", served.token());
    let list = format!("GET {WIDGETS}");
    let create = format!("POST {WIDGETS}");

    // The roles are made while requests are served already.
    soon(async { while served.send("GET /readyz", "").await.code != 200 {} }).await;
    for path in ["/healthz", "/livez", "/readyz"] {
        check(&served, "", &format!("GET {path}"), 200, "").await;
    }
    for (line, message) in [
        (
            list.clone(),
            r#"widgets.test.example.com is forbidden: User "system:anonymous" cannot list resource "widgets" in API group "test.example.com" in the namespace "default""#,
        ),
        (
            format!("{list}?watch=true"),
            r#"widgets.test.example.com is forbidden: User "system:anonymous" cannot watch resource "widgets" in API group "test.example.com" in the namespace "default""#,
        ),
        (
            format!("{list}/a"),
            r#"widgets.test.example.com "a" is forbidden: User "system:anonymous" cannot get resource "widgets" in API group "test.example.com" in the namespace "default""#,
        ),
        (
            create.clone(),
            r#"widgets.test.example.com is forbidden: User "system:anonymous" cannot create resource "widgets" in API group "test.example.com" in the namespace "default""#,
        ),
        (
            format!("DELETE {NOTES}/n"),
            r#"notes.test.example.com "n" is forbidden: User "system:anonymous" cannot delete resource "notes" in API group "test.example.com" at the cluster scope"#,
        ),
        (
            "GET /api/v1/namespaces/x/pods".to_owned(),
            r#"pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "x""#,
        ),
        ("GET /apis".to_owned(), r#"forbidden: User "system:anonymous" cannot get path "/apis""#),
        ("GET /nope".to_owned(), r#"forbidden: User "system:anonymous" cannot get path "/nope""#),
        (
            "POST /healthz/x".to_owned(),
            r#"forbidden: User "system:anonymous" cannot post path "/healthz/x""#,
        ),
    ] {
        assert!(message.contains(ANONYMOUS));
        check(&served, "", &line, 403, message).await;
    }

    for wrong in ["Bearer wrong", "Bearer x y", &longer] {
        check(&served, wrong, &list, 401, "Unauthorized").await;
        check(&served, wrong, "GET /apis", 401, "Unauthorized").await;
    }
    check(&served, &right, &create, 201, "").await;
    for right in [&right, &lower] {
        check(&served, right, &list, 200, "").await;
        check(&served, right, "GET /apis", 200, "").await;
    }
    served.stop().await;
}

#[tokio::test]
async fn who_is_not_known_gets_one_answer_of_an_http2_connection() {
    let served = Served::start_with(server(), |_| {}).await;
    // Until the roles are there nobody can tell who may.
    soon(async { while served.send("GET /readyz", "").await.code != 200 {} }).await;
    let right = format!("Bearer {}", served.token());
    for (credential, code, ends) in
        [("", 403, true), ("Bearer wrong", 401, true), (right.as_str(), 200, false)]
    {
        let (mut sender, connection) = served.http2().await;
        let request = http::Request::builder()
            .uri(format!("https://{}/apis", served.address()))
            .header("authorization", credential)
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), code, "{credential:?}");
        response.into_body().collect().await.unwrap();
        // That a connection stays can only be seen for a while.
        let patience = std::time::Duration::from_millis(if ends { 10_000 } else { 300 });
        let ended = tokio::time::timeout(patience, connection).await;
        assert_eq!(ended.is_ok(), ends, "{credential:?}");
    }
    served.stop().await;
}

#[tokio::test]
async fn without_anonymous_a_credential_is_needed() {
    let served = Served::start_with(server(), |options| options.anonymous_auth = false).await;
    let right = format!("Bearer {}", served.token());
    for path in [WIDGETS, "/healthz", "/apis", "/"] {
        check(&served, "", &format!("GET {path}"), 401, "Unauthorized").await;
        check(&served, &right, &format!("GET {path}"), 200, "").await;
    }
    served.stop().await;
}

#[tokio::test]
async fn what_the_administrator_gets_is_the_administrators() {
    for change in [|_: &mut Options| {}, |options: &mut Options| options.insecure_allow_all = true]
    {
        let served = Served::start_with(server(), change).await;
        let kubeconfig = served.kubeconfig();
        let mode = kubeconfig.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", kubeconfig.display());
        let text = std::fs::read_to_string(kubeconfig).unwrap();
        assert!(text.contains(served.token()), "the kubeconfig has the token");
        assert!(text.contains(&served.address().to_string()), "and the address");
        let token = kubeconfig.with_file_name("admin.token");
        assert_eq!(token.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        served.stop().await;
    }
}

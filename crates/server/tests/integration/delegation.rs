//! A server that leaves it to a cluster who a user is and what they may do.

use crate::cluster::Cluster;
use crate::harness::{Identity, Issuer, Served, soon};
use crate::kinds::{WIDGETS, server, widget};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use pintle::Options;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tempfile::TempDir;

/// A server that asks a cluster, remembers briefly, and is told how the cluster is to be trusted.
struct World {
    cluster: Cluster,
    clients: Issuer,
    proxies: Issuer,
    served: Served,
}

fn delegate(options: &mut Options, cluster: &Cluster) {
    options.delegation.enable_auth = true;
    options.delegation.kubeconfig = Some(cluster.served.kubeconfig().to_owned());
}

impl World {
    async fn start() -> Self {
        let (clients, proxies) = (Issuer::new("clients"), Issuer::new("proxies"));
        let cluster = Cluster::start().await;
        cluster.tell(&trust(&clients.pem(), &proxies.pem(), r#"["front-proxy"]"#)).await;
        let served = Served::start_with(server(), |options| delegate(options, &cluster)).await;
        Self { cluster, clients, proxies, served }
    }

    async fn stop(self) {
        self.served.stop().await;
        self.cluster.served.stop().await;
    }
}

/// What a cluster tells.
fn trust<'a>(clients: &'a str, proxies: &'a str, names: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("client-ca-file", clients),
        ("requestheader-client-ca-file", proxies),
        ("requestheader-allowed-names", names),
        ("requestheader-username-headers", r#"["X-Remote-User"]"#),
        ("requestheader-group-headers", r#"["X-Remote-Group"]"#),
        ("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#),
    ]
}

/// Who shows what: the name for the test, the certificate, and the headers.
type Who<'a> = (&'a str, Option<&'a Identity>, &'a [(&'a str, &'a str)]);

#[tokio::test]
async fn who_may_do_what() {
    let mut world = World::start().await;
    let jane = world.clients.issue("jane", "readers");
    let admin = world.clients.issue("root", "system:masters");
    let proxy = world.proxies.issue("front-proxy", "");
    let other_proxy = world.proxies.issue("other", "");
    let stranger = Issuer::new("strangers").issue("jane", "system:masters");
    let own = format!("Bearer {}", world.served.token());
    let long = format!("Bearer {}", "x".repeat(100 << 10));
    let as_jane: &[_] = &[("x-remote-user", "jane"), ("x-remote-group", "readers")];
    let as_root: &[_] = &[("x-remote-user", "root"), ("x-remote-group", "system:masters")];

    let whos: &[(Who<'_>, [u16; 4])] = &[
        // GET /healthz, GET a collection, POST to it, GET /metrics
        (("nobody", None, &[]), [200, 403, 403, 403]),
        (("a wrong token", None, &[("authorization", "Bearer wrong")]), [401; 4]),
        (("a long token", None, &[("authorization", &long)]), [401; 4]),
        (("jane by token", None, &[("authorization", "Bearer jane-token")]), [200, 200, 403, 200]),
        (("joe by token", None, &[("authorization", "Bearer joe-token")]), [200, 200, 201, 200]),
        (
            ("a banned user", None, &[("authorization", "Bearer banned-token")]),
            [200, 403, 403, 403],
        ),
        (("a torn judge", None, &[("authorization", "Bearer torn-token")]), [200, 500, 500, 500]),
        (("the server itself", None, &[("authorization", &own)]), [200, 200, 201, 200]),
        (("jane by certificate", Some(&jane), &[]), [200, 200, 403, 200]),
        (("root by certificate", Some(&admin), &[]), [200, 200, 201, 200]),
        (("a stranger's certificate", Some(&stranger), &[]), [401; 4]),
        (
            ("a stranger with a token", Some(&stranger), &[("authorization", "Bearer joe-token")]),
            [200, 200, 201, 200],
        ),
        (("jane by the proxy", Some(&proxy), as_jane), [200, 200, 403, 200]),
        (("root by the proxy", Some(&proxy), as_root), [200, 200, 201, 200]),
        (("nobody by the proxy", Some(&proxy), &[]), [401; 4]),
        (("root by another proxy", Some(&other_proxy), as_root), [401; 4]),
        (("root by jane", Some(&jane), as_root), [200, 200, 403, 200]),
        (("root by a stranger", Some(&stranger), as_root), [401; 4]),
        (("root by nobody", None, as_root), [200, 403, 403, 403]),
    ];
    for ((who, identity, headers), codes) in whos {
        world.served.show(*identity);
        let create = format!("POST {WIDGETS}?dryRun=All");
        let list = format!("GET {WIDGETS}");
        let lines = ["GET /healthz", &list, &create, "GET /metrics"];
        for (line, code) in lines.into_iter().zip(codes) {
            let body = if line.starts_with("POST") { widget("a", 1) } else { String::new() };
            let answer = world.served.send_with(line, headers, body).await;
            assert_eq!(answer.code, *code, "{who}: {line}: {}", answer.text());
        }
    }
    world.stop().await;
}

#[tokio::test]
async fn refusals_and_reviews_say_who_and_what() {
    let world = World::start().await;
    let get = async |token: &str, path: &str| {
        let bearer = format!("Bearer {token}");
        world.served.send_with(&format!("GET {path}"), &[("authorization", &bearer)], "").await
    };
    let answer = get("banned-token", WIDGETS).await;
    let message = r#"widgets.test.example.com is forbidden: User "banned" cannot list resource "widgets" in API group "test.example.com" in the namespace "default": banned for life"#;
    assert_eq!((answer.code, answer.at("/message").as_str()), (403, message));
    let answer = get("torn-token", WIDGETS).await;
    assert!(answer.text().contains("returned both allow and deny"), "{}", answer.text());

    get("jane-token", &format!("{WIDGETS}?labelSelector=a%3Db&fieldSelector=metadata.name%3Dx"))
        .await;
    let last = world.cluster.judge.last.lock().unwrap().clone();
    let requirement = |key: &str, value: &str| json!({"requirements": [{"key": key, "operator": "In", "values": [value]}]});
    assert_eq!(
        last["resourceAttributes"],
        json!({
            "group": "test.example.com", "version": "v1", "resource": "widgets", "verb": "list",
            "namespace": "default", "name": "x",
            "labelSelector": requirement("a", "b"),
            "fieldSelector": requirement("metadata.name", "x"),
        })
    );
    assert_eq!(last["user"], "jane");
    assert_eq!(last["groups"], json!(["readers", "system:authenticated"]));
    world.stop().await;
}

#[tokio::test]
async fn answers_are_remembered_and_asked_for_once() {
    let world = World::start().await;
    let judge = &world.cluster.judge;
    let get = async |token: &str, path: String| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        world.served.send_with(&format!("GET {path}"), &headers, "").await.code
    };
    let list = || WIDGETS.to_owned();
    for _ in 0..3 {
        assert_eq!(get("jane-token", list()).await, 200);
        assert_eq!(get("banned-token", list()).await, 403);
        assert_eq!(get("wrong-token", list()).await, 401);
    }
    assert_eq!(judge.reviews.load(Ordering::Relaxed), 3);
    assert_eq!(judge.asked(), ["jane list widgets", "banned list widgets"]);
    // Another object is another question, and a long one is asked each time.
    assert_eq!(get("jane-token", format!("{WIDGETS}/a")).await, 404);
    assert_eq!(judge.asked(), ["jane get widgets"]);
    let long = format!("{WIDGETS}?labelSelector={}", ["a%3Db"; 3000].join(","));
    assert_eq!([get("jane-token", long.clone()).await, get("jane-token", long).await], [200; 2]);
    assert_eq!(judge.asked().len(), 2);

    // A thousand requests with the same unknown token.
    let before = judge.reviews.load(Ordering::Relaxed);
    let mut asking = Vec::new();
    for _ in 0..10 {
        let (sender, _) = world.served.http2().await;
        for _ in 0..100 {
            let mut sender = sender.clone();
            let request = Request::builder()
                .uri(format!("https://{}{WIDGETS}", world.served.address()))
                .header("authorization", "Bearer unknown")
                .body(Full::<Bytes>::default())
                .unwrap();
            asking.push(tokio::spawn(async move {
                let response = sender.send_request(request).await.unwrap();
                let code = response.status().as_u16();
                response.into_body().collect().await.unwrap();
                code
            }));
        }
    }
    for asked in asking {
        assert_eq!(soon(asked).await.unwrap(), 401);
    }
    assert_eq!(judge.reviews.load(Ordering::Relaxed), before + 1);
    assert_eq!(judge.at_once.load(Ordering::Relaxed), 1);

    let own = format!("Bearer {}", world.served.token());
    let answer = world.served.send_with("GET /metrics", &[("authorization", &own)], "").await;
    for want in [
        "authentication_attempts{result=\"error\"} 1003",
        "authentication_attempts{result=\"failure\"} 0",
        "authenticated_user_requests{username=\"other\"} 10",
        "apiserver_delegated_authn_request_total{code=\"201\"} 4",
        "apiserver_delegated_authz_request_total{code=\"201\"} 5",
        "apiserver_delegated_authn_request_duration_seconds_count{code=\"201\"} 4",
        "apiserver_delegated_authz_request_duration_seconds_bucket{code=\"201\",le=\"10\"} 5",
    ] {
        assert!(answer.text().lines().any(|line| line == want), "no {want} in\n{}", answer.text());
    }
    world.stop().await;
}

/// How long answers are remembered: those about tokens, those that allow, those that do not.
#[tokio::test]
async fn answers_are_remembered_as_long_as_the_flags_say() {
    let (long, none) = (Duration::from_secs(3600), Duration::ZERO);
    let cluster = Cluster::start().await;
    cluster.tell(&trust(&Issuer::new("c").pem(), &Issuer::new("p").pem(), "[]")).await;
    for (ttls, reviews, jane, banned) in [
        ([long, long, long], 2, 1, 1),
        ([none, long, long], 6, 1, 1),
        ([long, none, long], 2, 3, 1),
        ([long, long, none], 2, 1, 3),
    ] {
        let served = Served::start_with(server(), |options| {
            delegate(options, &cluster);
            let [tokens, allowed, refused] = ttls;
            options.delegation.authentication_token_webhook_cache_ttl = tokens;
            options.delegation.authorization_webhook_cache_authorized_ttl = allowed;
            options.delegation.authorization_webhook_cache_unauthorized_ttl = refused;
        })
        .await;
        let before = cluster.judge.reviews.load(Ordering::Relaxed);
        cluster.judge.asked();
        for _ in 0..3 {
            for (token, code) in [("jane-token", 200), ("banned-token", 403)] {
                let bearer = format!("Bearer {token}");
                let headers = [("authorization", bearer.as_str())];
                let line = format!("GET {WIDGETS}");
                assert_eq!(served.send_with(&line, &headers, "").await.code, code);
            }
        }
        let asked = cluster.judge.asked();
        let about = |who: &str| asked.iter().filter(|it| it.starts_with(who)).count();
        let reviewed = cluster.judge.reviews.load(Ordering::Relaxed) - before;
        assert_eq!((reviewed, about("jane"), about("banned")), (reviews, jane, banned), "{ttls:?}");
        served.stop().await;
    }
    cluster.served.stop().await;
}

#[tokio::test]
async fn a_cluster_that_is_ill_or_gone_lets_nobody_in() {
    let world = World::start().await;
    let judge = &world.cluster.judge;
    let get = async |token: &str, path: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers };
        world.served.send_with(&format!("GET {path}"), headers, "").await
    };
    // An error that may pass is waited out.
    judge.hiccups.store(2, Ordering::Relaxed);
    assert_eq!(get("jane-token", WIDGETS).await.code, 200);
    assert_eq!(judge.reviews.load(Ordering::Relaxed), 3);

    judge.ill.store(true, Ordering::Relaxed);
    // What is remembered holds; what is not is refused, and not remembered.
    assert_eq!(get("jane-token", WIDGETS).await.code, 200);
    assert_eq!(get("joe-token", WIDGETS).await.code, 401);
    let answer = get("jane-token", "/apis").await;
    assert_eq!(answer.code, 500);
    let text = "Internal Server Error: \"/apis\": the cluster is ill\n";
    assert_eq!(answer.text(), text);
    judge.ill.store(false, Ordering::Relaxed);
    assert_eq!(get("joe-token", WIDGETS).await.code, 200);
    assert_eq!(get("jane-token", "/apis").await.code, 200);

    let World { cluster, served, .. } = world;
    cluster.served.stop().await;
    let get = async |token: &str, path: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let headers = if token.is_empty() { &[][..] } else { &headers };
        served.send_with(&format!("GET {path}"), headers, "").await.code
    };
    assert_eq!(get("torn-token", WIDGETS).await, 401);
    assert_eq!(get("joe-token", "/apis/test.example.com").await, 500);
    assert_eq!(get("", WIDGETS).await, 500);
    assert_eq!(get("", "/readyz").await, 200);
    assert_eq!(get(served.token(), WIDGETS).await, 200);
    served.stop().await;
}

#[tokio::test]
async fn what_the_cluster_tells_is_followed() {
    let mut world = World::start().await;
    let proxy = world.proxies.issue("front-proxy", "");
    let headers = [("x-remote-user", "root"), ("x-remote-group", "system:masters")];
    world.served.show(Some(&proxy));
    let list = format!("GET {WIDGETS}");
    assert_eq!(world.served.send_with(&list, &headers, "").await.code, 200);
    let (clients, proxies) = (world.clients.pem(), world.proxies.pem());
    for (names, code) in [(r#"["another"]"#, 401), ("[]", 200), (r#"["front-proxy"]"#, 200)] {
        world.cluster.tell(&trust(&clients, &proxies, names)).await;
        soon(async {
            while world.served.send_with(&list, &headers, "").await.code != code {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
    }
    world.stop().await;
}

#[tokio::test]
async fn nothing_is_made_in_a_namespace_that_is_not_there() {
    let cluster = Cluster::start().await;
    let served = Served::start_with(server(), |options| {
        delegate(options, &cluster);
        options.enable_admission = true;
    })
    .await;
    let bearer = format!("Bearer {}", served.token());
    let send = async |line: &str, name: &str| {
        let headers = [("authorization", bearer.as_str())];
        served.send_with(line, &headers, widget(name, 1)).await
    };
    let create = format!("POST {WIDGETS}");
    let answer = send(&create, "a").await;
    assert_eq!(
        (answer.code, answer.at("/message").as_str()),
        (404, "namespaces \"default\" not found")
    );
    assert_eq!(answer.at("/details/kind"), "namespaces");
    cluster.namespace("default", "Active").await;
    assert_eq!(send(&create, "a").await.code, 201);

    cluster.namespace("default", "Terminating").await;
    let dry = format!("{create}?dryRun=All");
    let answer = soon(async {
        loop {
            let answer = send(&dry, "b").await;
            if answer.code != 201 {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let message = "widgets.test.example.com \"b\" is forbidden: unable to create new content in \
                   namespace default because it is being terminated";
    assert_eq!((answer.code, answer.at("/message").as_str()), (403, message));
    assert_eq!(answer.at("/details/causes/0/reason"), "NamespaceTerminating");
    assert_eq!(answer.at("/details/causes/0/field"), "metadata.namespace");
    // What is there may still be changed and removed.
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "application/merge-patch+json")];
    for (line, body) in [("PATCH", r#"{"spec":{"size":2}}"#), ("DELETE", "")] {
        let answer = served.send_with(&format!("{line} {WIDGETS}/a"), &headers, body).await;
        assert_eq!(answer.code, 200, "{}", answer.text());
    }

    cluster.served.stop().await;
    let answer = send(&create, "c").await;
    assert_eq!(answer.code, 500, "{}", answer.text());
    served.stop().await;
}

#[tokio::test]
async fn a_start_without_the_clusters_word_says_what_helps() {
    let cluster = Cluster::start().await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("kubeconfig");
    let text = std::fs::read_to_string(cluster.served.kubeconfig()).unwrap();
    let token = cluster.served.token();
    let anonymous = text.replace(&format!("    token: \"{token}\"\n"), "    {}\n");
    for (kubeconfig, tolerate, want) in [
        (
            text.replace(token, "wrong"),
            false,
            "unable to get configmap/extension-apiserver-authentication: Unauthorized",
        ),
        (anonymous.clone(), false, "--role=extension-apiserver-authentication-reader"),
        (anonymous, true, ""),
        // No config map is no error: nothing is believed then.
        (text.clone(), false, ""),
        (text.replace("current-context: default", ""), false, "cannot use the kubeconfig"),
        ("what?".to_owned(), false, "failed to get delegated authentication kubeconfig"),
    ] {
        std::fs::write(&path, &kubeconfig).unwrap();
        let data = TempDir::new().unwrap();
        let mut options = Options::default();
        options.secure_port = 0;
        options.data_dir = Some(data.path().to_owned());
        options.delegation.enable_auth = true;
        options.delegation.kubeconfig = Some(path.clone());
        options.delegation.authentication_tolerate_lookup_failure = tolerate;
        match soon(server().start(&options)).await {
            Ok(running) => {
                assert_eq!(want, "", "{kubeconfig}");
                assert_eq!(running.kubeconfig(), None);
                soon(running.shutdown()).await.unwrap();
            }
            Err(error) => {
                let error = error.to_string();
                assert!(!want.is_empty() && error.contains(want), "{error}");
                assert!(!error.contains('\n'), "{error}");
            }
        }
    }
    let mut options = Options::default();
    options.secure_port = 0;
    options.data_dir = Some(folder.path().to_owned());
    options.delegation.enable_auth = true;
    let error = server().start(&options).await.unwrap_err().to_string();
    assert!(error.contains("KUBERNETES_SERVICE_HOST"), "{error}");
    cluster.served.stop().await;
}

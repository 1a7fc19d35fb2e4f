//! Who is let in, by what they show, and what they may then do: every way to be known, over both
//! versions of HTTP, with what each request is answered.

use crate::harness::{Answer, Http, Identity, Issuer, Served, soon};
use crate::kinds::{WIDGETS, server, widget};
use crate::outside::Outside;
use crate::signer::Signer;
use pintle::Options;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, date_time_ymd};
use serde_json::{Value, json};
use std::time::Duration;
use tempfile::TempDir;

/// What everybody asks for, in this order.
const LINES: [&str; 6] = [
    "GET /healthz",
    "GET /version",
    "GET /metrics",
    "GET /apis/test.example.com/v1/namespaces/default/widgets",
    "POST /apis/test.example.com/v1/namespaces/default/widgets?dryRun=All",
    "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
];

/// What it is answered.
type Codes = [u16; 6];

const MASTER: Codes = [200, 200, 200, 200, 201, 201];
/// Who is in the group `readers`.
const READER: Codes = [200, 200, 200, 200, 403, 201];
/// Who is known and has no role.
const KNOWN: Codes = [200, 200, 403, 403, 403, 201];
/// Who has shown nothing.
const NOBODY: Codes = [200, 200, 403, 403, 403, 403];
const REFUSED: Codes = [401; 6];

/// What is shown, by a name for the test: a certificate, headers; as whom that counts (or the message
/// where it is a sentence), and the codes.
type Row<'a> = (&'a str, Option<&'a Identity>, Vec<(&'a str, &'a str)>, &'a str, Codes);

/// All that can be shown.
struct World {
    issuer: Outside,
    signer: Signer,
    accounts: Signer,
    clients: Issuer,
    proxies: Issuer,
    _folder: TempDir,
    served: Served,
}

impl World {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let (signer, accounts) = (Signer::new(), Signer::new());
        let (clients, proxies) = (Issuer::new("clients"), Issuer::new("proxies"));
        let keys = json!({"keys": [signer.jwk()]});
        let issuer = Outside::start(|url| {
            let about = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
            move |path: &str, _| match path {
                "/keys" => (200, keys.clone()),
                _ => (200, about.clone()),
            }
        })
        .await;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let tokens = "jane-token,jane,,readers\nhelper-token,helper,\n";
        let set = |options: &mut Options| {
            let flags = &mut options.authentication;
            flags.client_ca_file = Some(write("clients.crt", &clients.pem()));
            flags.requestheader_client_ca_file = Some(write("proxies.crt", &proxies.pem()));
            flags.requestheader_allowed_names = vec!["front-proxy".to_owned()];
            flags.token_auth_file = Some(write("tokens.csv", tokens));
            flags.service_account_issuer = vec!["https://here".to_owned()];
            flags.service_account_key_file = vec![write("accounts.pem", &accounts.pem())];
            let configuration = configuration(&issuer).to_string();
            flags.authentication_config = Some(write("config.json", &configuration));
        };
        let served = Served::start_with(server(), set).await;
        let world = Self { issuer, signer, accounts, clients, proxies, _folder: folder, served };
        world.make_roles().await;
        world
    }

    /// Readers see widgets and metrics; the helper may act as jane, and for readers.
    async fn make_roles(&self) {
        let admin = format!("Bearer {}", self.served.token());
        let send = async |resource: &str, object: Value| {
            let line = format!("POST /apis/rbac.authorization.k8s.io/v1/{resource}");
            let headers = [("authorization", admin.as_str())];
            let answer = self.served.send_with(&line, &headers, object.to_string()).await;
            assert_eq!(answer.code, 201, "{}", answer.text());
        };
        let on = |group: &str, resource: &str, verbs: &[&str], names: &[&str]| {
            json!({"apiGroups": [group], "resources": [resource], "verbs": verbs,
                   "resourceNames": names})
        };
        let metrics = json!({"nonResourceURLs": ["/metrics"], "verbs": ["get"]});
        let read = on("test.example.com", "widgets", &["get", "list", "watch"], &[]);
        let help = [("users", "jane"), ("groups", "readers")];
        let help = help.map(|(resource, name)| on("", resource, &["impersonate"], &[name]));
        for (name, rules, kind, subject) in [
            ("reader", json!([read, metrics]), "Group", "readers"),
            ("helper", json!(help), "User", "helper"),
        ] {
            send("clusterroles", json!({"metadata": {"name": name}, "rules": rules})).await;
            let group = "rbac.authorization.k8s.io";
            let role = json!({"apiGroup": group, "kind": "ClusterRole", "name": name});
            let subject = json!({"apiGroup": group, "kind": kind, "name": subject});
            let binding =
                json!({"metadata": {"name": name}, "roleRef": role, "subjects": [subject]});
            send("clusterrolebindings", binding).await;
        }
        let helped = [("authorization", "Bearer helper-token"), ("impersonate-user", "jane")];
        for headers in [&[("authorization", "Bearer jane-token")][..], &helped] {
            let path = if headers.len() == 1 { WIDGETS } else { "/healthz" };
            soon(async {
                while self.served.send_with(&format!("GET {path}"), headers, "").await.code != 200 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            })
            .await;
        }
    }

    /// Shows it over both versions of HTTP, and compares what comes back.
    async fn check(&mut self, rows: &[Row<'_>]) {
        for (what, identity, headers, user, codes) in rows {
            self.served.show(*identity);
            for http in [Http::One, Http::Two] {
                for (line, code) in LINES.into_iter().zip(codes) {
                    let body = match line {
                        _ if line.contains("/widgets?") => widget("a", 1),
                        _ if line.starts_with("POST") => "{}".to_owned(),
                        _ => String::new(),
                    };
                    let answer = self.served.send_over(http, line, headers, body).await;
                    let about = format!("{what}: {http:?}: {line}: {}", answer.text());
                    assert_eq!(answer.code, *code, "{about}");
                    said(&answer, line, user, &about);
                }
            }
        }
    }

    /// Whether a metric has a line that begins so.
    async fn counts(&self, beginnings: &[&str]) {
        let token = format!("Bearer {}", self.served.token());
        let headers = [("authorization", token.as_str())];
        let metrics = self.served.send_with("GET /metrics", &headers, "").await;
        for beginning in beginnings {
            let seen = metrics.text().lines().any(|line| line.starts_with(beginning));
            assert!(seen, "{beginning}: {}", metrics.text());
        }
    }

    /// A token of the issuer, with a change of its claims.
    fn jwt(&self, signer: &Signer, algorithm: &str, change: (&str, Value)) -> String {
        let mut claims = json!({
            "iss": self.issuer.url, "sub": "jane", "aud": "here", "groups": ["readers"],
            "exp": in_seconds(3600),
        });
        claims[change.0] = change.1;
        format!("Bearer {}", signer.sign_as(algorithm, &claims))
    }

    /// A token of a service account, with a change of its claims.
    fn account(&self, signer: &Signer, change: (&str, Value)) -> String {
        let mut claims = json!({
            "iss": "https://here", "aud": ["https://here"], "exp": in_seconds(3600),
            "sub": "system:serviceaccount:default:robot",
            "kubernetes.io": {"namespace": "default", "serviceaccount": {"name": "robot"}},
        });
        claims[change.0] = change.1;
        format!("Bearer {}", signer.sign(&claims))
    }
}

/// Whom an answer was for: who is known is told so by a review, who is refused by the message. A user
/// with `acts:` before the name is refused what is asked for as somebody else.
fn said(answer: &Answer, line: &str, user: &str, about: &str) {
    let (verbs, user) = match user.strip_prefix("acts:") {
        Some(user) => ("impersonate-on:user-info:", user),
        None => ("", user),
    };
    let on = |verb: &str| {
        format!(
            "widgets.test.example.com is forbidden: User \"{user}\" cannot {verbs}{verb} resource \
             \"widgets\" in API group \"test.example.com\" in the namespace \"default\""
        )
    };
    let message = match (answer.code, line) {
        (401, _) => "Unauthorized".to_owned(),
        (400 | 403, _) if user.contains(' ') => user.to_owned(),
        // Everybody may do everything there, but not be anybody.
        (403, "GET /healthz") => format!(
            "users.authentication.k8s.io \"jane\" is forbidden: User \"{user}\" cannot \
             impersonate:user-info resource \"users\" in API group \"authentication.k8s.io\" at \
             the cluster scope"
        ),
        (403, "GET /version" | "GET /metrics") => {
            let path = line.strip_prefix("GET ").unwrap();
            format!("forbidden: User \"{user}\" cannot {verbs}get path \"{path}\"")
        }
        (403, _) if line.contains("/selfsubjectreviews") => format!(
            "selfsubjectreviews.authentication.k8s.io is forbidden: User \"{user}\" cannot \
             {verbs}create resource \"selfsubjectreviews\" in API group \"authentication.k8s.io\" at the cluster \
             scope"
        ),
        (403, _) => on(if line.starts_with("POST") { "create" } else { "list" }),
        (201, _) if line.contains("/selfsubjectreviews") => {
            assert_eq!(answer.at("/status/userInfo/username"), user, "{about}");
            return;
        }
        _ => return,
    };
    assert_eq!(answer.at("/message"), message, "{about}");
    assert_eq!(answer.at("/code"), answer.code.to_string(), "{about}");
}

fn configuration(issuer: &Outside) -> Value {
    json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [{
            "issuer": {
                "url": issuer.url,
                "certificateAuthority": issuer.authority_pem,
                "audiences": ["here"],
            },
            "claimMappings": {
                "username": {"claim": "sub", "prefix": "oidc:"},
                "groups": {"claim": "groups", "prefix": ""},
            },
        }],
    })
}

#[expect(clippy::disallowed_methods, reason = "the server under test goes by the real time")]
fn in_seconds(seconds: i64) -> i64 {
    jiff::Timestamp::now().as_second() + seconds
}

fn expired(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
}

fn not_yet(params: &mut CertificateParams) {
    (params.not_before, params.not_after) = (date_time_ymd(2900, 1, 1), date_time_ymd(2901, 1, 1));
}

fn for_servers(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
}

fn bearer(token: &str) -> Vec<(&str, &str)> {
    vec![("authorization", token)]
}

fn as_user<'a>(token: &'a str, user: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![("authorization", token), ("impersonate-user", user)]
}

const ANONYMOUS: &str = "system:anonymous";

#[tokio::test]
async fn tokens() {
    let mut world = World::start().await;
    let own = format!("Bearer {}", world.served.token());
    let (longer, long) = (format!("{own}x"), format!("Bearer {}", "x".repeat(100 << 10)));
    let rows: &[Row<'_>] = &[
        ("nothing", None, vec![], ANONYMOUS, NOBODY),
        ("the administrator's token", None, bearer(&own), "system:admin", MASTER),
        ("more than that", None, bearer(&longer), "", REFUSED),
        ("a token of the file", None, bearer("Bearer jane-token"), "jane", READER),
        ("one in no group", None, bearer("Bearer helper-token"), "helper", KNOWN),
        ("a wrong token", None, bearer("Bearer wrong"), "", REFUSED),
        ("a token of 100 kB", None, bearer(&long), "", REFUSED),
        ("a password", None, bearer("Basic amFuZTpqYW5l"), ANONYMOUS, NOBODY),
        ("no token", None, bearer("Bearer "), ANONYMOUS, NOBODY),
    ];
    world.check(rows).await;
    world.served.stop().await;
}

#[tokio::test]
async fn certificates() {
    let mut world = World::start().await;
    let issue =
        |change: fn(&mut CertificateParams)| world.clients.issue_with("jane", "readers", change);
    let [good, old, early, other] =
        [|_: &mut CertificateParams| {}, expired, not_yet, for_servers].map(issue);
    let stranger = Issuer::new("clients").issue("jane", "system:masters");
    let own = Identity::self_signed("jane", "system:masters");
    let root = world.clients.issue("root", "system:masters");
    let of_proxies = world.proxies.issue("jane", "system:masters");
    let (joe, wrong) = ("Bearer helper-token", "Bearer wrong");
    let rows: &[Row<'_>] = &[
        ("a good certificate", Some(&good), vec![], "jane", READER),
        ("one of a master", Some(&root), vec![], "root", MASTER),
        ("one that has expired", Some(&old), vec![], "", REFUSED),
        ("one that is not valid yet", Some(&early), vec![], "", REFUSED),
        ("one for servers", Some(&other), vec![], "", REFUSED),
        ("one of an authority of the same name", Some(&stranger), vec![], "", REFUSED),
        ("one that it signed itself", Some(&own), vec![], "", REFUSED),
        ("one of the proxies' authority", Some(&of_proxies), vec![], "", REFUSED),
        ("a good one and a wrong token", Some(&good), bearer(wrong), "jane", READER),
        ("an expired one and a good token", Some(&old), bearer(joe), "helper", KNOWN),
        ("an expired one and a wrong token", Some(&old), bearer(wrong), "", REFUSED),
    ];
    world.check(rows).await;
    let good = "apiserver_client_certificate_expiration_seconds_bucket{le=\"0\"} 0";
    world.counts(&[good, "apiserver_client_certificate_expiration_seconds_count "]).await;
    world.served.stop().await;
}

#[tokio::test]
async fn headers_of_a_proxy() {
    let mut world = World::start().await;
    let proxy = world.proxies.issue("front-proxy", "");
    let old = world.proxies.issue_with("front-proxy", "", expired);
    let wrong_name = world.proxies.issue("other", "");
    let stranger = Issuer::new("proxies").issue("front-proxy", "");
    let namesake = world.clients.issue("front-proxy", "");
    let jane = world.clients.issue("jane", "readers");
    let as_jane = || vec![("x-remote-user", "jane"), ("x-remote-group", "readers")];
    let as_root = || vec![("x-remote-user", "root"), ("x-remote-group", "system:masters")];
    let with_token = |mut headers: Vec<_>| {
        headers.push(("authorization", "Bearer helper-token"));
        headers
    };
    let rows: &[Row<'_>] = &[
        ("jane by the proxy", Some(&proxy), as_jane(), "jane", READER),
        ("root by the proxy", Some(&proxy), as_root(), "root", MASTER),
        ("nobody by the proxy", Some(&proxy), vec![], "", REFUSED),
        ("root by nobody", None, as_root(), ANONYMOUS, NOBODY),
        ("root by a token", None, with_token(as_root()), "helper", KNOWN),
        ("root by a user", Some(&jane), as_root(), "jane", READER),
        ("root by a user of the proxy's name", Some(&namesake), as_root(), "front-proxy", KNOWN),
        ("root by another name", Some(&wrong_name), as_root(), "", REFUSED),
        ("root by another authority", Some(&stranger), as_root(), "", REFUSED),
        ("root by a proxy that has expired", Some(&old), as_root(), "", REFUSED),
    ];
    world.check(rows).await;
    world.served.stop().await;
}

#[tokio::test]
async fn signed_tokens() {
    let mut world = World::start().await;
    let (stranger, soon) = (Signer::new(), in_seconds(3600));
    let good = ("exp", json!(soon));
    let jwts = [
        ("a good one", world.jwt(&world.signer, "ES256", good.clone()), "oidc:jane", READER),
        (
            "one without groups",
            world.jwt(&world.signer, "ES256", ("groups", json!([]))),
            "oidc:jane",
            KNOWN,
        ),
        (
            "one that has expired",
            world.jwt(&world.signer, "ES256", ("exp", json!(in_seconds(-1)))),
            "",
            REFUSED,
        ),
        (
            "one for later",
            world.jwt(&world.signer, "ES256", ("nbf", json!(in_seconds(900)))),
            "",
            REFUSED,
        ),
        ("one for others", world.jwt(&world.signer, "ES256", ("aud", json!("them"))), "", REFUSED),
        (
            "one of an issuer that is not known",
            world.jwt(&world.signer, "ES256", ("iss", json!("https://else.example"))),
            "",
            REFUSED,
        ),
        ("one signed by somebody else", world.jwt(&stranger, "ES256", good.clone()), "", REFUSED),
        ("one that is not signed", world.jwt(&world.signer, "none", good.clone()), "", REFUSED),
        ("one with a shared secret", world.jwt(&world.signer, "HS256", good.clone()), "", REFUSED),
    ];
    let robot = "system:serviceaccount:default:robot";
    let accounts = [
        ("a service account", world.account(&world.accounts, good.clone()), robot, KNOWN),
        (
            "one that has expired",
            world.account(&world.accounts, ("exp", json!(in_seconds(-1)))),
            "",
            REFUSED,
        ),
        ("one for others", world.account(&world.accounts, ("aud", json!(["them"]))), "", REFUSED),
        (
            "one that calls itself otherwise",
            world.account(&world.accounts, ("sub", json!("system:serviceaccount:x:root"))),
            "",
            REFUSED,
        ),
        ("one by the issuer's key", world.account(&world.signer, good.clone()), "", REFUSED),
        ("one by a stranger's key", world.account(&stranger, good), "", REFUSED),
    ];
    let rows: Vec<Row<'_>> = (jwts.iter().chain(&accounts))
        .map(|(what, token, user, codes)| {
            (*what, None, vec![("authorization", token.as_str())], *user, *codes)
        })
        .collect();
    world.check(&rows).await;
    world.served.stop().await;
}

#[tokio::test]
async fn acting_as_others() {
    let mut world = World::start().await;
    let own = format!("Bearer {}", world.served.token());
    let (helper, jane) = ("Bearer helper-token", "Bearer jane-token");
    let user = as_user;
    let group =
        |token, name, group| [as_user(token, name), vec![("impersonate-group", group)]].concat();
    let cannot = |who: &str, what: &str, name: &str| {
        format!(
            "{what} \"{name}\" is forbidden: User \"{who}\" cannot impersonate resource \"{what}\" \
             in API group \"\" at the cluster scope"
        )
    };
    let [not_root, not_masters] =
        [cannot("helper", "users", "root"), cannot("helper", "groups", "system:masters")];
    let nobody_cannot = format!("acts:{ANONYMOUS}");
    let only_group = "requested &user.DefaultInfo{Name:\"\", UID:\"\", \
        Groups:[]string{\"readers\"}, Extra:map[string][]string(nil)} without impersonating a user \
        name";
    let rows: &[Row<'_>] = &[
        ("anybody by a master", None, user(&own, "joe"), "joe", KNOWN),
        ("in a group by a master", None, group(&own, "joe", "readers"), "joe", READER),
        ("a user who is allowed", None, user(helper, "jane"), "jane", KNOWN),
        ("a group that is allowed", None, group(helper, "jane", "readers"), "jane", READER),
        ("a user who is not", None, user(helper, "root"), &not_root, [403; 6]),
        (
            "a group that is not",
            None,
            group(helper, "jane", "system:masters"),
            &not_masters,
            [403; 6],
        ),
        ("by who may not", None, user(jane, "jane"), "acts:jane", [403; 6]),
        ("by nobody", None, vec![("impersonate-user", "jane")], &nobody_cannot, [403; 6]),
        ("by a wrong token", None, user("Bearer wrong", "jane"), "", REFUSED),
        (
            "a group and no user",
            None,
            vec![("authorization", own.as_str()), ("impersonate-group", "readers")],
            only_group,
            [400; 6],
        ),
    ];
    world.check(rows).await;
    world
        .counts(&[
            "apiserver_impersonation_attempts_total{decision=\"denied\",mode=\"\"} ",
            "apiserver_impersonation_attempts_total{decision=\"allowed\",mode=\"legacy\"} ",
            "apiserver_impersonation_attempts_duration_seconds_bucket{decision=\"allowed\",mode=\"user-info\",le=\"0.001\"} ",
            "authorization_duration_seconds_bucket{result=\"allowed\",le=\"16.384\"} ",
            "authorization_duration_seconds_count{result=\"no-opinion\"} ",
            "authentication_duration_seconds_bucket{result=\"error\",le=\"0.512\"} ",
            "authentication_duration_seconds_sum{result=\"success\"} ",
        ])
        .await;
    world.served.stop().await;
}

//! Who is known by what: each case is what is shown, and the user or the refusal that comes of it.

mod signed;

use super::anonymous::Allowed;
use super::request_header::{HeaderNames, Settings};
use super::*;
use arc_swap::ArcSwapOption;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use jiff::SignedDuration;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use std::fs;
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::CertificateDer;

/// An authority that issues certificates for clients.
pub(crate) struct Issuer(CertifiedIssuer<'static, KeyPair>);

impl Issuer {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn authorities(&self) -> Arc<Authorities> {
        Authorities::parse(&self.0.pem()).unwrap()
    }

    /// A certificate with a subject, `CN=jane,O=a,UID=7`, and what else is to be said of it.
    fn issue(
        &self,
        subject: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> PeerCertificates {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (name, value) in subject.split(',').filter_map(|part| part.split_once('=')) {
            let name = match name {
                "CN" => DnType::CommonName,
                "O" => DnType::OrganizationName,
                _ => DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 57683, 2]),
            };
            params.distinguished_name.push(name, value);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        PeerCertificates::new(&[CertificateDer::from(certificate)])
    }
}

const NOW: &str = "2026-11-26T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// Moves the validity of a certificate to a time around now, in days.
fn valid(from: i64, to: i64) -> impl FnOnce(&mut CertificateParams) {
    let day = |days: i64| {
        let time = now() + SignedDuration::from_hours(24 * days);
        let since = std::time::Duration::from_secs(time.as_second().unsigned_abs());
        rcgen::date_time_ymd(1970, 1, 1) + since
    };
    move |params| (params.not_before, params.not_after) = (day(from), day(to))
}

/// All methods at once: the client authority, the proxy's, a token file, the administrator.
struct World {
    clients: Issuer,
    proxies: Issuer,
    authenticator: Authenticator,
    _folder: TempDir,
}

impl World {
    fn new() -> Self {
        let (clients, proxies) = (Issuer::new(), Issuer::new());
        let hasher = Hasher::new();
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("tokens.csv");
        fs::write(&path, "file-token,joe,8,\"a,b\"\n").unwrap();
        let texts =
            ["X-Remote-User", "x-name", "x-remote-uid", "x-remote-group", "X-Remote-Extra-"]
                .map(|name| vec![name.to_owned()]);
        let names = [texts[0].clone(), texts[1].clone()].concat();
        let headers = HeaderNames::new([&names, &texts[2], &texts[3], &texts[4]]).unwrap();
        let settings = Settings {
            authorities: proxies.authorities(),
            allowed_names: vec!["front-proxy".to_owned()],
            headers,
        };
        let trusted = ArcSwapOption::from(Some(clients.authorities()));
        let authenticator = Authenticator {
            everybody: None,
            front_proxy: Some(FrontProxy(Arc::new(ArcSwapOption::from(Some(Arc::new(settings)))))),
            client_authorities: Some(Arc::new(trusted)),
            tokens: Tokens {
                admin: Some((hasher.digest("admin-token"), administrator())),
                file: Some(TokenFile::read(&path, &hasher).unwrap()),
                signed: None,
                cluster: None,
                hasher,
            },
            anonymous: Arc::new(Anonymous::everywhere(true)),
            attempts: Attempts::default(),
            delegation: Delegation::default(),
        };
        Self { clients, proxies, authenticator, _folder: folder }
    }

    /// Shows headers (`name: value`, a line each) and certificates, and returns the user with the
    /// headers that are left.
    async fn show(&self, headers: &str, certificates: &PeerCertificates) -> (String, HeaderMap) {
        let mut map = HeaderMap::new();
        for (name, value) in headers.lines().filter_map(|line| line.trim().split_once(": ")) {
            let name = name.parse::<HeaderName>().unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        let found = self.authenticator.authenticate(&mut map, certificates, "/apis", now()).await;
        let user = match found {
            Ok(user) => {
                let extra = user.extra.iter().map(|(key, values)| {
                    let id = key.ends_with("credential-id");
                    let values = if id { "…".to_owned() } else { values.join("+") };
                    format!("{key}={values}")
                });
                let parts = [
                    user.name.clone(),
                    user.uid.clone(),
                    user.groups.join("+"),
                    extra.collect::<Vec<_>>().join(";"),
                ];
                parts.join("|").trim_end_matches('|').to_owned()
            }
            Err(status) => status.code.to_string(),
        };
        (user, map)
    }

    async fn check(&self, headers: &str, certificates: &PeerCertificates, want: &str) {
        let (got, _) = self.show(headers, certificates).await;
        assert_eq!(got, want, "{headers}");
    }
}

const NOBODY: &str = "system:anonymous||system:unauthenticated";
const ADMIN: &str = "system:admin||system:masters+system:authenticated";
const JOE: &str = "joe|8|a+b+system:authenticated";

#[tokio::test]
async fn tokens() {
    let world = World::new();
    let none = PeerCertificates::default();
    let long = format!("Authorization: Bearer {}", "x".repeat(1 << 20));
    for (headers, want) in [
        ("", NOBODY),
        ("Authorization: Bearer admin-token", ADMIN),
        ("authorization: bearer file-token", JOE),
        ("Authorization:  Bearer file-token more", JOE),
        ("Authorization: Bearer admin-toke", "401"),
        ("Authorization: Bearer admin-tokenx", "401"),
        ("Authorization: Bearer ADMIN-TOKEN", "401"),
        // What is no bearer token is no credential here.
        ("Authorization: Basic YTpi", NOBODY),
        ("Authorization: Bearer", NOBODY),
        ("Authorization: Bearer  admin-token", NOBODY),
        ("Authorization: admin-token", NOBODY),
        (long.as_str(), "401"),
    ] {
        world.check(headers, &none, want).await;
    }
    let (_, left) = world.show("Authorization: Bearer admin-token\nAccept: x", &none).await;
    assert_eq!(left.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);
    let two_spaces =
        [("authorization", "Bearer  x")].map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
    assert!(warning(&HeaderMap::from_iter(two_spaces)).unwrap().contains("extra space"));
}

#[tokio::test]
async fn tokens_of_websockets() {
    let world = World::new();
    let none = PeerCertificates::default();
    let token = |text: &str| {
        format!("base64url.bearer.authorization.k8s.io.{}", URL_SAFE_NO_PAD.encode(text))
    };
    let good = token("file-token");
    let (empty, not_text) = (token(""), "base64url.bearer.authorization.k8s.io._w");
    for (protocols, want) in [
        (format!("{good},v5.channel.k8s.io"), JOE),
        (format!("v4,  {good} ,v5"), JOE),
        (format!("{},v5", token("wrong")), "401"),
        (format!("{good},{good},v5"), "401"),
        (good.clone(), "401"),
        ("base64url.bearer.authorization.k8s.io.%,v5".to_owned(), "401"),
        (format!("{not_text},v5"), "401"),
        (format!("{empty},v5"), NOBODY),
        ("v5".to_owned(), NOBODY),
    ] {
        let headers = format!(
            "Connection: keep-alive, Upgrade\nUpgrade: WebSocket\nSec-WebSocket-Protocol: {protocols}"
        );
        world.check(&headers, &none, want).await;
        // Without the upgrade it is no WebSocket, and the header means nothing.
        world.check(&format!("Sec-WebSocket-Protocol: {protocols}"), &none, NOBODY).await;
    }
    let headers =
        format!("Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Protocol: a,{good},b");
    let (_, left) = world.show(&headers, &none).await;
    assert_eq!(left["sec-websocket-protocol"], "a,b");
}

#[tokio::test]
async fn client_certificates() {
    let world = World::new();
    let credential = "authentication.kubernetes.io/credential-id=…";
    let jane = format!("jane||a+system:authenticated|{credential}");
    let with_uid = format!("jane|7|system:authenticated|{credential}");
    let stranger = Issuer::new();
    let clients = &world.clients;
    let server_auth = |params: &mut CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    };
    let no_usage = |params: &mut CertificateParams| params.extended_key_usages.clear();
    for (what, certificate, want) in [
        ("good", clients.issue("CN=jane,O=a", valid(-1, 1)), jane.as_str()),
        ("with a UID", clients.issue("CN=jane,UID=7", valid(-1, 1)), &with_uid),
        ("for anything", clients.issue("CN=jane,O=a", no_usage), &jane),
        ("without a name", clients.issue("O=a", valid(-1, 1)), "401"),
        ("expired", clients.issue("CN=jane", valid(-2, -1)), "401"),
        ("not valid yet", clients.issue("CN=jane", valid(1, 2)), "401"),
        ("for servers", clients.issue("CN=jane", server_auth), "401"),
        ("of a stranger", stranger.issue("CN=jane", valid(-1, 1)), "401"),
        ("of the proxies", world.proxies.issue("CN=front-proxy", valid(-1, 1)), "401"),
        ("rubbish", PeerCertificates::new(&[CertificateDer::from(vec![1, 2, 3])]), "401"),
    ] {
        let (got, _) = world.show("", &certificate).await;
        assert_eq!(got, want, "{what}");
        // A token helps whoever shows a certificate that is not believed.
        let (got, _) = world.show("Authorization: Bearer file-token", &certificate).await;
        let want = if want.starts_with("jane") { want } else { JOE };
        assert_eq!(got, want, "{what}, with a token");
        let (got, _) = world.show("Authorization: Bearer wrong", &certificate).await;
        let want = if want.starts_with("jane") { want } else { "401" };
        assert_eq!(got, want, "{what}, with a wrong token");
    }
}

#[tokio::test]
async fn headers_of_an_aggregator() {
    let world = World::new();
    let proxy = world.proxies.issue("CN=front-proxy", valid(-1, 1));
    let all = "X-Remote-User: jane\nX-Remote-Uid: 7\nX-Remote-Group: a\nX-Remote-Group: b\n\
               X-Remote-Extra-Scopes: x\nX-Remote-Extra-Scopes: y\nX-Remote-Extra-Acme.Com%2fProject: p";
    let jane = "jane|7|a+b+system:authenticated|acme.com/project=p;scopes=x+y";
    for (headers, want) in [
        (all, jane),
        ("X-Name: jane", "jane||system:authenticated"),
        ("X-Name: joe\nX-Remote-User: jane", "jane||system:authenticated"),
        ("X-Remote-User: system:anonymous\nX-Remote-Group: system:unauthenticated", NOBODY),
        ("X-Remote-User: jane\nAuthorization: Bearer file-token", "jane||system:authenticated"),
        // The proxy speaks for nobody; that its own certificate is no user's is a refusal.
        ("X-Remote-Group: system:masters", "401"),
        ("X-Remote-User: ", "401"),
        ("Authorization: Bearer file-token", JOE),
    ] {
        world.check(headers, &proxy, want).await;
    }

    // The same words of anybody else are worth nothing.
    let forged = "X-Remote-User: admin\nX-Remote-Group: system:masters\nX-Remote-Extra-A: b";
    let user = "jane||system:authenticated|authentication.kubernetes.io/credential-id=…";
    for (what, certificate, want) in [
        ("nobody", PeerCertificates::default(), NOBODY),
        ("a user", world.clients.issue("CN=jane", valid(-1, 1)), user),
        ("a stranger of that name", Issuer::new().issue("CN=front-proxy", valid(-1, 1)), "401"),
        ("another name", world.proxies.issue("CN=other", valid(-1, 1)), "401"),
        ("no name", world.proxies.issue("O=front-proxy", valid(-1, 1)), "401"),
        ("one that ran out", world.proxies.issue("CN=front-proxy", valid(-2, -1)), "401"),
        (
            "a user of that name",
            world.clients.issue("CN=front-proxy", valid(-1, 1)),
            "front-proxy||system:authenticated|authentication.kubernetes.io/credential-id=…",
        ),
    ] {
        let (got, left) = world.show(forged, &certificate).await;
        assert_eq!(got, want, "{what}");
        if got != "401" {
            assert!(left.is_empty(), "{what}: {left:?}");
        }
        let (got, _) =
            world.show(&format!("{forged}\nAuthorization: Bearer file-token"), &certificate).await;
        let want = if want == "401" || want == NOBODY { JOE } else { want };
        assert_eq!(got, want, "{what}, with a token");
    }
}

#[tokio::test]
async fn authorities_are_replaced_and_verdicts_run_out() {
    let world = World::new();
    let certificate = world.clients.issue("CN=jane", valid(-1, 1));
    let trusted = world.authenticator.client_authorities.as_ref().unwrap();
    let user = |time: Timestamp| match certificate.user(trusted, time) {
        Ok(user) => user.map_or("none".to_owned(), |user| user.name.clone()),
        Err(error) => error,
    };
    let day = SignedDuration::from_hours(24);
    assert_eq!(user(now()), "jane");
    assert!(user(now() + day * 2).contains("expired"), "{}", user(now() + day * 2));
    trusted.store(Some(Issuer::new().authorities()));
    assert!(user(now()).contains("BadSignature"), "{}", user(now()));
    trusted.store(Some(world.clients.authorities()));
    assert_eq!(user(now()), "jane");
    trusted.store(None);
    assert_eq!(user(now()), "none");
}

#[tokio::test]
async fn who_may_be_anonymous() {
    let world = World::new();
    let none = PeerCertificates::default();
    let anonymous = &world.authenticator.anonymous;
    anonymous.allow(Allowed::On(vec!["/apis".to_owned()]));
    world.check("", &none, NOBODY).await;
    anonymous.allow(Allowed::On(vec!["/apis/".to_owned(), "/".to_owned()]));
    world.check("", &none, "401").await;
    world.check("Authorization: Bearer file-token", &none, JOE).await;
    anonymous.allow(Allowed::Everywhere);
    world.check("", &none, NOBODY).await;
}

#[test]
fn names_of_headers_are_checked() {
    let one = |name: &str| vec![name.to_owned()];
    let check = |name: &str, prefix: &str| {
        HeaderNames::new([&one(name), &[], &[], &one(prefix)]).map_err(|error| error.clone())
    };
    assert!(check("X-Remote-User", "X-Remote-Extra-").is_ok());
    assert_eq!(check("x y", "x").unwrap_err(), "\"x y\" is no name of a header");
    assert!(check("", "x").is_err());
    let error = check("x", " ").unwrap_err();
    assert_eq!(error, "empty value in \"requestheader-extra-headers-prefix\"");
}

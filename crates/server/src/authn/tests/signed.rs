//! Tokens that are signed: by service accounts' keys, and by issuers whose keys are fetched.
//!
//! `rsa.json` has a key for RSA, which ring cannot make, and tokens that openssl has signed with it.

use super::super::configuration::Configuration;
use super::super::jwt::{Jwt, PublicKey};
use super::super::tokens::Signed;
use super::*;
use crate::clock::Clock;
use crate::serve::{self, Connection, Limits, Manner, Shutdown};
use crate::tls::{self, CertificateSource, TlsSettings};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair as _,
};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Signs tokens.
struct Signer {
    id: &'static str,
    algorithm: &'static str,
    key: EcdsaKeyPair,
}

impl Signer {
    fn new(id: &'static str, algorithm: &'static str) -> Self {
        let curve: &'static EcdsaSigningAlgorithm = match algorithm {
            "ES384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
            _ => &ECDSA_P256_SHA256_FIXED_SIGNING,
        };
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(curve, pkcs8.as_ref(), &random).unwrap();
        Self { id, algorithm, key }
    }

    fn jwk(&self) -> Value {
        let point = &self.key.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
        let curve = if self.algorithm == "ES384" { "P-384" } else { "P-256" };
        json!({"kty": "EC", "kid": self.id, "use": "sig", "crv": curve, "x": x, "y": y})
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_with(&json!({"alg": self.algorithm, "kid": self.id}), claims)
    }

    fn sign_with(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims].map(|it| URL_SAFE_NO_PAD.encode(it.to_string()));
        let signed = format!("{header}.{claims}");
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Other claims than those: a change for each pair, `null` takes a claim away.
fn with(claims: &Value, changes: &Value) -> Value {
    let mut claims = claims.clone();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value.clone(),
        }
    }
    claims
}

fn seconds(minutes: i64) -> i64 {
    now().as_second() + 60 * minutes
}

fn rsa() -> Value {
    serde_json::from_str(include_str!("rsa.json")).unwrap()
}

#[test]
fn signatures() {
    let known = rsa();
    let jwk = json!({"kty": "RSA", "kid": "r", "n": known["n"], "e": "AQAB"});
    let key = PublicKey::of_jwk(&serde_json::from_value(jwk).unwrap()).unwrap();
    assert_eq!(PublicKey::of_pem(known["pem"].as_str().unwrap().as_bytes()).unwrap(), [key]);
    let key = PublicKey::of_pem(known["pem"].as_str().unwrap().as_bytes()).unwrap().remove(0);
    let mut tokens: Vec<(String, PublicKey)> = Vec::new();
    for token in known["tokens"].as_object().unwrap().values() {
        assert!(Jwt::parse(token.as_str().unwrap()).unwrap().verify(&key));
        tokens.push((token.as_str().unwrap().to_owned(), clone(&key)));
    }
    for algorithm in ["ES256", "ES384"] {
        let signer = Signer::new("e", algorithm);
        let key = PublicKey::of_jwk(&serde_json::from_value(signer.jwk()).unwrap()).unwrap();
        let token = signer.sign(&json!({"sub": "eve"}));
        assert!(Jwt::parse(&token).unwrap().verify(&key), "{algorithm}");
        // What the header says counts: no algorithm is taken for another, and "none" for none.
        for other in ["none", "HS256", "RS256", "ES512", "ES384", "ES256", "", "es256"] {
            let token = signer.sign_with(&json!({"alg": other}), &json!({"sub": "eve"}));
            let verified = Jwt::parse(&token).unwrap().verify(&key);
            assert_eq!(verified, other == algorithm, "{algorithm} as {other}");
        }
        tokens.push((token, key));
    }
    for (index, (token, key)) in tokens.iter().enumerate() {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(r#"{"sub":"mallory"}"#);
        for forged in [
            format!("{header}.{other}.{signature}"),
            format!("{header}.{claims}."),
            format!("{header}.{claims}.{}", &signature[4..]),
            format!("{header}.{claims}.{}", signature.replace(&signature[8..12], "AAAA")),
        ] {
            assert!(!Jwt::parse(&forged).unwrap().verify(key), "{index}: {forged}");
        }
    }
}

fn clone(key: &PublicKey) -> PublicKey {
    match key {
        PublicKey::Rsa { n, e } => PublicKey::Rsa { n: n.clone(), e: e.clone() },
        PublicKey::P256(point) => PublicKey::P256(point.clone()),
        PublicKey::P384(point) => PublicKey::P384(point.clone()),
    }
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_is_refused(text in any::<String>(), at in 0..400_usize, byte in any::<u8>()) {
        let _ = Configuration::parse(text.as_bytes());
        let mut near = b"apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\njwt:\n\
            - issuer: {url: 'https://a', audiences: [x]}\n  claimValidationRules: [{expression: 'claims.a == 1'}]\n  \
            claimMappings: {username: {expression: 'claims.sub'}, extra: [{key: a.b/c, valueExpression: claims.x}]}\n\
            anonymous: {enabled: true, conditions: [{path: /x}]}\n"
            .to_vec();
        let at = at % near.len();
        near[at] = byte;
        let _ = Configuration::parse(&near);
    }

    #[test]
    fn any_text_is_taken_apart_or_refused(text in any::<String>(), parts in "[A-Za-z0-9_=-]*[.][A-Za-z0-9_=-]*[.][A-Za-z0-9_=-]*") {
        let key = PublicKey::P256(vec![4; 65]);
        for token in [text, parts] {
            if let Some(jwt) = Jwt::parse(&token) {
                prop_assert!(!jwt.verify(&key));
            }
        }
    }
}

#[tokio::test]
async fn service_accounts() {
    let known = rsa();
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("keys.pem");
    let signer = Signer::new("s", "ES256");
    let spki = {
        // The same key in PEM form: what stands before the point of a key on P-256.
        let head = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
            0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let der = [&head[..], signer.key.public_key().as_ref()].concat();
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    };
    fs::write(&path, format!("{}{spki}", known["pem"].as_str().unwrap())).unwrap();
    let issuers = ["https://here".to_owned(), "https://before".to_owned()];
    let accounts =
        ServiceAccounts::read(&issuers, &["us".to_owned()], std::slice::from_ref(&path)).unwrap();
    let mut world = World::new();
    world.authenticator.tokens.signed = Signed::new(Some(accounts), None);

    let claims = json!({
        "iss": "https://here", "sub": "system:serviceaccount:ns:robot", "aud": ["us", "them"],
        "exp": seconds(10), "nbf": seconds(0), "jti": "j-1",
        "kubernetes.io": {
            "namespace": "ns",
            "serviceaccount": {"name": "robot", "uid": "u-1"},
            "pod": {"name": "p", "uid": "u-2"},
        },
    });
    let robot = "system:serviceaccount:ns:robot|u-1|\
        system:serviceaccounts+system:serviceaccounts:ns+system:authenticated|\
        authentication.kubernetes.io/credential-id=…;\
        authentication.kubernetes.io/pod-name=p;authentication.kubernetes.io/pod-uid=u-2";
    let other = json!({"namespace": "ns", "serviceaccount": {"name": "other", "uid": "u-1"}});
    for (changes, want) in [
        (json!({}), robot),
        (json!({"iss": "https://before"}), robot),
        (json!({"aud": "us"}), robot),
        (json!({"nbf": null}), robot),
        (json!({"iss": "https://elsewhere"}), "401"),
        (json!({"iss": null}), "401"),
        (json!({"aud": "them"}), "401"),
        (json!({"aud": null}), "401"),
        (json!({"aud": {"us": 1}}), "401"),
        (json!({"exp": seconds(0)}), "401"),
        (json!({"exp": null}), "401"),
        (json!({"exp": "never"}), "401"),
        (json!({"exp": 1e300}), "401"),
        (json!({"nbf": seconds(1)}), "401"),
        (json!({"sub": "system:serviceaccount:ns:other"}), "401"),
        (json!({"kubernetes.io": other}), "401"),
        (json!({"kubernetes.io": null}), "401"),
    ] {
        let token = signer.sign(&with(&claims, &changes));
        let none = PeerCertificates::default();
        let (got, _) = world.show(&format!("Authorization: Bearer {token}"), &none).await;
        assert_eq!(got, want, "{changes}");
    }
    let forged = Signer::new("s", "ES256").sign(&claims);
    world
        .check(&format!("Authorization: Bearer {forged}"), &PeerCertificates::default(), "401")
        .await;

    fs::write(&path, "nothing").unwrap();
    let error = ServiceAccounts::read(&issuers, &[], &[path]).unwrap_err().to_string();
    assert!(error.contains("there is no public key in PEM form"), "{error}");
}

/// An issuer that publishes its keys, with how often it was asked for them.
struct Provider {
    url: String,
    authority_pem: String,
    asked: Arc<AtomicUsize>,
    keys: Arc<std::sync::Mutex<Vec<Value>>>,
    _folder: TempDir,
}

impl Provider {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let address = Ipv4Addr::LOCALHOST;
        let source =
            CertificateSource::Folder { folder: folder.path(), address: address.into(), host: "" };
        let tls = tls::load(&source, &TlsSettings::default(), &Clock::system()).unwrap();
        let listener = serve::bind((address, 0).into(), false).unwrap();
        let url = format!("https://{}/realm", listener.local_addr().unwrap());
        let (asked, keys) =
            (Arc::new(AtomicUsize::new(0)), Arc::<std::sync::Mutex<Vec<Value>>>::default());
        let handler = {
            let (url, asked, keys) = (url.clone(), Arc::clone(&asked), Arc::clone(&keys));
            move |request: Request<Incoming>, _: Arc<Connection>| {
                let body = match request.uri().path() {
                    "/realm/.well-known/openid-configuration" => {
                        json!({"issuer": url, "jwks_uri": format!("{url}/keys")})
                    }
                    "/realm/keys" => {
                        asked.fetch_add(1, Ordering::Relaxed);
                        json!({"keys": *keys.lock().unwrap()})
                    }
                    _ => json!({"issuer": "https://other.example", "jwks_uri": "https://x"}),
                };
                async move { Response::new(Full::new(Bytes::from(body.to_string()))) }
            }
        };
        let (_, shutdown) = Shutdown::new(Manner::default());
        let limits = Limits::default();
        tokio::spawn(serve::serve(listener, tls.config, limits, Arc::new(handler), shutdown));
        let authority_pem = tls.authority_pem;
        Self { url, authority_pem, asked, keys, _folder: folder }
    }

    /// The rules for its tokens; `more` goes into them at the level of the issuer.
    fn configuration(&self, more: &Value) -> Value {
        let mut jwt = json!({
            "issuer": {
                "url": self.url,
                "certificateAuthority": self.authority_pem,
                "audiences": ["us", "you"],
                "audienceMatchPolicy": "MatchAny",
            },
            "claimValidationRules": [{"claim": "tenant", "requiredValue": "acme"}],
            "claimMappings": {
                "username": {"claim": "email", "prefix": "o:"},
                "groups": {"claim": "roles", "prefix": ""},
                "uid": {"claim": "sub"},
            },
        });
        for (name, value) in more.as_object().unwrap() {
            jwt["issuer"][name] = value.clone();
        }
        json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AuthenticationConfiguration",
            "jwt": [jwt],
        })
    }

    fn world(&self, more: &Value) -> World {
        let issuers = Arc::new(Issuers::default());
        let configuration = self.configuration(more).to_string();
        issuers.replace(&Configuration::parse(configuration.as_bytes()).unwrap().jwt);
        let mut world = World::new();
        world.authenticator.tokens.signed = Signed::new(None, Some(issuers));
        world
    }
}

#[tokio::test]
async fn tokens_of_an_issuer() {
    let provider = Provider::start().await;
    let (first, second) = (Signer::new("one", "ES256"), Signer::new("two", "ES384"));
    let encryption = with(&Signer::new("enc", "ES256").jwk(), &json!({"use": "enc"}));
    *provider.keys.lock().unwrap() =
        vec![json!({"kty": "magic"}), json!(7), encryption, first.jwk(), second.jwk()];
    let world = provider.world(&json!({}));
    let claims = json!({
        "iss": provider.url, "sub": "s-1", "aud": "us", "exp": seconds(10), "tenant": "acme",
        "email": "jane@acme.com", "email_verified": true, "roles": ["a", "b"], "jti": "7",
    });
    let jane = "o:jane@acme.com|s-1|a+b+system:authenticated|\
                authentication.kubernetes.io/credential-id=…";
    for (changes, want) in [
        (json!({}), jane.to_owned()),
        (json!({"aud": ["them", "you"]}), jane.to_owned()),
        (json!({"email_verified": null}), jane.to_owned()),
        (json!({"nbf": seconds(4)}), jane.to_owned()),
        (json!({"roles": "a"}), jane.replace("a+b", "a")),
        (json!({"roles": null}), jane.replace("a+b+", "")),
        (json!({"roles": [1]}), "401".to_owned()),
        (json!({"email": null}), "401".to_owned()),
        (json!({"email": ""}), "401".to_owned()),
        (json!({"email_verified": false}), "401".to_owned()),
        (json!({"email_verified": "true"}), "401".to_owned()),
        (json!({"sub": null}), "401".to_owned()),
        (json!({"tenant": null}), "401".to_owned()),
        (json!({"tenant": "other"}), "401".to_owned()),
        (json!({"aud": "them"}), "401".to_owned()),
        (json!({"exp": seconds(-1)}), "401".to_owned()),
        (json!({"nbf": seconds(6)}), "401".to_owned()),
        (json!({"iss": "https://other.example"}), "401".to_owned()),
    ] {
        for signer in [&first, &second] {
            let token = signer.sign(&with(&claims, &changes));
            let headers = format!("Authorization: Bearer {token}");
            world.check(&headers, &PeerCertificates::default(), &want).await;
        }
    }
    // Keys were fetched once, and a token by an unknown key does not make it often.
    for id in ["one", "three"] {
        let token = Signer::new(id, "ES256").sign(&claims);
        let headers = format!("Authorization: Bearer {token}");
        world.check(&headers, &PeerCertificates::default(), "401").await;
    }
    assert_eq!(provider.asked.load(Ordering::Relaxed), 1);

    // Where the issuer calls itself otherwise, or is not whom it is believed to be, nobody is known.
    let stranger = Issuer::new().0.pem();
    let discovery = provider.url.replace("/realm", "/other");
    for more in [json!({"discoveryURL": discovery}), json!({"certificateAuthority": stranger})] {
        let world = provider.world(&more);
        let headers = format!("Authorization: Bearer {}", first.sign(&claims));
        world.check(&headers, &PeerCertificates::default(), "401").await;
    }
}

#[tokio::test]
async fn claims_by_expressions() {
    let provider = Provider::start().await;
    let signer = Signer::new("one", "ES256");
    *provider.keys.lock().unwrap() = vec![signer.jwk()];
    let issuer = provider.configuration(&json!({}))["jwt"][0]["issuer"].clone();
    let configuration = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [{
            "issuer": issuer,
            "claimValidationRules": [
                {"expression": "claims.tenant == 'acme'", "message": "of another tenant"},
                {"expression": "claims.exp - claims.nbf <= 86400"},
            ],
            "claimMappings": {
                "username": {"expression": "'o:' + claims.name.lowerAscii()"},
                "groups": {"expression": "claims.roles.split(',').filter(r, r != '')"},
                "uid": {"expression": "string(claims.number)"},
                "extra": [
                    {"key": "acme.io/level", "valueExpression": "claims.?level.orValue('')"},
                    {"key": "acme.io/all", "valueExpression": "claims.list"},
                ],
            },
            "userValidationRules": [
                {"expression": "!user.username.startsWith('o:system:')", "message": "reserved"},
                {"expression": "user.groups.all(g, g != 'system:masters')"},
            ],
        }],
    });
    let issuers = Arc::new(Issuers::default());
    issuers.replace(&Configuration::parse(configuration.to_string().as_bytes()).unwrap().jwt);
    let mut world = World::new();
    world.authenticator.tokens.signed = Signed::new(None, Some(issuers));
    let claims = json!({
        "iss": provider.url, "aud": "us", "exp": seconds(10), "nbf": seconds(0), "tenant": "acme",
        "name": "Jane", "roles": "a,,b", "number": 7, "list": ["x", ""], "level": "high",
    });
    let jane = "o:jane|7|a+b+system:authenticated|acme.io/all=x;acme.io/level=high";
    let long = vec!["x"; 3_000];
    for (changes, want) in [
        (json!({}), jane),
        (json!({"level": null}), &jane.replace(";acme.io/level=high", "")),
        (json!({"roles": "a"}), &jane.replace("a+b", "a")),
        (json!({"tenant": "other"}), "401"),
        (json!({"tenant": null}), "401"),
        (json!({"exp": seconds(60 * 48)}), "401"),
        (json!({"name": null}), "401"),
        (json!({"name": "system:root"}), "401"),
        (json!({"roles": "a,system:masters"}), "401"),
        (json!({"roles": ["a"]}), "401"),
        (json!({"list": 7}), "401"),
        (json!({"list": {"a": 1}}), "401"),
        (json!({"list": long.clone()}), &jane.replace("all=x", &format!("all={}", long.join("+")))),
    ] {
        let token = signer.sign(&with(&claims, &changes));
        let headers = format!("Authorization: Bearer {token}");
        world.check(&headers, &PeerCertificates::default(), want).await;
    }
}

#[test]
fn configurations() {
    let good = "\
apiVersion: apiserver.config.k8s.io/v1beta1
kind: AuthenticationConfiguration
jwt:
- issuer: {url: 'https://a', audiences: [x]}
  claimMappings: {username: {claim: sub, prefix: ''}}
anonymous:
  enabled: true
  conditions: [{path: /healthz}, {path: /livez}]
";
    let parsed = Configuration::parse(good.as_bytes()).unwrap();
    let paths = ["/healthz", "/livez"].map(str::to_owned).to_vec();
    assert_eq!(parsed.anonymous(), Some(Allowed::On(paths)));
    let username = "claim: sub, prefix: ''";
    for (from, to, want) in [
        ("", "", ""),
        ("https://a", "http://a", "jwt[0].issuer.url: URL scheme must be https"),
        ("[x]", "[]", "jwt[0].issuer.audiences: Required value"),
        ("[x]", "[x, z]", "must be MatchAny for multiple audiences"),
        (", prefix: ''", "", "jwt[0].claimMappings.username.prefix: Required value"),
        (username, "expression: claims.sub", ""),
        (username, "expression: claims.sub.x()", "compilation failed: undeclared reference to 'x'"),
        (username, "expression: user.name", "undeclared reference to 'user'"),
        (username, "expression: claims.sub, claim: sub", "can't both be set"),
        (username, "expression: claims.sub, prefix: x", "prefix can't be set"),
        (username, "expression: claims.email", "claims.email_verified must be used"),
        (username, "expression: 'claims.email_verified ? claims.email : claims.sub'", ""),
        (
            "claimMappings: {",
            "claimMappings: {extra: [{key: a.b/c, valueExpression: claims.x}], ",
            "",
        ),
        (
            "claimMappings: {",
            "claimMappings: {extra: [{key: a/b, valueExpression: claims.x}, {key: A/b, valueExpression: a}, {key: b, valueExpression: a}, {key: x.k8s.io/b, valueExpression: a}], ",
            "extra[1].key: Invalid value: key must be lowercase; jwt[0].claimMappings.extra[2].key: Invalid value: must be a domain-prefixed path (such as \"acme.io/foo\"); jwt[0].claimMappings.extra[3].key",
        ),
        (
            "  claimMappings",
            "  userValidationRules: [{expression: claims.sub}]\n  claimMappings",
            "userValidationRules[0].expression: Invalid value: \"claims.sub\": compilation failed: undeclared reference to 'claims'",
        ),
        (
            "  claimMappings",
            "  claimValidationRules: [{claim: a, expression: 'true'}, {}]\n  claimMappings",
            "can't both be set; jwt[0].claimValidationRules[1]: Required value",
        ),
        ("v1beta1", "v2", "it is no AuthenticationConfiguration"),
        ("enabled: true", "enabled: false", "anonymous.conditions: may not be set"),
        ("enabled: true", "enabled: maybe", "invalid type"),
        ("conditions", "condition", "unknown field `condition`"),
        ("jwt:", "jwt: what\nx:", "expected a sequence"),
    ] {
        let text = good.replacen(from, to, 1);
        match Configuration::parse(text.as_bytes()) {
            Ok(_) => assert_eq!(want, "", "{text}"),
            Err(error) => assert!(!want.is_empty() && error.contains(want), "{error}\n{text}"),
        }
    }
}

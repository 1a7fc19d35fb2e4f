//! Values sealed and opened: against what Go made, through rotation, and in a storage.

use super::cipher::{Algorithm, Cipher};
use super::*;
use futures::FutureExt;
use pintle_storage::Memory;
use proptest::prelude::*;

const PLAIN: &[u8] = b"{\"kind\":\"Foo\"}\n";
const PLACE: &str = "/registry/hello.zeng.dev/foos/default/a";
/// 32 bytes from 0 to 31, and 32 of the letter k, in base64.
const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TWO: &str = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn foos() -> GroupResource {
    GroupResource { group: "hello.zeng.dev".to_owned(), resource: "foos".to_owned() }
}

/// A configuration of one resource list.
fn config(resources: &str, providers: &str) -> String {
    format!(
        "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\n\
         resources: [{{resources: [{resources}], providers: [{providers}]}}]\n"
    )
}

fn keys(provider: &str, keys: &[(&str, &str)]) -> String {
    let keys = keys.iter().map(|(name, key)| format!("{{name: {name}, secret: {key}}}"));
    format!("{{{provider}: {{keys: [{}]}}}}", keys.collect::<Vec<_>>().join(", "))
}

fn counts() -> Arc<Counts> {
    Arc::new(Counts::new(Clock::system()))
}

fn parse(text: &str) -> Result<Rules, String> {
    config::parse(text.as_bytes(), &counts())
}

fn seal(chain: &Chain) -> Bytes {
    let tally = Tally { counts: &counts(), resource: "foos" };
    chain.seal(PLACE, PLAIN.into(), &tally).unwrap()
}

/// Opens a value; no plugin has to be asked.
fn open(chain: &Chain, value: &Bytes) -> Result<chain::Opened, String> {
    let counts = counts();
    let tally = Tally { counts: &counts, resource: "foos" };
    let opened = chain.open(PLACE, value, &tally).now_or_never().expect("nobody is asked");
    opened.map_err(|failure| failure.why)
}

fn chain(providers: &str) -> Arc<Chain> {
    let rules = parse(&config("'*.*'", providers)).unwrap();
    Arc::clone(rules.of(&foos()).unwrap())
}

/// What Go's libraries made of the same key, nonce and place is opened, and nothing else.
#[test]
fn sealed_by_go() {
    use Algorithm::{AesCbc, AesGcm, Secretbox};
    for (algorithm, size, sealed) in [
        (
            AesGcm,
            16,
            "070707070707070707070707ea6e3fb40fdfe203d50d4dac3dc4e269f05160a5ebacb2903f597aaad6c5af",
        ),
        (
            AesGcm,
            24,
            "0707070707070707070707071570080b10f9520d1e3b2ebb3a0fd61b2cdee19af17a6b38f601c57f62a6de",
        ),
        (
            AesGcm,
            32,
            "0707070707070707070707077448cd35016bf5cee4db7cefa22cfead0b5860e74da2996bf0d5af35aa8ae8",
        ),
        (AesCbc, 16, "09090909090909090909090909090909e3e050fcc0dc6eb8e991bdaab1e0172c"),
        (AesCbc, 24, "090909090909090909090909090909098ed998598fe838da3d45dec95332472b"),
        (AesCbc, 32, "0909090909090909090909090909090943396dd0c0abe90c8adb56c418a26504"),
        (
            Secretbox,
            32,
            "0505050505050505050505050505050505050505050505050ae80b0d402c988da3a2232500c3fc3e87cc32c5054ac3081705e76cfcc9f3",
        ),
    ] {
        let key: Vec<u8> = (0..size).collect();
        let cipher = Cipher::new(algorithm, key).unwrap();
        let sealed = bytes(sealed);
        assert_eq!(cipher.open(PLACE.as_bytes(), &sealed).unwrap(), PLAIN, "{algorithm:?} {size}");
        let elsewhere = cipher.open(b"/registry/hello.zeng.dev/foos/default/b", &sealed);
        assert_eq!(elsewhere.is_ok(), algorithm != AesGcm, "{algorithm:?}: a value that was moved");
        for cut in 0..sealed.len() {
            let _ = cipher.open(PLACE.as_bytes(), &sealed[..cut]);
        }
    }
}

proptest! {
    #[test]
    fn what_is_sealed_is_opened(plain in proptest::collection::vec(any::<u8>(), 0..200), place in ".*") {
        for (algorithm, sizes) in [
            (Algorithm::AesGcm, &[16, 24, 32][..]),
            (Algorithm::AesCbc, &[16, 24, 32]),
            (Algorithm::Secretbox, &[32]),
        ] {
            for size in sizes {
                let cipher = Cipher::new(algorithm, vec![7; *size]).unwrap();
                let sealed = cipher.seal(b"head:", place.as_bytes(), &plain).unwrap();
                let body = sealed.strip_prefix(b"head:").unwrap();
                prop_assert_eq!(cipher.open(place.as_bytes(), body).unwrap(), plain.clone());
                prop_assert_ne!(&cipher.seal(b"head:", place.as_bytes(), &plain).unwrap(), &sealed);
            }
        }
    }

    #[test]
    fn no_bytes_harm(value in proptest::collection::vec(any::<u8>(), 0..100), n in 0_usize..4) {
        let head = ["", "k8s:enc:aesgcm:v1:one:", "k8s:enc:aescbc:v1:one:", "k8s:enc:secretbox:v1:one:"][n];
        let value = [head.as_bytes(), &value].concat().into();
        let providers = ["aesgcm", "aescbc", "secretbox"].map(|it| keys(it, &[("one", ONE)]));
        let _ = open(&chain(&providers.join(",")), &value);
    }
}

/// Keys are changed by their order: the first seals, all open, and what the first did not seal is
/// written again.
#[test]
fn rotation() {
    let sealed_by = |providers: &str| seal(&chain(providers));
    let one = keys("aescbc", &[("one", ONE)]);
    let gcm = keys("aesgcm", &[("one", ONE)]);
    let check = |value: &Bytes, providers: &str, want: Result<bool, &str>| {
        let opened = open(&chain(providers), value);
        if let Ok(opened) = &opened {
            assert_eq!(opened.value, PLAIN);
        }
        let got = opened.as_ref().map(|opened| opened.stale).map_err(String::as_str);
        assert_eq!(got, want, "{providers}");
    };
    let value = sealed_by(&one);
    assert!(value.starts_with(b"k8s:enc:aescbc:v1:one:"));
    check(&value, &one, Ok(false));
    check(&value, &keys("aescbc", &[("two", TWO), ("one", ONE)]), Ok(true));
    check(&value, &format!("{gcm}, {one}"), Ok(true));
    check(&value, &format!("{{identity: {{}}}}, {one}"), Ok(true));
    check(&value, &format!("{}, {one}", keys("aescbc", &[("one", TWO)])), Ok(true));
    let no_key = "no matching key was found for the provided AES transformer";
    check(&value, &keys("aescbc", &[("two", ONE)]), Err(no_key));
    check(&value, &gcm, Err("no matching prefix found"));
    check(&value, "{identity: {}}", Err("no matching prefix found"));

    let value = sealed_by(&gcm);
    check(&value, &keys("aesgcm", &[("one", TWO)]), Err("cipher: message authentication failed"));
    let plain = sealed_by("{identity: {}}");
    assert_eq!(plain, PLAIN);
    check(&plain, "{identity: {}}", Ok(false));
    check(&plain, &format!("{one}, {{identity: {{}}}}"), Ok(true));
    check(&plain, &one, Err("no matching prefix found"));
}

#[test]
fn resources_are_found_by_their_rules() {
    let one = keys("aescbc", &[("one", ONE)]);
    let check = |resources: &str, want: bool| {
        let rules = parse(&config(resources, &one)).unwrap();
        assert_eq!(rules.of(&foos()).is_some(), want, "{resources}");
    };
    check("foos.hello.zeng.dev", true);
    check("'*.hello.zeng.dev'", true);
    check("'*.*'", true);
    check("secrets, bars.hello.zeng.dev", false);
    check("foos", false);
    check("'*.'", false);
}

#[test]
fn what_makes_no_sense_is_said() {
    let one = keys("aescbc", &[("one", ONE)]);
    let check = |text: &str, want: &str| {
        let why = parse(text).unwrap_err();
        assert!(why.contains(want), "{text}: {why}");
        assert!(!why.contains(ONE), "no secret is shown: {why}");
    };
    check("{", "yaml: ");
    check("{apiVersion: v1, kind: Config}", "no kind \"Config\" is registered for version \"v1\"");
    check(&config("a", &one).replace("resources: [{", "other: [{"), "unknown field `other`");
    check(&config("", &one), "resources[0].resources: Required value: at least one");
    check(&config("a", ""), "resources[0].providers: Required value: at least one");
    check(&config("a, a", &one), "the same resource cannot be specified multiple times");
    check(&config("a, '*.'", &one), "using overlapping resources such as 'secrets' and '*.'");
    check(&config("'*.*', a", &one), "using overlapping resources");
    check(
        &config("A", &one),
        "resources[0].resources[0]: Invalid value: \"A\": resource name should not",
    );
    check(&config("'*'", &one), "use '*.' to encrypt all");
    check(&config("'a.*'", &one), "encrypting the same resource across groups is not supported");
    check(&config("a", "{}"), "provider does not contain any of the expected providers");
    check(&config("a", "{identity: {}, aesgcm: {keys: []}}"), "more than one provider specified");
    check_plugins(check);
    check(&config("a", &keys("aescbc", &[])), "aescbc.keys: Required value: at least one keys");
    check(
        &config("a", &keys("aesgcm", &[("one", "AAAA")])),
        "resources[0].providers[0].aesgcm.keys[0].secret: Invalid value: \"REDACTED\": secret is not \
         of the expected length, got 3, expected one of [16 24 32]",
    );
    check(&config("a", &keys("secretbox", &[("one", "'*'")])), "secrets must be base64 encoded");
    check(&config("a", &keys("aescbc", &[("''", ONE)])), "name is a mandatory field for a key");
    let two = config("'*.hello.zeng.dev'", &one).replace(
        "]}]\n",
        &format!("]}}, {{resources: [foos.hello.zeng.dev], providers: [{one}]}}]\n"),
    );
    check(&two, "\"foos.hello.zeng.dev\" is masked by earlier rule \"*.hello.zeng.dev\"");
}

fn check_plugins(check: impl Fn(&str, &str)) {
    let kms = |fields: &str| config("a", &format!("{{kms: {{{fields}}}}}"));
    let whole = "apiVersion: v2, name: k, endpoint: 'unix:///k'";
    assert!(parse(&kms(whole)).is_ok());
    let at = "resources[0].providers[0].kms.";
    let unsupported = "unsupported scheme \"tcp\" for KMS provider, only unix is supported";
    for (fields, field, want) in [
        ("apiVersion: v2", "name", "Required value: name is a mandatory field for a provider"),
        (
            "apiVersion: v2",
            "endpoint",
            "Invalid value: \"\": endpoint is a mandatory field for a kms",
        ),
        ("endpoint: 'tcp://k'", "endpoint", unsupported),
        ("endpoint: 'unix://k'", "endpoint", "invalid endpoint for kms provider"),
        ("name: 'a:b'", "name", "invalid KMS provider name a:b, must not contain ':'"),
        ("name: k", "apiVersion", "Invalid value: \"v1\": KMSv1 is deprecated"),
        ("apiVersion: v3", "apiVersion", "only v1 and v2 are supported"),
        ("timeout: 0s", "timeout", "timeout should be a positive value"),
        ("timeout: soon", "timeout", "time: unknown unit \"soon\" in duration \"soon\""),
        ("apiVersion: v2, cachesize: 1", "cachesize", "cachesize is not supported in v2"),
    ] {
        check(&kms(fields), &format!("{at}{field}: "));
        check(&kms(fields), want);
    }
    let twice = format!("{{kms: {{{whole}}}}}, {{kms: {{{whole}}}}}");
    check(&config("a", &twice), "duplicate KMS provider name k, names must be unique");
    check(&kms("names: k"), "unknown field `names`");
}

/// A storage under encryption: sealed below, plain above, what cannot be opened is a reason, and a
/// new configuration makes whoever watches read anew.
#[tokio::test]
async fn a_storage_that_is_sealed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    let one = keys("aesgcm", &[("one", ONE)]);
    let write = |providers: &str| std::fs::write(&path, config("'*.*'", providers)).unwrap();
    write(&one);
    let at_rest = AtRest::load(&path, Clock::system(), true).await.unwrap();
    let mut reload = at_rest.reloader(&path);
    let memory = Memory::new();
    let sealed = at_rest.over(Arc::new(memory.clone()), foos());

    let created = sealed.create(PLACE, PLAIN.into()).await.unwrap();
    let below = memory.get(PLACE).await.unwrap().item.unwrap();
    assert!(below.value.starts_with(b"k8s:enc:aesgcm:v1:one:"));
    assert_eq!(sealed.get(PLACE).await.unwrap().item.unwrap().value, PLAIN);
    let page = sealed.range(Range::default()).await.unwrap();
    assert_eq!(page.items[0].value, PLAIN);
    let exists = sealed.create(PLACE, PLAIN.into()).await.unwrap_err();
    assert!(matches!(exists, Error::Exists(item) if item.value == PLAIN));
    let mut watch = sealed.watch("/", created - 1).await.unwrap();
    assert!(matches!(&watch.next().await.unwrap()[..], [Event::Put(item)] if item.value == PLAIN));

    // A key more in front: everything is still read, and what is there is stale.
    assert!(!sealed.is_stale(PLACE).await.unwrap());
    write(&keys("aesgcm", &[("two", TWO), ("one", ONE)]));
    reload().unwrap();
    assert!(sealed.is_stale(PLACE).await.unwrap());
    let updated = sealed.update(PLACE, PLAIN.into(), created).await.unwrap();
    assert!(!sealed.is_stale(PLACE).await.unwrap());
    assert!(matches!(&watch.next().await.unwrap()[..], [Event::Put(item)] if item.value == PLAIN));

    // The key is gone: the value is the reason, and the others are read.
    write(&one);
    reload().unwrap();
    memory.create("/registry/other", PLAIN.into()).await.unwrap();
    let items = sealed.range(Range::default()).await.unwrap().items;
    let reasons: Vec<_> = items.iter().map(|item| refusal(&item.value).unwrap()).collect();
    let want =
        ["no matching key was found for the provided AES transformer", "no matching prefix found"];
    assert_eq!(reasons, want);

    // It is back, and whoever watches has to read what could not be read.
    write(&keys("aesgcm", &[("one", ONE), ("two", TWO)]));
    reload().unwrap();
    let ended = loop {
        match watch.next().await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(ended, Error::Compacted { .. }), "{ended}");
    assert_eq!(sealed.get(PLACE).await.unwrap().item.unwrap().value, PLAIN);

    // A file that makes no sense leaves everything as it is.
    std::fs::write(&path, "{").unwrap();
    assert!(reload().is_err());
    let item = sealed.get(PLACE).await.unwrap().item.unwrap();
    assert_eq!((item.value, item.revision), (PLAIN.into(), updated));

    check_metrics(&at_rest);
}

fn check_metrics(at_rest: &AtRest) {
    let mut text = String::new();
    at_rest.write_metrics(&mut text);
    let of = |way: &str, status: &str| {
        let labels = format!(
            "resource=\"foos.hello.zeng.dev\",status=\"{status}\",transformation_type=\"{way}\",\
             transformer_prefix=\"k8s:enc:aesgcm:v1:\""
        );
        let begin = format!("apiserver_storage_transformation_operations_total{{{labels}}} ");
        let line = text.lines().find_map(|line| line.strip_prefix(&begin));
        line.map_or(0, |count| count.parse::<usize>().unwrap())
    };
    assert_eq!(of("to_storage", "OK"), 3, "{text}");
    assert!(of("from_storage", "OK") > 5, "{text}");
    assert!(of("from_storage", "unknown-non-grpc") >= 1, "{text}");
    let reloads = "apiserver_encryption_config_controller_automatic_reloads_total{";
    for (status, count) in [("success", 3), ("failure", 1)] {
        let line = format!("{reloads}status=\"{status}\",apiserver_id_hash=\"\"}} {count}");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

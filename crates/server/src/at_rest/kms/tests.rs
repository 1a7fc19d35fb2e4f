//! Values sealed with a plugin's help: what Go made of the same seed, and a plugin on a socket that
//! comes, changes its key, refuses, and goes.

use super::*;
use crate::at_rest::chain::{Chain, Provider};
use crate::at_rest::{AtRest, Rules, Sealed, refusal};
use crate::clock::Clock;
use pintle_meta::GroupResource;
use pintle_storage::{Error, Memory, Range, Storage};
use plugin::Plugin;
use proptest::prelude::*;
use std::path::Path;
use tempfile::TempDir;

#[path = "../../../tests/integration/plugin.rs"]
mod plugin;

const PLAIN: &[u8] = b"{\"kind\":\"Foo\"}\n";
const PLACE: &str = "/registry/hello.zeng.dev/foos/default/a";

/// Times of a test: a plugin is asked all the time, and nothing is remembered.
const FAST: Times = Times {
    poll_well: Duration::from_millis(20),
    poll_ill: Duration::from_millis(20),
    well: Duration::ZERO,
    ill: Duration::ZERO,
    sealing: Duration::from_millis(500),
    refusal: Duration::ZERO,
    silence: Duration::ZERO,
};

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server's part of the encryption, over a storage.
async fn sealed(socket: &Path, memory: &Memory) -> (AtRest, Arc<Sealed>) {
    let counts = Arc::new(Counts::new(Clock::system()));
    let time = Duration::from_secs(3);
    let mut kms = Kms::new("one", socket.to_owned(), time, Arc::clone(&counts));
    kms.times = FAST;
    let kms = Arc::new(kms);
    let chain = Arc::new(Chain(vec![Provider::Kms(Arc::clone(&kms))]));
    let chains = BTreeMap::from([(("*".to_owned(), "*".to_owned()), chain)]);
    let changed = watch::Sender::new(());
    let rules = Rules { chains, plugins: vec![kms] };
    let _ = rules.start(&changed).await;
    let at_rest = AtRest {
        rules: Arc::new(arc_swap::ArcSwap::from_pointee(rules)),
        changed,
        counts,
        reloads: false,
    };
    let resource =
        GroupResource { group: "hello.zeng.dev".to_owned(), resource: "foos".to_owned() };
    let sealed = at_rest.over(Arc::new(memory.clone()), resource);
    (at_rest, sealed)
}

/// Waits until something is so.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn sealed_by_go() {
    let sealed = "0a4b79e77a2177b66dcd5c60c6ce8237c9b31c787b22e12c3f1215d2eeb8c60df6f93abb4cbfdb9c3ee796\
                  679ea16d86da3b791de4f79c7e48e14e0a0a8e2545a05dff38c03bf63de9b68499ae12056b65792d311a\
                  0b7365616c6564207365656422180a1376657273696f6e2e70696e746c652e7465737412013122120a0d\
                  612e70696e746c652e746573741201322801";
    let bytes = |at: usize| u8::from_str_radix(&sealed[at..at + 2], 16).unwrap();
    let bytes: Bytes = (0..sealed.len()).step_by(2).map(bytes).collect();
    let (data, source) = EncryptedObject::read(bytes).unwrap();
    assert_eq!(
        (source.kind, &*source.key_id, &*source.sealed),
        (SEED, "key-1", &b"sealed seed"[..])
    );
    assert_eq!(source.annotations["a.pintle.test"], "2");
    let seed: Vec<u8> = (0..32).collect();
    let dek = Dek::new(SEED, &seed).unwrap();
    assert_eq!(dek.open(PLACE.as_bytes(), &data).unwrap(), PLAIN);
    let elsewhere = dek.open(b"/registry/hello.zeng.dev/foos/default/b", &data);
    assert_eq!(elsewhere.unwrap_err(), "cipher: message authentication failed");
    assert!(Dek::new(SEED, &seed[1..]).is_err());
}

#[test]
fn what_is_no_sealed_value_is_said() {
    let good = EncryptedObject {
        data: "d".into(),
        key_id: "k".to_owned(),
        source: "s".into(),
        annotations: BTreeMap::from([("a.b".to_owned(), "v".into())]),
        source_type: SEED,
    };
    let check = |change: &dyn Fn(&mut EncryptedObject), want: &str| {
        let mut object = good.clone();
        change(&mut object);
        let read = EncryptedObject::read(object.encode_to_vec().into());
        let got = read.map_or_else(|why| why, |_| "well".to_owned());
        assert!(got.contains(want), "{want}: {got}");
    };
    let long = || Bytes::from(vec![7; 1025]);
    let note = |name: &str| BTreeMap::from([(name.to_owned(), Bytes::new())]);
    check(&|_| {}, "well");
    check(&|it| it.source_type = 2, "unknown encryptedDEKSourceType: 2");
    check(&|it| it.data.clear(), "encrypted data is empty");
    check(&|it| it.source.clear(), "encrypted DEK source is empty");
    check(&|it| it.source = long(), "1025 bytes, which exceeds the max size of 1024");
    check(&|it| it.key_id.clear(), "failed to validate key id: keyID is empty");
    check(&|it| it.key_id = "k".repeat(1025), "keyID is 1025 bytes");
    check(&|it| it.annotations = note("a"), "should be a domain with at least two segments");
    check(&|it| it.annotations = note("A.b"), "annotations: Invalid value: \"A.b\": ");
    check(&|it| it.annotations = note("a.b."), "well");
    let much = |it: &mut EncryptedObject| {
        it.annotations.insert("a.b".to_owned(), vec![7; 32 << 10].into());
    };
    check(&much, "total size of annotations is 32771, which exceeds the max size of 32768");
}

proptest! {
    #[test]
    fn no_bytes_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok((data, source)) = EncryptedObject::read(bytes.into()) {
            prop_assert!(source.check().is_ok());
            let _ = Dek::new(SEED, &[7; 32]).unwrap().open(PLACE.as_bytes(), &data);
        }
    }
}

/// A plugin is asked once for each seed, and a change of its key makes what it sealed stale.
#[tokio::test]
async fn a_plugin_is_asked_for_seeds_and_not_for_values() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("kms.sock");
    let plugin = Plugin::start(&socket);
    let memory = Memory::new();
    let (at_rest, storage) = sealed(&socket, &memory).await;
    for n in 0..100 {
        storage.create(&format!("{PLACE}{n:02}"), PLAIN.into()).await.unwrap();
    }
    let below = memory.get(&format!("{PLACE}00")).await.unwrap().item.unwrap();
    assert!(below.value.starts_with(b"k8s:enc:kms:v2:one:"), "{below:?}");
    let all = async |storage: &Sealed| storage.range(Range::default()).await.unwrap().items;
    let plain = |items: Vec<pintle_storage::KeyValue>| items.iter().all(|it| it.value == PLAIN);
    assert!(plain(all(&storage).await));
    assert_eq!((plugin.asked("Encrypt"), plugin.asked("Decrypt")), (1, 0));
    assert!(at_rest.is_well().await);
    let two = format!("{PLACE}00");
    assert!(!storage.is_stale(&two).await.unwrap());

    // A server that starts anew has another seed, and asks for the one that it finds: once.
    let (_at_rest, other) = sealed(&socket, &memory).await;
    assert!(plain(all(&other).await));
    assert_eq!((plugin.asked("Encrypt"), plugin.asked("Decrypt")), (2, 1));
    assert!(!other.is_stale(&two).await.unwrap());

    // Another key: new values are sealed with it, old ones are opened and stale.
    plugin.behaviour().key_id = "key-2".to_owned();
    until("the change is noticed", async || storage.is_stale(&two).await.unwrap()).await;
    let revision = storage.get(&two).await.unwrap().item.unwrap().revision;
    storage.update(&two, PLAIN.into(), revision).await.unwrap();
    assert!(!storage.is_stale(&two).await.unwrap());
    assert!(plain(all(&storage).await));
    assert_eq!(plugin.asked("Decrypt"), 1);

    let mut text = String::new();
    at_rest.write_metrics(&mut text);
    for (name, labels, count) in [
        (
            "key_id_hash_total",
            format!(
                "apiserver_id_hash=\"\",key_id_hash=\"{}\",provider_name=\"one\",\
                 transformation_type=\"to_storage\"",
                digest("key-1")
            ),
            100,
        ),
        (
            "kms_operations_latency_seconds_count",
            "grpc_status_code=\"OK\",method_name=\"/v2.KeyManagementService/Encrypt\",\
             provider_name=\"one\""
                .to_owned(),
            2,
        ),
    ] {
        let line = format!("apiserver_envelope_encryption_{name}{{{labels}}} {count}\n");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

/// Without its plugin a server opens what it knows and seals for a while; what it does not know it
/// cannot read, and takes nothing for broken.
#[tokio::test]
async fn a_plugin_that_goes_and_comes() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("kms.sock");
    let plugin = Plugin::start(&socket);
    let memory = Memory::new();
    let (at_rest, storage) = sealed(&socket, &memory).await;
    let revision = storage.create(PLACE, PLAIN.into()).await.unwrap();
    drop(plugin);
    until("it is noticed", async || !at_rest.is_well().await).await;
    assert_eq!(storage.get(PLACE).await.unwrap().item.unwrap().value, PLAIN);
    let mut revision = storage.update(PLACE, PLAIN.into(), revision).await.unwrap();
    let expired = loop {
        match storage.update(PLACE, PLAIN.into(), revision).await {
            Ok(next) => revision = next,
            Err(error) => break error.to_string(),
        }
        sleep(Duration::from_millis(10)).await;
    };
    assert!(expired.contains("encryptedDEKSource with keyID hash \"sha256:"), "{expired}");

    let (_at_rest, other) = sealed(&socket, &memory).await;
    let error = other.get(PLACE).await.unwrap_err();
    assert!(matches!(&error, Error::Unavailable(why) if why.to_string().contains("kms.sock")));
    let error = other.create("/b", PLAIN.into()).await.unwrap_err();
    assert!(error.to_string().contains("has not said yet what its key is"), "{error}");
    let mut events = other.watch("/", revision - 1).await.unwrap();
    assert!(matches!(events.next().await, Err(Error::Unavailable(_))));

    let _plugin = Plugin::start(&socket);
    for it in [&storage, &other] {
        until("it is read again", async || it.get(PLACE).await.is_ok()).await;
        until("it is written again", async || {
            let revision = it.get(PLACE).await.unwrap().item.unwrap().revision;
            it.update(PLACE, PLAIN.into(), revision).await.is_ok()
        })
        .await;
    }
    assert!(at_rest.is_well().await);
}

/// A plugin that refuses a seed for good makes its values unreadable, and nothing else; and when it
/// opens it after all, whoever watches reads anew.
#[tokio::test]
async fn a_plugin_that_refuses() {
    const NOT_FOUND: u32 = 5;
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("kms.sock");
    let plugin = Plugin::start(&socket);
    let memory = Memory::new();
    let (_, storage) = sealed(&socket, &memory).await;
    let revision = storage.create(PLACE, PLAIN.into()).await.unwrap();
    plugin.behaviour().refuses = Some(NOT_FOUND);
    let (_at_rest, other) = sealed(&socket, &memory).await;
    let mut events = other.watch("/", revision).await.unwrap();
    let item = other.get(PLACE).await.unwrap().item.unwrap();
    let want = "failed to decrypt DEK, error: rpc error: code = NotFound desc = it is told so";
    assert_eq!(refusal(&item.value).as_deref(), Some(want));
    other.create("/b", PLAIN.into()).await.unwrap();
    assert_eq!(other.get("/b").await.unwrap().item.unwrap().value, PLAIN);
    assert_eq!(events.next().await.unwrap().len(), 1);
    plugin.behaviour().refuses = None;
    let ended = tokio::time::timeout(PATIENCE, events.next()).await.unwrap();
    assert!(matches!(ended, Err(Error::Compacted { .. })), "{ended:?}");
    assert_eq!(other.get(PLACE).await.unwrap().item.unwrap().value, PLAIN);
}

/// What a plugin says of itself is checked as in Kubernetes.
#[tokio::test]
async fn a_plugin_that_makes_no_sense() {
    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("kms.sock");
    let plugin = Plugin::start(&socket);
    let counts = Arc::new(Counts::new(Clock::system()));
    let mut kms = Kms::new("one", socket, Duration::from_secs(3), counts);
    kms.times = FAST;
    let well = plugin.behaviour().clone();
    kms.check().await.unwrap();
    for (change, want) in [
        (plugin::Behaviour { healthz: "hmm".into(), ..well.clone() }, "healthz status: hmm"),
        (plugin::Behaviour { version: "v3".into(), ..well.clone() }, "API version v2, got v3"),
        (
            plugin::Behaviour { version: "v2beta1".into(), ..well.clone() },
            "should not change after",
        ),
        (plugin::Behaviour { key_id: String::new(), ..well.clone() }, "keyID is empty"),
        (plugin::Behaviour { key_id: "k".repeat(2000), ..well.clone() }, "keyID is 2000 bytes"),
    ] {
        *plugin.behaviour() = change;
        let why = kms.check().await.unwrap_err();
        assert!(why.starts_with("kmsv2 Provider one is not healthy, error: "), "{why}");
        assert!(why.contains(want), "{want}: {why}");
    }
    *plugin.behaviour() = well;
    kms.check().await.unwrap();
}

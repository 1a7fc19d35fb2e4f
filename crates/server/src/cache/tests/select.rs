//! Selectors against a scan of everything, at every revision that is remembered; and what they look at.

use super::super::tree::Tree;
use super::*;
use crate::cache::Key;
use pintle_meta::Version;

/// A wall, which has had a color in two versions.
#[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[kube(group = "example.com", version = "v2", kind = "Wall", namespaced, derive = "Default")]
#[kube(selectable = ".spec.color")]
#[serde(default)]
struct WallSpec {
    /// Its color.
    color: String,
}

impl Hub for Wall {}

mod v1 {
    use super::*;

    /// A wall, as it was when it was painted.
    #[derive(CustomResource, Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[kube(group = "example.com", version = "v1", kind = "Wall", namespaced, derive = "Default")]
    #[kube(selectable = ".spec.painted", selectable = ".spec.paint")]
    #[serde(default)]
    pub(super) struct WallSpec {
        /// Its color.
        paint: String,
        /// Whether it has one.
        painted: bool,
    }

    impl Version for Wall {
        type Hub = super::Wall;

        fn up(self) -> super::Wall {
            let spec = super::WallSpec { color: self.spec.paint };
            super::Wall { metadata: self.metadata, spec }
        }

        fn down(hub: super::Wall) -> Self {
            let painted = !hub.spec.color.is_empty();
            let spec = WallSpec { paint: hub.spec.color, painted };
            Self { metadata: hub.metadata, spec }
        }
    }
}

fn walls() -> Arc<KindInfo> {
    let mut kind = KindInfo::of::<Wall>();
    kind.add_version::<v1::Wall>();
    Arc::new(kind)
}

/// The labels and the color of a wall.
type Look = (BTreeMap<String, String>, String);

/// What is done to the storage.
#[derive(Clone, Debug)]
enum Step {
    Paint {
        key: usize,
        look: u8,
    },
    Remove {
        from: usize,
        count: usize,
    },
    /// A value that cannot be decoded.
    Break {
        key: usize,
    },
}

const KEYS: usize = 900;

fn key_of(number: usize) -> String {
    format!("{}/n{number:03}", ["a", "a-b", "b"][number % 3])
}

fn look_of(number: u8) -> Look {
    let mut labels = BTreeMap::new();
    if number & 1 > 0 {
        labels.insert("app".to_owned(), format!("v{}", number / 16));
    }
    if number & 2 > 0 {
        labels.insert("example.com/tier".to_owned(), format!("v{}", number / 64));
    }
    let color = if number & 4 > 0 { format!("c{}", number / 32) } else { String::new() };
    (labels, color)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        80 => (0..KEYS, any::<u8>()).prop_map(|(key, look)| Step::Paint { key, look }),
        20 => (0..5usize, any::<u8>()).prop_map(|(key, look)| Step::Paint { key, look }),
        6 => (0..KEYS, 1..400usize).prop_map(|(from, count)| Step::Remove { from, count }),
        2 => (0..KEYS).prop_map(|key| Step::Break { key }),
    ];
    prop::collection::vec(step, 0..120)
}

struct Walls {
    cache: Arc<Cache>,
    storage: Memory,
    /// The revisions of the keys that exist, those of broken values among them.
    written: BTreeMap<String, Revision>,
    now: BTreeMap<String, Look>,
    states: BTreeMap<Revision, BTreeMap<String, Look>>,
}

impl Walls {
    fn new(history_bytes: usize) -> Self {
        let storage = Memory::new();
        let settings = Settings { history_bytes, ..SETTINGS };
        let cache = Cache::new(
            walls(),
            Arc::new(storage.clone()),
            PREFIX.to_owned(),
            settings,
            &unlimited(),
        );
        let (written, now, states) = Default::default();
        Self { cache, storage, written, now, states }
    }

    async fn put(&mut self, key: String, value: Bytes) {
        let path = format!("{PREFIX}{key}");
        let revision = match self.written.get(&key) {
            None => self.storage.create(&path, value).await.unwrap(),
            Some(at) => self.storage.update(&path, value, *at).await.unwrap(),
        };
        self.written.insert(key, revision);
    }

    async fn paint(&mut self, key: usize, look: u8) {
        let (key, look) = (key_of(key), look_of(look));
        let (namespace, name) = key.split_once('/').unwrap();
        let meta = json!({"namespace": namespace, "name": name, "labels": look.0});
        let value = json!({"metadata": meta, "spec": {"color": look.1}}).to_string().into();
        self.put(key.clone(), value).await;
        self.now.insert(key, look);
        self.note().await;
    }

    async fn step(&mut self, step: &Step) {
        match step {
            Step::Paint { key, look } => self.paint(*key, *look).await,
            Step::Remove { from, count } => {
                let keys: Vec<String> = self.now.keys().skip(*from).take(*count).cloned().collect();
                for key in keys {
                    let at = self.written.remove(&key).unwrap();
                    self.storage.delete(&format!("{PREFIX}{key}"), at).await.unwrap();
                    self.now.remove(&key);
                }
                self.note().await;
            }
            Step::Break { key } => {
                self.put(key_of(*key), "no object".into()).await;
                self.now.remove(&key_of(*key));
                self.note().await;
            }
        }
    }

    async fn note(&mut self) {
        let newest = self.storage.current_revision().await.unwrap();
        self.states.insert(newest, self.now.clone());
    }

    /// Feeds the cache, from the state that there is.
    async fn feed(&self) -> tokio::task::JoinHandle<()> {
        let feed = tokio::spawn(Arc::clone(&self.cache).feed());
        self.consistent().await;
        feed
    }

    async fn consistent(&self) {
        let newest = self.cache.newest().await.unwrap();
        self.cache.not_older_than(newest).await.unwrap();
    }

    /// Selects at all revisions that are remembered, by pages, and compares with a scan.
    fn check_all(&self, limit: usize) {
        let state = self.cache.read();
        assert!(state.tree.is_indexed());
        drop(state);
        let newest = self.cache.revision();
        let floor = self.cache.floor();
        let shown = self.states.range(..=newest).next_back().into_iter();
        let past = self.states.range(floor..).step_by(7);
        for (revision, walls) in past.chain(shown) {
            for (labels, fields, version) in SELECTORS {
                let labels = LabelSelector::parse(labels).unwrap();
                let fields = FieldSelector::parse(fields).unwrap();
                let one = Selector { labels, fields, version: *version };
                for prefix in ["", "a/", "a-b/"] {
                    let revision = (*revision != newest).then_some(*revision);
                    self.check(&one, prefix, limit, revision, walls);
                }
            }
        }
    }

    fn check(
        &self,
        one: &Selector,
        prefix: &str,
        limit: usize,
        revision: Option<Revision>,
        walls: &BTreeMap<String, Look>,
    ) {
        let kind = &self.cache.kind;
        let wanted = &Wanted::by(&one.labels, &one.fields, kind, one.version);
        let filter = |entry: &Entry| {
            one.labels.matches(|key| entry.label(key))
                && one.fields.matches(|field| entry.field(kind, one.version, field))
        };
        let below: Vec<_> = walls.iter().filter(|(key, _)| key.starts_with(prefix)).collect();
        let want = below.iter().filter(|(_, look)| one.selects(look)).map(|(key, _)| key.as_str());
        let want: Vec<&str> = want.collect();
        let mut got = Vec::new();
        let mut start = prefix.to_owned();
        loop {
            let start_here = std::mem::take(&mut start);
            let query = Query {
                prefix,
                start: &start_here,
                limit,
                wanted,
                name: None,
                filter: Some(filter),
            };
            let page = match revision {
                None => self.cache.page(&query),
                Some(revision) => self.cache.page_at(&query, revision).unwrap(),
            };
            got.extend(page.entries.iter().map(|entry| entry.key.to_string()));
            assert_eq!(page.remaining, None, "not said where something is selected");
            if !page.more {
                // Nothing is said to follow where nothing follows, and only there.
                let last = page.last.filter(|_| limit > 0 && page.len == limit);
                let follows = |key: &str| last.as_ref().is_some_and(|last| *key > *last.key);
                assert!(!below.iter().any(|(key, _)| follows(key)));
                break;
            }
            assert_eq!(page.len, limit);
            start = format!("{}\0", page.last.unwrap().key);
        }
        assert_eq!(got, want, "{one:?} below {prefix:?} by {limit} at {revision:?}");
        if revision.is_none() {
            let query =
                Query { prefix, start: "", limit: 0, wanted, name: None, filter: Some(filter) };
            let (mut reader, revision) = self.cache.candidates(&query);
            let mut got = Vec::new();
            while let Some(entry) = reader.next() {
                got.extend(filter(entry).then(|| entry.key.to_string()));
            }
            assert_eq!(got, want, "{one:?} below {prefix:?}, what a watch starts with");
            assert_eq!(revision, self.cache.revision());
        }
    }
}

#[derive(Debug)]
struct Selector {
    labels: LabelSelector,
    fields: FieldSelector,
    version: usize,
}

impl Selector {
    /// Without the cache and its index.
    fn selects(&self, (labels, color): &Look) -> bool {
        let painted = (!color.is_empty()).to_string();
        let field = |field: &str| match (self.version, field) {
            (0, "spec.color") | (1, "spec.paint") => Some(color.as_str()),
            (1, "spec.painted") => Some(painted.as_str()),
            other => panic!("{other:?}"),
        };
        self.labels.matches(|key| labels.get(key).map(String::as_str)) && self.fields.matches(field)
    }
}

const SELECTORS: &[(&str, &str, usize)] = &[
    ("app=v3", "", 0),
    ("app==v15,example.com/tier", "", 0),
    ("app in (v1,v2,v9),example.com/tier in (v0,v1,v1)", "", 0),
    ("app in (nothing)", "", 0),
    ("app", "", 0),
    ("!app", "", 0),
    ("app!=v3", "", 0),
    ("app notin (v3,v4),example.com/tier=v2", "", 0),
    ("app>3", "", 0),
    ("nobody", "", 0),
    ("", "spec.color=c3", 0),
    ("", "spec.color=", 0),
    ("", "spec.color!=c3", 0),
    ("app=v1", "spec.color=c0", 0),
    ("", "spec.paint=c3,spec.painted=true", 1),
    ("", "spec.painted=false", 1),
    ("", "spec.paint=c7,spec.painted!=true", 1),
    ("", "spec.paint=nothing", 1),
];

async fn check_steps(bulk: usize, steps: &[Step], limit: usize, history_bytes: usize) {
    let mut walls = Walls::new(history_bytes);
    for key in 0..bulk {
        walls.paint(key, (key * 37 % 256) as u8).await;
    }
    walls.states.clear();
    walls.note().await;
    let (half, rest) = steps.split_at(steps.len() / 2);
    for steps in [half, rest] {
        // The second time it is loaded over what it knows.
        let feed = walls.feed().await;
        for step in steps {
            walls.step(step).await;
        }
        walls.consistent().await;
        walls.check_all(limit);
        feed.abort();
        assert!(feed.await.is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_selector_finds_what_a_scan_finds(
        bulk in prop_oneof![Just(0), Just(KEYS)],
        steps in steps(),
        limit in prop_oneof![Just(0), Just(1), Just(40), 2..200usize],
        history_bytes in prop_oneof![Just(16 << 20), Just(20_000), Just(0)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check_steps(bulk, &steps, limit, history_bytes));
    }
}

/// So many walls of which the last one is green, in a namespace of its own.
fn many(count: usize) -> Arc<Cache> {
    let (cache, kind) = (Walls::new(16 << 20).cache, walls());
    let entry = |number: usize| {
        let last = number + 1 == count;
        let labels = match last {
            true => json!({"app": "wall", "last": "yes"}),
            false => json!({"app": "wall", "tier": format!("v{}", number % 10)}),
        };
        let (namespace, name) = (if last { "b" } else { "a" }, format!("n{number:08}"));
        let meta = json!({"namespace": namespace, "name": name, "labels": labels});
        let spec = json!({"color": if last { "green" } else { "red" }});
        let value = json!({"metadata": meta, "spec": spec}).to_string().into();
        let key = Key::from(&*format!("{namespace}/{name}"));
        Arc::new(Entry::new(&kind, key, &value, 1 + number as u64).unwrap())
    };
    let entries: Vec<_> = (0..count).map(entry).collect();
    let mut state = cache.write();
    state.tree = Tree::from_sorted(&entries);
    state.revision = 1 + count as u64;
    drop(state);
    cache
}

/// What is looked at grows with the answer, and not with what there is.
#[test]
fn a_selector_does_not_scan() {
    let (few, many) = (many(1_000), many(20_000));
    let looked = |cache: &Arc<Cache>, labels: &str, fields: &str, version: usize| {
        let labels = &LabelSelector::parse(labels).unwrap();
        let fields = &FieldSelector::parse(fields).unwrap();
        let wanted = &Wanted::by(labels, fields, &cache.kind, version);
        let filter = |entry: &Entry| {
            labels.matches(|key| entry.label(key))
                && fields.matches(|field| entry.field(&cache.kind, version, field))
        };
        let query =
            Query { prefix: "", start: "", limit: 100, wanted, name: None, filter: Some(filter) };
        let page = cache.page(&query);
        let past = cache.page_at(&query, cache.read().revision).unwrap();
        assert_eq!((past.len, past.more), (page.len, page.more));
        let (mut reader, mut read) = (cache.candidates(&query).0, 0);
        while reader.next().is_some() {
            read += 1;
        }
        (page.len, page.looked, past.looked, read)
    };
    // A chunk of a tree that was loaded has 128 entries; the last one of these two has 104 and 32.
    // The last number is of those that a watch, which has no limit, looks at with the selector.
    let check = |labels, fields, version, want: [(usize, usize, usize, usize); 2]| {
        let found = [&few, &many].map(|cache| looked(cache, labels, fields, version));
        assert_eq!(found, want, "{labels} {fields}");
    };
    check("nobody", "", 0, [(0, 0, 0, 0); 2]);
    check("app=nothing", "", 0, [(0, 0, 0, 0); 2]);
    check("app in (nothing,nobody),tier=v1", "", 0, [(0, 0, 0, 0); 2]);
    check("last=yes,app=wall", "", 0, [(1, 104, 104, 1), (1, 32, 32, 1)]);
    check("app", "", 0, [(100, 100, 100, 1_000), (100, 100, 100, 20_000)]);
    check("tier=v3", "", 0, [(100, 994, 994, 100), (100, 994, 994, 2_000)]);
    check("", "spec.color=green", 0, [(1, 104, 104, 1), (1, 32, 32, 1)]);
    check("", "spec.paint=green", 1, [(1, 104, 104, 1), (1, 32, 32, 1)]);
    check("", "spec.color=blue", 0, [(0, 0, 0, 0); 2]);
    // What is not there is not in the index: it is looked for, and soon found.
    check("!tier", "", 0, [(1, 1_000, 1_000, 1_000), (1, 32_800, 20_000, 20_000)]);
    check("!last", "", 0, [(100, 100, 100, 1_000), (100, 100, 100, 20_000)]);
    let bytes = many.read().tree.index_bytes();
    assert!(bytes < 30_000, "{bytes} bytes for 20,000 objects with terms that many have");
}

/// What only one object has costs some bytes for that object.
#[test]
fn an_index_of_what_is_unique_is_small() {
    let kind = walls();
    let entry = |number: usize| {
        let name = format!("n{number:08}");
        let labels = json!({"id": name, "app": "wall"});
        let meta = json!({"namespace": "a", "name": name, "labels": labels});
        let value = json!({"metadata": meta, "spec": {"color": "red"}}).to_string().into();
        let key = Key::from(&*format!("a/{name}"));
        Arc::new(Entry::new(&kind, key, &value, 1).unwrap())
    };
    let entries: Vec<_> = (0..20_000).map(entry).collect();
    let tree = Tree::from_sorted(&entries);
    let bytes = tree.index_bytes() as f64 / 20_000.0;
    println!("{bytes:.1} bytes of the index for an object");
    assert!(bytes > 30.0 && bytes < 90.0, "{bytes}");
}

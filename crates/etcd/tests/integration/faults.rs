//! What goes wrong with an etcd, and what must not be lost by it.

use crate::etcd::{Etcd, address, newest, ready};
use crate::network::Network;
use pintle_etcd::Cluster;
use pintle_storage::{Error, Event, Range, Storage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long a watch may take to have everything when nothing is wrong any more.
const RECOVERY_TIME: Duration = Duration::from_secs(60);

/// How long the writers write before and after a fault.
const CALM: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread")]
async fn etcd_is_waited_for() {
    let Some(program) = newest() else { return };
    let etcd = Etcd::start(&program);
    let address = etcd.address();
    ready(&address).await;
    let mut etcd = etcd;
    etcd.kill();
    let cluster = Cluster::open(&address).expect("an etcd that is not there is no error yet");
    let refused = cluster.current_revision().await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    let mut watch = cluster.watch("/f/", 1).await.unwrap();
    etcd.restart();
    let cluster = Arc::new(ready(&address).await);
    let created = cluster.create("/f/a", "one".into()).await.unwrap();
    let events = tokio::time::timeout(RECOVERY_TIME, watch.next()).await.unwrap().unwrap();
    assert!(matches!(&events[..], [Event::Put(item)] if item.revision == created), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_alone_is_killed_and_comes_back() {
    let Some(program) = newest() else { return };
    let mut etcd = Etcd::start(&program);
    let load = Load::start(&[etcd.address(), etcd.address()]).await;
    for _ in 0..3 {
        tokio::time::sleep(CALM).await;
        etcd.kill();
        tokio::time::sleep(Duration::from_millis(500)).await;
        etcd.restart();
    }
    load.finish("kill -9 of a single etcd, three times").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_member_of_three_is_killed() {
    let Some(program) = newest() else { return };
    let mut members = Etcd::start_many(&program, 3, &[]);
    let load = Load::start(&[address(&members), address(&members)]).await;
    // One of them is the leader.
    for member in &mut members {
        tokio::time::sleep(CALM).await;
        member.kill();
        tokio::time::sleep(Duration::from_secs(3)).await;
        member.restart();
    }
    load.finish("kill -9 of each of three members").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_member_of_three_hangs() {
    let Some(program) = newest() else { return };
    let members = Etcd::start_many(&program, 3, &[]);
    let load = Load::start(&[address(&members), address(&members)]).await;
    for member in &members {
        tokio::time::sleep(CALM).await;
        // To everybody else it is a member behind a cable that was cut.
        member.signal("STOP");
        tokio::time::sleep(Duration::from_secs(6)).await;
        member.signal("CONT");
    }
    load.finish("SIGSTOP of each of three members").await;
}

/// A member that the others do not hear any more and that clients still reach must not be believed,
/// and must not keep the clients that it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_cut_off_from_the_others() {
    let (Some(program), Some(network)) = (newest(), Network::new()) else { return };
    let [apart, here] = network.places();
    let members = Etcd::start_at(&program, &[apart, here.clone(), here], &[]);
    let all = address(&members);
    ready(&all).await;
    // Two servers that know all members, and one that knows no other.
    let load = Load::start(&[all.clone(), all, members[0].address()]).await;
    for _ in 0..2 {
        tokio::time::sleep(CALM).await;
        network.cut(true);
        tokio::time::sleep(Duration::from_secs(5)).await;
        let alone = Cluster::open(&members[0].address()).unwrap();
        let refused = alone.current_revision().await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
        network.cut(false);
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    load.finish("a member cut off from the others, twice").await;
}

/// Writers and a watch at each of several servers.
struct Load {
    servers: Vec<Cluster>,
    start: u64,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Written>>,
    watchers: Vec<JoinHandle<Vec<Event>>>,
}

/// What a writer knows of its writes.
#[derive(Default)]
struct Written {
    /// The revision of each write that was acknowledged, with what was written.
    acknowledged: BTreeMap<u64, (String, String)>,
    unknown: usize,
    longest_pause: Duration,
}

impl Load {
    async fn start(addresses: &[String]) -> Self {
        let mut servers = Vec::new();
        for address in addresses {
            servers.push(ready(address).await);
        }
        let start = servers[0].current_revision().await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let (mut writers, mut watchers) = (Vec::new(), Vec::new());
        for (n, address) in addresses.iter().enumerate() {
            for w in 0..4 {
                let cluster = Cluster::open(address).unwrap();
                writers.push(tokio::spawn(write(cluster, format!("/f/{n}/{w}"), stop.clone())));
            }
            let watch = servers[n].watch("/f/", start).await.unwrap();
            watchers.push(tokio::spawn(follow(watch)));
        }
        Self { servers, start, stop, writers, watchers }
    }

    /// Ends the writers and checks that every acknowledged write is there and was watched once.
    async fn finish(self, what: &str) {
        tokio::time::sleep(CALM).await;
        self.stop.store(true, Ordering::Relaxed);
        let mut acknowledged = BTreeMap::new();
        let (mut unknown, mut longest) = (0, Duration::ZERO);
        for writer in self.writers {
            let written = writer.await.unwrap();
            acknowledged.extend(written.acknowledged);
            unknown += written.unknown;
            longest = longest.max(written.longest_pause);
        }
        assert!(acknowledged.len() > 100, "{what}: only {} writes", acknowledged.len());
        let newest = self.servers[0].current_revision().await.unwrap();
        // The mark that tells the watchers to end.
        self.servers[0].create("/f/end", "end".into()).await.unwrap();

        let mut latest = BTreeMap::new();
        for (revision, (key, value)) in &acknowledged {
            latest.insert(key.clone(), (*revision, value.clone()));
        }
        let page = Range { prefix: "/f/".into(), ..Range::default() };
        let stored = self.servers[1].range(page).await.unwrap();
        for item in &stored.items {
            let Some((revision, value)) = latest.remove(&*item.key) else { continue };
            // A write of which nobody knows may have come after.
            assert!(item.revision >= revision, "{what}: {} lost {revision}", item.key);
            if item.revision == revision {
                assert_eq!(item.value, value.as_bytes(), "{what}: {}", item.key);
            }
        }
        assert!(latest.is_empty(), "{what}: lost keys {latest:?}");

        let mut all: Vec<Vec<Event>> = Vec::new();
        for watcher in self.watchers {
            let events = tokio::time::timeout(RECOVERY_TIME, watcher).await;
            all.push(events.unwrap_or_else(|_| panic!("{what}: a watch does not end")).unwrap());
        }
        for events in &all {
            let revisions: Vec<u64> = events.iter().map(Event::revision).collect();
            assert!(revisions.is_sorted_by(|a, b| a < b), "{what}: each once and in order");
            let seen: BTreeMap<u64, &Event> = events.iter().map(|e| (e.revision(), e)).collect();
            for (revision, (key, value)) in &acknowledged {
                let Some(Event::Put(item)) = seen.get(revision) else {
                    panic!("{what}: the watch missed {key} at {revision}");
                };
                assert_eq!((&*item.key, &item.value[..]), (&**key, value.as_bytes()));
            }
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{what}: watches see the same");
        eprintln!(
            "{what}: {} writes acknowledged of revisions {} to {newest}, {unknown} of which nobody \
             knows, longest pause {longest:?}; none lost, none watched twice",
            acknowledged.len(),
            self.start,
        );
    }
}

/// Updates a key again and again; what fails is read anew.
async fn write(cluster: Cluster, key: String, stop: Arc<AtomicBool>) -> Written {
    let mut written = Written::default();
    let mut at = 0;
    let mut last = Instant::now();
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let value = format!("{n}");
        let answer = match at {
            0 => cluster.create(&key, value.clone().into()).await,
            at => cluster.update(&key, value.clone().into(), at).await,
        };
        match answer {
            Ok(revision) => {
                written.longest_pause = written.longest_pause.max(last.elapsed());
                last = Instant::now();
                written.acknowledged.insert(revision, (key.clone(), value));
                at = revision;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Err(Error::Conflict(now)) => at = now.map_or(0, |item| item.revision),
            Err(Error::Exists(now)) => at = now.revision,
            Err(Error::Unavailable(_)) => written.unknown += 1,
            Err(error) => panic!("{key}: not an error that a client tries again after: {error}"),
        }
    }
    written
}

/// Collects changes until the mark.
async fn follow(mut watch: Box<dyn pintle_storage::Watch>) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        for event in watch.next().await.expect("a watch is resumed by itself") {
            match &event {
                Event::Put(item) if &*item.key == "/f/end" => return events,
                Event::Progress(_) => {}
                Event::Put(_) | Event::Delete { .. } => events.push(event),
            }
        }
    }
}

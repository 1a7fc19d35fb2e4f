//! What is asked of a database that servers share: the suite, several servers at once, and a database
//! that goes away and returns.

use crate::program::Program;
use pintle_sql::Sql;
use pintle_storage::{Backend as _, Error, Event, Revision, Storage, suite};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a database may take for what takes it no time.
const SOON: Duration = Duration::from_secs(30);

pub(crate) async fn check(program: &mut dyn Program) {
    refusals(program).await;
    knows_its_size(program).await;
    two_servers(program).await;
    one_of_two_servers_wins(program).await;
    links_that_broke(program).await;
    away_and_back(program).await;
    later_than_the_server(program).await;
    let program = Mutex::new(program);
    suite::run(|| async { open(&program.lock().await.database().await).await }).await;
}

async fn open(address: &str) -> Arc<dyn Storage> {
    Sql.open(address).await.unwrap()
}

/// What cannot work is told in one line, at once.
async fn refusals(program: &mut dyn Program) {
    let refused = async |address: &str, why: &str| {
        let told = Sql.open(address).await.unwrap_err().to_string();
        assert!(told.contains(why) && !told.contains('\n'), "{address}: {told}");
    };
    refused(&program.nowhere(), "nowhere").await;
    let address = program.database().await;
    let scheme = address.split(':').next().unwrap();
    refused(&format!("{scheme}://a:b:c/d"), "port").await;
    open(&address).await.create("/a", "one".into()).await.unwrap();
    program.execute(&address, "UPDATE pintle_marks SET value = 9 WHERE name = 'schema'").await;
    refused(&address, "it was written by a newer version of this program: its schema is 9").await;
}

/// What a storage says of its size follows what is in it.
async fn knows_its_size(program: &mut dyn Program) {
    const VALUES: u64 = 40;
    const BYTES: usize = 100_000;
    let address = program.database().await;
    let server = open(&address).await;
    let size = async || server.size().await.unwrap().expect("it knows its size");
    let before = size().await;
    assert!(before > 0 && before < 1 << 20, "{before} bytes for nothing");
    for n in 0..VALUES {
        // Nothing that a database could store as less.
        let step = |x: &u64| Some(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
        let noise = std::iter::successors(Some(n), step).map(|x| (x >> 56) as u8);
        let value: Vec<u8> = noise.take(BYTES).collect();
        server.create(&format!("/{n}"), value.into()).await.unwrap();
    }
    let least = before + VALUES * BYTES as u64 * 9 / 10;
    let grown = async {
        loop {
            let now = size().await;
            if now > least && now < 3 * least {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(SOON, grown).await.expect("the size follows what is written");
}

/// Writes to two servers at a time have one order, which every watch of both of them shows.
async fn two_servers(program: &mut dyn Program) {
    const WRITERS: usize = 4;
    const KEYS: usize = 25;
    let address = program.database().await;
    let servers = [open(&address).await, open(&address).await];
    let start = servers[0].current_revision().await.unwrap();
    let last = start + (2 * WRITERS * KEYS * 3) as Revision;
    let watches = servers.iter().map(|server| tokio::spawn(read(server.clone(), start, last)));
    let watches: Vec<_> = watches.collect();
    let mut writers = Vec::new();
    for (n, server) in servers.iter().enumerate() {
        for writer in 0..WRITERS {
            let server = server.clone();
            writers.push(tokio::spawn(async move {
                let mut revisions = Vec::new();
                for key in 0..KEYS {
                    let key = format!("/two/{n}-{writer}-{key}");
                    let first = server.create(&key, "one".into()).await.unwrap();
                    let second = server.update(&key, "two".into(), first).await.unwrap();
                    revisions.extend([first, second]);
                    revisions.push(server.delete(&key, second).await.unwrap());
                }
                assert!(revisions.is_sorted(), "what one client does is in order");
                revisions
            }));
        }
    }
    let mut written = Vec::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }
    written.sort_unstable();
    assert_eq!(written, (start + 1..=last).collect::<Vec<_>>(), "revisions have no gap");
    // Acknowledged by one server, known to the other.
    assert_eq!(servers[1].current_revision().await.unwrap(), last);
    let mut read = Vec::new();
    for watch in watches {
        read.push(watch.await.unwrap());
    }
    let revisions: Vec<_> = read[0].iter().map(Event::revision).collect();
    assert_eq!(revisions, written, "a watch has every change once, in order");
    assert!(read[0] == read[1], "the watches of both servers show the same");
}

/// The changes after a revision up to another one.
async fn read(server: Arc<dyn Storage>, after: Revision, last: Revision) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let mut watch = server.watch("/", after).await.unwrap();
    while events.last().is_none_or(|event| event.revision() < last) {
        let batch = timeout(SOON, watch.next()).await.expect("changes come").unwrap();
        events.extend(batch.into_iter().filter(|event| !matches!(event, Event::Progress(_))));
    }
    events
}

async fn one_of_two_servers_wins(program: &mut dyn Program) {
    let address = program.database().await;
    let servers = [open(&address).await, open(&address).await];
    for n in 0..20 {
        let key = format!("/won/{n}");
        let (a, b) =
            tokio::join!(servers[0].create(&key, "a".into()), servers[1].create(&key, "b".into()));
        let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
        let (revision, Err(Error::Exists(now))) = (won.unwrap(), lost) else {
            panic!("both have created {key}");
        };
        assert_eq!(now.revision, revision, "the loser is told of the winner");
    }
}

/// A database that was started anew, or a proxy that lost its memory, has broken all links at once:
/// what only reads does not fail for that, and nor does what is written when that is known.
async fn links_that_broke(program: &mut dyn Program) {
    const READERS: usize = 16;
    let address = program.database().await;
    let server = open(&address).await;
    server.create("/link", "one".into()).await.unwrap();
    let read_all = async || {
        let readers = (0..READERS).map(|_| {
            let server = server.clone();
            tokio::spawn(async move { server.get("/link").await })
        });
        let readers: Vec<_> = readers.collect();
        for reader in readers {
            assert!(reader.await.unwrap().expect("a read on another link").item.is_some());
        }
    };
    for round in 0..5 {
        // As many links as there may be, and none of them has been idle for long.
        read_all().await;
        program.execute(&address, program.break_links()).await;
        read_all().await;
        server.create(&format!("/link/{round}"), "one".into()).await.unwrap();
    }
}

/// While a database is away requests fail as such; after its return every acknowledged write is
/// there, and a watch that goes on where it was has lost and repeated nothing.
async fn away_and_back(program: &mut dyn Program) {
    let address = program.database().await;
    let server = open(&address).await;
    let start = server.current_revision().await.unwrap();
    let writer = tokio::spawn(write_through(server.clone()));
    let reader = tokio::spawn(read_through(server.clone(), start));
    tokio::time::sleep(Duration::from_millis(300)).await;
    program.stop().await;
    let refused = timeout(SOON, server.current_revision()).await.expect("an answer comes");
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    let refused = timeout(SOON, server.create("/gone", "one".into())).await.expect("it comes");
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    program.start().await;
    let acknowledged = timeout(SOON, writer).await.expect("writes go on").unwrap();
    let read = timeout(SOON, reader).await.expect("the watch goes on").unwrap();
    let revisions: Vec<_> = read.iter().map(Event::revision).collect();
    let expected: Vec<_> = (start + 1..=revisions[revisions.len() - 1]).collect();
    assert_eq!(revisions, expected, "every change once, in order");
    for (key, revision) in acknowledged {
        let at = usize::try_from(revision - start - 1).unwrap();
        assert!(
            matches!(&read[at], Event::Put(item) if *item.key == *key),
            "{key}: {:?}",
            read[at]
        );
    }
}

/// Creates keys until one has been created after a failure; returns those that were acknowledged.
async fn write_through(server: Arc<dyn Storage>) -> BTreeMap<String, Revision> {
    let mut acknowledged = BTreeMap::new();
    let mut failed = false;
    for n in 0.. {
        let key = format!("/through/{n:06}");
        match server.create(&key, "one".into()).await {
            Ok(revision) => {
                acknowledged.insert(key, revision);
                if failed {
                    break;
                }
            }
            Err(Error::Unavailable(_)) => failed = true,
            Err(error) => panic!("{key}: {error}"),
        }
    }
    // One connection may break before the others do: the database may be away from here on only.
    loop {
        match server.create("/through/end", "end".into()).await {
            Ok(_) | Err(Error::Exists(_)) => return acknowledged,
            Err(Error::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("the end: {error}"),
        }
    }
}

/// Follows the changes up to the last one, and begins again from where it was after each failure.
async fn read_through(server: Arc<dyn Storage>, mut after: Revision) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let watch = server.watch("/", after).await;
        let Ok(mut watch) = watch else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        // As the cache of a kind does: it asks for progress, and so learns that the link broke.
        while watch.request_progress().await.is_ok()
            && let Ok(batch) = watch.next().await
        {
            for event in batch {
                after = after.max(event.revision());
                match &event {
                    Event::Progress(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                    Event::Put(item) if &*item.key == "/through/end" => {
                        events.push(event);
                        return events;
                    }
                    _ => events.push(event),
                }
            }
        }
    }
}

/// A server may start before its database.
async fn later_than_the_server(program: &mut dyn Program) {
    let address = program.database().await;
    program.stop().await;
    let server = timeout(SOON, open(&address)).await.expect("it does not wait for long");
    let refused = server.current_revision().await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    program.start().await;
    let written = async {
        loop {
            match server.create("/late", "one".into()).await {
                Ok(revision) => return revision,
                Err(Error::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    let revision = timeout(SOON, written).await.expect("the database is used once it is there");
    let events = read(server, revision - 1, revision).await;
    assert!(matches!(&events[..], [Event::Put(item)] if &*item.key == "/late"), "{events:?}");
}

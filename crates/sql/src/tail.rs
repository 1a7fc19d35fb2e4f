//! The newest changes, in memory, for the watches that are up to date.
//!
//! A watch that is further behind reads the log. So the size of the tail is a matter of speed only.

use crate::commit::Change;
use crate::database::READ_CHANGES_MAX;
use pintle_storage::{Event, Revision};
use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};
use tokio::sync::watch;

/// How many changes the tail holds, and how many bytes of keys and values.
const TAIL_CHANGES_MAX: usize = 4096;
const TAIL_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The newest changes, without a gap, and how far they go.
#[derive(Debug)]
pub(crate) struct Tail {
    recent: RwLock<Recent>,
    /// The revision up to which watches may read; zero where that is not known yet.
    published: watch::Sender<Revision>,
}

#[derive(Debug, Default)]
struct Recent {
    changes: VecDeque<Event>,
    bytes: usize,
    published: Revision,
}

impl Recent {
    fn push(&mut self, change: Change) {
        self.published = change.revision;
        let event = change.into_event();
        self.bytes += bytes(&event);
        self.changes.push_back(event);
        while self.changes.len() > TAIL_CHANGES_MAX || self.bytes > TAIL_BYTES_MAX {
            let Some(event) = self.changes.pop_front() else { break };
            self.bytes -= bytes(&event);
        }
    }
}

impl Tail {
    /// A tail that starts after a revision.
    pub(crate) fn new(published: Revision) -> Self {
        let recent = Recent { published, ..Recent::default() };
        Self { recent: RwLock::new(recent), published: watch::Sender::new(published) }
    }

    pub(crate) fn published(&self) -> Revision {
        *self.published.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Revision> {
        self.published.subscribe()
    }

    /// Takes in changes that follow one another, those that are not known; false where some are
    /// missing before one of them.
    pub(crate) fn publish(&self, changes: Vec<Change>) -> bool {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        let mut complete = true;
        for change in changes {
            if change.revision <= recent.published {
                continue;
            }
            complete = change.revision == recent.published + 1;
            if !complete {
                break;
            }
            recent.push(change);
        }
        self.announce(recent.published);
        complete
    }

    /// Starts anew after a revision, where what was before is not known.
    pub(crate) fn restart(&self, published: Revision) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        if published > recent.published {
            *recent = Recent { published, ..Recent::default() };
            self.announce(published);
        }
    }

    /// Called with the lock held, so that the number never goes back.
    fn announce(&self, revision: Revision) {
        self.published.send_if_modified(|published| {
            let grows = revision > *published;
            *published = revision;
            grows
        });
    }

    /// The changes from the revision `first` on to keys with a prefix, and the revision from which
    /// to read on; `None` where the tail does not go back so far.
    pub(crate) fn read(&self, first: Revision, prefix: &str) -> Option<(Vec<Event>, Revision)> {
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        let start = recent.changes.front().map_or(recent.published + 1, Event::revision);
        let skipped = usize::try_from(first.checked_sub(start)?).unwrap_or(usize::MAX);
        let mut events = Vec::new();
        for event in recent.changes.range(skipped.min(recent.changes.len())..) {
            if key(event).starts_with(prefix) {
                events.push(event.clone());
                if events.len() == READ_CHANGES_MAX {
                    return Some((events, event.revision() + 1));
                }
            }
        }
        Some((events, first.max(recent.published + 1)))
    }
}

/// The key that a change is about.
pub(crate) fn key(event: &Event) -> &str {
    match event {
        Event::Put(item) => &item.key,
        Event::Delete { key, .. } => key,
        Event::Progress(_) => "",
    }
}

fn bytes(event: &Event) -> usize {
    let value = match event {
        Event::Put(item) => item.value.len(),
        Event::Delete { .. } | Event::Progress(_) => 0,
    };
    key(event).len() + value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(revisions: std::ops::Range<Revision>) -> Vec<Change> {
        let change = |revision| Change {
            key: format!("/{}", revision % 2).into(),
            revision,
            previous: 0,
            value: Some("v".into()),
        };
        revisions.map(change).collect()
    }

    fn revisions(read: Option<(Vec<Event>, Revision)>) -> Option<(Vec<Revision>, Revision)> {
        read.map(|(events, next)| (events.iter().map(Event::revision).collect(), next))
    }

    #[test]
    fn overlaps_are_dropped_and_gaps_are_told() {
        let tail = Tail::new(10);
        assert!(tail.publish(changes(11..13)));
        assert!(tail.publish(changes(9..15)), "known ones are left out");
        assert!(!tail.publish(changes(16..18)), "15 is missing");
        assert_eq!(tail.published(), 14);
        assert_eq!(revisions(tail.read(11, "/")), Some((vec![11, 12, 13, 14], 15)));
        assert_eq!(revisions(tail.read(12, "/0")), Some((vec![12, 14], 15)));
        assert_eq!(revisions(tail.read(15, "/")), Some((vec![], 15)));
        assert_eq!(revisions(tail.read(99, "/")), Some((vec![], 99)));
        assert_eq!(revisions(tail.read(10, "/")), None, "it starts after 10");
        tail.restart(20);
        assert_eq!((tail.published(), revisions(tail.read(15, "/"))), (20, None));
        tail.restart(19);
        assert_eq!(tail.published(), 20);
    }

    #[test]
    fn the_oldest_fall_out() {
        let tail = Tail::new(0);
        let all = TAIL_CHANGES_MAX as Revision + 100;
        assert!(tail.publish(changes(1..all + 1)));
        assert!(tail.read(100, "/").is_none());
        let (first, next) = revisions(tail.read(101, "/")).unwrap();
        assert_eq!((first.len(), next), (READ_CHANGES_MAX, 101 + READ_CHANGES_MAX as Revision));
    }
}

//! The past of a memory store: the log of its changes, and the values that they replaced.
//!
//! The two are trimmed together. A change that leaves the log takes along the one value that it
//! replaced, and its own tombstone, so the past never outgrows the log.

use crate::{Event, KeyValue, Revision};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

/// How many changes are remembered.
pub(super) const HISTORY_EVENTS_MAX: usize = 50_000;

/// How many bytes the past may take: keys, replaced values and [`EVENT_OVERHEAD_BYTES`] per change.
pub(super) const HISTORY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What one change costs besides its key and the value it replaces: the entry of the log, the
/// version in the past, and their share of the collections.
const EVENT_OVERHEAD_BYTES: usize = 256;

/// The changes since the last compaction, and what they replaced.
#[derive(Default)]
pub(super) struct History {
    /// Changes with consecutive revisions, ending at the store's newest one. Holds every change
    /// from `oldest` on, and for a while some that a compaction has yet to remove.
    log: VecDeque<Event>,
    /// Versions that are not the newest of their key, and the tombstones, oldest first. A key
    /// without any has no entry.
    past: BTreeMap<Arc<str>, VecDeque<Version>>,
    bytes: usize,
    oldest: Revision,
}

/// A value that a key has had.
pub(super) struct Version {
    revision: Revision,
    /// Empty for a tombstone.
    value: Option<Bytes>,
}

impl History {
    /// Nothing remembered, and nothing known before a revision.
    pub(super) fn starting_at(oldest: Revision) -> Self {
        Self { oldest, ..Self::default() }
    }

    /// The oldest revision that can be read; zero before the first compaction.
    pub(super) fn oldest(&self) -> Revision {
        self.oldest
    }

    /// The changes from the revision `first` on, which must not be before the oldest.
    pub(super) fn since(&self, first: Revision) -> impl Iterator<Item = &Event> {
        let start = self.log.front().map_or(first, Event::revision);
        let skipped = usize::try_from(first.saturating_sub(start)).unwrap_or(usize::MAX);
        self.log.range(skipped.min(self.log.len())..)
    }

    /// The keys with a past, from a bound on, each with what to look its past up in.
    pub(super) fn past(&self, from: Bound<&str>) -> impl Iterator<Item = (&Arc<str>, Past<'_>)> {
        self.past.range::<str, _>((from, Bound::Unbounded)).map(|(key, past)| (key, Past(past)))
    }

    /// Records a change and the value it replaced, and forgets what is over the limits.
    pub(super) fn record(&mut self, event: Event, replaced: Option<KeyValue>) {
        debug_assert!(self.log.back().is_none_or(|last| last.revision() + 1 == event.revision()));
        self.bytes += event_bytes(&event);
        if let Some(KeyValue { key, value, revision }) = replaced {
            self.bytes += value.len();
            self.past.entry(key).or_default().push_back(Version { revision, value: Some(value) });
        }
        if let Event::Delete { key, revision } = &event {
            let tombstone = Version { revision: *revision, value: None };
            self.past.entry(key.clone()).or_default().push_back(tombstone);
        }
        self.log.push_back(event);
        while self.log.len() > HISTORY_EVENTS_MAX || self.bytes > HISTORY_BYTES_MAX {
            self.forget_one();
        }
    }

    /// Makes `oldest` the oldest revision that can be read, without removing anything yet.
    pub(super) fn compact(&mut self, oldest: Revision) {
        self.oldest = self.oldest.max(oldest);
    }

    /// Removes up to `max` changes before the oldest revision; true when none are left.
    pub(super) fn forget(&mut self, max: usize) -> bool {
        for _ in 0..max {
            if self.log.front().is_none_or(|event| event.revision() >= self.oldest) {
                return true;
            }
            self.forget_one();
        }
        false
    }

    /// Removes the oldest change and what only the states before it needed.
    fn forget_one(&mut self) {
        let Some(event) = self.log.pop_front() else { return };
        self.bytes -= event_bytes(&event);
        let (key, revision, deleted) = match &event {
            Event::Put(item) => (&item.key, item.revision, false),
            Event::Delete { key, revision } => (key, *revision, true),
            Event::Progress(_) => return,
        };
        self.oldest = self.oldest.max(revision + 1);
        let Some(versions) = self.past.get_mut(key) else { return };
        let unneeded = |version: &Version| {
            version.revision < revision || (deleted && version.revision == revision)
        };
        while let Some(version) = versions.pop_front_if(|version| unneeded(version)) {
            self.bytes -= version.value.map_or(0, |value| value.len());
        }
        if versions.is_empty() {
            self.past.remove(key);
        }
    }
}

/// The versions of one key that are not its newest.
#[derive(Clone, Copy)]
pub(super) struct Past<'a>(&'a VecDeque<Version>);

impl Past<'_> {
    /// The key as it was at the revision `at`; `None` where it did not exist.
    pub(super) fn at(self, key: &Arc<str>, at: Revision) -> Option<KeyValue> {
        let newer = self.0.partition_point(|version| version.revision <= at);
        let version = self.0.get(newer.checked_sub(1)?)?;
        let value = version.value.clone()?;
        Some(KeyValue { key: key.clone(), value, revision: version.revision })
    }
}

fn event_bytes(event: &Event) -> usize {
    let key_bytes = match event {
        Event::Put(item) => item.key.len(),
        Event::Delete { key, .. } => key.len(),
        Event::Progress(_) => 0,
    };
    EVENT_OVERHEAD_BYTES + key_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::state::State;

    /// Forgetting everything must leave nothing behind, whatever the order of the changes was.
    #[test]
    fn forgetting_all_frees_all() {
        let mut state = State::default();
        for round in 0..3_u8 {
            for n in 0..50 {
                let key: Arc<str> = format!("/k/{n}").into();
                let value = Bytes::from(vec![round; 10 + n]);
                let first = state.create(key.clone(), value.clone()).expect("new").revision;
                let second = state.update(&key, value, first).expect("there").revision;
                if n % 2 == 0 || round < 2 {
                    state.delete(&key, second).expect("there");
                }
            }
        }
        let history = &mut state.history;
        assert!(history.bytes > 0 && !history.past.is_empty());
        history.compact(state.revision + 1);
        assert!(!history.forget(10), "ten are not all");
        assert!(history.forget(usize::MAX));
        assert_eq!((history.bytes, history.past.len(), history.log.len()), (0, 0, 0));
        assert_eq!(state.live.len(), 25);
    }
}

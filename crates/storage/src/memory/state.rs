//! Everything a memory store holds, and the rules of reading and writing it.

use super::history::History;
use super::watch::{Watcher, Watchers};
use crate::{Error, Event, KeyValue, Page, Range, Result, Revision};
use bytes::Bytes;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound;
use std::sync::Arc;

/// How many compacted events a write removes, so that an abandoned compaction ends nevertheless.
const FORGOTTEN_PER_WRITE: usize = 2;

/// How many items a page reserves room for before it knows how many there are.
const PAGE_RESERVE_ITEMS: usize = 1024;

/// The newest state, the past, and who is watching.
pub(super) struct State {
    pub(super) revision: Revision,
    /// The keys that exist, each with its newest value.
    pub(super) live: BTreeMap<Arc<str>, KeyValue>,
    pub(super) history: History,
    pub(super) watchers: Watchers,
}

impl Default for State {
    fn default() -> Self {
        // As etcd: an empty store is at revision 1, and the first write gets 2.
        Self {
            revision: 1,
            live: BTreeMap::new(),
            history: History::default(),
            watchers: Watchers::default(),
        }
    }
}

/// A change that was made, and the watchers that have been waiting for it.
pub(super) struct Commit {
    pub(super) revision: Revision,
    pub(super) wake: Vec<Arc<Watcher>>,
}

impl State {
    pub(super) fn starting_at(revision: Revision) -> Self {
        Self { revision, history: History::starting_at(revision), ..Self::default() }
    }

    pub(super) fn revision(&self) -> Revision {
        self.revision
    }

    pub(super) fn get(&self, key: &str) -> Option<&KeyValue> {
        self.live.get(key)
    }

    pub(super) fn create(&mut self, key: Arc<str>, value: Bytes) -> Result<Commit> {
        match self.live.entry(key) {
            Entry::Occupied(entry) => Err(Error::Exists(entry.get().clone())),
            Entry::Vacant(entry) => {
                let key = entry.key().clone();
                let item = KeyValue { key, value, revision: self.revision + 1 };
                entry.insert(item.clone());
                Ok(self.commit(Event::Put(item), None))
            }
        }
    }

    pub(super) fn update(&mut self, key: &str, value: Bytes, expected: Revision) -> Result<Commit> {
        let Some(item) = self.live.get_mut(key) else { return Err(Error::Conflict(None)) };
        if item.revision != expected {
            return Err(Error::Conflict(Some(item.clone())));
        }
        let new = KeyValue { key: item.key.clone(), value, revision: self.revision + 1 };
        let old = std::mem::replace(item, new.clone());
        Ok(self.commit(Event::Put(new), Some(old)))
    }

    pub(super) fn delete(&mut self, key: &str, expected: Revision) -> Result<Commit> {
        let Some(item) = self.live.get(key) else { return Err(Error::Conflict(None)) };
        if item.revision != expected {
            return Err(Error::Conflict(Some(item.clone())));
        }
        let key = item.key.clone();
        let old = self.live.remove(&key);
        Ok(self.commit(Event::Delete { key, revision: self.revision + 1 }, old))
    }

    pub(super) fn compact(&mut self, revision: Revision) -> Result<()> {
        if revision > self.revision {
            return Err(Error::Future { current: self.revision });
        }
        let oldest = self.history.oldest();
        if revision <= oldest {
            return Err(Error::Compacted { oldest });
        }
        self.history.compact(revision);
        Ok(())
    }

    /// Begins to read a range: settles the revision that is read.
    pub(super) fn start(&self, range: Range) -> Result<Reading> {
        let at = if range.revision == 0 { self.revision } else { range.revision };
        if at > self.revision {
            return Err(Error::Future { current: self.revision });
        }
        Ok(Reading { range, at, last: None, items: Vec::new(), more: false })
    }

    /// Looks at up to `keys_max` more keys; true when the range has been read.
    pub(super) fn advance(&self, reading: &mut Reading, keys_max: usize) -> Result<bool> {
        let oldest = self.history.oldest();
        if reading.at < oldest {
            return Err(Error::Compacted { oldest });
        }
        let from = match reading.last.take() {
            Some(key) => Bound::Excluded(key.to_string()),
            None => Bound::Included((&reading.range.start).max(&reading.range.prefix).clone()),
        };
        let from = from.as_ref().map(String::as_str);
        let done = if reading.at == self.revision {
            let live = self.live.range::<str, _>((from, Bound::Unbounded));
            reading.take(live.map(|(key, item)| (key, Some(item.clone()))), keys_max)
        } else {
            reading.take(self.states_at(from, reading.at), keys_max)
        };
        Ok(done)
    }

    /// Every key that exists now or is remembered, with what it was at the revision `at`.
    fn states_at(
        &self,
        from: Bound<&str>,
        at: Revision,
    ) -> impl Iterator<Item = (&Arc<str>, Option<KeyValue>)> {
        let mut live = self.live.range::<str, _>((from, Bound::Unbounded)).peekable();
        let mut past = self.history.past(from).peekable();
        std::iter::from_fn(move || {
            let order = match (live.peek(), past.peek()) {
                (Some((a, _)), Some((b, _))) => a.cmp(b),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return None,
            };
            let newest = if order.is_le() { live.next() } else { None };
            let older = if order.is_ge() { past.next() } else { None };
            let item = match newest {
                Some((_, item)) if item.revision <= at => Some(item.clone()),
                _ => older.and_then(|(key, past)| past.at(key, at)),
            };
            let key = newest.map(|(key, _)| key).or(older.map(|(key, _)| key))?;
            Some((key, item))
        })
    }

    fn commit(&mut self, event: Event, replaced: Option<KeyValue>) -> Commit {
        let revision = event.revision();
        debug_assert_eq!(revision, self.revision + 1);
        self.revision = revision;
        let wake = self.watchers.mark(&event);
        self.history.record(event, replaced);
        self.history.forget(FORGOTTEN_PER_WRITE);
        Commit { revision, wake }
    }
}

/// A range on its way to being read: some keys at a time, all at one revision.
pub(super) struct Reading {
    range: Range,
    at: Revision,
    /// The last key that has been looked at.
    last: Option<Arc<str>>,
    items: Vec<KeyValue>,
    more: bool,
}

impl Reading {
    pub(super) fn into_page(self) -> Page {
        Page { items: self.items, revision: self.at, more: self.more }
    }

    pub(super) fn into_range(self) -> Range {
        self.range
    }

    /// Takes what belongs to the range; true when nothing can follow that does.
    fn take<'a>(
        &mut self,
        keys: impl Iterator<Item = (&'a Arc<str>, Option<KeyValue>)>,
        keys_max: usize,
    ) -> bool {
        let limit = if self.range.limit == 0 { usize::MAX } else { self.range.limit };
        if self.items.is_empty() {
            self.items.reserve(limit.min(PAGE_RESERVE_ITEMS));
        }
        let mut last = None;
        for (seen, (key, item)) in keys.enumerate() {
            if !key.starts_with(&self.range.prefix) {
                return true;
            }
            if seen == keys_max {
                self.last = last.map(Arc::clone);
                return false;
            }
            last = Some(key);
            let Some(item) = item else { continue };
            if self.items.len() == limit {
                self.more = true;
                return true;
            }
            self.items.push(item);
        }
        true
    }
}

//! The recent changes of a cache, for watches that start in the past and for reads of the past.

use super::budget::{Budget, Part};
use super::entry::Entry;
use pintle_meta::KindInfo;
use pintle_storage::Revision;
use std::collections::VecDeque;
use std::sync::Arc;

/// At most so many changes are remembered.
pub(super) const HISTORY_EVENTS_MAX: usize = 100_000;

/// One write as a watcher sees it.
#[derive(Debug)]
pub(crate) struct Change {
    /// The state that the write led to.
    pub new: Arc<Entry>,
    /// The state before, unless there was none.
    pub old: Option<Arc<Entry>>,
}

impl Change {
    /// The old state at the new revision: what a watcher is shown whose selection the object left.
    pub(crate) fn left(&self, kind: &KindInfo) -> Option<Entry> {
        self.old.as_ref().map(|old| old.removal(kind, self.new.revision))
    }

    fn cost(&self) -> usize {
        let removed = if self.new.removed { self.new.cost() } else { 0 };
        removed + self.old.as_ref().map_or(0, |old| old.cost())
    }
}

/// The changes after a revision, the *floor*, without a gap.
#[derive(Debug)]
pub(crate) struct History {
    changes: VecDeque<Arc<Change>>,
    /// The number of the first change that is remembered, counted from the start of the cache.
    first: u64,
    floor: Revision,
    /// The bytes of states that are no longer current.
    held: Part,
    /// At most so many bytes of states that are no longer current are remembered.
    bytes_max: usize,
}

impl History {
    /// Nothing remembered yet; everything up to `floor` is in the tree.
    pub(super) fn new(floor: Revision, bytes_max: usize, budget: &Arc<Budget>) -> Self {
        Self { changes: VecDeque::new(), first: 0, floor, held: Part::of(budget), bytes_max }
    }

    /// How many changes are remembered, and what they hold that nobody else does.
    pub(super) fn held(&self) -> (usize, usize) {
        (self.changes.len(), self.held.bytes())
    }

    /// The oldest revision that can be read, and that a watch can start after.
    pub(crate) fn floor(&self) -> Revision {
        self.floor
    }

    /// Adds the newest change, and returns the oldest ones that have no room any more.
    pub(super) fn push(&mut self, change: Arc<Change>) -> Vec<Arc<Change>> {
        self.held.grow(change.cost());
        self.changes.push_back(change);
        let forgotten = self.shorten();
        self.held.budget().settle();
        forgotten
    }

    /// Takes out the oldest changes for which there is no room any more.
    pub(super) fn shorten(&mut self) -> Vec<Arc<Change>> {
        let mut forgotten = Vec::new();
        while self.changes.len() > HISTORY_EVENTS_MAX
            || self.held.bytes() > self.bytes_max.min(self.held.budget().allowance())
        {
            let Some(change) = self.changes.pop_front() else { break };
            self.first += 1;
            self.floor = change.new.revision;
            self.held.shrink(change.cost());
            forgotten.push(change);
        }
        forgotten
    }

    /// Forgets everything: `floor` is all that is known now.
    pub(super) fn clear(&mut self, floor: Revision) -> Vec<Arc<Change>> {
        self.first += self.changes.len() as u64;
        self.held.shrink(self.held.bytes());
        self.floor = floor;
        self.changes.drain(..).collect()
    }

    /// The number of the first change after a revision; `None` where it is forgotten.
    pub(super) fn position_after(&self, revision: Revision) -> Option<u64> {
        if revision < self.floor {
            return None;
        }
        let at = self.changes.partition_point(|change| change.new.revision <= revision);
        Some(self.first + at as u64)
    }

    /// At most `limit` changes from the one with this number on; `None` where it is forgotten.
    pub(super) fn from(&self, number: u64, limit: usize) -> Option<Vec<Arc<Change>>> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        Some(self.changes.iter().skip(at).take(limit).cloned().collect())
    }

    /// The changes after a revision, newest first.
    pub(super) fn newer_than(&self, revision: Revision) -> impl Iterator<Item = &Arc<Change>> {
        self.changes.iter().rev().take_while(move |change| change.new.revision > revision)
    }
}

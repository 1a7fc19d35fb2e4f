//! Pages of a cache: the newest state, and earlier ones while they are remembered.

use super::{Cache, Entry, Slice};
use pintle_storage::Revision;
use std::sync::Arc;

/// A page at one revision.
#[derive(Debug)]
pub(crate) struct Page {
    /// The entries.
    pub entries: Entries,
    /// How many there are, and the last of them.
    pub len: usize,
    pub last: Option<Arc<Entry>>,
    /// The revision that they show.
    pub revision: Revision,
    /// Whether the limit left entries out.
    pub more: bool,
    /// How many entries were left out, where that is known without looking at them.
    pub remaining: Option<usize>,
}

/// The entries of a page or of a list.
#[derive(Debug)]
pub(crate) enum Entries {
    /// A part of the cache, shared with it; removals are to be passed over.
    Shared(Slice),
    /// Entries that were picked one by one.
    Picked(Vec<Arc<Entry>>),
}

impl Entries {
    /// The entries that are not removals.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let (slice, picked) = match self {
            Self::Shared(slice) => (Some(slice), &[][..]),
            Self::Picked(entries) => (None, &entries[..]),
        };
        slice.into_iter().flat_map(Slice::alive).chain(picked)
    }
}

/// What to list.
#[derive(Debug)]
pub(crate) struct Query<'a, F> {
    /// What keys begin with: `""` or `namespace/`.
    pub prefix: &'a str,
    /// The first key wanted.
    pub start: &'a str,
    /// At most so many entries; zero for all.
    pub limit: usize,
    /// The marks that the labels of wanted entries have; see [`mark`](super::mark).
    pub marks: u64,
    /// The only name wanted; `None` where any is.
    pub name: Option<&'a str>,
    /// Which entries are wanted; `None` for all.
    pub filter: Option<F>,
}

impl Cache {
    /// All entries at the newest revision, shared: nothing is copied but references to chunks.
    pub(crate) fn all(&self, prefix: &str) -> (Slice, Revision) {
        let state = self.read();
        (state.tree.range(prefix, "", 0), state.revision)
    }

    /// A page at the newest revision.
    pub(crate) fn page<F: Fn(&Entry) -> bool>(&self, query: &Query<'_, F>) -> Page {
        let (slice, revision) = {
            let state = self.read();
            let want = if query.filter.is_some() { 0 } else { query.limit.saturating_add(1) };
            let want = if query.limit == 0 { 0 } else { want };
            (state.tree.range(query.prefix, query.start, want), state.revision)
        };
        if query.filter.is_none() {
            return self.share(query, slice, revision);
        }
        if let Some(name) = query.name {
            let entries = slice.named(name).into_iter().filter(|entry| !entry.removed).cloned();
            return pick(entries, query, revision);
        }
        let entries = slice.marked(query.marks).filter(|entry| !entry.removed).cloned();
        let mut page = pick(entries, query, revision);
        if let Some(last) =
            page.last.as_ref().filter(|_| page.len == query.limit && query.marks > 0)
        {
            // Marks pass over entries that are not wanted, but they count as something to follow.
            page.more |= slice.alive().any(|entry| *entry.key > *last.key);
        }
        page
    }

    /// A page of everything: a part of the tree as it is.
    fn share<F>(&self, query: &Query<'_, F>, slice: Slice, revision: Revision) -> Page {
        let mut slice = slice;
        let limit = if query.limit == 0 { usize::MAX } else { query.limit };
        let (len, last, more) = slice.cut(limit);
        let entries = Entries::Shared(slice);
        let mut page = Page { entries, len, last, revision, more, remaining: None };
        if page.more {
            page.remaining = self.remaining(query.prefix, &page);
        }
        page
    }

    /// A page at an earlier revision; `None` where that is no longer remembered.
    pub(crate) fn page_at<F: Fn(&Entry) -> bool>(
        &self,
        query: &Query<'_, F>,
        revision: Revision,
    ) -> Option<Page> {
        let mut page = {
            let state = self.read();
            if revision < state.history.floor() {
                return None;
            }
            let slice = state.tree.range(query.prefix, query.start, 0);
            // The chain of older states is cut when the history forgets them: follow it under the
            // lock.
            let at = |entry: &Arc<Entry>| entry.at(revision).filter(|entry| !entry.removed);
            match query.name {
                Some(name) => pick(slice.named(name).into_iter().filter_map(at), query, revision),
                None => pick(slice.iter().filter_map(at), query, revision),
            }
        };
        if page.more && query.filter.is_none() {
            page.remaining = self.remaining(query.prefix, &page);
        }
        Some(page)
    }

    /// How many entries stand behind a page at the page's revision: those that stand there now,
    /// less what was created and plus what was removed since.
    fn remaining(&self, prefix: &str, page: &Page) -> Option<usize> {
        let last = &page.last.as_ref()?.key;
        let state = self.read();
        if page.revision < state.history.floor() {
            return None;
        }
        let mut count = i64::try_from(state.tree.count_after(prefix, last)).ok()?;
        for change in state.history.newer_than(page.revision) {
            let key = &change.new.key;
            if **key > **last && key.starts_with(prefix) {
                let existed = change.old.is_some();
                count += i64::from(existed) - i64::from(!change.new.removed);
            }
        }
        usize::try_from(count).ok()
    }
}

impl Page {
    /// A page of entries that were picked.
    pub(crate) fn of(entries: Vec<Arc<Entry>>, revision: Revision, more: bool) -> Self {
        let (len, last) = (entries.len(), entries.last().cloned());
        let entries = Entries::Picked(entries);
        Self { entries, len, last, revision, more, remaining: None }
    }
}

fn pick<F: Fn(&Entry) -> bool>(
    entries: impl Iterator<Item = Arc<Entry>>,
    query: &Query<'_, F>,
    revision: Revision,
) -> Page {
    let wanted = |entry: &Arc<Entry>| query.filter.as_ref().is_none_or(|filter| filter(entry));
    let limit = if query.limit == 0 { usize::MAX } else { query.limit };
    let mut entries = entries;
    let picked: Vec<Arc<Entry>> = entries.by_ref().filter(wanted).take(limit).collect();
    // As in Kubernetes, whether what follows is wanted too is seen by who asks for it.
    let more = picked.len() == limit && entries.next().is_some();
    Page::of(picked, revision, more)
}

//! Pages of a cache: the newest state, and earlier ones while they are remembered.

use super::{Cache, Entry, Slice, State, Wanted};
use pintle_storage::Revision;
use std::cell::Cell;
use std::sync::Arc;

/// At least so many chunks are taken for a page with a selector, and so many times more where these
/// were not enough.
const CHUNKS_MIN: usize = 64;
const CHUNKS_GROW: usize = 16;

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
    /// How many entries were looked at for it.
    pub looked: usize,
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
    /// What every wanted entry has.
    pub wanted: &'a Wanted,
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
        match (&query.filter, query.name) {
            (None, _) => self.share(query),
            (Some(_), Some(name)) => self.named(query, name),
            (Some(_), None) => self.select(query),
        }
    }

    /// A page of everything: a part of the tree as it is.
    fn share<F>(&self, query: &Query<'_, F>) -> Page {
        let (mut slice, revision) = {
            let state = self.read();
            let want = if query.limit == 0 { 0 } else { query.limit.saturating_add(1) };
            (state.tree.range(query.prefix, query.start, want), state.revision)
        };
        let (len, last, more) = slice.cut(query.limit());
        let entries = Entries::Shared(slice);
        let mut page = Page { entries, len, last, revision, more, remaining: None, looked: len };
        if page.more {
            page.remaining = self.remaining(query.prefix, &page);
        }
        page
    }

    /// A page of the objects of one name.
    fn named<F: Fn(&Entry) -> bool>(&self, query: &Query<'_, F>, name: &str) -> Page {
        let (slice, revision) = {
            let state = self.read();
            (self.namesakes(&state, query, name), state.revision)
        };
        let named = slice.named(name);
        let looked = named.len();
        let mut entries = named.into_iter().filter(|entry| !entry.removed).cloned();
        let picked = query.pick(&mut entries);
        let more = picked.len() == query.limit() && entries.next().is_some();
        Page { looked, ..Page::of(picked, revision, more) }
    }

    /// Where the objects of one name are: in one place, where there can be only one of them.
    fn namesakes<F>(&self, state: &State, query: &Query<'_, F>, name: &str) -> Slice {
        let Query { prefix, start, .. } = query;
        if self.kind.namespaced && prefix.is_empty() {
            return state.tree.range(prefix, start, 0);
        }
        let key = format!("{prefix}{name}");
        state.tree.range(prefix, key.as_str().max(start), 1)
    }

    /// A page of what a selector selects.
    ///
    /// So many chunks are taken as would do if each had one that is wanted, and where they did not
    /// do, many more of what is there by then: the lock is not held while they are looked through.
    fn select<F: Fn(&Entry) -> bool>(&self, query: &Query<'_, F>) -> Page {
        let marks = query.wanted.marks();
        let looked = Cell::new(0);
        let mut chunks = query.limit().max(CHUNKS_MIN);
        loop {
            let (slice, whole, revision) = {
                let state = self.read();
                let Query { prefix, start, wanted, .. } = query;
                let (slice, whole) = state.tree.candidates(prefix, start, wanted, chunks);
                (slice, whole, state.revision)
            };
            let marked = slice.marked(marks, &looked);
            let picked = query.pick(marked.filter(|entry| !entry.removed).cloned());
            if whole || picked.len() == query.limit() {
                let page = Page { looked: looked.get(), ..Page::of(picked, revision, false) };
                return self.with_more(query, page);
            }
            chunks = chunks.saturating_mul(CHUNKS_GROW);
        }
    }

    /// A page at an earlier revision; `None` where that is no longer remembered.
    pub(crate) fn page_at<F: Fn(&Entry) -> bool>(
        &self,
        query: &Query<'_, F>,
        revision: Revision,
    ) -> Option<Page> {
        let looked = Cell::new(0);
        let picked = {
            let state = self.read();
            if revision < state.history.floor() {
                return None;
            }
            // The chain of older states is cut when the history forgets them: follow it under the
            // lock.
            let at = |entry: &Arc<Entry>| {
                looked.set(looked.get() + 1);
                entry.at(revision).filter(|entry| !entry.removed)
            };
            let Query { prefix, start, wanted, .. } = query;
            if let Some(name) = query.name {
                let slice = self.namesakes(&state, query, name);
                let mut entries = slice.named(name).into_iter().filter_map(at);
                let picked = query.pick(&mut entries);
                let more = picked.len() == query.limit() && entries.next().is_some();
                return Some(Page::of(picked, revision, more));
            }
            query.pick(state.tree.walk(prefix, start, wanted).filter_map(at))
        };
        let page = Page { looked: looked.get(), ..Page::of(picked, revision, false) };
        Some(self.with_more(query, page))
    }

    /// A page with whether something follows it. As in Kubernetes, whether what follows is wanted
    /// too is seen by who asks for it.
    fn with_more<F>(&self, query: &Query<'_, F>, page: Page) -> Page {
        if page.len < query.limit() {
            return page;
        }
        // Where the revision was forgotten since, whoever asks for what follows is told.
        let remaining = self.remaining(query.prefix, &page);
        let shown = remaining.filter(|count| *count > 0 && query.filter.is_none());
        Page { more: remaining != Some(0), remaining: shown, ..page }
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

impl<F> Query<'_, F> {
    fn limit(&self) -> usize {
        if self.limit == 0 { usize::MAX } else { self.limit }
    }
}

impl<F: Fn(&Entry) -> bool> Query<'_, F> {
    /// The first of these that are wanted, as many as fit.
    fn pick(&self, entries: impl Iterator<Item = Arc<Entry>>) -> Vec<Arc<Entry>> {
        let wanted = |entry: &Arc<Entry>| self.filter.as_ref().is_none_or(|filter| filter(entry));
        entries.filter(wanted).take(self.limit()).collect()
    }
}

impl Page {
    /// A page of entries that were picked.
    pub(crate) fn of(entries: Vec<Arc<Entry>>, revision: Revision, more: bool) -> Self {
        let (len, last) = (entries.len(), entries.last().cloned());
        let entries = Entries::Picked(entries);
        Self { entries, len, last, revision, more, remaining: None, looked: len }
    }
}

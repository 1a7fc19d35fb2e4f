//! Entries one after the other, for a reader that comes back for more.

use super::{Cache, Cursor, Entries, Entry, Query};
use pintle_storage::Revision;
use std::sync::Arc;

/// A place among [`Entries`].
#[derive(Debug)]
pub(crate) enum Reader {
    /// In a part of the cache.
    Shared(Cursor),
    /// Among entries that were picked, at one of them.
    Picked(Vec<Arc<Entry>>, usize),
}

impl Reader {
    /// The next entry that is not a removal.
    pub(crate) fn next(&mut self) -> Option<&Arc<Entry>> {
        match self {
            Self::Shared(cursor) => cursor.next(),
            Self::Picked(entries, at) => {
                *at += 1;
                entries.get(*at - 1)
            }
        }
    }
}

impl Entries {
    /// The same entries, to be read from the first one on.
    pub(crate) fn reader(self) -> Reader {
        match self {
            Self::Shared(slice) => Reader::Shared(slice.cursor(0)),
            Self::Picked(entries) => Reader::Picked(entries, 0),
        }
    }
}

impl Cache {
    /// Everything that is wanted at the newest revision, and some of what is not: what the index
    /// knows to be unwanted is passed over, and who reads looks at the rest with the query's filter.
    pub(crate) fn candidates<F: Fn(&Entry) -> bool>(
        &self,
        query: &Query<'_, F>,
    ) -> (Reader, Revision) {
        if query.filter.is_none() || query.name.is_some() {
            let page = self.page(query);
            return (page.entries.reader(), page.revision);
        }
        let state = self.read();
        let Query { prefix, start, wanted, .. } = query;
        let (slice, _) = state.tree.candidates(prefix, start, wanted, usize::MAX);
        (Reader::Shared(slice.cursor(wanted.marks())), state.revision)
    }
}

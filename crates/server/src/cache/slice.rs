//! A part of a tree that a reader has taken with it, and reads without a lock.

use super::entry::Entry;
use super::tree::{Chunk, end_of};
use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

/// Chunks that hold a range of a tree, where in the first one it starts, and where in the last one it
/// ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    chunks: Vec<Arc<Chunk>>,
    position: usize,
    end: usize,
    prefix: String,
}

impl Slice {
    /// The positions in a chunk that belong to the range.
    fn within(&self, chunk: usize) -> Range<usize> {
        let start = if chunk == 0 { self.position } else { 0 };
        let is_last = chunk + 1 == self.chunks.len();
        let end = if is_last { self.end } else { self.chunks[chunk].entries.len() };
        start.min(end)..end
    }

    /// Ends the range behind `limit` entries that are not removals; returns how many there are, the
    /// last of them, and whether others followed.
    pub(crate) fn cut(&mut self, limit: usize) -> (usize, Option<Arc<Entry>>, bool) {
        let (mut count, mut last) = (0, None);
        for at in 0..self.chunks.len() {
            let (chunk, within) = (&self.chunks[at], self.within(at));
            let whole = within.len() == chunk.entries.len() && count + chunk.alive <= limit;
            if whole && at + 1 < self.chunks.len() {
                count += chunk.alive;
                last = chunk.entries.iter().rfind(|entry| !entry.removed).or(last);
                continue;
            }
            for position in within {
                let entry = &chunk.entries[position];
                if entry.removed {
                    continue;
                }
                if count == limit {
                    let last = last.cloned();
                    self.chunks.truncate(at + 1);
                    self.end = position;
                    return (count, last, true);
                }
                count += 1;
                last = Some(entry);
            }
        }
        (count, last.cloned(), false)
    }

    /// Nothing yet of what is below a prefix.
    pub(super) fn below(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), ..Self::default() }
    }

    /// Adds the next chunk; returns from which of its entries on it belongs to the range.
    pub(super) fn push(&mut self, chunk: &Arc<Chunk>, start: &str) -> usize {
        let is_first = self.chunks.is_empty();
        self.chunks.push(Arc::clone(chunk));
        if is_first {
            self.position = chunk.search(start).unwrap_or_else(|position| position);
            return self.position;
        }
        0
    }

    /// Notes where the range ends in the last chunk.
    pub(super) fn close(&mut self) {
        if let Some(last) = self.chunks.last() {
            let end = end_of(&self.prefix).map(|end| last.search(&end).unwrap_or_else(|end| end));
            self.end = end.unwrap_or(last.entries.len());
        }
    }

    /// The entries that are not removals.
    pub(crate) fn alive(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.iter().filter(|entry| !entry.removed)
    }

    /// The newest entries in order, removals among them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.chunks.iter().enumerate().flat_map(|(at, chunk)| &chunk.entries[self.within(at)])
    }

    /// How many entries the chunks hold that are not removals; at either end a few too many.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.alive).sum()
    }

    /// Those of the newest entries that have all of these marks; counts those that it passes.
    pub(crate) fn marked<'a>(
        &'a self,
        marks: u64,
        passed: &'a Cell<usize>,
    ) -> impl Iterator<Item = &'a Arc<Entry>> {
        let pairs = self.chunks.iter().enumerate().flat_map(|(at, chunk)| {
            let within = self.within(at);
            chunk.entries[within.clone()].iter().zip(&chunk.marks[within])
        });
        let counted = pairs.inspect(|_| passed.set(passed.get() + 1));
        counted.filter(move |(_, has)| *has & marks == marks).map(|(entry, _)| entry)
    }

    /// The entries with a name, one in each namespace; namespaces are passed over, not their entries.
    pub(crate) fn named(&self, name: &str) -> Vec<&Arc<Entry>> {
        let mut found = Vec::new();
        let mut at = self.from("");
        while let Some(entry) = at.filter(|entry| entry.key.starts_with(&self.prefix)) {
            let Some((namespace, _)) = entry.key.split_once('/') else {
                return self.find(name).into_iter().collect();
            };
            let key = format!("{namespace}/{name}");
            found.extend(self.find(&key));
            // The character behind the slash: the first key that cannot be in this namespace.
            at = self.from(&format!("{namespace}0"));
        }
        found
    }

    /// The entry of a key.
    fn find(&self, key: &str) -> Option<&Arc<Entry>> {
        self.from(key).filter(|entry| *entry.key == *key)
    }

    /// The first entry that is not before a key.
    fn from(&self, key: &str) -> Option<&Arc<Entry>> {
        let behind = self.chunks.partition_point(|chunk| chunk.first() <= key);
        let at = behind.saturating_sub(1);
        let chunk = self.chunks.get(at)?;
        let position = chunk.search(key).unwrap_or_else(|position| position);
        let position = if at == 0 { position.max(self.position) } else { position };
        chunk.entries.get(position).or_else(|| self.chunks.get(at + 1)?.entries.first())
    }

    /// Those of the entries that have all of these marks, by their number: for a reader that comes
    /// back for more.
    pub(crate) fn cursor(self, marks: u64) -> Cursor {
        let Range { start, end } = if self.chunks.is_empty() { 0..0 } else { self.within(0) };
        Cursor { chunk: 0, position: start, end, marks, slice: self }
    }
}

/// A place in a [`Slice`].
#[derive(Debug)]
pub(crate) struct Cursor {
    slice: Slice,
    chunk: usize,
    position: usize,
    end: usize,
    marks: u64,
}

impl Cursor {
    /// The next entry that has the marks and is not a removal.
    pub(crate) fn next(&mut self) -> Option<&Arc<Entry>> {
        loop {
            while self.position >= self.end {
                self.chunk += 1;
                self.slice.chunks.get(self.chunk)?;
                Range { start: self.position, end: self.end } = self.slice.within(self.chunk);
            }
            let (chunk, at) = (&self.slice.chunks[self.chunk], self.position);
            self.position += 1;
            if chunk.marks[at] & self.marks == self.marks && !chunk.entries[at].removed {
                return Some(&self.slice.chunks[self.chunk].entries[at]);
            }
        }
    }
}

//! The ordered map of a cache: entries in key order, in chunks that readers can share.
//!
//! A list takes references to the chunks it needs and reads them without a lock; a writer that
//! meets a shared chunk copies it first. Chunks know how many of their entries are alive, so that
//! "how many follow this key" costs no walk over them. An index knows which chunks have a label, so
//! that a selector costs no walk over the others.

use super::entry::Entry;
use super::index::{Index, states};
use super::key::Key;
use super::slice::Slice;
use super::wanted::Wanted;
use std::sync::Arc;

/// A chunk is split when it grows over this many entries.
const CHUNK_ENTRIES_MAX: usize = 256;

/// Entries in key order; never empty inside a [`Tree`].
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(super) entries: Vec<Arc<Entry>>,
    /// The marks of the entries' terms: most entries that a selector does not select are passed over
    /// without being looked at.
    pub(super) marks: Vec<u64>,
    /// The hashes of the entries' keys: one is found without looking at the others, which are not
    /// in the processor's caches.
    hashes: Vec<u32>,
    /// How many of them are not removals.
    pub(super) alive: usize,
}

impl Chunk {
    fn new(entries: Vec<Arc<Entry>>) -> Self {
        let alive = entries.iter().filter(|entry| !entry.removed).count();
        let marks = entries.iter().map(|entry| entry.marks()).collect();
        let hashes = entries.iter().map(|entry| hash(&entry.key)).collect();
        Self { entries, marks, hashes, alive }
    }

    pub(super) fn first(&self) -> &str {
        &self.entries[0].key
    }

    /// The position of a key, if it is here.
    fn find(&self, key: &str) -> Option<usize> {
        let wanted = hash(key);
        let groups = self.hashes.chunks(HASHES_AT_ONCE).enumerate();
        // All of a group are compared at once, whatever is found: so they are in one instruction.
        let hits =
            groups.filter(|(_, group)| group.iter().fold(false, |hit, h| hit | (*h == wanted)));
        for (group, _) in hits {
            let from = group * HASHES_AT_ONCE;
            let to = self.hashes.len().min(from + HASHES_AT_ONCE);
            let is_it = |at: &usize| self.hashes[*at] == wanted && *self.entries[*at].key == *key;
            if let Some(at) = (from..to).find(is_it) {
                return Some(at);
            }
        }
        None
    }

    pub(super) fn search(&self, key: &str) -> Result<usize, usize> {
        self.entries.binary_search_by(|entry| (*entry.key).cmp(key))
    }

    /// How many entries from the position on are not removals.
    fn alive_from(&self, position: usize) -> usize {
        if self.alive == self.entries.len() {
            return self.entries.len() - position;
        }
        self.entries[position..].iter().filter(|entry| !entry.removed).count()
    }
}

/// How many hashes are compared at once.
const HASHES_AT_ONCE: usize = 16;

/// The hash FNV-1a: short keys, and a collision costs one comparison.
fn hash(key: &str) -> u32 {
    key.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The newest entry of every key, removals among them while the history remembers them.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    chunks: Vec<Arc<Chunk>>,
    /// The first key of each chunk.
    firsts: Vec<Key>,
    /// How many entries of each chunk are not removals: side by side, so that the sum of thousands
    /// of them is no walk through the memory.
    alive: Vec<u32>,
    /// The terms of all states that are remembered.
    index: Index,
}

impl Tree {
    /// A tree of entries that are sorted by key.
    pub(crate) fn from_sorted(entries: &[Arc<Entry>]) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| *a.key < *b.key));
        let chunks = entries.chunks(CHUNK_ENTRIES_MAX / 2);
        let firsts = chunks.clone().map(|chunk| chunk[0].key.clone()).collect();
        let chunks: Vec<_> = chunks.map(|chunk| Arc::new(Chunk::new(chunk.to_vec()))).collect();
        let alive = chunks.iter().map(|chunk| count(chunk)).collect();
        let mut index = Index::default();
        for (at, chunk) in chunks.iter().enumerate() {
            index.add_chunk(at);
            index.add_all(at, chunk.entries.iter().map(|entry| &**entry));
        }
        Self { chunks, firsts, alive, index }
    }

    /// The chunk that has the key or would have it.
    fn chunk_of(&self, key: &str) -> usize {
        self.firsts.partition_point(|first| **first <= *key).saturating_sub(1)
    }

    /// The newest entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        chunk.find(key).map(|at| &chunk.entries[at])
    }

    /// Puts an entry in the place of the one with its key, and returns that one.
    pub(crate) fn insert(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let at = self.chunk_of(&entry.key);
        let Some(chunk) = self.chunks.get_mut(at) else {
            let chunk = Chunk::new(vec![entry]);
            self.firsts.push(chunk.entries[0].key.clone());
            self.alive.push(count(&chunk));
            self.index.add_chunk(0);
            self.index.add_all(0, chunk.entries.iter().map(|entry| &**entry));
            self.chunks.push(Arc::new(chunk));
            return None;
        };
        let chunk = Arc::make_mut(chunk);
        chunk.alive += usize::from(!entry.removed);
        if !entry.removed {
            self.index.add(at, &entry);
        }
        let marks = entry.marks();
        match chunk.search(&entry.key) {
            Ok(position) => {
                let old = std::mem::replace(&mut chunk.entries[position], entry);
                chunk.marks[position] = marks;
                chunk.alive -= usize::from(!old.removed);
                self.alive[at] = count(chunk);
                Some(old)
            }
            Err(position) => {
                if position == 0 {
                    self.firsts[at] = entry.key.clone();
                }
                chunk.hashes.insert(position, hash(&entry.key));
                chunk.marks.insert(position, marks);
                chunk.entries.insert(position, entry);
                self.alive[at] = count(chunk);
                self.split(at);
                None
            }
        }
    }

    fn split(&mut self, at: usize) {
        let chunk = Arc::make_mut(&mut self.chunks[at]);
        if chunk.entries.len() <= CHUNK_ENTRIES_MAX {
            return;
        }
        // Keys often grow: leave the left half fuller than the right one.
        let right = Chunk::new(chunk.entries.split_off(CHUNK_ENTRIES_MAX * 3 / 4));
        let moved: Vec<_> = right.entries.iter().flat_map(states).collect();
        moved.iter().for_each(|state| self.index.remove(at, state));
        self.index.add_chunk(at + 1);
        self.index.add_all(at + 1, moved.iter().map(|state| &**state));
        chunk.marks.truncate(chunk.entries.len());
        chunk.hashes.truncate(chunk.entries.len());
        chunk.alive -= right.alive;
        self.alive[at] = count(chunk);
        self.alive.insert(at + 1, count(&right));
        self.firsts.insert(at + 1, right.entries[0].key.clone());
        self.chunks.insert(at + 1, Arc::new(right));
    }

    /// Takes out of the index a state that is no longer the newest of its key, and that nobody can
    /// ask for any more.
    pub(crate) fn forget(&mut self, old: &Entry) {
        if !self.chunks.is_empty() {
            self.index.remove(self.chunk_of(&old.key), old);
        }
    }

    /// Takes a key out, if its entry is this very one. Its earlier states are forgotten before.
    pub(crate) fn remove(&mut self, entry: &Arc<Entry>) {
        let at = self.chunk_of(&entry.key);
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let Ok(position) = chunk.search(&entry.key) else { return };
        if !Arc::ptr_eq(&chunk.entries[position], entry) {
            return;
        }
        let chunk = Arc::make_mut(chunk);
        chunk.entries.remove(position);
        chunk.marks.remove(position);
        chunk.hashes.remove(position);
        chunk.alive -= usize::from(!entry.removed);
        if !entry.removed {
            self.index.remove(at, entry);
        }
        self.alive[at] = count(chunk);
        match chunk.entries.first() {
            Some(first) if position == 0 => self.firsts[at] = first.key.clone(),
            Some(_) => {}
            None => {
                self.chunks.remove(at);
                self.firsts.remove(at);
                self.alive.remove(at);
                self.index.remove_chunk(at);
            }
        }
    }

    /// Takes a key out, whatever its entry is.
    pub(crate) fn remove_key(&mut self, key: &str) {
        if let Some(entry) = self.get(key).cloned() {
            self.remove(&entry);
        }
    }

    /// The places of the chunks that may have what is wanted, from the one that would have `start`.
    fn places(&self, start: &str, wanted: &Wanted) -> impl Iterator<Item = usize> {
        let first = self.chunk_of(start);
        let known = self.index.places(wanted.lists(), first);
        let all =
            if known.is_some() { 0..0 } else { first.min(self.chunks.len())..self.chunks.len() };
        known.into_iter().flatten().chain(all)
    }

    /// The chunks from `start` on that may have what is wanted below a prefix.
    fn chunks(
        &self,
        prefix: &str,
        start: &str,
        wanted: &Wanted,
    ) -> impl Iterator<Item = &Arc<Chunk>> {
        let chunks = self.places(start, wanted).map(|at| &self.chunks[at]);
        chunks.take_while(move |it| it.first().starts_with(prefix) || it.first() <= prefix)
    }

    /// The entries from `start` on whose keys begin with `prefix`, at least `want` of them where
    /// there are so many; zero wants all.
    pub(crate) fn range(&self, prefix: &str, start: &str, want: usize) -> Slice {
        let start = if start < prefix { prefix } else { start };
        let mut slice = Slice::below(prefix);
        let mut found = 0;
        for chunk in self.chunks(prefix, start, &Wanted::default()) {
            let from = slice.push(chunk, start);
            found += if from == 0 { chunk.alive } else { chunk.alive_from(from) };
            if want > 0 && found >= want {
                break;
            }
        }
        slice.close();
        slice
    }

    /// The entries of the first `chunks_max` chunks that may have what is wanted, and whether these
    /// are all.
    pub(crate) fn candidates(
        &self,
        prefix: &str,
        start: &str,
        wanted: &Wanted,
        chunks_max: usize,
    ) -> (Slice, bool) {
        let start = if start < prefix { prefix } else { start };
        let mut slice = Slice::below(prefix);
        let mut chunks = self.chunks(prefix, start, wanted);
        chunks.by_ref().take(chunks_max).for_each(|chunk| _ = slice.push(chunk, start));
        let whole = chunks.next().is_none();
        slice.close();
        (slice, whole)
    }

    /// The entries from `start` on below a prefix that may be wanted, now or in an earlier state.
    pub(crate) fn walk(
        &self,
        prefix: &str,
        start: &str,
        wanted: &Wanted,
    ) -> impl Iterator<Item = &Arc<Entry>> {
        let chunks = self.chunks(prefix, start, wanted);
        let entries = chunks.flat_map(|chunk| &chunk.entries);
        entries
            .skip_while(move |entry| *entry.key < *start || *entry.key < *prefix)
            .take_while(move |entry| entry.key.starts_with(prefix))
    }

    /// Whether the index has all states that are remembered, and nothing else.
    #[cfg(test)]
    pub(super) fn is_indexed(&self) -> bool {
        let mut noted = std::collections::BTreeMap::new();
        for (at, chunk) in (0..).zip(&self.chunks) {
            for state in chunk.entries.iter().flat_map(states) {
                state.terms().for_each(|term| *noted.entry((term, at)).or_default() += 1);
            }
        }
        noted == self.index.noted()
    }

    /// What the index takes, roughly, in bytes.
    pub(crate) fn index_bytes(&self) -> usize {
        self.index.bytes()
    }

    /// How many entries are not removals.
    pub(crate) fn len(&self) -> usize {
        self.rank(None)
    }

    /// How many keys that begin with `prefix` and are not removals stand behind `key`.
    pub(crate) fn count_after(&self, prefix: &str, key: &str) -> usize {
        let end = end_of(prefix);
        self.rank(end.as_deref()).saturating_sub(self.rank(Some(&format!("{key}\0"))))
    }

    /// How many entries that are not removals stand before `key`; `None` is the end of the tree.
    fn rank(&self, key: Option<&str>) -> usize {
        let sum = |alive: &[u32]| alive.iter().map(|count| *count as usize).sum();
        let Some(key) = key else { return sum(&self.alive) };
        let at = self.chunk_of(key).min(self.alive.len());
        let before: usize = sum(&self.alive[..at]);
        let within = self.chunks.get(at).map_or(0, |chunk| {
            let position = chunk.search(key).unwrap_or_else(|position| position);
            chunk.alive - chunk.alive_from(position)
        });
        before + within
    }
}

/// How many entries of a chunk are not removals; a chunk is small.
fn count(chunk: &Chunk) -> u32 {
    u32::try_from(chunk.alive).unwrap_or(u32::MAX)
}

/// The least key that is greater than every key with the prefix.
pub(super) fn end_of(prefix: &str) -> Option<String> {
    // Keys are text, so the last byte of a prefix is never the greatest.
    let mut end = prefix.to_owned();
    let last = end.pop()?;
    end.push(char::from_u32(last as u32 + 1)?);
    Some(end)
}

//! The ordered map of a cache: entries in key order, in chunks that readers can share.
//!
//! A list takes references to the chunks it needs and reads them without a lock; a writer that
//! meets a shared chunk copies it first. Chunks know how many of their entries are alive, so that
//! "how many follow this key" costs no walk over them.

use super::entry::{Entry, Key};
use std::ops::Range;
use std::sync::Arc;

/// A chunk is split when it grows over this many entries.
const CHUNK_ENTRIES_MAX: usize = 256;

/// Entries in key order; never empty inside a [`Tree`].
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    entries: Vec<Arc<Entry>>,
    /// The marks of the entries' labels: most entries that a selector does not select are passed
    /// over without being looked at.
    marks: Vec<u64>,
    /// The hashes of the entries' keys: one is found without looking at the others, which are not
    /// in the processor's caches.
    hashes: Vec<u32>,
    /// How many of them are not removals.
    alive: usize,
}

impl Chunk {
    fn new(entries: Vec<Arc<Entry>>) -> Self {
        let alive = entries.iter().filter(|entry| !entry.removed).count();
        let marks = entries.iter().map(|entry| entry.marks()).collect();
        let hashes = entries.iter().map(|entry| hash(&entry.key)).collect();
        Self { entries, marks, hashes, alive }
    }

    fn first(&self) -> &str {
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

    fn search(&self, key: &str) -> Result<usize, usize> {
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    chunks: Vec<Arc<Chunk>>,
    /// The first key of each chunk.
    firsts: Vec<Key>,
    /// How many entries of each chunk are not removals: side by side, so that the sum of thousands
    /// of them is no walk through the memory.
    alive: Vec<u32>,
}

impl Tree {
    /// A tree of entries that are sorted by key.
    pub(crate) fn from_sorted(entries: &[Arc<Entry>]) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| *a.key < *b.key));
        let chunks = entries.chunks(CHUNK_ENTRIES_MAX / 2);
        let firsts = chunks.clone().map(|chunk| chunk[0].key.clone()).collect();
        let chunks: Vec<_> = chunks.map(|chunk| Arc::new(Chunk::new(chunk.to_vec()))).collect();
        let alive = chunks.iter().map(|chunk| count(chunk)).collect();
        Self { chunks, firsts, alive }
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
            self.chunks.push(Arc::new(chunk));
            return None;
        };
        let chunk = Arc::make_mut(chunk);
        chunk.alive += usize::from(!entry.removed);
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
        chunk.marks.truncate(chunk.entries.len());
        chunk.hashes.truncate(chunk.entries.len());
        chunk.alive -= right.alive;
        self.alive[at] = count(chunk);
        self.alive.insert(at + 1, count(&right));
        self.firsts.insert(at + 1, right.entries[0].key.clone());
        self.chunks.insert(at + 1, Arc::new(right));
    }

    /// Takes a key out, if its entry is this very one.
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
        self.alive[at] = count(chunk);
        match chunk.entries.first() {
            Some(first) if position == 0 => self.firsts[at] = first.key.clone(),
            Some(_) => {}
            None => {
                self.chunks.remove(at);
                self.firsts.remove(at);
                self.alive.remove(at);
            }
        }
    }

    /// Takes a key out, whatever its entry is.
    pub(crate) fn remove_key(&mut self, key: &str) {
        if let Some(entry) = self.get(key).cloned() {
            self.remove(&entry);
        }
    }

    /// The entries from `start` on whose keys begin with `prefix`, at least `want` of them where
    /// there are so many; zero wants all.
    pub(crate) fn range(&self, prefix: &str, start: &str, want: usize) -> Slice {
        let start = if start < prefix { prefix } else { start };
        let first = self.chunk_of(start);
        let mut slice = Slice { prefix: prefix.to_owned(), ..Slice::default() };
        let mut found = 0;
        for chunk in &self.chunks[first.min(self.chunks.len())..] {
            if !chunk.first().starts_with(prefix) && chunk.first() > prefix {
                break;
            }
            if slice.chunks.is_empty() {
                slice.position = chunk.search(start).unwrap_or_else(|position| position);
                found += chunk.alive_from(slice.position);
            } else {
                found += chunk.alive;
            }
            slice.chunks.push(Arc::clone(chunk));
            if want > 0 && found >= want {
                break;
            }
        }
        if let Some(last) = slice.chunks.last() {
            let end = end_of(prefix).map(|end| last.search(&end).unwrap_or_else(|end| end));
            slice.end = end.unwrap_or(last.entries.len());
        }
        slice
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
fn end_of(prefix: &str) -> Option<String> {
    // Keys are text, so the last byte of a prefix is never the greatest.
    let mut end = prefix.to_owned();
    let last = end.pop()?;
    end.push(char::from_u32(last as u32 + 1)?);
    Some(end)
}

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

    /// The entries that are not removals.
    pub(crate) fn alive(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.iter().filter(|entry| !entry.removed)
    }

    /// The newest entries in order, removals among them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.marked(0)
    }

    /// How many entries the chunks hold that are not removals; at either end a few too many.
    pub(crate) fn len(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.alive).sum()
    }

    /// Those of the newest entries whose labels have all of these marks.
    pub(crate) fn marked(&self, marks: u64) -> impl Iterator<Item = &Arc<Entry>> {
        let pairs = self.chunks.iter().enumerate().flat_map(|(at, chunk)| {
            let within = self.within(at);
            chunk.entries[within.clone()].iter().zip(&chunk.marks[within])
        });
        pairs.filter(move |(_, has)| *has & marks == marks).map(|(entry, _)| entry)
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

    /// The same entries by their number, for a reader that comes back for more.
    pub(crate) fn cursor(self) -> Cursor {
        let Range { start, end } = if self.chunks.is_empty() { 0..0 } else { self.within(0) };
        Cursor { chunk: 0, position: start, end, slice: self }
    }
}

/// A place in a [`Slice`].
#[derive(Debug)]
pub(crate) struct Cursor {
    slice: Slice,
    chunk: usize,
    position: usize,
    end: usize,
}

impl Cursor {
    /// The next entry, removals among them.
    pub(crate) fn next(&mut self) -> Option<&Arc<Entry>> {
        while self.position >= self.end {
            self.chunk += 1;
            self.slice.chunks.get(self.chunk)?;
            Range { start: self.position, end: self.end } = self.slice.within(self.chunk);
        }
        let entry = &self.slice.chunks[self.chunk].entries[self.position];
        self.position += 1;
        Some(entry)
    }
}

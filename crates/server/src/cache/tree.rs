//! The ordered map of a cache: entries in key order, in chunks that readers can share.
//!
//! A list takes references to the chunks it needs and reads them without a lock; a writer that
//! meets a shared chunk copies it first. Chunks know how many of their entries are alive, so that
//! "how many follow this key" costs no walk over them.

use super::entry::Entry;
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
    /// How many of them are not removals.
    alive: usize,
}

impl Chunk {
    fn new(entries: Vec<Arc<Entry>>) -> Self {
        let alive = entries.iter().filter(|entry| !entry.removed).count();
        let marks = entries.iter().map(|entry| entry.marks()).collect();
        Self { entries, marks, alive }
    }

    fn first(&self) -> &str {
        &self.entries[0].key
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

/// The newest entry of every key, removals among them while the history remembers them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    chunks: Vec<Arc<Chunk>>,
}

impl Tree {
    /// A tree of entries that are sorted by key.
    pub(crate) fn from_sorted(entries: &[Arc<Entry>]) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| *a.key < *b.key));
        let chunks = entries.chunks(CHUNK_ENTRIES_MAX / 2);
        Self { chunks: chunks.map(|chunk| Arc::new(Chunk::new(chunk.to_vec()))).collect() }
    }

    /// The chunk that has the key or would have it.
    fn chunk_of(&self, key: &str) -> usize {
        self.chunks.partition_point(|chunk| chunk.first() <= key).saturating_sub(1)
    }

    /// The newest entry of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<Entry>> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        chunk.search(key).ok().map(|at| &chunk.entries[at])
    }

    /// Puts an entry in the place of the one with its key, and returns that one.
    pub(crate) fn insert(&mut self, entry: Arc<Entry>) -> Option<Arc<Entry>> {
        let at = self.chunk_of(&entry.key);
        let Some(chunk) = self.chunks.get_mut(at) else {
            self.chunks.push(Arc::new(Chunk::new(vec![entry])));
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
                Some(old)
            }
            Err(position) => {
                chunk.entries.insert(position, entry);
                chunk.marks.insert(position, marks);
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
        chunk.alive -= right.alive;
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
        chunk.alive -= usize::from(!entry.removed);
        if chunk.entries.is_empty() {
            self.chunks.remove(at);
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
        let Some(key) = key else { return self.chunks.iter().map(|chunk| chunk.alive).sum() };
        let at = self.chunk_of(key);
        let before: usize = self.chunks[..at].iter().map(|chunk| chunk.alive).sum();
        let within = self.chunks.get(at).map_or(0, |chunk| {
            let position = chunk.search(key).unwrap_or_else(|position| position);
            chunk.alive - chunk.alive_from(position)
        });
        before + within
    }
}

/// The least key that is greater than every key with the prefix.
fn end_of(prefix: &str) -> Option<String> {
    // Keys are text, so the last byte of a prefix is never the greatest.
    let mut end = prefix.to_owned();
    let last = end.pop()?;
    end.push(char::from_u32(last as u32 + 1)?);
    Some(end)
}

/// Chunks that hold a range of a tree, and where in the first one it starts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    chunks: Vec<Arc<Chunk>>,
    position: usize,
    prefix: String,
}

impl Slice {
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
        let pairs = self.chunks.iter().flat_map(|chunk| chunk.entries.iter().zip(&chunk.marks));
        let marked = pairs.skip(self.position).filter(move |(_, has)| *has & marks == marks);
        marked.map(|(entry, _)| entry).take_while(|entry| entry.key.starts_with(&self.prefix))
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
        Cursor { chunk: 0, position: self.position, slice: self }
    }
}

/// A place in a [`Slice`].
#[derive(Debug)]
pub(crate) struct Cursor {
    slice: Slice,
    chunk: usize,
    position: usize,
}

impl Cursor {
    /// The next entry, removals among them.
    pub(crate) fn next(&mut self) -> Option<&Arc<Entry>> {
        while self.position >= self.slice.chunks.get(self.chunk)?.entries.len() {
            self.chunk += 1;
            self.position = 0;
        }
        let entry = &self.slice.chunks[self.chunk].entries[self.position];
        self.position += 1;
        entry.key.starts_with(&self.slice.prefix).then_some(entry)
    }
}

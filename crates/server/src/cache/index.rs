//! Which chunks of a tree have what a selector wants, so that the others are not looked at.
//!
//! For each label, each key of a label and each value of a selectable field there is a list of the
//! chunks in which it is found. A list of chunks is short where a list of objects would be long:
//! what all objects have costs some bytes for each chunk, and what only one has costs one entry.

use super::entry::Entry;
use std::collections::HashMap;
use std::sync::Arc;

/// The hash of a label, of the key of a label, or of a selectable field with its value.
pub(super) type Term = u64;

/// The term of a label's key.
pub(super) fn term(key: impl AsRef<[u8]>) -> Term {
    hash(&[key.as_ref()])
}

/// The term of a label.
pub(super) fn term_of(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Term {
    hash(&[key.as_ref(), b"=", value.as_ref()])
}

/// The term of a selectable field, by its place among those of all versions.
pub(super) fn term_of_field(place: usize, value: &str) -> Term {
    hash(&[&place.to_le_bytes(), b"=", value.as_bytes()])
}

/// The hash FNV-1a: a collision costs a look at an entry.
fn hash(parts: &[&[u8]]) -> Term {
    let bytes = parts.iter().copied().flatten();
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.fold(0xcbf2_9ce4_8422_2325, step)
}

/// The bit of a term among the marks of an entry.
pub(super) fn bit(term: Term) -> u64 {
    1 << (term % 64)
}

/// The number of a chunk; it stays while chunks before it come and go.
pub(super) type ChunkId = u32;

/// In how many states of a chunk's entries a term is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Posting {
    chunk: ChunkId,
    states: u32,
}

/// The chunks that have a term, in the order of the tree: most terms of objects are in one only.
#[derive(Debug)]
enum Postings {
    One(Posting),
    Many(Vec<Posting>),
}

impl Postings {
    fn all(&self) -> &[Posting] {
        match self {
            Self::One(posting) => std::slice::from_ref(posting),
            Self::Many(postings) => postings,
        }
    }

    fn all_mut(&mut self) -> &mut [Posting] {
        match self {
            Self::One(posting) => std::slice::from_mut(posting),
            Self::Many(postings) => postings,
        }
    }

    fn insert(&mut self, at: usize, posting: Posting) {
        match self {
            Self::One(one) if at == 0 => *self = Self::Many(vec![posting, *one]),
            Self::One(one) => *self = Self::Many(vec![*one, posting]),
            Self::Many(postings) => postings.insert(at, posting),
        }
    }
}

/// The terms of a tree with their chunks, and the order of these.
#[derive(Debug, Default)]
pub(super) struct Index {
    terms: HashMap<Term, Postings>,
    /// How many chunks there are in all lists together.
    listed: usize,
    /// Where each chunk stands in the tree, by its number.
    places: Vec<u32>,
    /// The chunks by their places.
    order: Vec<ChunkId>,
    /// Numbers that no chunk has.
    free: Vec<ChunkId>,
}

impl Index {
    /// A number for a chunk that is put at a place.
    pub(super) fn add_chunk(&mut self, place: usize) -> ChunkId {
        let id = self.free.pop().unwrap_or_else(|| {
            self.places.push(0);
            number(self.places.len() - 1)
        });
        self.order.insert(place, id);
        self.count_places(place);
        id
    }

    /// Takes out the chunk at a place, which has no entries any more.
    pub(super) fn remove_chunk(&mut self, place: usize) {
        self.free.push(self.order.remove(place));
        self.count_places(place);
    }

    fn count_places(&mut self, from: usize) {
        for (place, id) in self.order.iter().enumerate().skip(from) {
            self.places[*id as usize] = number(place);
        }
    }

    /// Notes the terms of a state in the chunk at a place.
    pub(super) fn add(&mut self, place: usize, entry: &Entry) {
        let chunk = self.order[place];
        entry.terms().for_each(|term| self.note(term, chunk, 1));
    }

    /// Notes the terms of many states in the chunk at a place: what most of them have is looked up
    /// once.
    pub(super) fn add_all<'a>(&mut self, place: usize, states: impl Iterator<Item = &'a Entry>) {
        let chunk = self.order[place];
        let mut terms: Vec<Term> = states.flat_map(Entry::terms).collect();
        terms.sort_unstable();
        for same in terms.chunk_by(|a, b| a == b) {
            self.note(same[0], chunk, number(same.len()));
        }
    }

    fn note(&mut self, term: Term, chunk: ChunkId, states: u32) {
        let new = Posting { chunk, states };
        let Some(postings) = self.terms.get_mut(&term) else {
            self.terms.insert(term, Postings::One(new));
            self.listed += 1;
            return;
        };
        match find(postings.all(), &self.places, chunk) {
            Ok(at) => postings.all_mut()[at].states += states,
            Err(at) => {
                postings.insert(at, new);
                self.listed += 1;
            }
        }
    }

    /// Takes back the terms of a state in the chunk at a place.
    pub(super) fn remove(&mut self, place: usize, entry: &Entry) {
        let chunk = self.order[place];
        for term in entry.terms() {
            let Some(postings) = self.terms.get_mut(&term) else { continue };
            let Ok(at) = find(postings.all(), &self.places, chunk) else { continue };
            let posting = &mut postings.all_mut()[at];
            posting.states -= 1;
            if posting.states > 0 {
                continue;
            }
            self.listed -= 1;
            match postings {
                Postings::Many(postings) if postings.len() > 1 => {
                    postings.remove(at);
                }
                Postings::One(_) | Postings::Many(_) => {
                    self.terms.remove(&term);
                }
            }
        }
    }

    /// The places, from one on, of the chunks that may have what is wanted: for each of these lists
    /// at least one of its terms. `None` where nothing is asked that is noted here.
    pub(super) fn places(&self, wanted: &[Vec<Term>], from: usize) -> Option<Places<'_>> {
        let lists = |terms: &Vec<Term>| -> Vec<&[Posting]> {
            let known = terms.iter().filter_map(|term| self.terms.get(term));
            known.map(|postings| self.from(postings.all(), from)).collect()
        };
        let size = |lists: &Vec<&[Posting]>| lists.iter().map(|list| list.len()).sum::<usize>();
        let lists = wanted.iter().map(lists).min_by_key(size)?;
        Some(Places { lists, places: &self.places })
    }

    fn from<'a>(&self, postings: &'a [Posting], place: usize) -> &'a [Posting] {
        let before = |posting: &Posting| (self.places[posting.chunk as usize] as usize) < place;
        &postings[postings.partition_point(before)..]
    }

    /// What all of this takes, roughly, in bytes.
    pub(super) fn bytes(&self) -> usize {
        // A table of the standard library has a byte of its own for each place.
        let table = self.terms.capacity() * (size_of::<(Term, Postings)>() + 1);
        let numbers = self.places.capacity() + self.order.capacity() + self.free.capacity();
        table + self.listed * size_of::<Posting>() + numbers * size_of::<ChunkId>()
    }

    /// In how many states each term is found in the chunk at each place.
    #[cfg(test)]
    pub(super) fn noted(&self) -> std::collections::BTreeMap<(Term, u32), u32> {
        let pairs =
            self.terms.iter().flat_map(|(term, list)| list.all().iter().map(|it| (*term, it)));
        let noted = pairs.map(|(term, it)| ((term, self.places[it.chunk as usize]), it.states));
        let noted: std::collections::BTreeMap<_, _> = noted.collect();
        assert_eq!(noted.len(), self.listed);
        noted
    }
}

/// Where a chunk is among postings, or where it would be.
fn find(postings: &[Posting], places: &[u32], chunk: ChunkId) -> Result<usize, usize> {
    let place = places[chunk as usize];
    postings.binary_search_by_key(&place, |posting| places[posting.chunk as usize])
}

/// A tree has less than four billion chunks.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Places of chunks, in order, each once.
#[derive(Debug)]
pub(super) struct Places<'a> {
    lists: Vec<&'a [Posting]>,
    places: &'a [u32],
}

impl Iterator for Places<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let place = |list: &&[Posting]| list.first().map(|it| self.places[it.chunk as usize]);
        let next = self.lists.iter().filter_map(place).min()?;
        for list in &mut self.lists {
            if list.first().is_some_and(|it| self.places[it.chunk as usize] == next) {
                *list = &list[1..];
            }
        }
        Some(next as usize)
    }
}

/// The states of a key that are remembered, without removals: those that have terms.
pub(super) fn states(entry: &Arc<Entry>) -> impl Iterator<Item = Arc<Entry>> {
    let older = |entry: &Arc<Entry>| entry.older.load_full();
    std::iter::successors(Some(Arc::clone(entry)), older).filter(|entry| !entry.removed)
}

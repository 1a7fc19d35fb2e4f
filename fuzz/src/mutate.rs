//! New inputs from old ones: a few changes each, with pieces that the formats know.

use crate::random::Random;
use crate::seeds::TOKENS;

/// No input is longer than this; depth and repetition matter here, not bulk.
pub const INPUT_BYTES_MAX: usize = 8 << 10;
/// Inputs that made sense are kept up to this number, beside the seeds.
const KEPT_MAX: usize = 512;
/// An input differs from the one it was made of by at most so many changes.
const CHANGES_MAX: usize = 6;
/// A piece is repeated at most this often in one change: more than any limit of depth.
const REPEATS_MAX: usize = 400;

/// The inputs that new ones are made of.
#[derive(Debug)]
pub struct Corpus {
    seeds: Vec<Vec<u8>>,
    kept: Vec<Vec<u8>>,
}

impl Corpus {
    /// A corpus of the seeds of a target.
    #[must_use]
    pub fn new(seeds: &[&str]) -> Self {
        let seeds = seeds.iter().map(|seed| seed.as_bytes().to_vec()).collect();
        Self { seeds, kept: Vec::new() }
    }

    /// The inputs that a run begins with.
    #[must_use]
    pub fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    /// Remembers an input that made sense; when there are too many, one of them goes.
    pub fn keep(&mut self, input: Vec<u8>, random: &mut Random) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(input);
        } else {
            let at = random.below(KEPT_MAX);
            self.kept[at] = input;
        }
    }

    /// An input that has not been seen, most likely.
    #[must_use]
    pub fn next(&self, random: &mut Random) -> Vec<u8> {
        let mut input = self.any(random).to_vec();
        for _ in 0..=random.below(CHANGES_MAX) {
            self.change(&mut input, random);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn any(&self, random: &mut Random) -> &[u8] {
        let from = if random.below(2) == 0 { &self.seeds } else { &self.kept };
        random.pick(from).or(self.seeds.first()).map_or(&[], Vec::as_slice)
    }

    fn change(&self, input: &mut Vec<u8>, random: &mut Random) {
        let at = random.below(input.len() + 1);
        let end = at + random.below((input.len() - at).min(32) + 1);
        match random.below(9) {
            0 => drop(input.drain(at..end)),
            1 => replace(input, at, at, &[random.number().to_le_bytes()[0]]),
            2 => replace(input, at, end, &[random.number().to_le_bytes()[0]]),
            3 if at < input.len() => input[at] ^= 1 << random.below(8),
            4 => {
                let piece = input[at..end].to_vec();
                let to = random.below(input.len() + 1);
                replace(input, to, to, &piece);
            }
            5 => {
                let piece = input[at..end.min(at + 6)].to_vec();
                replace(input, at, at, &piece.repeat(random.below(REPEATS_MAX)));
            }
            6 => {
                let other = self.any(random);
                let from = random.below(other.len() + 1);
                replace(input, at, end, &other[from..(from + 64).min(other.len())]);
            }
            _ => {
                let token = random.pick(TOKENS).copied().unwrap_or_default();
                let to = if random.below(2) == 0 { at } else { end };
                replace(input, at, to, token.as_bytes());
            }
        }
    }
}

fn replace(input: &mut Vec<u8>, start: usize, end: usize, with: &[u8]) {
    input.splice(start..end, with.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_new_bounded_and_repeatable() {
        let inputs = || {
            let mut random = Random::new(7);
            let mut corpus = Corpus::new(&["{\"a\":1}", "x=y"]);
            let mut inputs = Vec::new();
            for _ in 0..2000 {
                let input = corpus.next(&mut random);
                corpus.keep(input.clone(), &mut random);
                inputs.push(input);
            }
            inputs
        };
        let all = inputs();
        assert_eq!(all, inputs());
        assert!(all.iter().all(|input| input.len() <= INPUT_BYTES_MAX));
        let mut distinct = all.clone();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > all.len() / 2, "{}", distinct.len());
    }
}

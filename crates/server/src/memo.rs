//! Answers of others, kept for a while, so that the same question is asked once and not by each
//! request: what a token review or an access review found.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;

/// Answers by question.
///
/// While one is asked, those who want to know the same wait for its answer; whatever it is, it is
/// theirs too. If whoever asks gives up, one of those who wait asks in its place.
pub(crate) struct Memo<K, V> {
    /// How many answers are kept.
    max: usize,
    generations: Mutex<Generations<K, V>>,
}

/// The answers that were used since the last change of generations, and those that were used in the
/// one before. What was not used in either is forgotten: almost what "least recently used" would
/// forget, without an order to keep.
struct Generations<K, V> {
    young: HashMap<K, Slot<V>>,
    old: HashMap<K, Slot<V>>,
}

type Slot<V> = Arc<OnceCell<Answer<V>>>;

#[derive(Clone)]
struct Answer<V> {
    value: V,
    until: Instant,
}

impl<K: Clone + Eq + Hash, V: Clone> Memo<K, V> {
    pub(crate) fn new(max: usize) -> Self {
        let generations = Generations { young: HashMap::new(), old: HashMap::new() };
        Self { max, generations: Mutex::new(generations) }
    }

    /// The answer that is kept, or a new one, which is kept for as long as `keep` says.
    pub(crate) async fn get(
        &self,
        question: &K,
        ask: impl AsyncFnOnce() -> V,
        keep: impl FnOnce(&V) -> Duration,
    ) -> V {
        let slot = self.slot(question);
        let ask = async || {
            let value = ask().await;
            let until = Instant::now() + keep(&value);
            Answer { value, until }
        };
        slot.get_or_init(ask).await.value.clone()
    }

    /// How many answers are kept, old ones among them.
    pub(crate) fn len(&self) -> usize {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.len() + generations.old.len()
    }

    /// The place for an answer: one that is good, or that somebody waits for, or a new one.
    fn slot(&self, question: &K) -> Slot<V> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let Generations { young, old } = &mut *generations;
        let is_good = |slot: &Slot<V>| slot.get().is_none_or(|it| Instant::now() < it.until);
        if let Some(slot) = young.get(question).filter(|slot| is_good(slot)) {
            return Arc::clone(slot);
        }
        let slot = old.remove(question).filter(is_good).unwrap_or_default();
        if young.len() >= (self.max / 2).max(1) && !young.contains_key(question) {
            *old = std::mem::take(young);
        }
        young.insert(question.clone(), Arc::clone(&slot));
        slot
    }
}

impl<K, V> fmt::Debug for Memo<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memo").field("max", &self.max).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const LONG: Duration = Duration::from_secs(3600);

    /// Answers with a number that grows with each question that was really asked.
    #[derive(Default)]
    struct Oracle(AtomicUsize);

    impl Oracle {
        async fn ask(&self, memo: &Memo<usize, usize>, question: usize, keep: Duration) -> usize {
            let ask = async || {
                tokio::time::sleep(Duration::from_millis(1)).await;
                self.0.fetch_add(1, Ordering::Relaxed)
            };
            memo.get(&question, ask, |_| keep).await
        }
    }

    #[tokio::test]
    async fn one_asks_and_all_have_the_answer() {
        let (memo, oracle) = (Memo::new(10), Oracle::default());
        let asked = (0..1000).map(|_| oracle.ask(&memo, 7, Duration::ZERO));
        let answers = futures::future::join_all(asked).await;
        assert!(answers.iter().all(|answer| *answer == 0));
        // It was not to be kept: who comes later asks again.
        assert_eq!(oracle.ask(&memo, 7, LONG).await, 1);
        assert_eq!(oracle.ask(&memo, 7, LONG).await, 1);
    }

    #[tokio::test]
    async fn who_gives_up_leaves_the_question_to_others() {
        let memo = Memo::<usize, usize>::new(10);
        let never = memo.get(&1, async || std::future::pending().await, |_| LONG);
        let after = async {
            tokio::task::yield_now().await;
            memo.get(&1, async || 2, |_| LONG).await
        };
        let given_up = tokio::time::timeout(Duration::from_millis(20), never);
        let (given_up, after) = tokio::join!(given_up, after);
        assert!(given_up.is_err());
        assert_eq!(after, 2);
    }

    #[tokio::test]
    async fn what_is_used_stays_and_the_rest_is_forgotten() {
        let (memo, oracle) = (Memo::new(10), Oracle::default());
        let first = oracle.ask(&memo, 0, LONG).await;
        for question in 1..100 {
            oracle.ask(&memo, question, LONG).await;
            assert_eq!(oracle.ask(&memo, 0, LONG).await, first, "{question}");
        }
        assert!(memo.len() <= 10);
        assert!(oracle.ask(&memo, 1, LONG).await > 1, "it was long ago");
    }
}

//! The newest revision: one question for all who ask at the same time.

use pintle_storage::Revision;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// Shares one answer among those who asked before the question was put.
///
/// Whoever asks has to learn of everything that was written before, so an answer counts only for
/// those who came before its question left.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    /// How many questions have been put.
    put: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// The number of the question that this answers.
    number: u64,
    answer: Option<Result<Revision, String>>,
}

impl Newest {
    /// The answer to a question that is put from now on.
    pub(crate) async fn ask<F>(&self, question: impl FnOnce() -> F) -> Result<Revision, String>
    where
        F: Future<Output = Result<Revision, String>>,
    {
        let before = self.put.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some(answer) = last.answer.as_ref().filter(|_| last.number > before) {
            return answer.clone();
        }
        let number = self.put.fetch_add(1, Ordering::SeqCst) + 1;
        let answer = question().await;
        *last = Last { number, answer: Some(answer.clone()) };
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn those_who_wait_share_a_question() {
        let newest = Arc::new(Newest::default());
        let asked = Arc::new(AtomicU64::new(0));
        let gate = Arc::new(Semaphore::new(0));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let (newest, asked, gate) = (newest.clone(), asked.clone(), gate.clone());
                tokio::spawn(async move {
                    let question = || async {
                        let number = asked.fetch_add(1, Ordering::SeqCst) + 1;
                        gate.acquire().await.unwrap().forget();
                        Ok(number)
                    };
                    newest.ask(question).await.unwrap()
                })
            })
            .collect();
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        gate.add_permits(100);
        for task in tasks {
            assert!(task.await.unwrap() <= 2);
        }
        // The first question had left when the others came; they shared the second.
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        gate.add_permits(1);
        let later = newest.ask(|| async { Ok(asked.fetch_add(1, Ordering::SeqCst) + 1) }).await;
        assert_eq!(later, Ok(3), "an old answer is not given to who asks later");
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_question_to_the_next() {
        let newest = Newest::default();
        let never = newest.ask(std::future::pending);
        assert!(tokio::time::timeout(std::time::Duration::ZERO, never).await.is_err());
        assert_eq!(newest.ask(|| async { Ok(7) }).await, Ok(7));
        let failed = newest.ask(|| async { Err("no".to_owned()) }).await;
        assert_eq!(failed, Err("no".to_owned()));
    }
}

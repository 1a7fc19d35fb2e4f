//! Which of many writes succeed, and the rows that they add to the log.
//!
//! The rules of [`Storage`](pintle_storage::Storage) in one place, for every database: a database
//! says what is there, [`Plan`] decides, and the database stores the outcome.

use bytes::Bytes;
use pintle_storage::{Event, KeyValue, Revision};
use std::collections::HashMap;
use std::sync::Arc;

/// A write, and the condition that it is made on.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    pub key: Arc<str>,
    /// What the key must be at; `None` where it must not exist.
    pub expected: Option<Revision>,
    /// What to store; `None` removes the key.
    pub value: Option<Bytes>,
}

impl Write {
    /// What the write weighs in a transaction.
    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Bytes::len)
    }
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub key: Arc<str>,
    pub revision: Revision,
    /// The row that holds what this one replaces; zero where the key did not exist.
    pub previous: Revision,
    /// `None` where the key is removed.
    pub value: Option<Bytes>,
}

impl Change {
    pub(crate) fn into_event(self) -> Event {
        let Self { key, revision, value, .. } = self;
        match value {
            Some(value) => Event::Put(KeyValue { key, value, revision }),
            None => Event::Delete { key, revision },
        }
    }
}

/// What became of a write.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It has this revision.
    Written(Revision),
    /// The key is not what it must be; holds what it is.
    Refused(Option<KeyValue>),
}

/// What a transaction did.
#[derive(Debug, Default)]
pub(crate) struct Commit {
    /// The rows that were added, in order.
    pub changes: Vec<Change>,
    /// One for each write.
    pub outcomes: Vec<Outcome>,
}

/// The decisions about the writes of one transaction.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The newest revision.
    pub revision: Revision,
    /// The rows to add.
    pub changes: Vec<Change>,
    /// For each write its key, and its revision or that of what is in its way (zero: nothing is).
    decisions: Vec<(Arc<str>, bool, Revision)>,
}

impl Plan {
    /// Decides about writes on top of a revision. `heads` has the newest row of each of their keys
    /// that exists.
    pub(crate) fn new(
        mut revision: Revision,
        mut heads: HashMap<Arc<str>, Revision>,
        writes: &[Write],
    ) -> Self {
        let mut changes = Vec::with_capacity(writes.len());
        let mut decisions = Vec::with_capacity(writes.len());
        for write in writes {
            let head = heads.get(&write.key).copied();
            if head != write.expected {
                decisions.push((write.key.clone(), false, head.unwrap_or(0)));
                continue;
            }
            revision += 1;
            match &write.value {
                Some(_) => heads.insert(write.key.clone(), revision),
                None => heads.remove(&write.key),
            };
            let (key, value) = (write.key.clone(), write.value.clone());
            changes.push(Change { key, revision, previous: head.unwrap_or(0), value });
            decisions.push((write.key.clone(), true, revision));
        }
        Self { revision, changes, decisions }
    }

    /// The stored rows whose values are needed for the answers.
    pub(crate) fn rows_wanted(&self) -> Vec<Revision> {
        let first = self.changes.first().map_or(Revision::MAX, |change| change.revision);
        let refused = self.decisions.iter().filter(|(_, written, row)| !written && *row != 0);
        refused.map(|(_, _, row)| *row).filter(|row| *row < first).collect()
    }

    /// The answers, once the changes are stored and the values of the wanted rows have been read.
    pub(crate) fn finish(self, mut values: HashMap<Revision, Bytes>) -> Commit {
        for change in &self.changes {
            if let Some(value) = &change.value {
                values.insert(change.revision, value.clone());
            }
        }
        let outcome = |(key, written, revision)| match written {
            true => Outcome::Written(revision),
            false => Outcome::Refused(values.get(&revision).map(|value| KeyValue {
                key,
                value: value.clone(),
                revision,
            })),
        };
        let outcomes = self.decisions.into_iter().map(outcome).collect();
        Commit { changes: self.changes, outcomes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each write sees those before it, as if each had been a transaction.
    #[test]
    fn writes_see_the_ones_before() {
        let write = |key: &str, expected: u64, value: &'static str| Write {
            key: key.into(),
            expected: (expected > 0).then_some(expected),
            value: (!value.is_empty()).then(|| value.into()),
        };
        let writes = [
            write("/a", 0, "taken"),
            write("/a", 4, "a2"),
            write("/a", 4, "late"),
            write("/b", 0, "b1"),
            write("/b", 0, "b2"),
            write("/b", 12, ""),
            write("/b", 12, ""),
            write("/b", 0, "b3"),
        ];
        let plan = Plan::new(10, HashMap::from([("/a".into(), 4)]), &writes);
        assert_eq!((plan.revision, plan.rows_wanted()), (14, vec![4]));
        let rows: Vec<_> = plan.changes.iter().map(|it| (it.revision, it.previous)).collect();
        assert_eq!(rows, [(11, 4), (12, 0), (13, 12), (14, 0)]);
        let commit = plan.finish(HashMap::from([(4, "a1".into())]));
        let answers: Vec<_> = commit
            .outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Written(revision) => revision.to_string(),
                Outcome::Refused(None) => "none".to_owned(),
                Outcome::Refused(Some(now)) => format!("{:?} at {}", now.value, now.revision),
            })
            .collect();
        let expected =
            ["b\"a1\" at 4", "11", "b\"a2\" at 11", "12", "b\"b1\" at 12", "13", "none", "14"];
        assert_eq!(answers, expected);
    }
}

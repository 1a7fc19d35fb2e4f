//! The statements, and the transactions that they are part of.

use super::failed;
use crate::commit::{Change, Commit, Plan, Write};
use crate::database::{
    Marks, READ_BYTES_MAX, READ_CHANGES_MAX, States, check_compaction, to_key, to_number,
    to_revision,
};
use pintle_storage::{Error, Got, KeyValue, Revision};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, OptionalExtension as _, Result, Row, TransactionBehavior};
use std::collections::HashMap;
use std::sync::Arc;

/// How many revisions one step of cleaning looks at.
const CLEAN_REVISIONS: i64 = 512;

/// How many free pages are given back to the file system in one step, and of how many pages one
/// may be free: new rows take free pages first.
const VACUUM_PAGES: i64 = 256;
const FREE_PAGES_ONE_IN: i64 = 4;

/// The tables. The number of a row is its revision; SQLite puts it behind the name in the index.
pub(super) const SCHEMA: &str = "
    CREATE TABLE pintle_log (
        revision INTEGER PRIMARY KEY,
        name BLOB NOT NULL,
        previous INTEGER NOT NULL,
        value BLOB
    ) STRICT;
    CREATE INDEX pintle_log_name ON pintle_log (name);
    CREATE TABLE pintle_marks (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO pintle_marks VALUES ('revision', 1), ('compacted', 0), ('cleaned', 0);
";

const HEAD: &str = "SELECT revision, value IS NOT NULL FROM pintle_log
    WHERE name = ? ORDER BY revision DESC LIMIT 1";

const STATES: &str = "SELECT name, revision, value FROM pintle_log AS log
    WHERE name >= ?1 AND name < ?2 AND revision <= ?3 AND value IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM pintle_log AS newer
        WHERE newer.name = log.name AND newer.revision > log.revision AND newer.revision <= ?3
    )
    ORDER BY name LIMIT ?4";

const CHANGES: &str = "SELECT name, revision, value, previous FROM pintle_log
    WHERE revision > ? ORDER BY revision LIMIT ?";

pub(super) fn marks(connection: &Connection) -> Result<Marks> {
    // One statement: both are of one moment.
    let mut select = connection.prepare_cached(
        "SELECT now.value, old.value FROM pintle_marks AS now, pintle_marks AS old
         WHERE now.name = 'revision' AND old.name = 'compacted'",
    )?;
    select.query_row([], |row| {
        Ok(Marks { revision: revision(row, 0)?, compacted: revision(row, 1)? })
    })
}

pub(super) fn commit(connection: &mut Connection, writes: &[Write]) -> Result<Commit> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let heads = heads(&transaction, writes)?;
    let plan = Plan::new(marks(&transaction)?.revision, heads, writes);
    let mut values = HashMap::new();
    for wanted in plan.rows_wanted() {
        let mut select =
            transaction.prepare_cached("SELECT value FROM pintle_log WHERE revision = ?")?;
        let value: Vec<u8> = select.query_row([to_number(wanted)], |row| row.get(0))?;
        values.insert(wanted, value.into());
    }
    if !plan.changes.is_empty() {
        let mut insert =
            transaction.prepare_cached("INSERT INTO pintle_log VALUES (?, ?, ?, ?)")?;
        for Change { key, revision, previous, value } in &plan.changes {
            let (revision, previous) = (to_number(*revision), to_number(*previous));
            insert.execute((revision, key.as_bytes(), previous, value.as_deref()))?;
        }
        drop(insert);
        set_mark(&transaction, "revision", plan.revision)?;
        transaction.commit()?;
    }
    Ok(plan.finish(values))
}

/// The newest row of each key that exists.
fn heads(connection: &Connection, writes: &[Write]) -> Result<HashMap<Arc<str>, Revision>> {
    let mut heads = HashMap::with_capacity(writes.len());
    let mut select = connection.prepare_cached(HEAD)?;
    for write in writes {
        if heads.contains_key(&write.key) {
            continue;
        }
        let head = select.query_row([write.key.as_bytes()], |row| {
            Ok((revision(row, 0)?, row.get::<_, bool>(1)?))
        });
        if let Some((head, true)) = head.optional()? {
            heads.insert(write.key.clone(), head);
        }
    }
    Ok(heads)
}

pub(super) fn get(connection: &Connection, key: &Arc<str>) -> Result<Got> {
    let transaction = connection.unchecked_transaction()?;
    let now = marks(&transaction)?.revision;
    let mut select = transaction.prepare_cached(
        "SELECT revision, value FROM pintle_log WHERE name = ? ORDER BY revision DESC LIMIT 1",
    )?;
    let newest = select.query_row([key.as_bytes()], |row| {
        Ok((revision(row, 0)?, row.get::<_, Option<Vec<u8>>>(1)?))
    });
    let item = newest.optional()?.and_then(|(revision, value)| {
        Some(KeyValue { key: key.clone(), value: value?.into(), revision })
    });
    Ok(Got { item, revision: now })
}

pub(super) fn states(connection: &Connection, states: &States) -> Result<Vec<KeyValue>> {
    let limit = i64::try_from(states.limit).unwrap_or(i64::MAX);
    let mut select = connection.prepare_cached(STATES)?;
    let parameters = (&states.start, &states.end, to_number(states.revision), limit);
    let rows = select.query_map(parameters, |row| {
        let value: Vec<u8> = row.get(2)?;
        Ok(KeyValue { key: key(row, 0)?, revision: revision(row, 1)?, value: value.into() })
    })?;
    rows.collect()
}

pub(super) fn changes(connection: &Connection, after: Revision) -> Result<Vec<Change>> {
    let mut select = connection.prepare_cached(CHANGES)?;
    let mut rows = select.query((to_number(after), READ_CHANGES_MAX as i64))?;
    let (mut changes, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()?
        && bytes < READ_BYTES_MAX
    {
        let value: Option<Vec<u8>> = row.get(2)?;
        bytes += value.as_ref().map_or(0, Vec::len);
        let (key, revision, previous) = (key(row, 0)?, revision(row, 1)?, revision(row, 3)?);
        changes.push(Change { key, revision, previous, value: value.map(Into::into) });
    }
    Ok(changes)
}

pub(super) fn compact(connection: &mut Connection, revision: Revision) -> Result<(), Error> {
    let behavior = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behavior).map_err(failed)?;
    check_compaction(marks(&transaction).map_err(failed)?, revision)?;
    set_mark(&transaction, "compacted", revision).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Removes rows that were replaced before the last compaction, and marks of removals before it.
///
/// In the order of revisions, so that what a removal hides goes before the removal does.
pub(super) fn clean(connection: &mut Connection) -> Result<bool> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mark = |name| {
        let select = "SELECT value FROM pintle_marks WHERE name = ?";
        transaction.query_row(select, [name], |row| row.get::<_, i64>(0))
    };
    let (from, compacted) = (mark("cleaned")?, mark("compacted")?);
    let to = compacted.min(from.saturating_add(CLEAN_REVISIONS));
    if from < to {
        transaction.execute(
            "DELETE FROM pintle_log WHERE revision IN (
                SELECT previous FROM pintle_log WHERE revision > ? AND revision <= ?
            )",
            (from, to),
        )?;
        transaction.execute(
            "DELETE FROM pintle_log WHERE revision > ? AND revision <= ? AND value IS NULL",
            (from, to),
        )?;
        transaction.execute("UPDATE pintle_marks SET value = ? WHERE name = 'cleaned'", [to])?;
        transaction.commit()?;
        return Ok(false);
    }
    drop(transaction);
    vacuum(connection)
}

/// Makes the file smaller where much of it is free; true when that is not so any more.
fn vacuum(connection: &Connection) -> Result<bool> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (free, all) = (pragma("freelist_count")?, pragma("page_count")?);
    if free < VACUUM_PAGES || free < all / FREE_PAGES_ONE_IN {
        return Ok(true);
    }
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    // Where nothing could be given back there is no use in going on.
    Ok(pragma("freelist_count")? >= free)
}

/// The size of the file, without what is still in the write-ahead log.
pub(super) fn size(connection: &Connection) -> Result<Option<u64>> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let bytes = pragma("page_count")?.saturating_mul(pragma("page_size")?);
    Ok(u64::try_from(bytes).ok())
}

fn set_mark(connection: &Connection, name: &str, value: Revision) -> Result<()> {
    let update = "UPDATE pintle_marks SET value = ? WHERE name = ?";
    match connection.prepare_cached(update)?.execute((to_number(value), name))? {
        1 => Ok(()),
        _ => Err(rusqlite::Error::QueryReturnedNoRows),
    }
}

fn revision(row: &Row<'_>, column: usize) -> Result<Revision> {
    to_revision(row.get(column)?).map_err(|error| unreadable(column, Type::Integer, error))
}

fn key(row: &Row<'_>, column: usize) -> Result<Arc<str>> {
    let ValueRef::Blob(bytes) = row.get_ref(column)? else {
        return Err(unreadable(column, Type::Blob, "a key is no blob"));
    };
    to_key(bytes).map_err(|error| unreadable(column, Type::Blob, error))
}

fn unreadable(
    column: usize,
    kind: Type,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, error.into())
}

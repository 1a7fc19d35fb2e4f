//! The statements, and the transactions that they are part of.

use super::damaged;
use crate::commit::{Change, Commit, Plan, Write};
use crate::database::{
    Marks, READ_BYTES_MAX, READ_CHANGES_MAX, SCHEMA, States, check_compaction, to_key, to_number,
    to_revision,
};
use crate::remote::{CLEAN_REVISIONS, newer};
use bytes::Bytes;
use pintle_storage::{Got, KeyValue, Revision};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgListener, PgRow};
use sqlx::{Connection as _, Error, PgConnection, PgPool, Postgres, Row as _, query, query_scalar};
use std::collections::HashMap;
use std::sync::Arc;

/// The channel on which each transaction tells that it added to the log.
const CHANNEL: &str = "pintle_log";

/// The lock of those who make the tables.
const PREPARE_LOCK: i64 = 0x506e_746c;

/// The tables. The marks are written with each transaction, so their page has room for many copies.
const TABLES: [&str; 4] = [
    "CREATE TABLE IF NOT EXISTS pintle_log (
        revision BIGINT PRIMARY KEY,
        name BYTEA NOT NULL,
        previous BIGINT NOT NULL,
        value BYTEA
    )",
    "CREATE INDEX IF NOT EXISTS pintle_log_name ON pintle_log (name, revision DESC)",
    "CREATE TABLE IF NOT EXISTS pintle_marks (
        name TEXT PRIMARY KEY,
        value BIGINT NOT NULL
    ) WITH (fillfactor = 10)",
    "INSERT INTO pintle_marks
        VALUES ('schema', 1), ('revision', 1), ('compacted', 0), ('cleaned', 0)
        ON CONFLICT DO NOTHING",
];

const MARKS: &str = "SELECT now.value, old.value FROM pintle_marks AS now, pintle_marks AS old
    WHERE now.name = 'revision' AND old.name = 'compacted'";

const HEADS: &str = "SELECT wanted.name, head.revision FROM UNNEST($1::BYTEA[]) AS wanted (name)
    CROSS JOIN LATERAL (
        SELECT revision, value IS NOT NULL AS lives FROM pintle_log
        WHERE name = wanted.name ORDER BY revision DESC LIMIT 1
    ) AS head
    WHERE head.lives";

/// One statement: both are of one moment.
const GET: &str = "SELECT marks.value, head.revision, head.value FROM pintle_marks AS marks
    LEFT JOIN LATERAL (
        SELECT revision, value FROM pintle_log WHERE name = $1 ORDER BY revision DESC LIMIT 1
    ) AS head ON TRUE
    WHERE marks.name = 'revision'";

const STATES: &str = "SELECT name, revision, value FROM (
        SELECT DISTINCT ON (name) name, revision, value FROM pintle_log
        WHERE name >= $1 AND name < $2 AND revision <= $3 ORDER BY name, revision DESC
    ) AS newest
    WHERE value IS NOT NULL ORDER BY name LIMIT $4";

const CHANGES: &str = "SELECT name, revision, value, previous FROM (
        SELECT *, SUM(COALESCE(OCTET_LENGTH(value), 0)) OVER (ORDER BY revision) AS bytes FROM (
            SELECT * FROM pintle_log WHERE revision > $1 ORDER BY revision LIMIT $2
        ) AS page
    ) AS summed
    WHERE bytes <= $3 ORDER BY revision";

/// The rows and the mark in one question; whoever listens is told when the transaction has been
/// committed.
const INSERT: &str = "WITH added AS (
        INSERT INTO pintle_log
        SELECT * FROM UNNEST($1::BIGINT[], $2::BYTEA[], $3::BIGINT[], $4::BYTEA[])
    ), marked AS (
        UPDATE pintle_marks SET value = $5 WHERE name = 'revision'
    )
    SELECT PG_NOTIFY($6, '')";

/// Makes the tables, or checks those that are there.
pub(super) async fn prepare(mut connection: PoolConnection<Postgres>) -> Result<(), Error> {
    let exists = "SELECT TO_REGCLASS('pintle_marks') IS NOT NULL";
    if query_scalar(exists).fetch_one(&mut *connection).await? {
        let schema = "SELECT value FROM pintle_marks WHERE name = 'schema'";
        let schema: i64 = query_scalar(schema).fetch_one(&mut *connection).await?;
        return if schema > SCHEMA { Err(newer(schema)) } else { Ok(()) };
    }
    let mut transaction = connection.begin().await?;
    let lock = query("SELECT PG_ADVISORY_XACT_LOCK($1)").bind(PREPARE_LOCK);
    lock.execute(&mut *transaction).await?;
    for statement in TABLES {
        query(statement).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

pub(super) async fn listen(pool: &PgPool) -> Result<PgListener, Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    Ok(listener)
}

pub(super) async fn marks(connection: &mut PgConnection) -> Result<Marks, Error> {
    let row = query(MARKS).fetch_one(connection).await?;
    Ok(Marks { revision: revision(&row, 0)?, compacted: revision(&row, 1)? })
}

pub(super) async fn commit(
    connection: &mut PgConnection,
    writes: &[Write],
) -> Result<Commit, Error> {
    let mut transaction = connection.begin().await?;
    // Held until the commit: who gets the next revision is who commits next.
    let lock = "SELECT value FROM pintle_marks WHERE name = 'revision' FOR UPDATE";
    let now: i64 = query_scalar(lock).fetch_one(&mut *transaction).await?;
    let heads = heads(&mut transaction, writes).await?;
    let plan = Plan::new(to_revision(now).map_err(damaged)?, heads, writes);
    let values = values(&mut transaction, &plan.rows_wanted()).await?;
    if plan.changes.is_empty() {
        transaction.rollback().await?;
        return Ok(plan.finish(values));
    }
    let rows = &plan.changes;
    let inserted = query(INSERT)
        .bind(rows.iter().map(|row| to_number(row.revision)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.key.as_bytes()).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| to_number(row.previous)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.value.as_deref()).collect::<Vec<_>>())
        .bind(to_number(plan.revision))
        .bind(CHANNEL)
        .execute(&mut *transaction);
    inserted.await?;
    transaction.commit().await?;
    Ok(plan.finish(values))
}

/// The newest row of each key that exists.
async fn heads(
    connection: &mut PgConnection,
    writes: &[Write],
) -> Result<HashMap<Arc<str>, Revision>, Error> {
    let keys: Vec<_> = writes.iter().map(|write| write.key.as_bytes()).collect();
    let rows = query(HEADS).bind(keys).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((key(row)?, revision(row, 1)?))).collect()
}

async fn values(
    connection: &mut PgConnection,
    rows: &[Revision],
) -> Result<HashMap<Revision, Bytes>, Error> {
    if rows.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = rows.iter().map(|row| to_number(*row)).collect();
    let select = "SELECT value, revision FROM pintle_log WHERE revision = ANY($1)";
    let rows = query(select).bind(rows).fetch_all(connection).await?;
    let value = |row: &PgRow| Ok((revision(row, 1)?, row.try_get::<Vec<u8>, _>(0)?.into()));
    rows.iter().map(value).collect()
}

pub(super) async fn get(connection: &mut PgConnection, key: &str) -> Result<Got, Error> {
    let row = query(GET).bind(key.as_bytes()).fetch_one(connection).await?;
    let value: Option<Vec<u8>> = row.try_get(2)?;
    let item = value.map(|value| {
        Ok::<_, Error>(KeyValue {
            key: key.into(),
            value: value.into(),
            revision: revision(&row, 1)?,
        })
    });
    Ok(Got { item: item.transpose()?, revision: revision(&row, 0)? })
}

pub(super) async fn states(
    connection: &mut PgConnection,
    states: &States,
) -> Result<Vec<KeyValue>, Error> {
    let rows = query(STATES)
        .bind(&states.start)
        .bind(&states.end)
        .bind(to_number(states.revision))
        .bind(i64::try_from(states.limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let item = |row: &PgRow| {
        let value: Vec<u8> = row.try_get(2)?;
        Ok(KeyValue { key: key(row)?, revision: revision(row, 1)?, value: value.into() })
    };
    rows.iter().map(item).collect()
}

pub(super) async fn changes(
    connection: &mut PgConnection,
    after: Revision,
) -> Result<Vec<Change>, Error> {
    let rows = query(CHANGES)
        .bind(to_number(after))
        .bind(READ_CHANGES_MAX as i64)
        .bind(READ_BYTES_MAX as i64)
        .fetch_all(connection)
        .await?;
    let change = |row: &PgRow| {
        let value: Option<Vec<u8>> = row.try_get(2)?;
        let (revision, previous) = (revision(row, 1)?, revision(row, 3)?);
        Ok(Change { key: key(row)?, revision, previous, value: value.map(Into::into) })
    };
    rows.iter().map(change).collect()
}

pub(super) async fn compact(
    connection: &mut PgConnection,
    revision: Revision,
) -> Result<pintle_storage::Result<()>, Error> {
    let mut transaction = connection.begin().await?;
    let lock = "SELECT value FROM pintle_marks WHERE name = 'compacted' FOR UPDATE";
    query(lock).execute(&mut *transaction).await?;
    let marks = marks(&mut transaction).await?;
    if let Err(refused) = check_compaction(marks, revision) {
        return Ok(Err(refused));
    }
    set_mark(&mut transaction, "compacted", to_number(revision)).await?;
    transaction.commit().await.map(Ok)
}

/// Removes rows that were replaced before the last compaction, and marks of removals before it.
///
/// In the order of revisions, so that what a removal hides goes before the removal does.
pub(super) async fn clean(connection: &mut PgConnection) -> Result<bool, Error> {
    let mut transaction = connection.begin().await?;
    // Its own lock: writers need not wait.
    let lock = "SELECT value FROM pintle_marks WHERE name = 'cleaned' FOR UPDATE";
    let from: i64 = query_scalar(lock).fetch_one(&mut *transaction).await?;
    let compacted = to_number(marks(&mut transaction).await?.compacted);
    let to = compacted.min(from.saturating_add(CLEAN_REVISIONS));
    if from >= to {
        return Ok(true);
    }
    for delete in [
        "DELETE FROM pintle_log WHERE revision IN (
            SELECT previous FROM pintle_log WHERE revision > $1 AND revision <= $2
        )",
        "DELETE FROM pintle_log WHERE revision > $1 AND revision <= $2 AND value IS NULL",
    ] {
        query(delete).bind(from).bind(to).execute(&mut *transaction).await?;
    }
    set_mark(&mut transaction, "cleaned", to).await?;
    transaction.commit().await?;
    Ok(to == compacted)
}

/// The size of the tables with their indexes.
pub(super) async fn size(connection: &mut PgConnection) -> Result<Option<u64>, Error> {
    let size =
        "SELECT PG_TOTAL_RELATION_SIZE('pintle_log') + PG_TOTAL_RELATION_SIZE('pintle_marks')";
    let bytes: Option<i64> = query_scalar(size).fetch_one(connection).await?;
    Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
}

async fn set_mark(
    connection: &mut PgConnection,
    name: &'static str,
    value: i64,
) -> Result<(), Error> {
    let update = query("UPDATE pintle_marks SET value = $1 WHERE name = $2").bind(value).bind(name);
    update.execute(connection).await.map(|_| ())
}

fn revision(row: &PgRow, column: usize) -> Result<Revision, Error> {
    to_revision(row.try_get(column)?).map_err(damaged)
}

fn key(row: &PgRow) -> Result<Arc<str>, Error> {
    to_key(row.try_get(0)?).map_err(damaged)
}

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
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::pool::PoolConnection;
use sqlx::{Connection as _, Error, MySql, QueryBuilder, Row as _, query, query_scalar};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How many bytes of rows go into one statement: a server takes packets of 16 MiB.
const INSERT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Statements about up to so many rows are prepared once, one for each number of rows. For more the
/// preparation is little beside the rest.
const PREPARED_MAX: usize = 16;

/// How every connection is set: a statement sees what was committed before it, a lock is not waited
/// for forever, and a server that stops in the middle of a transaction does not keep its lock (there
/// is no time for just that in both databases; idle connections are given up before). MySQL 8 alone
/// reads the last part: it tells of the size of a table as it was up to a day ago otherwise.
pub(super) const SETTINGS: [&str; 2] = [
    "SET LOCAL TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET innodb_lock_wait_timeout = 5, wait_timeout = 120
        /*!80000 , information_schema_stats_expiry = 0 */",
];

const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS pintle_log (
        revision BIGINT PRIMARY KEY,
        name VARBINARY(2048) NOT NULL,
        previous BIGINT NOT NULL,
        value MEDIUMBLOB,
        KEY pintle_log_name (name, revision)
    ) ENGINE = InnoDB",
    "CREATE TABLE IF NOT EXISTS pintle_marks (
        name VARCHAR(16) PRIMARY KEY,
        value BIGINT NOT NULL
    ) ENGINE = InnoDB",
    "INSERT IGNORE INTO pintle_marks
        VALUES ('schema', 1), ('revision', 1), ('compacted', 0), ('cleaned', 0)",
];

const MARKS: &str = "SELECT now.value, old.value FROM pintle_marks AS now, pintle_marks AS old
    WHERE now.name = 'revision' AND old.name = 'compacted'";

/// One statement: both are of one moment.
const GET: &str = "SELECT marks.value, head.revision, head.value FROM pintle_marks AS marks
    LEFT JOIN (
        SELECT revision, value FROM pintle_log WHERE name = ? ORDER BY revision DESC LIMIT 1
    ) AS head ON TRUE
    WHERE marks.name = 'revision'";

const STATES: &str = "SELECT log.name, log.revision, log.value
    FROM pintle_log AS log FORCE INDEX (pintle_log_name)
    WHERE log.name >= ? AND log.name < ? AND log.revision <= ? AND log.value IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM pintle_log AS newer FORCE INDEX (pintle_log_name)
        WHERE newer.name = log.name AND newer.revision > log.revision AND newer.revision <= ?
    )
    ORDER BY log.name LIMIT ?";

const CHANGES: &str = "SELECT name, revision, value, previous FROM (
        SELECT page.*, SUM(COALESCE(LENGTH(value), 0)) OVER (ORDER BY revision) AS bytes FROM (
            SELECT * FROM pintle_log WHERE revision > ? ORDER BY revision LIMIT ?
        ) AS page
    ) AS summed
    WHERE bytes <= ? ORDER BY revision";

/// Makes the tables, or checks those that are there.
pub(super) async fn prepare(mut connection: PoolConnection<MySql>) -> Result<(), Error> {
    let exists = "SELECT COUNT(*) FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name = 'pintle_marks'";
    let exists: i64 = query_scalar(exists).fetch_one(&mut *connection).await?;
    if exists == 1 {
        let schema = "SELECT value FROM pintle_marks WHERE name = 'schema'";
        let schema: Option<i64> = query_scalar(schema).fetch_optional(&mut *connection).await?;
        // Without a row another server is just making it; what follows does no harm then.
        if let Some(schema) = schema {
            return if schema > SCHEMA { Err(newer(schema)) } else { Ok(()) };
        }
    }
    for statement in TABLES {
        query(statement).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn marks(connection: &mut MySqlConnection) -> Result<Marks, Error> {
    let row = query(MARKS).fetch_one(connection).await?;
    Ok(Marks { revision: revision(&row, 0)?, compacted: revision(&row, 1)? })
}

pub(super) async fn commit(
    connection: &mut MySqlConnection,
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
    insert(&mut transaction, &plan.changes).await?;
    set_mark(&mut transaction, "revision", to_number(plan.revision)).await?;
    transaction.commit().await?;
    Ok(plan.finish(values))
}

async fn insert(connection: &mut MySqlConnection, rows: &[Change]) -> Result<(), Error> {
    let mut rest = rows;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|row| {
            bytes += row.key.len() + row.value.as_ref().map_or(0, Bytes::len);
            bytes <= INSERT_BYTES_MAX
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        let mut insert = QueryBuilder::<MySql>::new("INSERT INTO pintle_log ");
        insert.push_values(now, |mut row, change| {
            row.push_bind(to_number(change.revision));
            row.push_bind(change.key.as_bytes());
            row.push_bind(to_number(change.previous));
            row.push_bind(change.value.as_deref());
        });
        insert.build().persistent(now.len() <= PREPARED_MAX).execute(&mut *connection).await?;
        rest = later;
    }
    Ok(())
}

/// The newest row of each key that exists.
async fn heads(
    connection: &mut MySqlConnection,
    writes: &[Write],
) -> Result<HashMap<Arc<str>, Revision>, Error> {
    let keys: HashSet<&str> = writes.iter().map(|write| &*write.key).collect();
    let persistent = keys.len() <= PREPARED_MAX;
    let mut select = QueryBuilder::<MySql>::new(
        "SELECT log.name, log.revision FROM (
            SELECT MAX(revision) AS revision FROM pintle_log WHERE name IN (",
    );
    let mut list = select.separated(", ");
    for key in keys {
        list.push_bind(key.as_bytes());
    }
    select.push(
        ") GROUP BY name
        ) AS head JOIN pintle_log AS log ON log.revision = head.revision
        WHERE log.value IS NOT NULL",
    );
    let rows = select.build().persistent(persistent).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((key(row)?, revision(row, 1)?))).collect()
}

async fn values(
    connection: &mut MySqlConnection,
    rows: &[Revision],
) -> Result<HashMap<Revision, Bytes>, Error> {
    let mut values = HashMap::new();
    for row in rows {
        let select = query_scalar("SELECT value FROM pintle_log WHERE revision = ?");
        let value: Vec<u8> = select.bind(to_number(*row)).fetch_one(&mut *connection).await?;
        values.insert(*row, value.into());
    }
    Ok(values)
}

pub(super) async fn get(connection: &mut MySqlConnection, key: &str) -> Result<Got, Error> {
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
    connection: &mut MySqlConnection,
    states: &States,
) -> Result<Vec<KeyValue>, Error> {
    let rows = query(STATES)
        .bind(&states.start)
        .bind(&states.end)
        .bind(to_number(states.revision))
        .bind(to_number(states.revision))
        .bind(i64::try_from(states.limit).unwrap_or(i64::MAX))
        .fetch_all(connection)
        .await?;
    let item = |row: &MySqlRow| {
        let value: Vec<u8> = row.try_get(2)?;
        Ok(KeyValue { key: key(row)?, revision: revision(row, 1)?, value: value.into() })
    };
    rows.iter().map(item).collect()
}

pub(super) async fn changes(
    connection: &mut MySqlConnection,
    after: Revision,
) -> Result<Vec<Change>, Error> {
    let rows = query(CHANGES)
        .bind(to_number(after))
        .bind(READ_CHANGES_MAX as i64)
        .bind(READ_BYTES_MAX as i64)
        .fetch_all(connection)
        .await?;
    let change = |row: &MySqlRow| {
        let value: Option<Vec<u8>> = row.try_get(2)?;
        let (revision, previous) = (revision(row, 1)?, revision(row, 3)?);
        Ok(Change { key: key(row)?, revision, previous, value: value.map(Into::into) })
    };
    rows.iter().map(change).collect()
}

pub(super) async fn compact(
    connection: &mut MySqlConnection,
    revision: Revision,
) -> Result<pintle_storage::Result<()>, Error> {
    let mut transaction = connection.begin().await?;
    let lock = "SELECT value FROM pintle_marks WHERE name = 'compacted' FOR UPDATE";
    query(lock).fetch_one(&mut *transaction).await?;
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
pub(super) async fn clean(connection: &mut MySqlConnection) -> Result<bool, Error> {
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
        "DELETE old FROM pintle_log AS old JOIN pintle_log AS new ON new.previous = old.revision
            WHERE new.revision > ? AND new.revision <= ?",
        "DELETE FROM pintle_log WHERE revision > ? AND revision <= ? AND value IS NULL",
    ] {
        query(delete).bind(from).bind(to).execute(&mut *transaction).await?;
    }
    set_mark(&mut transaction, "cleaned", to).await?;
    transaction.commit().await?;
    Ok(to == compacted)
}

/// The size of the tables with their indexes, as the database estimates it now and then.
pub(super) async fn size(connection: &mut MySqlConnection) -> Result<Option<u64>, Error> {
    let size = "SELECT CAST(SUM(data_length + index_length) AS SIGNED)
        FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name IN ('pintle_log', 'pintle_marks')";
    let bytes: Option<i64> = query_scalar(size).fetch_one(connection).await?;
    Ok(bytes.and_then(|bytes| u64::try_from(bytes).ok()))
}

async fn set_mark(
    connection: &mut MySqlConnection,
    name: &'static str,
    value: i64,
) -> Result<(), Error> {
    let update = query("UPDATE pintle_marks SET value = ? WHERE name = ?").bind(value).bind(name);
    update.execute(connection).await.map(|_| ())
}

fn revision(row: &MySqlRow, column: usize) -> Result<Revision, Error> {
    to_revision(row.try_get(column)?).map_err(damaged)
}

fn key(row: &MySqlRow) -> Result<Arc<str>, Error> {
    to_key(row.try_get(0)?).map_err(damaged)
}

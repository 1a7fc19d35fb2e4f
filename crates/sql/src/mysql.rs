//! MySQL and MariaDB: several servers may share a database; each looks for the writes of the others.

mod sql;

use crate::commit::{Change, Commit, Write};
use crate::database::{Database, Marks, States};
use crate::remote::{self, Dialect, Remote};
use async_trait::async_trait;
use pintle_storage::{Error, Got, KeyValue, Result, Revision};
use sqlx::error::DatabaseError;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{ConnectOptions as _, Executor as _, MySql as My};
use std::io;
use std::str::FromStr as _;
use std::time::Duration;
use tokio::time::sleep;

/// How often the log is looked at: the database tells of nothing by itself. So long may a watch be
/// behind the writes of other servers; a consistent read has it looked at at once.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A database of MySQL or MariaDB.
#[derive(Debug)]
pub(crate) struct MySql {
    remote: Remote<My>,
}

impl MySql {
    /// Opens a database by its URL.
    ///
    /// # Errors
    /// Where the address makes no sense, or the database refuses to be used. One that cannot be
    /// reached is waited for.
    pub(crate) async fn open(address: &str) -> io::Result<Self> {
        let options = MySqlConnectOptions::from_str(address)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?
            .disable_statement_logging();
        let pool = PoolOptions::new().after_connect(|connection: &mut MySqlConnection, _| {
            Box::pin(async move {
                for setting in sql::SETTINGS {
                    connection.execute(setting).await?;
                }
                Ok(())
            })
        });
        let database = Self { remote: Remote::new(pool, options) };
        remote::first_contact(async { database.marks().await.map(|_| ()) }).await?;
        Ok(database)
    }
}

impl Dialect for My {
    async fn prepare(connection: PoolConnection<Self>) -> Result<(), sqlx::Error> {
        sql::prepare(connection).await
    }

    /// By the [numbers of errors](https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html).
    fn is_temporary(error: &dyn DatabaseError) -> bool {
        let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() else { return false };
        match error.number() {
            // Too many connections, or a server that is going down.
            1040 | 1053 | 1077..=1080 | 1203 | 1226 => true,
            // The disk or the table is full; a file cannot be written.
            1020 | 1021 | 1026 | 1030 | 1041 | 1114 => true,
            // The link broke, the wait was too long, somebody ended the statement.
            1152..=1161 | 1205 | 1213 | 1317 | 1927 | 3024 | 4031 => true,
            // It may not be written to for now.
            1290 | 1792 | 1836 => true,
            _ => false,
        }
    }

    fn place(options: &MySqlConnectOptions) -> String {
        remote::place(options.get_host(), options.get_port(), options.get_socket())
    }
}

#[async_trait]
impl Database for MySql {
    fn is_shared(&self) -> bool {
        true
    }

    async fn marks(&self) -> Result<Marks> {
        self.remote.read(sql::marks).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Commit> {
        self.remote.write(async |it| sql::commit(it, &writes).await).await
    }

    async fn get(&self, key: &str) -> Result<Got> {
        self.remote.read(async |it| sql::get(it, key).await).await
    }

    async fn states(&self, states: States) -> Result<Vec<KeyValue>> {
        self.remote.read(async |it| sql::states(it, &states).await).await
    }

    async fn changes(&self, after: Revision) -> Result<Vec<Change>> {
        self.remote.read(async |it| sql::changes(it, after).await).await
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.remote.write(async |it| sql::compact(it, revision).await).await?
    }

    async fn clean(&self) -> Result<bool> {
        self.remote.write(sql::clean).await
    }

    async fn size(&self) -> Result<Option<u64>> {
        self.remote.read(sql::size).await
    }

    async fn changed(&self) {
        sleep(LOOK_EVERY).await;
    }
}

/// An error of the log itself, in the form that statements have theirs.
fn damaged(error: Error) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

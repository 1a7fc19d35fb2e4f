//! PostgreSQL: several servers may share a database; it tells each of the writes of the others.

mod sql;

use crate::commit::{Change, Commit, Write};
use crate::database::{Database, Marks, States};
use crate::remote::{self, Dialect, Remote};
use async_trait::async_trait;
use pintle_storage::{Error, Got, KeyValue, Result, Revision};
use sqlx::error::DatabaseError;
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::postgres::{PgConnectOptions, PgListener};
use sqlx::{ConnectOptions as _, Postgres as Pg};
use std::io;
use std::str::FromStr as _;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::sleep;

/// How often the log is looked at although nobody told of a change: a notification can be lost with
/// the link that it comes on.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How long to wait before listening is tried again, which is how often the log is looked at
/// meanwhile.
const LISTEN_RETRY_DELAY: Duration = Duration::from_millis(500);

/// A database of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Postgres {
    remote: Remote<Pg>,
    listener: Mutex<Option<PgListener>>,
}

impl Postgres {
    /// Opens a database by its
    /// [URI](https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING).
    ///
    /// # Errors
    /// Where the address makes no sense, or the database refuses to be used. One that cannot be
    /// reached is waited for.
    pub(crate) async fn open(address: &str) -> io::Result<Self> {
        let stuck = format!("{}s", remote::STUCK_SECONDS);
        let options = PgConnectOptions::from_str(address)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?
            .application_name("pintle")
            .options([("idle_in_transaction_session_timeout", stuck.as_str())])
            .options([("lock_timeout", "5s")])
            .disable_statement_logging();
        let remote = Remote::new(PoolOptions::new(), options);
        let database = Self { remote, listener: Mutex::default() };
        remote::first_contact(async { database.marks().await.map(|_| ()) }).await?;
        Ok(database)
    }
}

impl Dialect for Pg {
    async fn prepare(connection: PoolConnection<Self>) -> Result<(), sqlx::Error> {
        sql::prepare(connection).await
    }

    /// By the [classes of errors](https://www.postgresql.org/docs/15/errcodes-appendix.html).
    fn is_temporary(error: &dyn DatabaseError) -> bool {
        let code = error.code().unwrap_or_default();
        // Links, transactions, resources, operators, files; a server that is a replica for now.
        let classes = ["08", "25", "40", "53", "55", "57", "58"];
        classes.iter().any(|class| code.starts_with(class))
    }

    fn place(options: &PgConnectOptions) -> String {
        let port = options.get_port();
        let socket = options.get_socket().map(|folder| folder.join(format!(".s.PGSQL.{port}")));
        remote::place(options.get_host(), port, socket.as_ref())
    }
}

#[async_trait]
impl Database for Postgres {
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
        let mut listener = self.listener.lock().await;
        if listener.is_none() {
            match sql::listen(&self.remote.pool).await {
                // What happened before it listened is looked for now.
                Ok(new) => *listener = Some(new),
                Err(error) => {
                    tracing::debug!(%error, "the database cannot be listened to");
                    sleep(LISTEN_RETRY_DELAY).await;
                }
            }
            return;
        }
        let Some(listening) = listener.as_mut() else { return };
        tokio::select! {
            told = listening.try_recv() => if let Err(error) = told {
                tracing::debug!(%error, "the database does not tell of changes any more");
                *listener = None;
                self.remote.broke();
                sleep(LISTEN_RETRY_DELAY).await;
            },
            () = sleep(LOOK_EVERY) => {}
        }
    }
}

/// An error of the log itself, in the form that statements have theirs.
fn damaged(error: Error) -> sqlx::Error {
    sqlx::Error::Decode(error.into())
}

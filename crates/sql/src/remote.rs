//! What databases behind a link have in common: pools, time, and errors.

use pintle_storage::{Error, Result};
use sqlx::pool::{PoolConnection, PoolOptions};
use sqlx::{ConnectOptions as _, Connection, Database, Pool};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::OnceCell;
use tokio::time::timeout;

/// How many connections a server has to a database: one writes, one cleans, the others read.
const CONNECTIONS_MAX: u32 = 8;

/// How long to wait for a connection that is free, or for a database that is not there.
const CONNECTION_TIME: Duration = Duration::from_secs(3);

/// How long one more try to connect may take, which is made to learn why there is no connection.
const REASON_TIME: Duration = Duration::from_secs(1);

/// How long a connection that nobody needs is kept. Databases end idle ones too, but later.
const IDLE_TIME: Duration = Duration::from_secs(60);

/// How long a connection is taken to be well without asking.
const TRUST_TIME: Duration = Duration::from_secs(1);

/// How long a database may take for one operation.
const OPERATION_TIME: Duration = Duration::from_secs(10);

/// How long the start waits for a database. One that comes later is waited for in the background.
const START_TIME: Duration = Duration::from_secs(5);

/// For how long, in seconds, a server that stops in the middle of a transaction can keep the
/// others from writing.
pub(crate) const STUCK_SECONDS: u32 = 10;

/// How many rows of the log one step of cleaning looks at.
pub(crate) const CLEAN_REVISIONS: i64 = 1000;

/// The name of the error for tables that are not for this version.
pub(crate) fn newer(schema: i64) -> sqlx::Error {
    let known = crate::database::SCHEMA;
    let why = format!(
        "it was written by a newer version of this program: its schema is {schema}, and {known} is \
         the newest that is known here"
    );
    sqlx::Error::Configuration(why.into())
}

/// What differs from one database to another.
pub(crate) trait Dialect: Database {
    /// Makes the tables, or checks those that are there.
    fn prepare(
        connection: PoolConnection<Self>,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;

    /// Whether the same request may succeed later.
    fn is_temporary(error: &dyn sqlx::error::DatabaseError) -> bool;

    /// Where the database is, in words for a log: without a password.
    fn place(options: &<Self::Connection as Connection>::Options) -> String;
}

/// A host with its port, or a socket.
pub(crate) fn place(host: &str, port: u16, socket: Option<&PathBuf>) -> String {
    match socket {
        Some(socket) => socket.display().to_string(),
        None => format!("{host}:{port}"),
    }
}

/// When a link broke last.
///
/// A database that was started anew has broken all of them: who is told so by one connection does not
/// trust the others.
#[derive(Debug, Default)]
struct Break(Mutex<Option<Instant>>);

impl Break {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether it was in the last so much time.
    fn is_within(&self, time: Duration) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.elapsed() <= time)
    }
}

/// A pool whose database gets its tables when it is first reached.
#[derive(Debug)]
pub(crate) struct Remote<DB: Database> {
    pub pool: Pool<DB>,
    prepared: OnceCell<()>,
    last_break: Arc<Break>,
}

impl<DB: Dialect> Remote<DB> {
    pub(crate) fn new(
        pool: PoolOptions<DB>,
        address: <DB::Connection as Connection>::Options,
    ) -> Self {
        let last_break = Arc::new(Break::default());
        let told = Arc::clone(&last_break);
        let pool = pool
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(CONNECTION_TIME)
            .idle_timeout(IDLE_TIME)
            .test_before_acquire(false)
            .before_acquire(move |connection: &mut DB::Connection, used| {
                let trusted = used.idle_for < TRUST_TIME && !told.is_within(used.idle_for);
                Box::pin(async move { Ok(trusted || connection.ping().await.is_ok()) })
            })
            .connect_lazy_with(address);
        Self { pool, prepared: OnceCell::new(), last_break }
    }

    /// Asks for what can be asked twice: once more where the link turns out to have broken.
    pub(crate) async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, sqlx::Error> + Clone,
    ) -> Result<T> {
        let mut answer = self.attempt(work.clone()).await?;
        if answer.as_ref().is_err_and(is_temporary::<DB>) {
            answer = self.attempt(work).await?;
        }
        answer.map_err(failed::<DB>)
    }

    /// Does what must not be done twice.
    pub(crate) async fn write<T>(
        &self,
        work: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, sqlx::Error>,
    ) -> Result<T> {
        self.attempt(work).await?.map_err(failed::<DB>)
    }

    /// Waits for a connection and for what it answers, and for no longer than a database may take.
    async fn attempt<T>(
        &self,
        work: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, sqlx::Error>,
    ) -> Result<Result<T, sqlx::Error>> {
        let mut connection = self.connection().await?;
        let answer = timeout(OPERATION_TIME, work(&mut *connection)).await;
        if answer.as_ref().map_or(true, |answer| answer.as_ref().is_err_and(is_temporary::<DB>)) {
            self.broke();
        }
        if answer.is_err() {
            // What it would answer now nobody could tell from the answer to the next question.
            drop(connection.detach());
        }
        answer.map_err(late)
    }

    /// Notes that a link broke.
    pub(crate) fn broke(&self) {
        self.last_break.note();
    }

    /// A connection to a database that has its tables.
    async fn connection(&self) -> Result<PoolConnection<DB>> {
        let prepared = self.prepared.get_or_try_init(|| async {
            let connection = self.acquire().await?;
            let done = timeout(OPERATION_TIME, DB::prepare(connection)).await;
            done.map_err(late)?.map_err(failed::<DB>)
        });
        prepared.await?;
        self.acquire().await
    }

    async fn acquire(&self) -> Result<PoolConnection<DB>> {
        let error = match self.pool.acquire().await {
            Ok(connection) => return Ok(connection),
            // A pool waits for a database that refuses connections, and does not say for what.
            Err(sqlx::Error::PoolTimedOut) if self.pool.size() == 0 => self.reason().await,
            Err(error) => error,
        };
        match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                let place = DB::place(&self.pool.connect_options());
                let why = match error {
                    sqlx::Error::Io(error) => error.to_string(),
                    error => error.to_string(),
                };
                Err(Error::Unavailable(format!("{place}: {why}").into()))
            }
            error => Err(failed::<DB>(error)),
        }
    }

    /// Why the database cannot be connected to.
    async fn reason(&self) -> sqlx::Error {
        match timeout(REASON_TIME, self.pool.connect_options().connect()).await {
            Ok(Err(error)) => error,
            // It has just come.
            Ok(Ok(connection)) => {
                let _ = connection.close_hard().await;
                sqlx::Error::PoolTimedOut
            }
            Err(_) => {
                let why = format!("no answer in {:?}", CONNECTION_TIME + REASON_TIME);
                sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why))
            }
        }
    }
}

fn late(_: tokio::time::error::Elapsed) -> Error {
    Error::Unavailable(format!("the database does not answer in {OPERATION_TIME:?}").into())
}

fn failed<DB: Dialect>(error: sqlx::Error) -> Error {
    match is_temporary::<DB>(&error) {
        true => Error::Unavailable(error.into()),
        false => Error::Internal(error.into()),
    }
}

/// Whether the same request may succeed later.
fn is_temporary<DB: Dialect>(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(told) => DB::is_temporary(told.as_ref()),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

/// What the first try to reach a database means for the start of a server: one that is not there is
/// waited for, one that refuses is told of.
pub(crate) async fn first_contact(contact: impl Future<Output = Result<()>>) -> io::Result<()> {
    let error = match timeout(START_TIME, contact).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(Error::Internal(cause))) => {
            let why = cause.to_string().replace('\n', " ");
            let why = why.strip_prefix("error with configuration: ").unwrap_or(&why).to_owned();
            return Err(io::Error::other(why));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer in {START_TIME:?}"),
    };
    tracing::warn!(error, "the database cannot be reached yet and is waited for");
    Ok(())
}

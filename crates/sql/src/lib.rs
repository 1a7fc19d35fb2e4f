//! SQLite, PostgreSQL, MySQL and MariaDB as storages of Pintle.
//!
//! All of them hold the same thing: one log, to which every write adds a row, and a few marks. The
//! newest row of a key is the key; the number of a row is its revision. This is the idea of
//! [kine](https://github.com/k3s-io/kine), on which K3s runs, with one difference: revisions are
//! given out under a lock that a transaction holds until it is committed. So they have no gaps, and
//! their order is the order of the commits, however many servers share a database.
//!
//! Whatever the database is, one task of a server makes the writes. It commits in one transaction
//! what has come together while the transaction before it was made durable.

mod commit;
mod compaction;
mod database;
mod log;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod remote;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tail;
mod watch;
mod writer;

use async_trait::async_trait;
use database::Database;
use pintle_storage::{Backend, Storage};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The SQL databases, by address.
///
/// | address | what it opens |
/// |---|---|
/// | `sqlite:PATH` | a file, which is made where there is none; this process alone may use it |
/// | `postgres://USER:PASSWORD@HOST/DATABASE` | a database of PostgreSQL 15 or newer |
/// | `mysql://USER:PASSWORD@HOST/DATABASE` | a database of MySQL 8, or of MariaDB 10.11, or newer |
///
/// Several servers may share a database of PostgreSQL, MySQL or MariaDB. It has to exist; the tables
/// are made. One that cannot be reached at the start is waited for.
///
/// In the place of a host a Unix socket can be named: `postgres:///hello?host=/run/postgresql`,
/// `mysql://hello@localhost/hello?socket=/run/mysqld/mysqld.sock`. TLS is used where the database
/// offers it; `sslmode=verify-full` and `sslrootcert=FILE` (PostgreSQL), `ssl-mode=VERIFY_IDENTITY`
/// and `ssl-ca=FILE` (MySQL) ask for more. A password of MySQL 8 needs TLS or a Unix socket.
///
/// What happened is kept for five to ten minutes, for watches that start in the past and lists of it.
/// `?compaction-seconds=N` in an address makes that N seconds to twice as long; 0 keeps everything.
///
/// With SQLite nothing has to be installed or named: the address where none is given is that of
/// `objects.db` in the server's folder.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pintle_storage::Backend;
///
/// let folder = tempfile::tempdir()?;
/// let address = pintle_sql::Sql.default_address(folder.path()).expect("SQLite needs no address");
/// let store = pintle_sql::Sql.open(&address).await?;
/// let revision = store.create("/foos/default/bar", "one".into()).await?;
/// drop(store);
///
/// let store = pintle_sql::Sql.open(&address).await?;
/// assert_eq!(store.current_revision().await?, revision);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Sql;

#[async_trait]
impl Backend for Sql {
    fn schemes(&self) -> &'static [&'static str] {
        &[
            #[cfg(feature = "sqlite")]
            "sqlite",
            #[cfg(feature = "postgres")]
            "postgres",
            #[cfg(feature = "postgres")]
            "postgresql",
            #[cfg(feature = "mysql")]
            "mysql",
            #[cfg(feature = "mysql")]
            "mariadb",
        ]
    }

    fn default_address(&self, folder: &Path) -> Option<String> {
        cfg!(feature = "sqlite").then(|| format!("sqlite:{}", folder.join("objects.db").display()))
    }

    async fn open(&self, address: &str) -> io::Result<Arc<dyn Storage>> {
        let (address, interval) = compaction::interval(address)?;
        let (scheme, rest) = address.split_once(':').unwrap_or((&address, ""));
        let database: Arc<dyn Database> = match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => {
                // Both `sqlite:/a/path` and `sqlite:///a/path` are in use elsewhere.
                let path = rest.strip_prefix("//").unwrap_or(rest);
                Arc::new(sqlite::Sqlite::open(path).await?)
            }
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" => Arc::new(postgres::Postgres::open(&address).await?),
            #[cfg(feature = "mysql")]
            "mysql" | "mariadb" => Arc::new(mysql::MySql::open(&format!("mysql:{rest}")).await?),
            _ => {
                let why = format!("{scheme:?} is no database that this program knows");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
        };
        Ok(Arc::new(log::Log::start(database, interval).await?))
    }
}

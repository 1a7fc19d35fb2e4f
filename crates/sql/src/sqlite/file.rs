//! The file of a database: whose it is, whether it can be used, and its connections.

use super::sql;
use crate::database::SCHEMA;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The mark in the header of the file that says whose it is: "Pntl".
const APPLICATION: i64 = 0x506e_746c;

/// The header of the file, by [the format](https://sqlite.org/fileformat.html#the_database_header).
const HEADER_BYTES: usize = 100;
const MAGIC: &[u8] = b"SQLite format 3\0";

/// How long to wait for another process that is about to end.
const LOCK_TIME: Duration = Duration::from_secs(2);
const LOCK_RETRY_DELAY: Duration = Duration::from_millis(20);

/// A file up to this size is checked page by page before it is used.
const CHECK_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How much memory a connection uses for pages, in KiB, as SQLite wants it: negative.
const WRITER_CACHE: i64 = -4096;
const READER_CACHE: i64 = -1024;

/// What the log of writes may keep of the disk once it has been taken into the file.
const LOG_BYTES_KEPT: i64 = 16 * 1024 * 1024;

/// How long a connection waits for another one of this process.
const BUSY_TIME: Duration = Duration::from_secs(5);

/// Takes the lock that says that this process has the database.
///
/// It is on a file beside the database, because SQLite has locks of its own on the other ones. It
/// goes with the process, however that ends.
pub(super) async fn lock(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let file = private().open(beside(path, "lock"))?;
    let deadline = Instant::now() + LOCK_TIME;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                sleep(LOCK_RETRY_DELAY).await;
            }
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another process uses it"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Opens a database for the one who writes, and makes it where there is none.
pub(super) fn open(path: &Path) -> io::Result<Connection> {
    // A file that was left in the middle of a transaction is for SQLite to judge.
    if !beside(path, "-journal").exists() {
        check_header(path)?;
    }
    private().open(path)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(refused)?;
    prepare(&mut connection, path)?;
    Ok(connection)
}

/// Opens one more connection, which reads only.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.pragma_update(None, "cache_size", READER_CACHE)?;
    Ok(connection)
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIME)?;
    Ok(connection)
}

/// Reads the header of a file by hand, so that one that is not ours is not touched.
fn check_header(path: &Path) -> io::Result<()> {
    let mut header = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(HEADER_BYTES as u64).read_to_end(&mut header)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if header.is_empty() {
        return Ok(());
    }
    if header.len() < HEADER_BYTES || !header.starts_with(MAGIC) {
        return Err(io::Error::other("it is not a SQLite database"));
    }
    let number = |at: usize| header[at..at + 4].iter().fold(0, |n, byte| n << 8 | i64::from(*byte));
    check_marks(number(68), number(60))
}

fn check_marks(application: i64, schema: i64) -> io::Result<()> {
    if application != APPLICATION {
        return Err(io::Error::other("it is a database of another program"));
    }
    if schema > SCHEMA {
        return Err(io::Error::other(format!(
            "it was written by a newer version of this program: its schema is {schema}, and \
             {SCHEMA} is the newest that is known here"
        )));
    }
    Ok(())
}

/// Makes or checks what is in the file, and says how to write to it.
fn prepare(connection: &mut Connection, path: &Path) -> io::Result<()> {
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(tables, [], |row| row.get(0)).map_err(refused)?;
    if tables == 0 {
        create(connection).map_err(refused)?;
    }
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    check_marks(
        pragma("application_id").map_err(refused)?,
        pragma("user_version").map_err(refused)?,
    )?;
    if fs::metadata(path)?.len() <= CHECK_BYTES_MAX {
        let check = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let found = connection.query_row("PRAGMA quick_check(1)", [], check).map_err(refused)?;
        if found != "ok" {
            return Err(damaged(&found));
        }
    }
    // What does not change between versions is set each time, so that it can change.
    let set = |name, value: &dyn rusqlite::ToSql| connection.pragma_update(None, name, value);
    set("journal_mode", &"WAL").map_err(refused)?;
    set("synchronous", &"FULL").map_err(refused)?;
    set("cache_size", &WRITER_CACHE).map_err(refused)?;
    let kept = "journal_size_limit";
    connection.pragma_update_and_check(None, kept, LOG_BYTES_KEPT, |_| Ok(())).map_err(refused)?;
    sql::marks(connection).map(|_| ()).map_err(refused)
}

/// Makes the tables in one transaction; before the switch to write-ahead logging, so that the header
/// of the file says from the beginning whose it is.
fn create(connection: &mut Connection) -> rusqlite::Result<()> {
    // Has to be said before there is a table.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(sql::SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", SCHEMA)?;
    transaction.commit()
}

/// What is wrong with a file, in words that follow its name.
fn refused(error: rusqlite::Error) -> io::Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => io::Error::other("it is not a SQLite database"),
        Some(ErrorCode::DatabaseCorrupt) => damaged(&error.to_string()),
        _ => io::Error::other(error),
    }
}

fn damaged(why: &str) -> io::Error {
    io::Error::other(format!("it is damaged: {}", why.replace('\n', " ")))
}

/// Objects may hold secrets: only the user of the server reads them.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if !ending.starts_with('-') {
        name.push(".");
    }
    name.push(ending);
    name.into()
}

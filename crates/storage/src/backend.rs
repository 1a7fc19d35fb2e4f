//! Storages by address: how a command line names the place where objects are kept.

use crate::Storage;
use async_trait::async_trait;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A sort of storage that a server offers, and that an address opens.
///
/// An address is a scheme, a colon, and what the backend makes of the rest, for example
/// `sqlite:/var/lib/hello/objects.db` or `postgres://hello@db.example.com/hello`.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The schemes of the addresses that this backend opens.
    fn schemes(&self) -> &'static [&'static str];

    /// The address that is used where none is given, of a backend that needs nothing but a folder.
    ///
    /// The first backend of a server that has one decides where the server keeps objects.
    fn default_address(&self, folder: &Path) -> Option<String> {
        let _ = folder;
        None
    }

    /// Opens the storage at an address.
    ///
    /// A store that cannot be reached yet is no error: each operation answers
    /// [`Error::Unavailable`](crate::Error::Unavailable) until it can be.
    ///
    /// # Errors
    /// Where the address makes no sense, a file that it names cannot be used, or what is stored
    /// there is not for this version of the backend.
    async fn open(&self, address: &str) -> io::Result<Arc<dyn Storage>>;
}

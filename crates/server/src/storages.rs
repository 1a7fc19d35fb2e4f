//! Which storage a server uses: what the command line names, among those that the author offers.

use crate::options::Options;
use pintle_meta::GroupResource;
use pintle_storage::{Backend, Memory, Storage};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// The storage that is always there.
const MEMORY: &str = "memory";

/// The storages that a server can use.
#[derive(Debug, Default)]
pub(crate) struct Storages {
    /// The one to use whatever else is said.
    pub fixed: Option<Arc<dyn Storage>>,
    /// Those whose addresses can be given.
    pub offered: Vec<Box<dyn Backend>>,
}

/// The storage that one resource has for itself.
#[derive(Clone, Debug)]
pub(crate) struct Override {
    pub resource: GroupResource,
    pub storage: Arc<dyn Storage>,
}

/// The storages of a server.
#[derive(Debug)]
pub(crate) struct Opened {
    pub main: Arc<dyn Storage>,
    pub overrides: Vec<Override>,
    /// The storages of the overrides, each once.
    pub separate: Vec<Arc<dyn Storage>>,
}

impl Opened {
    pub(crate) fn all(&self) -> Vec<Arc<dyn Storage>> {
        [std::slice::from_ref(&self.main), &self.separate].concat()
    }
}

impl Storages {
    /// Opens the storage that the command line names, and those of single resources; an address that
    /// is there twice is opened once.
    ///
    /// # Errors
    /// Where one of them cannot be opened.
    pub(crate) async fn open_all(&self, options: &Options, folder: &Path) -> io::Result<Opened> {
        let (address, overrides) = (options.storage_address()?, options.etcd.overrides()?);
        let main = self.open(address.as_deref(), folder).await?;
        let mut opened = Opened { main, overrides: Vec::new(), separate: Vec::new() };
        let mut addresses = Vec::new();
        for (resource, address) in overrides {
            let known = addresses.iter().position(|known| *known == address);
            let storage = match known {
                Some(at) => Arc::clone(&opened.separate[at]),
                None => {
                    let storage = self.open(Some(&address), folder).await?;
                    opened.separate.push(Arc::clone(&storage));
                    addresses.push(address);
                    storage
                }
            };
            opened.overrides.push(Override { resource, storage });
        }
        Ok(opened)
    }

    /// Opens the storage at an address; `folder` is for one that needs no address.
    ///
    /// # Errors
    /// Where no backend knows the address, or the one that does cannot open it.
    async fn open(&self, address: Option<&str>, folder: &Path) -> io::Result<Arc<dyn Storage>> {
        if let Some(storage) = &self.fixed {
            return Ok(Arc::clone(storage));
        }
        let Some((backend, address)) = self.choose(address, folder)? else {
            return Ok(Arc::new(Memory::new()));
        };
        backend.open(&address).await.map_err(|error| {
            let address = without_password(&address);
            io::Error::other(format!("cannot use --storage={address}: {error}"))
        })
    }

    /// The backend for an address, and the whole of the address; `None` for memory.
    fn choose(
        &self,
        address: Option<&str>,
        folder: &Path,
    ) -> io::Result<Option<(&dyn Backend, String)>> {
        let offered = || self.offered.iter().map(Box::as_ref);
        let Some(address) = address else {
            return Ok(offered().find_map(|it| Some((it, it.default_address(folder)?))));
        };
        if address == MEMORY {
            return Ok(None);
        }
        let scheme = address.split(':').next().unwrap_or_default();
        let of_scheme = offered().find(|backend| backend.schemes().contains(&scheme));
        // A scheme alone means the address that the backend has anyway.
        let whole = match of_scheme {
            Some(backend) if address == scheme => backend.default_address(folder),
            _ => Some(address.to_owned()),
        };
        match of_scheme.zip(whole) {
            Some(chosen) => Ok(Some(chosen)),
            None => Err(self.unknown(address)),
        }
    }

    fn unknown(&self, address: &str) -> io::Error {
        let schemes = self.offered.iter().flat_map(|it| it.schemes());
        let known: Vec<String> = schemes.map(|scheme| format!("{scheme}:…")).collect();
        let known = [vec![MEMORY.to_owned()], known].concat().join(", ");
        let address = without_password(address);
        let why = format!("invalid value '{address}' for --storage: known are {known}");
        io::Error::new(io::ErrorKind::InvalidInput, why)
    }
}

/// An address as it may be shown: what is between the user and the host is nobody's business.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let password = rest[..end].rfind('@').and_then(|at| Some((rest[..at].find(':')?, at)));
    match password {
        Some((colon, at)) => format!("{scheme}://{}:***{}", &rest[..colon], &rest[at..]),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backend that opens nothing, to be chosen among others.
    #[derive(Debug)]
    struct Named(&'static [&'static str], Option<&'static str>);

    #[async_trait::async_trait]
    impl Backend for Named {
        fn schemes(&self) -> &'static [&'static str] {
            self.0
        }

        fn default_address(&self, folder: &Path) -> Option<String> {
            self.1.map(|name| format!("{}:{}", self.0[0], folder.join(name).display()))
        }

        async fn open(&self, _: &str) -> io::Result<Arc<dyn Storage>> {
            Err(io::Error::other("it is a test"))
        }
    }

    #[tokio::test]
    async fn the_address_chooses() {
        let storages = Storages {
            fixed: None,
            offered: vec![
                Box::new(Named(&["far", "farther"], None)),
                Box::new(Named(&["near"], Some("objects.db"))),
            ],
        };
        let check = async |address: Option<&str>, want: &str| {
            let got = storages.open(address, Path::new("/d")).await;
            let got = got.map_or_else(|error| error.to_string(), |it| format!("{it:?}"));
            assert!(got.contains(want), "{address:?}: {got}");
        };
        check(None, "cannot use --storage=near:/d/objects.db: it is a test").await;
        check(Some("near"), "--storage=near:/d/objects.db:").await;
        check(Some("near:x"), "--storage=near:x:").await;
        check(Some("farther://x"), "--storage=farther://x:").await;
        check(Some("far://me:se:cr@t@h/d?a@b"), "--storage=far://me:***@h/d?a@b:").await;
        check(Some("memory"), "Memory").await;
        let known = "known are memory, far:…, farther:…, near:…";
        check(Some("far"), &format!("invalid value 'far' for --storage: {known}")).await;
        check(Some("elsewhere:x"), &format!("'elsewhere:x' for --storage: {known}")).await;
    }
}

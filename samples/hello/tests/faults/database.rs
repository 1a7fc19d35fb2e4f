//! A database of PostgreSQL or MariaDB that crashes and comes back.

use crate::RECOVERY_TIME;
use crate::program::{Home, User, find, skipped};
use pintle::storage::Backend;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A database in a folder of its own, reached by a socket there.
pub(crate) struct Database {
    home: Home,
    server: PathBuf,
    arguments: Vec<String>,
    pub address: String,
}

impl Database {
    /// One that has not been started; `None` where PostgreSQL is not installed.
    pub(crate) fn postgresql() -> Option<Self> {
        let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut folders: Vec<_> = installed.map(|it| it.path().join("bin")).collect();
        folders.sort();
        folders.reverse();
        let (Some(initdb), Some(server)) = (find("initdb", &folders), find("postgres", &folders))
        else {
            skipped("a server on PostgreSQL");
            return None;
        };
        let home = Home::new(User::instead_of_root("postgres"));
        home.run(&initdb, &["-D", "data", "-U", "hello", "-A", "trust", "-E", "UTF8", "-N"]);
        let folder = home.folder.path().display().to_string();
        // What was acknowledged is on the disk: this is a test of crashes.
        let arguments = ["-D", "data", "-k", &folder, "-c", "listen_addresses="];
        let arguments = arguments.map(str::to_owned).into();
        let address = format!("postgres://hello@localhost/postgres?host={folder}");
        Some(Self { home, server, arguments, address })
    }

    /// The same of MariaDB.
    pub(crate) fn mariadb() -> Option<Self> {
        let folders = [Path::new("/usr/sbin").to_owned()];
        let install = find("mariadb-install-db", &folders);
        let (Some(install), Some(server)) = (install, find("mariadbd", &folders)) else {
            skipped("a server on MariaDB");
            return None;
        };
        let home = Home::new(User::instead_of_root("mysql"));
        let folder = home.folder.path().display().to_string();
        let data = format!("--datadir={folder}/data");
        let trusting = "--auth-root-authentication-method=normal";
        home.run(&install, &["--no-defaults", &data, trusting]);
        let socket = format!("--socket={folder}/socket");
        let arguments = vec!["--no-defaults".to_owned(), data, socket, "--skip-networking".into()];
        // The database that a new MariaDB has.
        let address = format!("mysql://root@localhost/test?socket={folder}/socket");
        Some(Self { home, server, arguments, address })
    }

    /// Starts it, where it is not running, and waits until it is there.
    pub(crate) async fn start(&mut self) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        self.home.start(&self.server, &arguments);
        let begun = Instant::now();
        loop {
            if let Ok(storage) = pintle_sql::Sql.open(&self.address).await
                && storage.current_revision().await.is_ok()
            {
                return;
            }
            assert!(begun.elapsed() < RECOVERY_TIME, "{}", self.home.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it without letting it finish anything.
    pub(crate) fn crash(&mut self) {
        // A killed PostgreSQL would leave its children behind; this signal kills them too.
        self.home.end(if self.address.starts_with("mysql") { "-KILL" } else { "-QUIT" });
    }
}

//! MariaDB, which stands for MySQL too.

use crate::program::{Home, Program, User, find, skipped};
use crate::shared;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, MySqlConnection};
use std::path::{Path, PathBuf};
use std::time::Duration;

struct MariaDb {
    home: Home,
    server: PathBuf,
    databases: usize,
}

impl MariaDb {
    async fn new() -> Option<Self> {
        let folders = [Path::new("/usr/sbin").to_owned()];
        let install = find("mariadb-install-db", &folders);
        let (Some(install), Some(server)) = (install, find("mariadbd", &folders)) else {
            skipped("MariaDB");
            return None;
        };
        let home = Home::new(User::instead_of_root("mysql"));
        let data = format!("--datadir={}/data", home.folder.path().display());
        let trusting = "--auth-root-authentication-method=normal";
        home.run(&install, &["--no-defaults", &data, trusting]);
        let mut mariadb = Self { home, server, databases: 0 };
        mariadb.start().await;
        Some(mariadb)
    }

    fn address(&self, database: &str) -> String {
        let folder = self.home.folder.path().display();
        format!("mysql://root@localhost/{database}?socket={folder}/socket")
    }
}

#[async_trait::async_trait]
impl Program for MariaDb {
    async fn start(&mut self) {
        let folder = self.home.folder.path().display().to_string();
        let (data, socket) =
            (format!("--datadir={folder}/data"), format!("--socket={folder}/socket"));
        let flush = "--innodb-flush-log-at-trx-commit=2";
        let arguments = ["--no-defaults", &data, &socket, "--skip-networking", flush];
        let server = self.server.clone();
        self.home.start(&server, &arguments);
        for _ in 0..600 {
            if MySqlConnection::connect(&self.address("mysql")).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("MariaDB does not start: {}", self.home.log());
    }

    async fn stop(&mut self) {
        self.home.end("-KILL");
    }

    async fn database(&mut self) -> String {
        self.databases += 1;
        let name = format!("d{}", self.databases);
        let mut connection = MySqlConnection::connect(&self.address("mysql")).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        self.address(&name)
    }

    fn nowhere(&self) -> String {
        self.address("nowhere")
    }

    async fn execute(&self, address: &str, statement: &'static str) {
        let mut connection = MySqlConnection::connect(address).await.unwrap();
        connection.execute(statement).await.unwrap();
    }

    fn break_links(&self) -> &'static str {
        "BEGIN NOT ATOMIC
            FOR it IN (SELECT id FROM information_schema.processlist WHERE db = DATABASE()) DO
                IF it.id <> CONNECTION_ID() THEN KILL it.id; END IF;
            END FOR;
        END"
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_a_storage_that_servers_share() {
    if let Some(mut mariadb) = MariaDb::new().await {
        shared::check(&mut mariadb).await;
    }
}

//! PostgreSQL.

use crate::program::{Home, Program, User, find, skipped};
use crate::shared;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use std::path::PathBuf;
use std::time::Duration;

struct Postgres {
    home: Home,
    server: PathBuf,
    databases: usize,
}

impl Postgres {
    async fn new() -> Option<Self> {
        let installed = std::fs::read_dir("/usr/lib/postgresql");
        let versions = installed.into_iter().flatten().flatten();
        let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
        folders.sort();
        folders.reverse();
        let (Some(initdb), Some(server)) = (find("initdb", &folders), find("postgres", &folders))
        else {
            skipped("PostgreSQL");
            return None;
        };
        let home = Home::new(User::instead_of_root("postgres"));
        home.run(&initdb, &["-D", "data", "-U", "hello", "-A", "trust", "-E", "UTF8", "-N"]);
        let mut postgres = Self { home, server, databases: 0 };
        postgres.start().await;
        Some(postgres)
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://hello@localhost/{database}?host={}", self.home.folder.path().display())
    }
}

#[async_trait::async_trait]
impl Program for Postgres {
    async fn start(&mut self) {
        let folder = self.home.folder.path().display().to_string();
        let settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"];
        let arguments = [&["-D", "data", "-k", &folder][..], &settings].concat();
        let server = self.server.clone();
        self.home.start(&server, &arguments);
        for _ in 0..600 {
            if PgConnection::connect(&self.address("postgres")).await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("PostgreSQL does not start: {}", self.home.log());
    }

    async fn stop(&mut self) {
        self.home.end("-QUIT");
    }

    async fn database(&mut self) -> String {
        self.databases += 1;
        let name = format!("d{}", self.databases);
        let mut connection = PgConnection::connect(&self.address("postgres")).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        connection.execute(AssertSqlSafe(create)).await.unwrap();
        self.address(&name)
    }

    fn nowhere(&self) -> String {
        self.address("nowhere")
    }

    async fn execute(&self, address: &str, statement: &'static str) {
        let mut connection = PgConnection::connect(address).await.unwrap();
        connection.execute(statement).await.unwrap();
    }

    fn break_links(&self) -> &'static str {
        "SELECT PG_TERMINATE_BACKEND(pid) FROM pg_stat_activity
            WHERE pid <> PG_BACKEND_PID() AND datname = CURRENT_DATABASE()"
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_is_a_storage_that_servers_share() {
    if let Some(mut postgres) = Postgres::new().await {
        shared::check(&mut postgres).await;
    }
}

//! A real PostgreSQL behind the gateways, and the clients that come to it: `psql`, `pgbench`, and a client that says
//! byte for byte what a test wants said. All of them go to a gateway's door or straight to the server alike.

pub mod bank;
pub mod certificates;
pub mod frame;
pub mod pgbench;
pub mod programs;
pub mod psql;
pub mod relay;
pub mod server;
pub mod skim;
pub mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tokio::process::Command;

pub use bank::Bank;
pub use certificates::Authority;
pub use psql::Psql;
pub use relay::Relay;
pub use server::Server;
pub use skim::Skim;
pub use wire::{Answer, Fields, Message, Wire};

/// Where somebody logs in, and as whom.
#[derive(Debug, Clone)]
pub struct Login {
    pub place: Place,
    pub user: String,
    pub password: String,
    pub database: String,
    /// What `libpq` reads from the environment beside these, such as `PGSSLMODE`.
    pub environment: BTreeMap<String, String>,
}

/// Where a server or a door listens.
#[derive(Debug, Clone)]
pub enum Place {
    Tcp(SocketAddr),
    /// The folder of the server's socket, and its port.
    Socket(PathBuf, u16),
}

impl Login {
    /// As `user` at a listener on loopback, without TLS.
    pub fn tcp(address: SocketAddr, user: &str, password: &str, database: &str) -> Self {
        let login = Self {
            place: Place::Tcp(address),
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
            environment: BTreeMap::new(),
        };
        login.with("PGSSLMODE", "disable")
    }

    /// The same with something else in the environment.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same over TLS, trusting nobody but this authority.
    pub fn verified_by(self, authority: &Path) -> Self {
        let authority = authority.to_str().expect("UTF-8").to_owned();
        self.with("PGSSLMODE", "verify-full").with("PGSSLROOTCERT", &authority)
    }

    /// The same with another password.
    pub fn password(mut self, password: &str) -> Self {
        password.clone_into(&mut self.password);
        self
    }

    /// The same under another name.
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    /// The same, asking for another database.
    pub fn database(mut self, database: &str) -> Self {
        database.clone_into(&mut self.database);
        self
    }

    /// One of PostgreSQL's clients, which finds all of it in an environment that holds nothing else.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.command(&programs::client(program));
        command.env("PGAPPNAME", program);
        command
    }

    /// Any program that goes by the environment as `libpq` does.
    pub fn command(&self, program: &Path) -> Command {
        let (host, port) = match &self.place {
            Place::Tcp(address) => (address.ip().to_string(), address.port()),
            Place::Socket(folder, port) => (folder.to_str().expect("UTF-8").to_owned(), *port),
        };
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C.UTF-8");
        command.env("HOME", "/nonexistent").env("PGCONNECT_TIMEOUT", "30");
        command.env("PGHOST", host).env("PGPORT", port.to_string()).env("PGDATABASE", &self.database);
        command.env("PGUSER", &self.user).env("PGPASSWORD", &self.password).envs(&self.environment);
        command.kill_on_drop(true);
        command
    }
}

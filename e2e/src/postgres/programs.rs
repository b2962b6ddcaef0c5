//! PostgreSQL's programs: where they are, and as which user the server's own may run.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A client, such as `psql`: the one beside the server, else the one that `PATH` finds.
pub fn client(name: &str) -> PathBuf {
    let beside = server_folder().join(name);
    if beside.is_file() { beside } else { PathBuf::from(name) }
}

/// A program of the server.
pub fn server(name: &str) -> PathBuf {
    server_folder().join(name)
}

/// Runs something as the user that the server runs as: it refuses root.
pub fn as_server(program: &Path) -> Command {
    let mut command = match user() {
        None => Command::new(program),
        Some((uid, gid)) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]);
            command.arg("--").arg(program);
            command
        }
    };
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C.UTF-8");
    command
}

/// Who the server runs as, if it cannot be us.
pub fn user() -> Option<(u32, u32)> {
    let ours = std::fs::metadata("/proc/self").expect("Linux tells who we are").uid();
    if ours != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("the system's users can be read");
    let find = |name: &str| {
        let mut line = users.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?.split(':').skip(1);
        Some((line.next()?.parse().ok()?, line.next()?.parse().ok()?))
    };
    Some(["postgres", "nobody"].into_iter().find_map(find).expect("a user that is not root"))
}

/// Where the newest server's programs are.
fn server_folder() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<(u32, PathBuf)> =
        installed.filter_map(|entry| Some((version(&entry.path())?, entry.path().join("bin")))).collect();
    versions.sort();
    versions.retain(|(_, folder)| is_server(folder));
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let newest = versions.pop().map(|(_, folder)| folder);
    let found = newest.or_else(|| std::env::split_paths(&on_path).find(|folder| is_server(folder)));
    found.expect("there is a PostgreSQL server: run `cargo xtask setup`, which installs it")
}

fn is_server(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|name| folder.join(name).is_file())
}

//! What this machine has: programs, libclang, a C compiler with headers, a real PostgreSQL server.
//!
//! Looks where the users of these things look: libclang as the crate clang-sys finds it, PostgreSQL's server
//! programs outside `PATH` too. Changes nothing.

use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workspace::answer;

/// The folders to look in.
pub(super) struct Machine {
    /// `PATH`, and the folders for servers that a person's `PATH` often lacks.
    programs: Vec<PathBuf>,
    /// Where libclang may be, best first.
    libraries: Vec<PathBuf>,
    /// Where PostgreSQL's server programs may be, newest first, then `PATH`.
    postgres: Vec<PathBuf>,
}

/// Server programs that must stand side by side to be a real server.
const SERVER_PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];
const OLDEST_SERVER: u32 = 15;

impl Machine {
    pub(super) fn here() -> Self {
        let path = env::var_os("PATH").unwrap_or_default();
        let mut programs: Vec<PathBuf> = env::split_paths(&path).collect();
        for folder in ["/usr/local/sbin", "/usr/sbin", "/sbin"] {
            programs.push(folder.into());
        }
        let mut postgres = versioned_folders(Path::new("/usr/lib/postgresql"), "bin");
        postgres.extend(programs.iter().cloned());
        Self { libraries: library_folders(&programs), programs, postgres }
    }

    pub(super) fn program(&self, name: &str) -> Option<String> {
        self.find_program(name).map(|path| path.display().to_string())
    }

    /// `cc`, if it compiles a program that includes the headers libclang will want, too.
    pub(super) fn c_compiler(&self) -> Option<String> {
        let compiler = self.find_program("cc")?;
        let mut child = Command::new(&compiler)
            .args(["-fsyntax-only", "-x", "c", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        // Closing stdin by dropping it lets the compiler finish.
        child.stdin.take()?.write_all(C_PROBE).ok()?;
        let status = child.wait().ok()?;
        status.success().then(|| compiler.display().to_string())
    }

    pub(super) fn libclang(&self) -> Option<String> {
        let found = self.libraries.iter().find_map(|place| libclang_at(place))?;
        Some(found.display().to_string())
    }

    pub(super) fn postgres_server(&self) -> Option<String> {
        let (folder, version) = self.server_folder()?;
        Some(format!("{version} in {}", folder.display()))
    }

    /// A client that comes with the server. Debian's wrapper of the same name alone is not one.
    pub(super) fn postgres_client(&self, name: &str) -> Option<String> {
        let beside = self.server_folder().map(|(folder, _)| folder.join(name));
        let found = beside
            .filter(|path| is_executable(path))
            .or_else(|| self.find_program(name).filter(|path| !is_wrapper(path)))?;
        Some(found.display().to_string())
    }

    fn server_folder(&self) -> Option<(&PathBuf, String)> {
        self.postgres.iter().find_map(|folder| server_version(folder).map(|version| (folder, version)))
    }

    fn find_program(&self, name: &str) -> Option<PathBuf> {
        self.programs.iter().map(|folder| folder.join(name)).find(|path| is_executable(path))
    }
}

const SYSTEM_PYTHON: &str = "/usr/bin/python3";
const JDBC_DRIVER: &str = "/usr/share/java/postgresql.jar";

const C_PROBE: &[u8] = b"#include <stddef.h>\n#include <stdio.h>\nint main(void) { return 0; }\n";

/// A module of the system's own Python, for which the system packages them.
pub(super) fn python_module(name: &str) -> Option<String> {
    let find = format!("import importlib.util as u; print(u.find_spec('{name}').origin)");
    answer(Command::new(SYSTEM_PYTHON).args(["-I", "-c", &find]))
}

pub(super) fn jdbc_driver() -> Option<String> {
    Path::new(JDBC_DRIVER).is_file().then(|| JDBC_DRIVER.to_owned())
}

/// The version of a server whose programs all stand in this folder, if it is new enough.
fn server_version(folder: &Path) -> Option<String> {
    let all = SERVER_PROGRAMS.iter().all(|name| is_executable(&folder.join(name)));
    if !all {
        return None;
    }
    let text = answer(Command::new(folder.join("postgres")).arg("--version"))?;
    let version = text.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
    (major(version)? >= OLDEST_SERVER).then(|| version.to_owned())
}

/// `15` of `15.18`, `17` of `17beta1`.
fn major(version: &str) -> Option<u32> {
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    version[..end].parse().ok()
}

/// `<parent>/<version>/<last>`, highest version first.
fn versioned_folders(parent: &Path, last: &str) -> Vec<PathBuf> {
    let mut folders: Vec<(u32, PathBuf)> = children(parent)
        .into_iter()
        .filter_map(|folder| Some((major(folder.file_name()?.to_str()?)?, folder.join(last))))
        .collect();
    folders.sort_by(|a, b| b.cmp(a));
    folders.into_iter().map(|(_, folder)| folder).collect()
}

/// Where clang-sys looks: `LIBCLANG_PATH` alone if it is set, else llvm-config and the usual folders.
fn library_folders(programs: &[PathBuf]) -> Vec<PathBuf> {
    if let Some(path) = env::var_os("LIBCLANG_PATH") {
        return vec![path.into()];
    }
    let mut folders = llvm_config_folders(programs);
    for variable in ["LD_LIBRARY_PATH", "LIBRARY_PATH"] {
        folders.extend(env::split_paths(&env::var_os(variable).unwrap_or_default()));
    }
    for base in ["/usr/local", "/usr"] {
        let libs = children(Path::new(base));
        for lib in libs.into_iter().filter(|path| name_starts(path, "lib")) {
            let inner = children(&lib);
            folders.push(lib);
            folders.extend(inner.iter().map(|folder| folder.join("lib")));
            folders.extend(inner);
        }
    }
    folders
}

fn llvm_config_folders(programs: &[PathBuf]) -> Vec<PathBuf> {
    let chosen = env::var_os("LLVM_CONFIG_PATH").map(PathBuf::from);
    let program = chosen.or_else(|| {
        let mut paths = programs.iter().map(|folder| folder.join("llvm-config"));
        paths.find(|path| is_executable(path))
    });
    let Some(program) = program else {
        return Vec::new();
    };
    let ask = |what: &str| answer(Command::new(&program).arg(what)).map(PathBuf::from);
    let mut folders: Vec<PathBuf> = ask("--libdir").into_iter().collect();
    if let Some(prefix) = ask("--prefix") {
        folders.extend(["bin", "lib", "lib64"].map(|name| prefix.join(name)));
    }
    folders
}

/// A usable libclang: the place itself if it is the file, else one in that folder.
fn libclang_at(place: &Path) -> Option<PathBuf> {
    if place.is_file() {
        return is_libclang(place).then(|| place.to_owned());
    }
    let mut files = children(place);
    files.sort();
    files.into_iter().find(|path| is_libclang(path))
}

/// `libclang.so`, `libclang-14.so`, `libclang.so.1`, `libclang-14.so.14`; not `libclang-cpp.so.14`.
fn is_libclang(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let Some(rest) = name.strip_prefix("libclang") else {
        return false;
    };
    let named = rest == ".so"
        || rest.starts_with(".so.")
        || (rest.starts_with('-') && (rest.ends_with(".so") || rest.contains(".so.")));
    named && !name.contains("-cpp.") && is_elf_of_our_width(path)
}

fn is_elf_of_our_width(path: &Path) -> bool {
    let mut start = [0; 5];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    let class = if cfg!(target_pointer_width = "64") { 2 } else { 1 };
    read.is_ok() && start == [0x7f, b'E', b'L', b'F', class]
}

fn is_executable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn is_wrapper(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|real| real.ends_with("pg_wrapper"))
}

fn name_starts(path: &Path, start: &str) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests;

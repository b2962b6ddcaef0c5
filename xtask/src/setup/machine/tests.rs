//! Machines made of temporary folders, with programs that are two-line scripts.

use std::os::unix::fs::symlink;

use super::*;

/// A folder of one test, removed when it ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("xtask-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, content: &[u8], mode: u32) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn script(&self, name: &str, says: &str) -> PathBuf {
        self.file(name, format!("#!/bin/sh\necho '{says}'\n").as_bytes(), 0o755)
    }

    fn server(&self, folder: &str, says: &str) {
        self.script(&format!("{folder}/initdb"), "");
        self.script(&format!("{folder}/pg_ctl"), "");
        self.script(&format!("{folder}/postgres"), says);
    }

    fn machine(&self) -> Machine {
        Machine {
            programs: vec![self.0.join("bin")],
            libraries: vec![self.0.join("lib")],
            postgres: versioned_folders(&self.0.join("pg"), "bin"),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ELF: &[u8] = &[0x7f, b'E', b'L', b'F', 2, 1, 1, 0];

#[test]
fn a_file_that_cannot_be_run_is_not_a_program() {
    let scratch = Scratch::new("mode");
    scratch.file("bin/curl", b"#!/bin/sh\n", 0o644);
    assert_eq!(scratch.machine().program("curl"), None);
    let path = scratch.file("bin/curl", b"#!/bin/sh\n", 0o755);
    assert_eq!(scratch.machine().program("curl"), Some(path.display().to_string()));
}

#[test]
fn libclang_is_found_by_each_of_its_names() {
    for name in ["libclang.so", "libclang-14.so", "libclang.so.1", "libclang-14.so.13"] {
        let scratch = Scratch::new(name);
        let path = scratch.file(&format!("lib/{name}"), ELF, 0o644);
        assert_eq!(scratch.machine().libclang(), Some(path.display().to_string()));
    }
}

#[test]
fn other_libraries_and_linker_scripts_are_not_libclang() {
    let scratch = Scratch::new("not-libclang");
    scratch.file("lib/libclang-cpp.so.14", ELF, 0o644);
    scratch.file("lib/libclangAST.a", ELF, 0o644);
    scratch.file("lib/libclang.so", b"INPUT(libclang.so.1)", 0o644);
    assert_eq!(scratch.machine().libclang(), None);
}

#[test]
fn the_newest_server_is_taken_and_an_old_one_is_not() {
    let scratch = Scratch::new("versions");
    scratch.server("pg/9/bin", "postgres (PostgreSQL) 9.6.24");
    scratch.server("pg/14/bin", "postgres (PostgreSQL) 14.9 (Debian)");
    assert_eq!(scratch.machine().postgres_server(), None);
    scratch.server("pg/15/bin", "postgres (PostgreSQL) 15.18 (Debian)");
    scratch.server("pg/17/bin", "postgres (PostgreSQL) 17beta1");
    let found = scratch.machine().postgres_server().unwrap();
    assert!(found.starts_with("17beta1 in "), "{found}");
}

#[test]
fn a_server_must_have_all_its_programs_and_be_one() {
    let scratch = Scratch::new("whole");
    scratch.server("pg/15/bin", "this wrapper has no server");
    assert_eq!(scratch.machine().postgres_server(), None);
    scratch.script("pg/15/bin/postgres", "postgres (PostgreSQL) 15.18");
    assert!(scratch.machine().postgres_server().is_some());
    fs::remove_file(scratch.0.join("pg/15/bin/initdb")).unwrap();
    assert_eq!(scratch.machine().postgres_server(), None);
}

#[test]
fn debians_wrapper_alone_is_no_client() {
    let scratch = Scratch::new("wrapper");
    let wrapper = scratch.script("share/pg_wrapper", "");
    fs::create_dir_all(scratch.0.join("bin")).unwrap();
    symlink(&wrapper, scratch.0.join("bin/pgbench")).unwrap();
    assert_eq!(scratch.machine().postgres_client("pgbench"), None);
    scratch.server("pg/15/bin", "postgres (PostgreSQL) 15.18");
    let real = scratch.script("pg/15/bin/pgbench", "");
    let found = scratch.machine().postgres_client("pgbench");
    assert_eq!(found, Some(real.display().to_string()));
}

#[test]
fn a_compiler_that_fails_is_missing() {
    let scratch = Scratch::new("compiler");
    scratch.file("bin/cc", b"#!/bin/sh\ncat >/dev/null\nexit 1\n", 0o755);
    assert_eq!(scratch.machine().c_compiler(), None);
    scratch.file("bin/cc", b"#!/bin/sh\ngrep -q stddef.h\n", 0o755);
    assert!(scratch.machine().c_compiler().is_some());
}

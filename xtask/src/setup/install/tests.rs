//! `install.sh` against a folder that stands for `/`, with an `apt-get` that writes down what it sees.

use std::os::unix::fs::PermissionsExt;
use std::process::ExitStatus;

use super::*;

/// A pretended system, removed when the test ends.
struct System(PathBuf);

impl System {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("xtask-install-{}-{name}", std::process::id()));
        fs::create_dir_all(folder.join("usr/sbin")).unwrap();
        fs::create_dir_all(folder.join("bin")).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name)).ok()
    }

    /// `apt-get` says what the policy and the cluster configuration answer while it runs.
    fn apt(&self, exit: i32) {
        self.write(
            "bin/apt-get",
            &format!(
                "#!/bin/sh\n[ \"$1\" = update ] && exit 100\n\
                 {{ \"$SETUP_ROOT/usr/sbin/policy-rc.d\" postgresql start; echo \"policy $?\";\n\
                 cat \"$SETUP_ROOT\"/etc/postgresql-common/createcluster.d/*;\n\
                 echo \"$DEBIAN_FRONTEND $*\"; }} >\"$SETUP_ROOT/seen\" 2>&1\nexit {exit}\n"
            ),
        );
    }

    fn install(&self) -> ExitStatus {
        let path = format!("{}:{}", self.0.join("bin").display(), env::var("PATH").unwrap());
        script(&["pgbouncer", "sqlite3"], Rights::Root)
            .env("PATH", path)
            .env("SETUP_ROOT", &self.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap()
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const POLICY: &str = "usr/sbin/policy-rc.d";
const ALLOWS: &str = "#!/bin/sh\nexit 0\n";
const DENIES: &str = "#!/bin/sh\necho by the administrator\nexit 101\n";

#[test]
fn services_and_clusters_are_denied_while_packages_are_installed() {
    let system = System::new("denied");
    system.apt(0);
    assert!(system.install().success());
    let seen = system.read("seen").unwrap();
    assert!(seen.starts_with("policy 101\ncreate_main_cluster = false\n"), "{seen}");
    assert!(seen.contains("noninteractive install -y --no-install-recommends"), "{seen}");
    assert!(seen.ends_with("pgbouncer sqlite3\n"), "{seen}");
}

#[test]
fn nothing_but_packages_is_left_behind() {
    let system = System::new("clean");
    system.apt(0);
    assert!(system.install().success());
    assert_eq!(system.read(POLICY), None);
    assert!(!system.0.join("etc/postgresql-common").exists());
}

#[test]
fn a_failure_is_told_and_everything_is_put_back() {
    let system = System::new("failure");
    system.apt(100);
    system.write(POLICY, ALLOWS);
    assert_eq!(system.install().code(), Some(100));
    assert!(system.read("seen").unwrap().starts_with("policy 101"));
    assert_eq!(system.read(POLICY).as_deref(), Some(ALLOWS));
}

#[test]
fn a_policy_that_denies_already_stays() {
    let system = System::new("denies");
    system.apt(0);
    system.write(POLICY, DENIES);
    assert!(system.install().success());
    let seen = system.read("seen").unwrap();
    assert!(seen.starts_with("by the administrator\npolicy 101"), "{seen}");
    assert_eq!(system.read(POLICY).as_deref(), Some(DENIES));
}

#[test]
fn what_a_killed_run_left_behind_is_put_back() {
    let system = System::new("killed");
    system.apt(0);
    let left = "#!/bin/sh\n# temporary, by countersign: cargo xtask setup\nexit 101\n";
    system.write(POLICY, left);
    system.write(&format!("{POLICY}.before-countersign"), ALLOWS);
    assert!(system.install().success());
    assert_eq!(system.read(POLICY).as_deref(), Some(ALLOWS));
    assert_eq!(system.read(&format!("{POLICY}.before-countersign")), None);
}

#[test]
fn the_command_line_for_a_person_is_whole() {
    let line = by_hand(&["libclang-dev", "sqlite3"]);
    assert!(line.starts_with("sudo apt-get update && sudo DEBIAN_FRONTEND=noninteractive"));
    assert!(line.ends_with("--no-install-recommends libclang-dev sqlite3"));
}

#[test]
fn sudo_never_asks_for_a_password() {
    let command = script(&["curl"], Rights::Sudo);
    let words: Vec<_> = command.get_args().take(3).collect();
    assert_eq!(command.get_program(), "sudo");
    assert_eq!(words, ["-n", "sh", "-c"]);
}

#[test]
fn the_end_of_a_long_log_is_shown() {
    let log: String = (1..=50).map(|n| format!("line {n}\n")).collect();
    let shown = tail(&log);
    assert!(shown.starts_with("line 31\n") && shown.ends_with("line 50"), "{shown}");
}

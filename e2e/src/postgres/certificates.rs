//! Certificates for servers and doors on loopback, made by the `openssl` program and trusted by nobody else.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A certificate authority with one certificate for `127.0.0.1` and `localhost`.
#[derive(Debug, Clone)]
pub struct Authority {
    /// What clients trust.
    pub authority: String,
    /// What a server shows.
    pub certificate: String,
    /// Its secret key.
    pub key: String,
}

impl Authority {
    /// Makes one that nobody has seen before.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("openssl.cnf"), CONFIGURATION).expect("it can be written");
        openssl(&folder, &["-extensions", "authority", "-keyout", "ca.key", "-out", "ca.pem"]);
        let signed = ["-extensions", "server", "-CA", "ca.pem", "-CAkey", "ca.key"];
        openssl(&folder, &[&signed[..], &["-keyout", "server.key", "-out", "server.pem"]].concat());
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("openssl wrote it");
        Self { authority: read("ca.pem"), certificate: read("server.pem"), key: read("server.key") }
    }

    /// Writes all three into a folder: `ca.pem`, `server.pem`, `server.key`.
    pub fn write(&self, folder: &Path) {
        let files = [("ca.pem", &self.authority), ("server.pem", &self.certificate), ("server.key", &self.key)];
        std::fs::create_dir_all(folder).expect("a folder can be made");
        for (name, text) in files {
            std::fs::write(folder.join(name), text).expect("it can be written");
        }
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.join("server.key"), mode).expect("a key can be hidden");
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

fn openssl(folder: &TempDir, more: &[&str]) {
    let mut command = Command::new("openssl");
    command.current_dir(folder.path()).env("OPENSSL_CONF", "openssl.cnf");
    command.args(["req", "-x509", "-config", "openssl.cnf", "-days", "2", "-nodes", "-newkey", "ec"]);
    command.args(["-pkeyopt", "ec_paramgen_curve:prime256v1"]).args(more);
    let ran = command.output().expect("openssl can be run: `cargo xtask setup` installs it");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

const CONFIGURATION: &str = "
[req]
distinguished_name = name
prompt = no
[name]
CN = countersign end-to-end test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

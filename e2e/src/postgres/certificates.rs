//! Certificates for servers and doors on loopback, made by the `openssl` program and trusted by nobody else.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A certificate authority with one certificate for `127.0.0.1` and `localhost`.
#[derive(Debug, Clone)]
pub struct Authority {
    /// What clients trust.
    pub authority: String,
    /// What a server shows.
    pub certificate: String,
    /// Its secret key.
    pub key: String,
    /// The authority's own secret key.
    signing: String,
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
        let (authority, signing) = (read("ca.pem"), read("ca.key"));
        Self { authority, certificate: read("server.pem"), key: read("server.key"), signing }
    }

    /// Writes a client's certificate for this name, and its key, into a folder: `NAME.pem`, `NAME.key`.
    pub fn write_client(&self, name: &str, folder: &Path) {
        let made = tempfile::tempdir().expect("a temporary folder");
        let configuration = CONFIGURATION.replace("CN = countersign end-to-end test", &format!("CN = {name}"));
        for (file, text) in [("openssl.cnf", &configuration), ("ca.pem", &self.authority), ("ca.key", &self.signing)] {
            std::fs::write(made.path().join(file), text).expect("it can be written");
        }
        let signed = ["-extensions", "client", "-CA", "ca.pem", "-CAkey", "ca.key"];
        openssl(&made, &[&signed[..], &["-keyout", "client.key", "-out", "client.pem"]].concat());
        std::fs::create_dir_all(folder).expect("a folder can be made");
        for kind in ["pem", "key"] {
            let text = std::fs::read(made.path().join(format!("client.{kind}"))).expect("openssl wrote it");
            std::fs::write(folder.join(format!("{name}.{kind}")), text).expect("it can be written");
        }
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.join(format!("{name}.key")), mode).expect("a key can be hidden");
    }

    /// What a server that shows its certificate needs.
    pub fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("openssl wrote a key");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("it knows them").with_no_client_auth();
        let mut config = config.with_single_cert(chain.expect("openssl wrote it"), key).expect("they belong together");
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// What a client that trusts it needs, naming this as what is spoken inside.
    pub fn connector(&self, spoken: &[&[u8]]) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(self.authority.as_bytes()).expect("openssl wrote it");
        roots.add(authority).expect("it is an authority");
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().expect("it knows them");
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
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
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
";

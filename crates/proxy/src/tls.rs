//! Connections as doors and upstreams have them: TLS by one provider, certificates from PEM files, servers verified by name;
//! and probes of those that are silent.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{SockRef, TcpKeepalive};

/// A client that trusts the certificates in `authorities`, or the system's where none are named.
///
/// # Errors
/// If there is none that it could trust.
pub fn client(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| format!("`{}`: {error}", path.display()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    if roots.is_empty() {
        return Err("there is no certificate authority to verify the upstream by: name one in `upstream-ca`".to_owned());
    }
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// A server with this certificate chain and key.
///
/// # Errors
/// If they cannot be read, or do not belong together.
pub fn server(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| format!("`{}`: {error}", key.display()))?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = config.with_no_client_auth().with_single_cert(chain, secret);
    Ok(Arc::new(config.map_err(|error| format!("`{}`: {error}", certificate.display()))?))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let named = |error: &dyn std::fmt::Display| format!("`{}`: {error}", path.display());
    let found = CertificateDer::pem_file_iter(path).map_err(|error| named(&error))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|error| named(&error))?;
    if found.is_empty() { Err(named(&"it holds no certificate")) } else { Ok(found) }
}

/// Whoever vanishes without a word is noticed after some two minutes: a held action must not wait for nobody.
///
/// # Errors
/// If the system refuses.
pub(crate) fn keep_alive(stream: &tokio::net::TcpStream) -> std::io::Result<()> {
    let probes = TcpKeepalive::new().with_time(IDLE).with_interval(PROBE).with_retries(4);
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&probes)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Without a word before the first probe.
const IDLE: Duration = Duration::from_secs(60);
/// Between two probes.
const PROBE: Duration = Duration::from_secs(15);

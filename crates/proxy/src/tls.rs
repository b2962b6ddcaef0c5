//! Connections as doors and upstreams have them: TLS by one provider, certificates from PEM files, peers verified as the
//! configuration says; and probes of those that are silent.

mod end_point;
mod verification;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{SockRef, TcpKeepalive};

pub(crate) use end_point::end_point;
pub use verification::Verification;

/// A certificate chain and its key, PEM files both.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The chain, its own certificate first.
    pub certificate: &'a Path,
    /// The key.
    pub key: &'a Path,
}

/// A client that verifies servers as `verification` says, by the certificates in `authorities`, or the system's where
/// none are named, and shows its `own` certificate to those that ask for one.
///
/// # Errors
/// If there is none that it could trust, or its own cannot be used.
pub fn client(
    verification: Verification,
    authorities: Option<&Path>,
    own: Option<Identity<'_>>,
) -> Result<Arc<ClientConfig>, String> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = config.dangerous().with_custom_certificate_verifier(verification.verifier(authorities, &provider())?);
    let mut config = match own {
        None => config.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = own.read()?;
            config.with_client_auth_cert(chain, key).map_err(|error| own.told(&error))?
        }
    };
    config.alpn_protocols = vec![POSTGRESQL.to_vec()];
    Ok(Arc::new(config))
}

/// A server with this certificate. With `clients` named, who comes must show a certificate of one of these authorities.
///
/// # Errors
/// If they cannot be read, or do not belong together.
pub fn server(own: Identity<'_>, clients: Option<&Path>) -> Result<Arc<ServerConfig>, String> {
    let (chain, key) = own.read()?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(path)?), provider()).build();
            config.with_client_cert_verifier(verifier.map_err(|error| format!("`{}`: {error}", path.display()))?)
        }
    };
    let mut config = config.with_single_cert(chain, key).map_err(|error| own.told(&error))?;
    config.alpn_protocols = vec![POSTGRESQL.to_vec()];
    Ok(Arc::new(config))
}

/// What clients of a server with this certificate can be bound to. `None`: nothing, by the way that it is signed.
///
/// # Errors
/// If it cannot be read.
pub fn binding(certificate: &Path) -> Result<Option<Vec<u8>>, String> {
    Ok(certificates(certificate)?.first().and_then(|certificate| end_point(certificate)))
}

impl Identity<'_> {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let chain = certificates(self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(self.key);
        Ok((chain, key.map_err(|error| format!("`{}`: {error}", self.key.display()))?))
    }

    fn told(&self, error: &rustls::Error) -> String {
        format!("`{}`: {error}", self.certificate.display())
    }
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| format!("`{}`: {error}", path.display()))?;
    }
    Ok(roots)
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

/// What is spoken inside, as TLS names it: PostgreSQL 17 and later ask for it.
pub(crate) const POSTGRESQL: &[u8] = b"postgresql";
/// Without a word before the first probe.
const IDLE: Duration = Duration::from_secs(60);
/// Between two probes.
const PROBE: Duration = Duration::from_secs(15);

//! TLS as doors and upstreams use it: one provider, certificates from PEM files, servers verified by name.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

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

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

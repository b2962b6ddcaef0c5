//! What a SCRAM login is bound to: the hash of the server's certificate, by the hash function of the certificate's own
//! signature (`tls-server-end-point`, RFC 5929, section 4).

use aws_lc_rs::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use der::asn1::ObjectIdentifier;
use der::{Any, Decode as _, Reader as _, SliceReader};

/// The binding to a server with this certificate. `None`: its signature has no hash function that the RFC speaks of.
pub(crate) fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = hash_of(signature(certificate).ok()?)?;
    Some(digest(algorithm, certificate).as_ref().to_vec())
}

/// The algorithm that the certificate is signed by: what stands behind its first part.
fn signature(certificate: &[u8]) -> der::Result<ObjectIdentifier> {
    let mut reader = SliceReader::new(certificate)?;
    reader.sequence(|inside| {
        Any::decode(inside)?;
        let algorithm = inside.sequence(|inside| {
            let algorithm = ObjectIdentifier::decode(inside)?;
            let _parameters: &[u8] = inside.read_slice(inside.remaining_len())?;
            Ok::<_, der::Error>(algorithm)
        })?;
        let _signature: &[u8] = inside.read_slice(inside.remaining_len())?;
        Ok::<_, der::Error>(algorithm)
    })
}

/// MD5 and SHA-1 stand for SHA-256. RSA-PSS, which names its hash function elsewhere, and `EdDSA`, which has none, are not
/// bound to.
fn hash_of(signature: ObjectIdentifier) -> Option<&'static Algorithm> {
    match signature.to_string().as_str() {
        // RSA with MD5, SHA-1, SHA-256; ECDSA with SHA-1, SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => Some(&SHA256),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(&SHA384),
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(&SHA512),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        rcgen::CertificateParams::new(vec!["db.example.com".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .der()
            .to_vec()
    }

    #[test]
    fn the_hash_is_that_of_the_signature() {
        for (algorithm, expected) in
            [(&rcgen::PKCS_ECDSA_P256_SHA256, &SHA256), (&rcgen::PKCS_ECDSA_P384_SHA384, &SHA384)]
        {
            let certificate = certificate(algorithm);
            assert_eq!(end_point(&certificate).as_deref(), Some(digest(expected, &certificate).as_ref()));
        }
    }

    #[test]
    fn a_signature_without_a_hash_function_is_not_bound_to() {
        assert_eq!(end_point(&certificate(&rcgen::PKCS_ED25519)), None);
    }

    #[test]
    fn what_is_no_certificate_is_not_bound_to() {
        let whole = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        for end in 0..whole.len() {
            assert_eq!(end_point(&whole[..end]), None);
        }
    }
}

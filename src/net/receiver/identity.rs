//! Certificate and key, for `rtmps://`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use thiserror::Error;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{
            CertificateDer, PrivateKeyDer,
            pem::{self, PemObject as _},
        },
    },
};

/// What proves to clients that they reached this receiver. `Debug` does not show the key.
#[derive(Clone, Debug)]
pub struct Identity(Arc<ServerConfig>);

impl Identity {
    /// Reads a certificate, with those that vouch for it behind it, and its private key; both in PEM.
    ///
    /// # Errors
    /// When a file cannot be read or does not hold what it should, in words that name it.
    pub fn load(certificates: &Path, key: &Path) -> Result<Self, IdentityError> {
        let unreadable = |path: &Path, source| IdentityError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let chain = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| unreadable(certificates, source))?;
        if chain.is_empty() {
            return Err(unreadable(certificates, pem::Error::NoItemsFound));
        }
        let private =
            PrivateKeyDer::from_pem_file(key).map_err(|source| unreadable(key, source))?;
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(ServerConfigBuilder::with_no_client_auth)
            .and_then(|builder| builder.with_single_cert(chain, private));
        match config {
            Ok(config) => Ok(Self(Arc::new(config))),
            Err(source) => Err(IdentityError::Unusable {
                certificates: certificates.to_owned(),
                key: key.to_owned(),
                source,
            }),
        }
    }

    pub(super) fn acceptor(self) -> TlsAcceptor {
        TlsAcceptor::from(self.0)
    }
}

type ServerConfigBuilder = rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>;

/// Why a certificate or key cannot be used.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A file is not there or holds something else.
    #[error("\"{}\" cannot be used for TLS ({}); name a PEM file", path.display(), words(source))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// The two do not fit each other, or are of an unknown kind.
    #[error(
        "the certificate in \"{}\" and the key in \"{}\" cannot be used together ({source}); name a certificate and its own key",
        certificates.display(), key.display()
    )]
    Unusable {
        /// The certificates' file.
        certificates: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
}

fn words(error: &pem::Error) -> String {
    match error {
        pem::Error::NoItemsFound => "it holds no certificate or key".to_owned(),
        pem::Error::Io(error) => error.to_string(),
        other => format!("it is not PEM: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    #[test]
    fn what_is_wrong_is_told_with_the_files_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let made = || generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let CertifiedKey { cert, signing_key } = made();
        fs::write(path("cert.pem"), cert.pem()).unwrap();
        fs::write(path("key.pem"), signing_key.serialize_pem()).unwrap();
        fs::write(path("other.pem"), made().signing_key.serialize_pem()).unwrap();
        fs::write(path("text"), "hello").unwrap();

        assert!(Identity::load(&path("cert.pem"), &path("key.pem")).is_ok());
        for (certificate, key, named) in [
            ("none.pem", "key.pem", "none.pem"),
            ("text", "key.pem", "text"),
            ("cert.pem", "text", "text"),
            ("cert.pem", "cert.pem", "cert.pem"),
            ("cert.pem", "other.pem", "other.pem"),
        ] {
            let error = Identity::load(&path(certificate), &path(key)).unwrap_err();
            let text = error.to_string();
            assert!(text.contains(&format!("{named}\"")), "{text}");
        }
    }

    #[test]
    fn a_private_key_is_never_printed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(path("cert.pem"), cert.pem()).unwrap();
        fs::write(path("key.pem"), signing_key.serialize_pem()).unwrap();
        let identity = Identity::load(&path("cert.pem"), &path("key.pem")).unwrap();
        let printed = format!("{identity:?}");
        let secret = format!("{:?}", signing_key.serialize_der());
        assert!(!printed.contains(secret.trim_matches(['[', ']'])));
    }
}

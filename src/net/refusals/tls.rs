//! Servers whose certificates are not as they should be.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use tokio_rustls::rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    sign::{CertifiedKey, SingleCertAndKey},
};

use crate::net::route::Fingerprint;

/// A certificate and what a server needs to show it.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    config: Arc<ServerConfig>,
}

impl Identity {
    /// A certificate for "localhost", made by itself, and changed by `change` before.
    pub(super) fn new(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self::with_key(certificate, &key)
    }

    /// The same certificate, shown by somebody who does not have its key.
    pub(super) fn stolen(&self) -> Self {
        Self::with_key(self.certificate.clone(), &KeyPair::generate().unwrap())
    }

    fn with_key(certificate: CertificateDer<'static>, key: &KeyPair) -> Self {
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let key = ring::sign::any_supported_type(&key.into()).unwrap();
        // Not asked here is whether the key is the certificate's.
        let shown = CertifiedKey::new(vec![certificate.clone()], key);
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        Self {
            certificate,
            config: Arc::new(config),
        }
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    /// Shows it to whoever is at the other end, who is then listened to until the end.
    pub(super) fn show(&self, stream: TcpStream) {
        let connection = ServerConnection::new(Arc::clone(&self.config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        // It ends with an error when the publisher does not like what it is shown.
        while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
    }

    /// Secures the connection, then sends what is not secured.
    pub(super) fn garble(&self, mut stream: TcpStream) {
        let mut connection = ServerConnection::new(Arc::clone(&self.config)).unwrap();
        connection.complete_io(&mut stream).unwrap();
        stream
            .write_all(&[0x17, 3, 3, 0, 5, 1, 2, 3, 4, 5])
            .unwrap();
        while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
    }
}

pub(super) fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2001, 1, 1);
    params.not_after = date_time_ymd(2002, 1, 1);
}

pub(super) fn not_yet_valid(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2201, 1, 1);
    params.not_after = date_time_ymd(2202, 1, 1);
}

pub(super) fn for_another_name(params: &mut CertificateParams) {
    *params = CertificateParams::new(["another.example".to_owned()]).unwrap();
}

/// Made for clients, not for servers.
pub(super) fn unfit(params: &mut CertificateParams) {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

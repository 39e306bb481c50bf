//! Securing a connection with TLS 1.2 or 1.3: whom to trust, and what it means when it fails.

use std::{
    io,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, OtherError,
        PeerIncompatible, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{self, WebPkiSupportedAlgorithms, ring},
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

use super::plain;
use crate::{
    net::route::{Fingerprint, Trust},
    rtmp::refusal::{Failure, Peer},
};

/// Secures `tcp`, which leads to `peer`.
pub(super) async fn secure(
    peer: &Peer,
    tcp: TcpStream,
    trust: &Trust,
) -> Result<TlsOverTcp, Failure> {
    // A name is sent along (SNI), which large services need; an IP address is not.
    let Ok(name) = ServerName::try_from(peer.host.clone()) else {
        return Err(Failure::name_not_fit_for_tls(peer));
    };
    let verifier = Verifier::new(trust)
        .map_err(|error| Failure::system_trust_unreadable(peer, &error.to_string()))?;
    let verifier = Arc::new(verifier);
    let config =
        config(Arc::clone(&verifier)).map_err(|error| Failure::tls(peer, &error.to_string()))?;
    let noted = Noted {
        tcp,
        first: Vec::new(),
    };
    TlsConnector::from(Arc::new(config))
        .connect(name, noted)
        .into_fallible()
        .await
        .map_err(|(error, noted)| failure(peer, &error, &noted.first, verifier.shown.get()))
}

fn config(verifier: Arc<Verifier>) -> Result<ClientConfig, rustls::Error> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous() // is what rustls calls any verifier but its own
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Decides about a server's certificate, and remembers which one that was.
#[derive(Debug)]
struct Verifier {
    trusted: Trusted,
    /// Checks the handshake's signatures: that the server holds the certificate's key.
    algorithms: WebPkiSupportedAlgorithms,
    shown: OnceLock<Fingerprint>,
}

#[derive(Debug)]
enum Trusted {
    /// What the system says, with or without further issuers: chain, name, dates, use.
    System(rustls_platform_verifier::Verifier),
    /// This certificate, and no other; its issuer, name and dates do not matter then.
    Only(Fingerprint),
}

impl Verifier {
    fn new(trust: &Trust) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let system = |issuers| {
            rustls_platform_verifier::Verifier::new_with_extra_roots(issuers, provider)
                .map(Trusted::System)
        };
        Ok(Self {
            trusted: match trust {
                Trust::System => system(Vec::new())?,
                Trust::Also(issuers) => system(issuers.clone())?,
                Trust::Only(fingerprint) => Trusted::Only(*fingerprint),
            },
            algorithms,
            shown: OnceLock::new(),
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = self.shown.get_or_init(|| Fingerprint::of(certificate));
        match &self.trusted {
            Trusted::System(system) => {
                system.verify_server_cert(certificate, intermediates, name, ocsp_response, now)
            }
            Trusted::Only(chosen) if chosen == shown => Ok(ServerCertVerified::assertion()),
            Trusted::Only(_) => Err(NOT_THE_CHOSEN_ONE.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The failure behind `error`. What was received `first` tells more than it where that is not TLS at all.
fn failure(peer: &Peer, error: &io::Error, first: &[u8], shown: Option<&Fingerprint>) -> Failure {
    match first {
        // Content types of TLS (RFC 8446, 5.1): from change_cipher_spec to application_data.
        [] | [20..=23, ..] => {}
        [RTMP_VERSION, ..] => return Failure::tls_answered_by_rtmp(peer),
        _ if first.starts_with(b"HTTP/") => return Failure::tls_answered_by_http(peer),
        _ => return Failure::tls_not_spoken(peer),
    }
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref());
    match (cause, error.kind()) {
        (Some(rustls::Error::InvalidCertificate(problem)), _) => {
            let shown = shown.map(ToString::to_string).unwrap_or_default();
            certificate_failure(peer, problem, &shown)
        }
        (Some(rustls::Error::AlertReceived(alert)), _) => alert_failure(peer, *alert),
        (Some(rustls::Error::PeerIncompatible(problem)), _) => {
            Failure::tls_nothing_in_common(peer, &incompatibility_words(problem))
        }
        (Some(other), _) => Failure::tls(peer, &other.to_string()),
        (None, io::ErrorKind::UnexpectedEof) => Failure::closed_in_tls(peer, "no reason given"),
        (None, _) => Failure::closed_in_tls(peer, &plain(error)),
    }
}

/// The failure that an alert of the server's stands for, where `error` is one.
pub(super) fn alert_behind(peer: &Peer, error: &io::Error) -> Option<Failure> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(alert_failure(peer, *alert)),
        _ => None,
    }
}

fn certificate_failure(peer: &Peer, problem: &CertificateError, shown: &str) -> Failure {
    use CertificateError as Problem;
    match problem {
        Problem::Expired | Problem::ExpiredContext { .. } => Failure::certificate_expired(peer),
        Problem::NotValidYet | Problem::NotValidYetContext { .. } => {
            Failure::certificate_not_yet_valid(peer)
        }
        Problem::NotValidForName => Failure::certificate_for_other_name(peer, &[]),
        Problem::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().map(|name| bare_name(name)).collect();
            Failure::certificate_for_other_name(peer, &names)
        }
        Problem::UnknownIssuer => Failure::certificate_from_unknown_issuer(peer, shown),
        Problem::Revoked => Failure::certificate_revoked(peer),
        Problem::BadSignature => Failure::certificate_forged(peer),
        chosen if *chosen == NOT_THE_CHOSEN_ONE => {
            Failure::certificate_not_the_chosen_one(peer, shown)
        }
        Problem::Other(OtherError(cause)) => {
            let problem = match cause.to_string() {
                // What `openssl req -x509` makes if not told otherwise.
                cause if cause == "CaUsedAsEndEntity" => {
                    "it was made for an issuer of certificates, not for a server".to_owned()
                }
                cause => cause,
            };
            Failure::certificate_unacceptable(peer, &problem, shown)
        }
        other => Failure::certificate_unacceptable(peer, &other.to_string(), shown),
    }
}

fn alert_failure(peer: &Peer, alert: AlertDescription) -> Failure {
    use AlertDescription as Alert;
    let words = format!("its TLS alert is {alert:?}");
    match alert {
        Alert::UnrecognisedName => Failure::tls_name_unknown(peer),
        Alert::ProtocolVersion | Alert::InsufficientSecurity | Alert::HandshakeFailure => {
            Failure::tls_nothing_in_common(peer, &words)
        }
        Alert::AccessDenied
        | Alert::CertificateRequired
        | Alert::NoCertificate
        | Alert::BadCertificate
        | Alert::UnknownCA => Failure::tls_access_denied(peer, &words),
        Alert::InternalError | Alert::UserCanceled | Alert::CloseNotify => {
            Failure::tls_server_trouble(peer, &words)
        }
        _ => Failure::tls(peer, &words),
    }
}

fn incompatibility_words(problem: &PeerIncompatible) -> String {
    use PeerIncompatible as Problem;
    let words = match problem {
        Problem::ServerDoesNotSupportTls12Or13 | Problem::ServerTlsVersionIsDisabledByOurConfig => {
            "it knows only versions of TLS that are no longer safe"
        }
        Problem::NoCipherSuitesInCommon
        | Problem::NoKxGroupsInCommon
        | Problem::NoSignatureSchemesInCommon => "it knows only ciphers that are no longer safe",
        other => return format!("it lacks what this program needs, {other:?}"),
    };
    words.to_owned()
}

/// `example.org` from `DnsName("example.org")`, the form in which rustls hands a certificate's names over.
fn bare_name(presented: &str) -> String {
    let inner = presented
        .split_once('(')
        .and_then(|(_, inner)| inner.strip_suffix(')'));
    inner.unwrap_or(presented).trim_matches('"').to_owned()
}

/// TLS over a TCP connection.
pub(super) type TlsOverTcp = TlsStream<Noted>;

/// A TCP connection of which the first bytes received are noted: they tell what answers if it is not TLS.
#[derive(Debug)]
pub struct Noted {
    tcp: TcpStream,
    first: Vec<u8>,
}

impl AsyncRead for Noted {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { tcp, first } = self.get_mut();
        let filled_before = buffer.filled().len();
        let polled = Pin::new(tcp).poll_read(context, buffer);
        let wanted = FIRST_BYTES - first.len();
        let received = &buffer.filled()[filled_before..];
        first.extend(received.iter().take(wanted));
        polled
    }
}

impl AsyncWrite for Noted {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().tcp).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(context)
    }
}

/// What the verifier says of a certificate other than the only one trusted.
const NOT_THE_CHOSEN_ONE: CertificateError = CertificateError::ApplicationVerificationFailure;
/// The first byte of a plain RTMP server's handshake.
const RTMP_VERSION: u8 = 3;
/// Enough of an answer to recognise what gives it.
const FIRST_BYTES: usize = 8;

#[cfg(test)]
mod tests;

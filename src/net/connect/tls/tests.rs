use std::{net::SocketAddr, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::TcpListener,
    time::timeout,
};
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{
        RootCertStore, ServerConfig, SupportedProtocolVersion,
        pki_types::PrivatePkcs8KeyDer,
        server::{Acceptor, WebPkiClientVerifier},
        version::{TLS12, TLS13},
    },
};

use super::*;
use crate::{
    net::{
        connect::{Connection, connect, lost},
        route::{Proxy, Route},
    },
    rtmp::refusal::FailureKind,
};

const PATIENCE: Duration = Duration::from_secs(10);

struct Certificate {
    der: CertificateDer<'static>,
    key: KeyPair,
}

impl Certificate {
    /// One that issued itself, for `name`, altered by `change`.
    fn new(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().clone();
        Self { der, key }
    }

    fn plain(name: &str) -> Self {
        Self::new(name, |_| {})
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.der)
    }

    fn trusted(&self) -> Trust {
        Trust::Also(vec![self.der.clone()])
    }

    /// What a server needs to show it; with another's `key`, a server that does not hold its own.
    fn server(&self, key: &KeyPair, version: &'static SupportedProtocolVersion) -> ServerConfig {
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(ring::default_provider());
        let chain = vec![self.der.clone()];
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth();
        let signing_key = ring::sign::any_supported_type(&key.into()).unwrap();
        // Unlike `with_single_cert`, this does not ask whether the key is the certificate's.
        let certified = rustls::sign::CertifiedKey::new(chain, signing_key);
        builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)))
    }
}

/// A TLS server for one connection: says which name it was asked for, and sends "hello".
async fn tls_server(config: ServerConfig) -> (SocketAddr, tokio::task::JoinHandle<Option<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let start = LazyConfigAcceptor::new(Acceptor::default(), tcp)
            .await
            .unwrap();
        let name = start.client_hello().server_name().map(str::to_owned);
        // The client may not trust us, and go.
        if let Ok(mut tls) = start.into_stream(Arc::new(config)).await {
            let _ = tls.write_all(b"hello").await;
            let _ = tls.shutdown().await;
        }
        name
    });
    (address, server)
}

/// A server that waits for the client's first bytes, says `answer`, and closes.
async fn raw_server(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        let count = tcp.read(&mut [0; 4096]).await.unwrap();
        assert!(count > 0);
        let _ = tcp.write_all(answer).await;
        let _ = tcp.shutdown().await;
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    });
    address
}

fn peer(host: &str, port: u16) -> Peer {
    Peer {
        host: host.to_owned(),
        port,
        app: "live".to_owned(),
    }
}

async fn connect_to(host: &str, port: u16, trust: Trust) -> Result<Connection, Failure> {
    let route = Route {
        trust,
        ..Route::default()
    };
    timeout(PATIENCE, connect(&peer(host, port), true, &route))
        .await
        .expect("a result in time")
}

/// Connects to a server that shows `certificate`.
async fn shown(certificate: &Certificate, trust: Trust) -> Result<Connection, Failure> {
    let (address, _) = tls_server(certificate.server(&certificate.key, &TLS13)).await;
    connect_to("localhost", address.port(), trust).await
}

async fn greeting(mut connection: Connection) -> String {
    let mut text = String::new();
    connection.stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_the_name_is_sent_along() {
    let certificate = Certificate::plain("localhost");
    for version in [&TLS12, &TLS13] {
        for trust in [
            certificate.trusted(),
            Trust::Only(certificate.fingerprint()),
        ] {
            let (address, server) = tls_server(certificate.server(&certificate.key, version)).await;
            let connection = connect_to("localhost", address.port(), trust)
                .await
                .unwrap();
            assert_eq!(connection.address, address);
            assert!(connection.to_string().ends_with(", secured"));
            assert_eq!(greeting(connection).await, "hello");
            assert_eq!(server.await.unwrap().as_deref(), Some("localhost"));
        }
    }
}

#[tokio::test]
async fn an_ip_address_is_not_sent_as_a_name() {
    let certificate = Certificate::plain("127.0.0.1");
    let (address, server) = tls_server(certificate.server(&certificate.key, &TLS13)).await;
    let connection = connect_to("127.0.0.1", address.port(), certificate.trusted())
        .await
        .unwrap();
    assert_eq!(greeting(connection).await, "hello");
    assert_eq!(server.await.unwrap(), None);
}

#[tokio::test]
async fn a_pinned_certificate_is_accepted_whatever_its_issuer_name_and_dates() {
    for certificate in [
        Certificate::plain("somewhere.else"),
        Certificate::new("localhost", |params| {
            params.not_after = date_time_ymd(2001, 1, 1);
        }),
        Certificate::new("localhost", |params| {
            params.not_before = date_time_ymd(4000, 1, 1);
        }),
        Certificate::new("localhost", |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }),
    ] {
        let connection = shown(&certificate, Trust::Only(certificate.fingerprint()))
            .await
            .unwrap();
        assert_eq!(greeting(connection).await, "hello");
    }
}

#[tokio::test]
async fn any_other_certificate_than_the_pinned_one_is_refused() {
    let certificate = Certificate::plain("localhost");
    let mut almost = certificate.fingerprint();
    almost.0[31] ^= 1;
    let failure = shown(&certificate, Trust::Only(almost)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(
        failure
            .what
            .contains("another certificate than the one chosen"),
        "{failure}"
    );
    let fingerprint = certificate.fingerprint().to_string();
    assert!(failure.remedy.contains(&fingerprint), "{failure}");
}

#[tokio::test]
async fn a_server_that_shows_the_pinned_certificate_without_its_key_is_refused() {
    let certificate = Certificate::plain("localhost");
    let stranger = KeyPair::generate().unwrap();
    for version in [&TLS12, &TLS13] {
        let (address, _) = tls_server(certificate.server(&stranger, version)).await;
        let trust = Trust::Only(certificate.fingerprint());
        let failure = connect_to("localhost", address.port(), trust)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::Tls);
        assert!(failure.what.contains("could not prove"), "{failure}");
    }
}

#[tokio::test]
async fn each_fault_of_a_certificate_has_its_words() {
    let expired = Certificate::new("localhost", |params| {
        params.not_after = date_time_ymd(2001, 1, 1);
    });
    let failure = shown(&expired, expired.trusted()).await.unwrap_err();
    assert!(failure.what.contains("has expired"), "{failure}");
    assert!(!failure.may_mend());

    let early = Certificate::new("localhost", |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
    });
    let failure = shown(&early, early.trusted()).await.unwrap_err();
    assert!(
        failure.what.contains("by this computer's clock"),
        "{failure}"
    );
    assert!(failure.may_mend(), "a clock is set some time");

    let other = Certificate::plain("ingest.example.org");
    let failure = shown(&other, other.trusted()).await.unwrap_err();
    let words = "for another name (ingest.example.org)";
    assert!(failure.what.contains(words), "{failure}");
    assert!(!failure.may_mend());
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_shown_by_its_fingerprint() {
    for (certificate, words) in [
        (
            Certificate::plain("localhost"),
            "issued by nobody this computer trusts",
        ),
        (
            // As `openssl req -x509` makes them.
            Certificate::new("localhost", |params| {
                params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
            "not acceptable (it was made for an issuer of certificates",
        ),
    ] {
        let failure = shown(&certificate, Trust::System).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Tls);
        assert!(failure.what.contains(words), "{failure}");
        let fingerprint = certificate.fingerprint().to_string();
        assert!(failure.remedy.contains(&fingerprint), "{failure}");
        assert!(failure.remedy.contains("ask its operator"), "{failure}");
    }
}

#[test]
fn a_revoked_certificate_is_told_without_a_way_around_it() {
    let failure = certificate_failure(&peer("a.example", 443), &CertificateError::Revoked, "AA");
    assert!(failure.what.contains("was revoked"), "{failure}");
    assert!(!failure.to_string().contains("AA"), "{failure}");
}

#[tokio::test]
async fn what_does_not_speak_tls_is_recognised_by_its_first_bytes() {
    for (answer, words) in [
        (&[3; 1537][..], "it is a plain RTMP server"),
        (&[3], "it is a plain RTMP server"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it is a web server"),
        (b"220 mail.example.org ESMTP\r\n", "does not speak TLS."),
    ] {
        let address = raw_server(answer).await;
        let failure = connect_to("localhost", address.port(), Trust::System)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, FailureKind::Tls);
        assert!(failure.what.contains(words), "{failure}");
    }
}

#[tokio::test]
async fn each_alert_has_its_words() {
    for (answer, words, may_mend) in [
        (
            b"\x15\x03\x03\0\x02\x02\x70",
            "does not know the name \"localhost\"",
            false,
        ),
        (
            b"\x15\x03\x01\0\x02\x02\x46",
            "could be agreed on (its TLS alert is ProtocolVersion)",
            false,
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x28",
            "could be agreed on (its TLS alert is HandshakeFailure)",
            false,
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x31",
            "does not let this computer in",
            false,
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x74",
            "does not let this computer in",
            false,
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x32",
            "could be made (its TLS alert is DecodeError)",
            false,
        ),
        (
            b"\x15\x03\x03\0\x02\x02\x50",
            "could not secure the connection",
            true,
        ),
    ] {
        let address = raw_server(answer).await;
        let failure = connect_to("localhost", address.port(), Trust::System)
            .await
            .unwrap_err();
        assert!(failure.what.contains(words), "{failure}");
        assert_eq!(failure.may_mend(), may_mend, "{failure}");
    }
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_the_client_is_told_as_such() {
    let certificate = Certificate::plain("localhost");
    for version in [&TLS12, &TLS13] {
        let mut clients = RootCertStore::empty();
        clients.add(certificate.der.clone()).unwrap();
        let provider = Arc::new(ring::default_provider());
        let wanted =
            WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider))
                .build()
                .unwrap();
        let key = PrivatePkcs8KeyDer::from(certificate.key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_client_cert_verifier(wanted)
            .with_single_cert(vec![certificate.der.clone()], key.into())
            .unwrap();
        let (address, _) = tls_server(config).await;
        let failure = match connect_to("localhost", address.port(), certificate.trusted()).await {
            Err(failure) => failure,
            // In TLS 1.3 the client is done before the server has looked.
            Ok(mut connection) => {
                let error = connection.stream.read(&mut [0; 16]).await.unwrap_err();
                lost(&peer("localhost", address.port()), &error)
            }
        };
        assert_eq!(failure.kind, FailureKind::Tls);
        assert!(
            failure.what.contains("does not let this computer in"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_server_with_old_versions_of_tls_only_is_told_as_such() {
    // A ServerHello of TLS 1.0 with TLS_RSA_WITH_AES_128_CBC_SHA.
    const HELLO: &[u8] = b"\x16\x03\x01\0\x2a\x02\0\0\x26\x03\x01\
        0123456789abcdef0123456789abcdef\0\0\x2f\0";
    let address = raw_server(HELLO).await;
    let failure = connect_to("localhost", address.port(), Trust::System)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Tls);
    assert!(failure.what.contains("no longer safe"), "{failure}");
}

#[tokio::test]
async fn a_connection_closed_or_reset_while_being_secured_is_told_as_such() {
    let address = raw_server(b"").await;
    let failure = connect_to("localhost", address.port(), Trust::System)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Closed);
    assert!(
        failure
            .what
            .contains("while it was being secured (no reason given)"),
        "{failure}"
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.read_exact(&mut [0; 1]).await.unwrap();
        // Closing with bytes unread resets.
        drop(tcp);
    });
    let failure = connect_to("localhost", port, Trust::System)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Closed);
    assert!(
        failure
            .what
            .contains("while it was being secured (connection reset"),
        "{failure}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_silent_is_given_up_after_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peer = peer("127.0.0.1", listener.local_addr().unwrap().port());
    let route = Route::default();
    let failure = connect(&peer, true, &route).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(
        failure.what.contains("did not secure it within 10 seconds"),
        "{failure}"
    );
}

#[tokio::test]
async fn a_name_that_no_certificate_can_bear_is_told_as_such() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tcp = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let failure = secure(&peer("-.example", 443), tcp, &Trust::System)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Address);
    assert!(failure.remedy.contains("another address"), "{failure}");
}

#[tokio::test]
async fn a_connection_through_a_proxy_is_secured_with_the_server_itself() {
    let certificate = Certificate::plain("live.invalid");
    let (server, name) = tls_server(certificate.server(&certificate.key, &TLS13)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = tokio::spawn(async move {
        let (mut tcp, from) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(tcp.read_u8().await.unwrap());
        }
        let mut onward = TcpStream::connect(server).await.unwrap();
        tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        let _ = copy_bidirectional(&mut tcp, &mut onward).await;
        (from, String::from_utf8(request).unwrap())
    });
    let route = Route {
        trust: certificate.trusted(),
        proxy: Some(Proxy::parse(&format!("http://me:s3cretPASS@{address}")).unwrap()),
        ..Route::default()
    };
    let peer = peer("live.invalid", 443);
    let connecting = connect(&peer, true, &route);
    let connection = timeout(PATIENCE, connecting).await.unwrap().unwrap();
    let words = format!("{connection} {connection:?}");
    assert_eq!(greeting(connection).await, "hello");
    assert_eq!(name.await.unwrap().as_deref(), Some("live.invalid"));
    let (from, request) = proxy.await.unwrap();
    assert!(request.starts_with("CONNECT live.invalid:443 HTTP/1.1\r\n"));
    let way = format!(
        "from {from} to {address} (the proxy 127.0.0.1, port {}), secured",
        address.port()
    );
    assert!(words.starts_with(&way), "{words}");
    assert!(!words.contains("s3cretPASS"));
}

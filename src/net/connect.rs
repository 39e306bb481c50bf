//! The way to a server: its name, its addresses, TCP, and TLS for `rtmps://`.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, CertificateError, ClientConfig, crypto::ring, pki_types::ServerName},
};

use super::{
    route::{Route, Trust},
    tcp_info::limit_unsent,
};
use crate::rtmp::refusal::{Cause, Failure, Peer};

/// An open connection, ready for RTMP's first byte.
#[derive(Debug)]
pub struct Connection {
    /// Carries the bytes.
    pub stream: Stream,
    /// The same socket once more, to ask and tell the kernel about it while others use the stream.
    pub socket: Socket,
    /// Which of the server's addresses answered.
    pub address: SocketAddr,
}

/// Connects to `peer`, securely if `secure`, trying each of its addresses.
///
/// # Errors
/// What stands in the way, in words. It takes at most [`LOOKUP_TIMEOUT`], [`CONNECT_TIMEOUT`] and
/// [`TLS_TIMEOUT`] together.
pub async fn connect(peer: &Peer, secure: bool, route: &Route) -> Result<Connection, Failure> {
    let addresses = resolve(peer).await?;
    let (tcp, address) = timeout(CONNECT_TIMEOUT, connect_any(peer, &addresses))
        .await
        .unwrap_or_else(|_| Err(Failure::connect_timed_out(peer, CONNECT_TIMEOUT)))?;
    let lost = |error: io::Error| Failure::connection_lost(peer, &plain(&error));
    let socket = SockRef::from(&tcp).try_clone().map_err(lost)?;
    tune(&socket).map_err(lost)?;
    let stream = if secure {
        let tls = timeout(TLS_TIMEOUT, start_tls(peer, tcp, &route.trust))
            .await
            .unwrap_or_else(|_| Err(Failure::tls_timed_out(peer, TLS_TIMEOUT)))?;
        Stream::Tls(Box::new(tls))
    } else {
        Stream::Plain(tcp)
    };
    Ok(Connection {
        stream,
        socket,
        address,
    })
}

/// A connection's bytes, secured or not.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

async fn resolve(peer: &Peer) -> Result<Vec<SocketAddr>, Failure> {
    let lookup = timeout(LOOKUP_TIMEOUT, lookup_host((&*peer.host, peer.port)));
    let found = match lookup.await {
        Ok(Ok(found)) => found.take(MOST_ADDRESSES).collect(),
        Ok(Err(_)) => Vec::new(),
        Err(_) => return Err(Failure::name_lookup_timed_out(peer, LOOKUP_TIMEOUT)),
    };
    if found.is_empty() {
        return Err(Failure::unknown_host(peer));
    }
    Ok(found)
}

/// Tries one address after the other. The failure told is the first one: systems sort the addresses that
/// they can reach to the front.
async fn connect_any(
    peer: &Peer,
    addresses: &[SocketAddr],
) -> Result<(TcpStream, SocketAddr), Failure> {
    let mut first_failure = None;
    for &address in addresses {
        let failure = match timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok((tcp, address)),
            Ok(Err(error)) => match error.kind() {
                io::ErrorKind::ConnectionRefused => Failure::port_refused(peer),
                io::ErrorKind::TimedOut => Failure::connect_timed_out(peer, ADDRESS_TIMEOUT),
                io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
                    Failure::offline(peer, &plain(&error))
                }
                _ => Failure::unreachable(peer, &plain(&error)),
            },
            Err(_) => Failure::connect_timed_out(peer, ADDRESS_TIMEOUT),
        };
        first_failure.get_or_insert(failure);
    }
    Err(first_failure.unwrap_or_else(|| Failure::unknown_host(peer)))
}

fn tune(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL);
    socket.set_tcp_keepalive(&keepalive)?;
    limit_unsent(socket, MOST_UNSENT_BYTES)
}

async fn start_tls(
    peer: &Peer,
    tcp: TcpStream,
    trust: &Trust,
) -> Result<TlsStream<TcpStream>, Failure> {
    let config = tls_config(trust).map_err(|error| Failure::tls(peer, &error.to_string()))?;
    // For a name it is sent along (SNI), which large services need; for an IP address it is not.
    let name = ServerName::try_from(peer.host.clone())
        .map_err(|error| Failure::tls(peer, &error.to_string()))?;
    TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .map_err(|error| tls_failure(peer, &error))
}

fn tls_config(trust: &Trust) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let extra_roots = match trust {
        Trust::System | Trust::Only(_) => Vec::new(),
        Trust::Also(roots) => roots.clone(),
    };
    let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(
        extra_roots,
        Arc::clone(&provider),
    )?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous() // is what rustls calls any verifier but its own; this one asks the system
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn tls_failure(peer: &Peer, error: &io::Error) -> Failure {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(problem)) => certificate_failure(peer, problem),
        Some(rustls::Error::InvalidMessage(_)) => Failure::tls_not_spoken(peer),
        Some(rustls::Error::AlertReceived(alert)) => Failure::tls_alert(peer, &alert_words(*alert)),
        Some(other) => Failure::tls(peer, &other.to_string()),
        None => match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Failure::tls_closed(peer),
            _ => Failure::connection_lost(
                peer,
                &format!("while it was being secured: {}", plain(error)),
            ),
        },
    }
}

fn certificate_failure(peer: &Peer, problem: &CertificateError) -> Failure {
    use CertificateError as Problem;
    let cause = match problem {
        Problem::Expired | Problem::ExpiredContext { .. } => Cause::CertificateExpired,
        Problem::NotValidYet | Problem::NotValidYetContext { .. } => Cause::CertificateNotYetValid,
        Problem::NotValidForName | Problem::NotValidForNameContext { .. } => {
            Cause::CertificateOtherName
        }
        Problem::UnknownIssuer => Cause::CertificateUnknownIssuer,
        Problem::Revoked => {
            return Failure::certificate_unfit(peer, "its certificate was revoked");
        }
        other => {
            let reason = format!("its certificate is not acceptable, {other}");
            return Failure::certificate_unfit(peer, &reason);
        }
    };
    Failure::certificate(peer, cause)
}

/// `the alert "HandshakeFailure"`.
fn alert_words(alert: rustls::AlertDescription) -> String {
    format!("TLS alert {alert:?}")
}

/// The system's words for an error, without its number.
pub(super) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let words = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "no reason given".to_owned(),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

/// How long finding the server's addresses may take.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long connecting may take, over all addresses.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long securing the connection may take.
pub const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one address is waited for.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(4);
/// How many of a server's addresses are tried.
const MOST_ADDRESSES: usize = 16;
/// How long a silent connection waits before it asks whether the peer is still there, and how often then.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// What may wait in the kernel; the rest waits in our queue, where it can still be dropped.
const MOST_UNSENT_BYTES: u32 = 64 * 1024;

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::rtmp::refusal::FailureKind;

    fn peer(host: &str, port: u16) -> Peer {
        Peer {
            host: host.to_owned(),
            port,
            app: "live".to_owned(),
        }
    }

    async fn failure(peer: &Peer, secure: bool) -> Failure {
        connect(peer, secure, &Route::default()).await.unwrap_err()
    }

    #[tokio::test]
    async fn an_unknown_name_is_told_as_such() {
        // RFC 6761 guarantees that nothing is ever found under ".invalid".
        let failure = failure(&peer("nowhere.invalid", 1935), false).await;
        assert_eq!(failure.kind, FailureKind::UnknownHost);
        assert!(failure.what.contains("\"nowhere.invalid\""), "{failure}");
    }

    #[tokio::test]
    async fn a_port_where_nothing_listens_is_told_as_such() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let failure = failure(&peer("127.0.0.1", port), false).await;
        assert_eq!(failure.kind, FailureKind::PortRefused);
        assert!(failure.what.contains(&format!("port {port}")), "{failure}");
    }

    #[tokio::test]
    async fn every_address_of_a_name_is_tried() {
        // "localhost" may have ::1 first, where nothing listens.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = SocketAddr::new("127.0.0.2".parse().unwrap(), address.port());
        let (_, reached) = connect_any(&peer("localhost", 1), &[refused, address])
            .await
            .unwrap();
        assert_eq!(reached, address);
    }
}

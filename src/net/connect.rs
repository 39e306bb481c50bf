//! The way to a server: its name, its addresses, TCP, a proxy, and TLS for `rtmps://`.
//!
//! | file | what it is about |
//! |---|---|
//! | `lookup` | from a name to addresses, in the order of their trial |
//! | `race` | several addresses at once: Happy Eyeballs |
//! | `socket` | one socket, set up and bound, and what its failures mean |
//! | `proxy` | through an HTTP proxy |
//! | `tls` | securing the connection, and whom to trust |

mod lookup;
mod proxy;
mod race;
mod socket;
mod tls;

use std::{
    fmt, io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use socket2::{SockRef, Socket};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};

pub use self::lookup::LOOKUP_TIMEOUT;
use self::{
    lookup::{LastWinner, addresses, interleaved},
    tls::TlsOverTcp,
};
use super::route::{LocalEnd, Route};
use crate::rtmp::refusal::{Failure, Peer};

/// An open connection, ready for RTMP's first byte.
///
/// It is shown as its ends and what lies between: what the log may know.
#[derive(Debug)]
pub struct Connection {
    /// Carries the bytes.
    pub stream: Stream,
    /// The same socket once more, to ask and tell the kernel about it while others use the stream.
    pub socket: Socket,
    /// Which of the server's addresses answered; the proxy's, where there is one.
    pub address: SocketAddr,
    /// This computer's end.
    pub local: SocketAddr,
    /// The proxy on the way: `proxy.example, port 3128`.
    pub proxy: Option<String>,
}

impl fmt::Display for Connection {
    /// `from 192.168.1.20:50123 to 203.0.113.7:443, secured`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", self.local, self.address)?;
        if let Some(proxy) = &self.proxy {
            write!(f, " (the proxy {proxy})")?;
        }
        match self.stream {
            Stream::Plain(_) => Ok(()),
            Stream::Tls(_) => f.write_str(", secured"),
        }
    }
}

/// Connects to `peer` by `route`, securely if `secure`, trying each of its addresses.
///
/// # Errors
/// What stands in the way, in words. It takes at most [`LOOKUP_TIMEOUT`], [`CONNECT_TIMEOUT`],
/// [`PROXY_TIMEOUT`] and [`TLS_TIMEOUT`] together.
pub async fn connect(peer: &Peer, secure: bool, route: &Route) -> Result<Connection, Failure> {
    let local = route.local.as_ref();
    let (tcp, address) = match &route.proxy {
        None => connect_tcp(peer, local).await?,
        Some(proxy) if secure => {
            let place = Peer {
                host: proxy.host.clone(),
                port: proxy.port,
                app: String::new(),
            };
            let (mut tcp, address) = connect_tcp(&place, local)
                .await
                .map_err(Failure::at_the_proxy)?;
            timeout(PROXY_TIMEOUT, proxy::tunnel(&mut tcp, peer, proxy))
                .await
                .unwrap_or_else(|_| {
                    let proxy = proxy.to_string();
                    Err(Failure::proxy_timed_out(peer, &proxy, PROXY_TIMEOUT))
                })?;
            (tcp, address)
        }
        Some(proxy) => return Err(Failure::proxy_needs_rtmps(peer, &proxy.to_string())),
    };
    let lost = |error: io::Error| Failure::connection_lost(peer, &plain(&error));
    let local = tcp.local_addr().map_err(lost)?;
    let socket = SockRef::from(&tcp).try_clone().map_err(lost)?;
    let stream = if secure {
        let tls = timeout(TLS_TIMEOUT, tls::secure(peer, tcp, &route.trust))
            .await
            .unwrap_or_else(|_| Err(Failure::tls_timed_out(peer, TLS_TIMEOUT)))?;
        Stream::Tls(Box::new(tls))
    } else {
        Stream::Plain(tcp)
    };
    let connection = Connection {
        stream,
        socket,
        address,
        local,
        proxy: route.proxy.as_ref().map(ToString::to_string),
    };
    tracing::debug!(way = %connection, "connected");
    Ok(connection)
}

/// The failure behind an error of a connection that stood. A server that wants more of the client than TLS 1.3's
/// handshake says so only now, with an alert.
#[must_use]
pub fn lost(peer: &Peer, error: &io::Error) -> Failure {
    tls::alert_behind(peer, error).unwrap_or_else(|| Failure::connection_lost(peer, &plain(error)))
}

/// Looks the name up and races its addresses.
async fn connect_tcp(
    peer: &Peer,
    local: Option<&LocalEnd>,
) -> Result<(TcpStream, SocketAddr), Failure> {
    static LAST_WINNER: LastWinner = LastWinner::unknown();
    let from = match local {
        Some(LocalEnd::Address(address)) => Some(*address),
        Some(LocalEnd::Interface(_)) | None => None,
    };
    let addresses = interleaved(addresses(peer, from).await?, LAST_WINNER.get());
    let start = |address| socket::connect(address, local);
    let (tcp, address) = race::race(&addresses, CONNECT_TIMEOUT, start)
        .await
        .map_err(|obstacles| socket::most_telling(peer, local, obstacles))?;
    LAST_WINNER.note(address, &addresses);
    Ok((tcp, address))
}

/// A connection's bytes, secured or not.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsOverTcp>),
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

/// How long connecting may take, over all addresses.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a proxy may take to connect to the server.
pub const PROXY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long securing the connection may take.
pub const TLS_TIMEOUT: Duration = Duration::from_secs(10);

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
        let connection = connect(&peer("localhost", address.port()), false, &Route::default())
            .await
            .unwrap();
        assert_eq!(connection.address, address);
        let (accepted, from) = listener.accept().await.unwrap();
        assert_eq!(from, connection.local);
        assert_eq!(
            connection.to_string(),
            format!("from {from} to {}", accepted.local_addr().unwrap())
        );
    }

    #[tokio::test]
    async fn the_first_of_several_addresses_to_connect_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let refused = SocketAddr::new("127.0.0.2".parse().unwrap(), address.port());
        let start = |address| socket::connect(address, None);
        let (_, reached) = race::race(&[refused, address], CONNECT_TIMEOUT, start)
            .await
            .unwrap();
        assert_eq!(reached, address);
    }

    #[tokio::test]
    async fn a_server_without_an_address_of_the_local_ends_kind_is_told_as_such() {
        let route = Route {
            local: Some(LocalEnd::parse("::1").unwrap()),
            ..Route::default()
        };
        let failure = connect(&peer("127.0.0.1", 1935), false, &route)
            .await
            .unwrap_err();
        assert!(failure.what.contains("has no IPv6 address"), "{failure}");
    }
}

//! One socket: where it leaves this computer, how it is set up, and what its failures mean.

use std::{io, net::SocketAddr, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};

use super::{CONNECT_TIMEOUT, plain};
use crate::{
    net::{
        route::LocalEnd,
        tcp_info::{bind_to_interface, limit_unacknowledged, limit_unsent},
    },
    rtmp::refusal::{Failure, Peer},
};

/// Connects to `address`, leaving this computer by `local`.
pub(super) async fn connect(
    address: SocketAddr,
    local: Option<&LocalEnd>,
) -> Result<TcpStream, Obstacle> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    set_up(&SockRef::from(&socket))?;
    match local {
        None => {}
        Some(LocalEnd::Address(local)) => socket
            .bind(SocketAddr::new(*local, 0))
            .map_err(Obstacle::Local)?,
        Some(LocalEnd::Interface(name)) => {
            bind_to_interface(&SockRef::from(&socket), name, address.is_ipv6())
                .map_err(Obstacle::Local)?;
        }
    }
    Ok(socket.connect(address).await?)
}

fn set_up(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    limit_unsent(socket, MOST_UNSENT_BYTES)?;
    limit_unacknowledged(socket, LONGEST_UNACKNOWLEDGED)
}

/// Why there is no connection to one address.
#[derive(Debug)]
pub(super) enum Obstacle {
    /// This computer cannot leave by the local end that was chosen.
    Local(io::Error),
    /// Anything else.
    Way(io::Error),
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Self {
        Self::Way(error)
    }
}

/// The failure to tell of all those that the addresses of `peer` brought.
///
/// The one told is the one that says most. A refusal comes from the server itself: name and network are right.
/// A firewall on this computer is next. An address that stays silent says more than one without a way to it, and
/// that the network knows no way says least: most computers that have no IPv6 find so at once for all IPv6 addresses.
pub(super) fn most_telling(
    peer: &Peer,
    local: Option<&LocalEnd>,
    obstacles: Vec<Obstacle>,
) -> Failure {
    let most = obstacles.into_iter().min_by_key(|obstacle| match obstacle {
        Obstacle::Local(_) => 0,
        Obstacle::Way(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => 1,
            io::ErrorKind::PermissionDenied => 2,
            io::ErrorKind::TimedOut => 3,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => 5,
            _ => 4,
        },
    });
    match (most, local) {
        (None, _) => Failure::unknown_host(peer),
        (Some(Obstacle::Local(error)), Some(local)) => cannot_leave(peer, local, &error),
        (Some(Obstacle::Local(error) | Obstacle::Way(error)), _) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::port_refused(peer),
            io::ErrorKind::PermissionDenied => Failure::connect_forbidden(peer, &plain(&error)),
            io::ErrorKind::TimedOut => Failure::connect_timed_out(peer, CONNECT_TIMEOUT),
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => {
                Failure::offline(peer, &plain(&error))
            }
            _ => Failure::unreachable(peer, &plain(&error)),
        },
    }
}

fn cannot_leave(peer: &Peer, local: &LocalEnd, error: &io::Error) -> Failure {
    match (local, error.kind()) {
        (LocalEnd::Address(address), _) => {
            Failure::no_such_local_address(peer, &address.to_string(), &plain(error))
        }
        (
            LocalEnd::Interface(name),
            io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied,
        ) => Failure::interface_not_to_be_chosen(peer, name),
        (LocalEnd::Interface(name), _) => Failure::no_such_interface(peer, name, &plain(error)),
    }
}

/// How long a silent connection waits before it asks whether the peer is still there, how often then, and how
/// many times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_PROBES: u32 = 3;
/// What may wait in the kernel before more is known of the stream.
const MOST_UNSENT_BYTES: u32 = 64 * 1024;
/// How long the peer's kernel may leave unacknowledged what was sent.
const LONGEST_UNACKNOWLEDGED: Duration = Duration::from_secs(12);

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::rtmp::refusal::FailureKind;

    fn peer() -> Peer {
        Peer {
            host: "example.org".to_owned(),
            port: 1935,
            app: "live".to_owned(),
        }
    }

    fn told(local: Option<&LocalEnd>, obstacles: Vec<Obstacle>) -> Failure {
        most_telling(&peer(), local, obstacles)
    }

    fn way(kind: io::ErrorKind) -> Obstacle {
        Obstacle::Way(kind.into())
    }

    #[test]
    fn the_most_telling_failure_is_told() {
        use io::ErrorKind::{
            AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable,
            PermissionDenied, TimedOut,
        };
        for (kinds, words) in [
            (
                &[NetworkUnreachable, ConnectionRefused, TimedOut][..],
                "was refused",
            ),
            (&[TimedOut, PermissionDenied], "does not let the connection"),
            (
                &[NetworkUnreachable, TimedOut],
                "did not answer within 10 seconds",
            ),
            (
                &[AddrNotAvailable, NetworkUnreachable],
                "cannot be reached (address not available)",
            ),
            (
                &[NetworkUnreachable, HostUnreachable],
                "cannot be reached (host unreachable)",
            ),
            (&[NetworkUnreachable; 2], "no network connection that leads"),
        ] {
            let failure = told(None, kinds.iter().copied().map(way).collect());
            assert!(failure.what.contains(words), "{failure}");
            assert!(failure.may_mend());
        }
    }

    #[test]
    fn a_local_end_that_is_missing_may_come_back_but_one_that_cannot_be_chosen_not() {
        let interface = LocalEnd::parse("eth9").unwrap();
        let address = LocalEnd::parse("192.0.2.7").unwrap();
        for (local, kind, words, may_mend) in [
            (
                &interface,
                io::ErrorKind::NotFound,
                "interface \"eth9\"",
                true,
            ),
            (&interface, io::ErrorKind::Unsupported, "by its name", false),
            (
                &interface,
                io::ErrorKind::PermissionDenied,
                "by its name",
                false,
            ),
            (
                &address,
                io::ErrorKind::AddrNotAvailable,
                "from 192.0.2.7",
                true,
            ),
        ] {
            let obstacles = vec![
                way(io::ErrorKind::ConnectionRefused),
                Obstacle::Local(kind.into()),
            ];
            let failure = told(Some(local), obstacles);
            assert!(failure.what.contains(words), "{failure}");
            assert_eq!(failure.may_mend(), may_mend, "{failure}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_holds_what_a_socket_was_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = connect(listener.local_addr().unwrap(), None).await.unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(
            socket.tcp_keepalive_time().unwrap(),
            Duration::from_secs(15)
        );
        assert_eq!(
            socket.tcp_keepalive_interval().unwrap(),
            Duration::from_secs(5)
        );
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), 65_536);
        assert_eq!(
            socket.tcp_user_timeout().unwrap(),
            Some(Duration::from_secs(12))
        );
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_connection_leaves_by_the_address_or_interface_chosen() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = listener.local_addr().unwrap();
        let local = LocalEnd::parse("127.0.0.9").unwrap();
        let stream = connect(server, Some(&local)).await.unwrap();
        assert_eq!(stream.local_addr().unwrap().ip().to_string(), "127.0.0.9");

        let loopback = LocalEnd::parse("lo").unwrap();
        let stream = connect(server, Some(&loopback)).await.unwrap();
        let device = SockRef::from(&stream).device().unwrap();
        assert_eq!(device.as_deref(), Some(&b"lo"[..]));
    }

    #[tokio::test]
    async fn an_address_or_interface_that_this_computer_lacks_is_told_as_such() {
        let server = "127.0.0.1:1935".parse().unwrap();
        // 192.0.2.0/24 is for documentation only (RFC 5737).
        for (text, words) in [
            ("192.0.2.7", "cannot be reached from 192.0.2.7"),
            ("skywave9", "through the network interface \"skywave9\""),
        ] {
            let local = LocalEnd::parse(text).unwrap();
            let obstacle = connect(server, Some(&local)).await.unwrap_err();
            let failure = told(Some(&local), vec![obstacle]);
            assert!(failure.what.contains(words), "{failure}");
            assert_ne!(failure.kind, FailureKind::PortRefused);
        }
    }
}

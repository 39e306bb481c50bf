//! What the kernel knows about a connection: how much the peer's kernel has acknowledged, how much waits,
//! how long the way is. TLS does not hide it. And what the kernel is told about it that each system has its
//! own words for.
//!
//! Linux and macOS are asked for figures. Windows has them too (`SIO_TCP_INFO`), but none of the libraries that this
//! program is made of asks for them; there [`read`] has nothing to tell, and the server's RTMP acknowledgements take
//! its place.

use std::{io, time::Duration};

use socket2::Socket;

/// Figures of one connection at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFigures {
    /// Bytes that have arrived at the peer, all that TCP carried included (TLS's own too). macOS keeps no such count:
    /// there it is what was written and does not wait any more.
    pub acknowledged: Option<u64>,
    /// Bytes that this machine has not sent yet.
    pub unsent: u64,
    /// Bytes that were sent and not acknowledged so far.
    pub in_flight: u64,
    /// About how many of those arrived behind a gap: lost packets hold the acknowledgement up, not them (RFC 2018,
    /// section 3). Zero where the system does not tell (macOS).
    pub arrived_early: u64,
    /// How often in a row the peer's kernel, which had no room, was asked for some without an answer. The last
    /// question may still be under way.
    pub unanswered: u32,
    /// Smoothed time from here to the peer and back.
    pub round_trip: Duration,
}

impl TcpFigures {
    /// Bytes that are still to be sent or acknowledged.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.unsent + self.in_flight
    }
}

/// The figures of `socket` now; `None` where the system does not tell.
#[must_use]
pub fn read(socket: &Socket) -> Option<TcpFigures> {
    platform::read(socket)
}

/// Keeps what waits in the kernel, out of our queue's reach, below `bytes`, where the system can.
///
/// # Errors
/// When the system refuses.
pub fn limit_unsent(socket: &Socket, bytes: u32) -> io::Result<()> {
    platform::limit_unsent(socket, bytes)
}

/// Has the kernel give the connection up once what was sent stays unacknowledged for `time`, where the system
/// can (Linux: `TCP_USER_TIMEOUT`, RFC 5482; macOS: `TCP_RXT_CONNDROPTIME`, in whole seconds). Windows keeps
/// its default of some 20 s; the watchdog of a live stream is faster anyway.
///
/// # Errors
/// When the system refuses.
pub fn limit_unacknowledged(socket: &Socket, time: Duration) -> io::Result<()> {
    platform::limit_unacknowledged(socket, time)
}

/// Ties a socket that is not connected yet to the network interface with this name.
///
/// # Errors
/// When there is no such interface now; [`io::ErrorKind::Unsupported`] where the system cannot do it, and
/// [`io::ErrorKind::PermissionDenied`] where it does not let us (Linux before 5.7).
pub fn bind_to_interface(socket: &Socket, name: &str, ipv6: bool) -> io::Result<()> {
    platform::bind_to_interface(socket, name, ipv6)
}

#[cfg(target_os = "linux")]
#[expect(
    unsafe_code,
    reason = "TCP_INFO has no safe binding; the one call is below, with its proof"
)]
mod platform {
    use std::{
        io,
        mem::{MaybeUninit, offset_of},
        os::fd::AsRawFd,
        time::Duration,
    };

    use socket2::Socket;

    use super::TcpFigures;

    pub(super) fn read(socket: &Socket) -> Option<TcpFigures> {
        let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
        let mut len = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
        // SAFETY: the descriptor is open as long as `socket` is borrowed; `info` is valid for writes of `len`
        // bytes, and the kernel writes at most `len`.
        let status = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                info.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        // Kernels before 4.6 tell less; then the fields asked for below would read as zero.
        let told = usize::try_from(len).unwrap_or(0);
        if status != 0 || told < offset_of!(libc::tcp_info, tcpi_min_rtt) {
            return None;
        }
        // SAFETY: it consists of integers only, for which all zeros are valid, and was zeroed before
        // the kernel wrote into it.
        let info = unsafe { info.assume_init() };
        let in_flight = in_flight(&info, told);
        let early = share_of(in_flight, info.tcpi_sacked, info.tcpi_unacked);
        Some(TcpFigures {
            acknowledged: Some(info.tcpi_bytes_acked),
            unsent: u64::from(info.tcpi_notsent_bytes),
            in_flight,
            arrived_early: early,
            unanswered: u32::from(info.tcpi_probes),
            round_trip: Duration::from_micros(u64::from(info.tcpi_rtt)),
        })
    }

    fn in_flight(info: &libc::tcp_info, told: usize) -> u64 {
        if info.tcpi_unacked == 0 {
            return 0;
        }
        let most = u64::from(info.tcpi_unacked) * u64::from(info.tcpi_snd_mss);
        // Kernels before 4.19 count segments only.
        if told < offset_of!(libc::tcp_info, tcpi_dsack_dups) {
            return most;
        }
        // What opened the connection counts as one byte that was acknowledged. What this machine's own network queue
        // refused counts as sent once more.
        let sent = info.tcpi_bytes_sent.saturating_sub(info.tcpi_bytes_retrans) + 1;
        sent.saturating_sub(info.tcpi_bytes_acked).min(most).max(1)
    }

    /// How many of the `bytes` that `all` segments have are in `some` of them, which the kernel only counts: about as
    /// many as in others.
    pub(super) fn share_of(bytes: u64, some: u32, all: u32) -> u64 {
        bytes * u64::from(some.min(all)) / u64::from(all.max(1))
    }

    pub(super) fn limit_unsent(socket: &Socket, bytes: u32) -> io::Result<()> {
        socket.set_tcp_notsent_lowat(bytes)
    }

    pub(super) fn limit_unacknowledged(socket: &Socket, time: Duration) -> io::Result<()> {
        socket.set_tcp_user_timeout(Some(time))
    }

    pub(super) fn bind_to_interface(socket: &Socket, name: &str, _ipv6: bool) -> io::Result<()> {
        socket.bind_device(Some(name.as_bytes()))
    }
}

#[cfg(target_os = "macos")]
#[expect(
    unsafe_code,
    reason = "these options have no safe binding; each call is below, with its proof"
)]
mod platform {
    use std::{
        ffi::CString,
        io,
        mem::{MaybeUninit, offset_of},
        num::NonZeroU32,
        os::fd::AsRawFd,
        time::Duration,
    };

    use socket2::Socket;

    use super::TcpFigures;

    /// From `<netinet/tcp.h>`.
    const TCP_RXT_CONNDROPTIME: libc::c_int = 0x80;
    const TCP_NOTSENT_LOWAT: libc::c_int = 0x201;

    pub(super) fn read(socket: &Socket) -> Option<TcpFigures> {
        let mut info = MaybeUninit::<libc::tcp_connection_info>::zeroed();
        let mut len = libc::socklen_t::try_from(size_of::<libc::tcp_connection_info>()).ok()?;
        // SAFETY: the descriptor is open as long as `socket` is borrowed; `info` is valid for writes of `len`
        // bytes, and the kernel writes at most `len`.
        let status = unsafe {
            libc::getsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_CONNECTION_INFO,
                info.as_mut_ptr().cast(),
                &raw mut len,
            )
        };
        let told = usize::try_from(len).unwrap_or(0);
        if status != 0 || told < offset_of!(libc::tcp_connection_info, tcpi_rttvar) {
            return None;
        }
        // SAFETY: it consists of integers only, for which all zeros are valid, and was zeroed before
        // the kernel wrote into it.
        let info = unsafe { info.assume_init() };
        // What waits, in flight or not, of which as much is in flight as both ends allow.
        let waiting = info.tcpi_snd_sbbytes;
        let in_flight = waiting.min(info.tcpi_snd_cwnd).min(info.tcpi_snd_wnd);
        Some(TcpFigures {
            acknowledged: None,
            unsent: u64::from(waiting - in_flight),
            in_flight: u64::from(in_flight),
            arrived_early: 0,
            unanswered: 0,
            round_trip: Duration::from_millis(u64::from(info.tcpi_srtt)),
        })
    }

    pub(super) fn limit_unsent(socket: &Socket, bytes: u32) -> io::Result<()> {
        set(socket, TCP_NOTSENT_LOWAT, bytes)
    }

    pub(super) fn limit_unacknowledged(socket: &Socket, time: Duration) -> io::Result<()> {
        let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        set(socket, TCP_RXT_CONNDROPTIME, seconds)
    }

    pub(super) fn bind_to_interface(socket: &Socket, name: &str, ipv6: bool) -> io::Result<()> {
        let name = CString::new(name)?;
        // SAFETY: `name` is a string with a final zero, and outlives the call.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        let index = NonZeroU32::new(index).ok_or_else(io::Error::last_os_error)?;
        if ipv6 {
            socket.bind_device_by_index_v6(Some(index))
        } else {
            socket.bind_device_by_index_v4(Some(index))
        }
    }

    fn set(socket: &Socket, option: libc::c_int, value: u32) -> io::Result<()> {
        // SAFETY: the descriptor is open as long as `socket` is borrowed; the kernel reads the four bytes of
        // `value`, which outlives the call.
        let status = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_TCP,
                option,
                (&raw const value).cast(),
                4,
            )
        };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod platform {
    use std::{io, time::Duration};

    use socket2::Socket;

    use super::TcpFigures;

    pub(super) fn read(_socket: &Socket) -> Option<TcpFigures> {
        None
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "has the signature of the other platforms"
    )]
    pub(super) fn limit_unsent(_socket: &Socket, _bytes: u32) -> io::Result<()> {
        Ok(())
    }

    #[expect(
        clippy::unnecessary_wraps,
        reason = "has the signature of the other platforms"
    )]
    pub(super) fn limit_unacknowledged(_socket: &Socket, _time: Duration) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn bind_to_interface(_socket: &Socket, _name: &str, _ipv6: bool) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Ways that are cut by letting the kernel drop what comes to a socket. What a listener does, its connections do.
#[cfg(test)]
#[cfg(target_os = "linux")]
pub(super) mod testing {
    use socket2::{SockFilter, Socket};

    /// Lets nothing more through to `socket`, as a cut cable does.
    pub(crate) fn cut(socket: &Socket) {
        socket.attach_filter(&[KEEP_NOTHING]).unwrap();
    }

    /// Lets only packets without data through to `socket`: connections are made, and carry nothing.
    pub(crate) fn cut_data(socket: &Socket) {
        let load_length = SockFilter::new(0x80, 0, 0, 0);
        let skip_unless_longer = SockFilter::new(0x25, 0, 1, LONGEST_WITHOUT_DATA);
        let filter = [load_length, skip_unless_longer, KEEP_NOTHING, KEEP_ALL];
        socket.attach_filter(&filter).unwrap();
    }

    /// Lets all through again.
    pub(crate) fn restore(socket: &Socket) {
        socket.detach_filter().unwrap();
    }

    /// Both return how many bytes of a packet are kept.
    const KEEP_NOTHING: SockFilter = SockFilter::new(0x06, 0, 0, 0);
    const KEEP_ALL: SockFilter = SockFilter::new(0x06, 0, 0, u32::MAX);
    /// TCP's header, with all its options.
    const LONGEST_WITHOUT_DATA: u32 = 60;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use socket2::SockRef;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        time::{sleep, timeout},
    };

    use super::*;

    #[tokio::test]
    async fn the_kernel_counts_what_the_peer_acknowledged() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        let socket = SockRef::from(&stream).try_clone().unwrap();
        limit_unsent(&socket, 65_536).unwrap();
        let before = read(&socket).unwrap();

        stream.write_all(&[7; 10_000]).await.unwrap();
        peer.read_exact(&mut [0; 10_000]).await.unwrap();

        let arrived = async {
            loop {
                let now = read(&socket).unwrap();
                if now.waiting() == 0 {
                    break now;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let after = timeout(Duration::from_secs(5), arrived).await.unwrap();
        let arrived = after.acknowledged.unwrap() - before.acknowledged.unwrap();
        assert_eq!(arrived, 10_000);
        assert_eq!((after.unsent, after.unanswered), (0, 0));
        assert!(after.round_trip > Duration::ZERO);
    }

    #[test]
    fn what_arrived_behind_a_gap_is_its_share_of_what_is_in_flight() {
        assert_eq!(platform::share_of(100_000, 30, 80), 37_500);
        assert_eq!(platform::share_of(100_000, 81, 80), 100_000);
        assert_eq!(platform::share_of(0, 0, 0), 0);
    }

    #[tokio::test]
    async fn a_dead_way_has_bytes_in_flight_and_a_peer_that_does_not_read_has_none() {
        for way_is_dead in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let stream = TcpStream::connect(address).await.unwrap();
            let (peer, _) = listener.accept().await.unwrap();
            if way_is_dead {
                testing::cut(&SockRef::from(&peer));
            }
            let socket = SockRef::from(&stream).try_clone().unwrap();
            let stands_still = async {
                let mut last = None;
                loop {
                    while stream.try_write(&[7; 10_000]).is_ok() {}
                    sleep(Duration::from_millis(300)).await;
                    let now = read(&socket).unwrap();
                    let acknowledged = now.acknowledged;
                    if last.replace(acknowledged) == Some(acknowledged) {
                        break now;
                    }
                }
            };
            let figures = timeout(Duration::from_secs(20), stands_still)
                .await
                .unwrap();
            assert!(figures.unsent > 0, "{figures:?}");
            assert_eq!(figures.in_flight > 0, way_is_dead, "{figures:?}");
            drop(peer);
        }
    }
}

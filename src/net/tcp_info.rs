//! What the kernel knows about a connection: how much the peer's kernel has acknowledged, how much waits,
//! how long the way is. TLS does not hide it.
//!
//! Only Linux is asked so far; elsewhere [`read`] has nothing to tell, and the server's RTMP
//! acknowledgements take its place.

use std::{io, time::Duration};

use socket2::Socket;

/// Figures of one connection at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFigures {
    /// Bytes that have arrived at the peer, all that TCP carried included (TLS's own too).
    pub acknowledged: u64,
    /// Bytes that this machine has not sent yet.
    pub unsent: u64,
    /// Whether bytes are still to be sent or acknowledged.
    pub pending: bool,
    /// Smoothed time from here to the peer and back.
    pub round_trip: Duration,
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
        let unsent = u64::from(info.tcpi_notsent_bytes);
        Some(TcpFigures {
            acknowledged: info.tcpi_bytes_acked,
            unsent,
            pending: unsent > 0 || info.tcpi_unacked > 0,
            round_trip: Duration::from_micros(u64::from(info.tcpi_rtt)),
        })
    }

    pub(super) fn limit_unsent(socket: &Socket, bytes: u32) -> io::Result<()> {
        socket.set_tcp_notsent_lowat(bytes)
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use std::io;

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
                if !now.pending {
                    break now;
                }
                sleep(Duration::from_millis(5)).await;
            }
        };
        let after = timeout(Duration::from_secs(5), arrived).await.unwrap();
        assert_eq!(after.acknowledged - before.acknowledged, 10_000);
        assert_eq!(after.unsent, 0);
        assert!(after.round_trip > Duration::ZERO);
    }
}

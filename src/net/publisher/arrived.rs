//! How far a server is known to have received one connection, as a position in our bytes.

use socket2::Socket;

use crate::net::tcp_info::{self, TcpFigures};

/// What is known about one connection.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// The kernel's count when the stream was accepted, and the position that it stood for.
    kernel_base: Option<(u64, u64)>,
    /// What the server itself said last.
    by_server: Option<u64>,
    /// Where the first media message ends.
    media_from: Option<u64>,
}

/// One look at a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Bytes known to have arrived.
    pub(super) acknowledged: u64,
    /// Whether bytes are on their way or wait for it.
    pub(super) pending: bool,
    /// Whether media is among what arrived.
    pub(super) media: bool,
    pub(super) figures: Option<TcpFigures>,
}

impl Arrived {
    /// The stream was accepted: nothing but commands went out so far, and all of it was answered.
    pub(super) fn on_accepted(&mut self, socket: &Socket, written: u64) {
        self.kernel_base = tcp_info::read(socket).map(|figures| (figures.acknowledged, written));
    }

    /// The server says that it received `total` bytes. That informs, and nothing ever waits for it.
    pub(super) fn on_server_word(&mut self, total: u64) {
        self.by_server = Some(total);
    }

    /// The first media message ends at `position`.
    pub(super) fn on_media(&mut self, position: u64) {
        self.media_from.get_or_insert(position);
    }

    /// What arrived of the `written` bytes that the socket took, when more are `waiting` for it.
    pub(super) fn look(&self, socket: &Socket, written: u64, waiting: bool) -> Seen {
        let figures = tcp_info::read(socket);
        let (acknowledged, pending) = match (figures, self.kernel_base) {
            // TLS adds bytes of its own, so the count may run ahead of ours.
            (Some(figures), Some((base, position))) => (
                (position + figures.acknowledged.saturating_sub(base)).min(written),
                waiting || figures.pending(),
            ),
            // Where the kernel does not tell, bytes that it takes are a sign of life.
            _ => (written, waiting),
        };
        let arrived = match (self.kernel_base, self.by_server) {
            // Servers count with or without the handshake.
            (None, Some(by_server)) => by_server + HANDSHAKE_BYTES,
            _ => acknowledged,
        };
        Seen {
            acknowledged,
            pending,
            media: self.media_from.is_some_and(|from| arrived >= from),
            figures,
        }
    }
}

/// What the handshake adds to the count of those servers that count it.
const HANDSHAKE_BYTES: u64 = 3073;

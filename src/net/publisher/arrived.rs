//! How far a server is known to have received one connection, as a position in our bytes.
//!
//! The kernel knows what the other end of the connection received. Where that is a proxy, only the server itself can
//! say what reached it.

use std::mem;

use socket2::Socket;

use crate::net::tcp_info::{self, TcpFigures};

/// What is known about one connection.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// The kernel's count when the stream was accepted, and the position that it stood for.
    kernel_base: Option<(u64, u64)>,
    /// What the server itself said last.
    by_server: Option<u64>,
    /// The most that it received from one such word to the next.
    longest_step: u64,
    /// Where the first media message ends.
    media_from: Option<u64>,
    /// Where a proxy is at the other end: how often the server was asked to say what it received, in bytes.
    behind_proxy: Option<u64>,
    /// Whether a person knows that it is known no further than up to there.
    told: bool,
}

/// One look at a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Bytes known to have arrived.
    pub(super) acknowledged: u64,
    /// About how many more arrived behind a gap.
    pub(super) early: u64,
    /// Whether bytes are on their way or wait for it.
    pub(super) pending: bool,
    /// Whether media is among what arrived.
    pub(super) media: bool,
    /// Whether that is known no further than up to a proxy, for the server does not say what it received.
    pub(super) to_proxy_only: bool,
    pub(super) figures: Option<TcpFigures>,
}

impl Arrived {
    /// Nothing arrived yet. Where a proxy is at the other end, the server was asked to say what it received each
    /// `behind_proxy` bytes.
    pub(super) fn new(behind_proxy: Option<u32>) -> Self {
        Self {
            behind_proxy: behind_proxy.map(u64::from),
            ..Self::default()
        }
    }

    /// The stream was accepted: nothing but commands went out so far, and all of it was answered.
    pub(super) fn on_accepted(&mut self, socket: &Socket, written: u64) {
        let acknowledged = tcp_info::read(socket).and_then(|figures| figures.acknowledged);
        self.kernel_base = acknowledged.map(|acknowledged| (acknowledged, written));
    }

    /// The server says that it received `total` bytes. That informs; but for behind a proxy nothing waits for it.
    pub(super) fn on_server_word(&mut self, total: u64) {
        let step = total.saturating_sub(self.by_server.unwrap_or(0));
        self.longest_step = self.longest_step.max(step);
        self.by_server = Some(total);
    }

    /// The first media message ends at `position`.
    pub(super) fn on_media(&mut self, position: u64) {
        self.media_from.get_or_insert(position);
    }

    /// Whether this is the first time that is asked whether to tell of [`Seen::to_proxy_only`].
    pub(super) fn is_to_be_told(&mut self) -> bool {
        !mem::replace(&mut self.told, true)
    }

    /// What arrived of the `written` bytes that the socket took, when more are `waiting` for it.
    pub(super) fn look(&self, socket: &Socket, written: u64, waiting: bool) -> Seen {
        let figures = tcp_info::read(socket);
        let (acknowledged, pending) = match figures {
            Some(figures) => (
                self.up_to(figures, written),
                waiting || figures.waiting() > 0,
            ),
            // Where the kernel does not tell, bytes that it takes are a sign of life.
            None => (written, waiting),
        };
        // Servers count with or without the handshake.
        let by_server = self.by_server.map(|total| total + HANDSHAKE_BYTES);
        let arrived = match (figures, by_server) {
            (None, Some(by_server)) => by_server,
            _ => acknowledged,
        };
        let seen = Seen {
            acknowledged,
            early: figures.map_or(0, |figures| figures.arrived_early),
            pending,
            media: self.media_from.is_some_and(|from| arrived >= from),
            to_proxy_only: false,
            figures,
        };
        match self.behind_proxy {
            None => seen,
            Some(window) => self.behind_proxy(seen, window, by_server, written),
        }
    }

    /// The position up to which all arrived of the `written` bytes that the socket took. TLS adds bytes of its own, so
    /// a count may run ahead of ours.
    fn up_to(&self, figures: TcpFigures, written: u64) -> u64 {
        match (figures.acknowledged, self.kernel_base) {
            (Some(count), Some((base, position))) => {
                (position + count.saturating_sub(base)).min(written)
            }
            _ => written.saturating_sub(figures.waiting()),
        }
    }

    /// What `seen` is worth where a proxy is at the other end.
    fn behind_proxy(&self, seen: Seen, window: u64, by_server: Option<u64>, written: u64) -> Seen {
        let Some(by_server) = by_server else {
            let asked_in_vain = (self.media_from)
                .is_some_and(|from| written >= from + window * WINDOWS_WITHOUT_WORD);
            return Seen {
                media: seen.media && asked_in_vain,
                to_proxy_only: asked_in_vain,
                ..seen
            };
        };
        let acknowledged = by_server.min(seen.acknowledged);
        Seen {
            acknowledged,
            early: 0,
            // It is not due to say more before it received another step.
            pending: seen.pending || written > acknowledged + 2 * self.longest_step,
            media: self.media_from.is_some_and(|from| by_server >= from),
            ..seen
        }
    }
}

/// After how many windows without a word a server is taken for one that never says what it received.
const WINDOWS_WITHOUT_WORD: u64 = 3;
/// What the handshake adds to the count of those servers that count it.
const HANDSHAKE_BYTES: u64 = 3073;

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u32 = 10_000;

    fn seen(acknowledged: u64, from: u64) -> Seen {
        Seen {
            acknowledged,
            early: 0,
            pending: false,
            media: acknowledged >= from,
            to_proxy_only: false,
            figures: None,
        }
    }

    /// What is seen behind a proxy that took all of the `written` bytes, the first media message ending at 5000.
    fn behind_proxy(arrived: &Arrived, written: u64) -> Seen {
        let by_server = arrived.by_server.map(|total| total + HANDSHAKE_BYTES);
        arrived.behind_proxy(seen(written, 5000), u64::from(WINDOW), by_server, written)
    }

    #[test]
    fn what_a_proxy_took_is_not_what_the_server_received() {
        let mut arrived = Arrived::new(Some(WINDOW));
        arrived.on_media(5000);
        let early = behind_proxy(&arrived, 9000);
        assert!(!early.media && !early.to_proxy_only, "{early:?}");

        arrived.on_server_word(10_000);
        let live = behind_proxy(&arrived, 20_000);
        assert!(live.media && !live.pending, "{live:?}");
        assert_eq!(live.acknowledged, 10_000 + HANDSHAKE_BYTES);

        // The proxy takes on and on, and nothing is heard of the server.
        let cut = behind_proxy(&arrived, 60_000);
        assert!(cut.pending, "{cut:?}");
        assert_eq!(cut.acknowledged, live.acknowledged);
    }

    #[test]
    fn a_server_behind_a_proxy_that_never_says_what_it_received_is_told_as_such() {
        let mut arrived = Arrived::new(Some(WINDOW));
        arrived.on_media(5000);
        let seen = behind_proxy(&arrived, 5000 + 3 * u64::from(WINDOW));
        assert!(seen.media && seen.to_proxy_only, "{seen:?}");
    }
}

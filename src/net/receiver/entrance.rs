//! How many clients there may be, and how much one may send.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::units::MediaTime;

/// Counts the clients.
///
/// Those that publish or play are limited by the hub. Those that do not, not yet or no more, are strangers and
/// have a few places; who comes when all are taken takes that of the one who has dawdled longest. So nobody
/// keeps others out by holding connections open.
#[derive(Debug, Default)]
pub(super) struct Entrance(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    strangers: VecDeque<Stranger>,
    /// The address of each connection.
    addresses: Vec<IpAddr>,
}

#[derive(Debug)]
struct Stranger {
    connection: u64,
    /// Dropped when the stranger has to go.
    _evict: watch::Sender<()>,
}

/// Its sender is gone when the stranger has to go, or is none any more.
pub(super) type Evicted = watch::Receiver<()>;

impl Entrance {
    /// Lets a connection in, unless its address has too many already.
    pub(super) fn admit(
        self: &Arc<Self>,
        connection: u64,
        address: IpAddr,
    ) -> Option<(Place, Evicted)> {
        let mut inside = self.inside();
        // This machine's programs all come from one address.
        let same = inside.addresses.iter().filter(|other| **other == address);
        if !address.to_canonical().is_loopback() && same.count() >= MOST_PER_ADDRESS {
            return None;
        }
        let evicted = inside.add_stranger(connection);
        inside.addresses.push(address);
        let place = Place {
            entrance: Arc::clone(self),
            connection,
            address,
        };
        Some((place, evicted))
    }

    /// How many connections there are, and how many of them are strangers'.
    pub(super) fn count(&self) -> (usize, usize) {
        let inside = self.inside();
        (inside.addresses.len(), inside.strangers.len())
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inside {
    fn add_stranger(&mut self, connection: u64) -> Evicted {
        if self.strangers.len() >= MOST_STRANGERS {
            self.strangers.pop_front();
        }
        let (evict, evicted) = watch::channel(());
        self.strangers.push_back(Stranger {
            connection,
            _evict: evict,
        });
        evicted
    }
}

/// A client's place; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place {
    entrance: Arc<Entrance>,
    connection: u64,
    address: IpAddr,
}

impl Place {
    /// The client is no stranger any more.
    pub(super) fn is_known(&self) {
        let mut inside = self.entrance.inside();
        (inside.strangers).retain(|stranger| stranger.connection != self.connection);
    }

    /// The client has nothing more to do here, and shall not hold its connection open for ever.
    pub(super) fn is_strange_again(&self) -> Evicted {
        self.is_known();
        self.entrance.inside().add_stranger(self.connection)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.is_known();
        let mut inside = self.entrance.inside();
        let mut addresses = inside.addresses.iter();
        if let Some(index) = addresses.position(|address| *address == self.address) {
            inside.addresses.swap_remove(index);
        }
    }
}

/// Limits how fast a client may send: what comes faster waits in the network.
#[derive(Debug)]
pub(super) struct Throttle {
    since: MediaTime,
    bytes: usize,
}

impl Throttle {
    pub(super) fn new(now: MediaTime) -> Self {
        Self {
            since: now,
            bytes: 0,
        }
    }

    /// Takes note of received bytes; says until when nothing more is to be read, if not at once.
    pub(super) fn take(&mut self, now: MediaTime, bytes: usize) -> Option<MediaTime> {
        if now.since(self.since) >= THROTTLE_WINDOW {
            *self = Self::new(now);
        }
        self.bytes += bytes;
        (self.bytes > MOST_BYTES_PER_WINDOW).then(|| self.since + THROTTLE_WINDOW)
    }
}

/// Connections at the same time that neither publish nor play yet.
pub(super) const MOST_STRANGERS: usize = 32;
/// Connections at the same time from one address other than this machine's.
const MOST_PER_ADDRESS: usize = 16;
/// What a client may send in [`THROTTLE_WINDOW`]: 200 Mb/s.
const MOST_BYTES_PER_WINDOW: usize = 25_000_000 / 4;
const THROTTLE_WINDOW: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_newcomer_takes_the_place_of_who_dawdled_longest() {
        let entrance = Arc::new(Entrance::default());
        let known = entrance.admit(0, HERE).unwrap();
        known.0.is_known();
        let places: Vec<_> = (1..=MOST_STRANGERS as u64)
            .map(|connection| entrance.admit(connection, HERE).unwrap())
            .collect();
        let stays = |(_, evicted): &(Place, Evicted)| evicted.has_changed().is_ok();
        assert!(places.iter().all(stays));
        let _newcomer = entrance.admit(1000, HERE).unwrap();
        assert!(!stays(&places[0]));
        assert!(places[1..].iter().all(stays));
        assert_eq!(entrance.count(), (MOST_STRANGERS + 2, MOST_STRANGERS));
        drop(places);
        assert_eq!(entrance.count(), (2, 1));
    }

    #[test]
    fn one_address_elsewhere_cannot_take_all_places() {
        let entrance = Arc::new(Entrance::default());
        let far = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let mut places: Vec<_> = (0..MOST_PER_ADDRESS as u64)
            .map(|connection| entrance.admit(connection, far).unwrap())
            .collect();
        assert!(entrance.admit(100, far).is_none());
        assert!(
            entrance
                .admit(101, Ipv4Addr::new(192, 0, 2, 2).into())
                .is_some()
        );
        places.pop();
        assert!(entrance.admit(102, far).is_some());
    }

    #[test]
    fn who_sends_too_fast_waits() {
        let mut now = MediaTime::ZERO;
        let mut throttle = Throttle::new(now);
        let (mut bytes, piece) = (0, 64 * 1024);
        // As fast as it may, for 10 s.
        while now < MediaTime::from_millis(10_000) {
            bytes += piece;
            now = throttle.take(now, piece).unwrap_or(now);
        }
        let allowed = 10 * 25_000_000;
        assert!((allowed..allowed + 40 * piece).contains(&bytes), "{bytes}");
    }
}

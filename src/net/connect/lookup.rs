//! From a server's name to the addresses that are tried, in their order.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

use crate::rtmp::refusal::{Failure, Peer};

/// The two kinds of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// The addresses of `peer`, as the system sorts them (RFC 6724): asked anew each time, for services move
/// their streams by changing them. With `from`, only those that can be reached from that address.
pub(super) async fn addresses(
    peer: &Peer,
    from: Option<IpAddr>,
) -> Result<Vec<SocketAddr>, Failure> {
    let mut found = found(peer, look_up(peer.host.clone(), peer.port)).await?;
    if let Some(from) = from {
        let family = Family::of(from);
        found.retain(|address| Family::of(address.ip()) == family);
        if found.is_empty() {
            let from = from.to_string();
            return Err(Failure::no_address_of_family(peer, &from, family.name()));
        }
    }
    Ok(found)
}

/// Asks the system, which takes a thread as long as it likes, also for an answer that nobody waits for any more.
async fn look_up(host: String, port: u16) -> io::Result<std::vec::IntoIter<SocketAddr>> {
    static LOOKUPS: Semaphore = Semaphore::const_new(MOST_LOOKUPS);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)].into_iter());
    }
    let turn = LOOKUPS.acquire().await.map_err(io::Error::other)?;
    let look_up = move || {
        let found = (host, port).to_socket_addrs();
        drop(turn);
        found
    };
    spawn_blocking(look_up).await?
}

/// What `lookup` finds in time.
async fn found(
    peer: &Peer,
    lookup: impl Future<Output = io::Result<impl Iterator<Item = SocketAddr>>>,
) -> Result<Vec<SocketAddr>, Failure> {
    match timeout(LOOKUP_TIMEOUT, lookup).await {
        Ok(Ok(found)) => {
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                return Err(Failure::unknown_host(peer));
            }
            Ok(found)
        }
        Ok(Err(_)) => Err(Failure::unknown_host(peer)),
        Err(_) => Err(Failure::name_lookup_timed_out(peer, LOOKUP_TIMEOUT)),
    }
}

/// The order in which `addresses` are tried (RFC 8305, section 4): one of each family in turn, beginning with
/// `preferred`, or else with that of the first address; at most [`MOST_ADDRESSES`].
pub(super) fn interleaved(
    addresses: Vec<SocketAddr>,
    preferred: Option<Family>,
) -> Vec<SocketAddr> {
    let Some(first) = addresses.first() else {
        return addresses;
    };
    let leading = preferred.unwrap_or_else(|| Family::of(first.ip()));
    let count = addresses.len().min(MOST_ADDRESSES);
    let (leading, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| Family::of(address.ip()) == leading);
    let (mut leading, mut others) = (leading.into_iter(), others.into_iter());
    let mut turns = Vec::with_capacity(count);
    while turns.len() < count {
        turns.extend(leading.next());
        turns.extend(others.next());
    }
    turns.truncate(count);
    turns
}

/// Which family won when both were raced last: a network where one of them is broken then costs its delay
/// once only.
#[derive(Debug, Default)]
pub(super) struct LastWinner(AtomicU8);

impl LastWinner {
    pub(super) const fn unknown() -> Self {
        Self(AtomicU8::new(0))
    }

    pub(super) fn get(&self) -> Option<Family> {
        match self.0.load(Ordering::Relaxed) {
            4 => Some(Family::V4),
            6 => Some(Family::V6),
            _ => None,
        }
    }

    /// Notes that `winner` won among `raced`; that says nothing where there was one family only.
    pub(super) fn note(&self, winner: SocketAddr, raced: &[SocketAddr]) {
        let family = Family::of(winner.ip());
        if raced.iter().any(|other| Family::of(other.ip()) != family) {
            let number = match family {
                Family::V4 => 4,
                Family::V6 => 6,
            };
            self.0.store(number, Ordering::Relaxed);
        }
    }
}

/// How long finding the server's addresses may take.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// How many lookups are under way at once, in the whole program: as many attempts a second as are made while a
/// system waits half a minute for its name servers.
const MOST_LOOKUPS: usize = 32;
/// How many of a server's addresses are tried.
const MOST_ADDRESSES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtmp::refusal::Cause;

    #[tokio::test(start_paused = true)]
    async fn a_name_server_that_stays_silent_is_given_up_after_its_time() {
        let peer = Peer {
            host: "example.org".to_owned(),
            port: 1935,
            app: "live".to_owned(),
        };
        let silent = std::future::pending::<io::Result<std::vec::IntoIter<SocketAddr>>>();
        let failure = found(&peer, silent).await.unwrap_err();
        assert_eq!(failure.cause, Cause::LookupTimedOut);
        assert!(failure.what.contains("within 5 seconds"), "{failure}");
    }

    fn addresses(hosts: &[&str]) -> Vec<SocketAddr> {
        hosts
            .iter()
            .map(|host| SocketAddr::new(host.parse().unwrap(), 1935))
            .collect()
    }

    #[test]
    fn families_take_turns_beginning_with_the_systems_choice() {
        let found = addresses(&["::1", "::2", "::3", "10.0.0.1", "10.0.0.2"]);
        let expected = addresses(&["::1", "10.0.0.1", "::2", "10.0.0.2", "::3"]);
        assert_eq!(interleaved(found, None), expected);
        let one_family = addresses(&["10.0.0.1", "10.0.0.2"]);
        assert_eq!(interleaved(one_family.clone(), None), one_family);
    }

    #[test]
    fn the_family_that_won_last_time_goes_first() {
        let found = addresses(&["::1", "::2", "10.0.0.1"]);
        let last_winner = LastWinner::unknown();
        assert_eq!(last_winner.get(), None);
        last_winner.note(found[2], &found);
        let expected = addresses(&["10.0.0.1", "::1", "::2"]);
        assert_eq!(interleaved(found.clone(), last_winner.get()), expected);
        // It is no obstacle to a server that has the other one only.
        assert_eq!(
            interleaved(found[..2].to_vec(), last_winner.get()),
            found[..2]
        );

        last_winner.note(found[0], &found);
        assert_eq!(last_winner.get(), Some(Family::V6));
        last_winner.note(found[2], &found[2..]);
        assert_eq!(last_winner.get(), Some(Family::V6), "there was no choice");
    }

    #[test]
    fn a_name_with_a_thousand_addresses_is_tried_at_sixteen_of_both_families() {
        let mut found = addresses(&["10.0.0.1"; 1000]);
        found.extend(addresses(&["::1"; 2]));
        let tried = interleaved(found, None);
        assert_eq!(tried.len(), 16);
        assert_eq!(tried.iter().filter(|address| address.is_ipv6()).count(), 2);
    }
}

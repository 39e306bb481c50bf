//! What any system lets a program find out: which address it would leave by, and whether one is still there.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    thread,
};

use super::{LOOK_INTERVAL, Lookout, Standing, interfaces::Interface};

/// Looks now and then.
pub(super) struct Elsewhere {
    ways: [Option<IpAddr>; 2],
}

impl Elsewhere {
    pub(super) fn new() -> Self {
        Self { ways: ways() }
    }
}

impl Lookout for Elsewhere {
    fn wait(&mut self) -> bool {
        thread::sleep(LOOK_INTERVAL);
        let before = std::mem::replace(&mut self.ways, ways());
        let mut pairs = self.ways.iter().zip(before);
        pairs.any(|(now, before)| now.is_some() && *now != before)
    }

    fn interfaces(&mut self) -> Option<Vec<Interface>> {
        None
    }
}

/// Whether a socket can be bound to `local`, which sends nothing.
pub(super) fn standing(local: IpAddr) -> Standing {
    match UdpSocket::bind(SocketAddr::new(local, 0)) {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => Standing::Gone,
        // Anything else says nothing about the address.
        _ => Standing::Ready,
    }
}

/// The addresses by which this computer would send to the rest of the world.
fn ways() -> [Option<IpAddr>; 2] {
    let v4 = (Ipv4Addr::UNSPECIFIED.into(), SOMEWHERE_V4.into());
    let v6 = (Ipv6Addr::UNSPECIFIED.into(), SOMEWHERE_V6.into());
    [v4, v6].map(|(any, somewhere)| way(any, somewhere).ok())
}

/// Connecting a UDP socket sends nothing, but chooses the address to send from.
fn way(any: IpAddr, somewhere: IpAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.connect(SocketAddr::new(somewhere, 9))?;
    Ok(socket.local_addr()?.ip())
}

/// Addresses in networks for documentation (RFC 5737, RFC 3849): they lead where all unknown ones do.
const SOMEWHERE_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const SOMEWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xDB8, 0, 0, 0, 0, 0, 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_there_as_long_as_a_socket_can_have_it() {
        assert_eq!(standing(Ipv4Addr::LOCALHOST.into()), Standing::Ready);
        assert_eq!(standing([198, 51, 100, 9].into()), Standing::Gone);
    }

    #[test]
    fn a_way_is_better_when_it_is_new_and_not_when_it_is_lost() {
        let ours = ways();
        // Whatever this computer has, it was nothing before and is the same after.
        let mut lookout = Elsewhere { ways: [None; 2] };
        assert_eq!(lookout.wait(), ours.iter().any(Option::is_some));
        assert!(!lookout.wait());
    }
}

//! Linux's kernel, asked for the network interfaces and listened to (`rtnetlink(7)`): a program needs no
//! permission for either.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::OwnedFd,
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind,
        netlink::SocketAddrNetlink,
        recv, sendto, socket_with,
        sockopt::{Timeout, set_socket_timeout},
    },
};

use super::{LOOK_INTERVAL, Lookout, interfaces::Interface};

/// Two sockets: one that hears of changes, one to ask with.
pub(super) struct Netlink {
    changes: OwnedFd,
    questions: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// # Errors
    /// When the system does not let us: some sandboxes do not.
    pub(super) fn open() -> io::Result<Self> {
        let mut netlink = Self {
            changes: socket(GROUPS, LOOK_INTERVAL)?,
            questions: socket(0, ANSWER_TIMEOUT)?,
            sequence: 0,
            buffer: vec![0; BUFFER_BYTES],
        };
        netlink.ask()?;
        Ok(netlink)
    }

    /// Asks for all interfaces and all their addresses.
    fn ask(&mut self) -> io::Result<Vec<Interface>> {
        let mut found = BTreeMap::new();
        self.dump(kind::GET_LINK, |message| {
            if let Some((index, interface)) = read_link(message) {
                found.insert(index, interface);
            }
        })?;
        self.dump(kind::GET_ADDRESS, |message| {
            if let Some((index, address)) = read_address(message)
                && let Some(interface) = found.get_mut(&index)
            {
                interface.addresses.push(address);
            }
        })?;
        Ok(found.into_values().collect())
    }

    /// Asks one question and gives each message of the answer to `take`.
    fn dump(&mut self, kind: u16, mut take: impl FnMut(&Message)) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        let kernel = SocketAddrNetlink::new(0, 0);
        let question = question(kind, self.sequence);
        sendto(&self.questions, &question, SendFlags::empty(), &kernel)?;
        for _ in 0..MOST_READS {
            let (count, _) = recv(&self.questions, &mut *self.buffer, RecvFlags::empty())?;
            for message in messages(&self.buffer[..count]) {
                match message.kind {
                    // Left from a question that was given up.
                    _ if message.sequence != self.sequence => {}
                    kind::DONE => return Ok(()),
                    kind::ERROR => return Err(io::ErrorKind::Unsupported.into()),
                    _ => take(&message),
                }
            }
        }
        Err(io::ErrorKind::QuotaExceeded.into())
    }
}

impl Lookout for Netlink {
    fn wait(&mut self) -> bool {
        let mut flags = RecvFlags::empty();
        let mut new_way = false;
        for _ in 0..MOST_READS {
            match recv(&self.changes, &mut *self.buffer, flags) {
                Ok((count, _)) => {
                    new_way |= messages(&self.buffer[..count]).any(|message| is_new_way(&message));
                }
                // More came than the kernel keeps for us: anything may have changed.
                Err(Errno::NOBUFS) => new_way = true,
                Err(_) => break,
            }
            // Then what has gathered, if anything.
            flags = RecvFlags::DONTWAIT;
        }
        new_way
    }

    fn interfaces(&mut self) -> Option<Vec<Interface>> {
        self.ask()
            .inspect_err(|error| tracing::debug!(%error, "the kernel did not tell its interfaces"))
            .ok()
    }
}

/// A socket that hears of `groups`, and whose reads take so long at most.
fn socket(groups: u32, patience: Duration) -> io::Result<OwnedFd> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        // NETLINK_ROUTE.
        None,
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(patience))?;
    bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// A request for all of one kind.
fn question(kind: u16, sequence: u32) -> Vec<u8> {
    // Behind the header stands what is asked for, in the longest form (`struct ifinfomsg`): all zeros, anything.
    let length = HEADER_BYTES + 16;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).unwrap_or(0).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | DUMP).to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.resize(length, 0);
    bytes
}

/// One message of the kernel's (`struct nlmsghdr` and what follows).
#[derive(Debug)]
struct Message<'a> {
    kind: u16,
    sequence: u32,
    body: &'a [u8],
}

/// The messages in `bytes`, up to the first that is cut off.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(number(bytes, 0)?).ok()?;
        let message = Message {
            kind: short(bytes, 4)?,
            sequence: number(bytes, 8)?,
            body: bytes.get(HEADER_BYTES..length)?,
        };
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes in `bytes` (`struct rtattr`), up to the first that is cut off.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(short(bytes, 0)?);
        let kind = short(bytes, 2)?;
        let value = bytes.get(ATTRIBUTE_HEADER_BYTES..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The interface in an `RTM_NEWLINK` (`struct ifinfomsg`), with its number.
fn read_link(message: &Message) -> Option<(u32, Interface)> {
    if message.kind != kind::NEW_LINK {
        return None;
    }
    let index = number(message.body, 4)?;
    let flags = number(message.body, 8)?;
    let name = attributes(message.body.get(16..)?).find(|(kind, _)| *kind == INTERFACE_NAME);
    let name = name.map_or(&[][..], |(_, name)| name);
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    let interface = Interface {
        name: String::from_utf8_lossy(name).into_owned(),
        is_ready: flags & (UP | RUNNING) == UP | RUNNING,
        addresses: Vec::new(),
    };
    Some((index, interface))
}

/// The address in an `RTM_NEWADDR` (`struct ifaddrmsg`), with the number of its interface.
fn read_address(message: &Message) -> Option<(u32, IpAddr)> {
    if message.kind != kind::NEW_ADDRESS {
        return None;
    }
    let index = number(message.body, 4)?;
    let find = |wanted| {
        let mut all = attributes(message.body.get(8..)?);
        let (_, value) = all.find(|(kind, _)| *kind == wanted)?;
        let v4 = <[u8; 4]>::try_from(value).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
        let v6 = <[u8; 16]>::try_from(value).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
        v4.or(v6).ok()
    };
    // Between two ends of a line, the other attribute is the far end's.
    Some((index, find(LOCAL_ADDRESS).or_else(|| find(ADDRESS))?))
}

/// Whether a new route to other computers is told (`struct rtmsg`).
fn is_new_way(message: &Message) -> bool {
    message.kind == kind::NEW_ROUTE && message.body.get(7) == Some(&UNICAST)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_ne_bytes(bytes.try_into().ok()?))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}

/// Where the next message or attribute begins, behind one of `length` bytes.
const fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// Kinds of messages.
mod kind {
    pub(super) const ERROR: u16 = 2;
    pub(super) const DONE: u16 = 3;
    pub(super) const NEW_LINK: u16 = 16;
    pub(super) const GET_LINK: u16 = 18;
    pub(super) const NEW_ADDRESS: u16 = 20;
    pub(super) const GET_ADDRESS: u16 = 22;
    pub(super) const NEW_ROUTE: u16 = 24;
}

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE`, `RTMGRP_IPV6_IFADDR`, `RTMGRP_IPV6_ROUTE`.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
/// `NLM_F_REQUEST` and `NLM_F_DUMP`.
const REQUEST: u16 = 0x1;
const DUMP: u16 = 0x300;
/// `IFF_UP`: switched on. `IFF_RUNNING`: connected, as far as the kernel can tell (RFC 2863).
const UP: u32 = 0x1;
const RUNNING: u32 = 0x40;
/// `IFLA_IFNAME`, `IFA_ADDRESS`, `IFA_LOCAL`, `RTN_UNICAST`.
const INTERFACE_NAME: u16 = 3;
const ADDRESS: u16 = 1;
const LOCAL_ADDRESS: u16 = 2;
const UNICAST: u8 = 1;

const HEADER_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// What the kernel fills at most per read.
const BUFFER_BYTES: usize = 32 * 1024;
/// So many reads at a time: thousands of interfaces, or changes.
const MOST_READS: usize = 1000;
/// How long an answer of the kernel's is waited for; it is there at once.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A message as the kernel writes it.
    fn message(kind: u16, fixed: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = fixed.to_vec();
        for (kind, value) in attributes {
            let length = u16::try_from(ATTRIBUTE_HEADER_BYTES + value.len()).unwrap();
            body.extend(length.to_ne_bytes());
            body.extend(kind.to_ne_bytes());
            body.extend(*value);
            body.resize(aligned(body.len()), 0);
        }
        let length = u32::try_from(HEADER_BYTES + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER_BYTES, 0);
        bytes.extend(body);
        bytes
    }

    fn link(index: u32, flags: u32, name: &[u8]) -> Vec<u8> {
        let mut fixed = vec![0; 16];
        fixed[4..8].copy_from_slice(&index.to_ne_bytes());
        fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
        message(
            kind::NEW_LINK,
            &fixed,
            &[(9, b"other"), (INTERFACE_NAME, name)],
        )
    }

    #[test]
    fn links_and_addresses_are_read_as_the_kernel_writes_them() {
        let bytes = [
            link(7, UP | RUNNING | 0x1_0000, b"eth7\0"),
            link(8, UP, b"wlan0\0"),
        ]
        .concat();
        let links: Vec<_> = messages(&bytes).filter_map(|m| read_link(&m)).collect();
        let told: Vec<_> = links
            .iter()
            .map(|(index, link)| (*index, link.name.as_str(), link.is_ready))
            .collect();
        assert_eq!(told, [(7, "eth7", true), (8, "wlan0", false)]);

        let fixed = [2, 24, 0, 0, 7, 0, 0, 0].map(|byte: u8| byte);
        let fixed = [&fixed[..4], &7_u32.to_ne_bytes()].concat();
        let v4 = [
            (ADDRESS, &[192, 0, 2, 1][..]),
            (LOCAL_ADDRESS, &[192, 0, 2, 7]),
        ];
        let mut v6 = [0; 16];
        v6[15] = 1;
        let bytes = [
            message(kind::NEW_ADDRESS, &fixed, &v4),
            message(kind::NEW_ADDRESS, &fixed, &[(ADDRESS, &v6)]),
        ]
        .concat();
        let addresses: Vec<_> = messages(&bytes).filter_map(|m| read_address(&m)).collect();
        assert_eq!(
            addresses,
            [
                (7, IpAddr::from([192, 0, 2, 7])),
                (7, IpAddr::from(Ipv6Addr::LOCALHOST))
            ]
        );
    }

    #[test]
    fn only_a_new_route_to_other_computers_is_a_new_way() {
        let route = |kind, route_kind| {
            let bytes = message(kind, &[2, 0, 0, 0, 254, 3, 0, route_kind, 0, 0, 0, 0], &[]);
            messages(&bytes).any(|message| is_new_way(&message))
        };
        assert!(route(kind::NEW_ROUTE, UNICAST));
        assert!(!route(kind::NEW_ROUTE, 2));
        assert!(!route(kind::NEW_ROUTE + 1, UNICAST));
    }

    #[test]
    fn the_kernel_tells_of_the_loopback_interface() {
        let mut netlink = Netlink::open().unwrap();
        let interfaces = netlink.interfaces().unwrap();
        let loopback = interfaces
            .iter()
            .find(|interface| interface.addresses.contains(&Ipv4Addr::LOCALHOST.into()));
        assert!(loopback.is_some_and(|lo| lo.is_ready), "{interfaces:?}");
    }

    #[test]
    fn waiting_ends_though_nothing_changes() {
        let mut netlink = Netlink::open().unwrap();
        netlink.wait();
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_without_a_panic_and_comes_to_an_end(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            kind in 0_u16..30,
        ) {
            let garbage = messages(&bytes).count();
            prop_assert!(garbage <= bytes.len());
            let framed = message(kind, &bytes, &[]);
            for message in messages(&framed) {
                let _ = (read_link(&message), read_address(&message), is_new_way(&message));
            }
        }
    }
}

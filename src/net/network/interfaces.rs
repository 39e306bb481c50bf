//! Network interfaces and their addresses, and what a change of them means.

use std::net::IpAddr;

use super::Standing;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    /// Whether it is switched on and connected.
    pub(super) is_ready: bool,
    pub(super) addresses: Vec<IpAddr>,
}

/// How `local` stands.
pub(super) fn standing(interfaces: &[Interface], local: IpAddr) -> Standing {
    // All of 127.0.0.0/8 is this computer, of which one address is listed.
    if local.is_loopback() || local.is_unspecified() {
        return Standing::Ready;
    }
    let mut owners = interfaces
        .iter()
        .filter(|interface| interface.addresses.contains(&local))
        .peekable();
    let Some(first) = owners.peek().map(|owner| owner.name.clone()) else {
        return Standing::Gone;
    };
    if owners.any(|owner| owner.is_ready) {
        Standing::Ready
    } else {
        Standing::NoCarrier { interface: first }
    }
}

/// Whether an address can be used now that could not before.
pub(super) fn is_better(before: &[Interface], now: &[Interface]) -> bool {
    let mut usable = now
        .iter()
        .filter(|interface| interface.is_ready)
        .flat_map(|interface| &interface.addresses);
    usable.any(|&address| !address.is_loopback() && standing(before, address) != Standing::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, is_ready: bool, addresses: &[&str]) -> Interface {
        Interface {
            name: name.to_owned(),
            is_ready,
            addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
        }
    }

    fn of(interfaces: &[Interface], local: &str) -> Standing {
        standing(interfaces, local.parse().unwrap())
    }

    #[test]
    fn an_address_stands_as_its_interface_does() {
        let interfaces = [
            interface("lo", true, &["127.0.0.1", "::1"]),
            interface("eth0", true, &["192.0.2.7", "fe80::1"]),
            interface("wlan0", false, &["192.0.2.8", "fe80::1"]),
        ];
        assert_eq!(of(&interfaces, "192.0.2.7"), Standing::Ready);
        assert_eq!(of(&interfaces, "127.0.0.9"), Standing::Ready);
        let interface = "wlan0".to_owned();
        assert_eq!(
            of(&interfaces, "192.0.2.8"),
            Standing::NoCarrier { interface }
        );
        assert_eq!(of(&interfaces, "192.0.2.9"), Standing::Gone);
        // Both have it; one can carry.
        assert_eq!(of(&interfaces, "fe80::1"), Standing::Ready);
    }

    #[test]
    fn what_can_be_used_anew_is_better_and_nothing_else() {
        let home = [interface("eth0", true, &["192.0.2.7"])];
        let out = [interface("eth0", false, &["192.0.2.7"])];
        let moved = [interface("eth0", true, &["192.0.2.8"])];
        let more = [
            interface("eth0", true, &["192.0.2.7"]),
            interface("wlan0", true, &["198.51.100.7"]),
        ];
        let bare = [interface("eth0", true, &[])];
        for (before, now, better) in [
            (&home[..], &home[..], false),
            (&home, &out, false),
            (&out, &home, true),
            (&home, &moved, true),
            (&home, &more, true),
            (&more, &home, false),
            (&bare, &home, true),
            (&home, &bare, false),
            (&[], &[interface("lo", true, &["127.0.0.1"])], false),
        ] {
            assert_eq!(is_better(before, now), better, "{before:?} {now:?}");
        }
    }
}

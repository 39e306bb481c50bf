//! This computer's own network: whether the address that a connection leaves by is still there, whether the
//! network came back, and whether the computer slept.
//!
//! One thread per process watches. Linux tells of every change at once (`netlink`); elsewhere, and where
//! Linux does not let us listen, it is looked once a second (`elsewhere`).
//!
//! | file | what it is about |
//! |---|---|
//! | `interfaces` | network interfaces and their addresses, and what a change of them means |
//! | `netlink` | Linux's kernel, asked for them and listened to |
//! | `elsewhere` | what any system lets a program find out |
//! | `clocks` | the clocks by which sleep is noticed |

mod clocks;
mod elsewhere;
mod interfaces;
#[cfg(target_os = "linux")]
mod netlink;

use std::{
    net::IpAddr,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use self::interfaces::{Interface, standing};
use crate::control::wake::{SleepWatch, Slept};

/// What is known of this computer's network. Copies share it.
#[derive(Clone, Debug)]
pub struct Network {
    seen: watch::Receiver<Seen>,
}

/// What was seen last.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// `None` where the system does not tell.
    interfaces: Option<Vec<Interface>>,
    /// How often something changed for the better: an address more, a cable plugged in, a new way.
    improvements: u64,
    /// The last sleep, and how many there were.
    slept: Option<(u64, Slept)>,
}

/// How a local address stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As far as is known it can be used.
    Ready,
    /// Its network interface is not connected: the cable is out, or there is no wireless network.
    NoCarrier {
        /// The interface's name.
        interface: String,
    },
    /// This computer does not have it any more.
    Gone,
}

/// What watches, and sees one thing after the other.
trait Lookout {
    /// Waits until something may have changed, no longer than [`LOOK_INTERVAL`] or a little more, and says
    /// whether a new way may lead somewhere.
    fn wait(&mut self) -> bool;

    /// All interfaces, where the system tells.
    fn interfaces(&mut self) -> Option<Vec<Interface>>;
}

impl Network {
    /// The network of this computer, watched from the first call on.
    #[must_use]
    pub fn of_this_computer() -> Self {
        static WATCHED: OnceLock<Network> = OnceLock::new();
        WATCHED.get_or_init(Self::watched).clone()
    }

    fn watched() -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let started = thread::Builder::new()
            .name("network watch".to_owned())
            .spawn(move || watch_with(lookout().as_mut(), &sender));
        if let Err(error) = started {
            tracing::warn!(%error, "the network is not watched");
        }
        Self { seen }
    }

    /// How `local` stands, an address that a connection of ours leaves by.
    #[must_use]
    pub fn standing(&self, local: IpAddr) -> Standing {
        match &self.seen.borrow().interfaces {
            Some(interfaces) => standing(interfaces, local),
            None => elsewhere::standing(local),
        }
    }

    /// The name of the interface that has `local`, where the system tells.
    #[must_use]
    pub fn interface_of(&self, local: IpAddr) -> Option<String> {
        let seen = self.seen.borrow();
        let mut interfaces = seen.interfaces.iter().flatten();
        let owner = interfaces.find(|interface| interface.addresses.contains(&local));
        owner.map(|owner| owner.name.clone())
    }

    /// A watch on what changes from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        let seen = self.seen.borrow();
        Changes {
            improvements: seen.improvements,
            sleeps: seen.slept.map_or(0, |(count, _)| count),
            seen: self.seen.clone(),
        }
    }
}

/// Changes of the network, each told once.
#[derive(Clone, Debug)]
pub struct Changes {
    seen: watch::Receiver<Seen>,
    improvements: u64,
    sleeps: u64,
}

impl Changes {
    /// Whether something changed for the better since the last time.
    pub fn take_improvement(&mut self) -> bool {
        let improvements = self.seen.borrow().improvements;
        let is_new = improvements != self.improvements;
        self.improvements = improvements;
        is_new
    }

    /// The computer's last sleep, unless it was told before.
    pub fn take_sleep(&mut self) -> Option<Slept> {
        let (count, slept) = self.seen.borrow().slept?;
        let is_new = count != self.sleeps;
        self.sleeps = count;
        is_new.then_some(slept)
    }

    /// Waits until something changed for the better or the computer woke up; for ever if nobody watches.
    /// Nothing is lost when it is given up for something else, and what it waited for is still to be taken.
    pub async fn changed(&mut self) {
        let (improvements, sleeps) = (self.improvements, self.sleeps);
        let is_news = |seen: &Seen| {
            let count = seen.slept.map_or(0, |(count, _)| count);
            seen.improvements != improvements || count != sleeps
        };
        if self.seen.wait_for(is_news).await.is_err() {
            std::future::pending().await
        }
    }
}

fn lookout() -> Box<dyn Lookout> {
    #[cfg(target_os = "linux")]
    match netlink::Netlink::open() {
        Ok(netlink) => return Box::new(netlink),
        Err(error) => tracing::info!(%error, "the system does not tell of network changes"),
    }
    Box::new(elsewhere::Elsewhere::new())
}

/// Watches as long as anybody may want to know.
fn watch_with(lookout: &mut dyn Lookout, sender: &watch::Sender<Seen>) {
    let mut sleep = SleepWatch::new(clocks::read());
    sender.send_modify(|seen| seen.interfaces = lookout.interfaces());
    while !sender.is_closed() {
        let looked_at = Instant::now();
        let new_way = lookout.wait();
        let interfaces = lookout.interfaces();
        let slept = sleep.observe(clocks::read());
        sender.send_if_modified(|seen| seen.note(interfaces, new_way, slept));
        // A network that changes all the time, or a system that does not let us wait, keeps nobody busy.
        thread::sleep(SHORTEST_LOOK.saturating_sub(looked_at.elapsed()));
    }
}

impl Seen {
    /// Takes note; says whether anything is new.
    fn note(
        &mut self,
        interfaces: Option<Vec<Interface>>,
        new_way: bool,
        slept: Option<Slept>,
    ) -> bool {
        let is_better = interfaces::is_better(
            self.interfaces.as_deref().unwrap_or_default(),
            interfaces.as_deref().unwrap_or_default(),
        );
        let is_new = interfaces != self.interfaces || new_way || slept.is_some();
        self.interfaces = interfaces;
        self.improvements += u64::from(is_better || new_way);
        if let Some(slept) = slept {
            let count = self.slept.map_or(0, |(count, _)| count);
            self.slept = Some((count + 1, slept));
        }
        is_new
    }
}

/// How often is looked, at least.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// And at most. Changes come in bursts: a cable that is plugged in brings an interface, addresses and routes.
const SHORTEST_LOOK: Duration = Duration::from_millis(50);

/// A network as a test wants it.
#[cfg(test)]
pub(crate) mod testing {
    use super::{Interface, Network, Seen, Slept, watch};
    use std::net::IpAddr;

    /// Plays a network to those who watch it.
    pub(crate) struct Stage(watch::Sender<Seen>);

    impl Stage {
        /// One interface `eth7` that is connected and has these addresses.
        pub(crate) fn with(addresses: &[IpAddr]) -> (Self, Network) {
            let (sender, seen) = watch::channel(Seen::default());
            let stage = Self(sender);
            stage.show(addresses, true);
            (stage, Network { seen })
        }

        /// From now on the interface has these addresses, and is connected or not.
        pub(crate) fn show(&self, addresses: &[IpAddr], is_ready: bool) {
            let interface = Interface {
                name: "eth7".to_owned(),
                is_ready,
                addresses: addresses.to_vec(),
            };
            self.0.send_modify(|seen| {
                seen.note(Some(vec![interface]), false, None);
            });
        }

        /// The computer slept.
        pub(crate) fn sleep(&self, slept: Slept) {
            self.0.send_modify(|seen| {
                let interfaces = seen.interfaces.clone();
                seen.note(interfaces, false, Some(slept));
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::Stage, *};

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

    #[test]
    fn loopback_can_be_used_and_an_address_for_documentation_is_not_ours() {
        let network = Network::of_this_computer();
        assert_eq!(network.standing([127, 0, 0, 1].into()), Standing::Ready);
        // RFC 5737.
        assert_eq!(network.standing([198, 51, 100, 9].into()), Standing::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_for_the_better_is_told_once_to_each() {
        let (stage, network) = Stage::with(&[HERE]);
        let mut one = network.changes();
        let mut other = network.changes();
        assert!(!one.take_improvement());
        stage.show(&[HERE], false);
        assert!(!one.take_improvement());
        let standing = network.standing(HERE);
        assert!(matches!(standing, Standing::NoCarrier { interface } if interface == "eth7"));
        stage.show(&[HERE], true);
        for changes in [&mut one, &mut other] {
            changes.changed().await;
            assert!(changes.take_improvement());
            assert!(!changes.take_improvement());
            assert_eq!(changes.take_sleep(), None);
        }
        let nothing = tokio::time::timeout(Duration::from_secs(1), one.changed()).await;
        assert!(nothing.is_err());
    }

    #[tokio::test]
    async fn a_sleep_is_told_once_to_each() {
        let (stage, network) = Stage::with(&[HERE]);
        let mut changes = network.changes();
        let slept = Slept {
            lasted: Duration::from_hours(8),
            is_sure: true,
        };
        stage.sleep(slept);
        changes.changed().await;
        assert_eq!(changes.take_sleep(), Some(slept));
        assert_eq!(changes.take_sleep(), None);
        assert_eq!(network.changes().take_sleep(), None);
    }

    /// Sees nothing new, at once.
    struct Flood(u32);

    impl Lookout for Flood {
        fn wait(&mut self) -> bool {
            true
        }

        fn interfaces(&mut self) -> Option<Vec<Interface>> {
            self.0 += 1;
            Some(Vec::new())
        }
    }

    #[test]
    fn a_flood_of_changes_is_looked_at_twenty_times_a_second() {
        let (sender, seen) = watch::channel(Seen::default());
        let watching = thread::spawn(move || {
            let mut flood = Flood(0);
            watch_with(&mut flood, &sender);
            flood.0
        });
        thread::sleep(SHORTEST_LOOK * 4);
        drop(seen);
        // One before the first wait and one after each; a slow machine looks more seldom.
        let looks = watching.join().unwrap();
        assert!(looks >= 2, "{looks}");
    }
}

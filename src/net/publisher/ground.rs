//! Whether this computer's own network still carries a connection.

use std::time::Duration;

use super::link::Link;
use crate::{
    control::wake::Slept,
    net::network::{Changes, Foothold, Network, Standing},
    rtmp::refusal::Failure,
    units::MediaTime,
};

/// What is under the connection that carries the stream.
pub(super) struct Ground {
    changes: Changes,
    /// Since it is without a cable: how much had arrived then.
    unplugged: Option<(u64, Failure)>,
    /// Since when its address is missing.
    gone_since: Option<MediaTime>,
    /// A sleep that may have been none: when that shows, and how much had arrived.
    doubt: Option<(MediaTime, u64, Failure)>,
}

/// What was seen.
pub(super) enum Finding {
    /// Nothing that would matter.
    Fine,
    /// It carries nothing now; if the cable is plugged in again quickly, it will.
    Unplugged(Failure),
    /// It cannot live on.
    Lost(Failure),
}

impl Ground {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            changes: network.changes(),
            unplugged: None,
            gone_since: None,
            doubt: None,
        }
    }

    /// Waits until it should be looked at before its time.
    pub(super) async fn changed(&mut self) {
        self.changes.changed().await;
    }

    /// Looks at what is under `link`.
    pub(super) fn look(&mut self, now: MediaTime, link: &Link) -> Finding {
        self.changes.take_improvement();
        let slept = self.changes.take_sleep().filter(Slept::was_long);
        if let Some(slept) = slept {
            let failure = Failure::slept(&link.peer, slept.lasted);
            if slept.is_sure {
                return Finding::Lost(failure);
            }
            self.doubt = Some((now + DOUBT, link.acknowledged(), failure));
        }
        if let Some(failure) = self.proven(now, link) {
            return Finding::Lost(failure);
        }
        self.stand(now, link)
    }

    /// Takes note that nothing is carried now: what changed meanwhile does not matter.
    pub(super) fn pass_over(&mut self) {
        self.changes.take_improvement();
        self.changes.take_sleep();
        self.unplugged = None;
        self.gone_since = None;
        self.doubt = None;
    }

    /// Why nothing can arrive, as far as is known.
    pub(super) fn because(&self) -> Option<&Failure> {
        self.unplugged.as_ref().map(|(_, failure)| failure)
    }

    /// The sleep that the clocks spoke of, unless something arrived since.
    fn proven(&mut self, now: MediaTime, link: &Link) -> Option<Failure> {
        let (until, acknowledged, _) = self.doubt.as_ref()?;
        if link.acknowledged() > *acknowledged {
            self.doubt = None;
        } else if now >= *until {
            return self.doubt.take().map(|(.., failure)| failure);
        }
        None
    }

    fn stand(&mut self, now: MediaTime, link: &Link) -> Finding {
        let standing = link.standing();
        if standing != Standing::Gone {
            self.gone_since = None;
        }
        match standing {
            Standing::Gone => {
                let since = *self.gone_since.get_or_insert(now);
                if now.since(since) >= REPLACED_WITHIN {
                    Finding::Lost(lost(link))
                } else {
                    Finding::Fine
                }
            }
            Standing::NoCarrier { interface } => {
                let unplugged = || {
                    let failure = Failure::unplugged(&link.peer, &interface);
                    (link.acknowledged(), failure)
                };
                let (_, failure) = self.unplugged.get_or_insert_with(unplugged);
                Finding::Unplugged(failure.clone())
            }
            Standing::Ready => match &self.unplugged {
                // It is plugged in, but whether the way is there again, only what arrives shows.
                Some((acknowledged, failure)) if link.acknowledged() <= *acknowledged => {
                    Finding::Unplugged(failure.clone())
                }
                _ => {
                    self.unplugged = None;
                    Finding::Fine
                }
            },
        }
    }
}

fn lost(link: &Link) -> Failure {
    let foothold = link.foothold.as_ref();
    let local = foothold.map(|foothold| foothold.local().to_string());
    let interface = foothold.and_then(Foothold::interface);
    Failure::network_lost(&link.peer, interface, &local.unwrap_or_default())
}

/// Programs that set up networks take an address away and put the same there again; connections live on.
const REPLACED_WITHIN: Duration = Duration::from_millis(300);
/// How long a connection has to show that the computer did not sleep.
const DOUBT: Duration = Duration::from_secs(1);

//! What viewers may miss, and the rules by which each moment is judged.

use crate::{
    engine::event::{Cause, StreamStatus},
    rtmp::refusal::{Failure, FailureKind},
    units::Bitrate,
};

/// What viewers missed, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Everything: the stream was wanted and not live.
    Dark,
    /// The camera or the microphone: a slate or silence took its place.
    Source,
    /// Frames: dropped on the way, or never encoded.
    Frames,
    /// Detail: the bitrate was below what was asked for.
    Detail,
    /// Nothing, but the recording did.
    Recording,
}

/// A loss and whose doing it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What was missed.
    pub loss: Loss,
    /// Which part of the way from lens to viewer it is put down to.
    pub cause: Cause,
}

/// What a moment was like for viewers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Going live, for the first time: nobody watches yet.
    Starting,
    /// As it should be.
    Perfect,
    /// Something was missed.
    Fault(Fault),
    /// Stopping was asked for.
    Ending,
}

/// Where a destination stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// On the way for the first time.
    Starting,
    /// Media is being acknowledged.
    Live,
    /// Wanted and not live, because of this.
    Away(Cause),
    /// Stopping or stopped, as asked.
    Over,
}

impl Phase {
    /// What follows from `status` after `self`.
    #[must_use]
    pub fn after(self, status: &StreamStatus) -> Self {
        match status {
            StreamStatus::Live { .. } => Self::Live,
            StreamStatus::Reconnecting { because, .. }
            | StreamStatus::Offline {
                because: Some(because),
            } => Self::Away(culprit(because)),
            StreamStatus::Connecting { .. } => match self {
                // A way to say it that the status has no failure for.
                Self::Live => Self::Away(Cause::Uplink),
                other => other,
            },
            StreamStatus::Stopping | StreamStatus::Offline { because: None } => Self::Over,
        }
    }
}

/// What is known of one moment.
#[derive(Clone, Copy, Debug)]
pub struct Signs {
    /// Where the destination stood.
    pub phase: Phase,
    /// Whether a source that was chosen did not deliver.
    pub source_lost: bool,
    /// Frames that were left out on the way.
    pub dropped: u64,
    /// Frames that were not encoded.
    pub skipped: u64,
    /// Whether the encoder brought forth nothing at all.
    pub encoder_stuck: bool,
    /// What the encoders were told to produce.
    pub target: Bitrate,
    /// What they would have been told on a perfect way.
    pub ceiling: Bitrate,
    /// Who was blamed in words for lost frames, a moment ago.
    pub blamed: Option<Cause>,
    /// Who was blamed when the bitrate last fell.
    pub rate_blamed: Cause,
}

/// Judges one moment. Where several things are wrong, the one that costs viewers most counts; time is never
/// counted twice.
#[must_use]
pub fn judge(signs: &Signs) -> Judgement {
    let fault = |loss, cause| Judgement::Fault(Fault { loss, cause });
    match signs.phase {
        Phase::Starting => return Judgement::Starting,
        Phase::Over => return Judgement::Ending,
        Phase::Away(cause) => return fault(Loss::Dark, cause),
        Phase::Live => {}
    }
    if signs.source_lost {
        fault(Loss::Source, Cause::Source)
    } else if signs.encoder_stuck {
        fault(Loss::Frames, Cause::Encoder)
    } else if signs.dropped > 0 && signs.dropped >= signs.skipped {
        fault(Loss::Frames, dropped_by(signs.blamed))
    } else if signs.skipped > 0 {
        fault(Loss::Frames, skipped_by(signs))
    } else if is_reduced(signs.target, signs.ceiling) {
        fault(Loss::Detail, signs.rate_blamed)
    } else {
        Judgement::Perfect
    }
}

/// Whether so much of the bitrate is missing that it counts.
#[must_use]
pub fn is_reduced(target: Bitrate, ceiling: Bitrate) -> bool {
    target > Bitrate::ZERO
        && u64::from(target.bps()) * 100 < u64::from(ceiling.bps()) * FULL_PERCENT
}

/// Frames are dropped when the way does not carry them, unless the server was seen to hold them up.
fn dropped_by(blamed: Option<Cause>) -> Cause {
    match blamed {
        Some(Cause::Server) => Cause::Server,
        _ => Cause::Uplink,
    }
}

/// Frames are not encoded when this computer is too slow, or when the bitrate is too low for them: then by the
/// doing of whoever made it low.
fn skipped_by(signs: &Signs) -> Cause {
    match signs.blamed {
        Some(cause @ (Cause::Encoder | Cause::Uplink | Cause::Server)) => cause,
        _ if is_reduced(signs.target, signs.ceiling) => signs.rate_blamed,
        _ => Cause::Encoder,
    }
}

/// Which part of the way a failure of the connection is put down to.
#[must_use]
pub fn culprit(failure: &Failure) -> Cause {
    match failure.kind {
        FailureKind::Address => Cause::User,
        FailureKind::Local => Cause::Encoder,
        FailureKind::UnknownHost | FailureKind::Unreachable | FailureKind::Stalled => Cause::Uplink,
        FailureKind::PortRefused
        | FailureKind::Tls
        | FailureKind::NotRtmp
        | FailureKind::Refused
        | FailureKind::NameInUse
        | FailureKind::Closed
        | FailureKind::Protocol => Cause::Server,
    }
}

/// Below this share of what was asked for, the bitrate counts as reduced. Above it nobody sees a difference, and
/// a controller that feels its way never quite stands still.
const FULL_PERCENT: u64 = 95;

#[cfg(test)]
mod tests {
    use super::*;

    fn fine() -> Signs {
        Signs {
            phase: Phase::Live,
            source_lost: false,
            dropped: 0,
            skipped: 0,
            encoder_stuck: false,
            target: Bitrate::from_kbps(2500),
            ceiling: Bitrate::from_kbps(2500),
            blamed: None,
            rate_blamed: Cause::Uplink,
        }
    }

    #[test]
    fn each_sign_has_its_loss_and_its_cause() {
        use Cause::{Encoder, Server, Source, Uplink};
        let low = Bitrate::from_kbps(1000);
        let dark = |cause| Signs {
            phase: Phase::Away(cause),
            ..fine()
        };
        #[rustfmt::skip]
        let table = [
            (dark(Uplink), Loss::Dark, Uplink),
            (dark(Server), Loss::Dark, Server),
            (Signs { source_lost: true, ..fine() }, Loss::Source, Source),
            (Signs { encoder_stuck: true, ..fine() }, Loss::Frames, Encoder),
            (Signs { dropped: 3, ..fine() }, Loss::Frames, Uplink),
            (Signs { dropped: 3, blamed: Some(Server), ..fine() }, Loss::Frames, Server),
            (Signs { skipped: 3, ..fine() }, Loss::Frames, Encoder),
            (Signs { skipped: 3, target: low, ..fine() }, Loss::Frames, Uplink),
            (Signs { skipped: 3, target: low, blamed: Some(Encoder), ..fine() }, Loss::Frames, Encoder),
            (Signs { target: low, ..fine() }, Loss::Detail, Uplink),
            (Signs { target: low, rate_blamed: Encoder, ..fine() }, Loss::Detail, Encoder),
            // Several at once: what costs viewers most.
            (Signs { source_lost: true, dropped: 9, target: low, ..dark(Server) }, Loss::Dark, Server),
            (Signs { source_lost: true, dropped: 9, target: low, ..fine() }, Loss::Source, Source),
            (Signs { dropped: 1, skipped: 1, target: low, ..fine() }, Loss::Frames, Uplink),
            (Signs { dropped: 1, skipped: 2, ..fine() }, Loss::Frames, Encoder),
        ];
        for (signs, loss, cause) in table {
            let expected = Judgement::Fault(Fault { loss, cause });
            assert_eq!(judge(&signs), expected, "{signs:?}");
        }
    }

    #[test]
    fn nothing_is_wrong_when_nothing_shows() {
        let nearly = Bitrate::from_kbps(2400);
        let resting = Bitrate::ZERO;
        for target in [fine().target, nearly, resting] {
            assert_eq!(judge(&Signs { target, ..fine() }), Judgement::Perfect);
        }
        for (phase, expected) in [
            (Phase::Starting, Judgement::Starting),
            (Phase::Over, Judgement::Ending),
        ] {
            let signs = Signs {
                phase,
                dropped: 1,
                source_lost: true,
                ..fine()
            };
            assert_eq!(judge(&signs), expected);
        }
    }
}

//! Holding the bitrate: how coarsely each picture is quantised.
//!
//! The library's own rate control changes the quality within a picture and gives key frames too little, so
//! that the picture visibly breaks down and recovers at each. Here all of a picture is quantised alike, a key
//! frame like the pictures around it, and what it costs is paid back over its whole group.
//!
//! | what | how |
//! |---|---|
//! | the model | a picture's bits times its quantiser step stay about the same (its cost) |
//! | the plan | the step at which a second's bits pay for the pictures to come, and for the debt |
//! | calm | from picture to picture the quantiser moves little, so that no pulse is seen |
//! | a cut | shows in the picture before it is encoded ([`Look`]), and is expected to cost a key frame |
//! | the guard | no second holds more than [`MOST_IN_A_SECOND`] times its bits, as far as that can be foreseen |
//!
//! Quantisers are those of H.264 (QP): six more double the step.

use std::collections::VecDeque;

use super::look::Look;
use crate::{media::packet::VideoFormat, units::Bitrate};

/// Decides over one stream of pictures.
#[derive(Debug)]
pub(super) struct RateControl {
    format: VideoFormat,
    /// The last key frame's cost, and how much detail it had.
    key_cost: Option<(f64, f64)>,
    /// What the other pictures cost lately.
    cost: f64,
    /// How many pictures that is learned from.
    known: u32,
    /// How much changed from picture to picture lately.
    change: f64,
    last_change: f64,
    /// The last picture's quantiser by the plan, whatever the guards made of it.
    planned: Option<f64>,
    /// Bits sent ahead of the bitrate, without what instalments pay; below zero, bits left over.
    debt: f64,
    /// What each picture until the next key frame pays for the last one, and how many still do.
    instalment: f64,
    instalments: u32,
    /// Whether there was only one key frame yet.
    first_group: bool,
    /// Bits of the pictures that share a second with the next one.
    second: VecDeque<f64>,
    choice: Choice,
}

/// What was decided for the picture that is being encoded.
#[derive(Clone, Copy, Debug, Default)]
struct Choice {
    qp: u8,
    /// The detail of a key frame.
    key_detail: Option<f64>,
    /// How many times the usual cost is expected.
    surge: f64,
}

impl RateControl {
    /// Control over a stream that has not begun.
    pub(super) fn new(format: VideoFormat) -> Self {
        Self {
            format,
            key_cost: None,
            cost: 0.0,
            known: 0,
            change: 0.0,
            last_change: 0.0,
            planned: None,
            debt: 0.0,
            instalment: 0.0,
            instalments: 0,
            first_group: false,
            second: VecDeque::new(),
            choice: Choice::default(),
        }
    }

    /// Aims at `bitrate` from the next picture on. What is owed stays owed for as long a time.
    pub(super) fn set_bitrate(&mut self, bitrate: Bitrate) {
        let before = self.bits_per_second();
        self.format.bitrate = bitrate;
        let scale = self.bits_per_second() / before;
        self.debt *= scale;
        self.instalment *= scale;
        self.second.iter_mut().for_each(|bits| *bits *= scale);
    }

    /// The quantiser for the next picture; [`Self::encoded`] is to follow.
    pub(super) fn choose(&mut self, look: Look, key_frame: bool) -> u8 {
        let detail = look.detail.max(LEAST_DETAIL);
        let key_cost = match self.key_cost {
            Some((cost, before)) => cost * (detail / before).clamp(0.1, 10.0),
            None => self.format.size.area() as f64 * detail * USUAL_KEY_COST,
        };
        if self.key_cost.is_none() {
            self.cost = key_cost * USUAL_COST;
        }
        let longest = self.bits_per_second() * LONGEST_KEY_FRAME;
        let planned = self.plan(key_cost, longest, key_frame);
        let room = self.room();
        let surge = self.surge(look, key_cost);
        let qp = if key_frame {
            let in_second = qp_of(key_cost / room).min(planned + KEY_FRAME_SPREAD);
            planned.max(in_second).max(qp_of(key_cost / longest))
        } else {
            planned.max(qp_of(self.cost * surge / room))
        };
        self.planned = Some(planned);
        self.choice = Choice {
            qp: whole(qp),
            key_detail: key_frame.then_some(detail),
            surge,
        };
        self.choice.qp
    }

    /// The picture of the last choice took so many bits.
    pub(super) fn encoded(&mut self, bits: u64) {
        let bits = bits as f64;
        let cost = bits * step_of(self.choice.qp.into());
        if let Some(detail) = self.choice.key_detail {
            self.first_group = self.key_cost.is_none();
            self.key_cost = Some((cost, detail));
            // One that came early takes over what the last ones still owe, but does not starve for it.
            let owed = self.instalment * f64::from(self.instalments);
            self.instalments = self.format.key_frame_interval;
            self.instalment = (bits + owed.min(2.0 * bits)) / f64::from(self.instalments);
        } else {
            let cost = cost / self.choice.surge;
            self.known = self.known.saturating_add(1);
            let weight = PICTURE_WEIGHT.max(1.0 / f64::from(self.known));
            self.cost += (cost - self.cost) * weight;
            // What comes as a great surprise is believed at once.
            if cost > 4.0 * self.cost {
                self.cost = cost;
            }
            self.debt += bits;
        }
        self.pass(bits);
    }

    /// A picture was left out.
    pub(super) fn left_out(&mut self) {
        self.pass(0.0);
    }

    /// The quantiser at which the bits last: those of a group that begins now, key frame and all, less the
    /// debt's share.
    fn plan(&self, key_cost: f64, longest: f64, key_frame: bool) -> f64 {
        let group = f64::from(self.format.key_frame_interval);
        let cost = (self.cost * (group - 1.0) + key_cost) / group;
        let mean = self.bits_per_picture();
        let paid_back = self.debt / f64::from(self.format.frame_rate.fps());
        let wanted = qp_of(cost / (mean - paid_back).max(mean * LEAST_SHARE));
        // Calmly, unless little is known yet; and not so fine that the next key frame has to undo it.
        let calm = self.planned.map_or(wanted, |before| {
            let finer = if key_frame { COARSER } else { FINER };
            let coarser = if self.known < FIRST {
                COARSEST
            } else {
                COARSER
            };
            wanted.clamp(before - finer, before + coarser)
        });
        let finest = if key_frame {
            FINEST
        } else {
            qp_of(key_cost / longest) - KEY_FRAME_SPREAD
        };
        calm.max(finest).clamp(FINEST, COARSEST)
    }

    /// How many bits the next picture may take before its second has too many.
    fn room(&self) -> f64 {
        let taken: f64 = self.second.iter().sum();
        let left = self.bits_per_second() * MOST_IN_A_SECOND - taken;
        left.max(self.bits_per_picture() / 2.0)
    }

    /// How many times the usual cost to expect: more than once where far more changes than did lately, up to
    /// what the picture would cost as a key frame.
    fn surge(&mut self, look: Look, key_cost: f64) -> f64 {
        let usual = self.change.max(self.last_change).max(LEAST_CHANGE) * USUAL_RISE;
        let is_known = self.change > 0.0;
        let weight = if is_known { PICTURE_WEIGHT } else { 1.0 };
        self.change += (look.change - self.change) * weight;
        self.last_change = look.change;
        if !is_known || look.change <= usual {
            return 1.0;
        }
        (look.change / usual).min((key_cost / self.cost).max(1.0))
    }

    /// A picture's time is over.
    fn pass(&mut self, bits: f64) {
        if self.instalments > 0 {
            self.instalments -= 1;
            self.debt += self.instalment.max(self.reserve());
        }
        // What a quiet picture does not need is kept for a moment only: later it would be too much at once.
        let most_left_over = -self.bits_per_second() * LONGEST_CREDIT;
        self.debt = (self.debt - self.bits_per_picture()).max(most_left_over);
        self.second.push_back(bits);
        while self.second.len() >= self.format.frame_rate.fps() as usize {
            self.second.pop_front();
        }
    }

    /// What a picture sets aside for the next key frame to be as fine as itself. Only the first key frame was a
    /// guess, and may have cost far less: later ones are paid for as they are.
    fn reserve(&self) -> f64 {
        match (self.first_group, self.key_cost, self.planned) {
            (true, Some((cost, _)), Some(qp)) => {
                cost / step_of(qp) / f64::from(self.format.key_frame_interval)
            }
            _ => 0.0,
        }
    }

    fn bits_per_second(&self) -> f64 {
        self.format.bitrate.bps().into()
    }

    fn bits_per_picture(&self) -> f64 {
        self.bits_per_second() / f64::from(self.format.frame_rate.fps())
    }
}

/// The quantiser step, in a unit in which QP 4 has a step of 1 (H.264, 8.5.9).
fn step_of(qp: f64) -> f64 {
    ((qp - 4.0) / 6.0).exp2()
}

fn qp_of(step: f64) -> f64 {
    4.0 + 6.0 * step.max(f64::MIN_POSITIVE).log2()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "quantisers are between 12 and 51"
)]
fn whole(qp: f64) -> u8 {
    qp.round().clamp(FINEST, COARSEST) as u8
}

/// Below that, nobody sees a difference.
const FINEST: f64 = 12.0;
/// The coarsest there is: better blocks than a link that cannot keep up.
const COARSEST: f64 = 51.0;
/// By how much the plan may change from picture to picture. Finer goes slower: it can wait.
const FINER: f64 = 1.0;
const COARSER: f64 = 2.0;
/// So many pictures of a stream are needed to know what they cost.
const FIRST: u32 = 4;
/// How many times its bits any second may hold by plan; what no plan foresees comes on top.
const MOST_IN_A_SECOND: f64 = 1.2;
/// How many seconds a key frame may take to be sent.
const LONGEST_KEY_FRAME: f64 = 0.4;
/// By how much a key frame may be coarser than the pictures around it.
const KEY_FRAME_SPREAD: f64 = 5.0;
/// For how many seconds bits that were left over are kept.
const LONGEST_CREDIT: f64 = 0.25;
/// The least part of its bits that a picture gets while a debt is paid back.
const LEAST_SHARE: f64 = 0.2;
/// How much the last picture says about the next.
const PICTURE_WEIGHT: f64 = 0.25;
/// What a first key frame costs per sample and detail, and other pictures in parts of it: as measured on
/// natural pictures.
const USUAL_KEY_COST: f64 = 2.0;
const USUAL_COST: f64 = 0.2;
/// More than so many times the usual change is a surge.
const USUAL_RISE: f64 = 2.0;
/// Less of these is noise.
const LEAST_DETAIL: f64 = 0.5;
const LEAST_CHANGE: f64 = 0.3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FrameRate, PixelSize};

    const FORMAT: VideoFormat = VideoFormat {
        size: PixelSize::new(1280, 720),
        frame_rate: FrameRate::new(30),
        bitrate: Bitrate::from_kbps(2500),
        key_frame_interval: 60,
    };

    /// What one picture is like.
    #[derive(Clone, Copy)]
    struct Picture {
        /// Bits at a step of 1, as a key frame and else.
        key_cost: f64,
        cost: f64,
        look: Look,
    }

    const CALM: Picture = Picture {
        key_cost: 6e6,
        cost: 6e5,
        look: Look {
            detail: 3.0,
            change: 1.0,
        },
    };
    const LIVELY: Picture = Picture {
        key_cost: 8e6,
        cost: 2.4e6,
        look: Look {
            detail: 4.0,
            change: 6.0,
        },
    };

    /// Encodes one picture as the model says; its quantiser and bits.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "far from both limits"
    )]
    fn encode_one(control: &mut RateControl, picture: Picture, key_frame: bool) -> (u8, f64) {
        let qp = control.choose(picture.look, key_frame);
        let cost = if key_frame {
            picture.key_cost
        } else {
            picture.cost
        };
        let bits = cost / step_of(qp.into());
        control.encoded(bits as u64);
        (qp, bits)
    }

    /// Encodes those pictures, with key frames where they are due.
    fn encode(
        control: &mut RateControl,
        pictures: std::ops::Range<u32>,
        picture: impl Fn(u32) -> Picture,
    ) -> Vec<(u8, f64)> {
        pictures
            .map(|number| {
                let key_frame = number % FORMAT.key_frame_interval == 0;
                encode_one(control, picture(number), key_frame)
            })
            .collect()
    }

    /// The most bits in any second, as a part of a second's.
    fn worst_second(made: &[(u8, f64)]) -> f64 {
        let seconds = made.windows(30);
        let bits = seconds.map(|second| second.iter().map(|(_, bits)| bits).sum::<f64>());
        bits.fold(0.0, f64::max) / f64::from(FORMAT.bitrate.bps())
    }

    fn mean(made: &[(u8, f64)]) -> f64 {
        let bits: f64 = made.iter().map(|(_, bits)| bits).sum();
        bits * 30.0 / made.len() as f64 / f64::from(FORMAT.bitrate.bps())
    }

    #[test]
    fn the_bitrate_is_held_and_a_key_frame_is_as_fine_as_the_pictures_around_it() {
        for picture in [CALM, LIVELY] {
            let mut control = RateControl::new(FORMAT);
            let made = encode(&mut control, 0..600, |_| picture);
            assert!((0.97..=1.03).contains(&mean(&made)), "{}", mean(&made));
            assert!(worst_second(&made) < 1.3, "{}", worst_second(&made));
            let settled = made[60..].iter().map(|(qp, _)| qp);
            let (least, most) = (settled.clone().min(), settled.max());
            assert!(most.unwrap() - least.unwrap() <= 1, "{least:?} to {most:?}");
        }
    }

    #[test]
    fn a_stream_that_begins_livelier_than_expected_keeps_to_its_first_second() {
        let noisy = Picture { cost: 4e6, ..CALM };
        let mut control = RateControl::new(FORMAT);
        let made = encode(&mut control, 0..60, |_| noisy);
        assert!(worst_second(&made) < 1.2, "{}", worst_second(&made));
    }

    #[test]
    fn a_cut_to_a_lively_picture_stays_within_the_second() {
        let mut control = RateControl::new(FORMAT);
        // The first picture after the cut resembles nothing before it.
        let cut = Picture {
            cost: LIVELY.key_cost,
            look: Look {
                change: 40.0,
                ..LIVELY.look
            },
            ..LIVELY
        };
        let made = encode(&mut control, 0..300, |number| match number {
            0..140 => CALM,
            140 => cut,
            _ => LIVELY,
        });
        assert!(worst_second(&made) < 1.3, "{}", worst_second(&made));
        assert!((0.97..=1.03).contains(&mean(&made)), "{}", mean(&made));
    }

    #[test]
    fn a_new_bitrate_is_followed_within_a_second() {
        let mut control = RateControl::new(FORMAT);
        encode(&mut control, 0..90, |_| LIVELY);
        for (from, kbps) in [(90, 800), (180, 5000)] {
            control.set_bitrate(Bitrate::from_kbps(kbps));
            let made = encode(&mut control, from..from + 90, |_| LIVELY);
            let held = mean(&made[30..]) * 2500.0 / f64::from(kbps);
            assert!((0.9..=1.1).contains(&held), "{held} of {kbps} kb/s");
        }
    }

    #[test]
    fn the_key_frames_of_a_still_picture_are_neither_long_nor_seen() {
        let still = Picture {
            key_cost: 3e7,
            cost: 1e4,
            look: Look {
                detail: 15.0,
                change: 0.0,
            },
        };
        let mut control = RateControl::new(FORMAT);
        let made = encode(&mut control, 0..300, |_| still);
        for (number, (qp, bits)) in made.iter().enumerate().skip(60) {
            if number % 60 == 0 {
                let seconds = bits / f64::from(FORMAT.bitrate.bps());
                assert!(seconds < 0.45, "{seconds} s");
                let before = f64::from(made[number - 1].0);
                assert!(
                    f64::from(*qp) - before <= KEY_FRAME_SPREAD + 1.0,
                    "{qp} after {before}"
                );
            }
        }
    }

    #[test]
    fn key_frames_on_demand_are_paid_for_too() {
        let mut control = RateControl::new(FORMAT);
        let made: Vec<_> = (0..600)
            .map(|number| encode_one(&mut control, CALM, number % 20 == 0))
            .collect();
        assert!((0.9..=1.1).contains(&mean(&made)), "{}", mean(&made));
    }

    #[test]
    fn a_quiet_picture_saves_nothing_up_for_a_lively_one() {
        let quiet = Picture {
            key_cost: 1e6,
            cost: 5e4,
            look: Look {
                detail: 0.5,
                change: 0.3,
            },
        };
        let mut control = RateControl::new(FORMAT);
        let made = encode(&mut control, 0..600, |number| {
            if number < 330 { quiet } else { LIVELY }
        });
        assert!(worst_second(&made) < 1.5, "{}", worst_second(&made));
    }
}

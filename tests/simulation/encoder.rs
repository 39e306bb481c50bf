//! The camera, the microphone and the encoders: pictures, key frames among them, and sound.

use skywave::{
    control::{backlog::Kind, bitrate::Pace},
    units::{Bitrate, MediaTime},
};

use super::{random::Random, whole};

/// A picture, or a block of sound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packet {
    /// By the program's clock.
    pub(crate) time: MediaTime,
    pub(crate) kind: Kind,
    pub(crate) bytes: u64,
    /// Which of the camera's pictures it is.
    pub(crate) slot: u64,
    /// Which picture it cannot be seen without.
    pub(crate) refers_to: Option<u64>,
    /// What the encoder was told to make of each second.
    pub(crate) rate: Bitrate,
}

/// What kind of pictures are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Format {
    /// What the user asks for: sound comes on top, and what RTMP, TCP and IP add.
    pub(crate) ceiling: Bitrate,
    pub(crate) per_second: u32,
    /// From one key frame to the next, in pictures.
    pub(crate) key_frame_interval: u64,
    /// A key frame's size, in mean pictures.
    pub(crate) key_frame_size: f64,
    /// Whether orders about the rate are ignored.
    pub(crate) deaf: bool,
}

/// Makes what its orders say, as well as encoders do.
#[derive(Debug)]
pub(crate) struct Encoder {
    format: Format,
    rate: Bitrate,
    /// Orders under way, with the picture from which on they are obeyed.
    ordered: Option<(u64, Bitrate)>,
    pace: Pace,
    key_frame_wanted: bool,
    slot: u64,
    last_encoded: Option<u64>,
    since_key_frame: u64,
    /// Bytes made beyond what the rate allows.
    debt: f64,
    /// How hard the scene is to encode, around 1.
    scene: f64,
    /// The least that was ordered.
    pub(crate) least: Bitrate,
    /// How often an order changed something.
    pub(crate) changes: u64,
    /// Pictures that it was given and that it made (it makes one of each), and their bytes.
    pub(crate) made: u64,
    pub(crate) bytes: u64,
    random: Random,
}

impl Encoder {
    pub(crate) fn new(format: Format, random: Random) -> Self {
        Self {
            format,
            rate: format.ceiling,
            ordered: None,
            pace: Pace::Full,
            key_frame_wanted: false,
            slot: 0,
            last_encoded: None,
            since_key_frame: 0,
            debt: 0.0,
            scene: 1.0,
            least: format.ceiling,
            changes: 0,
            made: 0,
            bytes: 0,
            random,
        }
    }

    /// Orders another rate, obeyed after some frames.
    pub(crate) fn set_rate(&mut self, rate: Bitrate) {
        self.least = self.least.min(rate);
        let current = self.ordered.map_or(self.rate, |(_, rate)| rate);
        if rate != current {
            self.changes += 1;
            self.ordered = Some((self.slot + OBEYS_AFTER, rate));
        }
    }

    /// Has only some of the pictures encoded; an encoder that is not asked cannot disobey.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        if pace != self.pace {
            self.changes += 1;
            self.pace = pace;
        }
    }

    pub(crate) fn want_key_frame(&mut self) {
        self.key_frame_wanted = true;
    }

    /// What the encoder makes of the camera's next picture, at `time`.
    pub(crate) fn picture(&mut self, time: MediaTime) -> Option<Packet> {
        let slot = self.slot;
        self.slot += 1;
        if let Some((from, rate)) = self.ordered.filter(|(from, _)| slot >= *from) {
            self.ordered = None;
            if !self.format.deaf {
                self.debt *= f64::from(rate.bps()) / f64::from(self.rate.bps().max(1));
                self.rate = rate;
            }
            debug_assert!(from <= slot);
        }
        let is_due = self.since_key_frame >= self.format.key_frame_interval;
        let key_frame = self.key_frame_wanted || is_due || self.last_encoded.is_none();
        self.since_key_frame += 1;
        let is_left_out = match self.pace {
            Pace::Full => false,
            Pace::Half => !slot.is_multiple_of(2),
            Pace::Still => true,
        };
        if is_left_out && !key_frame {
            return None;
        }
        let bytes = self.size(key_frame);
        let refers_to = if key_frame { None } else { self.last_encoded };
        if key_frame {
            self.key_frame_wanted = false;
            self.since_key_frame = 1;
        }
        self.last_encoded = Some(slot);
        self.made += 1;
        self.bytes += bytes;
        Some(Packet {
            time,
            kind: if key_frame {
                Kind::KeyFrame
            } else {
                Kind::Frame { disposable: false }
            },
            bytes,
            slot,
            refers_to,
            rate: self.rate,
        })
    }

    pub(crate) fn sound(&self, time: MediaTime) -> Packet {
        Packet {
            time,
            kind: Kind::Audio,
            bytes: SOUND_BYTES,
            slot: self.slot,
            refers_to: None,
            rate: self.rate,
        }
    }

    /// A constant bitrate over about half a second, with an unsteady scene.
    fn size(&mut self, key_frame: bool) -> u64 {
        let mean = f64::from(self.rate.bps()) / 8.0 / f64::from(self.format.per_second);
        self.scene += 0.02 * (1.0 - self.scene) + 0.02 * self.random.noise();
        let wanted = if key_frame {
            mean * self.format.key_frame_size
        } else {
            (mean - self.debt / DEBT_REPAID_IN).max(mean * 0.2)
        };
        let bytes = wanted * self.scene.clamp(0.7, 1.3) * (1.0 + 0.2 * self.random.noise());
        self.debt += bytes - mean;
        whole(bytes.max(100.0))
    }
}

pub(crate) const SOUNDS_PER_SECOND: u32 = 50;
pub(crate) const SOUND_RATE: Bitrate = Bitrate::from_kbps(160);
const SOUND_BYTES: u64 = 400;
/// Over how many pictures a large one is made up for.
const DEBT_REPAID_IN: f64 = 15.0;
/// In pictures.
const OBEYS_AFTER: u64 = 3;

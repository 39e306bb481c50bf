//! From a device's rings to sound at exact times: the sample for 12.5 s of media time is what the microphone
//! heard at 12.5 s, whatever the device's clock says.

use std::time::Duration;

use super::{tap::Intake, timeline::CaptureTimeline};
use crate::{
    media::{
        drift::{DriftControl, DriftCorrection},
        resample::{Resampler, UnsupportedRate},
    },
    units::MediaTime,
};

/// The sound was too far from its time to be caught up with unheard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jump {
    /// How late the sound was; negative when it was early.
    pub late_millis: i64,
    /// Whether it stays that much later from now on, because the device delivers late; otherwise a part was
    /// left out, or silence put in, and it is in time again.
    pub stays_late: bool,
}

/// Reads a device's sound by the time at which it was captured.
pub(super) struct AlignedReader {
    intake: Intake,
    timeline: CaptureTimeline,
    drift: DriftControl,
    resampler: Resampler,
    /// When what is to be read next is heard, in nanoseconds of media time.
    next: f64,
    /// Frames taken out of the ring.
    taken: u64,
    /// Whether the next sample out follows the last one.
    running: bool,
    /// Interleaved stereo at 48 kHz, to be read next.
    ready: Vec<f32>,
    block: Vec<f32>,
    /// Whether the ring ran dry and has not been read since.
    starved: bool,
    /// Since when sound has been arriving too late.
    tardy: Option<Tardy>,
    /// By how much more than wanted the sound is delayed, in nanoseconds: the device takes that long to
    /// deliver. Late sound is better than none.
    delay: f64,
}

/// A place in the ring, in frames behind its first.
struct Place {
    /// Where it lies; below zero it was captured before all that is there.
    ahead: f64,
    /// How many frames must be there to read on from it.
    needed: f64,
}

/// Sound that arrives after its time to be read.
struct Tardy {
    /// Frames read as silence meanwhile.
    frames: usize,
    /// By how many nanoseconds it was too late, at first and at most.
    first: f64,
    most: f64,
}

impl AlignedReader {
    pub(super) fn new(intake: Intake) -> Result<Self, UnsupportedRate> {
        Ok(Self {
            resampler: Resampler::new(intake.rate, OUTPUT_RATE)?,
            timeline: CaptureTimeline::new(intake.rate),
            drift: DriftControl::new(),
            next: 0.0,
            taken: 0,
            running: false,
            ready: Vec::new(),
            block: Vec::new(),
            starved: false,
            tardy: None,
            delay: 0.0,
            intake,
        })
    }

    /// Fills `out` with what was captured from sample `first_sample` on; with silence where nothing was (yet).
    pub(super) fn read(&mut self, first_sample: u64, out: &mut [f32]) -> Option<Jump> {
        let mut stepped = false;
        while let Ok(mark) = self.intake.marks.pop() {
            stepped |= self.timeline.add(mark);
        }
        if stepped {
            self.starved = false; // now it is known why: the missing sound never was
        }
        let frames = out.len() / CHANNELS;
        let time = MediaTime::from_samples(first_sample, OUTPUT_RATE).as_nanos() as f64;
        let mut jump = if stepped {
            self.start_anew(time - self.delay)
        } else {
            self.steer(time - self.delay, frames)
        };
        if self.starved {
            jump = jump.or(self.read_later(time));
        }
        let silent = if self.running {
            0
        } else {
            self.seek(time - self.delay, frames)
                .unwrap_or_else(|shortage| {
                    jump = jump.or(self.be_patient(shortage, frames));
                    frames
                })
        };
        let (silence, sound) = out.split_at_mut(silent * CHANNELS);
        silence.fill(0.0);
        self.play(sound);
        self.next =
            MediaTime::from_samples(first_sample + frames as u64, OUTPUT_RATE).as_nanos() as f64;
        jump
    }

    /// Whether the next `frames` can be read already: they are there, or the device has not said yet when it heard
    /// anything, so that it cannot be waited for.
    pub(super) fn has(&self, frames: usize) -> bool {
        let there = self.intake.frames.slots();
        if self.running {
            let missing = frames.saturating_sub(self.ready.len() / CHANNELS);
            return self.resampler.frames_for(missing) <= there;
        }
        let place = self.place(self.next - self.delay, frames);
        !self.starved && place.is_none_or(|place| place.needed <= there as f64)
    }

    /// Whether the device is gone: nothing more will come.
    pub(super) fn is_over(&self) -> bool {
        self.intake.frames.is_abandoned()
    }

    /// After the times changed: looks for the next sample by the new ones.
    fn start_anew(&mut self, wanted: f64) -> Option<Jump> {
        if !self.running {
            return None;
        }
        let late = wanted - self.next_time()?;
        self.stop();
        Some(Jump {
            late_millis: whole(late) / 1_000_000,
            stays_late: false,
        })
    }

    /// Follows the device's clock, or gives up following.
    fn steer(&mut self, wanted: f64, frames: usize) -> Option<Jump> {
        if !self.running {
            return None;
        }
        let late = whole(wanted - self.next_time()?);
        let elapsed = MediaTime::from_samples(frames as u64, OUTPUT_RATE).since(MediaTime::ZERO);
        match self.drift.update(late, elapsed) {
            DriftCorrection::Speed(speed) => {
                self.resampler.set_speed(speed);
                None
            }
            DriftCorrection::ReAnchor => {
                self.stop();
                Some(Jump {
                    late_millis: late / 1_000_000,
                    stays_late: false,
                })
            }
        }
    }

    /// After a shortage: when the missing sound does come after all, only late, everything is read a little
    /// later from now on, so that the next such delay is no shortage.
    fn read_later(&mut self, time: f64) -> Option<Jump> {
        if self.intake.frames.is_empty() || !self.timeline.is_sure_of(self.taken) {
            return None; // it may as well never have been captured
        }
        self.starved = false;
        let late = time - self.delay - self.timeline.time_of(self.taken as f64)?;
        let most = MOST_LATER.as_nanos() as f64 - self.delay;
        if late <= 0.0 || most <= 0.0 {
            return None;
        }
        let step = late.min(LATER_AT_ONCE.as_nanos() as f64) + MARGIN.as_nanos() as f64;
        let step = step.min(most);
        self.delay += step;
        Some(Jump {
            late_millis: whole(step) / 1_000_000,
            stays_late: true,
        })
    }

    /// Finds the place in the ring that was captured at `wanted`; returns how many of `frames` to leave silent
    /// before it. What was not captured yet is an error, with the nanoseconds missing; infinite while it
    /// cannot be told.
    fn seek(&mut self, wanted: f64, frames: usize) -> Result<usize, f64> {
        if self.starved {
            return Err(f64::INFINITY);
        }
        let Place { ahead, needed } = self.place(wanted, frames).ok_or(f64::INFINITY)?;
        let rate = f64::from(self.intake.rate);
        let there = self.intake.frames.slots();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and bounded by the ring and by `frames`"
        )]
        if ahead >= 0.0 {
            self.skip((ahead.round() as usize).min(there));
            if needed > there as f64 {
                return Err((needed - there as f64) * 1e9 / rate);
            }
            self.running = true;
            self.tardy = None;
            Ok(0)
        } else {
            let early = (-ahead * f64::from(OUTPUT_RATE) / rate).round() as usize;
            self.running = early < frames;
            Ok(early.min(frames))
        }
    }

    /// Where in the ring it lies that was captured at `wanted`; `None` while that cannot be told.
    fn place(&self, wanted: f64, frames: usize) -> Option<Place> {
        let first = self.timeline.time_of(self.taken as f64)?;
        let rate = f64::from(self.intake.rate);
        // What goes into the resampler now comes out of it this much later.
        let ahead = (wanted - first) * rate / 1e9 + self.resampler.lag_frames();
        // The resampler takes whole blocks: one more than `frames` need must be there.
        let block = self.resampler.wanted_frames() as f64;
        Some(Place {
            ahead,
            needed: ahead + frames as f64 * rate / f64::from(OUTPUT_RATE) + block,
        })
    }

    /// Puts up with sound that arrives too late, until it is clear that it always will.
    fn be_patient(&mut self, shortage: f64, frames: usize) -> Option<Jump> {
        if !shortage.is_finite() {
            return None;
        }
        let tardy = self.tardy.get_or_insert(Tardy {
            frames: 0,
            first: shortage,
            most: shortage,
        });
        tardy.frames += frames;
        tardy.most = tardy.most.max(shortage);
        if shortage > tardy.first + STEADY.as_nanos() as f64 {
            self.tardy = None; // nothing arrives at all
            return None;
        }
        if tardy.frames < PATIENCE_FRAMES {
            return None;
        }
        let delay = (tardy.most + MARGIN.as_nanos() as f64).min(MAX_DELAY.as_nanos() as f64);
        self.tardy = None;
        self.delay = (self.delay + delay).min(MAX_DELAY.as_nanos() as f64);
        Some(Jump {
            late_millis: whole(delay) / 1_000_000,
            stays_late: true,
        })
    }

    /// Resamples from the ring into `out`; silence when the ring runs dry.
    fn play(&mut self, out: &mut [f32]) {
        while self.running && self.ready.len() < out.len() {
            let frames = self.resampler.wanted_frames();
            let Ok(chunk) = self.intake.frames.read_chunk(frames) else {
                break;
            };
            self.block.clear();
            self.block.extend(chunk.into_iter().flatten());
            self.taken += frames as u64;
            self.resampler.process(&self.block, &mut self.ready);
        }
        let filled = self.ready.len().min(out.len());
        let (sound, silence) = out.split_at_mut(filled);
        sound.copy_from_slice(&self.ready[..filled]);
        self.ready.drain(..filled);
        silence.fill(0.0);
        if !silence.is_empty() {
            self.stop();
            // What is left is too little to be played, and its time has passed.
            self.skip(self.intake.frames.slots());
            self.starved = true;
        }
    }

    /// When the next sample to be read was captured, in nanoseconds of media time.
    fn next_time(&self) -> Option<f64> {
        let ready = (self.ready.len() / CHANNELS) as f64 * f64::from(self.intake.rate)
            / f64::from(OUTPUT_RATE);
        let frame = self.taken as f64 - self.resampler.lag_frames() - ready;
        self.timeline.time_of(frame)
    }

    /// Forgets what is on its way; the next sample is looked for anew.
    fn stop(&mut self) {
        self.running = false;
        self.ready.clear();
        self.drift = DriftControl::new();
        if let Ok(fresh) = Resampler::new(self.intake.rate, OUTPUT_RATE) {
            self.resampler = fresh;
        }
    }

    fn skip(&mut self, frames: usize) {
        if let Ok(chunk) = self.intake.frames.read_chunk(frames) {
            chunk.commit_all();
            self.taken += frames as u64;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates")]
const fn whole(nanos: f64) -> i64 {
    nanos as i64
}

const OUTPUT_RATE: u32 = 48_000;
const CHANNELS: usize = 2;
/// Half a second at 48 kHz: so long sound may come too late before its delay is accepted.
const PATIENCE_FRAMES: usize = 24_000;
/// A device that delivers, only late, is late by this much more or less.
const STEADY: Duration = Duration::from_millis(100);
/// What is added to an accepted delay, so that the next block does not come too late again.
const MARGIN: Duration = Duration::from_millis(20);
/// By how much a single shortage makes the sound later, apart from [`MARGIN`].
const LATER_AT_ONCE: Duration = Duration::from_millis(50);
/// Later than this, and shortages are the lesser evil: lips and voice part.
const MOST_LATER: Duration = Duration::from_millis(200);
/// More than a device can be late, Bluetooth included. Far less than the ring holds.
const MAX_DELAY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::microphone::tap::{Mark, Tap, rings};
    use rtrb::Producer;

    /// A device that hears a click each time a whole second of media time begins.
    struct Device {
        tap: Tap,
        marks: Producer<Mark>,
        /// Its frames per second by the program's clock.
        real_rate: f64,
        started_at: f64,
        written: u64,
        random: fastrand::Rng,
        jitter: f64,
        /// Seconds from hearing to delivering.
        delivery: f64,
        /// What its idea of the time is off by.
        stamped_late: f64,
        /// Whether it hears something all the time.
        steady: bool,
    }

    impl Device {
        fn new(
            nominal: u32,
            real_rate: f64,
            started_at: f64,
            jitter: f64,
        ) -> (Self, AlignedReader) {
            let (tap, marks, intake) = rings(nominal);
            let device = Self {
                tap,
                marks,
                real_rate,
                started_at,
                written: 0,
                random: fastrand::Rng::with_seed(2),
                jitter,
                delivery: 0.0,
                stamped_late: 0.0,
                steady: false,
            };
            (device, AlignedReader::new(intake).expect("a usual rate"))
        }

        /// Delivers, in blocks of 10 ms, all it has heard until `now` seconds.
        fn run_until(&mut self, now: f64) {
            let frames = self.real_rate / 100.0;
            loop {
                let start = self.started_at + self.written as f64 / self.real_rate;
                if start + 0.010 + self.delivery > now {
                    return;
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "480 or so"
                )]
                let block: Vec<f32> = (0..frames as u64)
                    .map(|index| {
                        let time = self.started_at + (self.written + index) as f64 / self.real_rate;
                        let into_second = time.fract() * self.real_rate;
                        if self.steady || into_second < 1.0 {
                            1.0
                        } else {
                            0.0
                        }
                    })
                    .collect();
                let late = self.random.f64() * self.jitter + self.stamped_late;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "positive"
                )]
                let captured_at = MediaTime::from_nanos(((start + late) * 1e9) as u64);
                let frame = self.tap.written();
                let _ = self.marks.push(Mark { frame, captured_at });
                self.tap.write(block.iter().map(|sample| [*sample; 2]));
                self.written += block.len() as u64;
            }
        }
    }

    #[test]
    fn a_device_that_begins_is_waited_for_no_longer_than_it_takes_to_deliver() {
        const BLOCK: usize = 512;
        let (mut device, mut reader) = Device::new(48_000, 48_000.0, 1.0, 0.0);
        device.steady = true;
        let mut out = [9.0; 2 * BLOCK];
        let mut heard = false;
        for block in 94_u64..140 {
            let end = (block + 1) as f64 * BLOCK as f64 / 48_000.0;
            let mut now = end;
            device.run_until(now);
            while !reader.has(BLOCK) {
                now += 0.001;
                device.run_until(now);
                assert!(now < end + 0.040, "block {block} is waited for");
            }
            reader.read(block * BLOCK as u64, &mut out);
            heard = *out.last().unwrap() > 0.5;
        }
        assert!(heard);
    }

    /// Reads 20 ms blocks 100 ms late from `from` to `to` seconds; returns the samples and the jumps.
    fn read(
        device: &mut Device,
        reader: &mut AlignedReader,
        from: u64,
        to: u64,
    ) -> (Vec<f32>, Vec<Jump>) {
        let (mut left, mut jumps) = (Vec::new(), Vec::new());
        for block in from * 50..to * 50 {
            device.run_until(block as f64 / 50.0 + 0.120);
            let mut out = [9.0; 2 * 960];
            jumps.extend(reader.read(block * 960, &mut out));
            left.extend(out.iter().step_by(2));
        }
        (left, jumps)
    }

    /// By how many milliseconds the click of each second is off.
    fn click_errors(left: &[f32]) -> Vec<f64> {
        left.chunks(48_000)
            .enumerate()
            .filter_map(|(second, _)| {
                let middle = second * 48_000;
                let from = middle.saturating_sub(24_000);
                let near = &left[from..(middle + 24_000).min(left.len())];
                let (at, peak) = near.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
                (*peak > 0.2).then(|| ((from + at) as f64 - middle as f64) / 48.0)
            })
            .collect()
    }

    /// Where silence begins, and how long it is.
    fn gaps(left: &[f32]) -> Vec<(usize, usize)> {
        let mut gaps: Vec<(usize, usize)> = Vec::new();
        for (at, sample) in left.iter().enumerate() {
            if *sample != 0.0 {
                continue;
            }
            match gaps.last_mut() {
                Some((begin, length)) if *begin + *length == at => *length += 1,
                _ => gaps.push((at, 1)),
            }
        }
        gaps
    }

    #[test]
    fn what_was_heard_at_a_time_is_read_at_that_time() {
        for (nominal, real) in [(48_000, 48_000.0), (44_100, 44_100.0), (16_000, 16_000.0)] {
            let (mut device, mut reader) = Device::new(nominal, real, 0.4567, 0.0);
            let (left, jumps) = read(&mut device, &mut reader, 0, 5);
            assert!(jumps.is_empty());
            assert!(
                left.iter()
                    .all(|sample| sample.is_finite() && *sample < 2.0)
            );
            let errors = click_errors(&left);
            assert_eq!(errors.len(), 4, "{errors:?}");
            assert!(
                errors.iter().all(|error| error.abs() < 0.5),
                "{nominal}: {errors:?}"
            );
        }
    }

    #[test]
    fn sound_that_arrived_is_read_at_once_and_is_the_same() {
        for (nominal, real) in [(48_000, 48_000.0), (44_100, 44_100.0 * 1.0002)] {
            let (mut device, mut reader) = Device::new(nominal, real, 0.4567, 0.004);
            // The beginning is waited for; then whatever is there is read.
            let (mut left, mut jumps) = read(&mut device, &mut reader, 0, 1);
            let mut longest_wait = 0.0_f64;
            let mut now = 1.12;
            while left.len() < 60 * 48_000 {
                now += 0.010;
                device.run_until(now);
                while reader.has(480) {
                    let mut out = [9.0; 2 * 480];
                    jumps.extend(reader.read(left.len() as u64, &mut out));
                    left.extend(out.iter().step_by(2));
                }
                longest_wait = longest_wait.max(now - left.len() as f64 / 48_000.0);
            }
            assert!(jumps.is_empty(), "{jumps:?}");
            assert!(longest_wait < 0.060, "{longest_wait} s behind");
            let errors = click_errors(&left);
            assert_eq!(errors.len(), 59);
            assert!(
                errors.iter().all(|error| error.abs() < 8.0),
                "{nominal}: {errors:?}"
            );
        }
    }

    #[test]
    fn a_device_with_a_wrong_clock_keeps_its_time_without_jumps() {
        for real in [48_000.0 * 1.0003, 48_000.0 * 0.9997] {
            let (mut device, mut reader) = Device::new(48_000, real, 0.1, 0.004);
            let (left, jumps) = read(&mut device, &mut reader, 0, 120);
            assert!(jumps.is_empty());
            let errors = click_errors(&left);
            assert_eq!(errors.len(), 119);
            // 2 ms of it are the mean of the jitter, which nobody can tell from a latency.
            assert!(
                errors.iter().all(|error| error.abs() < 8.0),
                "{real}: {errors:?}"
            );
        }
    }

    #[test]
    fn before_and_without_sound_there_is_silence() {
        let (mut device, mut reader) = Device::new(48_000, 48_000.0, 1.5, 0.0);
        let mut out = [9.0; 2 * 960];
        assert_eq!(reader.read(0, &mut out), None);
        assert!(out.iter().all(|sample| *sample == 0.0));
        let (left, _) = read(&mut device, &mut reader, 0, 3);
        assert!(left[..71_000].iter().all(|sample| *sample == 0.0));
        assert_eq!(click_errors(&left).len(), 1);
    }

    #[test]
    fn a_late_delivery_leaves_silence_and_is_read_a_little_later_from_then_on() {
        let (mut device, mut reader) = Device::new(48_000, 48_000.0, 0.0, 0.0);
        let _ = read(&mut device, &mut reader, 0, 2);
        // For a second nothing is delivered, then all of it at once.
        let mut out = [9.0; 2 * 960];
        for block in 100..150 {
            assert_eq!(reader.read(block * 960, &mut out), None);
        }
        assert!(out.iter().all(|sample| *sample == 0.0));
        let (left, jumps) = read(&mut device, &mut reader, 3, 6);
        let told = Jump {
            late_millis: 70,
            stays_late: true,
        };
        assert_eq!(jumps, [told]);
        let errors = click_errors(&left);
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert!(
            errors.iter().all(|error| (error - 70.0).abs() < 0.5),
            "{errors:?}"
        );
    }

    #[test]
    fn deliveries_that_are_late_again_and_again_cost_few_gaps() {
        let (mut device, mut reader) = Device::new(48_000, 48_000.0, 0.0, 0.002);
        device.steady = true;
        let (mut left, mut jumps) = (Vec::new(), Vec::new());
        for second in 0..20 {
            // A busy machine: every second one delivery comes 150 ms after its time.
            for (delivery, part) in [(0.0, 0..40), (0.15, 40..48), (0.0, 48..50)] {
                device.delivery = delivery;
                for block in part {
                    let block = second * 50 + block;
                    device.run_until(block as f64 / 50.0 + 0.120);
                    let mut out = [9.0; 2 * 960];
                    jumps.extend(reader.read(block * 960, &mut out));
                    left.extend(out.iter().step_by(2).copied());
                }
            }
        }
        let gaps = gaps(&left[9_600..]);
        assert!((1..=2).contains(&gaps.len()), "of 20: {gaps:?}");
        assert_eq!(jumps.len(), gaps.len(), "each is told once: {jumps:?}");
    }

    #[test]
    fn a_lost_100_ms_cost_one_gap_and_no_delay() {
        for margin in [0.0, 0.085] {
            let (mut device, mut reader) = Device::new(48_000, 48_000.0, 0.0, 0.002);
            device.steady = true;
            device.delivery = margin;
            let (_, jumps) = read(&mut device, &mut reader, 0, 2);
            assert_eq!(jumps, []);
            device.started_at += 0.1;
            let (left, jumps) = read(&mut device, &mut reader, 2, 12);
            let gaps = gaps(&left);
            assert_eq!(gaps.len(), 1, "{gaps:?}");
            assert!(
                (3_000..9_600).contains(&gaps[0].1),
                "{gaps:?} samples of silence"
            );
            assert!(jumps.iter().all(|jump| !jump.stays_late), "{jumps:?}");
        }
    }

    #[test]
    fn a_pause_of_the_device_is_silence_and_then_the_right_time_again() {
        let (mut device, mut reader) = Device::new(48_000, 48_000.0, 0.0, 0.0);
        let _ = read(&mut device, &mut reader, 0, 2);
        device.started_at += 0.5;
        let (left, jumps) = read(&mut device, &mut reader, 2, 8);
        assert!(jumps.is_empty(), "{jumps:?}");
        let errors = click_errors(&left);
        assert!(errors.len() >= 5, "{errors:?}");
        assert!(errors.iter().all(|error| error.abs() < 1.0), "{errors:?}");
    }

    #[test]
    fn a_device_that_changes_its_idea_of_the_time_makes_one_jump_that_is_told() {
        let (mut device, mut reader) = Device::new(48_000, 48_000.0, 0.0, 0.0);
        let _ = read(&mut device, &mut reader, 0, 2);
        device.stamped_late = 0.25;
        let (left, jumps) = read(&mut device, &mut reader, 2, 8);
        assert_eq!(jumps.len(), 1, "{jumps:?}");
        assert!((-260..-240).contains(&jumps[0].late_millis), "{jumps:?}");
        let last = &left[5 * 48_000..];
        let clicks: Vec<_> = (0..last.len()).filter(|at| last[*at] > 0.2).collect();
        assert!(
            clicks.iter().all(|at| at.abs_diff(12_000) < 200),
            "{clicks:?}"
        );
        assert!(!clicks.is_empty());
    }

    #[test]
    fn a_device_slower_than_the_reader_waits_is_heard_late_rather_than_never() {
        let (mut device, mut reader) = Device::new(48_000, 48_000.0, 0.0, 0.002);
        device.delivery = 0.3;
        let (left, jumps) = read(&mut device, &mut reader, 0, 6);
        assert_eq!(jumps.len(), 1, "{jumps:?}");
        for second in 2..6 {
            let heard = &left[second * 48_000..][..24_000];
            let click = heard.iter().position(|sample| *sample > 0.2);
            let late = click.map(|at| at / 48);
            assert!(
                (200..300).contains(&late.unwrap_or(0)),
                "{second}: {late:?}"
            );
        }
    }

    #[test]
    fn a_lost_device_is_silence() {
        let (mut device, mut reader) = Device::new(48_000, 48_000.0, 0.0, 0.0);
        let _ = read(&mut device, &mut reader, 0, 1);
        drop(device);
        let mut out = vec![9.0; 2 * 48_000];
        reader.read(48_000, &mut out);
        assert!(out[2 * 9_600..].iter().all(|sample| *sample == 0.0));
    }
}

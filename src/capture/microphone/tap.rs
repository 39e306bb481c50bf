//! An open device: its callback, and the rings it fills. No lock, allocation or log line in the callback.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cpal::{
    BufferSize, Device, ErrorKind, FromSample, InputCallbackInfo, Sample, SampleFormat,
    SizedSample, Stream, StreamConfig, SupportedBufferSize, SupportedStreamConfig,
    SupportedStreamConfigRange,
    traits::{DeviceTrait, StreamTrait},
};
use rtrb::{Consumer, Producer, RingBuffer};

use crate::{
    capture::source::{CaptureError, DeviceKind},
    media::{clock::Clock, resample::stereo_of},
    units::MediaTime,
};

/// The reading ends of what a device's callback fills.
pub(super) struct Intake {
    /// Stereo frames, in order.
    pub(super) frames: Consumer<[f32; 2]>,
    /// When they were captured.
    pub(super) marks: Consumer<Mark>,
    /// Frames per second.
    pub(super) rate: u32,
}

/// When one frame was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The frame's number in the ring, from 0.
    pub(super) frame: u64,
    pub(super) captured_at: MediaTime,
}

/// The writing ends, owned by the callback.
pub(super) struct Tap {
    frames: Producer<[f32; 2]>,
    marks: Producer<Mark>,
    rate: u32,
    written: u64,
    blocks: Arc<AtomicU64>,
    /// When the last block came, and how long it plays.
    last_block: Option<(MediaTime, Duration)>,
}

/// A pair of rings for two seconds of sound at `rate`; the counter counts blocks, as a sign of life.
pub(super) fn rings(rate: u32) -> (Tap, Intake, Arc<AtomicU64>) {
    let capacity = rate as usize * RING_SECONDS;
    let (frames_in, frames) = RingBuffer::new(capacity);
    let (marks_in, marks) = RingBuffer::new(MARKS);
    let blocks = Arc::new(AtomicU64::new(0));
    let tap = Tap {
        frames: frames_in,
        marks: marks_in,
        rate,
        written: 0,
        blocks: Arc::clone(&blocks),
        last_block: None,
    };
    let intake = Intake {
        frames,
        marks,
        rate,
    };
    (tap, intake, blocks)
}

impl Tap {
    /// Takes a block of interleaved samples that came at `now`, its first frame captured `age` before. What the
    /// ring has no room for is lost; the next mark then tells of the gap.
    pub(super) fn write<T>(&mut self, samples: &[T], channels: usize, now: MediaTime, age: Duration)
    where
        T: Sample,
        f32: FromSample<T>,
    {
        let offered = samples.len() / channels.max(1);
        let room = self.frames.slots().min(offered);
        let frames = samples.chunks_exact(channels.max(1)).map(|frame| {
            let left_right = [frame[0], *frame.get(1).unwrap_or(&frame[0])];
            stereo_of(&left_right.map(f32::from_sample))
        });
        // A sound server hands over a few blocks at once and gives all of them the age of the first.
        let in_burst = self
            .last_block
            .is_some_and(|(then, plays)| now.since(then) < plays / 2);
        let plays = MediaTime::from_samples(offered as u64, self.rate).since(MediaTime::ZERO);
        self.last_block = Some((now, plays));
        if let Ok(chunk) = self.frames.write_chunk_uninit(room) {
            if !in_burst {
                // Without room for its time a block is still sound: the times around it tell enough.
                let _ = self.marks.push(Mark {
                    frame: self.written,
                    captured_at: now - age,
                });
            }
            self.written += chunk.fill_from_iter(frames) as u64;
        }
        self.blocks.fetch_add(1, Ordering::Relaxed);
    }
}

/// A device that delivers, until this is dropped.
pub(super) struct OpenMicrophone {
    _stream: Stream,
    /// Blocks delivered so far.
    pub(super) blocks: Arc<AtomicU64>,
    /// The format, for people: `48 kHz, stereo`.
    pub(super) format: String,
}

/// Opens a device in the format nearest to 48 kHz stereo. `on_error` is told of what later ends the delivery.
pub(super) fn open(
    name: &str,
    device: &Device,
    clock: Clock,
    on_error: impl Fn(CaptureError) + Send + 'static,
) -> Result<(OpenMicrophone, Intake), CaptureError> {
    let classified = |error: &cpal::Error| classify(name, error);
    let config = match device.supported_input_configs() {
        Ok(ranges) => best_config(ranges).or_else(|| device.default_input_config().ok()),
        Err(error) => return Err(classified(&error)),
    };
    let Some(config) = config else {
        return Err(CaptureError::NoUsableFormat {
            kind: DeviceKind::Microphone,
            name: name.to_owned(),
            offered: "no samples at all".to_owned(),
        });
    };
    let rate = config.sample_rate();
    let channels = config.channels();
    let (tap, intake, blocks) = rings(rate);
    let owned_name = name.to_owned();
    let on_error = move |error: cpal::Error| {
        if is_fatal(error.kind()) {
            on_error(classify(&owned_name, &error));
        }
    };
    let stream = build_stream(device, &config, tap, clock, on_error).map_err(|e| classified(&e))?;
    stream.play().map_err(|error| classified(&error))?;
    let channels = match channels {
        1 => "mono".to_owned(),
        2 => "stereo".to_owned(),
        more => format!("{more} channels"),
    };
    let format = format!("{} kHz, {channels}", f64::from(rate) / 1000.0);
    let open = OpenMicrophone {
        _stream: stream,
        blocks,
        format,
    };
    Ok((open, intake))
}

fn build_stream(
    device: &Device,
    config: &SupportedStreamConfig,
    tap: Tap,
    clock: Clock,
    on_error: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Stream, cpal::Error> {
    let server = device
        .id()
        .is_ok_and(|id| id.to_string().starts_with("pulseaudio:"));
    let stream_config = StreamConfig {
        buffer_size: buffer_size(
            config,
            if server {
                SERVER_BLOCK_MILLIS
            } else {
                DEVICE_BLOCK_MILLIS
            },
        ),
        ..config.config()
    };
    macro_rules! stream_of {
        ($($format:ident => $sample:ty),+) => {
            match config.sample_format() {
                $(SampleFormat::$format => {
                    typed_stream::<$sample>(device, stream_config, tap, clock, on_error)
                })+
                other => Err(cpal::Error::with_message(
                    ErrorKind::UnsupportedConfig,
                    format!("samples of the format {other} are not read"),
                )),
            }
        };
    }
    stream_of!(
        F32 => f32, F64 => f64,
        I8 => i8, I16 => i16, I24 => cpal::I24, I32 => i32, I64 => i64,
        U8 => u8, U16 => u16, U24 => cpal::U24, U32 => u32, U64 => u64
    )
}

fn typed_stream<T>(
    device: &Device,
    config: StreamConfig,
    mut tap: Tap,
    clock: Clock,
    on_error: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels);
    device.build_input_stream(
        config,
        move |samples: &[T], info: &InputCallbackInfo| {
            let times = info.timestamp();
            let age = times.callback.saturating_duration_since(times.capture);
            tap.write(samples, channels, clock.now(), age.min(OLDEST));
        },
        on_error,
        Some(OPEN_TIMEOUT),
    )
}

/// The range that serves best: a rate of 48 kHz if there is one, stereo before mono before more channels, and
/// samples that lose nothing.
fn best_config(
    ranges: impl Iterator<Item = SupportedStreamConfigRange>,
) -> Option<SupportedStreamConfig> {
    ranges
        .filter_map(|range| {
            let format = format_rank(range.sample_format())?;
            let rate = WANTED_RATE.clamp(range.min_sample_rate(), range.max_sample_rate());
            // A lower rate loses the highest tones, a higher one only work.
            let rate_rank = if rate < WANTED_RATE {
                (1, WANTED_RATE - rate)
            } else {
                (0, rate - WANTED_RATE)
            };
            let channels = match range.channels() {
                2 => 0,
                1 => 1,
                more => more,
            };
            let config = range.try_with_sample_rate(rate)?;
            Some(((rate_rank, channels, format), config))
        })
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, config)| config)
}

/// The best first; `None` for formats that are not read.
const fn format_rank(format: SampleFormat) -> Option<u8> {
    Some(match format {
        SampleFormat::F32 => 0,
        SampleFormat::I32 => 1,
        SampleFormat::I24 => 2,
        SampleFormat::I16 => 3,
        SampleFormat::F64 => 4,
        SampleFormat::I64 => 5,
        SampleFormat::U32 => 6,
        SampleFormat::U24 => 7,
        SampleFormat::U16 => 8,
        SampleFormat::U64 => 9,
        SampleFormat::I8 => 10,
        SampleFormat::U8 => 11,
        _ => return None,
    })
}

/// Blocks of a known length where the device lets one choose: a sound server's own choice is two seconds.
fn buffer_size(config: &SupportedStreamConfig, length_millis: u32) -> BufferSize {
    let frames = config.sample_rate() / 1000 * length_millis;
    match *config.buffer_size() {
        SupportedBufferSize::Range { min, max } if min <= max => {
            BufferSize::Fixed(frames.clamp(min, max))
        }
        _ => BufferSize::Default,
    }
}

fn classify(name: &str, error: &cpal::Error) -> CaptureError {
    let kind = DeviceKind::Microphone;
    let name = name.to_owned();
    match error.kind() {
        ErrorKind::DeviceBusy => CaptureError::Busy { kind, name },
        ErrorKind::PermissionDenied => CaptureError::Forbidden {
            kind,
            name,
            remedy: REMEDY.to_owned(),
        },
        ErrorKind::DeviceNotAvailable
        | ErrorKind::HostUnavailable
        | ErrorKind::StreamInvalidated => CaptureError::Unplugged { kind, name },
        ErrorKind::UnsupportedConfig => CaptureError::NoUsableFormat {
            kind,
            name,
            offered: error.to_string(),
        },
        _ => CaptureError::Failed {
            kind,
            name,
            message: error.to_string().replace('\n', " "),
        },
    }
}

/// Whether a stream that reported this delivers no more.
const fn is_fatal(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged
    )
}

const WANTED_RATE: u32 = 48_000;
/// Sound that is kept for a reader that does not come for a while.
const RING_SECONDS: usize = 2;
/// Times kept for it; a block is hardly ever shorter than 2 ms.
const MARKS: usize = 1024;
/// What a device is asked to deliver at once.
const DEVICE_BLOCK_MILLIS: u32 = 10;
/// The same of a sound server, which keeps no more than this for us: when its own blocks are longer, sound is
/// lost. Well below [`super::LATENCY`].
const SERVER_BLOCK_MILLIS: u32 = 80;
/// How long a device may take to open.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// A device that calls its sound older than this counts time in its own way.
const OLDEST: Duration = Duration::from_millis(500);

#[cfg(target_os = "linux")]
const REMEDY: &str = "run `sudo usermod -aG audio $USER`, then log out and in again";
#[cfg(target_os = "macos")]
const REMEDY: &str =
    "allow it in System Settings, Privacy & Security, Microphone, then start the program again";
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
const REMEDY: &str = "allow it in Settings, Privacy & security, Microphone: for desktop apps too";

#[cfg(test)]
mod tests {
    use super::*;

    fn range(channels: u16, rates: (u32, u32), format: SampleFormat) -> SupportedStreamConfigRange {
        SupportedStreamConfigRange::new(
            channels,
            rates.0,
            rates.1,
            SupportedBufferSize::Unknown,
            format,
        )
    }

    #[test]
    fn the_format_nearest_to_48_khz_stereo_is_taken() {
        use SampleFormat::{DsdU8, F32, I16};
        for (offered, expected) in [
            (
                vec![
                    range(1, (8_000, 96_000), F32),
                    range(2, (8_000, 96_000), I16),
                ],
                Some((2, 48_000, I16)),
            ),
            (
                vec![
                    range(2, (44_100, 44_100), F32),
                    range(1, (48_000, 48_000), I16),
                ],
                Some((1, 48_000, I16)),
            ),
            (
                vec![
                    range(2, (44_100, 44_100), F32),
                    range(2, (96_000, 96_000), F32),
                ],
                Some((2, 96_000, F32)),
            ),
            (
                vec![
                    range(2, (8_000, 8_000), F32),
                    range(2, (16_000, 44_100), F32),
                ],
                Some((2, 44_100, F32)),
            ),
            (
                vec![
                    range(8, (48_000, 48_000), I16),
                    range(4, (48_000, 48_000), F32),
                ],
                Some((4, 48_000, F32)),
            ),
            (vec![range(2, (48_000, 48_000), DsdU8)], None),
            (vec![], None),
        ] {
            let best = best_config(offered.into_iter());
            let best = best.map(|c| (c.channels(), c.sample_rate(), c.sample_format()));
            assert_eq!(best, expected);
        }
    }

    #[test]
    fn every_layout_arrives_as_stereo_with_its_time() {
        let (mut tap, mut intake, blocks) = rings(48_000);
        let at = MediaTime::from_millis;
        let age = Duration::from_millis(3);
        tap.write(&[i16::MAX, i16::MIN], 1, at(8), age);
        tap.write(&[0.25f32, -0.25, 0.9, 0.9], 4, at(9), age);
        tap.write(&[128u8, 255], 2, at(10), age);
        let frames: Vec<_> = std::iter::from_fn(|| intake.frames.pop().ok()).collect();
        let expected = [[1.0, 1.0], [-1.0, -1.0], [0.25, -0.25], [0.0, 1.0]];
        assert_eq!(frames.len(), expected.len());
        for (frame, expected) in frames.iter().zip(expected) {
            for (sample, expected) in frame.iter().zip(expected) {
                assert!((sample - expected).abs() < 0.01, "{frames:?}");
            }
        }
        let marks: Vec<_> = std::iter::from_fn(|| intake.marks.pop().ok())
            .map(|mark| (mark.frame, mark.captured_at.as_millis()))
            .collect();
        assert_eq!(marks, [(0, 5), (2, 6), (3, 7)]);
        assert_eq!(blocks.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_full_ring_loses_the_newest_sound_and_nothing_else() {
        let (mut tap, mut intake, _) = rings(100);
        let at = MediaTime::from_millis;
        tap.write(&[0.5f32; 250], 1, at(2_500), Duration::ZERO);
        tap.write(&[0.5f32; 10], 1, at(2_600), Duration::ZERO);
        assert_eq!(intake.frames.slots(), 200);
        assert_eq!(tap.written, 200);
        while intake.frames.pop().is_ok() {}
        tap.write(&[0.1f32; 10], 1, at(2_700), Duration::ZERO);
        let last = std::iter::from_fn(|| intake.marks.pop().ok()).last();
        assert_eq!(last.map(|mark| mark.frame), Some(200));
    }
    #[test]
    fn only_the_first_block_of_a_burst_tells_the_time() {
        let (mut tap, mut intake, _) = rings(48_000);
        let age = Duration::from_millis(50);
        for (millis, frames) in [
            (100, 480),
            (100, 1024),
            (101, 896),
            (150, 1024),
            (150, 1376),
        ] {
            tap.write(
                &vec![0.5f32; frames],
                1,
                MediaTime::from_millis(millis),
                age,
            );
        }
        let marks: Vec<_> = std::iter::from_fn(|| intake.marks.pop().ok())
            .map(|mark| (mark.frame, mark.captured_at.as_millis()))
            .collect();
        assert_eq!(marks, [(0, 50), (2_400, 100)]);
        assert_eq!(intake.frames.slots(), 4_800);
    }
}

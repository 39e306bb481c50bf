//! The operating system's own devices: sound cards under ALSA, Core Audio, WASAPI.
//!
//! Of ALSA's many plugins none is listed, only hardware.

use std::time::Duration;

use cpal::{
    BufferSize, ErrorKind, FromSample, Host, InputCallbackInfo, Sample, SampleFormat, SizedSample,
    Stream, StreamConfig, SupportedBufferSize, SupportedStreamConfig, SupportedStreamConfigRange,
    traits::{DeviceTrait, HostTrait, StreamTrait},
};
use rtrb::Producer;

use super::{
    device::{ConnectedMicrophone, Device, ErrorSink, OpenMicrophone},
    tap::{self, Intake, Mark, Tap},
};
use crate::{
    capture::source::{CaptureError, DeviceKind},
    media::{clock::Clock, resample::stereo_of},
};

/// The devices that capture sound.
pub(super) fn connected() -> Vec<ConnectedMicrophone> {
    platform::host()
        .map(|host| connected_to(&host))
        .unwrap_or_default()
}

fn connected_to(host: &Host) -> Vec<ConnectedMicrophone> {
    let default = host
        .default_input_device()
        .and_then(|device| device.id().ok());
    host.input_devices()
        .into_iter()
        .flatten()
        .filter_map(|device| {
            let id = device.id().ok()?;
            Some(ConnectedMicrophone {
                id: platform::identity(&id)?,
                name: device.description().ok()?.name().trim().to_owned(),
                is_default: default.as_ref() == Some(&id),
                device: Box::new(Card(device)),
            })
        })
        .collect()
}

struct Card(cpal::Device);

impl Device for Card {
    /// Opens it in the format nearest to 48 kHz stereo.
    fn open(
        &self,
        name: &str,
        clock: Clock,
        on_error: ErrorSink,
    ) -> Result<(OpenMicrophone, Intake), CaptureError> {
        let Self(device) = self;
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
        let (tap, marks, intake) = tap::rings(rate);
        let progress = tap.progress();
        let owned_name = name.to_owned();
        let on_error = move |error: cpal::Error| {
            if is_fatal(error.kind()) {
                on_error(classify(&owned_name, &error));
            }
        };
        let writer = Writer {
            tap,
            marks,
            channels: usize::from(config.channels()).max(1),
            clock,
        };
        let stream =
            build_stream(device, &config, writer, on_error).map_err(|error| classified(&error))?;
        stream.play().map_err(|error| classified(&error))?;
        let channels = match config.channels() {
            1 => "mono".to_owned(),
            2 => "stereo".to_owned(),
            more => format!("{more} channels"),
        };
        let open = OpenMicrophone {
            _stream: Box::new(stream),
            progress,
            format: format!("{} kHz, {channels}", f64::from(rate) / 1000.0),
        };
        Ok((open, intake))
    }
}

/// What the device's callback writes with.
struct Writer {
    tap: Tap,
    marks: Producer<Mark>,
    channels: usize,
    clock: Clock,
}

impl Writer {
    /// Takes a block of interleaved samples, its first frame captured `age` ago.
    fn write<T>(&mut self, samples: &[T], age: Duration)
    where
        T: Sample,
        f32: FromSample<T>,
    {
        // Without room for its time a block is still sound: the times around it tell enough.
        let _ = self.marks.push(Mark {
            frame: self.tap.written(),
            captured_at: self.clock.now() - age,
        });
        self.tap.write(stereo_frames(samples, self.channels));
    }
}

/// Any samples in any number of channels as stereo.
fn stereo_frames<T>(samples: &[T], channels: usize) -> impl ExactSizeIterator<Item = [f32; 2]>
where
    T: Sample,
    f32: FromSample<T>,
{
    samples.chunks_exact(channels).map(|frame| {
        let left_right = [frame[0], *frame.get(1).unwrap_or(&frame[0])];
        stereo_of(&left_right.map(f32::from_sample))
    })
}

fn build_stream(
    device: &cpal::Device,
    config: &SupportedStreamConfig,
    writer: Writer,
    on_error: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Stream, cpal::Error> {
    let stream_config = StreamConfig {
        buffer_size: buffer_size(config),
        ..config.config()
    };
    macro_rules! stream_of {
        ($($format:ident => $sample:ty),+) => {
            match config.sample_format() {
                $(SampleFormat::$format => {
                    typed_stream::<$sample>(device, stream_config, writer, on_error)
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
    device: &cpal::Device,
    config: StreamConfig,
    mut writer: Writer,
    on_error: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Stream, cpal::Error>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    device.build_input_stream(
        config,
        move |samples: &[T], info: &InputCallbackInfo| {
            let times = info.timestamp();
            let age = times.callback.saturating_duration_since(times.capture);
            writer.write(samples, age.min(OLDEST));
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

/// Blocks of a known length where the device lets one choose.
fn buffer_size(config: &SupportedStreamConfig) -> BufferSize {
    let frames = config.sample_rate() / 1000 * BLOCK_MILLIS;
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
/// What a device is asked to deliver at once.
const BLOCK_MILLIS: u32 = 10;
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

#[cfg(target_os = "linux")]
mod platform {
    use std::fs;

    use cpal::{Host, HostId};

    use crate::capture::source::DeviceId;

    /// ALSA if there is a sound card. Without one it is left alone: its library would only write complaints to
    /// standard error.
    pub(super) fn host() -> Option<Host> {
        let cards = fs::read_to_string("/proc/asound/cards").unwrap_or_default();
        let any = cards.lines().any(|line| line.contains('['));
        any.then(|| cpal::host_from_id(HostId::Alsa).ok())?
    }

    /// ALSA's card numbers are not stable, so the card's name takes their place; `None` for what is no sound
    /// card.
    pub(super) fn identity(id: &cpal::DeviceId) -> Option<DeviceId> {
        let (card, device) = numbered_card(id.id())?;
        let name = fs::read_to_string(format!("/proc/asound/card{card}/id")).ok()?;
        Some(DeviceId(format!(
            "alsa:hw:CARD={},DEV={device}",
            name.trim()
        )))
    }

    /// Card and device number of `hw:CARD=1,DEV=0`, the one of ALSA's names per device that says in which
    /// direction the hardware goes.
    fn numbered_card(pcm: &str) -> Option<(u32, u32)> {
        let (card, device) = pcm.strip_prefix("hw:CARD=")?.split_once(",DEV=")?;
        Some((card.parse().ok()?, device.parse().ok()?))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn of_alsa_s_names_only_numbered_hardware_is_taken() {
            assert_eq!(numbered_card("hw:CARD=1,DEV=0"), Some((1, 0)));
            for plugin in [
                "null",
                "default",
                "pulse",
                "hw:CARD=PCH,DEV=0",
                "plughw:CARD=0,DEV=0",
                "sysdefault:CARD=PCH",
                "surround51:CARD=PCH,DEV=0",
            ] {
                assert_eq!(numbered_card(plugin), None, "{plugin}");
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use cpal::Host;

    use crate::capture::source::DeviceId;

    #[expect(clippy::unnecessary_wraps, reason = "on Linux there may be none")]
    pub(super) fn host() -> Option<Host> {
        Some(cpal::default_host())
    }

    #[expect(clippy::unnecessary_wraps, reason = "on Linux some devices have none")]
    pub(super) fn identity(id: &cpal::DeviceId) -> Option<DeviceId> {
        Some(DeviceId(id.to_string()))
    }
}

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
    fn every_layout_becomes_stereo() {
        let near = |frames: Vec<[f32; 2]>, expected: &[[f32; 2]]| {
            assert_eq!(frames.len(), expected.len());
            for (sample, expected) in frames.iter().flatten().zip(expected.iter().flatten()) {
                assert!((sample - expected).abs() < 0.01, "{frames:?}");
            }
        };
        let mono = stereo_frames(&[i16::MAX, i16::MIN], 1).collect();
        near(mono, &[[1.0, 1.0], [-1.0, -1.0]]);
        let four = stereo_frames(&[0.25f32, -0.25, 0.9, 0.9], 4).collect();
        near(four, &[[0.25, -0.25]]);
        let stereo = stereo_frames(&[128u8, 255], 2).collect();
        near(stereo, &[[0.0, 1.0]]);
    }
}

//! H.264 by OpenH264: High profile, CABAC, constant bitrate, closed groups of pictures.
//!
//! No picture refers to a later one, so pictures leave in the order they came in and decode at the time
//! they are shown.
//!
//! The bitrate is held by quality alone ([`rate`]), so that every frame is sent. Only when even the worst
//! quality is too much for too long, by more than [`MAX_DEBT`] of the bitrate, a frame is left out.

mod ffi;
mod look;
mod rate;
mod unit;

use std::{fmt, num::NonZero, sync::Arc, thread, time::Duration};

use crate::{
    encode::encoder::{EncodeError, VideoEncoder},
    media::{
        frame::I420,
        packet::{AvcConfig, VideoFormat, VideoPacket},
    },
    units::{Bitrate, FrameRate, MediaTime, PixelSize},
};

use ffi::{Codec, Setup};
use look::Observer;
use rate::RateControl;
use unit::AccessUnit;

/// An H.264 encoder for pictures of one size.
pub struct H264Encoder {
    codec: Codec,
    setup: Setup,
    /// Whether the faster setting is asked for.
    fast: bool,
    /// The parameter sets of the last key frame; the same allocation as long as their bytes stay the same.
    config: Option<Arc<AvcConfig>>,
    /// The last picture's access unit, for the next one.
    unit: AccessUnit,
    /// Frames since the last key frame, left out ones too; `None` before the first.
    since_key_frame: Option<u32>,
    observer: Observer,
    rate: RateControl,
    debt: Debt,
}

impl H264Encoder {
    /// An encoder for `format`; the first picture it is given becomes a key frame.
    ///
    /// # Errors
    /// When the format is outside what [`VideoFormat::check`] allows, or the codec does not start.
    pub fn new(format: VideoFormat) -> Result<Self, EncodeError> {
        check(&format)?;
        let setup = Setup::new(format, false);
        Ok(Self {
            codec: Codec::open(&setup)?,
            setup,
            fast: false,
            config: None,
            unit: AccessUnit::default(),
            since_key_frame: None,
            observer: Observer::default(),
            rate: RateControl::new(format),
            debt: Debt::default(),
        })
    }
}

impl VideoEncoder for H264Encoder {
    fn encode(
        &mut self,
        picture: &I420,
        time: MediaTime,
        want_key_frame: bool,
    ) -> Result<Option<VideoPacket>, EncodeError> {
        let interval = self.setup.format.key_frame_interval;
        let due = self.since_key_frame.is_none_or(|since| since >= interval);
        let key_frame = due || want_key_frame;

        self.debt.pay(&self.setup.format);
        if self.debt.is_too_high(&self.setup.format) && !key_frame {
            self.since_key_frame = self.since_key_frame.map(|since| since + 1);
            self.rate.left_out();
            return Ok(None);
        }

        if key_frame {
            self.follow_fast();
        }
        let look = self.observer.look(picture);
        let qp = self.rate.choose(look, key_frame);
        let unit = self.encode_unit(picture, time, key_frame, qp)?;
        self.debt.bits += unit.bits();
        self.rate.encoded(unit.bits());
        self.since_key_frame = if unit.key_frame {
            Some(1)
        } else {
            self.since_key_frame.map(|since| since + 1)
        };
        Ok(self.packet(unit, time))
    }

    fn set_bitrate(&mut self, target: Bitrate) -> Result<(), EncodeError> {
        let format = VideoFormat {
            bitrate: target,
            ..self.setup.format
        };
        check(&format)?;
        self.rate.set_bitrate(target);
        self.setup.format = format;
        Ok(())
    }

    /// Leaves the deblocking filter out and works on several cores, whatever the picture's size, from the next
    /// key frame on: the library takes neither in between.
    ///
    /// That is 13 % fewer instructions. VMAF does not mind, but PSNR is 0.4 to 0.8 dB lower, and at low bitrates
    /// the blocks show; the slices of four cores take 2 to 3 % of the bits.
    fn set_fast(&mut self, fast: bool) {
        self.fast = fast;
    }
}

impl H264Encoder {
    /// Goes on with another codec where another setting is asked for; should that not start, with the same.
    fn follow_fast(&mut self) {
        if self.setup.deblocking != self.fast {
            return;
        }
        let setup = Setup::new(self.setup.format, self.fast);
        if let Ok(codec) = Codec::open(&setup) {
            self.codec = codec;
            self.setup = setup;
        }
    }

    /// Encodes one picture; after a failure with a fresh codec, because the library may have given up its
    /// memory, so that the next picture is a key frame.
    fn encode_unit(
        &mut self,
        picture: &I420,
        time: MediaTime,
        key_frame: bool,
        qp: u8,
    ) -> Result<AccessUnit, EncodeError> {
        let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let mut unit = std::mem::take(&mut self.unit);
        unit.begin();
        let mut encode = || {
            self.codec.set_qp(qp)?;
            if key_frame {
                self.codec.force_key_frame()?;
            }
            self.codec.encode(picture, millis, |nal| unit.push(nal))
        };
        if let Err(failure) = encode() {
            self.codec = Codec::open(&self.setup)?;
            self.since_key_frame = None;
            return Err(failure);
        }
        Ok(unit)
    }

    fn packet(&mut self, mut unit: AccessUnit, time: MediaTime) -> Option<VideoPacket> {
        if let Some(config) = unit.new_config(self.config.as_deref()) {
            self.config = Some(Arc::new(config));
        }
        let (key_frame, disposable) = (unit.key_frame, unit.disposable);
        let data = unit.take_data();
        self.unit = unit;
        Some(VideoPacket {
            data: data?,
            time,
            captured_at: time,
            key_frame,
            disposable,
            config: Arc::clone(self.config.as_ref()?),
        })
    }
}

/// How well the codec was built for this processor. Without the assembler `nasm`, its build leaves out all
/// assembly for Intel and AMD processors in silence, and encoding takes several times as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acceleration {
    /// Plain C++.
    None,
    /// The processor's vector instructions.
    Vector,
    /// AVX2 too.
    Avx2,
}

impl Acceleration {
    /// Asks the codec.
    ///
    /// # Errors
    /// When the codec does not start.
    pub fn detect() -> Result<Self, EncodeError> {
        let features = Codec::cpu_features(&Setup {
            format: VideoFormat {
                size: PixelSize::MIN,
                frame_rate: FrameRate::new(1),
                bitrate: VideoFormat::MIN_BITRATE,
                key_frame_interval: 1,
            },
            slices: 1,
            deblocking: true,
        })?;
        let x86 = cfg!(any(target_arch = "x86", target_arch = "x86_64"));
        Ok(match features {
            0 => Self::None,
            flags if x86 && flags & CPU_AVX2 != 0 => Self::Avx2,
            _ => Self::Vector,
        })
    }
}

impl fmt::Display for Acceleration {
    /// One plain sentence, for people who ask what they run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avx2 => "Video is encoded with the processor's AVX2 instructions.",
            Self::Vector => "Video is encoded with the processor's vector instructions.",
            Self::None => {
                "Video is encoded without the processor's vector instructions, several times slower than it could \
                 be: the assembler NASM was missing when this program was built."
            }
        })
    }
}

/// How far the encoded pictures are ahead of the bitrate: what a sender at exactly that bitrate would still
/// have to send (the video buffering verifier's leaky bucket, H.264 annex C).
#[derive(Default)]
struct Debt {
    bits: u64,
}

impl Debt {
    /// One frame's time has passed.
    fn pay(&mut self, format: &VideoFormat) {
        let paid = format.bitrate.bps() / format.frame_rate.fps();
        self.bits = self.bits.saturating_sub(paid.into());
    }

    fn is_too_high(&self, format: &VideoFormat) -> bool {
        self.bits > format.bitrate.bytes_in(MAX_DEBT) * 8
    }
}

impl Setup {
    fn new(format: VideoFormat, fast: bool) -> Self {
        // One slice, and one thread, compress best, and up to 720p one core is usually fast enough.
        let one_is_enough = format.size.area() <= SINGLE_SLICE_AREA && !fast;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let cores = u16::try_from(cores).unwrap_or(MAX_SLICES);
        Self {
            format,
            slices: if one_is_enough {
                1
            } else {
                cores.min(MAX_SLICES)
            },
            deblocking: !fast,
        }
    }
}

fn check(format: &VideoFormat) -> Result<(), EncodeError> {
    format.check().map_err(|error| EncodeError::Unsupported {
        codec: CODEC,
        what: error.to_string(),
    })
}

const CODEC: &str = "H.264";

/// How much media the encoded pictures may be ahead of the bitrate before a frame is left out.
const MAX_DEBT: Duration = Duration::from_secs(1);

const SINGLE_SLICE_AREA: usize = PixelSize::new(1280, 720).area();
const MAX_SLICES: u16 = 4;

/// The library's flag for AVX2, on Intel and AMD processors.
const CPU_AVX2: u32 = 0x0004_0000;

#[cfg(test)]
mod tests {
    use openh264::{
        decoder::{DecodedYUV, Decoder},
        formats::YUVSource,
    };

    use super::{
        unit::{NAL_IDR_SLICE, NAL_PPS, NAL_SLICE, NAL_SPS, NAL_TYPE_MASK},
        *,
    };
    use crate::encode::material::Scene;

    const SIZE: PixelSize = PixelSize::new(320, 180);
    const FPS: u32 = 15;
    const FORMAT: VideoFormat = VideoFormat {
        size: SIZE,
        frame_rate: FrameRate::new(FPS),
        bitrate: Bitrate::from_kbps(400),
        key_frame_interval: 30,
    };

    #[test]
    fn no_second_holds_much_more_than_its_bits_and_key_frames_are_no_exception() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        let packets = encode(&mut encoder, Scene::Camera, 0..150);
        for (number, second) in packets.windows(FPS as usize).enumerate() {
            let held = kbps(second);
            assert!(held <= 400 * 13 / 10, "{held} kb/s from frame {number} on");
        }
        assert!((388..=412).contains(&kbps(&packets)), "{}", kbps(&packets));
    }

    /// Encodes pictures `numbers` of `scene` and returns what each gave.
    fn encode(
        encoder: &mut H264Encoder,
        scene: Scene,
        numbers: std::ops::Range<u32>,
    ) -> Vec<Option<VideoPacket>> {
        numbers
            .map(|number| {
                let time = FORMAT.frame_rate.time_of(number.into());
                encoder
                    .encode(&scene.picture(SIZE, number), time, false)
                    .unwrap()
            })
            .collect()
    }

    fn kbps(packets: &[Option<VideoPacket>]) -> u32 {
        let bytes: usize = packets
            .iter()
            .flatten()
            .map(|packet| packet.data.len())
            .sum();
        let frames = u32::try_from(packets.len()).unwrap();
        Bitrate::from_bytes(bytes as u64, Duration::from_secs(1) * frames / FPS).kbps()
    }

    #[test]
    fn every_frame_of_a_moving_picture_is_kept_and_the_bitrate_is_held() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        let packets = encode(&mut encoder, Scene::Camera, 0..120);
        for (number, packet) in (0..).zip(&packets) {
            let packet = packet.as_ref().expect("every frame is kept");
            assert_eq!(packet.time, FORMAT.frame_rate.time_of(number));
            assert_eq!(packet.key_frame, number % 30 == 0, "frame {number}");
            assert!(!packet.disposable, "there is one chain of references");
        }
        for group in packets.chunks(30).skip(1) {
            assert!((360..=440).contains(&kbps(group)), "{} kb/s", kbps(group));
        }
    }

    #[test]
    fn parameter_sets_say_high_profile_and_stay_the_same() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        let packets = encode(&mut encoder, Scene::Camera, 0..61);
        let configs: Vec<_> = packets
            .iter()
            .flatten()
            .map(|packet| &packet.config)
            .collect();
        assert!(configs.iter().all(|config| Arc::ptr_eq(config, configs[0])));
        let [header, profile, _, level, ..] = configs[0].sps[..] else {
            panic!("a short SPS")
        };
        assert_eq!((header & NAL_TYPE_MASK, profile), (NAL_SPS, 100));
        assert_eq!(level, 12, "320x180 at 15 fps and 400 kb/s fit level 1.2");
        assert_eq!(configs[0].pps[0] & NAL_TYPE_MASK, NAL_PPS);
    }

    #[test]
    fn packets_hold_slices_behind_their_lengths_and_nothing_else() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        for packet in encode(&mut encoder, Scene::Camera, 0..3).iter().flatten() {
            let mut rest = &packet.data[..];
            while let Some((length, tail)) = rest.split_first_chunk::<4>() {
                let (nal, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
                let expected = if packet.key_frame {
                    NAL_IDR_SLICE
                } else {
                    NAL_SLICE
                };
                assert_eq!(nal[0] & NAL_TYPE_MASK, expected);
                rest = tail;
            }
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_new_bitrate_is_reached_within_a_second() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        encode(&mut encoder, Scene::Camera, 0..45);
        for (first, target) in [(45, 200), (105, 600)] {
            encoder.set_bitrate(Bitrate::from_kbps(target)).unwrap();
            encode(&mut encoder, Scene::Camera, first..first + FPS);
            let held = kbps(&encode(
                &mut encoder,
                Scene::Camera,
                first + FPS..first + FPS + 30,
            ));
            assert!(
                (target * 9 / 10..=target * 11 / 10).contains(&held),
                "{held} kb/s instead of {target}"
            );
        }
        assert!(encoder.set_bitrate(Bitrate::ZERO).is_err());
    }

    #[test]
    fn a_key_frame_on_demand_comes_at_once_and_restarts_the_interval() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        let mut key_frames = Vec::new();
        for number in 0..60 {
            let picture = Scene::Bars.picture(SIZE, number);
            let time = FORMAT.frame_rate.time_of(number.into());
            let packet = encoder.encode(&picture, time, number == 10).unwrap();
            if packet.unwrap().key_frame {
                key_frames.push(number);
            }
        }
        assert_eq!(key_frames, [0, 10, 40]);
    }

    #[test]
    fn what_no_quality_can_hold_costs_frames_but_no_key_frame() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        let packets = encode(&mut encoder, Scene::Noise, 0..150);
        assert!(packets.iter().any(Option::is_none));
        for (number, packet) in packets.iter().enumerate() {
            if number % 30 == 0 {
                assert!(packet.as_ref().is_some_and(|packet| packet.key_frame));
            }
        }
        let held = kbps(&packets[60..]);
        assert!(held < 480, "{held} kb/s instead of 400");
    }

    #[test]
    fn a_cut_from_a_plain_to_a_busy_picture_stays_within_the_buffer() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        encode(&mut encoder, Scene::Bars, 0..45);
        let packets = encode(&mut encoder, Scene::Camera, 45..105);
        assert!(packets.iter().all(Option::is_some));
    }

    #[test]
    fn the_decoded_picture_is_close_to_the_source() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        let mut decoder = Decoder::new().unwrap();
        for number in 0..20 {
            let source = Scene::Camera.picture(SIZE, number);
            let time = FORMAT.frame_rate.time_of(number.into());
            let packet = encoder.encode(&source, time, false).unwrap().unwrap();
            let stream = annex_b(&packet);
            let shown = decoder.decode(&stream).unwrap().expect("a picture");
            assert_eq!(shown.dimensions(), (320, 180));
            let psnr = psnr(&source, &shown);
            assert!(psnr > 30.0, "frame {number}: {psnr:.1} dB");
        }
    }

    #[test]
    fn the_faster_setting_is_taken_at_the_next_key_frame_and_decodes() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        let mut usual = H264Encoder::new(FORMAT).unwrap();
        let mut decoder = Decoder::new().unwrap();
        for number in 0..100 {
            encoder.set_fast((10..70).contains(&number));
            let source = Scene::Camera.picture(SIZE, number);
            let time = FORMAT.frame_rate.time_of(number.into());
            let packet = encoder.encode(&source, time, false).unwrap().unwrap();
            assert_eq!(packet.key_frame, number % 30 == 0);
            let usual = usual.encode(&source, time, false).unwrap().unwrap();
            assert_eq!(packet.data == usual.data, number < 30, "frame {number}");
            assert_eq!(packet.config, usual.config);
            let stream = annex_b(&packet);
            let shown = decoder.decode(&stream).unwrap().expect("a picture");
            // A decoder that filters other pictures than the encoder drifts away from it.
            let psnr = psnr(&source, &shown);
            assert!(psnr > 29.0, "frame {number}: {psnr:.1} dB");
        }
        assert!(encoder.setup.deblocking);
    }

    #[test]
    fn large_pictures_are_cut_into_slices_that_decode() {
        let format = VideoFormat {
            size: PixelSize::new(1920, 1080),
            bitrate: Bitrate::from_kbps(6000),
            ..FORMAT
        };
        let mut encoder = H264Encoder::new(format).unwrap();
        encoder.setup.slices = 3;
        encoder.codec = Codec::open(&encoder.setup).unwrap();
        let picture = Scene::Camera.picture(format.size, 0);
        let packet = encoder
            .encode(&picture, MediaTime::ZERO, false)
            .unwrap()
            .unwrap();
        let stream = annex_b(&packet);
        let mut decoder = Decoder::new().unwrap();
        let shown = decoder.decode(&stream).unwrap().expect("a picture");
        assert_eq!(shown.dimensions(), (1920, 1080));
        assert!(stream.windows(4).filter(|w| *w == START_CODE).count() >= 2 + 3);
    }

    #[test]
    fn each_core_encodes_a_slice_of_a_large_picture_and_one_core_a_small_one() {
        let cores = thread::available_parallelism().unwrap().get();
        let size = PixelSize::new(1920, 1080);
        let slices = Setup::new(VideoFormat { size, ..FORMAT }, false).slices;
        assert_eq!(usize::from(slices), cores.min(MAX_SLICES.into()));
        let size = PixelSize::new(1280, 720);
        assert_eq!(Setup::new(VideoFormat { size, ..FORMAT }, false).slices, 1);
        assert_eq!(Setup::new(FORMAT, true).slices, slices);
    }

    #[test]
    fn any_shape_can_be_cut_into_slices() {
        for (width, height) in [(3840, 242), (428, 2160), (1282, 720), (1922, 1082)] {
            for slices in 2..=MAX_SLICES {
                let size = PixelSize::new(width, height);
                let format = VideoFormat { size, ..FORMAT };
                assert!(
                    Codec::open(&Setup {
                        format,
                        slices,
                        deblocking: true
                    })
                    .is_ok(),
                    "{size}, {slices}"
                );
            }
        }
    }

    #[test]
    fn smallest_and_largest_pictures_and_odd_blocks_are_taken() {
        for size in [PixelSize::MIN, PixelSize::new(162, 98), PixelSize::MAX] {
            let mut encoder = H264Encoder::new(VideoFormat { size, ..FORMAT }).unwrap();
            let packet = encoder
                .encode(&I420::black(size), MediaTime::ZERO, false)
                .unwrap();
            assert!(packet.is_some_and(|packet| packet.key_frame), "{size}");
        }
    }

    #[test]
    fn a_picture_of_another_size_is_refused_and_the_next_is_a_key_frame() {
        let mut encoder = H264Encoder::new(FORMAT).unwrap();
        encode(&mut encoder, Scene::Bars, 0..2);
        let wrong = I420::black(PixelSize::new(160, 90));
        assert!(encoder.encode(&wrong, MediaTime::ZERO, false).is_err());
        let packets = encode(&mut encoder, Scene::Bars, 3..5);
        assert!(packets[0].as_ref().unwrap().key_frame);
        assert!(!packets[1].as_ref().unwrap().key_frame);
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[test]
    fn the_codec_was_built_with_assembly() {
        let acceleration = Acceleration::detect().unwrap();
        assert!(acceleration >= Acceleration::Vector, "is nasm installed?");
        #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
        if std::arch::is_x86_feature_detected!("avx2") {
            assert_eq!(acceleration, Acceleration::Avx2, "see .cargo/config.toml");
        }
    }

    #[test]
    fn formats_out_of_range_are_refused_in_words() {
        let odd = VideoFormat {
            size: PixelSize::new(321, 180),
            ..FORMAT
        };
        let error = H264Encoder::new(odd).err().unwrap();
        assert_eq!(
            error.to_string(),
            "the H.264 encoder does not take a picture of 321×180: both sides must be even"
        );
    }

    /// How close the luma of `shown` is to that of `source`, in decibels.
    fn psnr(source: &I420, shown: &DecodedYUV) -> f64 {
        let (stride, _, _) = shown.strides();
        let [luma, _, _] = source.planes();
        let squares: u64 = luma
            .chunks_exact(320)
            .zip(shown.y().chunks(stride))
            .flat_map(|(a, b)| a.iter().zip(b))
            .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
            .sum();
        10.0 * (255.0 * 255.0 * SIZE.area() as f64 / squares as f64).log10()
    }

    fn annex_b(packet: &VideoPacket) -> Vec<u8> {
        let mut stream = Vec::new();
        for nal in [&packet.config.sps, &packet.config.pps] {
            stream.extend(START_CODE);
            stream.extend_from_slice(nal);
        }
        let mut rest = &packet.data[..];
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let (nal, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
            stream.extend(START_CODE);
            stream.extend_from_slice(nal);
            rest = tail;
        }
        stream
    }

    const START_CODE: [u8; 4] = [0, 0, 0, 1];
}

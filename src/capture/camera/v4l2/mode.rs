//! What a camera offers, in this program's words: layouts by four-character code, sizes and frame rates,
//! whether the driver lists each or gives ranges.

use std::io;

use v4l::{
    Device, Format, FourCC, Fraction, frameinterval::FrameIntervalEnum, framesize::FrameSizeEnum,
    video::Capture,
};

use crate::{
    capture::{
        camera::device::{self, PLAUSIBLE_RATES, PLAUSIBLE_SIDES},
        source::{CameraFormat, PixelLayout},
    },
    media::convert::RawLayout,
    units::{FrameRate, PixelSize},
};

/// One of a camera's formats with the driver's words for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mode {
    pub(super) format: CameraFormat,
    pub(super) coding: &'static Coding,
    /// Seconds from picture to picture, exactly: 1001/30000 is called 30 fps.
    pub(super) interval: Fraction,
}

/// One way to code pictures.
#[derive(Debug)]
pub(super) struct Coding {
    code: [u8; 4],
    pixels: PixelLayout,
    /// `None` for JPEG.
    pub(super) raw: Option<RawLayout>,
}

impl Coding {
    #[cfg(test)]
    pub(super) fn of(code: [u8; 4]) -> Option<&'static Self> {
        CODINGS.iter().find(|coding| coding.code == code)
    }

    pub(super) fn fourcc(&self) -> FourCC {
        FourCC::new(&self.code)
    }

    /// The rows, in rows of the first plane, that a picture of `height` rows takes.
    pub(super) const fn rows(&self, height: u32) -> u32 {
        match self.raw {
            Some(RawLayout::Nv12 | RawLayout::I420 | RawLayout::Yv12) => {
                height + height.div_ceil(2)
            }
            _ => height,
        }
    }
}

/// Everything a camera offers that this program can read, each format once.
pub(super) fn modes(device: &Device) -> io::Result<Vec<Mode>> {
    let offered: Vec<FourCC> = device
        .enum_formats()?
        .into_iter()
        .map(|description| description.fourcc)
        .collect();
    let mut modes: Vec<Mode> = Vec::new();
    for coding in &CODINGS {
        if !offered.contains(&coding.fourcc()) {
            continue;
        }
        for size in sizes(device, coding.fourcc())? {
            for interval in intervals(device, coding.fourcc(), size) {
                let Some(frame_rate) = rate_of(interval) else {
                    continue;
                };
                let format = CameraFormat {
                    size,
                    frame_rate,
                    pixels: coding.pixels,
                };
                let mode = Mode {
                    format,
                    coding,
                    interval,
                };
                match modes.iter_mut().find(|known| known.format == format) {
                    // 30 fps means 30, where the camera has 29.97 as well.
                    Some(known) if known.coding.code == coding.code => {
                        if is_whole(interval) {
                            *known = mode;
                        }
                    }
                    Some(_) => {} // the same under another name
                    None => modes.push(mode),
                }
            }
        }
    }
    Ok(modes)
}

/// The formats of `modes`, in a stable order.
pub(super) fn formats(modes: &[Mode]) -> Vec<CameraFormat> {
    let mut formats: Vec<CameraFormat> = modes.iter().map(|mode| mode.format).collect();
    device::sort(&mut formats);
    formats
}

/// Frames per second, rounded to a whole number; `None` when no camera can mean that.
pub(super) fn rate_of(interval: Fraction) -> Option<FrameRate> {
    let Fraction {
        numerator,
        denominator,
    } = interval;
    let rounded = u64::from(denominator) + u64::from(numerator / 2);
    let fps = u32::try_from(rounded.checked_div(numerator.into())?).ok()?;
    PLAUSIBLE_RATES.contains(&fps).then(|| FrameRate::new(fps))
}

const fn is_whole(interval: Fraction) -> bool {
    interval.denominator.is_multiple_of(interval.numerator)
}

fn sizes(device: &Device, code: FourCC) -> io::Result<Vec<PixelSize>> {
    let mut sizes = match device.enum_framesizes(code) {
        Ok(listed) => listed
            .iter()
            .flat_map(|size| sizes_in(&size.size))
            .collect(),
        // A driver that does not tell has one size, the one it is set to.
        Err(error) if error.raw_os_error() != Some(libc::ENODEV) => {
            let Format { width, height, .. } = device.format()?;
            vec![PixelSize::new(width, height)]
        }
        Err(error) => return Err(error),
    };
    sizes.retain(|size| {
        PLAUSIBLE_SIDES.contains(&size.width) && PLAUSIBLE_SIDES.contains(&size.height)
    });
    Ok(sizes)
}

/// A size, or of a range of sizes those that people use; its largest when none of these is in it.
fn sizes_in(size: &FrameSizeEnum) -> Vec<PixelSize> {
    let range = match size {
        FrameSizeEnum::Discrete(size) => return vec![PixelSize::new(size.width, size.height)],
        FrameSizeEnum::Stepwise(range) => range,
    };
    let is_step = |value: u32, least: u32, most: u32, step: u32| {
        (least..=most).contains(&value) && (value - least).is_multiple_of(step.max(1))
    };
    let mut sizes: Vec<PixelSize> = USUAL_SIZES
        .into_iter()
        .map(|(width, height)| PixelSize::new(width, height))
        .filter(|size| {
            is_step(
                size.width,
                range.min_width,
                range.max_width,
                range.step_width,
            ) && is_step(
                size.height,
                range.min_height,
                range.max_height,
                range.step_height,
            )
        })
        .collect();
    if sizes.is_empty() {
        sizes.push(PixelSize::new(range.max_width, range.max_height));
    }
    sizes
}

fn intervals(device: &Device, code: FourCC, size: PixelSize) -> Vec<Fraction> {
    let listed = device
        .enum_frameintervals(code, size.width, size.height)
        .unwrap_or_default();
    let mut intervals: Vec<Fraction> = listed
        .iter()
        .flat_map(|interval| intervals_in(&interval.interval))
        .collect();
    if intervals.is_empty() {
        // A driver that does not tell has one rate; where it does not tell that either, the usual one.
        let current = device.params().map(|parameters| parameters.interval);
        intervals.push(
            current
                .ok()
                .filter(|interval| rate_of(*interval).is_some())
                .unwrap_or(Fraction::new(1, USUAL_RATE)),
        );
    }
    intervals
}

/// An interval, or of a range of intervals those of rates that people use; its shortest when none of these is
/// in it.
fn intervals_in(interval: &FrameIntervalEnum) -> Vec<Fraction> {
    let range = match interval {
        FrameIntervalEnum::Discrete(interval) => return vec![*interval],
        FrameIntervalEnum::Stepwise(range) => range,
    };
    // Whether one interval is at most as long as another.
    let at_most = |a: Fraction, b: Fraction| {
        u64::from(a.numerator) * u64::from(b.denominator)
            <= u64::from(b.numerator) * u64::from(a.denominator)
    };
    let mut intervals: Vec<Fraction> = USUAL_RATES
        .into_iter()
        .map(|fps| Fraction::new(1, fps))
        .filter(|interval| at_most(range.min, *interval) && at_most(*interval, range.max))
        .collect();
    if intervals.is_empty() {
        intervals.push(range.min);
    }
    intervals
}

/// What can be read. Of two codes for one layout the first counts.
static CODINGS: [Coding; 10] = [
    coding(*b"YU12", PixelLayout::I420, Some(RawLayout::I420)),
    coding(*b"YV12", PixelLayout::I420, Some(RawLayout::Yv12)),
    coding(*b"NV12", PixelLayout::Nv12, Some(RawLayout::Nv12)),
    coding(*b"YUYV", PixelLayout::Yuyv, Some(RawLayout::Yuyv)),
    coding(*b"UYVY", PixelLayout::Uyvy, Some(RawLayout::Uyvy)),
    coding(*b"MJPG", PixelLayout::Mjpeg, None),
    coding(*b"JPEG", PixelLayout::Mjpeg, None),
    coding(*b"RGB3", PixelLayout::Rgb, Some(RawLayout::Rgb)),
    coding(*b"BGR3", PixelLayout::Bgr, Some(RawLayout::Bgr)),
    coding(*b"GREY", PixelLayout::Grey, Some(RawLayout::Grey)),
];

const fn coding(code: [u8; 4], pixels: PixelLayout, raw: Option<RawLayout>) -> Coding {
    Coding { code, pixels, raw }
}

/// The sizes offered of a driver that takes any.
const USUAL_SIZES: [(u32, u32); 12] = [
    (160, 120),
    (320, 180),
    (320, 240),
    (640, 360),
    (640, 480),
    (800, 600),
    (960, 540),
    (1024, 768),
    (1280, 720),
    (1920, 1080),
    (2560, 1440),
    (3840, 2160),
];
/// The rates offered of a driver that takes any, in frames per second.
const USUAL_RATES: [u32; 8] = [5, 10, 15, 24, 25, 30, 50, 60];
/// What a driver that tells nothing most likely does, in frames per second.
const USUAL_RATE: u32 = 30;

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::{frameinterval, framesize};

    #[test]
    fn rates_are_rounded_to_whole_frames_per_second() {
        for (numerator, denominator, expected) in [
            (1, 30, Some(30)),
            (1001, 30_000, Some(30)),
            (1001, 60_000, Some(60)),
            (2, 25, Some(13)),
            (2, 15, Some(8)),
            (333_333, 10_000_000, Some(30)),
            (1, 1, Some(1)),
            (3, 1, None),
            (1, 1000, None),
            (0, 30, None),
            (1, 0, None),
            (u32::MAX, u32::MAX, Some(1)),
        ] {
            assert_eq!(
                rate_of(Fraction::new(numerator, denominator)),
                expected.map(FrameRate::new),
                "{numerator}/{denominator}"
            );
        }
    }

    fn range(width: (u32, u32, u32), height: (u32, u32, u32)) -> FrameSizeEnum {
        FrameSizeEnum::Stepwise(framesize::Stepwise {
            min_width: width.0,
            max_width: width.1,
            step_width: width.2,
            min_height: height.0,
            max_height: height.1,
            step_height: height.2,
        })
    }

    fn words(sizes: &[PixelSize]) -> Vec<(u32, u32)> {
        sizes.iter().map(|size| (size.width, size.height)).collect()
    }

    #[test]
    fn of_a_range_of_sizes_the_usual_ones_are_offered() {
        let any = sizes_in(&range((2, 8192, 1), (1, 8192, 1)));
        assert_eq!(words(&any), USUAL_SIZES);
        let coarse = sizes_in(&range((32, 1280, 32), (32, 720, 16)));
        assert_eq!(
            words(&coarse),
            [(160, 120), (320, 240), (640, 480), (1280, 720)]
                .into_iter()
                .filter(|(_, height)| (height - 32) % 16 == 0)
                .collect::<Vec<_>>()
        );
        let odd = sizes_in(&range((100, 101, 0), (90, 91, 0)));
        assert_eq!(words(&odd), [(101, 91)]);
        let one = FrameSizeEnum::Discrete(framesize::Discrete {
            width: 1184,
            height: 656,
        });
        assert_eq!(words(&sizes_in(&one)), [(1184, 656)]);
    }

    #[test]
    fn of_a_range_of_rates_the_usual_ones_are_offered() {
        let rates = |min: (u32, u32), max: (u32, u32)| {
            let range = FrameIntervalEnum::Stepwise(frameinterval::Stepwise {
                min: Fraction::new(min.0, min.1),
                max: Fraction::new(max.0, max.1),
                step: Fraction::new(1, 1),
            });
            intervals_in(&range)
                .into_iter()
                .filter_map(rate_of)
                .map(FrameRate::fps)
                .collect::<Vec<_>>()
        };
        assert_eq!(rates((1, 30), (1, 1)), [5, 10, 15, 24, 25, 30]);
        assert_eq!(rates((1, 1000), (1000, 1)), USUAL_RATES);
        assert_eq!(rates((1, 20), (1, 18)), [20]);
    }

    #[test]
    fn every_code_is_listed_once() {
        for (index, coding) in CODINGS.iter().enumerate() {
            assert!(
                CODINGS[..index]
                    .iter()
                    .all(|other| other.code != coding.code)
            );
        }
    }
}

//! The best of a camera's formats for what is wanted.

use std::cmp::Reverse;

use crate::{
    capture::source::{CameraFormat, PixelLayout},
    units::{FrameRate, PixelSize},
};

/// The format that serves an output of `size` at `rate` best; `None` only when there are none.
///
/// 1. RGB and grey are out of the question while there is any YUV or JPEG.
/// 2. The format that gives most of the wanted width, height and rate (the product of the three, each counted
///    no further than wanted). So everything that suffices is equal here.
/// 3. Of these the one with a rate that suffices, or comes closest.
/// 4. Of these the smallest picture: the wanted size if there is one.
/// 5. Of these uncompressed before JPEG; planes before packed pixels.
/// 6. Of these the lowest rate.
#[must_use]
pub fn best_format(
    formats: &[CameraFormat],
    size: PixelSize,
    rate: FrameRate,
) -> Option<CameraFormat> {
    let any_yuv = formats.iter().any(|format| is_yuv(format.pixels));
    formats
        .iter()
        .filter(|format| !any_yuv || is_yuv(format.pixels))
        .min_by_key(|format| {
            let served_rate = format.frame_rate.min(rate).fps();
            let served = u64::from(format.size.width.min(size.width))
                * u64::from(format.size.height.min(size.height))
                * u64::from(served_rate);
            (
                Reverse(served),
                Reverse(served_rate),
                format.size.area(),
                cost(format.pixels),
                format.frame_rate,
            )
        })
        .copied()
}

const fn is_yuv(pixels: PixelLayout) -> bool {
    match pixels {
        PixelLayout::Yuyv
        | PixelLayout::Uyvy
        | PixelLayout::Nv12
        | PixelLayout::I420
        | PixelLayout::Mjpeg => true,
        PixelLayout::Rgb | PixelLayout::Bgr | PixelLayout::Grey => false,
    }
}

/// In the order of the work that conversion takes; grey last, for it has no colour.
const fn cost(pixels: PixelLayout) -> u8 {
    match pixels {
        PixelLayout::I420 => 0,
        PixelLayout::Nv12 => 1,
        PixelLayout::Yuyv | PixelLayout::Uyvy => 2,
        PixelLayout::Mjpeg => 3,
        PixelLayout::Rgb => 4,
        PixelLayout::Bgr => 5,
        PixelLayout::Grey => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PixelLayout::{Bgr, Grey, Mjpeg, Nv12, Rgb, Yuyv};

    type Format = (u32, u32, u32, PixelLayout);

    fn format((width, height, fps, pixels): Format) -> CameraFormat {
        CameraFormat {
            size: PixelSize::new(width, height),
            frame_rate: FrameRate::new(fps),
            pixels,
        }
    }

    #[test]
    fn the_best_format_follows_the_rule() {
        let cases: &[(&str, &[Format], Format, usize)] = &[
            (
                "the exact one",
                &[
                    (640, 480, 30, Yuyv),
                    (1280, 720, 30, Yuyv),
                    (1920, 1080, 30, Yuyv),
                ],
                (1280, 720, 30, Yuyv),
                1,
            ),
            (
                "JPEG when uncompressed is too slow",
                &[(1280, 720, 10, Yuyv), (1280, 720, 30, Mjpeg)],
                (1280, 720, 30, Yuyv),
                1,
            ),
            (
                "uncompressed when it is fast enough",
                &[(1280, 720, 30, Mjpeg), (1280, 720, 10, Yuyv)],
                (1280, 720, 10, Yuyv),
                1,
            ),
            (
                "planes before packed pixels",
                &[(640, 360, 30, Yuyv), (640, 360, 30, Nv12)],
                (640, 360, 30, Yuyv),
                1,
            ),
            (
                "the next larger size",
                &[
                    (1920, 1080, 30, Mjpeg),
                    (1280, 960, 30, Mjpeg),
                    (1024, 576, 30, Mjpeg),
                ],
                (1280, 720, 30, Yuyv),
                1,
            ),
            (
                "the largest when none is large enough",
                &[
                    (320, 240, 30, Yuyv),
                    (640, 480, 30, Yuyv),
                    (160, 120, 30, Yuyv),
                ],
                (1280, 720, 30, Yuyv),
                1,
            ),
            (
                "a slightly slow large picture before a tiny fast one",
                &[(160, 120, 30, Yuyv), (1280, 720, 25, Yuyv)],
                (1280, 720, 30, Yuyv),
                1,
            ),
            (
                "the rate before the size when they lack equally",
                &[(1280, 720, 15, Yuyv), (640, 720, 30, Yuyv)],
                (1280, 720, 30, Yuyv),
                1,
            ),
            (
                "no faster than needed",
                &[(640, 480, 60, Yuyv), (640, 480, 30, Yuyv)],
                (640, 480, 25, Yuyv),
                1,
            ),
            (
                "never RGB while there is YUV",
                &[
                    (1280, 720, 30, Rgb),
                    (320, 240, 15, Yuyv),
                    (1280, 720, 30, Grey),
                ],
                (1280, 720, 30, Yuyv),
                1,
            ),
            (
                "colour before grey",
                &[(640, 480, 30, Grey), (640, 480, 30, Bgr)],
                (640, 480, 30, Yuyv),
                1,
            ),
        ];
        for (what, offered, (width, height, fps, _), expected) in cases {
            let offered: Vec<_> = offered.iter().copied().map(format).collect();
            let best = best_format(
                &offered,
                PixelSize::new(*width, *height),
                FrameRate::new(*fps),
            );
            assert_eq!(best, Some(offered[*expected]), "{what}");
        }
        assert_eq!(best_format(&[], PixelSize::MIN, FrameRate::new(30)), None);
    }
}

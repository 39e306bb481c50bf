//! What every conversion gives, to the bit: sample by sample, in plain words. The fast one is held against it.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "samples are clamped, coefficients small"
)]

use super::{RawLayout, RawPicture, YuvColours};
use crate::media::frame::I420;

/// The picture that [`super::Converter::convert`] makes of a whole `raw`.
pub(super) fn converted(raw: &RawPicture) -> I420 {
    let size = raw.even_size();
    let (width, height) = (size.width as usize, size.height as usize);
    let mut picture = I420::black(size);
    let [y, u, v] = picture.planes_mut();
    for row in 0..height / 2 {
        for column in 0..width / 2 {
            let at = [0, 1, 2, 3].map(|index| (2 * row + index / 2, 2 * column + index % 2));
            let (square, chroma) = square(raw, at);
            for ((row, column), sample) in at.into_iter().zip(square) {
                y[row * width + column] = sample;
            }
            u[row * width / 2 + column] = chroma[0];
            v[row * width / 2 + column] = chroma[1];
        }
    }
    picture
}

/// Four pixels' luma and their chroma.
fn square(raw: &RawPicture, at: [(usize, usize); 4]) -> ([u8; 4], [u8; 2]) {
    if matches!(raw.layout, RawLayout::Rgb | RawLayout::Bgr) {
        let colours = at.map(|(row, column)| rgb(raw, row, column));
        let mean = [0, 1, 2].map(|index| mean(&colours.map(|colour| colour[index])));
        return (
            colours.map(|rgb| of_rgb(rgb)[0]),
            [of_rgb(mean)[1], of_rgb(mean)[2]],
        );
    }
    let luma = at.map(|(row, column)| luma(raw, row, column));
    let [u, v] = chroma(raw, at);
    let narrowed = luma.map(|y| of_yuv(colours(raw), [y, u, v]));
    (
        narrowed.map(|[y, _, _]| y),
        [narrowed[0][1], narrowed[0][2]],
    )
}

/// Each sample is moved by a sum with 9 bits behind the point.
pub(super) fn of_yuv(colours: YuvColours, [y, u, v]: [u8; 3]) -> [u8; 3] {
    let origin = exact(colours, [0.0, 128.0, 128.0]);
    let per_y = exact(colours, [1.0, 128.0, 128.0]);
    let per_u = exact(colours, [0.0, 129.0, 128.0]);
    let per_v = exact(colours, [0.0, 128.0, 129.0]);
    let kept = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    let fixed = |value: f64| (value * 512.0).round() as i32;
    let offsets = [origin[0], origin[1] - 128.0, origin[2] - 128.0];
    [0, 1, 2].map(|index| {
        let weight =
            |per: [f64; 3], own: usize| fixed(per[index] - origin[index] - kept[index][own]);
        let sum = weight(per_y, 0) * i32::from(y)
            + weight(per_u, 1) * (i32::from(u) - 128)
            + weight(per_v, 2) * (i32::from(v) - 128)
            + fixed(offsets[index]);
        byte(i32::from([y, u, v][index]) + ((sum + 256) >> 9))
    })
}

/// What the standards define, by way of red, green and blue.
pub(super) fn exact(colours: YuvColours, [y, u, v]: [f64; 3]) -> [f64; 3] {
    let (kr, kb) = match colours {
        YuvColours::Bt601 | YuvColours::Bt601FullRange => (0.299, 0.114),
        YuvColours::Bt709 | YuvColours::Bt709FullRange => (0.2126, 0.0722),
    };
    let (black, luma_range, chroma_range) = match colours {
        YuvColours::Bt601 | YuvColours::Bt709 => (16.0, 219.0, 224.0),
        YuvColours::Bt601FullRange | YuvColours::Bt709FullRange => (0.0, 255.0, 255.0),
    };
    let y = (y - black) / luma_range;
    let blue = y + (u - 128.0) / chroma_range * 2.0 * (1.0 - kb);
    let red = y + (v - 128.0) / chroma_range * 2.0 * (1.0 - kr);
    let green = (y - kr * red - kb * blue) / (1.0 - kr - kb);
    exact_rgb([red, green, blue])
}

/// What BT.709 defines for red, green and blue from 0 to 1.
pub(super) fn exact_rgb([red, green, blue]: [f64; 3]) -> [f64; 3] {
    let y = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    [
        16.0 + 219.0 * y,
        128.0 + 224.0 * (blue - y) / (2.0 * (1.0 - 0.0722)),
        128.0 + 224.0 * (red - y) / (2.0 * (1.0 - 0.2126)),
    ]
}

/// A sum with 6 bits behind the point, of products rounded down.
pub(super) fn of_rgb(rgb: [u8; 3]) -> [u8; 3] {
    let origin = exact_rgb([0.0; 3]);
    let units = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    [(0, 16), (1, 128), (2, 128)].map(|(index, offset)| {
        let part = |(value, unit): (u8, [f64; 3])| {
            let weight = (exact_rgb(unit)[index] - origin[index]) / 255.0;
            (i32::from(value) * 128 * (weight * 32768.0).round() as i32) >> 16
        };
        let sum: i32 = rgb.into_iter().zip(units).map(part).sum();
        byte(((sum + 33) >> 6) + offset)
    })
}

fn byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

fn mean(values: &[u8]) -> u8 {
    let sum: usize = values.iter().map(|value| usize::from(*value)).sum();
    ((sum + values.len() / 2) / values.len()) as u8
}

/// Grey is full range, whatever the picture says.
fn colours(raw: &RawPicture) -> YuvColours {
    match raw.layout {
        RawLayout::Grey => YuvColours::Bt709FullRange,
        _ => raw.colours,
    }
}

fn luma(raw: &RawPicture, row: usize, column: usize) -> u8 {
    let row = &raw.data[stride(raw) * row..];
    match raw.layout {
        RawLayout::Yuyv => row[2 * column],
        RawLayout::Uyvy => row[2 * column + 1],
        RawLayout::Yuv444 => row[3 * column],
        _ => row[column],
    }
}

/// U and V of four pixels.
fn chroma(raw: &RawPicture, at: [(usize, usize); 4]) -> [u8; 2] {
    let (row, column) = (at[0].0 / 2, at[0].1 / 2);
    let (width, height) = (raw.size.width as usize, raw.size.height as usize);
    let rows = [0, 1].map(|lower| &raw.data[stride(raw) * (2 * row + lower).min(height - 1)..]);
    let behind_luma = || &raw.data[stride(raw) * height..];
    let half_stride = raw
        .stride
        .map_or(width.div_ceil(2), |stride| stride.div_ceil(2));
    [0, 1].map(|which| match raw.layout {
        RawLayout::Yuyv => mean(&rows.map(|row| row[4 * column + 1 + 2 * which])),
        RawLayout::Uyvy => mean(&rows.map(|row| row[4 * column + 2 * which])),
        RawLayout::Nv12 => behind_luma()[stride(raw) * row + 2 * column + which],
        RawLayout::I420 | RawLayout::Yv12 => {
            let plane = if raw.layout == RawLayout::I420 {
                which
            } else {
                1 - which
            };
            let plane_rows = plane * height.div_ceil(2);
            behind_luma()[half_stride * (plane_rows + row) + column]
        }
        RawLayout::Yuv444 => {
            let samples =
                at.map(|(row, column)| raw.data[stride(raw) * row + 3 * column + 1 + which]);
            mean(&samples)
        }
        RawLayout::Grey | RawLayout::Rgb | RawLayout::Bgr => 128,
    })
}

fn rgb(raw: &RawPicture, row: usize, column: usize) -> [u8; 3] {
    let at = stride(raw) * row + 3 * column;
    let [first, second, third] = [raw.data[at], raw.data[at + 1], raw.data[at + 2]];
    match raw.layout {
        RawLayout::Bgr => [third, second, first],
        _ => [first, second, third],
    }
}

fn stride(raw: &RawPicture) -> usize {
    let width = raw.size.width as usize;
    raw.stride.unwrap_or(match raw.layout {
        RawLayout::Yuyv | RawLayout::Uyvy => width.div_ceil(2) * 4,
        RawLayout::Yuv444 | RawLayout::Rgb | RawLayout::Bgr => width * 3,
        RawLayout::Nv12 | RawLayout::I420 | RawLayout::Yv12 | RawLayout::Grey => width,
    })
}

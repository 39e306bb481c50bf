//! Any camera's pixels to [`I420`]: BT.709 limited range, 4:2:0.
//!
//! YUV stays YUV: matrix and range are converted in YUV, in fixed point, two rows at a time. Cameras that say
//! nothing else deliver BT.601, and Motion JPEG delivers BT.601 in full range (JFIF).

use thiserror::Error;

use crate::{media::frame::I420, units::PixelSize};

/// How the bytes of a [`RawPicture`] are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RawLayout {
    /// Packed 4:2:2: Y, U, Y, V.
    Yuyv,
    /// Packed 4:2:2: U, Y, V, Y.
    Uyvy,
    /// A plane of Y, then one of U and V in turn, 4:2:0.
    Nv12,
    /// Planes of Y, U and V, 4:2:0.
    I420,
    /// Planes of Y, V and U, 4:2:0.
    Yv12,
    /// Packed 4:4:4: Y, U, V. What a JPEG decoder gives.
    Yuv444,
    /// Packed red, green, blue; full range.
    Rgb,
    /// Packed blue, green, red; full range.
    Bgr,
    /// Luma only; full range.
    Grey,
}

/// What the values of a YUV picture mean; RGB and grey pictures are always full range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum YuvColours {
    /// BT.601, Y 16 to 235: what webcams deliver.
    Bt601,
    /// BT.601, 0 to 255: what JPEG pictures hold.
    Bt601FullRange,
    /// BT.709, Y 16 to 235: what an [`I420`] holds.
    Bt709,
    /// BT.709, 0 to 255.
    Bt709FullRange,
}

/// A picture as a device delivers it.
#[derive(Clone, Copy, Debug)]
pub struct RawPicture<'a> {
    /// Width and height. An odd last row or column is left away.
    pub size: PixelSize,
    /// How the bytes are laid out.
    pub layout: RawLayout,
    /// What they mean.
    pub colours: YuvColours,
    /// Bytes from one row to the next of the first plane; `None` when rows follow each other without a gap.
    /// The chroma planes of NV12 have the same, those of I420 and YV12 half of it.
    pub stride: Option<usize>,
    /// The bytes.
    pub data: &'a [u8],
}

/// Why a picture could not be converted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConvertError {
    /// Fewer bytes than a picture of that size has.
    #[error("the camera's picture is cut short: {actual} bytes instead of {expected}")]
    TooShort {
        /// Bytes of a whole picture.
        expected: usize,
        /// Bytes delivered.
        actual: usize,
    },
    /// A size that no picture of this program has.
    #[error("the camera's picture has an impossible size: {size}, {stride} bytes a row")]
    ImpossibleSize {
        /// The size.
        size: PixelSize,
        /// Bytes from row to row.
        stride: usize,
    },
    /// The compressed picture is damaged.
    #[error("the camera's JPEG picture is damaged: {message}")]
    DamagedJpeg {
        /// The decoder's words.
        message: String,
    },
}

impl RawPicture<'_> {
    /// The size of the converted picture: even sides.
    #[must_use]
    pub const fn even_size(&self) -> PixelSize {
        PixelSize::new(self.size.width & !1, self.size.height & !1)
    }
}

/// Converts pictures; keeps the memory that takes.
#[derive(Debug, Default)]
pub struct Converter {
    rows: ScratchRows,
    /// What chroma adds to each pixel of a row.
    shifts: Vec<i16>,
}

impl Converter {
    /// A converter for pictures of any size and layout.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Converts `raw` into `picture`, whose size is `raw.even_size()`.
    ///
    /// # Errors
    /// When the size is impossible or bytes are missing; `picture` is then left as it was.
    pub fn convert(&mut self, raw: &RawPicture, picture: &mut I420) -> Result<(), ConvertError> {
        let source = Planes::of(raw)?;
        if picture.size() != raw.even_size() {
            return Err(ConvertError::ImpossibleSize {
                size: picture.size(),
                stride: source.stride,
            });
        }
        let width = picture.size().width as usize;
        let [y, u, v] = picture.planes_mut();
        let targets = y
            .chunks_exact_mut(2 * width)
            .zip(u.chunks_exact_mut(width / 2))
            .zip(v.chunks_exact_mut(width / 2));
        for (pair, ((y, u), v)) in targets.enumerate() {
            let rows = source.row_pair(pair);
            match raw.layout {
                RawLayout::Rgb => rgb_to_yuv::<3>(rows, [0, 1, 2], y, u, v),
                RawLayout::Bgr => rgb_to_yuv::<3>(rows, [2, 1, 0], y, u, v),
                RawLayout::Grey => rgb_to_yuv::<1>(rows, [0, 0, 0], y, u, v),
                RawLayout::Yuyv
                | RawLayout::Uyvy
                | RawLayout::Nv12
                | RawLayout::I420
                | RawLayout::Yv12
                | RawLayout::Yuv444 => {
                    let rows = self.rows.separate(raw.layout, width, rows);
                    match raw.colours {
                        YuvColours::Bt601 => BT601.convert(&rows, &mut self.shifts, [y, u, v]),
                        YuvColours::Bt601FullRange => {
                            BT601_FULL_RANGE.convert(&rows, &mut self.shifts, [y, u, v]);
                        }
                        YuvColours::Bt709 => rows.copy(y, u, v),
                        YuvColours::Bt709FullRange => {
                            BT709_FULL_RANGE.convert(&rows, &mut self.shifts, [y, u, v]);
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Two rows of a picture as they lie in its memory.
#[derive(Clone, Copy)]
struct RawRows<'a> {
    /// The first plane's two rows.
    first: [&'a [u8]; 2],
    /// The chroma row they share: of NV12, or of I420's U or YV12's V.
    second: &'a [u8],
    /// The chroma row of I420's V or YV12's U.
    third: &'a [u8],
}

/// A picture's memory cut into planes whose every row is known to be there.
struct Planes<'a> {
    stride: usize,
    row_bytes: usize,
    luma: &'a [u8],
    chroma: [&'a [u8]; 2],
    chroma_stride: usize,
    chroma_row_bytes: usize,
}

impl<'a> Planes<'a> {
    fn of(raw: &RawPicture<'a>) -> Result<Self, ConvertError> {
        let width = raw.size.width as usize;
        let height = raw.size.height as usize;
        let row_bytes = match raw.layout {
            RawLayout::Yuyv | RawLayout::Uyvy => width.div_ceil(2).saturating_mul(4),
            RawLayout::Nv12 | RawLayout::I420 | RawLayout::Yv12 | RawLayout::Grey => width,
            RawLayout::Yuv444 | RawLayout::Rgb | RawLayout::Bgr => width.saturating_mul(3),
        };
        let stride = raw.stride.unwrap_or(row_bytes);
        if !(2..=MAX_SIDE).contains(&width)
            || !(2..=MAX_SIDE).contains(&height)
            || !(row_bytes..=MAX_STRIDE).contains(&stride)
        {
            return Err(ConvertError::ImpossibleSize {
                size: raw.size,
                stride,
            });
        }
        let chroma_rows = height.div_ceil(2);
        let (chroma_planes, chroma_stride, chroma_row_bytes) = match raw.layout {
            RawLayout::Nv12 => (1, stride, width.div_ceil(2) * 2),
            RawLayout::I420 | RawLayout::Yv12 => (2, stride.div_ceil(2), width.div_ceil(2)),
            _ => (0, 0, 0),
        };
        // The last row of the last plane may end with its last pixel.
        let expected = if chroma_planes == 0 {
            stride * (height - 1) + row_bytes
        } else {
            stride * height + chroma_stride * (chroma_rows * chroma_planes - 1) + chroma_row_bytes
        };
        if raw.data.len() < expected {
            return Err(ConvertError::TooShort {
                expected,
                actual: raw.data.len(),
            });
        }
        let (luma, chroma) = if chroma_planes == 0 {
            (raw.data, [&[][..]; 2])
        } else {
            let (luma, chroma) = raw.data.split_at(stride * height);
            let third = if chroma_planes == 2 {
                &chroma[chroma_stride * chroma_rows..]
            } else {
                &[]
            };
            (luma, [chroma, third])
        };
        Ok(Self {
            stride,
            row_bytes,
            luma,
            chroma,
            chroma_stride,
            chroma_row_bytes,
        })
    }

    /// Rows `2 * pair` and `2 * pair + 1`; `pair` is below half the height.
    fn row_pair(&self, pair: usize) -> RawRows<'a> {
        let row = |index: usize| &self.luma[self.stride * index..][..self.row_bytes];
        let chroma = |plane: &'a [u8]| {
            if plane.is_empty() {
                plane
            } else {
                &plane[self.chroma_stride * pair..][..self.chroma_row_bytes]
            }
        };
        let [second, third] = self.chroma;
        RawRows {
            first: [row(2 * pair), row(2 * pair + 1)],
            second: chroma(second),
            third: chroma(third),
        }
    }
}

/// Two rows of Y and the chroma they share, as planes.
struct YuvRows<'a> {
    y: [&'a [u8]; 2],
    u: &'a [u8],
    v: &'a [u8],
}

impl YuvRows<'_> {
    fn copy(&self, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
        let (upper, lower) = y.split_at_mut(y.len() / 2);
        upper.copy_from_slice(self.y[0]);
        lower.copy_from_slice(self.y[1]);
        u.copy_from_slice(self.u);
        v.copy_from_slice(self.v);
    }
}

/// Room to pull packed pixels apart.
#[derive(Debug, Default)]
struct ScratchRows {
    y: [Vec<u8>; 2],
    u: Vec<u8>,
    v: Vec<u8>,
}

impl ScratchRows {
    /// `width` (even) pixels of `rows` as planes, 4:2:0.
    fn separate<'a>(
        &'a mut self,
        layout: RawLayout,
        width: usize,
        rows: RawRows<'a>,
    ) -> YuvRows<'a> {
        for row in &mut self.y {
            row.resize(width, 0);
        }
        self.u.resize(width / 2, 0);
        self.v.resize(width / 2, 0);
        let [upper, lower] = rows.first;
        match layout {
            RawLayout::Yuyv | RawLayout::Uyvy => {
                let luma = usize::from(layout == RawLayout::Uyvy);
                let chroma = 1 - luma;
                for (y, row) in self.y.iter_mut().zip(rows.first) {
                    for (y, pixel) in y.iter_mut().zip(row.chunks_exact(2)) {
                        *y = pixel[luma];
                    }
                }
                let targets = self.u.iter_mut().zip(&mut self.v);
                for ((u, v), (upper, lower)) in
                    targets.zip(upper.chunks_exact(4).zip(lower.chunks_exact(4)))
                {
                    *u = mean(upper[chroma], lower[chroma]);
                    *v = mean(upper[chroma + 2], lower[chroma + 2]);
                }
            }
            RawLayout::Yuv444 => {
                for (y, row) in self.y.iter_mut().zip(rows.first) {
                    for (y, pixel) in y.iter_mut().zip(row.chunks_exact(3)) {
                        *y = pixel[0];
                    }
                }
                let chroma = self.u.iter_mut().zip(&mut self.v);
                for ((u, v), (upper, lower)) in
                    chroma.zip(upper.chunks_exact(6).zip(lower.chunks_exact(6)))
                {
                    *u = mean_of_four(upper[1], upper[4], lower[1], lower[4]);
                    *v = mean_of_four(upper[2], upper[5], lower[2], lower[5]);
                }
            }
            RawLayout::Nv12 => {
                let chroma = self.u.iter_mut().zip(&mut self.v);
                for ((u, v), pair) in chroma.zip(rows.second.chunks_exact(2)) {
                    *u = pair[0];
                    *v = pair[1];
                }
                return YuvRows {
                    y: [&upper[..width], &lower[..width]],
                    u: &self.u,
                    v: &self.v,
                };
            }
            RawLayout::I420
            | RawLayout::Yv12
            | RawLayout::Rgb
            | RawLayout::Bgr
            | RawLayout::Grey => {
                let (u, v) = if layout == RawLayout::Yv12 {
                    (rows.third, rows.second)
                } else {
                    (rows.second, rows.third)
                };
                return YuvRows {
                    y: [&upper[..width], &lower[..width]],
                    u: &u[..width / 2],
                    v: &v[..width / 2],
                };
            }
        }
        YuvRows {
            y: [&self.y[0], &self.y[1]],
            u: &self.u,
            v: &self.v,
        }
    }
}

/// From one meaning of YUV to BT.709 limited range, in fixed point with [`FRACTION`] bits:
///
/// `y' = y_y (y - black) + y_u (u - 128) + y_v (v - 128) + 16`,
/// `u' = u_u (u - 128) + u_v (v - 128) + 128`, `v' = v_u (u - 128) + v_v (v - 128) + 128`.
struct YuvMatrix {
    black: i32,
    y_y: i32,
    y_u: i32,
    y_v: i32,
    u_u: i32,
    u_v: i32,
    v_u: i32,
    v_v: i32,
}

impl YuvMatrix {
    /// From the standard that gives red and blue the weights `kr` and `kb`, where black and white are
    /// `luma_range` apart and chroma spans `chroma_range`.
    ///
    /// The standards define Y = Kr R + Kg G + Kb B, Pb = (B - Y) / 2 (1 - Kb), Pr = (R - Y) / 2 (1 - Kr), so
    /// R, G and B are linear in one's Y, Pb and Pr, and the other's Y, Pb and Pr are linear in R, G and B
    /// (BT.601-7 section 2.5, BT.709-6 section 3).
    const fn from([kr, kb]: [f64; 2], black: i32, luma_range: f64, chroma_range: f64) -> Self {
        // Of B, R and G per unit of Pb and Pr; each holds Y once.
        let blue = 2.0 * (1.0 - kb);
        let red = 2.0 * (1.0 - kr);
        let green_from_blue = -kb * blue / (1.0 - kr - kb);
        let green_from_red = -kr * red / (1.0 - kr - kb);
        let kg = 1.0 - KR_709 - KB_709;
        let luma_from_blue = KB_709 * blue + kg * green_from_blue;
        let luma_from_red = KR_709 * red + kg * green_from_red;
        let luma = 219.0 / luma_range;
        let chroma = 224.0 / chroma_range;
        let luma_of_chroma = 219.0 / chroma_range;
        Self {
            black,
            y_y: fixed(luma),
            y_u: fixed(luma_of_chroma * luma_from_blue),
            y_v: fixed(luma_of_chroma * luma_from_red),
            u_u: fixed(chroma * (blue - luma_from_blue) / (2.0 * (1.0 - KB_709))),
            u_v: fixed(chroma * -luma_from_red / (2.0 * (1.0 - KB_709))),
            v_u: fixed(chroma * -luma_from_blue / (2.0 * (1.0 - KR_709))),
            v_v: fixed(chroma * (red - luma_from_red) / (2.0 * (1.0 - KR_709))),
        }
    }

    /// What chroma adds to luma, in fixed point.
    fn shift(&self, u: u8, v: u8) -> i32 {
        self.y_u * (i32::from(u) - 128) + self.y_v * (i32::from(v) - 128)
    }

    /// Luma of the same range only moves by what chroma adds, rounded. Told once for the two rows, in 16 bits
    /// that cannot overflow: compilers turn the rest into vector instructions.
    fn shift_luma(&self, rows: &YuvRows, shifts: &mut Vec<i16>, y: [&mut [u8]; 2]) {
        shifts.resize(2 * rows.u.len(), 0);
        for (pair, (u, v)) in shifts.chunks_exact_mut(2).zip(rows.u.iter().zip(rows.v)) {
            let shift = rounded(self.shift(*u, *v)) + 16 - self.black;
            #[expect(clippy::cast_possible_truncation, reason = "chroma adds less than 256")]
            pair.fill(shift as i16);
        }
        for (target, source) in y.into_iter().zip(rows.y) {
            for ((target, source), shift) in target.iter_mut().zip(source).zip(&*shifts) {
                let luma = i16::from(*source).wrapping_add(*shift);
                #[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
                let luma = luma.clamp(0, 255) as u8;
                *target = luma;
            }
        }
    }

    fn convert(&self, rows: &YuvRows, shifts: &mut Vec<i16>, [y, u, v]: [&mut [u8]; 3]) {
        let (upper, lower) = y.split_at_mut(y.len() / 2);
        if self.y_y == 1 << FRACTION {
            self.shift_luma(rows, shifts, [upper, lower]);
        } else {
            for (target, source) in [upper, lower].into_iter().zip(rows.y) {
                let chroma = rows.u.iter().zip(rows.v);
                let pixels = target.chunks_exact_mut(2).zip(source.chunks_exact(2));
                for ((target, source), (u, v)) in pixels.zip(chroma) {
                    let shift = self.shift(*u, *v);
                    for (target, source) in target.iter_mut().zip(source) {
                        let luma = self.y_y * (i32::from(*source) - self.black) + shift;
                        *target = whole(luma, 16);
                    }
                }
            }
        }
        let sources = rows.u.iter().zip(rows.v);
        for ((target_u, target_v), (u, v)) in u.iter_mut().zip(v).zip(sources) {
            let (u, v) = (i32::from(*u) - 128, i32::from(*v) - 128);
            *target_u = whole(self.u_u * u + self.u_v * v, 128);
            *target_v = whole(self.v_u * u + self.v_v * v, 128);
        }
    }
}

/// Two rows of pixels of `BYTES` bytes each, with red, green and blue at `order`, to BT.709.
fn rgb_to_yuv<const BYTES: usize>(
    rows: RawRows,
    order: [usize; 3],
    y: &mut [u8],
    u: &mut [u8],
    v: &mut [u8],
) {
    let [red, green, blue] = order;
    let (upper, lower) = y.split_at_mut(y.len() / 2);
    for (target, source) in [upper, lower].into_iter().zip(rows.first) {
        for (target, pixel) in target.iter_mut().zip(source.chunks_exact(BYTES)) {
            let values = [pixel[red], pixel[green], pixel[blue]];
            *target = whole(weighted(RGB_Y, values.map(i32::from)), 16);
        }
    }
    let [upper, lower] = rows.first;
    let squares = upper
        .chunks_exact(2 * BYTES)
        .zip(lower.chunks_exact(2 * BYTES));
    for ((target_u, target_v), (upper, lower)) in u.iter_mut().zip(v).zip(squares) {
        let mean = |at: usize| {
            i32::from(mean_of_four(
                upper[at],
                upper[at + BYTES],
                lower[at],
                lower[at + BYTES],
            ))
        };
        let means = [mean(red), mean(green), mean(blue)];
        *target_u = whole(weighted(RGB_U, means), 128);
        *target_v = whole(weighted(RGB_V, means), 128);
    }
}

fn weighted(weights: [i32; 3], values: [i32; 3]) -> i32 {
    weights[0] * values[0] + weights[1] * values[1] + weights[2] * values[2]
}

/// A fixed-point value rounded, moved by `offset` and kept within a byte.
fn whole(value: i32, offset: i32) -> u8 {
    within_byte(rounded(value) + offset)
}

/// A fixed-point value rounded to a whole one.
const fn rounded(value: i32) -> i32 {
    (value + (1 << (FRACTION - 1))) >> FRACTION
}

#[expect(clippy::cast_sign_loss, reason = "clamped to a byte")]
fn within_byte(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

#[expect(clippy::cast_possible_truncation, reason = "coefficients are below 4")]
const fn fixed(value: f64) -> i32 {
    let scaled = value * (1 << FRACTION) as f64;
    (if scaled < 0.0 {
        scaled - 0.5
    } else {
        scaled + 0.5
    }) as i32
}

const fn mean(a: u8, b: u8) -> u8 {
    a.midpoint(b)
}

#[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
fn mean_of_four(a: u8, b: u8, c: u8, d: u8) -> u8 {
    ((u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) / 4) as u8
}

/// Bits behind the point of a coefficient.
const FRACTION: u32 = 14;
/// The longest side that any camera delivers, with room.
const MAX_SIDE: usize = 8192;
/// The longest row that any camera delivers, with room.
const MAX_STRIDE: usize = 4 * MAX_SIDE;

const KR_601: f64 = 0.299;
const KB_601: f64 = 0.114;
const KR_709: f64 = 0.2126;
const KB_709: f64 = 0.0722;

const BT601: YuvMatrix = YuvMatrix::from([KR_601, KB_601], 16, 219.0, 224.0);
const BT601_FULL_RANGE: YuvMatrix = YuvMatrix::from([KR_601, KB_601], 0, 255.0, 255.0);
const BT709_FULL_RANGE: YuvMatrix = YuvMatrix::from([KR_709, KB_709], 0, 255.0, 255.0);

const RGB_Y: [i32; 3] = [
    fixed(KR_709 * 219.0 / 255.0),
    fixed((1.0 - KR_709 - KB_709) * 219.0 / 255.0),
    fixed(KB_709 * 219.0 / 255.0),
];
const RGB_U: [i32; 3] = [
    fixed(-KR_709 / (2.0 * (1.0 - KB_709)) * 224.0 / 255.0),
    fixed(-(1.0 - KR_709 - KB_709) / (2.0 * (1.0 - KB_709)) * 224.0 / 255.0),
    fixed(0.5 * 224.0 / 255.0),
];
const RGB_V: [i32; 3] = [
    fixed(0.5 * 224.0 / 255.0),
    fixed(-(1.0 - KR_709 - KB_709) / (2.0 * (1.0 - KR_709)) * 224.0 / 255.0),
    fixed(-KB_709 / (2.0 * (1.0 - KR_709)) * 224.0 / 255.0),
];

#[cfg(test)]
mod tests;

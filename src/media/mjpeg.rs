//! A camera's Motion JPEG to [`I420`], without a detour through RGB.

use std::sync::Arc;

use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use crate::{
    media::{
        convert::{ConvertError, Converter, RawLayout, RawPicture, YuvColours},
        frame::I420,
        pool::PicturePool,
    },
    units::PixelSize,
};

/// Decodes JPEG pictures one after the other; keeps the memory that takes.
#[derive(Debug)]
pub struct MjpegDecoder {
    converter: Converter,
    pool: PicturePool,
    pixels: Vec<u8>,
    with_tables: Vec<u8>,
}

impl MjpegDecoder {
    /// A decoder for pictures of any size.
    #[must_use]
    pub fn new() -> Self {
        Self {
            converter: Converter::new(),
            pool: PicturePool::new(PixelSize::MIN),
            pixels: Vec::new(),
            with_tables: Vec::new(),
        }
    }

    /// Decodes one picture; its size is what it says itself, less an odd last row and column.
    ///
    /// # Errors
    /// When it is damaged, too large or not a JPEG picture.
    pub fn decode(&mut self, jpeg: &[u8]) -> Result<Arc<I420>, ConvertError> {
        let jpeg = if lacks_huffman_tables(jpeg) {
            self.with_tables.clear();
            self.with_tables.extend_from_slice(&START_WITH_USUAL_TABLES);
            self.with_tables.extend_from_slice(&jpeg[START.len()..]);
            &self.with_tables
        } else {
            jpeg
        };
        let options = DecoderOptions::default()
            .set_max_width(MAX_SIDE)
            .set_max_height(MAX_SIDE)
            .jpeg_set_max_scans(MAX_SCANS)
            .jpeg_set_out_colorspace(ColorSpace::YCbCr);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
        decoder.decode_headers().map_err(|error| damaged(&error))?;
        let layout = match decoder.input_colorspace() {
            Some(ColorSpace::Luma) => {
                decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
                RawLayout::Grey
            }
            Some(ColorSpace::RGB) => {
                decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::RGB));
                RawLayout::Rgb
            }
            _ => RawLayout::Yuv444,
        };
        let bytes = decoder.output_buffer_size().unwrap_or(0);
        self.pixels.resize(bytes, 0);
        decoder
            .decode_into(&mut self.pixels)
            .map_err(|error| damaged(&error))?;
        let info = decoder.info().unwrap_or_default();
        let raw = RawPicture {
            size: PixelSize::new(u32::from(info.width), u32::from(info.height)),
            layout,
            colours: YuvColours::Bt601FullRange,
            stride: None,
            data: &self.pixels,
        };
        let size = raw.even_size();
        if size.width == 0 || size.height == 0 {
            return Err(ConvertError::ImpossibleSize {
                size: raw.size,
                stride: 0,
            });
        }
        if self.pool.size() != size {
            self.pool = PicturePool::new(size);
        }
        let mut result = Ok(());
        let picture = self
            .pool
            .picture(|picture| result = self.converter.convert(&raw, picture));
        result.map(|()| picture)
    }
}

impl Default for MjpegDecoder {
    fn default() -> Self {
        Self::new()
    }
}

fn damaged(error: &zune_jpeg::errors::DecodeErrors) -> ConvertError {
    let mut message = error.to_string().replace('\n', " ");
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    ConvertError::DamagedJpeg { message }
}

/// Whether the picture comes without Huffman tables, as many cameras send it, meaning those that ITU-T T.81
/// gives as typical in annex K.3.
fn lacks_huffman_tables(jpeg: &[u8]) -> bool {
    let Some(mut rest) = jpeg.strip_prefix(&START) else {
        return false;
    };
    while let [0xFF, marker, high, low, ..] = *rest {
        match marker {
            0xC4 => return false,
            0xDA => return true,
            _ => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(2 + length..).unwrap_or_default();
            }
        }
    }
    false
}

/// Start of image.
const START: [u8; 2] = [0xFF, 0xD8];
/// Start of image, then the APP0 marker of AVI files, at which the decoder takes the usual Huffman tables where
/// there are none.
const START_WITH_USUAL_TABLES: [u8; 11] = *b"\xFF\xD8\xFF\xE0\x00\x07AVI1\0";
/// The longest side that is decoded.
const MAX_SIDE: usize = 4608;
/// Passes of a progressive picture that are decoded; cameras send one.
const MAX_SCANS: usize = 16;
/// Bytes of the decoder's words that are passed on.
const MAX_MESSAGE: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    /// 64×32 pixels, the left half red (254, 0, 0), the right half grey (128), baseline 4:2:0.
    const JPEG: &[u8] = include_bytes!("testdata/red_grey.jpg");

    fn samples_at(picture: &I420, column: usize, row: usize) -> [u8; 3] {
        let width = picture.size().width as usize;
        let [y, u, v] = picture.planes();
        let chroma = row / 2 * width / 2 + column / 2;
        [y[row * width + column], u[chroma], v[chroma]]
    }

    fn assert_red_and_grey(picture: &I420) {
        assert_eq!(picture.size(), PixelSize::new(64, 32));
        for (column, expected) in [(8, [63, 102, 240]), (56, [126, 128, 128])] {
            let actual = samples_at(picture, column, 16);
            for (actual, expected) in actual.into_iter().zip(expected) {
                assert!(actual.abs_diff(expected) <= 3, "{actual} is not {expected}");
            }
        }
    }

    #[test]
    fn a_jpeg_picture_arrives_in_bt709_limited_range() {
        assert_red_and_grey(&MjpegDecoder::new().decode(JPEG).expect("sound"));
    }

    #[test]
    fn a_jpeg_picture_without_huffman_tables_is_read_with_the_usual_ones() {
        let mut bare = START.to_vec();
        let mut rest = &JPEG[2..];
        while rest[1] != 0xDA {
            let length = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
            if rest[1] != 0xC4 {
                bare.extend_from_slice(&rest[..length]);
            }
            rest = &rest[length..];
        }
        bare.extend_from_slice(rest);
        assert!(bare.len() < JPEG.len());
        assert_red_and_grey(&MjpegDecoder::new().decode(&bare).expect("sound"));
    }

    #[test]
    fn damaged_pictures_are_errors_or_pictures_but_never_a_panic() {
        let mut decoder = MjpegDecoder::new();
        for bytes in [&[][..], &[0xFF], &START, b"GIF89a", &hex!("FFD8FFC40003")] {
            assert!(decoder.decode(bytes).is_err(), "{bytes:?}");
        }
        for length in 0..JPEG.len() {
            let _ = decoder.decode(&JPEG[..length]);
        }
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            let mut damaged = JPEG.to_vec();
            for _ in 0..3 {
                let at = random.usize(2..damaged.len());
                damaged[at] = random.u8(..);
            }
            let _ = decoder.decode(&damaged);
        }
        assert_red_and_grey(&decoder.decode(JPEG).expect("still usable"));
    }

    #[test]
    fn a_picture_that_claims_to_be_enormous_is_refused() {
        let mut huge = JPEG.to_vec();
        let frame_header = huge
            .windows(2)
            .position(|pair| pair == [0xFF, 0xC0])
            .expect("baseline");
        huge[frame_header + 5..frame_header + 9].copy_from_slice(&hex!("FFFFFFFF"));
        assert!(MjpegDecoder::new().decode(&huge).is_err());
    }
}

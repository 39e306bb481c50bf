//! What a camera's YUV values mean, from what its driver reports.

use v4l::format::{Colorspace, Quantization};

use crate::media::convert::YuvColours;

/// The meaning of YUV values in a colour space and range. What a driver leaves open is what the kernel's
/// documentation says of the colour space: BT.601 but for high definition's own spaces, and limited range but
/// for JPEG's.
///
/// (V4L2, "Colorspaces"; its macros `V4L2_MAP_YCBCR_ENC_DEFAULT` and `V4L2_MAP_QUANTIZATION_DEFAULT`.)
pub(super) const fn colours_of(space: Colorspace, range: Quantization) -> YuvColours {
    let is_full = match range {
        Quantization::FullRange => true,
        Quantization::LimitedRange => false,
        Quantization::Default => matches!(space, Colorspace::JPEG),
    };
    let is_bt709 = matches!(space, Colorspace::Rec709 | Colorspace::DCIP3);
    match (is_bt709, is_full) {
        (false, false) => YuvColours::Bt601,
        (false, true) => YuvColours::Bt601FullRange,
        (true, false) => YuvColours::Bt709,
        (true, true) => YuvColours::Bt709FullRange,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_leaves_open_follows_from_the_colour_space() {
        use Quantization::{Default, FullRange, LimitedRange};
        for (space, range, expected) in [
            (Colorspace::SRGB, Default, YuvColours::Bt601),
            (Colorspace::Default, Default, YuvColours::Bt601),
            (Colorspace::SMPTE170M, LimitedRange, YuvColours::Bt601),
            (Colorspace::SRGB, FullRange, YuvColours::Bt601FullRange),
            (Colorspace::JPEG, Default, YuvColours::Bt601FullRange),
            (Colorspace::JPEG, LimitedRange, YuvColours::Bt601),
            (Colorspace::Rec709, Default, YuvColours::Bt709),
            (Colorspace::Rec709, FullRange, YuvColours::Bt709FullRange),
        ] {
            assert_eq!(colours_of(space, range), expected, "{space} {range}");
        }
    }
}

//! What an H.264 sequence parameter set says about the picture (H.264, 7.3.2.1.1 and E.1.1).

use super::{avc::AvcError, bits::Bits};
use crate::units::PixelSize;

/// The parts of a sequence parameter set that matter outside a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Sps {
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High.
    pub profile: u8,
    /// The `constraint_set` flags, first flag in the highest bit.
    pub constraints: u8,
    /// `level_idc`: ten times the level, 31 for level 3.1.
    pub level: u8,
    /// `chroma_format_idc`: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 14.
    pub luma_bits: u8,
    /// Bits of a chroma sample, 8 to 14.
    pub chroma_bits: u8,
    /// The picture's size, cropped.
    pub size: PixelSize,
    /// How colours are to be shown, if told.
    pub colour: Option<Colour>,
    /// Frames per second, if told.
    pub frame_rate: Option<f64>,
}

/// How colours are to be shown: code points of ITU-T H.273; BT.709 is 1 in all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// Whether samples use all codes, not only those of the limited range.
    pub full_range: bool,
    /// Colour primaries; 2 is unspecified.
    pub primaries: u8,
    /// Transfer characteristics; 2 is unspecified.
    pub transfer: u8,
    /// Matrix coefficients; 2 is unspecified.
    pub matrix: u8,
}

impl Sps {
    /// Reads a NAL unit, header byte included, start code not.
    ///
    /// # Errors
    /// [`AvcError::Sps`] when it is another kind of NAL unit, cut off, or beyond what the standard allows.
    pub fn parse(nal_unit: &[u8]) -> Result<Self, AvcError> {
        if nal_unit.first().map(|header| header & 0x1F) != Some(NAL_TYPE_SPS) {
            return Err(AvcError::Sps);
        }
        let payload = without_emulation_prevention(&nal_unit[1..]);
        parse(&mut Bits::new(&payload)).ok_or(AvcError::Sps)
    }

    /// The profile's name, as people write it.
    #[must_use]
    pub fn profile_name(&self) -> &'static str {
        const CONSTRAINT_SET_1: u8 = 0x40;
        match self.profile {
            66 if self.constraints & CONSTRAINT_SET_1 != 0 => "Constrained Baseline",
            66 => "Baseline",
            77 => "Main",
            88 => "Extended",
            100 => "High",
            110 => "High 10",
            122 => "High 4:2:2",
            244 => "High 4:4:4 Predictive",
            _ => "unknown profile",
        }
    }
}

const NAL_TYPE_SPS: u8 = 7;

/// Profiles whose parameter sets tell chroma format, bit depths and scaling lists.
const PROFILES_WITH_CHROMA: [u8; 13] =
    [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Macroblocks in one direction, at most: 16,384 pixels, twice what any level allows.
const MAX_MACROBLOCKS: u32 = 1024;

/// The code of `aspect_ratio_idc` behind which width and height follow.
const EXTENDED_ASPECT_RATIO: u32 = 255;

/// `None` means the same as [`AvcError::Sps`].
fn parse(bits: &mut Bits) -> Option<Sps> {
    let profile = bits.byte()?;
    let constraints = bits.byte()?;
    let level = bits.byte()?;
    bits.exp_golomb()?; // seq_parameter_set_id

    let (mut chroma_format, mut luma_bits, mut chroma_bits) = (1, 8, 8);
    if PROFILES_WITH_CHROMA.contains(&profile) {
        chroma_format = bits.exp_golomb_up_to(3)?;
        if chroma_format == 3 {
            bits.flag()?; // separate_colour_plane_flag
        }
        luma_bits = 8 + bits.exp_golomb_up_to(6)?;
        chroma_bits = 8 + bits.exp_golomb_up_to(6)?;
        bits.flag()?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            let lists = if chroma_format == 3 { 12 } else { 8 };
            for list in 0..lists {
                if bits.flag()? {
                    skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
                }
            }
        }
    }

    bits.exp_golomb()?; // log2_max_frame_num_minus4
    match bits.exp_golomb()? {
        0 => {
            bits.exp_golomb()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.exp_golomb()?; // offset_for_non_ref_pic
            bits.exp_golomb()?; // offset_for_top_to_bottom_field
            for _ in 0..bits.exp_golomb_up_to(255)? {
                bits.exp_golomb()?; // offset_for_ref_frame
            }
        }
        _ => {}
    }
    bits.exp_golomb()?; // max_num_ref_frames
    bits.flag()?; // gaps_in_frame_num_value_allowed_flag

    let size = parse_size(bits, chroma_format)?;
    let (colour, frame_rate) = if bits.flag()? {
        parse_vui(bits)?
    } else {
        (None, None)
    };
    Some(Sps {
        profile,
        constraints,
        level,
        chroma_format,
        luma_bits,
        chroma_bits,
        size,
        colour,
        frame_rate,
    })
}

fn parse_size(bits: &mut Bits, chroma_format: u8) -> Option<PixelSize> {
    let mut macroblocks = || Some(bits.exp_golomb()?.checked_add(1)?.min(MAX_MACROBLOCKS + 1));
    let (columns, rows) = (macroblocks()?, macroblocks()?);
    if columns > MAX_MACROBLOCKS || rows > MAX_MACROBLOCKS {
        return None;
    }
    let frames_only = bits.flag()?;
    if !frames_only {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    // A map unit of pictures that may be fields is two macroblocks high.
    let fields = if frames_only { 1 } else { 2 };
    bits.flag()?; // direct_8x8_inference_flag

    let (mut across, mut down) = (0, 0);
    if bits.flag()? {
        let mut offset = || bits.exp_golomb();
        let [left, right, top, bottom] = [offset()?, offset()?, offset()?, offset()?];
        let (unit_x, unit_y) = match chroma_format {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        across = left.checked_add(right)?.checked_mul(unit_x)?;
        down = top.checked_add(bottom)?.checked_mul(unit_y * fields)?;
    }
    let width = (columns * 16).checked_sub(across)?;
    let height = (rows * 16 * fields).checked_sub(down)?;
    (width > 0 && height > 0).then_some(PixelSize::new(width, height))
}

/// Video usability information, as far as the frame rate.
fn parse_vui(bits: &mut Bits) -> Option<(Option<Colour>, Option<f64>)> {
    if bits.flag()? && bits.number(8)? == EXTENDED_ASPECT_RATIO {
        bits.number(32)?; // sar_width, sar_height
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    let mut colour = None;
    if bits.flag()? {
        bits.number(3)?; // video_format
        let full_range = bits.flag()?;
        let [primaries, transfer, matrix] = if bits.flag()? {
            [bits.byte()?, bits.byte()?, bits.byte()?]
        } else {
            [2, 2, 2]
        };
        colour = Some(Colour {
            full_range,
            primaries,
            transfer,
            matrix,
        });
    }
    if bits.flag()? {
        bits.exp_golomb()?; // chroma_sample_loc_type_top_field
        bits.exp_golomb()?; // chroma_sample_loc_type_bottom_field
    }
    let mut frame_rate = None;
    if bits.flag()? {
        let ticks = bits.number(32)?;
        let time_scale = bits.number(32)?;
        if ticks > 0 && time_scale > 0 {
            // A tick is a field's duration, half a frame's (E.2.1).
            frame_rate = Some(f64::from(time_scale) / (2.0 * f64::from(ticks)));
        }
    }
    Some((colour, frame_rate))
}

fn skip_scaling_list(bits: &mut Bits, entries: usize) -> Option<()> {
    // 7.3.2.1.1.1: a next scale of 0 means that no more deltas follow.
    let (mut last, mut next) = (8_i64, 8_i64);
    for _ in 0..entries {
        if next != 0 {
            next = (last + bits.signed_exp_golomb()? + 256).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// Takes out each `03` behind two zeros (H.264, 7.4.1).
fn without_emulation_prevention(unit: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    #[track_caller]
    fn parsed(nal_unit: &[u8]) -> Sps {
        Sps::parse(nal_unit).unwrap()
    }

    /// 720p at 30 fps, as x264 writes it.
    const SIMPLE: [u8; 26] = hex!("6764001FACD9405005BB0110000003001000000303C0F1831960");

    #[test]
    fn profile_level_size_and_rate_are_read() {
        let sps = parsed(&SIMPLE);
        assert_eq!(sps.profile_name(), "High");
        assert_eq!(sps.level, 31);
        assert_eq!(sps.size, PixelSize::new(1280, 720));
        assert_eq!(sps.frame_rate, Some(30.0));
        assert_eq!(
            (sps.chroma_format, sps.luma_bits, sps.chroma_bits),
            (1, 8, 8)
        );
        assert_eq!(sps.colour, None);
    }

    #[test]
    fn cropping_and_colours_are_read() {
        // 1080p is 68 rows of macroblocks, of which 8 lines are cropped; BT.709 limited range; 29.97 fps.
        let sps = parsed(&hex!(
            "67640028ACD940780227E5C05A808080A000007D20001D4C01E30632C0"
        ));
        assert_eq!(sps.size, PixelSize::new(1920, 1080));
        assert_eq!(
            sps.colour,
            Some(Colour {
                full_range: false,
                primaries: 1,
                transfer: 1,
                matrix: 1
            })
        );
        assert_eq!(sps.frame_rate, Some(30_000.0 / 1_001.0));
    }

    #[test]
    fn other_profiles_are_read() {
        let sps = parsed(&hex!("6742C00CD901419F9F0110000003001000000301E0F142A480"));
        assert_eq!(sps.profile_name(), "Constrained Baseline");
        assert_eq!(sps.size, PixelSize::new(320, 180));
        assert_eq!(sps.frame_rate, Some(15.0));

        // Interlaced: map units are two macroblocks high.
        let sps = parsed(&hex!("674D401EECA05A126C0440000003004000000C87C50A6580"));
        assert_eq!(sps.profile_name(), "Main");
        assert_eq!(sps.size, PixelSize::new(720, 576));

        let sps = parsed(&hex!("67F4000C919B282833F1B80880000003008000000F078A14CB"));
        assert_eq!((sps.chroma_format, sps.luma_bits), (3, 8));
        assert_eq!(sps.size, PixelSize::new(320, 180));

        let sps = parsed(&hex!(
            "677A000CB6CD941419F8DC0440000003004000000C83C50A6580"
        ));
        assert_eq!(
            (sps.chroma_format, sps.luma_bits, sps.chroma_bits),
            (2, 10, 10)
        );
        assert_eq!(sps.size, PixelSize::new(320, 180));
    }

    #[test]
    fn scaling_lists_are_stepped_over() {
        // SIMPLE says in its fifth byte: parameter set 0, 4:2:0, 8 and 8 bits, no bypass, no scaling lists,
        // and one bit more. Instead: scaling lists, the first present and ended by its first delta of -8,
        // seven absent.
        let bits = |byte: &u8| {
            let byte = *byte;
            (0..8).rev().map(move |bit| byte >> bit & 1)
        };
        let simple: Vec<u8> = SIMPLE[4..].iter().flat_map(bits).collect();
        let lists = [1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        let with_lists = [&simple[..7], &lists, &simple[8..]].concat();
        let bytes = with_lists
            .chunks(8)
            .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit));
        let unit: Vec<u8> = SIMPLE[..4].iter().copied().chain(bytes).collect();
        assert_eq!(parsed(&unit).size, PixelSize::new(1280, 720));
    }

    #[test]
    fn a_parameter_set_cut_off_anywhere_is_an_error() {
        // Behind the VUI's frame rate only flags follow that are not read.
        for length in 0..SIMPLE.len() - 6 {
            assert_eq!(
                Sps::parse(&SIMPLE[..length]),
                Err(AvcError::Sps),
                "{length}"
            );
        }
        assert_eq!(Sps::parse(&hex!("68EBE3CB22C0")), Err(AvcError::Sps));
    }

    #[test]
    fn arbitrary_bytes_never_panic() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..20_000 {
            let mut unit = vec![0x67, 100, 0, 31];
            unit.extend((0..random.usize(..48)).map(|_| random.u8(..)));
            if let Ok(sps) = Sps::parse(&unit) {
                assert!(sps.size.width <= 16 * MAX_MACROBLOCKS);
                assert!(sps.size.height <= 32 * MAX_MACROBLOCKS);
            }
        }
    }
}

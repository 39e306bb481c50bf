//! H.264 in containers: the decoder configuration record (ISO 14496-15, 5.3.3.1) and NAL units, behind
//! lengths (5.3.4.2) or between start codes (H.264, Annex B).

use bytes::{Buf, Bytes};
use thiserror::Error;

use super::sps::Sps;
use crate::media::packet::AvcConfig;

/// Writes the `AVCDecoderConfigurationRecord` that tells decoders `config`; NAL unit lengths take four bytes.
#[must_use]
pub fn write_configuration(config: &AvcConfig) -> Bytes {
    let byte = |at: usize| config.sps.get(at).copied().unwrap_or(0);
    let profile = byte(1);

    let mut record = Vec::with_capacity(15 + config.sps.len() + config.pps.len());
    record.extend([
        1, // version
        profile,
        byte(2), // compatible profiles
        byte(3), // level
        0xFC | (LENGTH_BYTES - 1),
        0xE0 | 1, // sequence parameter sets
    ]);
    write_parameter_set(&config.sps, &mut record);
    record.push(1); // picture parameter sets
    write_parameter_set(&config.pps, &mut record);
    if PROFILES_WITH_CHROMA.contains(&profile) {
        let (chroma_format, luma_bits, chroma_bits) = Sps::parse(&config.sps)
            .map_or((1, 8, 8), |sps| {
                (sps.chroma_format, sps.luma_bits, sps.chroma_bits)
            });
        record.extend([
            0xFC | chroma_format,
            0xF8 | (luma_bits - 8),
            0xF8 | (chroma_bits - 8),
            0, // extension parameter sets
        ]);
    }
    record.into()
}

/// Reads an `AVCDecoderConfigurationRecord`: its first sequence and its first picture parameter set.
///
/// # Errors
/// When it is cut off, lacks a parameter set, or measures NAL units with other than four bytes.
pub fn parse_configuration(record: &Bytes) -> Result<AvcConfig, AvcError> {
    let &[1, _, _, _, length_size, sps_count, ..] = &record[..] else {
        return Err(AvcError::Configuration);
    };
    let length_bytes = (length_size & 3) + 1;
    if length_bytes != LENGTH_BYTES {
        return Err(AvcError::LengthBytes(length_bytes));
    }
    let mut rest = record.slice(6..);
    let mut parameter_sets = || {
        let sps = read_first_parameter_set(sps_count & 0x1F, &mut rest)?;
        let pps_count = rest.try_get_u8().ok()?;
        let pps = read_first_parameter_set(pps_count, &mut rest)?;
        Some(AvcConfig { sps, pps })
    };
    parameter_sets().ok_or(AvcError::Configuration)
}

/// The NAL units of `stream` that stand between start codes of three or four bytes, without those.
///
/// What stands before the first start code is skipped, and zeros that trail a NAL unit do not belong to it.
pub fn annex_b_nal_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = start_code(stream).map(|(_, end)| &stream[end..]);
    std::iter::from_fn(move || {
        let unit_and_more = rest?;
        let (unit, more) = match start_code(unit_and_more) {
            Some((start, end)) => (&unit_and_more[..start], Some(&unit_and_more[end..])),
            None => (unit_and_more, None),
        };
        rest = more;
        Some(without_trailing_zeros(unit))
    })
    .filter(|unit| !unit.is_empty())
}

/// The NAL units of `access_unit`, each of which stands behind its length as four bytes.
///
/// # Errors
/// One item, the last, when a length exceeds what is there.
pub fn length_prefixed_nal_units(
    access_unit: &[u8],
) -> impl Iterator<Item = Result<&[u8], AvcError>> {
    let mut rest = access_unit;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let unit = rest.split_first_chunk().and_then(|(length, more)| {
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            more.split_at_checked(length)
        });
        rest = unit.map_or(&[], |(_, more)| more);
        Some(unit.map(|(unit, _)| unit).ok_or(AvcError::NalLength))
    })
}

/// Appends `nal_unit` behind its length to the access unit in `out`.
pub fn write_length_prefixed(nal_unit: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(nal_unit.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(nal_unit);
}

/// Appends `nal_unit` behind a start code to the byte stream in `out`: the form decoders take.
pub fn write_annex_b(nal_unit: &[u8], out: &mut Vec<u8>) {
    out.extend([0, 0, 0, 1]);
    out.extend(nal_unit);
}

/// Why H.264 data from a container cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AvcError {
    /// The decoder configuration is cut off, of an unknown version, or lacks a parameter set.
    #[error("the H.264 decoder configuration is damaged")]
    Configuration,
    /// NAL units are measured with a size of length that nobody sends.
    #[error("H.264 with NAL unit lengths of {0} bytes is not supported")]
    LengthBytes(u8),
    /// A NAL unit claims more bytes than there are.
    #[error("an H.264 NAL unit is cut off")]
    NalLength,
    /// The sequence parameter set cannot be read.
    #[error("the H.264 sequence parameter set is damaged")]
    Sps,
}

/// Bytes of a NAL unit's length; every encoder and server uses four.
const LENGTH_BYTES: u8 = 4;

/// Profiles whose configuration record also tells chroma format and bit depths: High and above.
const PROFILES_WITH_CHROMA: [u8; 4] = [100, 110, 122, 144];

fn write_parameter_set(set: &[u8], record: &mut Vec<u8>) {
    // Encoders make parameter sets of about 30 bytes; a longer one than the field can tell is cut.
    let length = u16::try_from(set.len()).unwrap_or(u16::MAX);
    record.extend(length.to_be_bytes());
    record.extend(&set[..usize::from(length)]);
}

/// Reads `count` parameter sets; `None` when there is none or `rest` ends before.
fn read_first_parameter_set(count: u8, rest: &mut Bytes) -> Option<Bytes> {
    let mut first = None;
    for _ in 0..count {
        let length = usize::from(rest.try_get_u16().ok()?);
        if length == 0 || length > rest.len() {
            return None;
        }
        let set = rest.split_to(length);
        first.get_or_insert(set);
    }
    first
}

/// Where the first start code begins and ends; a zero before `00 00 01` belongs to it.
fn start_code(stream: &[u8]) -> Option<(usize, usize)> {
    let at = stream.windows(3).position(|window| window == [0, 0, 1])?;
    let start = if at > 0 && stream[at - 1] == 0 {
        at - 1
    } else {
        at
    };
    Some((start, at + 3))
}

/// A NAL unit ends in a stop bit, so zeros at its end are padding of the byte stream (Annex B.1).
fn without_trailing_zeros(unit: &[u8]) -> &[u8] {
    let end = unit
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |at| at + 1);
    &unit[..end]
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn high_profile() -> AvcConfig {
        AvcConfig {
            sps: Bytes::from_static(&hex!(
                "6764001FACD9405005BB0110000003001000000303C0F1831960"
            )),
            pps: Bytes::from_static(&hex!("68EBE3CB22C0")),
        }
    }

    #[test]
    fn high_profile_records_tell_chroma_format_and_bit_depths() {
        let record = write_configuration(&high_profile());
        assert_eq!(
            record[..],
            hex!(
                "01 64001F FF E1 001A 6764001FACD9405005BB0110000003001000000303C0F1831960"
                "01 0006 68EBE3CB22C0 FD F8 F8 00"
            )
        );
        assert_eq!(parse_configuration(&record), Ok(high_profile()));
    }

    #[test]
    fn of_several_parameter_sets_the_first_are_taken() {
        let record = hex!("01 42C01E FF E2 0002 67AA 0001 67 02 0002 68BB 0001 68");
        let config = parse_configuration(&Bytes::copy_from_slice(&record)).unwrap();
        assert_eq!(config.sps[..], hex!("67AA"));
        assert_eq!(config.pps[..], hex!("68BB"));
    }

    #[test]
    fn a_record_cut_off_anywhere_is_an_error() {
        let record = write_configuration(&high_profile());
        let essential = record.len() - 4;
        for length in 0..essential {
            assert_eq!(
                parse_configuration(&record.slice(..length)),
                Err(AvcError::Configuration),
                "cut at {length}"
            );
        }
        // Many writers leave the High profile's four bytes away.
        assert!(parse_configuration(&record.slice(..essential)).is_ok());
    }

    #[test]
    fn records_without_parameter_sets_or_with_short_lengths_are_refused() {
        let parse = |record: &[u8]| parse_configuration(&Bytes::copy_from_slice(record));
        assert_eq!(
            parse(&hex!("01 42C01E FF E0 00")),
            Err(AvcError::Configuration)
        );
        assert_eq!(
            parse(&hex!("01 42C01E FD E1 0001 67 01 0001 68")),
            Err(AvcError::LengthBytes(2))
        );
    }

    #[test]
    fn start_codes_of_three_and_four_bytes_part_nal_units() {
        let stream = hex!("FF 000001 09F0 00000001 67AA00 00000001 68BB 000001 65 000003 01 0000");
        let units: Vec<_> = annex_b_nal_units(&stream).collect();
        assert_eq!(
            units,
            [
                &hex!("09F0")[..],
                &hex!("67AA"),
                &hex!("68BB"),
                &hex!("65 000003 01") // emulation prevention stays
            ]
        );
        assert_eq!(annex_b_nal_units(&hex!("0000 65")).count(), 0);
        assert_eq!(annex_b_nal_units(&hex!("000001 000001")).count(), 0);
    }

    #[test]
    fn lengths_part_nal_units_and_a_false_one_ends_them() {
        let mut access_unit = Vec::new();
        write_length_prefixed(&hex!("06 05"), &mut access_unit);
        write_length_prefixed(&hex!("65 88"), &mut access_unit);
        let units: Vec<_> = length_prefixed_nal_units(&access_unit).collect();
        assert_eq!(units, [Ok(&hex!("0605")[..]), Ok(&hex!("6588"))]);

        for false_end in [&hex!("FFFFFFFF 65")[..], &hex!("0000")] {
            let units: Vec<_> = length_prefixed_nal_units(false_end).collect();
            assert_eq!(units, [Err(AvcError::NalLength)]);
        }
    }
}

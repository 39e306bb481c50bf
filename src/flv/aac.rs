//! The AudioSpecificConfig, which tells decoders how AAC is encoded (ISO 14496-3, 1.6.2.1).

use bytes::Bytes;
use thiserror::Error;

use super::bits::Bits;
use crate::media::packet::AacConfig;

/// What an AudioSpecificConfig says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpecificConfig {
    /// Which AAC it is.
    pub profile: AacProfile,
    /// Samples per second that come out of the decoder.
    pub sample_rate: u32,
    /// Channels in the core stream, 1 to 8.
    pub channels: u8,
}

/// The kinds of AAC met in live streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AacProfile {
    /// Low complexity: what every service takes.
    Lc,
    /// High efficiency: with spectral band replication.
    He,
    /// High efficiency version 2: with parametric stereo too.
    HeV2,
}

impl SpecificConfig {
    /// Reads an AudioSpecificConfig.
    ///
    /// # Errors
    /// When it is cut off, or neither AAC-LC nor HE-AAC.
    pub fn parse(config: &[u8]) -> Result<Self, AacError> {
        let bits = &mut Bits::new(config);
        let object_type = number(bits, 5)?;
        let core_rate = sample_rate(bits)?;
        let channels = match number(bits, 4)? {
            count @ 1..=6 => u8::try_from(count).unwrap_or(6),
            7 => 8,
            other => return Err(AacError::Channels(other)),
        };
        let (profile, sample_rate) = match object_type {
            object_type::LC => {
                backward_compatible_extension(bits).unwrap_or((AacProfile::Lc, core_rate))
            }
            object_type::SBR => (AacProfile::He, sample_rate(bits)?),
            object_type::PS => (AacProfile::HeV2, sample_rate(bits)?),
            other => return Err(AacError::ObjectType(other)),
        };
        Ok(Self {
            profile,
            sample_rate,
            channels,
        })
    }

    /// Writes an AudioSpecificConfig of AAC-LC. `None` for rates and channel counts beyond it.
    #[must_use]
    pub fn lc(sample_rate: u32, channels: u8) -> Option<AacConfig> {
        let index = SAMPLE_RATES.iter().position(|&rate| rate == sample_rate)?;
        let index = u16::try_from(index).ok()?;
        if !(1..=6).contains(&channels) {
            return None;
        }
        let bits = 2_u16 << 11 | index << 7 | u16::from(channels) << 3;
        Some(AacConfig {
            specific_config: Bytes::copy_from_slice(&bits.to_be_bytes()),
            sample_rate,
            channels,
        })
    }
}

/// Why an AudioSpecificConfig cannot be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AacError {
    /// It ends too early.
    #[error("the AAC decoder configuration is cut off")]
    Truncated,
    /// Neither AAC-LC nor HE-AAC.
    #[error("AAC object type {0} is not supported; send AAC-LC")]
    ObjectType(u32),
    /// A rate index without a rate.
    #[error("AAC sample rate index {0} is unknown")]
    SampleRate(u32),
    /// Channels laid out in a way that is not told here.
    #[error("AAC channel configuration {0} is not supported; send mono or stereo")]
    Channels(u32),
}

/// Rates by their index; 15 announces a rate of 24 bits.
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];
const EXPLICIT_RATE: u32 = 15;

const SYNC_SBR: u32 = 0x2B7;
const SYNC_PS: u32 = 0x548;

mod object_type {
    pub(super) const LC: u32 = 2;
    pub(super) const SBR: u32 = 5;
    pub(super) const PS: u32 = 29;
}

/// A sample rate by its index, or as such.
fn sample_rate(bits: &mut Bits) -> Result<u32, AacError> {
    match number(bits, 4)? {
        EXPLICIT_RATE => number(bits, 24),
        index => SAMPLE_RATES
            .get(index as usize)
            .copied()
            .ok_or(AacError::SampleRate(index)),
    }
}

fn number(bits: &mut Bits, count: u32) -> Result<u32, AacError> {
    bits.number(count).ok_or(AacError::Truncated)
}

/// HE-AAC that older decoders take for LC: extension type 0x2B7 behind the LC part (1.6.6.1). Gives the
/// decoder's rate.
fn backward_compatible_extension(bits: &mut Bits) -> Option<(AacProfile, u32)> {
    // GASpecificConfig of LC: frame length, core coder dependence, extension.
    bits.number(3)?;
    let extended =
        bits.number(11)? == SYNC_SBR && bits.number(5)? == object_type::SBR && bits.flag()?;
    if !extended {
        return None;
    }
    let sample_rate = sample_rate(bits).ok()?;
    let stereo = bits.number(11) == Some(SYNC_PS) && bits.flag() == Some(true);
    let profile = if stereo {
        AacProfile::HeV2
    } else {
        AacProfile::He
    };
    Some((profile, sample_rate))
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn parsed(config: &[u8]) -> (AacProfile, u32, u8) {
        let parsed = SpecificConfig::parse(config).unwrap();
        (parsed.profile, parsed.sample_rate, parsed.channels)
    }

    #[test]
    fn low_complexity_is_written_and_read() {
        for (rate, channels, wire) in [
            (48_000, 2, hex!("1190")),
            (44_100, 2, hex!("1210")),
            (48_000, 1, hex!("1188")),
            (44_100, 1, hex!("1208")),
        ] {
            let config = SpecificConfig::lc(rate, channels).unwrap();
            assert_eq!(config.specific_config[..], wire);
            assert_eq!(parsed(&wire), (AacProfile::Lc, rate, channels));
        }
        assert_eq!(SpecificConfig::lc(47_999, 2), None);
        assert_eq!(SpecificConfig::lc(48_000, 0), None);
    }

    #[test]
    fn high_efficiency_is_recognised_in_each_way_of_telling_it() {
        assert_eq!(parsed(&hex!("2B118800")), (AacProfile::He, 48_000, 2));
        assert_eq!(parsed(&hex!("131056E598")), (AacProfile::He, 48_000, 2));
        assert_eq!(parsed(&hex!("EB098800")), (AacProfile::HeV2, 48_000, 1));
    }

    #[test]
    fn what_encoders_append_to_low_complexity_changes_nothing() {
        // Low complexity with the extension that says: no spectral band replication.
        assert_eq!(parsed(&hex!("119056E500")), (AacProfile::Lc, 48_000, 2));
    }

    #[test]
    fn explicit_rates_are_read() {
        // 00010 1111 000000001011101110000000 0010 000
        assert_eq!(parsed(&hex!("1780 5DC0 10")), (AacProfile::Lc, 48_000, 2));
    }

    #[test]
    fn what_is_not_aac_lc_is_named() {
        let error = |config: &[u8]| SpecificConfig::parse(config).unwrap_err();
        assert_eq!(error(&[]), AacError::Truncated);
        assert_eq!(error(&hex!("11")), AacError::Truncated);
        assert_eq!(error(&hex!("0990")), AacError::ObjectType(1));
        assert_eq!(error(&hex!("1690")), AacError::SampleRate(13));
        assert_eq!(error(&hex!("1180")), AacError::Channels(0));
    }
}

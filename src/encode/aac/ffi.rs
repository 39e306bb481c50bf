//! FDK AAC behind a safe door: the only place that calls the library's C interface for encoding.
//!
//! The `fdk-aac` crate's own encoder has the library set up all of its modules. The one for metadata, of which a
//! live stream has none, holds the sound back until its delay is a multiple of an access unit: by 448 samples, which
//! every picture would wait for too.

#![expect(unsafe_code, reason = "FDK AAC is a C++ library with a C interface")]

use std::{ffi::c_int, mem::MaybeUninit, ptr};

use fdk_aac_sys::{
    AACENC_BufDesc, AACENC_BufferIdentifier_IN_AUDIO_DATA,
    AACENC_BufferIdentifier_OUT_BITSTREAM_DATA, AACENC_ERROR, AACENC_ERROR_AACENC_OK,
    AACENC_InArgs, AACENC_InfoStruct, AACENC_OutArgs, AACENC_PARAM_AACENC_AOT,
    AACENC_PARAM_AACENC_BITRATE, AACENC_PARAM_AACENC_CHANNELMODE, AACENC_PARAM_AACENC_SAMPLERATE,
    AACENC_PARAM_AACENC_TRANSMUX, AUDIO_OBJECT_TYPE_AOT_AAC_LC, HANDLE_AACENCODER,
    TRANSPORT_TYPE_TT_MP4_RAW, aacEncClose, aacEncEncode, aacEncInfo, aacEncOpen,
    aacEncoder_SetParam,
};

use super::CODEC;
use crate::{encode::encoder::EncodeError, media::packet::AudioFormat};

/// One running encoder of the library, for AAC-LC at a constant bitrate.
pub(super) struct Codec {
    /// Made by `aacEncOpen`, valid until `drop`.
    encoder: HANDLE_AACENCODER,
    channels: usize,
}

/// What the library tells of an encoder.
pub(super) struct Told {
    /// The AudioSpecificConfig.
    pub(super) specific_config: Vec<u8>,
    /// Samples per channel that what a decoder gives back comes later than it went in.
    pub(super) priming: u32,
    /// No access unit is longer.
    pub(super) most_bytes: usize,
}

// SAFETY: the library keeps no thread-local state; one encoder may be used from any thread, one at a time,
// which `&mut self` on every method that encodes guarantees.
unsafe impl Send for Codec {}

impl Codec {
    /// An encoder that is ready for sound.
    pub(super) fn open(format: &AudioFormat) -> Result<Self, EncodeError> {
        let mut encoder: HANDLE_AACENCODER = ptr::null_mut();
        let channels = u32::from(format.channels);
        // SAFETY: `encoder` is a valid place for the pointer.
        let code = unsafe { aacEncOpen(&raw mut encoder, AAC_MODULE, channels) };
        check("aacEncOpen", code)?;
        let codec = Self {
            encoder,
            channels: format.channels.into(),
        };
        for (parameter, value) in [
            (
                AACENC_PARAM_AACENC_AOT,
                AUDIO_OBJECT_TYPE_AOT_AAC_LC.unsigned_abs(),
            ),
            (AACENC_PARAM_AACENC_BITRATE, format.bitrate.bps()),
            (AACENC_PARAM_AACENC_SAMPLERATE, format.sample_rate),
            (
                AACENC_PARAM_AACENC_TRANSMUX,
                TRANSPORT_TYPE_TT_MP4_RAW.unsigned_abs(),
            ),
            // For mono and stereo it is the number of channels.
            (AACENC_PARAM_AACENC_CHANNELMODE, channels),
        ] {
            // SAFETY: the encoder lives; the library checks the value.
            let code = unsafe { aacEncoder_SetParam(codec.encoder, parameter, value) };
            check("aacEncoder_SetParam", code)?;
        }
        // SAFETY: the encoder lives; without buffers the library only takes the settings.
        let code = unsafe {
            aacEncEncode(
                codec.encoder,
                ptr::null(),
                ptr::null(),
                ptr::null(),
                ptr::null_mut(),
            )
        };
        check("aacEncEncode", code)?;
        Ok(codec)
    }

    /// What it tells of itself.
    pub(super) fn told(&self) -> Result<Told, EncodeError> {
        let mut info = MaybeUninit::<AACENC_InfoStruct>::zeroed();
        // SAFETY: the encoder lives, and `info` is a valid place; it consists of numbers, for which zeros are valid.
        let (code, info) = unsafe {
            let code = aacEncInfo(self.encoder, info.as_mut_ptr());
            (code, info.assume_init())
        };
        check("aacEncInfo", code)?;
        let length = (info.confSize as usize).min(info.confBuf.len());
        Ok(Told {
            specific_config: info.confBuf[..length].to_vec(),
            priming: info.nDelay,
            most_bytes: info.maxOutBufBytes as usize,
        })
    }

    /// Takes `samples`, interleaved, at most an access unit of them; gives how many bytes it wrote into `unit`, none
    /// while it has too few samples.
    pub(super) fn encode(
        &mut self,
        samples: &[i16],
        unit: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let count = int(samples.len() / self.channels * self.channels);
        // The library takes pointers to mutable samples but only reads.
        let mut input = samples.as_ptr().cast_mut().cast();
        let mut input_kind = AACENC_BufferIdentifier_IN_AUDIO_DATA.cast_signed();
        let mut input_bytes = int(size_of_val(samples));
        let mut input_width = int(size_of::<i16>());
        let from = AACENC_BufDesc {
            numBufs: 1,
            bufs: &raw mut input,
            bufferIdentifiers: &raw mut input_kind,
            bufSizes: &raw mut input_bytes,
            bufElSizes: &raw mut input_width,
        };
        let mut output = unit.as_mut_ptr().cast();
        let mut output_kind = AACENC_BufferIdentifier_OUT_BITSTREAM_DATA.cast_signed();
        let mut output_bytes = int(unit.len());
        let mut output_width = int(size_of::<u8>());
        let to = AACENC_BufDesc {
            numBufs: 1,
            bufs: &raw mut output,
            bufferIdentifiers: &raw mut output_kind,
            bufSizes: &raw mut output_bytes,
            bufElSizes: &raw mut output_width,
        };
        let taken = AACENC_InArgs {
            numInSamples: count,
            numAncBytes: 0,
        };
        let mut made = MaybeUninit::<AACENC_OutArgs>::zeroed();
        // SAFETY: the encoder lives; both descriptions name one buffer each, that of `samples`, which the library
        // only reads, and that of `unit`, with their true sizes; nothing of them is kept. What it tells consists of
        // numbers, for which zeros are valid.
        let (code, made) = unsafe {
            let code = aacEncEncode(
                self.encoder,
                &raw const from,
                &raw const to,
                &raw const taken,
                made.as_mut_ptr(),
            );
            (code, made.assume_init())
        };
        check("aacEncEncode", code)?;
        debug_assert_eq!(
            made.numInSamples, count,
            "the library takes all it is given"
        );
        Ok(usize::try_from(made.numOutBytes)
            .unwrap_or(0)
            .min(unit.len()))
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: the encoder was made by the same library and is not used again.
        unsafe { aacEncClose(&raw mut self.encoder) };
    }
}

fn check(call: &'static str, code: AACENC_ERROR) -> Result<(), EncodeError> {
    if code == AACENC_ERROR_AACENC_OK {
        Ok(())
    } else {
        Err(EncodeError::Codec {
            codec: CODEC,
            call,
            code: i32::try_from(code).unwrap_or(-1),
        })
    }
}

/// Lengths here are a few kilobytes.
fn int(length: usize) -> c_int {
    c_int::try_from(length).unwrap_or(0)
}

/// `encModules` of `aacEncOpen`: AAC alone, without SBR, parametric stereo, MPEG Surround and metadata.
const AAC_MODULE: u32 = 0x01;

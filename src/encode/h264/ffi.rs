//! OpenH264 behind a safe door: the only place that calls the library's C interface for encoding.
//!
//! The `openh264` crate's own encoder cannot switch CABAC on, cut a picture into slices for several
//! threads, or change the bitrate while running; the interface underneath it can.

#![expect(unsafe_code, reason = "OpenH264 is a C++ library with a C interface")]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
};

use openh264_sys2::{
    API, CAMERA_VIDEO_REAL_TIME, CM_BT709, CONSTANT_ID, CP_BT709, DynamicAPI, ENCODER_OPTION,
    ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, ENCODER_OPTION_TRACE_CALLBACK,
    ENCODER_OPTION_TRACE_CALLBACK_CONTEXT, ENCODER_OPTION_TRACE_LEVEL, ISVCEncoder,
    ISVCEncoderVtbl, LEVEL_UNKNOWN, LOW_COMPLEXITY, PRO_HIGH, RC_OFF_MODE, SEncParamExt,
    SFrameBSInfo, SM_FIXEDSLCNUM_SLICE, SM_SINGLE_SLICE, SSourcePicture, TRC_BT709, VF_COMPONENT,
    WELS_LOG_INFO, WELS_LOG_QUIET, videoFormatI420,
};

use super::CODEC;
use crate::{
    encode::encoder::EncodeError,
    media::{frame::I420, packet::VideoFormat},
    units::PixelSize,
};

/// What the library needs to know once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setup {
    pub(super) format: VideoFormat,
    /// Slices per picture, each on its own thread; 1 keeps everything on the caller's thread.
    pub(super) slices: u16,
    /// Whether the edges of blocks are filtered.
    pub(super) deblocking: bool,
}

/// One running encoder of the library.
pub(super) struct Codec {
    api: DynamicAPI,
    /// Made by `WelsCreateSVCEncoder`, valid until `drop`.
    encoder: *mut ISVCEncoder,
    calls: ISVCEncoderVtbl,
    /// What the last call of `EncodeFrame` produced; its pointers are valid until the next one.
    output: Box<SFrameBSInfo>,
    /// What the library was told last.
    parameters: SEncParamExt,
    size: PixelSize,
}

// SAFETY: the library keeps no thread-local state; one encoder may be used from any thread, one at a time,
// which `&mut self` on every method guarantees.
unsafe impl Send for Codec {}

impl Codec {
    /// An encoder that is ready for pictures.
    pub(super) fn open(setup: &Setup) -> Result<Self, EncodeError> {
        let mut codec = Self::create(setup.format.size)?;
        codec.start(setup)?;
        Ok(codec)
    }

    /// The processor features that the library uses, as it tells them itself; 0 when it was built without
    /// any assembly.
    pub(super) fn cpu_features(setup: &Setup) -> Result<u32, EncodeError> {
        let mut features: Option<u32> = None;
        let mut context: *mut c_void = (&raw mut features).cast();
        let mut callback: TraceCallback = note_cpu_features;
        let mut level: c_int = WELS_LOG_INFO;
        let mut codec = Self::create(setup.format.size)?;
        codec.set_option(ENCODER_OPTION_TRACE_CALLBACK_CONTEXT, &mut context)?;
        codec.set_option(ENCODER_OPTION_TRACE_CALLBACK, &mut callback)?;
        codec.set_option(ENCODER_OPTION_TRACE_LEVEL, &mut level)?;
        codec.start(setup)?;
        // Before `features` goes: the library also reports its end to the callback.
        drop(codec);
        features.ok_or(failure("InitializeExt", -3))
    }

    /// An encoder of the library that has no settings yet and says nothing on standard error.
    fn create(size: PixelSize) -> Result<Self, EncodeError> {
        let api = DynamicAPI::from_source();
        let mut encoder: *mut ISVCEncoder = ptr::null_mut();
        // SAFETY: `encoder` is a valid place for the pointer.
        let code = unsafe { api.WelsCreateSVCEncoder(&raw mut encoder) };
        if code != 0 || encoder.is_null() {
            return Err(failure("WelsCreateSVCEncoder", code));
        }
        // SAFETY: on success `encoder` points to a C++ object, whose first field points to its table of
        // functions; both live until `WelsDestroySVCEncoder`.
        let calls = unsafe { **encoder };
        let mut codec = Self {
            api,
            encoder,
            calls,
            output: Box::default(),
            parameters: SEncParamExt::default(),
            size,
        };
        let mut quiet: c_int = WELS_LOG_QUIET;
        codec.set_option(ENCODER_OPTION_TRACE_LEVEL, &mut quiet)?;
        Ok(codec)
    }

    fn start(&mut self, setup: &Setup) -> Result<(), EncodeError> {
        let mut parameters = SEncParamExt::default();
        let call = "GetDefaultParams";
        let get_default_params = self.calls.GetDefaultParams.ok_or(missing(call))?;
        // SAFETY: the encoder lives, and `parameters` is a valid place for the defaults.
        let code = unsafe { get_default_params(self.encoder, &raw mut parameters) };
        check(call, code)?;

        configure(&mut parameters, setup);
        let call = "InitializeExt";
        let initialize = self.calls.InitializeExt.ok_or(missing(call))?;
        // SAFETY: the encoder lives; the library copies the parameters.
        let code = unsafe { initialize(self.encoder, &raw const parameters) };
        check(call, code)?;
        self.parameters = parameters;
        Ok(())
    }

    /// Encodes `picture` and hands each NAL unit, without start code, to `sink`; no call of `sink` when the
    /// rate control left the picture out.
    pub(super) fn encode(
        &mut self,
        picture: &I420,
        millis: i64,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), EncodeError> {
        let call = "EncodeFrame";
        if picture.size() != self.size {
            return Err(failure(call, -1));
        }
        let source = source_picture(picture, millis);
        let encode_frame = self.calls.EncodeFrame.ok_or(missing(call))?;
        // SAFETY: the encoder lives; `source` describes planes that `picture` owns and that are as large as
        // the encoder was told (checked above), and the library only reads them during the call.
        let code = unsafe { encode_frame(self.encoder, &raw const source, &raw mut *self.output) };
        check(call, code)?;

        let layers = usize::try_from(self.output.iLayerNum).unwrap_or(0);
        for layer in self.output.sLayerInfo.iter().take(layers) {
            let count = usize::try_from(layer.iNalCount).unwrap_or(0);
            if count == 0 || layer.pNalLengthInByte.is_null() || layer.pBsBuf.is_null() {
                continue;
            }
            // SAFETY: the library says that `pNalLengthInByte` holds `iNalCount` lengths.
            let lengths = unsafe { std::slice::from_raw_parts(layer.pNalLengthInByte, count) };
            let mut offset = 0;
            for &length in lengths {
                let length = usize::try_from(length).unwrap_or(0);
                // SAFETY: the library says that `pBsBuf` holds the NAL units one after the other, each as
                // long as its length tells, until the next call.
                let unit = unsafe { std::slice::from_raw_parts(layer.pBsBuf.add(offset), length) };
                offset += length;
                sink(without_start_code(unit));
            }
        }
        Ok(())
    }

    /// Makes the next picture an IDR picture.
    pub(super) fn force_key_frame(&mut self) -> Result<(), EncodeError> {
        let call = "ForceIntraFrame";
        let force_intra_frame = self.calls.ForceIntraFrame.ok_or(missing(call))?;
        // SAFETY: the encoder lives. The C++ method has a third parameter, a layer, that the C interface
        // leaves out; it is only read for simulcast, which is off.
        check(call, unsafe { force_intra_frame(self.encoder, true) })
    }

    /// Quantises by `qp` from the next picture on. The library takes all parameters anew for it, and starts no
    /// new sequence as long as only such ones differ.
    pub(super) fn set_qp(&mut self, qp: u8) -> Result<(), EncodeError> {
        let mut parameters = self.parameters;
        let layer = &mut parameters.sSpatialLayers[0];
        if layer.iDLayerQp == c_int::from(qp) {
            return Ok(());
        }
        layer.iDLayerQp = qp.into();
        self.set_option(ENCODER_OPTION_SVC_ENCODE_PARAM_EXT, &mut parameters)?;
        self.parameters = parameters;
        Ok(())
    }

    /// Sets an option; `T` must be the type that the library's header gives for it.
    fn set_option<T>(&mut self, option: ENCODER_OPTION, value: &mut T) -> Result<(), EncodeError> {
        let call = "SetOption";
        let set_option = self.calls.SetOption.ok_or(missing(call))?;
        // SAFETY: the encoder lives; every caller in this file passes the option's own type, which the
        // library copies.
        let code = unsafe { set_option(self.encoder, option, ptr::from_mut(value).cast()) };
        check(call, code)
    }
}

impl Drop for Codec {
    fn drop(&mut self) {
        // SAFETY: the encoder was made by the same library and is not used again; destroying it also
        // uninitialises it and ends its threads.
        unsafe { self.api.WelsDestroySVCEncoder(self.encoder) };
    }
}

type TraceCallback = unsafe extern "C" fn(*mut c_void, c_int, *const c_char);

/// Reads the flags out of the line in which the library tells what the processor can do. `context` is where
/// they go, an `Option<u32>`.
unsafe extern "C" fn note_cpu_features(context: *mut c_void, _: c_int, line: *const c_char) {
    if context.is_null() || line.is_null() {
        return;
    }
    // SAFETY: the library passes a line that ends with a zero byte and lives during the call.
    let line = unsafe { CStr::from_ptr(line) }.to_string_lossy();
    let flags = line
        .split_once("CPU features/capacities (0x")
        .and_then(|(_, rest)| rest.split_once(')'))
        .and_then(|(flags, _)| u32::from_str_radix(flags, 16).ok());
    if flags.is_some() {
        // SAFETY: `context` is the `Option<u32>` that `cpu_features` keeps until the encoder is gone, and
        // the library calls back on the thread that `cpu_features` runs on.
        unsafe { *context.cast::<Option<u32>>() = flags };
    }
}

/// What differs from the library's defaults.
fn configure(parameters: &mut SEncParamExt, setup: &Setup) {
    let format = &setup.format;
    let (width, height) = (int(format.size.width), int(format.size.height));
    #[expect(clippy::cast_precision_loss, reason = "at most 60")]
    let frame_rate = format.frame_rate.fps() as f32;
    let bitrate = int(format.bitrate.bps());

    parameters.iUsageType = CAMERA_VIDEO_REAL_TIME;
    parameters.iPicWidth = width;
    parameters.iPicHeight = height;
    parameters.fMaxFrameRate = frame_rate;
    parameters.iTargetBitrate = bitrate;
    // The caller chooses each picture's quantiser.
    parameters.iRCMode = RC_OFF_MODE;
    parameters.bEnableFrameSkip = false;
    // A higher one takes a quarter more instructions for VMAF that is a tenth of a point higher.
    parameters.iComplexityMode = LOW_COMPLEXITY;
    parameters.iEntropyCodingModeFlag = 1;
    // Key frames come on demand only: the caller also counts the frames it leaves out.
    parameters.uiIntraPeriod = 0;
    parameters.iNumRefFrame = 1;
    // Parameter sets that stay the same at every key frame need to be sent once only.
    parameters.eSpsPpsIdStrategy = CONSTANT_ID;
    // A key frame where the scene changes would break the interval that servers cut segments by.
    parameters.bEnableSceneChangeDetect = false;
    // Both cost quality: VMAF is about one point lower with them.
    parameters.bEnableAdaptiveQuant = false;
    parameters.bEnableBackgroundDetection = false;
    parameters.bEnableDenoise = false;
    parameters.iLoopFilterDisableIdc = (!setup.deblocking).into();
    parameters.iMultipleThreadIdc = setup.slices;
    // The same pictures give the same bytes.
    parameters.bUseLoadBalancing = false;

    let layer = &mut parameters.sSpatialLayers[0];
    layer.iVideoWidth = width;
    layer.iVideoHeight = height;
    layer.fFrameRate = frame_rate;
    layer.iSpatialBitrate = bitrate;
    layer.uiProfileIdc = PRO_HIGH;
    // The library then chooses the lowest level that fits size, frame rate and bitrate.
    layer.uiLevelIdc = LEVEL_UNKNOWN;
    if setup.slices > 1 {
        layer.sSliceArgument.uiSliceMode = SM_FIXEDSLCNUM_SLICE;
        layer.sSliceArgument.uiSliceNum = setup.slices.into();
    } else {
        layer.sSliceArgument.uiSliceMode = SM_SINGLE_SLICE;
    }
    layer.bVideoSignalTypePresent = true;
    layer.uiVideoFormat = byte(VF_COMPONENT);
    layer.bFullRange = false;
    layer.bColorDescriptionPresent = true;
    layer.uiColorPrimaries = byte(CP_BT709);
    layer.uiTransferCharacteristics = byte(TRC_BT709);
    layer.uiColorMatrix = byte(CM_BT709);
}

fn source_picture(picture: &I420, millis: i64) -> SSourcePicture {
    let [y, u, v] = picture.planes();
    let (luma, chroma) = (picture.size(), picture.chroma_size());
    SSourcePicture {
        iColorFormat: videoFormatI420,
        iStride: [int(luma.width), int(chroma.width), int(chroma.width), 0],
        // The library takes pointers to mutable bytes but only reads.
        pData: [
            y.as_ptr().cast_mut(),
            u.as_ptr().cast_mut(),
            v.as_ptr().cast_mut(),
            ptr::null_mut(),
        ],
        iPicWidth: int(luma.width),
        iPicHeight: int(luma.height),
        uiTimeStamp: millis,
        ..SSourcePicture::default()
    }
}

/// A NAL unit without the three or four bytes that set it off in a byte stream (H.264, annex B).
fn without_start_code(unit: &[u8]) -> &[u8] {
    unit.strip_prefix(&[0, 0, 0, 1])
        .or_else(|| unit.strip_prefix(&[0, 0, 1]))
        .unwrap_or(unit)
}

fn check(call: &'static str, code: c_int) -> Result<(), EncodeError> {
    if code == 0 {
        Ok(())
    } else {
        Err(failure(call, code))
    }
}

/// The library's table has no such function: another library than the one this was built with.
const fn missing(call: &'static str) -> EncodeError {
    failure(call, -2)
}

/// A call of the library that failed, and the number it returned.
const fn failure(call: &'static str, code: i32) -> EncodeError {
    EncodeError::Codec {
        codec: CODEC,
        call,
        code,
    }
}

/// Sides and bitrates are checked to be far below the limit.
fn int(value: u32) -> c_int {
    c_int::try_from(value).unwrap_or(c_int::MAX)
}

/// Code points of VUI fields fit in a byte.
fn byte(value: c_int) -> u8 {
    u8::try_from(value).unwrap_or(0)
}

//! The NAL units of one picture, sorted out.

use bytes::Bytes;

use crate::media::{packet::AvcConfig, packet_buffer::PacketBuffer};

/// One access unit as the codec hands it over; used again for the next one.
#[derive(Default)]
pub(super) struct AccessUnit {
    /// Parameter sets; empty where there are none.
    sps: Vec<u8>,
    pps: Vec<u8>,
    /// Everything but parameter sets and delimiters, each behind its length.
    data: PacketBuffer,
    pub(super) key_frame: bool,
    /// Whether a slice says that no other picture refers to it.
    pub(super) disposable: bool,
}

impl AccessUnit {
    /// Forgets the last picture.
    pub(super) fn begin(&mut self) {
        self.sps.clear();
        self.pps.clear();
        self.data.clear();
        (self.key_frame, self.disposable) = (false, false);
    }

    pub(super) fn bits(&self) -> u64 {
        self.data.len() as u64 * 8
    }

    pub(super) fn push(&mut self, nal: &[u8]) {
        let Some(&header) = nal.first() else { return };
        match header & NAL_TYPE_MASK {
            NAL_SPS => nal.clone_into(&mut self.sps),
            NAL_PPS => nal.clone_into(&mut self.pps),
            NAL_DELIMITER => {}
            nal_type => {
                if matches!(nal_type, NAL_SLICE | NAL_IDR_SLICE) {
                    self.key_frame = nal_type == NAL_IDR_SLICE;
                    self.disposable = header & NAL_REF_IDC_MASK == 0;
                }
                let Ok(length) = u32::try_from(nal.len()) else {
                    return;
                };
                self.data.put(&length.to_be_bytes());
                self.data.put(nal);
            }
        }
    }

    /// The parameter sets, if it has both and they are not those `known`.
    pub(super) fn new_config(&self, known: Option<&AvcConfig>) -> Option<AvcConfig> {
        if self.sps.is_empty() || self.pps.is_empty() {
            return None;
        }
        let is_known = known.is_some_and(|it| it.sps == self.sps && it.pps == self.pps);
        (!is_known).then(|| AvcConfig {
            sps: Bytes::copy_from_slice(&self.sps),
            pps: Bytes::copy_from_slice(&self.pps),
        })
    }

    /// The slices; `None` if there are none.
    pub(super) fn take_data(&mut self) -> Option<Bytes> {
        (!self.data.is_empty()).then(|| self.data.take())
    }
}

/// Parts of a NAL unit's first byte (H.264, 7.3.1) and the types of 7.4.1.
pub(super) const NAL_TYPE_MASK: u8 = 0x1f;
const NAL_REF_IDC_MASK: u8 = 0x60;
pub(super) const NAL_SLICE: u8 = 1;
pub(super) const NAL_IDR_SLICE: u8 = 5;
pub(super) const NAL_SPS: u8 = 7;
pub(super) const NAL_PPS: u8 = 8;
const NAL_DELIMITER: u8 = 9;

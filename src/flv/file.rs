//! Whole FLV files, written and read (FLV 10.1, E.2 to E.4).

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use thiserror::Error;

use super::{metadata, tag, tag::TagBody, timestamps::Timestamps};
use crate::media::packet::{AacConfig, AudioPacket, AvcConfig, Packet, StreamFormat};

/// Writes a file as the packets come, so that what is written plays at any time.
///
/// The file begins with the first key frame at time 0 (without picture: with the first sound); what comes
/// before is left out. Codec headers are written before the first packet that needs them and when they change.
#[derive(Debug)]
pub struct FlvWriter<W> {
    out: W,
    format: StreamFormat,
    timestamps: Timestamps,
    avc: Option<Arc<AvcConfig>>,
    aac: Option<Arc<AacConfig>>,
    bytes: u64,
    duration: Duration,
}

impl<W: Write> FlvWriter<W> {
    /// Begins a file: header and metadata.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(out: W, format: StreamFormat) -> io::Result<Self> {
        let mut writer = Self {
            out,
            timestamps: Timestamps::new(format.video.is_some()),
            format,
            avc: None,
            aac: None,
            bytes: 0,
            duration: Duration::ZERO,
        };
        let tracks = HAS_AUDIO | writer.format.video.map_or(0, |_| HAS_VIDEO);
        writer.put(&file_header(tracks))?;
        let body = metadata::script_body(&writer.format);
        writer.write_tag(tag_type::SCRIPT, 0, &[&body])?;
        Ok(writer)
    }

    /// Appends a packet, or leaves it out when it lies before the begin.
    ///
    /// # Errors
    /// When `out` cannot be written. The last tag may then be incomplete; readers end before it.
    pub fn write(&mut self, packet: &Packet) -> io::Result<()> {
        let Some(time) = self.timestamps.stamp(packet) else {
            return Ok(());
        };
        let lasts = match packet {
            Packet::Video(packet) => {
                if self.avc.as_ref() != Some(&packet.config) {
                    self.avc = Some(packet.config.clone());
                    let header = tag::avc_sequence_header(&packet.config);
                    self.write_body(tag_type::VIDEO, time, &header)?;
                }
                self.write_body(tag_type::VIDEO, time, &tag::avc_frame(packet))?;
                let video = self.format.video;
                video.map_or(Duration::ZERO, |video| video.frame_rate.frame_duration())
            }
            Packet::Audio(packet) => {
                if self.aac.as_ref() != Some(&packet.config) {
                    self.aac = Some(packet.config.clone());
                    let header = tag::aac_sequence_header(&packet.config);
                    self.write_body(tag_type::AUDIO, time, &header)?;
                }
                self.write_body(tag_type::AUDIO, time, &tag::aac_frame(packet))?;
                let rate = packet.config.sample_rate.max(1);
                Duration::from_secs(AudioPacket::SAMPLES.into()) / rate
            }
        };
        let end = Duration::from_millis(time.into()) + lasts;
        self.duration = self.duration.max(end);
        Ok(())
    }

    /// Bytes written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long the file plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// What is written to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    fn write_body(&mut self, tag_type: u8, time: u32, body: &TagBody) -> io::Result<()> {
        self.write_tag(tag_type, time, &body.parts())
    }

    fn write_tag(&mut self, tag_type: u8, time: u32, parts: &[&[u8]]) -> io::Result<()> {
        self.bytes += write_tag(&mut self.out, tag_type, time, parts)?;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// The begin of a file with these tracks: header, and the size of no tag.
pub(super) fn file_header(tracks: u8) -> [u8; FIRST_TAG_AT] {
    let mut header = [0; FIRST_TAG_AT];
    header[..5].copy_from_slice(&[b'F', b'L', b'V', VERSION, tracks]);
    header[8] = HEADER_BYTES;
    header
}

/// Writes a tag whose body is `parts`, one after the other, at `time` in milliseconds; gives its bytes in all.
pub(super) fn write_tag(
    out: &mut impl Write,
    tag_type: u8,
    time: u32,
    parts: &[&[u8]],
) -> io::Result<u64> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length)
        .ok()
        .filter(|&length| length <= MAX_TAG_BYTES)
        .ok_or(io::ErrorKind::FileTooLarge)?;
    let [_, length_bytes @ ..] = length.to_be_bytes();
    // The highest byte of the time stands behind the lower three (E.4.1).
    let [time_extended, time_bytes @ ..] = time.to_be_bytes();

    let mut header = [0; TAG_HEADER_BYTES as usize];
    header[0] = tag_type;
    header[1..4].copy_from_slice(&length_bytes);
    header[4..7].copy_from_slice(&time_bytes);
    header[7] = time_extended;
    out.write_all(&header)?;
    for part in parts {
        out.write_all(part)?;
    }
    let size = length + TAG_HEADER_BYTES;
    out.write_all(&size.to_be_bytes())?;
    Ok(u64::from(size) + size_of_val(&size) as u64)
}

/// Writes duration and size into the metadata at a file's begin; leaves `out` at its end.
pub(super) fn fill_in(
    out: &mut (impl Write + Seek),
    duration: Duration,
    bytes: u64,
) -> io::Result<()> {
    const BODY_AT: u64 = FIRST_TAG_AT as u64 + TAG_HEADER_BYTES as u64;
    for (at, number) in [
        (metadata::DURATION_AT, duration.as_secs_f64()),
        (metadata::FILE_SIZE_AT, bytes as f64),
    ] {
        out.seek(SeekFrom::Start(BODY_AT + at))?;
        out.write_all(&number.to_be_bytes())?;
    }
    out.seek(SeekFrom::Start(bytes))?;
    Ok(())
}

impl<W: Write + Seek> FlvWriter<W> {
    /// Tells duration and size in the metadata at the file's begin. More packets may follow.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn fill_in_metadata(&mut self) -> io::Result<()> {
        fill_in(&mut self.out, self.duration, self.bytes)
    }
}

/// Reads the tags of a file, of whatever origin.
#[derive(Debug)]
pub struct FlvReader<R> {
    input: R,
}

/// One tag of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlvTag {
    /// What it holds.
    pub kind: TagKind,
    /// Milliseconds.
    pub timestamp: u32,
    /// Its body; [`tag::VideoTag::parse`] and [`tag::AudioTag::parse`] read it.
    pub body: Bytes,
}

/// What a tag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Metadata in AMF0.
    Script,
}

impl<R: Read> FlvReader<R> {
    /// Reads a file's header.
    ///
    /// # Errors
    /// When the file cannot be read or is not FLV.
    pub fn new(mut input: R) -> Result<Self, FlvError> {
        let mut header = Vec::new();
        input
            .by_ref()
            .take(u64::from(HEADER_BYTES))
            .read_to_end(&mut header)?;
        let &[b'F', b'L', b'V', VERSION, _, a, b, c, d] = &header[..] else {
            return Err(FlvError::NotFlv);
        };
        // A longer header is allowed; its size is the file's word, so it is bounded.
        let more = u32::from_be_bytes([a, b, c, d]).wrapping_sub(u32::from(HEADER_BYTES));
        if more > MAX_MORE_HEADER_BYTES {
            return Err(FlvError::NotFlv);
        }
        let previous_tag_size = 4;
        let skipped = u64::from(more) + previous_tag_size;
        io::copy(&mut input.by_ref().take(skipped), &mut io::sink())?;
        Ok(Self { input })
    }

    /// The next tag; `None` at the end, also where the last tag is cut off. Tags of unknown kinds are skipped.
    ///
    /// # Errors
    /// When the file cannot be read, or a tag is encrypted.
    pub fn next_tag(&mut self) -> Result<Option<FlvTag>, FlvError> {
        loop {
            let Some(header) = self.read(TAG_HEADER_BYTES)? else {
                return Ok(None);
            };
            let &[tag_type, l1, l2, l3, t2, t3, t4, t1, ..] = &header[..] else {
                return Ok(None);
            };
            if tag_type & FILTERED != 0 {
                return Err(FlvError::Encrypted);
            }
            let length = u32::from_be_bytes([0, l1, l2, l3]);
            let Some(body) = self.read(length)? else {
                return Ok(None);
            };
            // The size of the tag, for reading backwards. Without it the tag is still whole.
            self.read(4)?;
            let kind = match tag_type {
                tag_type::AUDIO => TagKind::Audio,
                tag_type::VIDEO => TagKind::Video,
                tag_type::SCRIPT => TagKind::Script,
                _ => continue,
            };
            return Ok(Some(FlvTag {
                kind,
                timestamp: u32::from_be_bytes([t1, t2, t3, t4]),
                body: body.into(),
            }));
        }
    }

    /// `length` bytes, or `None` when there are fewer. Memory grows with what is there.
    fn read(&mut self, length: u32) -> Result<Option<Vec<u8>>, FlvError> {
        let mut bytes = Vec::new();
        let length = u64::from(length);
        self.input.by_ref().take(length).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 == length).then_some(bytes))
    }
}

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum FlvError {
    /// The file cannot be read at all.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
    /// The file is of another kind.
    #[error("the file is not an FLV file")]
    NotFlv,
    /// The file is protected.
    #[error("the file is encrypted")]
    Encrypted,
}

const VERSION: u8 = 1;
const HEADER_BYTES: u8 = 9;
pub(super) const HAS_AUDIO: u8 = 4;
pub(super) const HAS_VIDEO: u8 = 1;

/// Behind the header and the size of no tag before the first.
const FIRST_TAG_AT: usize = HEADER_BYTES as usize + 4;

/// Type, length, time, stream.
const TAG_HEADER_BYTES: u32 = 11;

/// The longest body of a tag: its length has 24 bits.
const MAX_TAG_BYTES: u32 = 0xFF_FFFF;

/// Bytes that a header of a later version may have beyond the known ones.
const MAX_MORE_HEADER_BYTES: u32 = 64 * 1024;

/// The bit that marks a tag as encrypted (E.4.1).
const FILTERED: u8 = 0x20;

pub(super) mod tag_type {
    pub(crate) const AUDIO: u8 = 8;
    pub(crate) const VIDEO: u8 = 9;
    pub(crate) const SCRIPT: u8 = 18;
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use hex_literal::hex;
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{
        amf0::{Value, read_values},
        flv::testing::{audio_at, format, sound_only, video_at},
        units::MediaTime,
    };

    fn millis(time: u64) -> MediaTime {
        MediaTime::from_millis(time)
    }

    fn written(format: StreamFormat, packets: &[Packet]) -> Vec<u8> {
        let mut writer = FlvWriter::new(Cursor::new(Vec::new()), format).unwrap();
        for packet in packets {
            writer.write(packet).unwrap();
        }
        writer.fill_in_metadata().unwrap();
        assert_eq!(writer.bytes(), writer.out.get_ref().len() as u64);
        writer.out.into_inner()
    }

    fn read(file: &[u8]) -> Vec<FlvTag> {
        let mut reader = FlvReader::new(file).unwrap();
        std::iter::from_fn(|| reader.next_tag().unwrap()).collect()
    }

    /// Kind, time and first two bytes of each tag behind the metadata.
    fn outline(file: &[u8]) -> Vec<(TagKind, u32, [u8; 2])> {
        let tags = read(file).into_iter().skip(1);
        tags.map(|tag| (tag.kind, tag.timestamp, [tag.body[0], tag.body[1]]))
            .collect()
    }

    #[test]
    fn a_file_begins_with_the_first_key_frame_and_its_headers() {
        let file = written(
            format(),
            &[
                audio_at(millis(480)),
                video_at(millis(490), false),
                video_at(millis(500), true),
                audio_at(millis(490)),
                audio_at(millis(512)),
                video_at(millis(533), false),
            ],
        );
        assert_eq!(file[..13], hex!("464C56 01 05 00000009 00000000"));
        assert_eq!(
            outline(&file),
            [
                (TagKind::Video, 0, [0x17, 0]),
                (TagKind::Video, 0, [0x17, 1]),
                (TagKind::Audio, 12, [0xAF, 0]),
                (TagKind::Audio, 12, [0xAF, 1]),
                (TagKind::Video, 33, [0x27, 1]),
            ]
        );
    }

    #[test]
    fn a_file_of_sound_alone_begins_with_its_first_packet() {
        let file = written(
            sound_only(),
            &[audio_at(millis(480)), audio_at(millis(501))],
        );
        assert_eq!(file[4], HAS_AUDIO);
        assert_eq!(
            outline(&file),
            [
                (TagKind::Audio, 0, [0xAF, 0]),
                (TagKind::Audio, 0, [0xAF, 1]),
                (TagKind::Audio, 21, [0xAF, 1]),
            ]
        );
    }

    #[test]
    fn headers_are_written_again_only_when_they_change() {
        let same = video_at(millis(2000), true);
        let mut changed = video_at(millis(4000), true);
        if let Packet::Video(packet) = &mut changed {
            packet.config = Arc::new(AvcConfig {
                sps: Bytes::from_static(&hex!("674D401F")),
                pps: packet.config.pps.clone(),
            });
        }
        let file = written(format(), &[video_at(millis(0), true), same, changed]);
        let times: Vec<u32> = outline(&file)
            .iter()
            .filter(|(_, _, bytes)| *bytes == [0x17, 0])
            .map(|&(_, time, _)| time)
            .collect();
        assert_eq!(times, [0, 4000]);
    }

    #[test]
    fn times_beyond_24_bits_use_the_extended_byte() {
        let late = 0x0123_4567;
        let file = written(
            format(),
            &[video_at(millis(0), true), video_at(millis(late), false)],
        );
        let tag = &file[file.len() - (11 + 11 + 4)..];
        assert_eq!(tag[..11], hex!("09 00000B 234567 01 000000"));
        assert_eq!(read(&file).last().unwrap().timestamp, 0x0123_4567);
    }

    #[test]
    fn duration_and_size_are_filled_in() {
        let file = written(
            format(),
            &[video_at(millis(0), true), video_at(millis(967), false)],
        );
        let metadata = read_values(&read(&file)[0].body).unwrap();
        let number = |name| metadata[1].get(name).and_then(Value::as_number).unwrap();
        assert!((number("duration") - 1.0).abs() < 0.001);
        assert!((number("filesize") - file.len() as f64).abs() < 0.5);
    }

    #[test]
    fn every_tag_is_followed_by_its_size() {
        let file = written(format(), &[video_at(millis(0), true)]);
        let mut at = FIRST_TAG_AT;
        while at < file.len() {
            let length = u32::from_be_bytes([0, file[at + 1], file[at + 2], file[at + 3]]) + 11;
            let end = at + length as usize;
            assert_eq!(file[end..end + 4], length.to_be_bytes());
            at = end + 4;
        }
        assert_eq!(at, file.len());
    }

    #[test]
    fn a_file_cut_off_anywhere_reads_up_to_its_last_whole_tag() {
        let file = written(
            format(),
            &[
                video_at(millis(0), true),
                audio_at(millis(5)),
                video_at(millis(33), false),
            ],
        );
        let whole = read(&file);
        for length in FIRST_TAG_AT..file.len() {
            let tags = read(&file[..length]);
            assert_eq!(tags, whole[..tags.len()]);
        }
        assert_eq!(
            read(&file[..file.len() - 4]),
            whole,
            "without the last size"
        );
        for length in 0..usize::from(HEADER_BYTES) {
            assert!(matches!(
                FlvReader::new(&file[..length]),
                Err(FlvError::NotFlv)
            ));
        }
    }

    #[test]
    fn hostile_files_are_refused_or_end() {
        for not_flv in [
            &b"FLV\x02\x05\0\0\0\x09"[..],
            b"FLV\x01\x05\0\0\0\x08",
            b"FLV\x01\x05\xFF\xFF\xFF\xFF",
            b"\x1A\x45\xDF\xA3\0\0\0\0\0",
        ] {
            assert!(matches!(FlvReader::new(not_flv), Err(FlvError::NotFlv)));
        }
        let begin = hex!("464C56 01 05 0000000A FF 00000000");
        let file = [&begin[..], &hex!("0F 000001 000000 00 000000 AA 0000000C")].concat();
        assert_eq!(read(&file), [], "an unknown tag is skipped");
        let file = [&begin[..], &hex!("09 FFFFFF 000000 00 000000 AA")].concat();
        assert_eq!(read(&file), [], "a length beyond the end");
        let file = [&begin[..], &hex!("29 000001 000000 00 000000 AA 0000000C")].concat();
        assert!(matches!(
            FlvReader::new(&file[..]).unwrap().next_tag(),
            Err(FlvError::Encrypted)
        ));
    }

    /// Pictures and sounds with any bytes, behind a key frame; in the order of their times.
    fn any_packets() -> impl Strategy<Value = Vec<Packet>> {
        let packet = (
            any::<bool>(),
            any::<bool>(),
            0..40_u64,
            vec(any::<u8>(), 0..50),
        );
        vec(packet, 0..20).prop_map(|packets| {
            let mut time = 0;
            let mut all = vec![video_at(millis(0), true)];
            for (is_video, key_frame, later, data) in packets {
                time += later;
                let mut packet = if is_video {
                    video_at(millis(time), key_frame)
                } else {
                    audio_at(millis(time))
                };
                match &mut packet {
                    Packet::Video(packet) => packet.data = data.into(),
                    Packet::Audio(packet) => packet.data = data.into(),
                }
                all.push(packet);
            }
            all
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn any_packets_are_in_the_file_as_they_came(
            packets in any_packets(),
            cut in any::<prop::sample::Index>(),
        ) {
            let file = written(format(), &packets);
            let tags = read(&file);
            let is_header = |tag: &FlvTag| tag.body[1] == 0;
            let media: Vec<_> = tags
                .iter()
                .skip(1)
                .filter(|tag| !is_header(tag))
                .map(|tag| (tag.kind, u64::from(tag.timestamp), tag.body.clone()))
                .collect();
            let given: Vec<_> = packets
                .iter()
                .map(|packet| match packet {
                    Packet::Video(packet) => (
                        TagKind::Video,
                        packet.time.as_millis(),
                        tag::avc_frame(packet).to_bytes(),
                    ),
                    Packet::Audio(packet) => (
                        TagKind::Audio,
                        packet.time.as_millis(),
                        tag::aac_frame(packet).to_bytes(),
                    ),
                })
                .collect();
            prop_assert_eq!(media, given);

            let length = FIRST_TAG_AT + cut.index(file.len() - FIRST_TAG_AT);
            let begin = read(&file[..length]);
            prop_assert_eq!(&begin[..], &tags[..begin.len()]);
        }

        #[test]
        fn arbitrary_bytes_behind_a_header_come_to_an_end(
            bytes in vec(prop_oneof![any::<u8>(), Just(0), Just(9)], 0..200),
        ) {
            let file = [&hex!("464C56 01 05 00000009 00000000")[..], &bytes].concat();
            let mut reader = FlvReader::new(&file[..]).unwrap();
            let mut total = 0;
            while let Ok(Some(tag)) = reader.next_tag() {
                total += 11 + tag.body.len();
            }
            prop_assert!(total <= bytes.len());
        }
    }
}

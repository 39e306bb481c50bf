//! Writes files of tags as they came from somewhere else, whatever their codecs.

use std::{
    io::{self, Seek, Write},
    time::Duration,
};

use super::file::{
    FlvTag, HAS_AUDIO, HAS_VIDEO, TagKind, file_header, fill_in, tag_type, write_tag,
};
use crate::amf0::{Value, write_value};

/// Writes a file tag by tag, so that what is written plays at any time.
#[derive(Debug)]
pub struct TagFileWriter<W> {
    out: W,
    bytes: u64,
    duration: Duration,
}

impl<W: Write> TagFileWriter<W> {
    /// Begins a file: header, and the properties of `metadata` but for duration and size, which are told at the
    /// end.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn new(mut out: W, metadata: Option<&Value>) -> io::Result<Self> {
        // Which tracks there are is not known yet: both, as most have.
        let header = file_header(HAS_AUDIO | HAS_VIDEO);
        out.write_all(&header)?;
        let script = write_tag(&mut out, tag_type::SCRIPT, 0, &[&script_body(metadata)])?;
        Ok(Self {
            out,
            bytes: header.len() as u64 + script,
            duration: Duration::ZERO,
        })
    }

    /// Appends a tag at `time`, in milliseconds from the file's begin, whatever time it bears itself.
    ///
    /// # Errors
    /// When `out` cannot be written. The last tag may then be incomplete; readers end before it.
    pub fn write(&mut self, tag: &FlvTag, time: u32) -> io::Result<()> {
        let tag_type = match tag.kind {
            TagKind::Audio => tag_type::AUDIO,
            TagKind::Video => tag_type::VIDEO,
            TagKind::Script => tag_type::SCRIPT,
        };
        self.bytes += write_tag(&mut self.out, tag_type, time, &[&tag.body])?;
        self.duration = self.duration.max(Duration::from_millis(time.into()));
        Ok(())
    }

    /// Bytes written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the last picture or sound begins.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// What is written to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }
}

impl<W: Write + Seek> TagFileWriter<W> {
    /// Tells duration and size in the metadata at the file's begin. More tags may follow.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn fill_in_metadata(&mut self) -> io::Result<()> {
        fill_in(&mut self.out, self.duration, self.bytes)
    }
}

/// The body of the metadata's tag, with what is filled in later where [`fill_in`] expects it.
fn script_body(metadata: Option<&Value>) -> Vec<u8> {
    const FILLED_IN: [&str; 2] = ["duration", "filesize"];
    let told = metadata.and_then(Value::properties).unwrap_or_default();
    let told = told
        .iter()
        .filter(|(name, _)| !FILLED_IN.contains(&name.as_str()));
    let filled_in = FILLED_IN.map(|name| (name.to_owned(), Value::Number(0.0)));
    let properties = filled_in.into_iter().chain(told.cloned()).collect();
    let mut body = Vec::new();
    write_value(&Value::from("onMetaData"), &mut body);
    write_value(&Value::EcmaArray(properties), &mut body);
    body
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use bytes::Bytes;

    use super::*;
    use crate::{amf0::read_values, flv::file::FlvReader};

    fn tag(kind: TagKind, body: &'static [u8]) -> FlvTag {
        FlvTag {
            kind,
            timestamp: 70_000,
            body: Bytes::from_static(body),
        }
    }

    #[test]
    fn tags_of_any_codec_are_read_back_with_the_times_given() {
        let mut file = Cursor::new(Vec::new());
        let mut writer = TagFileWriter::new(&mut file, None).unwrap();
        let tags = [
            tag(TagKind::Video, b"\x90hvc1\x01"),
            tag(TagKind::Audio, b"\x91Opus\x01"),
        ];
        for (time, tag) in [0, 0x0123_4567].into_iter().zip(&tags) {
            writer.write(tag, time).unwrap();
        }
        assert_eq!(writer.bytes(), file.get_ref().len() as u64);

        let mut reader = FlvReader::new(file.get_ref().as_slice()).unwrap();
        let read: Vec<_> = std::iter::from_fn(|| reader.next_tag().unwrap()).collect();
        assert_eq!(read[0].kind, TagKind::Script);
        let times: Vec<_> = read[1..].iter().map(|tag| tag.timestamp).collect();
        assert_eq!(times, [0, 0x0123_4567]);
        for (read, tag) in read[1..].iter().zip(&tags) {
            assert_eq!((read.kind, &read.body), (tag.kind, &tag.body));
        }
    }

    #[test]
    fn metadata_is_kept_and_tells_duration_and_size_in_the_end() {
        let told = Value::object([
            ("width", Value::Number(320.0)),
            ("duration", Value::Number(9.0)),
        ]);
        let mut file = Cursor::new(Vec::new());
        let mut writer = TagFileWriter::new(&mut file, Some(&told)).unwrap();
        writer
            .write(&tag(TagKind::Audio, b"\xAF\x01"), 2_500)
            .unwrap();
        writer.fill_in_metadata().unwrap();
        writer
            .write(&tag(TagKind::Audio, b"\xAF\x01"), 2_600)
            .unwrap();

        let mut reader = FlvReader::new(file.get_ref().as_slice()).unwrap();
        let script = reader.next_tag().unwrap().unwrap();
        let values = read_values(&script.body).unwrap();
        let properties = values[1].properties().unwrap();
        assert_eq!(properties.len(), 3);
        let number = |number: f64| Some(Value::Number(number));
        assert_eq!(values[1].get("duration").cloned(), number(2.5));
        assert_eq!(values[1].get("width").cloned(), number(320.0));
        let size_then = file.get_ref().len() - 17; // without the last tag
        assert_eq!(values[1].get("filesize").cloned(), number(size_then as f64));
        assert_eq!(reader.next_tag().unwrap().unwrap().timestamp, 2_500);
        assert_eq!(reader.next_tag().unwrap().unwrap().timestamp, 2_600);
    }
}

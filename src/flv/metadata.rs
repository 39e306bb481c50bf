//! `onMetaData`: what a stream is made of, for servers, players and files (FLV 10.1, E.5).

use crate::{
    amf0::{Value, write_value},
    media::packet::StreamFormat,
};

/// The program's name and version, as metadata tells it.
pub const ENCODER: &str = concat!("Skywave/", env!("CARGO_PKG_VERSION"));

/// The properties of a stream of `format`: an ECMA array.
///
/// Duration and file size are 0 and stand first, at [`DURATION_AT`] and [`FILE_SIZE_AT`], for files to fill in.
#[must_use]
pub fn properties(format: &StreamFormat) -> Value {
    let number = |number: u32| Value::Number(f64::from(number));
    let mut properties = vec![("duration", number(0)), ("filesize", number(0))];
    if let Some(video) = &format.video {
        properties.extend([
            ("width", number(video.size.width)),
            ("height", number(video.size.height)),
            ("videocodecid", number(CODEC_AVC)),
            ("videodatarate", number(video.bitrate.kbps())),
            ("framerate", number(video.frame_rate.fps())),
        ]);
    }
    let audio = &format.audio;
    properties.extend([
        ("audiocodecid", number(CODEC_AAC)),
        ("audiodatarate", number(audio.bitrate.kbps())),
        ("audiosamplerate", number(audio.sample_rate)),
        ("audiosamplesize", number(16)),
        ("audiochannels", number(u32::from(audio.channels))),
        ("stereo", Value::Boolean(audio.channels == 2)),
        ("encoder", Value::from(ENCODER)),
    ]);
    Value::EcmaArray(
        properties
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

/// The values of the data message that tells a server the metadata, to be kept for late viewers.
#[must_use]
pub fn set_data_frame(format: &StreamFormat) -> Vec<Value> {
    vec![
        Value::from("@setDataFrame"),
        Value::from(ON_METADATA),
        properties(format),
    ]
}

/// The body of a file's script tag.
#[must_use]
pub fn script_body(format: &StreamFormat) -> Vec<u8> {
    let mut body = Vec::new();
    write_value(&Value::from(ON_METADATA), &mut body);
    write_value(&properties(format), &mut body);
    body
}

/// Where in [`script_body`] the double of the duration in seconds stands.
pub const DURATION_AT: u64 = 1 + 2 + ON_METADATA.len() as u64 // the name
    + 1 + 4 // the array's marker and count
    + 2 + "duration".len() as u64 + 1; // the property's name and marker

/// Where in [`script_body`] the double of the file's size in bytes stands.
pub const FILE_SIZE_AT: u64 = DURATION_AT + 8 + 2 + "filesize".len() as u64 + 1;

const ON_METADATA: &str = "onMetaData";

/// The codecs' numbers, as in the tags.
const CODEC_AVC: u32 = 7;
const CODEC_AAC: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        amf0::read_values,
        flv::testing::{format, sound_only},
    };

    #[test]
    fn metadata_tells_what_the_stream_is_made_of() {
        let properties = properties(&format());
        for (name, value) in [
            ("duration", Value::Number(0.0)),
            ("width", Value::Number(1280.0)),
            ("height", Value::Number(720.0)),
            ("framerate", Value::Number(30.0)),
            ("videocodecid", Value::Number(7.0)),
            ("videodatarate", Value::Number(2500.0)),
            ("audiocodecid", Value::Number(10.0)),
            ("audiodatarate", Value::Number(128.0)),
            ("audiosamplerate", Value::Number(48_000.0)),
            ("audiochannels", Value::Number(2.0)),
            ("stereo", Value::Boolean(true)),
            ("encoder", Value::from("Skywave/0.1.0")),
        ] {
            assert_eq!(properties.get(name), Some(&value), "{name}");
        }
        let mut names: Vec<_> = properties.properties().unwrap().iter().collect();
        let count = names.len();
        names.sort_by_key(|(name, _)| name);
        names.dedup_by_key(|(name, _)| name);
        assert_eq!(names.len(), count, "no name twice");
    }

    #[test]
    fn a_stream_of_sound_alone_has_no_picture_in_its_metadata() {
        let properties = properties(&sound_only());
        assert_eq!(properties.get("width"), None);
        assert_eq!(properties.get("videocodecid"), None);
        assert!(properties.get("audiocodecid").is_some());
    }

    #[test]
    fn a_server_is_asked_to_keep_what_a_file_begins_with() {
        let values = set_data_frame(&format());
        assert_eq!(values[0].as_str(), Some("@setDataFrame"));
        assert_eq!(read_values(&script_body(&format())).unwrap(), values[1..]);
    }

    #[test]
    fn duration_and_file_size_stand_where_files_fill_them_in() {
        let mut body = script_body(&format());
        for (at, number) in [(DURATION_AT, 1.5_f64), (FILE_SIZE_AT, 2.5)] {
            let at = usize::try_from(at).unwrap();
            body[at..at + 8].copy_from_slice(&number.to_be_bytes());
        }
        let values = read_values(&body).unwrap();
        assert_eq!(values[1].get("duration"), Some(&Value::Number(1.5)));
        assert_eq!(values[1].get("filesize"), Some(&Value::Number(2.5)));
    }
}

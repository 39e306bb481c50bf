//! What must be so of the stream that `program::live` publishes, whoever carried it.

use super::media::{Packet, Recording};

/// How far a time may be off: FLV counts whole milliseconds, and some who carry it round them again.
const ROUNDING: f64 = 0.0021;

/// The codecs' headers came through.
pub(crate) fn headers_came_through(recording: &Recording) {
    picture_header_came_through(recording);
    sound_header_came_through(recording);
}

/// The picture is known to be what was asked for.
pub(crate) fn picture_header_came_through(recording: &Recording) {
    let video = &recording.video;
    assert_eq!(video["codec_name"], "h264", "{video}");
    assert_eq!(video["profile"], "High", "{video}");
    assert_eq!(
        (video["width"].as_u64(), video["height"].as_u64()),
        (Some(320), Some(180)),
        "{video}"
    );
    assert_eq!(video["color_space"], "bt709", "{video}");
    assert_eq!(video["color_range"], "tv", "{video}");
}

/// The sound is known to be what was asked for.
pub(crate) fn sound_header_came_through(recording: &Recording) {
    let audio = &recording.audio;
    assert_eq!(audio["codec_name"], "aac", "{audio}");
    assert_eq!(audio["profile"], "LC", "{audio}");
    assert_eq!(audio["sample_rate"], "48000", "{audio}");
    assert_eq!(audio["channels"], 2, "{audio}");
}

/// Each picture stands at its time: none is missing, none is twice there.
pub(crate) fn pictures_are_in_time(recording: &Recording) {
    let begin = recording.pictures.first().expect("pictures").time;
    for (number, picture) in recording.pictures.iter().enumerate() {
        is_in_time("picture", number, picture, begin + number as f64 / 15.0);
    }
}

/// The first picture is a key frame, and so is each `interval`th after it.
pub(crate) fn key_frames_come_each(interval: usize, recording: &Recording) {
    key_frames_come_from(0, interval, recording);
}

/// The first picture is a key frame made for the connection; the next comes when it was due anyway, and
/// then one each `interval`.
pub(crate) fn key_frames_come_within(interval: usize, recording: &Recording) {
    let pictures = recording.pictures.iter().skip(1);
    let next = 1 + pictures.take_while(|picture| !picture.is_key).count();
    assert!(next <= interval, "the second key frame is picture {next}");
    key_frames_come_from(next, interval, recording);
}

fn key_frames_come_from(second: usize, interval: usize, recording: &Recording) {
    for (number, picture) in recording.pictures.iter().enumerate() {
        let after = number.checked_sub(second);
        let due = number == 0 || after.is_some_and(|after| after % interval == 0);
        assert_eq!(picture.is_key, due, "key frames: picture {number}");
    }
}

/// Each piece of sound stands at its time: nothing is missing, nothing is twice there.
pub(crate) fn sounds_are_in_time(recording: &Recording) {
    let begin = recording.sounds.first().expect("sound").time;
    for (number, sound) in recording.sounds.iter().enumerate() {
        let due = begin + (number * 1024) as f64 / 48_000.0;
        is_in_time("sound", number, sound, due);
    }
}

/// It is `frames` pictures long, begins with picture and sound together, and ends with both.
pub(crate) fn is_whole(recording: &Recording, frames: usize) {
    assert_eq!(recording.pictures.len(), frames, "pictures");
    let last = |packets: &[Packet]| packets.last().expect("packets").time;
    let first = |packets: &[Packet]| packets[0].time;
    for (edge, picture, sound) in [
        (
            "begin",
            first(&recording.pictures),
            first(&recording.sounds),
        ),
        ("end", last(&recording.pictures), last(&recording.sounds)),
    ] {
        assert!(
            (picture - sound).abs() < 0.1,
            "{edge}: picture at {picture}, sound at {sound}"
        );
    }
}

fn is_in_time(what: &str, number: usize, packet: &Packet, due: f64) {
    assert!(
        (packet.time - due).abs() < ROUNDING,
        "{what} {number} at {}, due at {due}",
        packet.time
    );
}

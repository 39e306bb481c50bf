use super::*;
use crate::amf0::write_value;

fn video(wire: &[u8]) -> Result<Vec<VideoTagInfo>, TagError> {
    super::super::tag::video_tracks(&Bytes::copy_from_slice(wire))
}

fn audio(wire: &[u8]) -> Result<Vec<AudioTagInfo>, TagError> {
    super::super::tag::audio_tracks(&Bytes::copy_from_slice(wire))
}

fn one<T>(tracks: Result<Vec<T>, TagError>) -> T {
    let mut tracks = tracks.unwrap();
    assert_eq!(tracks.len(), 1);
    tracks.remove(0)
}

#[test]
fn every_video_packet_is_told_apart() {
    use FrameKind::{Inter, Key, Other};
    use VideoPacketKind as Kind;
    for (wire, frame, packet, offset, data) in [
        (&b"\x90hvc1\x01"[..], Key, Kind::SequenceStart, 0, 1),
        (b"\x91hvc1\0\0\x21AB", Key, Kind::CodedFrames, 33, 2),
        (b"\xA1hvc1\xFF\xFF\xDF", Inter, Kind::CodedFrames, -33, 0),
        (b"\x93hvc1AB", Key, Kind::CodedFrames, 0, 2),
        (b"\xA2hvc1", Inter, Kind::SequenceEnd, 0, 0),
        (b"\x84hvc1\x05", Other(0), Kind::Metadata, 0, 1),
        (b"\x95hvc1\0", Key, Kind::TransportSequenceStart, 0, 1),
    ] {
        let info = one(video(wire));
        assert_eq!((info.frame, info.packet), (frame, packet), "{wire:x?}");
        assert_eq!(info.codec, Some(VideoCodec::Hevc));
        assert_eq!((info.composition_offset, info.data.len()), (offset, data));
        assert_eq!(
            info.is_sequence_header(),
            matches!(packet, Kind::SequenceStart | Kind::TransportSequenceStart)
        );
    }
    assert_eq!(video(b"\x98hvc1"), Err(TagError::PacketType(8)));
}

#[test]
fn codecs_are_known_by_their_letters_and_others_named() {
    for (letters, codec, data) in [
        (b"avc1", VideoCodec::Avc, 1),
        (b"hvc1", VideoCodec::Hevc, 1),
        (b"vvc1", VideoCodec::Vvc, 1),
        // No composition offset: nothing is reordered.
        (b"vp08", VideoCodec::Vp8, 4),
        (b"vp09", VideoCodec::Vp9, 4),
        (b"av01", VideoCodec::Av1, 4),
        (b"xyz1", VideoCodec::Other(FourCc(*b"xyz1")), 4),
    ] {
        let info = one(video(&[b"\x91", &letters[..], b"\0\0\0A"].concat()));
        assert_eq!((info.codec, info.data.len()), (Some(codec), data));
        assert!(info.is_key_frame());
    }
    for (letters, codec) in [
        (b"mp4a", AudioCodec::Aac),
        (b".mp3", AudioCodec::Mp3),
        (b"Opus", AudioCodec::Opus),
        (b"fLaC", AudioCodec::Flac),
        (b"ac-3", AudioCodec::Ac3),
        (b"ec-3", AudioCodec::Eac3),
        (b"\0\0\0\0", AudioCodec::Other(FourCc([0; 4]))),
    ] {
        let info = one(audio(&[b"\x91", &letters[..], b"A"].concat()));
        assert_eq!((info.codec, &info.data[..]), (Some(codec), &b"A"[..]));
    }
}

#[test]
fn every_audio_packet_is_told_apart() {
    use AudioPacketKind as Kind;
    for (first, packet) in [
        (0x90, Kind::SequenceStart),
        (0x91, Kind::CodedFrames),
        (0x92, Kind::SequenceEnd),
        (0x94, Kind::MultichannelConfig),
    ] {
        let info = one(audio(&[&[first], &b"Opus"[..]].concat()));
        assert_eq!(info.packet, packet);
        assert_eq!(info.is_sequence_header(), packet == Kind::SequenceStart);
    }
    assert_eq!(audio(b"\x93Opus"), Err(TagError::PacketType(3)));
}

#[test]
fn a_command_to_the_player_has_no_codec() {
    let info = one(video(&[0xD1, 1]));
    assert_eq!(info.codec, None);
    assert_eq!(info.packet, VideoPacketKind::Command(1));
    assert_eq!(video(&[0xD1]), Err(TagError::Truncated));
}

#[test]
fn one_track_fills_the_body_behind_its_number() {
    let info = one(video(b"\x96\x01hvc1\x07\0\0\x05AB"));
    assert_eq!((info.track, info.composition_offset), (7, 5));
    assert_eq!(&info.data[..], b"AB");
    assert!(info.is_key_frame());

    let info = one(audio(b"\x95\x00mp4a\x02\x11\x90"));
    assert_eq!((info.track, &info.data[..]), (2, &b"\x11\x90"[..]));
    assert!(info.is_sequence_header());
}

#[test]
fn many_tracks_share_a_codec_and_have_lengths() {
    let tracks = video(b"\xA6\x11hvc1\x00\0\0\x04\0\0\x01A\x01\0\0\x05\0\0\x02BC").unwrap();
    let told: Vec<_> = tracks
        .iter()
        .map(|info| (info.track, info.composition_offset, &info.data[..]))
        .collect();
    assert_eq!(told, [(0, 1, &b"A"[..]), (1, 2, &b"BC"[..])]);
    assert!(tracks.iter().all(|info| info.frame == FrameKind::Inter));
}

#[test]
fn many_tracks_of_many_codecs_name_each() {
    let tracks = audio(b"\x95\x21Opus\x00\0\0\x01Aac-3\x09\0\0\x00").unwrap();
    let told: Vec<_> = tracks
        .iter()
        .map(|info| (info.codec.unwrap(), info.track, &info.data[..]))
        .collect();
    assert_eq!(
        told,
        [(AudioCodec::Opus, 0, &b"A"[..]), (AudioCodec::Ac3, 9, b"")]
    );
}

#[test]
fn hostile_multitrack_bodies_are_refused() {
    assert_eq!(video(b"\x96\x31hvc1\0"), Err(TagError::Multitrack(3)));
    assert_eq!(
        video(b"\x96\x06hvc1\0"),
        Err(TagError::PacketType(6)),
        "tracks within tracks"
    );
    assert_eq!(
        video(b"\x96\x11hvc1\0\xFF\xFF\xFF"),
        Err(TagError::Truncated)
    );
    let modified = |count| {
        let modifiers = b"\0\0\x17".repeat(count - 1);
        audio(&[&b"\x97"[..], &modifiers, b"\0\0\x11Opus"].concat())
    };
    assert!(modified(MAX_MODIFIERS).is_ok());
    assert_eq!(modified(MAX_MODIFIERS + 1), Err(TagError::TooManyModifiers));
    let track = b"\0\0\0\0";
    let many = |count| [&b"\x95\x11Opus"[..], &track.repeat(count)].concat();
    assert_eq!(audio(&many(MAX_TRACKS)).map(|tracks| tracks.len()), Ok(64));
    assert_eq!(audio(&many(MAX_TRACKS + 1)), Err(TagError::TooManyTracks));
}

#[test]
fn a_modifier_adds_nanoseconds_to_the_time() {
    let info = one(video(b"\x97\x02\x0F\x42\x3F\x01hvc1\0\0\0A"));
    assert_eq!(
        (info.nanos, info.packet),
        (999_999, VideoPacketKind::CodedFrames)
    );
    let info = one(audio(b"\x97\x02\x00\x00\x05\x01OpusA"));
    assert_eq!((info.nanos, &info.data[..]), (5, &b"A"[..]));
    // More than the format allows, and an offset that is too short.
    assert_eq!(one(audio(b"\x97\x02\xFF\xFF\xFF\x01Opus")).nanos, 999_999);
    assert_eq!(audio(b"\x97\x01\0\0\x01Opus"), Err(TagError::Truncated));
}

#[test]
fn modifiers_of_any_kind_and_length_are_stepped_over() {
    // An unknown one of 1 byte, then one of 300 bytes, whose length needs the longer form; then tracks.
    let mut wire = b"\x97\x00\xAA\x57".to_vec();
    wire.extend(b"\xFF\x01\x2B");
    wire.extend([0xBB; 300]);
    wire.push(0x56);
    wire.extend(b"\x00av01\x03DATA");
    let info = one(video(&wire));
    assert_eq!((info.track, info.codec), (3, Some(VideoCodec::Av1)));
    assert!(info.is_sequence_header());
    assert_eq!(&info.data[..], b"DATA");
}

#[test]
fn an_enhanced_tag_cut_off_anywhere_in_its_headers_is_an_error() {
    for wire in [
        &b"\x91hvc1\0\0\0"[..],
        b"\x97\x02\x0F\x42\x3F\x01hvc1\0\0\0",
        b"\x96\x01hvc1\x07\0\0\0",
        b"\x96\x21hvc1\x07\0\0\x03\0\0\0",
        b"\xD1\x00",
    ] {
        assert!(video(wire).is_ok(), "{wire:x?}");
        for length in 0..wire.len() {
            assert_eq!(video(&wire[..length]), Err(TagError::Truncated), "{length}");
        }
    }
}

#[test]
fn colour_information_is_read_by_name() {
    let colour = Value::object([(
        "colorConfig",
        Value::object([("transferCharacteristics", Value::Number(16.0))]),
    )]);
    let mut wire = b"\x94hvc1".to_vec();
    write_value(&Value::from("colorInfo"), &mut wire);
    write_value(&colour, &mut wire);
    let info = one(video(&wire));
    assert_eq!(info.packet, VideoPacketKind::Metadata);
    assert_eq!(
        metadata(&info.data),
        Ok(vec![("colorInfo".to_owned(), colour)])
    );
    assert_eq!(metadata(&[0x00]), Err(Amf0Error::Truncated));
    assert_eq!(metadata(&[0x05, 0x05, 0x05]), Ok(vec![]), "no names");
}

#[test]
fn arbitrary_bodies_never_panic_and_share_their_bytes() {
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..50_000 {
        let mut wire: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..8)).collect();
        if let Some(first) = wire.first_mut() {
            *first = 0x90 | random.u8(..);
        }
        for info in video(&wire).unwrap_or_default() {
            assert!(info.data.len() <= wire.len());
        }
        for info in audio(&wire).unwrap_or_default() {
            assert!(info.data.len() <= wire.len());
        }
    }
}

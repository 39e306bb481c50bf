use hex_literal::hex;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{amf0::testing::any_value, rtmp::chunk::ChunkReader};

fn raw(type_id: u8, payload: &[u8]) -> RawMessage {
    RawMessage {
        chunk_stream: 3,
        timestamp: 0,
        type_id,
        stream_id: 0,
        payload: Bytes::copy_from_slice(payload),
    }
}

fn cases() -> Vec<(Message, u8, Vec<u8>)> {
    use UserControl as Event;
    let event = Message::UserControl;
    vec![
        (Message::SetChunkSize(65_536), 1, hex!("00010000").into()),
        (Message::Abort(6), 2, hex!("00000006").into()),
        (Message::Acknowledgement(3073), 3, hex!("00000C01").into()),
        (
            event(Event::StreamBegin(1)),
            4,
            hex!("0000 00000001").into(),
        ),
        (event(Event::StreamEof(1)), 4, hex!("0001 00000001").into()),
        (event(Event::StreamDry(1)), 4, hex!("0002 00000001").into()),
        (
            event(Event::SetBufferLength {
                stream_id: 1,
                millis: 3000,
            }),
            4,
            hex!("0003 00000001 00000BB8").into(),
        ),
        (
            event(Event::StreamIsRecorded(1)),
            4,
            hex!("0004 00000001").into(),
        ),
        (
            event(Event::PingRequest(7)),
            4,
            hex!("0006 00000007").into(),
        ),
        (
            event(Event::PingResponse(7)),
            4,
            hex!("0007 00000007").into(),
        ),
        (event(Event::SwfVerificationRequest), 4, hex!("001A").into()),
        (
            event(Event::SwfVerificationResponse(Bytes::from_static(&[1]))),
            4,
            hex!("001B 01").into(),
        ),
        (
            event(Event::BufferEmpty(1)),
            4,
            hex!("001F 00000001").into(),
        ),
        (
            event(Event::BufferReady(1)),
            4,
            hex!("0020 00000001").into(),
        ),
        (
            event(Event::Other {
                event: 5,
                data: Bytes::from_static(&[1]),
            }),
            4,
            hex!("0005 01").into(),
        ),
        (Message::WindowAckSize(100_000), 5, hex!("000186A0").into()),
        (
            Message::SetPeerBandwidth {
                window: 2_500_000,
                limit: 2,
            },
            6,
            hex!("002625A0 02").into(),
        ),
        (
            Message::Audio(Bytes::from_static(&hex!("AF01"))),
            8,
            hex!("AF01").into(),
        ),
        (
            Message::Video(Bytes::from_static(&hex!("1702"))),
            9,
            hex!("1702").into(),
        ),
        (
            Message::Data(vec![Value::from("onFI"), Value::Null]),
            18,
            hex!("02 0004 6F6E4649 05").into(),
        ),
        (
            Message::Command(Command::new("createStream", 4.0, vec![])),
            20,
            hex!("02 000C 63726561746553747265616D 00 4010000000000000 05").into(),
        ),
        (
            Message::Other {
                type_id: 22,
                payload: Bytes::from_static(&[9]),
            },
            22,
            vec![9],
        ),
    ]
}

#[test]
fn every_message_is_written_and_read_back() {
    for (message, type_id, wire) in cases() {
        assert_eq!(message.type_id(), type_id);
        assert_eq!(message.payload()[..], wire, "{message:?}");
        assert_eq!(Message::parse(&raw(type_id, &wire)), Ok(message));
    }
}

#[test]
fn a_message_cut_off_anywhere_is_an_error_or_one_with_fewer_arguments() {
    for (message, type_id, wire) in cases() {
        for length in 0..wire.len() {
            match Message::parse(&raw(type_id, &wire[..length])) {
                Err(_)
                | Ok(
                    Message::SetPeerBandwidth { .. }
                    | Message::Command(_)
                    | Message::Data(_)
                    | Message::Audio(_)
                    | Message::Video(_)
                    | Message::Other { .. }
                    | Message::UserControl(
                        UserControl::Other { .. } | UserControl::SwfVerificationResponse(_),
                    ),
                ) => {}
                Ok(read) => panic!("{message:?} cut at {length} reads as {read:?}"),
            }
        }
    }
}

#[test]
fn control_messages_open_a_connection_as_expected() {
    let mut chunks = ChunkWriter::new();
    let mut out = Vec::new();
    for message in [
        Message::SetChunkSize(4096),
        Message::WindowAckSize(100_000),
        Message::UserControl(UserControl::PingResponse(0x0102_0304)),
    ] {
        message.write(0, 0, &mut chunks, &mut out).unwrap();
    }
    assert_eq!(
        out,
        hex!(
            "02 000000 000004 01 00000000 00001000"
            "42 000000 000004 05 000186A0"
            "42 000000 000006 04 0007 01020304"
        )
    );
}

#[test]
fn commands_go_on_the_chunk_stream_of_what_they_are_about() {
    let mut chunks = ChunkWriter::new();
    let mut out = Vec::new();
    let mut write = |name: &str, transaction, stream_id| {
        let begin = out.len();
        Message::Command(Command::new(name, transaction, vec![]))
            .write(0, stream_id, &mut chunks, &mut out)
            .unwrap();
        out[begin..].to_vec()
    };
    assert_eq!(write("connect", 1.0, 0)[..1], hex!("03"));
    assert_eq!(
        write("createStream", 4.0, 0),
        hex!("43 000000 000019 14 02000C 63726561746553747265616D 00 4010000000000000 05")
    );
    assert_eq!(
        write("publish", 5.0, 1)[..12],
        hex!("08 000000 000014 14 01000000")
    );
}

#[test]
fn sound_pictures_and_metadata_have_chunk_streams_of_their_own() {
    let streams = [
        Message::Audio(Bytes::new()),
        Message::Video(Bytes::new()),
        Message::Data(vec![Value::Null]),
        Message::SetChunkSize(128),
    ]
    .map(|message| {
        let mut out = Vec::new();
        message
            .write(0, 1, &mut ChunkWriter::new(), &mut out)
            .unwrap();
        out[0]
    });
    assert_eq!(streams, [4, 6, 5, 2]);
}

#[test]
fn media_is_read_back_as_it_was_given() {
    let crate::media::packet::Packet::Video(packet) =
        crate::flv::testing::video_at(crate::units::MediaTime::ZERO, true)
    else {
        unreachable!()
    };
    let body = crate::flv::tag::avc_frame(&packet);
    let mut out = Vec::new();
    write_media(
        MediaKind::Video,
        &body,
        40,
        1,
        &mut ChunkWriter::new(),
        &mut out,
    )
    .unwrap();

    let mut reader = ChunkReader::new();
    reader.push(&out);
    let raw = reader.next_message().unwrap().unwrap();
    assert_eq!((raw.chunk_stream, raw.timestamp, raw.stream_id), (6, 40, 1));
    assert_eq!(Message::parse(&raw), Ok(Message::Video(body.to_bytes())));
}

#[test]
fn amf3_messages_hold_amf0_values_behind_a_zero() {
    let wire = hex!("00 02 0004 70696E67 00 0000000000000000 05");
    for payload in [&wire[..], &wire[1..]] {
        assert_eq!(
            Message::parse(&raw(17, payload)),
            Ok(Message::Command(Command::new("ping", 0.0, vec![])))
        );
    }
    assert_eq!(
        Message::parse(&raw(15, &hex!("00 02 0001 61"))),
        Ok(Message::Data(vec![Value::from("a")]))
    );
}

#[test]
fn amf3_messages_may_switch_to_amf3_for_single_values() {
    // "connect", 1, {app: "a"} in AMF3.
    let payload =
        hex!("00 02 0007 636F6E6E656374 00 3FF0000000000000 11 0A 0B 01 07 617070 06 03 61 01");
    let Ok(Message::Command(command)) = Message::parse(&raw(17, &payload)) else {
        panic!("no command");
    };
    assert_eq!(
        (command.name.as_str(), command.transaction),
        ("connect", 1.0)
    );
    assert_eq!(command.object.get("app"), Some(&Value::from("a")));

    let payload = hex!("00 02 000A 6F6E4D65746144617461 11 09 01 03 77 04 05 01");
    let Ok(Message::Data(values)) = Message::parse(&raw(15, &payload)) else {
        panic!("no data");
    };
    assert_eq!(values[1].get("w"), Some(&Value::Number(5.0)));
}

#[test]
fn unknown_types_and_events_are_kept_as_they_came() {
    for type_id in [0, 7, 10, 16, 19, 21, 22, 255] {
        assert_eq!(
            Message::parse(&raw(type_id, &[1, 2])),
            Ok(Message::Other {
                type_id,
                payload: Bytes::from_static(&[1, 2])
            })
        );
    }
    for event in [5, 8, 25, 28, 33, 0xFFFF_u16] {
        let payload = [&event.to_be_bytes()[..], &[9]].concat();
        let data = Bytes::from_static(&[9]);
        assert_eq!(
            Message::parse(&raw(4, &payload)),
            Ok(Message::UserControl(UserControl::Other { event, data }))
        );
    }
}

fn any_message() -> impl Strategy<Value = Message> {
    let bytes = || vec(any::<u8>(), 0..300).prop_map(Bytes::from);
    let number = any::<u32>;
    let event = prop_oneof![
        number().prop_map(UserControl::StreamBegin),
        number().prop_map(UserControl::StreamEof),
        number().prop_map(UserControl::StreamDry),
        (number(), number())
            .prop_map(|(stream_id, millis)| UserControl::SetBufferLength { stream_id, millis }),
        number().prop_map(UserControl::StreamIsRecorded),
        number().prop_map(UserControl::PingRequest),
        number().prop_map(UserControl::PingResponse),
        Just(UserControl::SwfVerificationRequest),
        bytes().prop_map(UserControl::SwfVerificationResponse),
        number().prop_map(UserControl::BufferEmpty),
        number().prop_map(UserControl::BufferReady),
        (33..=u16::MAX, bytes()).prop_map(|(event, data)| UserControl::Other { event, data }),
    ];
    let command = (".{0,12}", 0..100_u8, any_value(), vec(any_value(), 0..3)).prop_map(
        |(name, transaction, object, args)| Command {
            name,
            transaction: transaction.into(),
            object,
            args,
        },
    );
    prop_oneof![
        (1..=0x7FFF_FFFF_u32).prop_map(Message::SetChunkSize),
        number().prop_map(Message::Abort),
        number().prop_map(Message::Acknowledgement),
        event.prop_map(Message::UserControl),
        number().prop_map(Message::WindowAckSize),
        (number(), 0..3_u8).prop_map(|(window, limit)| Message::SetPeerBandwidth { window, limit }),
        bytes().prop_map(Message::Audio),
        bytes().prop_map(Message::Video),
        vec(any_value(), 0..3).prop_map(Message::Data),
        command.prop_map(Message::Command),
        (23..=u8::MAX, bytes()).prop_map(|(type_id, payload)| Message::Other { type_id, payload }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_messages_are_read_as_they_were_written(
        messages in vec((any_message(), 0..2_u32), 0..8),
        piece in 1..2000_usize,
    ) {
        let mut chunks = ChunkWriter::new();
        let mut wire = Vec::new();
        for (message, stream_id) in &messages {
            message.write(0, *stream_id, &mut chunks, &mut wire).unwrap();
        }
        let mut reader = ChunkReader::new();
        let mut read = Vec::new();
        for bytes in wire.chunks(piece) {
            reader.push(bytes);
            while let Some(raw) = reader.next_message().unwrap() {
                read.push((Message::parse(&raw).unwrap(), raw.stream_id));
            }
        }
        prop_assert_eq!(read, messages);
    }

    #[test]
    fn arbitrary_payloads_are_messages_or_an_error(
        type_id in 0..24_u8,
        payload in vec(prop_oneof![any::<u8>(), 0..20_u8], 0..100),
    ) {
        let raw = raw(type_id, &payload);
        let _ = Message::parse(&raw);
        for part in aggregate::parts(&raw).flatten() {
            prop_assert!(part.payload.len() < payload.len());
            let _ = Message::parse(&part);
        }
    }
}

#[test]
fn sloppy_commands_are_understood() {
    let command = |payload: &[u8]| match Message::parse(&raw(20, payload)) {
        Ok(Message::Command(command)) => command,
        other => panic!("{other:?}"),
    };
    // The name alone; a stray end marker behind the last argument.
    assert_eq!(command(&hex!("02 0001 61")), Command::new("a", 0.0, vec![]));
    assert_eq!(
        command(&hex!("02 0001 61 00 3FF0000000000000 05 0101 000009")),
        Command::new("a", 1.0, vec![Value::Boolean(true)])
    );
    assert_eq!(Message::parse(&raw(20, &[5])), Err(MessageError::NoName));
    assert_eq!(Message::parse(&raw(20, &[])), Err(MessageError::NoName));
}

#[test]
fn the_information_object_is_found_wherever_servers_put_it() {
    let information = Value::object([("code", Value::from("NetStream.Publish.Start"))]);
    let mut command = Command::new("onStatus", 0.0, vec![Value::Null, information.clone()]);
    assert_eq!(command.information(), Some(&information));
    command.args.clear();
    assert_eq!(command.information(), None);
    command.object = information.clone();
    assert_eq!(command.information(), Some(&information));
}

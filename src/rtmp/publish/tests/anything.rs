//! A server that says anything at all, at any moment.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const NAMES: &[&str] = &[
    "_result",
    "_error",
    "onStatus",
    "onBWDone",
    "_onbwcheck",
    "ping",
    "close",
    "onFCPublish",
    "",
];

const TEXTS: &[&str] = &[
    "NetConnection.Connect.Success",
    "NetConnection.Connect.Rejected",
    "NetConnection.Connect.ReconnectRequest",
    "NetStream.Publish.Start",
    "NetStream.Publish.BadName",
    "NetStream.Unpublish.Success",
    "NetStream.Publish.Idle",
    "code=403 need auth; authmod=adobe",
    "authmod=adobe : ?reason=needauth&salt=s&challenge=c&opaque=o",
    "authmod=llnw : ?reason=needauth&nonce=n",
    "authmod=?reason=&&==",
    "error",
    "302",
    "-1",
    "NaN",
    "user me with pa55word has no live_7?token=s3cret",
];

const ADDRESSES: &[&str] = &[
    "rtmp://b.example/live",
    "rtmps://b.example/live/live_7?token=s3cret",
    "rtmps://[::1]:1/../..?a=//",
    "rtmps://b.example:x/live_7?token=s3cret",
    "/other",
    "//",
    "://",
    "?",
    "",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        Just(Value::Undefined),
        any::<bool>().prop_map(Value::Boolean),
        any::<f64>().prop_map(Value::Number),
        select(&[0.0, 1.0, 302.0][..]).prop_map(Value::Number),
        select(TEXTS).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec((select(TEXTS), inner.clone()), 0..6).prop_map(Value::object),
            vec(inner, 0..4).prop_map(Value::StrictArray),
        ]
    })
}

/// An information object, most of which make sense.
fn information() -> impl Strategy<Value = Value> {
    let text = || select(TEXTS).prop_map(Value::from);
    let address = || prop_oneof![2 => select(ADDRESSES).prop_map(Value::from), 1 => value()];
    let status = prop_oneof![3 => Just(Value::from("302")), 1 => value()];
    let extra = (status, address(), address()).prop_map(|(code, redirect, redirect2)| {
        Value::object([
            ("code", code),
            ("redirect", redirect),
            ("redirect2", redirect2),
        ])
    });
    let extra = prop_oneof![1 => extra, 2 => value()];
    (text(), text(), text(), address(), extra).prop_map(|(code, level, description, tc_url, ex)| {
        Value::object([
            ("code", code),
            ("level", level),
            ("description", description),
            ("tcUrl", tc_url),
            ("ex", ex),
        ])
    })
}

fn message() -> impl Strategy<Value = Message> {
    let number = select(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, -1.0, f64::NAN][..]);
    let argument = prop_oneof![2 => information(), 1 => value()];
    let command = (select(NAMES), number, value(), vec(argument, 0..3)).prop_map(
        |(name, transaction, object, args)| {
            let command = Command::new(name, transaction, args);
            Message::Command(Command { object, ..command })
        },
    );
    // Set Chunk Size and Abort are for the tests of chunks: a false one ends all understanding.
    let other =
        (3..=22_u8, vec(any::<u8>(), 0..20)).prop_map(|(type_id, payload)| Message::Other {
            type_id,
            payload: payload.into(),
        });
    prop_oneof![4 => command, 1 => other]
}

/// What is done to a session.
#[derive(Clone, Debug)]
enum Act {
    Says(Message),
    /// The answer that leads on, whatever the client said.
    Well,
    Media(bool),
    Arrived,
    Close,
    Tick,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => message().prop_map(Act::Says),
        3 => Just(Act::Well),
        2 => any::<bool>().prop_map(Act::Media),
        1 => select(&[Act::Arrived, Act::Close, Act::Tick][..]),
    ]
}

proptest! {
    #[test]
    fn no_server_brings_a_session_out_of_order(acts in vec(act(), 0..30)) {
        let mut server = Scripted::new(PublishConfig {
            server: ServerUrl::parse("rtmps://me:pa55word@example.org/live").unwrap(),
            ..config()
        });
        server.run(|_| Vec::new());
        for (index, act) in acts.into_iter().enumerate() {
            let now = at(index as u64 * 100);
            match act {
                Act::Says(message) => server.says(&message),
                Act::Well => {
                    let last = server.calls().last().map(|call| (*call).clone());
                    for message in last.iter().flat_map(well) {
                        server.says(&message);
                    }
                }
                Act::Media(key) => server.client.handle_input(now, Input::Media(&video_at(now, key))),
                Act::Arrived => server.client.handle_input(now, Input::Arrived),
                Act::Close => server.client.handle_input(now, Input::Close),
                Act::Tick => server.client.handle_input(now, Input::Tick),
            }
            server.run(|_| Vec::new());
        }

        let events = &server.events;
        let is_end = |event: &Event| matches!(event, Event::Failed(_) | Event::Closed | Event::Onward(_));
        // One end at most, and nothing after it; accepted at most once.
        prop_assert!(events.iter().rev().skip(1).all(|event| !is_end(event)), "{events:?}");
        prop_assert!(events.iter().filter(|event| **event == Event::Accepted).count() <= 1);
        for event in events {
            // Whatever it says, it leads to no connection without TLS, and gets no secret told.
            if let Event::Onward(Onward { server, .. }) | Event::MoveWanted { server } = event {
                prop_assert_eq!(server.scheme, crate::rtmp::url::Scheme::Rtmps);
            }
            let told = format!("{event:?}");
            prop_assert!(!told.contains("s3cret") && !told.contains("pa55word"), "{}", told);
        }
        if events.iter().any(is_end) {
            server.client.handle_input(at(60_000), Input::Tick);
            prop_assert_eq!(server.client.poll_output(), Output::WakeAt(None));
        }
    }
}

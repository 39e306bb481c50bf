//! Being asked who we are, and being sent elsewhere.

use super::*;
use crate::rtmp::auth::adobe::{Challenge, DEMAND, Said};

const PASSWORD: &str = "pa55word";

fn address(text: &str) -> PublishConfig {
    PublishConfig {
        server: ServerUrl::parse(text).unwrap(),
        ..config()
    }
}

fn rejected(description: &str) -> Message {
    let status = information("error", "NetConnection.Connect.Rejected", description);
    Message::Command(Command::new("_error", 1.0, vec![status]))
}

fn property(command: &Command, name: &str) -> String {
    let value = command.object.get(name).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

/// How a session with `config` ends at a server that answers with `answer`.
fn end(config: PublishConfig, answer: impl Fn(&Command) -> Vec<Message>) -> Event {
    let mut server = Scripted::new(config);
    server.run(answer);
    let end = server.events.pop();
    end.unwrap_or_else(|| panic!("no end"))
}

fn failure(config: PublishConfig, answer: impl Fn(&Command) -> Vec<Message>) -> Failure {
    match end(config, answer) {
        Event::Failed(failure) => failure,
        other => panic!("expected a failure, not {other:?}"),
    }
}

/// Answers as a server does that wants `user` to prove itself with [`PASSWORD`].
fn strict(user: &'static str) -> impl Fn(&Command) -> Vec<Message> {
    let challenge = Challenge {
        salt: "c2FsdA==".to_owned(),
        challenge: "Y2hhbA==".to_owned(),
        opaque: Some("b3BhcQ==".to_owned()),
    };
    let known = crate::rtmp::url::Credentials {
        user: user.to_owned(),
        password: Secret::new(PASSWORD),
    };
    move |command| {
        if command.name != "connect" {
            return well(command);
        }
        let app = property(command, "app");
        // What stands behind the application stands behind the whole address, too.
        assert!(property(command, "tcUrl").ends_with(&app), "{app}");
        match Said::read(&app) {
            Said::Nothing => vec![rejected(DEMAND)],
            Said::User(user) => vec![rejected(&challenge.description(&user))],
            Said::Answer(answer) => match challenge.judge(&answer, &known).description() {
                Some(refusal) => vec![rejected(&refusal)],
                None => well(command),
            },
        }
    }
}

/// Connects as often as it leads on, as the publisher does.
fn log_in(address_text: &str, user: &'static str) -> (usize, Event) {
    let mut config = address(address_text);
    for connection in 1..10 {
        match end(config.clone(), strict(user)) {
            Event::Onward(onward) => {
                assert_eq!(onward.reason, OnwardReason::Login);
                assert_eq!(onward.server, config.server);
                config.login = onward.login;
            }
            event => return (connection, event),
        }
    }
    panic!("no end of connections");
}

#[test]
fn a_login_takes_three_connections() {
    let address = "rtmp://me:pa55word@example.org/live?x=y";
    assert_eq!(log_in(address, "me"), (3, Event::Accepted));
}

#[test]
fn each_way_of_failing_to_log_in_has_its_own_words() {
    let peer = Peer::of(&config().server);
    for (address, connections, expected) in [
        ("rtmp://example.org/live", 1, Failure::login_needed(&peer)),
        (
            "rtmp://me@example.org/live",
            1,
            Failure::login_needed(&peer),
        ),
        (
            "rtmp://me:wr0ng@example.org/live",
            3,
            Failure::wrong_password(&peer, "me"),
        ),
        (
            "rtmp://you:pa55word@example.org/live",
            3,
            Failure::unknown_user(&peer, "you"),
        ),
    ] {
        let (count, event) = log_in(address, "me");
        let Event::Failed(failure) = event else {
            panic!("{event:?}");
        };
        assert_eq!(count, connections, "{address}");
        assert_eq!(failure.what, expected.what);
        assert!(!failure.may_mend());
        assert!(failure.server_words.is_some());
    }
    for (description, expected) in [
        (
            "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=locked",
            Failure::locked_out(&peer, "me"),
        ),
        ("[ code=403 not now ]", Failure::login_refused(&peer, "me")),
        (
            "[ code=403 need auth; authmod=kerberos ]",
            Failure::unknown_login(&peer, "kerberos"),
        ),
        (
            "authmod=adobe : ?reason=needauth&salt=s",
            Failure::unknown_login(&peer, "its challenge is incomplete"),
        ),
    ] {
        let config = address("rtmp://me:pa55word@example.org/live");
        let failure = failure(config, |_| vec![rejected(description)]);
        assert_eq!(failure.what, expected.what);
        assert!(!failure.may_mend());
    }
}

#[test]
fn a_refusal_that_is_not_about_who_we_are_stays_what_it_is() {
    for description in ["", "no such application", "[ code=403 not from here ]"] {
        let failure = failure(config(), |_| vec![rejected(description)]);
        assert!(failure.what.contains("refused the connection"), "{failure}");
    }
}

#[test]
fn a_server_that_asks_for_the_same_again_is_not_answered_for_ever() {
    for description in [
        DEMAND,
        "authmod=adobe : ?reason=needauth&salt=s&challenge=c",
    ] {
        let mut config = address("rtmp://me:pa55word@example.org/live");
        let mut connections = 0;
        let failure = loop {
            connections += 1;
            assert!(connections < 4);
            match end(config.clone(), |_| vec![rejected(description)]) {
                Event::Onward(onward) => config.login = onward.login,
                Event::Failed(failure) => break failure,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(connections, 2);
        let refused = Failure::login_refused(&Peer::of(&config.server), "me");
        assert_eq!(failure.what, refused.what);
    }
}

#[test]
fn a_close_command_ends_the_session_and_begins_no_login() {
    let mut server = Scripted::new(address("rtmp://me:pa55word@example.org/live"));
    server.run(|_| vec![Message::Command(Command::new("close", 0.0, Vec::new()))]);
    assert!(server.failure().what.contains("closed the connection"));
}

#[test]
fn a_server_that_repeats_password_or_proof_does_not_get_them_told() {
    let config = PublishConfig {
        login: Some(Login {
            query: Secret::new("?authmod=adobe&user=me&response=pr00f"),
        }),
        ..address("rtmp://me:pa55word@example.org/live")
    };
    let words = "no pa55word for live?authmod=adobe&user=me&response=pr00f";
    let failure = failure(config.clone(), |_| vec![rejected(words)]);
    assert_eq!(
        failure.server_words.as_deref(),
        Some("no •••• for live••••")
    );
    let debug = format!(
        "{config:?} {:?}",
        PublishSession::new(at(0), config.clone())
    );
    assert!(
        !debug.contains("pr00f") && !debug.contains(PASSWORD),
        "{debug}"
    );
}

#[test]
fn a_server_that_repeats_the_token_behind_the_application_does_not_get_it_told() {
    let words = "live?token=t0ken is not allowed";
    let config = address("rtmp://example.org/live?token=t0ken");
    let failure = failure(config, |_| vec![rejected(words)]);
    let told = failure.server_words.as_deref();
    assert_eq!(told, Some("live?•••• is not allowed"));
}

/// A refusal with status 302, as the reply `name`.
fn elsewhere(name: &str, code: Value, addresses: &[(&str, &str)]) -> Message {
    let mut extra = vec![("code", code)];
    extra.extend(addresses.iter().map(|(name, to)| (*name, Value::from(*to))));
    let information = Value::object([
        ("level", Value::from("error")),
        ("code", Value::from("NetConnection.Connect.Rejected")),
        ("description", Value::from("RTMP 302 Redirect")),
        ("ex", Value::object(extra)),
    ]);
    Message::Command(Command::new(name, 0.0, vec![information]))
}

#[test]
fn an_address_that_is_none_does_not_tell_the_key_in_it() {
    let config = PublishConfig {
        key: Secret::new("k3y!"),
        ..config()
    };
    let to = [("redirect", "rtmp://k3y!/live")];
    let there = elsewhere("_error", Value::Number(302.0), &to);
    let failure = failure(config, |_| vec![there.clone()]);
    assert!(!failure.to_string().contains("k3y"), "{failure}");
    assert!(failure.to_string().contains("••••"), "{failure}");
}

#[test]
fn a_redirect_leads_on_at_every_step_and_in_every_form() {
    let there = "rtmp://b.example:1936/other";
    let nginx_fork = |code| elsewhere("_error", code, &[("redirect", there)]);
    let with_stream = format!("{there}/live_7?token=x");
    let srs = elsewhere(
        "onStatus",
        Value::Number(302.0),
        &[("redirect", there), ("redirect2", &with_stream)],
    );
    let second_alone = elsewhere(
        "onStatus",
        Value::Number(302.0),
        &[("redirect2", &with_stream)],
    );
    for message in [
        nginx_fork(Value::Number(302.0)),
        nginx_fork(Value::from("302")),
        elsewhere("_result", Value::Number(302.0), &[("redirect", there)]),
        srs,
        second_alone,
    ] {
        for step in ["connect", "createStream", "publish"] {
            let end = end(config(), |command| {
                if command.name == step {
                    vec![message.clone()]
                } else {
                    well(command)
                }
            });
            let Event::Onward(onward) = end else {
                panic!("{step}: {end:?}");
            };
            assert_eq!(onward.reason, OnwardReason::Redirect);
            assert_eq!(onward.login, None);
            assert_eq!(onward.server.tc_url(), there);
            assert_eq!(onward.server.port, 1936);
        }
        let mut live = accepted();
        live.says(&message);
        assert!(matches!(
            live.events[..],
            [Event::Accepted, Event::Onward(_)]
        ));
    }
}

#[test]
fn a_relative_redirect_is_resolved_and_takes_the_user_along() {
    let redirect = elsewhere("_error", Value::Number(302.0), &[("redirect", "/other")]);
    let config = address("rtmps://me:pa55word@example.org/live");
    let Event::Onward(onward) = end(config, |_| vec![redirect.clone()]) else {
        panic!("not followed");
    };
    assert_eq!(onward.server.tc_url(), "rtmps://example.org/other");
    let user = onward.server.credentials.map(|known| known.user);
    assert_eq!(user.as_deref(), Some("me"));
}

#[test]
fn a_redirect_to_plain_rtmp_is_refused() {
    let redirect = elsewhere(
        "_error",
        Value::Number(302.0),
        &[("redirect", "rtmp://b.example/live")],
    );
    let failure = failure(address("rtmps://example.org/live"), |_| {
        vec![redirect.clone()]
    });
    assert_eq!(failure.kind, FailureKind::Refused);
    assert!(
        failure.what.contains("without a secure connection"),
        "{failure}"
    );
    assert!(!failure.may_mend());
}

#[test]
fn a_redirect_to_nowhere_is_explained() {
    for (to, words) in [
        (&[][..], "it gave none"),
        (&[("redirect", "http://b.example/")][..], "web page"),
        (
            &[("redirect", "rtmp://b.example:x/live_7")][..],
            "port of b.example",
        ),
    ] {
        let redirect = elsewhere("_error", Value::Number(302.0), to);
        let failure = failure(config(), |_| vec![redirect.clone()]);
        assert!(failure.what.contains(words), "{failure}");
        assert!(!failure.to_string().contains("live_7"), "{failure}");
    }
}

#[test]
fn another_status_than_302_is_an_ordinary_refusal() {
    for code in [Value::Number(404.0), Value::from("x"), Value::Null] {
        let redirect = elsewhere("_error", code, &[("redirect", "rtmp://b.example/live")]);
        let failure = failure(config(), |_| vec![redirect.clone()]);
        assert!(failure.what.contains("refused the connection"), "{failure}");
    }
}

/// A Reconnect Request.
fn move_to(tc_url: Option<&str>) -> Message {
    let mut information = vec![
        ("level", Value::from("status")),
        (
            "code",
            Value::from("NetConnection.Connect.ReconnectRequest"),
        ),
        ("description", Value::from("We are going down for repair.")),
    ];
    information.extend(tc_url.map(|url| ("tcUrl", Value::from(url))));
    Message::Command(Command::new(
        "onStatus",
        0.0,
        vec![Value::object(information)],
    ))
}

#[test]
fn a_reconnect_request_is_told_and_the_session_goes_on() {
    for (tc_url, expected) in [
        (None, "rtmp://example.org/live"),
        (Some("rtmps://b.example/live"), "rtmps://b.example/live"),
        (Some("//b.example/live"), "rtmp://b.example/live"),
        (Some("/other"), "rtmp://example.org/other"),
        (Some("other?x=1"), "rtmp://example.org/other?x=1"),
    ] {
        let mut server = accepted();
        server.says(&move_to(tc_url));
        let Some(Event::MoveWanted { server: to }) = server.events.last() else {
            panic!("{:?}", server.events);
        };
        assert_eq!(to.tc_url(), expected);
        assert!(server.client.is_publishing());
        server
            .client
            .handle_input(at(1), Input::Media(&video_at(at(1), true)));
        server.run(well);
        assert!(matches!(server.seen.last(), Some(Message::Video(_))));
    }
}

#[test]
fn a_reconnect_request_to_plain_rtmp_or_nowhere_is_a_note_and_no_more() {
    for to in ["rtmp://example.org/live", "https://example.org/"] {
        let mut server = Scripted::new(address("rtmps://example.org/live"));
        server.run(well);
        server.says(&move_to(Some(to)));
        let Some(Event::Note(note)) = server.events.last() else {
            panic!("{:?}", server.events);
        };
        assert!(note.contains("It stays"), "{note}");
        assert!(server.client.is_publishing());
    }
}

#[test]
fn a_reconnect_request_before_the_stream_began_is_followed_at_once() {
    let request = move_to(Some("rtmp://b.example/live"));
    let Event::Onward(onward) = end(config(), |command| match command.name.as_str() {
        "createStream" => vec![request.clone()],
        _ => well(command),
    }) else {
        panic!("not followed");
    };
    assert_eq!(onward.server.tc_url(), "rtmp://b.example/live");
}

#[test]
fn a_reconnect_request_after_goodbye_changes_nothing() {
    let mut server = accepted();
    server.client.handle_input(at(0), Input::Close);
    server.run(|_| Vec::new());
    server.says(&move_to(None));
    server.says(&elsewhere(
        "onStatus",
        Value::Number(302.0),
        &[("redirect", "/x")],
    ));
    assert_eq!(server.events, [Event::Accepted, Event::Closed]);
}

const DAY: u64 = 24 * 60 * 60 * 1000;

fn moves(events: &[Event]) -> usize {
    let is_move = |event: &&Event| matches!(event, Event::MoveWanted { .. });
    events.iter().filter(is_move).count()
}

#[test]
fn a_stream_asks_once_for_a_new_connection_at_a_key_frame_after_23_days() {
    let mut pair = Pair::new(config(), ReceivePolicy::default(), 4096);
    // The base of the times is wherever the program's clock stood.
    let start = 5_000;
    for (millis, key, expected) in [
        (0, true, 0),
        (23 * DAY - 40, true, 0),
        (23 * DAY, false, 0),
        (23 * DAY + 40, true, 1),
        (23 * DAY + 80, false, 1),
        (23 * DAY + 120, true, 1),
    ] {
        pair.input(Input::Media(&video_at(at(start + millis), key)));
        assert_eq!(moves(&pair.events), expected, "{millis}");
    }
    let same = config().server;
    assert!(pair.events.contains(&Event::MoveWanted { server: same }));
    // Meanwhile nothing is wrong with this one.
    assert!(pair.client.is_publishing());
    let times: Vec<u64> = pair
        .received
        .iter()
        .filter_map(|tag| match tag {
            Received::Video { timestamp, body } if body[1] == 1 => Some(u64::from(*timestamp)),
            _ => None,
        })
        .collect();
    let days = 23 * DAY;
    assert_eq!(
        times,
        [0, days - 40, days, days + 40, days + 80, days + 120]
    );
}

#[test]
fn a_stream_of_sound_alone_asks_for_a_new_connection_at_any_packet() {
    let config = PublishConfig {
        format: sound_only(),
        ..config()
    };
    let mut pair = Pair::new(config, ReceivePolicy::default(), 4096);
    for (millis, expected) in [
        (0, 0),
        (23 * DAY - 1, 0),
        (23 * DAY + 20, 1),
        (23 * DAY + 41, 1),
    ] {
        pair.input(Input::Media(&audio_at(at(millis))));
        assert_eq!(moves(&pair.events), expected, "{millis}");
    }
}

#[test]
fn times_stay_right_across_24_bits_and_31_bits() {
    for boundary in [0xFF_FFFF, 1 << 31] {
        let mut pair = Pair::new(config(), ReceivePolicy::default(), 100);
        pair.input(Input::Media(&video_at(at(0), true)));
        let begin = boundary - 5_000;
        for number in 0..300 {
            let now = at(begin + number * 40);
            pair.input(Input::Media(&video_at(now, number % 50 == 0)));
            pair.input(Input::Media(&audio_at(now)));
        }
        let times = |kind: char| -> Vec<u64> {
            let times = pair.received.iter().filter_map(|tag| match tag {
                Received::Video { timestamp, body } if kind == 'v' && body[1] == 1 => {
                    Some(*timestamp)
                }
                Received::Audio { timestamp, body } if kind == 'a' && body[1] == 1 => {
                    Some(*timestamp)
                }
                _ => None,
            });
            times.map(u64::from).collect()
        };
        let expected: Vec<u64> = (0..300).map(|number| begin + number * 40).collect();
        assert_eq!(times('a'), expected, "{boundary:#x}");
        assert_eq!(times('v')[1..], expected, "{boundary:#x}");
    }
}

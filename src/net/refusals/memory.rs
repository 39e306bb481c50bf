//! Conversations without sockets, on a clock that costs no time.

use std::time::Duration;

use super::{
    KEY,
    rtmp::{error, redirect, welcome},
};
use crate::{
    flv::testing::format,
    rtmp::{
        chunk::{ChunkReader, ChunkWriter},
        handshake::ServerHandshake,
        message::Message,
        options::SessionOptions,
        publish::{Event, Input, PublishConfig, PublishSession},
        refusal::Failure,
        session::Output,
        url::ServerUrl,
    },
    secret::Secret,
    units::MediaTime,
};

/// A session in memory, on a clock that costs no time, with a server that gives `answer` to a call, until both
/// are quiet. Returns what came of it, if anything did.
fn converse(
    session: &mut PublishSession,
    mut answer: impl FnMut(&str) -> Option<Message>,
) -> Option<Event> {
    let mut handshake = ServerHandshake::new(2);
    let (mut reader, mut writer) = (ChunkReader::new(), ChunkWriter::new());
    loop {
        let bytes = match session.poll_output() {
            Output::Send(bytes) => bytes,
            Output::Event(Event::Accepted) => continue,
            Output::Event(event) => return Some(event),
            Output::WakeAt(_) => return None,
        };
        let mut reply = Vec::new();
        let taken = handshake.receive(&bytes, &mut reply).unwrap();
        reader.push(&bytes[taken..]);
        while let Some(raw) = reader.next_message().unwrap() {
            if let Message::Command(command) = Message::parse(&raw).unwrap()
                && let Some(answer) = answer(&command.name)
            {
                answer.write(0, 0, &mut writer, &mut reply).unwrap();
            }
        }
        session.handle_input(MediaTime::ZERO, Input::Received(&reply));
    }
}

/// A session that was welcomed up to the call of `name`.
pub(super) fn session_up_to(name: &str) -> PublishSession {
    let mut session = PublishSession::new(MediaTime::ZERO, config("rtmp://example.org/live"));
    let mut welcome = welcome()
        .into_iter()
        .take_while(|(call, _)| *call != name)
        .peekable();
    let outcome = converse(&mut session, |call| {
        let (_, answer) = welcome.next_if(|(expected, _)| *expected == call)?;
        Some(answer)
    });
    assert_eq!(outcome, None);
    session
}

pub(super) fn failure_of(mut session: PublishSession) -> Failure {
    match converse(&mut session, |_| None) {
        Some(Event::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

fn config(server: &str) -> PublishConfig {
    PublishConfig {
        server: ServerUrl::parse(server).unwrap(),
        key: Secret::new(KEY),
        options: SessionOptions::default(),
        login: None,
        format: format(),
        was_live: false,
        ack_window: 100_000,
        seed: 1,
    }
}

/// A server that does not answer the call of `name`, nor the handshake if that is nothing.
pub(super) fn silent_at(name: &str) -> Failure {
    let mut session = match name {
        "" => PublishSession::new(MediaTime::ZERO, config("rtmp://example.org/live")),
        name => session_up_to(name),
    };
    session.handle_input(MediaTime::from_millis(10_000), Input::Tick);
    failure_of(session)
}

/// A server that closes a live stream after `time`.
pub(super) fn live_for(time: Duration) -> Failure {
    let mut session = session_up_to("");
    session.handle_input(MediaTime::ZERO, Input::Arrived);
    session.handle_input(MediaTime::ZERO + time, Input::PeerClosed);
    failure_of(session)
}

/// A server that rejects one connection after the other, with these words.
pub(super) fn rejected(server: &str, words: &[&str]) -> Failure {
    let mut config = config(server);
    for words in words {
        let mut session = PublishSession::new(MediaTime::ZERO, config.clone());
        let outcome = converse(&mut session, |call| {
            let rejection = || error(1.0, "NetConnection.Connect.Rejected", words);
            (call == "connect").then(rejection)
        });
        match outcome {
            Some(Event::Onward(onward)) => {
                config.server = onward.server;
                config.login = onward.login;
            }
            Some(Event::Failed(failure)) => return failure,
            other => panic!("{other:?}"),
        }
    }
    panic!("it would go on");
}

/// A server that sends us elsewhere.
pub(super) fn redirected(server: &str, target: &str) -> Failure {
    let mut session = PublishSession::new(MediaTime::ZERO, config(server));
    let outcome = converse(&mut session, |called| {
        (called == "connect").then(|| redirect(target))
    });
    match outcome {
        Some(Event::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

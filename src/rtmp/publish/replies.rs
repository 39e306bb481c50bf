//! What comes from the server.

use std::time::Duration;

use super::{
    Event, Onward, OnwardReason, PublishSession, ServerCapabilities, State, transaction,
    whole_number,
};
use crate::{
    amf0::Value,
    rtmp::{
        handshake::HandshakeError,
        message::{Command, Message, MessageError, UserControl},
        refusal::{Failure, FailureKind, Peer, Step, presentable},
        session::CONNECTION,
        status::{Meaning, Status},
    },
    units::MediaTime,
};

impl PublishSession {
    pub(super) fn receive(&mut self, now: MediaTime, mut bytes: &[u8]) -> Result<(), Failure> {
        self.received.add(bytes.len());
        if let State::Handshaking(handshake) = &mut self.state {
            let taken = handshake
                .receive(bytes, &mut self.out)
                .map_err(|error| foreign(&self.peer, &error))?;
            bytes = &bytes[taken..];
            if handshake.is_complete() {
                self.connect(now)?;
            }
        }
        self.reader.push(bytes);
        while !matches!(self.state, State::Ended)
            && let Some(raw) = self
                .reader
                .next_message()
                .map_err(|error| self.broken(&error))?
        {
            match Message::parse(&raw) {
                Ok(message) => self.take(now, message)?,
                Err(error @ MessageError::Truncated { .. }) => return Err(self.broken(&error)),
                // Calls and data of kinds that are not read here are no more to a publisher than others
                // that are unknown.
                Err(_) => {}
            }
        }
        if matches!(self.state, State::Ended) || !self.received.is_due() || !self.answers.allow(now)
        {
            return Ok(());
        }
        match self.received.acknowledgement() {
            Some(message) => self.send(&message, CONNECTION),
            None => Ok(()),
        }
    }

    fn take(&mut self, now: MediaTime, message: Message) -> Result<(), Failure> {
        match message {
            Message::Acknowledgement(value) => {
                let total = self.acknowledged.on_message(value, self.sent);
                self.events.push_back(Event::ServerAcknowledged(total));
                Ok(())
            }
            Message::UserControl(UserControl::PingRequest(number)) => {
                let pong = Message::UserControl(UserControl::PingResponse(number));
                self.answer(now, &pong)
            }
            Message::WindowAckSize(window) => {
                self.received.set_window(window);
                Ok(())
            }
            // How much may stay unacknowledged: nothing waits for acknowledgements here, but they come
            // as often as the server would have them.
            Message::SetPeerBandwidth { window, .. } if window < self.config.ack_window => {
                let window = window.max(SMALLEST_WINDOW).min(self.config.ack_window);
                self.config.ack_window = window;
                self.answer(now, &Message::WindowAckSize(window))
            }
            Message::Command(command) => self.take_command(now, &command),
            // Set Chunk Size and Abort were obeyed by the reader. The rest says nothing to a publisher.
            Message::SetPeerBandwidth { .. }
            | Message::SetChunkSize(_)
            | Message::Abort(_)
            | Message::UserControl(_)
            | Message::Audio(_)
            | Message::Video(_)
            | Message::Data(_)
            | Message::Other { .. } => Ok(()),
        }
    }

    fn take_command(&mut self, now: MediaTime, command: &Command) -> Result<(), Failure> {
        let name = command.name.as_str();
        let tells = matches!(name, "_result" | "_error" | "onStatus");
        if tells
            && !matches!(self.state, State::Closing)
            && let Some(onward) = self
                .redirect(command)
                .map_err(|failure| self.in_own_words(command, failure))?
        {
            self.end(Event::Onward(onward));
            return Ok(());
        }
        match name {
            "_result" => self.take_result(now, command),
            "_error" => self.take_error(command),
            "onStatus" => self.take_status(now, command),
            // Old servers' measuring of the way: nothing is measured, but an answer is expected.
            "_onbwcheck" => self.reply(now, "_result", command.transaction, Value::Number(0.0)),
            "ping" => self.reply(now, "pong", command.transaction, Value::Null),
            "close" => self.peer_closed(now),
            // onFCPublish, onBWDone and what else servers call: nothing depends on them.
            _ => Ok(()),
        }
    }

    fn take_result(&mut self, now: MediaTime, command: &Command) -> Result<(), Failure> {
        match self.state {
            State::Connecting if answers(command, transaction::CONNECT) => {
                if let Meaning::Fails(failure) = self.meaning(command) {
                    return self.connect_refused(command, failure);
                }
                self.capabilities = ServerCapabilities::read(command);
                self.create_stream(now)
            }
            State::CreatingStream if answers(command, transaction::CREATE_STREAM) => {
                let mut values = command.args.iter().chain([&command.object]);
                match values.find_map(whole_number) {
                    Some(stream_id) if self.hold => {
                        self.state = State::Held { stream_id };
                        self.deadline = None;
                        Ok(())
                    }
                    Some(stream_id) => self.publish(now, stream_id),
                    // The answer to releaseStream or FCPublish under a wrong number.
                    None => Ok(()),
                }
            }
            // Some servers answer `publish` like any call, with the status as its result.
            _ if command.information().is_some() => self.take_status(now, command),
            _ => Ok(()),
        }
    }

    fn take_error(&mut self, command: &Command) -> Result<(), Failure> {
        let otherwise = match self.state {
            State::Connecting if answers(command, transaction::CONNECT) => {
                Failure::connection_rejected
            }
            State::CreatingStream if answers(command, transaction::CREATE_STREAM) => {
                Failure::stream_refused
            }
            State::StartingToPublish { .. } if answers(command, transaction::PUBLISH) => {
                Failure::publish_denied
            }
            // releaseStream and FCPublish are unknown to many servers, and needed by some.
            _ => return Ok(()),
        };
        let failure = match self.meaning(command) {
            // Without a code that says more, it is this call that was refused.
            Meaning::Fails(failure) if failure.kind != FailureKind::Protocol => failure,
            // Or the one before it, where the server does not say which.
            _ if command.transaction == 0.0 && matches!(self.state, State::CreatingStream) => {
                return Ok(());
            }
            _ => {
                let code = self.without_secrets(&status(command).code);
                self.in_own_words(command, otherwise(&self.peer, &code))
            }
        };
        match self.state {
            State::Connecting => self.connect_refused(command, failure),
            _ => Err(failure),
        }
    }

    /// `connect` did not work out, for good or until we say who we are.
    fn connect_refused(&mut self, command: &Command, failure: Failure) -> Result<(), Failure> {
        let description = status(command).description;
        let next = self
            .login(&description)
            .map_err(|failure| self.in_own_words(command, failure))?;
        self.end(Event::Onward(next.ok_or(failure)?));
        Ok(())
    }

    fn take_status(&mut self, now: MediaTime, command: &Command) -> Result<(), Failure> {
        match (self.meaning(command), &self.state) {
            (Meaning::Fails(_) | Meaning::Unpublished, State::Closing) => {
                self.end(Event::Closed);
                Ok(())
            }
            (Meaning::Fails(failure), State::Connecting) => self.connect_refused(command, failure),
            (Meaning::Fails(failure), _) => Err(failure),
            (Meaning::PublishStarted, &State::StartingToPublish { stream_id }) => {
                self.state = State::Publishing {
                    stream_id,
                    since: now,
                };
                self.deadline = None;
                self.events.push_back(Event::Accepted);
                self.send_metadata(stream_id)
            }
            (Meaning::Unpublished, State::Publishing { .. }) => {
                let failure = Failure::ended_by_server(&self.peer, &status(command).code);
                Err(self.in_own_words(command, failure))
            }
            (Meaning::MoveWanted, state) if !matches!(state, State::Closing) => {
                self.move_wanted(now, command);
                Ok(())
            }
            (Meaning::Note(text), _) => {
                self.remember_words(command);
                self.tell(now, Event::Note(text));
                Ok(())
            }
            (Meaning::Nothing, _) => {
                self.remember_words(command);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn move_wanted(&mut self, now: MediaTime, request: &Command) {
        let event = match self.move_target(request) {
            Err(refused) => Event::Note(refused),
            Ok(server) if self.is_publishing() => Event::MoveWanted { server },
            // Nothing is lost by going there at once.
            Ok(server) => {
                return self.end(Event::Onward(Onward {
                    server,
                    login: None,
                    reason: OnwardReason::Redirect,
                }));
            }
        };
        self.tell(now, event);
    }

    /// What the server has to say, kept to a bounded rate.
    fn tell(&mut self, now: MediaTime, event: Event) {
        if self.news.allow(now) {
            self.events.push_back(event);
        }
    }

    /// Servers that close without a status may have said before why.
    fn remember_words(&mut self, command: &Command) {
        self.last_words = presentable(&self.status(command).description, &self.config.key);
    }

    pub(super) fn peer_closed(&mut self, now: MediaTime) -> Result<(), Failure> {
        let step = match self.state {
            State::Handshaking(_) => Step::Handshake,
            State::Connecting => Step::Connect,
            State::CreatingStream => Step::CreateStream,
            State::Held { .. } | State::StartingToPublish { .. } => Step::Publish,
            // nginx accepts whom it denies, and closes right after.
            State::Publishing { since, .. }
                if !self.config.was_live && now.since(since) < ACCEPTED_FOR_GOOD_AFTER =>
            {
                Step::Accepted
            }
            State::Publishing { .. } => Step::Publishing,
            State::Closing | State::Ended => {
                self.end(Event::Closed);
                return Ok(());
            }
        };
        let failure = Failure::closed(&self.peer, step, self.config.was_live);
        let words = self.last_words.as_deref().unwrap_or_default();
        Err(failure.with_server_words(words, &self.config.key))
    }

    /// An answer that the server can call for at will: kept to a bounded rate.
    fn answer(&mut self, now: MediaTime, message: &Message) -> Result<(), Failure> {
        if self.answers.allow(now) {
            self.send(message, CONNECTION)
        } else {
            Ok(())
        }
    }

    fn reply(
        &mut self,
        now: MediaTime,
        name: &str,
        transaction: f64,
        value: Value,
    ) -> Result<(), Failure> {
        let reply = Command::new(name, transaction, vec![value]);
        self.answer(now, &Message::Command(reply))
    }

    fn meaning(&self, command: &Command) -> Meaning {
        let status = self.status(command);
        let meaning = |status: &Status| status.meaning(&self.peer, &self.config.key);
        match meaning(&status) {
            // The one failure that shows a code which the server made up.
            Meaning::Fails(failure) if failure.kind == FailureKind::Protocol => meaning(&Status {
                code: self.without_secrets(&status.code),
                ..status
            }),
            known => known,
        }
    }

    fn in_own_words(&self, command: &Command, failure: Failure) -> Failure {
        self.status(command).in_own_words(failure, &self.config.key)
    }

    /// What `command` says, its description fit to be told.
    fn status(&self, command: &Command) -> Status {
        let status = status(command);
        Status {
            description: self.without_secrets(&status.description),
            ..status
        }
    }

    /// `text` without the key, the tokens behind the application and what we proved ourselves with: servers
    /// repeat them wherever they like.
    pub(super) fn without_secrets(&self, text: &str) -> String {
        let config = &self.config;
        let key = config.key.expose();
        let credentials = config.server.credentials.as_ref();
        let secrets = [
            config.login.as_ref().map(|login| login.query.expose()),
            credentials.map(|known| known.password.expose()),
            Some(key),
            key.split('?').next(),
            config.server.app.split_once('?').map(|(_, query)| query),
        ];
        let mut text = text.to_owned();
        for secret in secrets.into_iter().flatten() {
            if secret.len() >= SHORTEST_SECRET_HIDDEN {
                text = text.replace(secret, HIDDEN);
            }
        }
        text
    }
}

/// Whether `command` answers the call with number `transaction`; some servers answer with 0.
fn answers(command: &Command, transaction: f64) -> bool {
    #[expect(clippy::float_cmp, reason = "whole numbers, repeated by the server")]
    let same = command.transaction == transaction;
    same || command.transaction == 0.0
}

fn status(command: &Command) -> Status {
    let text = |name| {
        let value = command.information().and_then(|info| info.get(name));
        value.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    Status {
        code: text("code"),
        level: text("level"),
        description: text("description"),
    }
}

fn foreign(peer: &Peer, error: &HandshakeError) -> Failure {
    let HandshakeError::NotRtmp { spoken, .. } = error;
    Failure::not_rtmp(peer, *spoken)
}

/// A server that closes sooner after accepting the stream has thought better of it.
const ACCEPTED_FOR_GOOD_AFTER: Duration = Duration::from_secs(1);

/// What stands in the place of a secret.
const HIDDEN: &str = "••••";
/// Shorter ones would blank out innocent letters; they protect nothing anyway.
const SHORTEST_SECRET_HIDDEN: usize = 3;

/// Bytes. A server that wants a smaller window would drown both sides in acknowledgements.
const SMALLEST_WINDOW: u32 = 1024;

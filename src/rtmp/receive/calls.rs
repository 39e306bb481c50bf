//! Answering commands: what a publisher or a player asks for on its way to media, and later.

use std::time::Duration;

use super::{
    Ending, ReceiveSession, Received, State, WAIT_FOR_PUBLISHER,
    playback::Playback,
    policy::{Refusal, stream_name},
};
use crate::{
    amf0::Value,
    flv::file::{FlvTag, TagKind},
    rtmp::{
        chunk::{ChunkStream, Outgoing},
        message::{Command, Message, UserControl, type_id},
        session::CONNECTION,
    },
    secret::Secret,
    units::MediaTime,
};

/// How much a client may still say. It is renewed from time to time, as a player may pause and go on for days.
#[derive(Debug)]
pub(super) struct Budget {
    commands: u32,
    messages: u32,
    bytes: usize,
    renewed_at: MediaTime,
}

impl Budget {
    pub(super) fn new(now: MediaTime) -> Self {
        Self {
            commands: MOST_COMMANDS,
            messages: MOST_MESSAGES,
            bytes: MOST_BYTES_WITHOUT_MEDIA,
            renewed_at: now,
        }
    }

    fn take_command(&mut self, now: MediaTime) -> Result<(), Ending> {
        self.renew(now);
        self.commands = (self.commands.checked_sub(1))
            .ok_or_else(|| "the client sends too many commands".to_owned())?;
        Ok(())
    }

    /// Of any kind: each takes time, however short it is.
    pub(super) fn take_message(&mut self, now: MediaTime) -> Result<(), Ending> {
        self.renew(now);
        self.messages = (self.messages.checked_sub(1))
            .ok_or_else(|| "the client sends too many messages".to_owned())?;
        Ok(())
    }

    /// For who does not publish, as media are long.
    pub(super) fn take_bytes(&mut self, now: MediaTime, count: usize) -> Result<(), Ending> {
        self.renew(now);
        self.bytes = (self.bytes.checked_sub(count))
            .ok_or_else(|| "the client sends too much without publishing".to_owned())?;
        Ok(())
    }

    fn renew(&mut self, now: MediaTime) {
        if now.since(self.renewed_at) >= BUDGET_LASTS {
            *self = Self::new(now);
        }
    }
}

impl ReceiveSession {
    pub(super) fn take_command(
        &mut self,
        now: MediaTime,
        command: &Command,
        stream_id: u32,
    ) -> Result<(), Ending> {
        self.budget.take_command(now)?;
        match (&self.state, command.name.as_str()) {
            (State::Connecting, "connect") => self.accept_connection(now, command),
            (State::Connecting, name) => Err(format!(
                "\"{}\" came before \"connect\"",
                name.escape_default()
                    .take(LONGEST_QUOTE)
                    .collect::<String>()
            )),
            (State::Connected, "createStream") => self.create_stream(command),
            (State::Connected, "publish") => self.accept_publisher(now, command, stream_id),
            (State::Connected, "play") => self.accept_player(now, command, stream_id),
            (State::Publishing(_) | State::Playing(_), "publish" | "play") => self.status(
                "error",
                "NetStream.Publish.BadConnection",
                "One stream per connection.",
                stream_id,
            ),
            (_, "deleteStream" | "closeStream" | "FCUnpublish" | "FCUnsubscribe") => {
                self.leave(command, stream_id)
            }
            (State::Playing(_), name) => self.take_players_wish(name, command),
            (_, "FCPublish") => {
                self.answer(command, Value::Null, vec![Value::Undefined])?;
                self.call("onFCPublish", "NetStream.Publish.Start", command)
            }
            (_, "FCSubscribe") => self.call("onFCSubscribe", "NetStream.Play.Start", command),
            // How long a recording is: this is none.
            (_, "getStreamLength") => self.answer(command, Value::Null, vec![Value::Number(0.0)]),
            (_, "releaseStream" | "_checkbw") => {
                self.answer(command, Value::Null, vec![Value::Undefined])
            }
            _ => Ok(()),
        }
    }

    fn accept_connection(&mut self, now: MediaTime, connect: &Command) -> Result<(), Ending> {
        let app = connect.object.get("app").and_then(Value::as_str);
        let app = app.unwrap_or_default();
        let name = app.split('?').next().unwrap_or_default();
        let name = name.trim_end_matches('/');
        let name = name.strip_suffix("/_definst_").unwrap_or(name);
        if name.len() > LONGEST_NAME {
            return Err("the client asked for an application with too long a name".to_owned());
        }
        if (self.policy.app.as_deref()).is_some_and(|wanted| wanted != name) {
            self.reject(
                connect,
                "NetConnection.Connect.InvalidApp",
                "No such application.",
            )?;
            return Err("the client asked for another application".to_owned());
        }
        if let Some(gate) = &self.policy.login
            && let Err(rejection) = gate.examine(app, now, self.seed)
        {
            let code = "NetConnection.Connect.Rejected";
            self.reject(connect, code, &rejection.description)?;
            return Err(rejection.because.to_owned());
        }
        name.clone_into(&mut self.app);
        self.send(&Message::WindowAckSize(WINDOW), CONNECTION)?;
        let bandwidth = Message::SetPeerBandwidth {
            window: WINDOW,
            limit: 2, // dynamic
        };
        self.send(&bandwidth, CONNECTION)?;
        self.send(&Message::SetChunkSize(CHUNK_SIZE), CONNECTION)?;
        let mut information = information("status", "NetConnection.Connect.Success", "Connected.");
        if let Value::Object(properties) = &mut information {
            properties.push(("objectEncoding".to_owned(), Value::Number(0.0)));
        }
        self.answer(connect, server_properties(connect), vec![information])?;
        self.state = State::Connected;
        Ok(())
    }

    /// Says why `connect` was refused; what ends the session is told to its owner otherwise.
    fn reject(&mut self, connect: &Command, code: &str, description: &str) -> Result<(), Ending> {
        let information = information("error", code, description);
        let error = Command::new("_error", connect.transaction, vec![information]);
        self.send(&Message::Command(error), CONNECTION)
    }

    fn create_stream(&mut self, command: &Command) -> Result<(), Ending> {
        if self.streams >= MOST_MESSAGE_STREAMS {
            return Err("the client creates too many streams".to_owned());
        }
        self.streams += 1;
        let id = Value::Number(f64::from(self.streams));
        self.answer(command, Value::Null, vec![id])
    }

    /// The stream key that `publish` or `play` names, if that can be.
    fn key(&self, command: &Command, stream_id: u32) -> Result<Secret, Ending> {
        let name = &command.name;
        if !(1..=self.streams).contains(&stream_id) {
            return Err(format!("\"{name}\" came on a stream that was not created"));
        }
        let key = command.args.first().and_then(Value::as_str);
        let key = key.unwrap_or_default();
        if key.len() > LONGEST_NAME {
            return Err(format!("\"{name}\" came with too long a key"));
        }
        Ok(Secret::new(key))
    }

    fn accept_publisher(
        &mut self,
        now: MediaTime,
        publish: &Command,
        stream_id: u32,
    ) -> Result<(), Ending> {
        let key = self.key(publish, stream_id)?;
        self.state = State::Publishing(stream_id);
        if !self.policy.admits_key(key.expose()) {
            self.tell_refusal(Refusal::WrongKey)?;
            return Err(Refusal::WrongKey.to_string());
        }
        self.heard_at = now;
        self.start_owed = true;
        let app = self.app.clone();
        self.events.push_back(Received::Began { app, key });
        Ok(())
    }

    fn accept_player(
        &mut self,
        now: MediaTime,
        play: &Command,
        stream_id: u32,
    ) -> Result<(), Ending> {
        let key = self.key(play, stream_id)?;
        self.state = State::Playing(Playback::new(stream_id));
        if !self.policy.admits_key(key.expose()) {
            self.tell_refusal(Refusal::WrongKey)?;
            return Err(Refusal::WrongKey.to_string());
        }
        self.deadline = now + WAIT_FOR_PUBLISHER;
        self.start_owed = true;
        let app = self.app.clone();
        let key = Secret::new(stream_name(key.expose()));
        self.events.push_back(Received::Joined { app, key });
        Ok(())
    }

    /// Tells a publisher or player that it is let in.
    pub(super) fn let_in(&mut self) -> Result<(), Ending> {
        let Some(stream_id) = self.stream_id() else {
            return Ok(());
        };
        self.send(
            &Message::UserControl(UserControl::StreamBegin(stream_id)),
            CONNECTION,
        )?;
        if matches!(self.state, State::Publishing(_)) {
            return self.status(
                "status",
                "NetStream.Publish.Start",
                "Publishing.",
                stream_id,
            );
        }
        self.status("status", "NetStream.Play.Reset", "Playing anew.", stream_id)?;
        self.status("status", "NetStream.Play.Start", "Playing.", stream_id)?;
        // Whether players may take pictures and sound apart; some Flash players wait for it.
        let access = ["|RtmpSampleAccess".into(), true.into(), true.into()];
        self.send(&Message::Data(access.into()), stream_id)
    }

    /// Tells a publisher or player why it is not let in.
    pub(super) fn tell_refusal(&mut self, refusal: Refusal) -> Result<(), Ending> {
        let Some(stream_id) = self.stream_id() else {
            return Ok(());
        };
        let code = match &self.state {
            State::Publishing(_) => refusal.publish_code(),
            _ => refusal.play_code(),
        };
        self.status("error", code, refusal.description(), stream_id)
    }

    /// The client is done with a stream; with the one that it uses, the session is over.
    fn leave(&mut self, command: &Command, stream_id: u32) -> Result<(), Ending> {
        let named = match command.name.as_str() {
            "deleteStream" => command.args.first().and_then(Value::as_number),
            "closeStream" => Some(f64::from(stream_id)),
            _ => None,
        };
        // Some name the stream wrongly or not at all, but 0 cannot mean another one.
        let is_meant = |used: u32| {
            named.is_none_or(|named| named < 1.0 || (named - f64::from(used)).abs() < 0.5)
        };
        let Some(used) = self.stream_id().filter(|&used| is_meant(used)) else {
            return Ok(());
        };
        if matches!(self.state, State::Publishing(_)) {
            let code = "NetStream.Unpublish.Success";
            self.status("status", code, "Stopped.", used)?;
        }
        self.end(None);
        Ok(())
    }

    /// The message stream that is published or played on.
    fn stream_id(&self) -> Option<u32> {
        match &self.state {
            State::Publishing(stream_id) => Some(*stream_id),
            State::Playing(playback) => Some(playback.stream_id()),
            _ => None,
        }
    }

    fn take_players_wish(&mut self, name: &str, command: &Command) -> Result<(), Ending> {
        let State::Playing(playback) = &mut self.state else {
            return Ok(());
        };
        let stream_id = playback.stream_id();
        let wish = command.args.first().and_then(Value::as_bool);
        match (name, wish) {
            ("receiveAudio", Some(wanted)) => playback.want_audio(wanted),
            ("receiveVideo", Some(wanted)) => playback.want_video(wanted),
            ("pause" | "pauseRaw", Some(true)) => {
                playback.pause(true);
                let code = "NetStream.Pause.Notify";
                return self.status("status", code, "Paused.", stream_id);
            }
            ("pause" | "pauseRaw", Some(false)) => {
                playback.pause(false);
                let code = "NetStream.Unpause.Notify";
                return self.status("status", code, "Playing.", stream_id);
            }
            // A live stream has one position. Not told as an error: some players end at any.
            ("seek", _) => {
                let code = "NetStream.Seek.Failed";
                return self.status("status", code, "The stream is live.", stream_id);
            }
            ("getStreamLength", _) => {
                return self.answer(command, Value::Null, vec![Value::Number(0.0)]);
            }
            ("createStream", _) => return self.create_stream(command),
            ("_checkbw", _) => return self.answer(command, Value::Null, vec![Value::Undefined]),
            ("FCSubscribe", _) => {
                return self.call("onFCSubscribe", "NetStream.Play.Start", command);
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends `tag` to the player, if it wants it.
    pub(super) fn play(&mut self, tag: &FlvTag) -> Result<(), Ending> {
        let State::Playing(playback) = &mut self.state else {
            return Ok(());
        };
        let Some(timestamp) = playback.stamp(tag) else {
            return Ok(());
        };
        let (chunk_stream, type_id) = match tag.kind {
            TagKind::Audio => (ChunkStream::Audio, type_id::AUDIO),
            TagKind::Video => (ChunkStream::Video, type_id::VIDEO),
            TagKind::Script => (ChunkStream::Data, type_id::DATA),
        };
        let header = Outgoing {
            chunk_stream,
            timestamp,
            type_id,
            stream_id: playback.stream_id(),
        };
        self.writer
            .write(header, &[&tag.body], &mut self.out)
            .map_err(|error| error.to_string())
    }

    /// Tells a player that waited that there is something to play.
    pub(super) fn stream_began(&mut self) -> Result<(), Ending> {
        let State::Playing(playback) = &self.state else {
            return Ok(());
        };
        let stream_id = playback.stream_id();
        let code = "NetStream.Play.PublishNotify";
        self.status("status", code, "The stream begins.", stream_id)
    }

    /// Tells a player that nothing more comes.
    pub(super) fn stream_ended(&mut self) -> Result<(), Ending> {
        let State::Playing(playback) = &self.state else {
            return Ok(());
        };
        let stream_id = playback.stream_id();
        let code = "NetStream.Play.UnpublishNotify";
        self.status("status", code, "The stream is over.", stream_id)?;
        let end = Message::UserControl(UserControl::StreamEof(stream_id));
        self.send(&end, CONNECTION)?;
        let code = "NetStream.Play.Stop";
        self.status("status", code, "The stream is over.", stream_id)?;
        self.end(None);
        Ok(())
    }

    fn answer(&mut self, call: &Command, object: Value, args: Vec<Value>) -> Result<(), Ending> {
        let result = Command {
            object,
            ..Command::new("_result", call.transaction, args)
        };
        self.send(&Message::Command(result), CONNECTION)
    }

    /// Calls the client back about the name it gave, as Adobe's server does.
    fn call(&mut self, name: &str, code: &str, command: &Command) -> Result<(), Ending> {
        let about = command.args.first().and_then(Value::as_str);
        let about: String = (about.unwrap_or_default().chars())
            .take(LONGEST_NAME)
            .collect();
        let call = Command::new(name, 0.0, vec![information("status", code, &about)]);
        self.send(&Message::Command(call), CONNECTION)
    }

    fn status(
        &mut self,
        level: &str,
        code: &str,
        description: &str,
        stream_id: u32,
    ) -> Result<(), Ending> {
        let information = information(level, code, description);
        let status = Command::new("onStatus", 0.0, vec![information]);
        self.send(&Message::Command(status), stream_id)
    }
}

fn information(level: &str, code: &str, description: &str) -> Value {
    Value::object([
        ("level", Value::from(level)),
        ("code", Value::from(code)),
        ("description", Value::from(description)),
    ])
}

/// What we are, and what of Enhanced RTMP we know, if the client asks by telling what it knows (v2, the
/// section on the connect command): all codecs are passed on as they come.
fn server_properties(connect: &Command) -> Value {
    let mut properties = vec![
        ("fmsVer", Value::from("FMS/3,0,1,123")),
        ("capabilities", Value::Number(31.0)),
    ];
    let asked = |name: &str| connect.object.get(name).is_some();
    if asked("fourCcList") {
        let any = Value::StrictArray(vec![Value::from("*")]);
        properties.push(("fourCcList", any));
    }
    for name in ["videoFourCcInfoMap", "audioFourCcInfoMap"] {
        if asked(name) {
            let any = Value::object([("*", Value::Number(CAN_FORWARD))]);
            properties.push((name, any));
        }
    }
    if asked("capsEx") {
        properties.push(("capsEx", Value::Number(CAPABILITIES)));
    }
    Value::object(properties)
}

/// The bit of a codec's information that says that it is passed on.
const CAN_FORWARD: f64 = 4.0;
/// Several tracks (2), extended packet headers (4), and times in nanoseconds (8), all passed on.
const CAPABILITIES: f64 = 14.0;

/// The chunk size we send with.
const CHUNK_SIZE: u32 = 4096;
/// How much the client may receive between its acknowledgements.
const WINDOW: u32 = 2_500_000;
/// How many commands a session may see in [`BUDGET_LASTS`]; a publisher needs about eight.
pub(super) const MOST_COMMANDS: u32 = 256;
/// How many messages a session may see in that time: 5,000 a second. A stream of pictures and sound has 100.
pub(super) const MOST_MESSAGES: u32 = 300_000;
/// How many bytes a session may see in that time without being a publisher's.
pub(super) const MOST_BYTES_WITHOUT_MEDIA: usize = 256 * 1024;
const BUDGET_LASTS: Duration = Duration::from_mins(1);
/// Message streams of a connection; one is used.
const MOST_MESSAGE_STREAMS: u32 = 16;
/// Bytes of an application's name or a key.
const LONGEST_NAME: usize = 1024;
/// Characters of what a client calls something that are repeated to the owner.
const LONGEST_QUOTE: usize = 40;

//! What goes to the server.

use super::{
    CLOSE_TIMEOUT, Event, PublishSession, REPLY_TIMEOUT, State, connect::connect, transaction,
};
use crate::{
    amf0::Value,
    flv::metadata,
    media::packet::{Packet, StreamFormat},
    rtmp::{
        chunk::ChunkError,
        message::{Command, Message},
        refusal::{Failure, Step},
        session::CONNECTION,
    },
    units::MediaTime,
};

impl PublishSession {
    pub(super) fn connect(&mut self, now: MediaTime) -> Result<(), Failure> {
        self.send(&Message::SetChunkSize(CHUNK_SIZE), CONNECTION)?;
        self.send(&Message::WindowAckSize(self.config.ack_window), CONNECTION)?;
        self.send(&Message::Command(connect(&self.config)), CONNECTION)?;
        self.state = State::Connecting;
        self.deadline = Some(now + REPLY_TIMEOUT);
        Ok(())
    }

    /// What Flash Media Live Encoder sends before `publish`: some servers wait for all of it.
    pub(super) fn create_stream(&mut self, now: MediaTime) -> Result<(), Failure> {
        let key = Value::from(self.config.key.expose());
        self.call(
            "releaseStream",
            transaction::RELEASE_STREAM,
            vec![key.clone()],
        )?;
        self.call("FCPublish", transaction::FC_PUBLISH, vec![key])?;
        self.call("createStream", transaction::CREATE_STREAM, Vec::new())?;
        self.state = State::CreatingStream;
        self.deadline = Some(now + REPLY_TIMEOUT);
        Ok(())
    }

    pub(super) fn publish(&mut self, now: MediaTime, stream_id: u32) -> Result<(), Failure> {
        let key = Value::from(self.config.key.expose());
        let publish = Command::new(
            "publish",
            transaction::PUBLISH,
            vec![key, Value::from("live")],
        );
        self.send(&Message::Command(publish), stream_id)?;
        self.state = State::StartingToPublish { stream_id };
        self.deadline = Some(now + REPLY_TIMEOUT);
        Ok(())
    }

    /// Publishes, at once or as soon as all is ready for it.
    pub(super) fn release(&mut self, now: MediaTime) -> Result<(), Failure> {
        self.hold = false;
        match self.state {
            State::Held { stream_id } => self.publish(now, stream_id),
            _ => Ok(()),
        }
    }

    pub(super) fn probe(&mut self) -> Result<(), Failure> {
        if !self.is_held() {
            return Ok(());
        }
        let received = self.received.so_far();
        self.send(&received, CONNECTION)
    }

    pub(super) fn send_metadata(&mut self, stream_id: u32) -> Result<(), Failure> {
        let values = metadata::set_data_frame(&self.config.format);
        let timestamp = self.media.last_timestamp();
        self.send_at(timestamp, &Message::Data(values), stream_id)
    }

    pub(super) fn change_format(&mut self, format: StreamFormat) -> Result<(), Failure> {
        self.config.format = format;
        match self.state {
            State::Publishing { stream_id, .. } => self.send_metadata(stream_id),
            _ => Ok(()),
        }
    }

    pub(super) fn send_media(&mut self, packet: &Packet) -> Result<(), Failure> {
        let State::Publishing { stream_id, .. } = self.state else {
            return Ok(());
        };
        let timestamp = self
            .media
            .write(packet, stream_id, &mut self.writer, &mut self.out)
            .map_err(|error| self.broken_by_us(&error))?;
        // Where a new connection can begin.
        let begins = packet.is_key_frame() || self.config.format.video.is_none();
        if begins && !self.rebase_asked && timestamp.is_some_and(|millis| millis >= REBASE_AFTER) {
            self.rebase_asked = true;
            let server = self.config.server.clone();
            self.events.push_back(Event::MoveWanted { server });
        }
        Ok(())
    }

    pub(super) fn close(&mut self, now: MediaTime) -> Result<(), Failure> {
        let State::Publishing { stream_id, .. } = self.state else {
            if !matches!(self.state, State::Closing) {
                self.end(Event::Closed);
            }
            return Ok(());
        };
        let key = Value::from(self.config.key.expose());
        self.call("FCUnpublish", transaction::FC_UNPUBLISH, vec![key])?;
        let id = Value::Number(f64::from(stream_id));
        self.call("deleteStream", transaction::DELETE_STREAM, vec![id])?;
        self.state = State::Closing;
        self.deadline = Some(now + CLOSE_TIMEOUT);
        Ok(())
    }

    pub(super) fn tick(&mut self, now: MediaTime) -> Result<(), Failure> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        let step = match self.state {
            State::Handshaking(_) => Step::Handshake,
            State::Connecting => Step::Connect,
            State::CreatingStream => Step::CreateStream,
            State::StartingToPublish { .. } => Step::Publish,
            State::Closing => {
                self.end(Event::Closed);
                return Ok(());
            }
            State::Held { .. } | State::Publishing { .. } | State::Ended => return Ok(()),
        };
        Err(Failure::no_reply(&self.peer, step, REPLY_TIMEOUT))
    }

    fn call(&mut self, name: &str, transaction: f64, args: Vec<Value>) -> Result<(), Failure> {
        let call = Command::new(name, transaction, args);
        self.send(&Message::Command(call), CONNECTION)
    }

    pub(super) fn send(&mut self, message: &Message, stream_id: u32) -> Result<(), Failure> {
        // Control messages and commands have no time; on chunk streams of their own it stays 0.
        self.send_at(0, message, stream_id)
    }

    fn send_at(
        &mut self,
        timestamp: u32,
        message: &Message,
        stream_id: u32,
    ) -> Result<(), Failure> {
        message
            .write(timestamp, stream_id, &mut self.writer, &mut self.out)
            .map_err(|error| self.broken_by_us(&error))
    }

    pub(super) fn broken(&self, error: &dyn std::error::Error) -> Failure {
        Failure::protocol(&self.peer, &error.to_string())
    }

    fn broken_by_us(&self, error: &ChunkError) -> Failure {
        Failure::unsendable(&self.peer, &error.to_string())
    }
}

/// The chunk size that OBS uses, too; nginx and others answer with the same.
const CHUNK_SIZE: u32 = 4096;

/// Milliseconds of stream time, 23 days, after which the stream asks for a new connection, whose times begin
/// at 0: from 2^31 ms on (24 days 20 h) servers and FLV readers take times for negative.
const REBASE_AFTER: u32 = 23 * 24 * 60 * 60 * 1000;

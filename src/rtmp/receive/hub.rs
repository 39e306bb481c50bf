//! Who publishes what, and which player has got how far.
//!
//! Each stream keeps one log of what arrived lately, shared by all its players; each player has a place in it.
//! So a player costs a number, its slowness costs nobody anything, and what it may lag behind is what the log
//! holds. When the log has moved on past a player's place, the player goes on at the last key frame.
//!
//! ```text
//!   publisher --push--> [.........K..........K......]   K: key frame
//!                        ^ a slow player     ^ where players begin
//! ```

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use super::{
    meaning::{Header, Meaning},
    policy::{Refusal, StreamName},
};
use crate::{
    flv::file::{FlvTag, TagKind},
    secret::Secret,
    units::MediaTime,
};

/// All streams and players of a receiver.
#[derive(Debug, Default)]
pub struct Hub {
    streams: BTreeMap<StreamId, Stream>,
    players: BTreeMap<PlayerId, Player>,
    last_id: u64,
    /// What players lost that are gone.
    lost_before: u64,
}

/// A stream that is or was published, for as long as somebody still plays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(u64);

/// A player.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlayerId(u64);

/// What a player gets next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// This.
    Media(FlvTag),
    /// Nobody published when the player came; now somebody does.
    StreamBegan,
    /// Nothing more.
    StreamEnded,
    /// Nothing yet.
    Nothing,
}

impl Hub {
    /// Begins a stream. Players that wait for it get it.
    ///
    /// # Errors
    /// When the name is in use, or there are too many streams.
    pub fn publish(&mut self, app: &str, key: &Secret) -> Result<StreamId, Refusal> {
        let name = StreamName::new(app, key);
        if self.live_stream(&name).is_some() {
            return Err(Refusal::NameInUse);
        }
        if self.streams.len() >= MOST_STREAMS {
            // A stream that is over is kept only for players that have not got to its end.
            let over = self.streams.iter().find(|(_, stream)| !stream.live);
            let over = *over.ok_or(Refusal::TooManyStreams)?.0;
            self.streams.remove(&over);
        }
        let id = StreamId(self.new_id());
        for player in self.players.values_mut() {
            if player.stream.is_none() && player.name == name {
                player.stream = Some(id);
                player.announce = true;
            }
        }
        self.streams.insert(id, Stream::new(name));
        Ok(id)
    }

    /// Takes what the publisher sent.
    pub fn push(&mut self, id: StreamId, now: MediaTime, tag: FlvTag) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.push(now, tag);
        }
    }

    /// Ends a stream; its players get what is left of it.
    pub fn unpublish(&mut self, id: StreamId) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.live = false;
        }
        self.forget_if_unused(id);
    }

    /// Lets a player in; it waits if nobody publishes what it wants.
    ///
    /// # Errors
    /// When there are too many players.
    pub fn join(&mut self, app: &str, key: &Secret) -> Result<PlayerId, Refusal> {
        if self.players.len() >= MOST_PLAYERS {
            return Err(Refusal::TooManyPlayers);
        }
        let name = StreamName::new(app, key);
        let id = PlayerId(self.new_id());
        let player = Player {
            stream: self.live_stream(&name),
            name,
            announce: false,
            headers: VecDeque::new(),
            place: Place::AtStart { not_before: 0 },
            lost: 0,
        };
        self.players.insert(id, player);
        Ok(id)
    }

    /// What `id` gets next.
    pub fn next(&mut self, id: PlayerId) -> Next {
        let Some(player) = self.players.get_mut(&id) else {
            return Next::StreamEnded;
        };
        match player.stream {
            None => Next::Nothing,
            Some(stream) => match self.streams.get(&stream) {
                Some(stream) => player.next(stream),
                None => Next::StreamEnded,
            },
        }
    }

    /// The player is gone.
    pub fn leave(&mut self, id: PlayerId) {
        let Some(player) = self.players.remove(&id) else {
            return;
        };
        self.lost_before += player.lost;
        if let Some(stream) = player.stream {
            self.forget_if_unused(stream);
        }
    }

    /// How many play this stream.
    #[must_use]
    pub fn players_of(&self, id: StreamId) -> usize {
        let players = self.players.values();
        players.filter(|player| player.stream == Some(id)).count()
    }

    /// How many tags players did not get because they were too slow, from the begin on.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost_before + self.players.values().map(|player| player.lost).sum::<u64>()
    }

    /// How many streams there are, with those that are over and still played.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// How many players there are, with those that wait.
    #[must_use]
    pub fn players(&self) -> usize {
        self.players.len()
    }

    /// Bytes kept, over all streams.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.streams.values().map(|stream| stream.bytes).sum()
    }

    fn live_stream(&self, name: &StreamName) -> Option<StreamId> {
        let mut streams = self.streams.iter();
        let found = streams.find(|(_, stream)| stream.live && stream.name == *name);
        found.map(|(id, _)| *id)
    }

    fn forget_if_unused(&mut self, id: StreamId) {
        let over = self.streams.get(&id).is_some_and(|stream| !stream.live);
        if over && self.players_of(id) == 0 {
            self.streams.remove(&id);
        }
    }

    fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

#[derive(Debug)]
struct Stream {
    name: StreamName,
    live: bool,
    log: VecDeque<Logged>,
    /// The position of the log's first tag, counted from the stream's begin.
    first: u64,
    bytes: usize,
    metadata: Option<FlvTag>,
    headers: BTreeMap<Header, FlvTag>,
    start: Option<Start>,
    has_pictures: bool,
}

#[derive(Debug)]
struct Logged {
    tag: FlvTag,
    at: MediaTime,
}

/// Where players begin.
#[derive(Debug)]
struct Start {
    position: u64,
    /// Metadata and codec headers as they were there.
    headers: VecDeque<FlvTag>,
}

impl Stream {
    fn new(name: StreamName) -> Self {
        Self {
            name,
            live: true,
            log: VecDeque::new(),
            first: 0,
            bytes: 0,
            metadata: None,
            headers: BTreeMap::new(),
            start: None,
            has_pictures: false,
        }
    }

    fn end(&self) -> u64 {
        self.first + self.log.len() as u64
    }

    fn push(&mut self, now: MediaTime, tag: FlvTag) {
        self.has_pictures |= tag.kind == TagKind::Video;
        match Meaning::of(&tag) {
            Meaning::Metadata if tag.body.len() <= LONGEST_HEADER => {
                self.metadata = Some(tag.clone());
            }
            Meaning::Header(header)
                if tag.body.len() <= LONGEST_HEADER
                    && (self.headers.len() < MOST_HEADERS
                        || self.headers.contains_key(&header)) =>
            {
                self.headers.insert(header, tag.clone());
            }
            Meaning::KeyFrame(track) if self.is_first_track(track) => self.start_here(),
            Meaning::Frame if !self.has_pictures => self.start_here(),
            _ => {}
        }
        self.bytes += cost(&tag);
        self.log.push_back(Logged { tag, at: now });
        self.forget_what_is_old(now);
    }

    /// Whether no picture has a lower number. The key frames of the others come right behind.
    fn is_first_track(&self, track: u8) -> bool {
        let first = self.headers.keys().find_map(|header| match header {
            Header::Video(track) => Some(*track),
            _ => None,
        });
        first.is_none_or(|first| track <= first)
    }

    fn start_here(&mut self) {
        let headers = self.metadata.iter().chain(self.headers.values());
        self.start = Some(Start {
            position: self.end(),
            headers: headers.cloned().collect(),
        });
    }

    fn forget_what_is_old(&mut self, now: MediaTime) {
        let start = self.start.as_ref().map_or(u64::MAX, |start| start.position);
        while let Some(oldest) = self.log.front() {
            let age = now.since(oldest.at);
            let too_old = age > LONGEST_GROUP || (age > LARGEST_LAG && self.first < start);
            if self.bytes <= MOST_BYTES && !too_old {
                break;
            }
            self.bytes -= cost(&oldest.tag);
            self.log.pop_front();
            self.first += 1;
        }
        if start < self.first {
            self.start = None;
        }
    }
}

/// What keeping a tag takes, with the place in the log.
fn cost(tag: &FlvTag) -> usize {
    tag.body.len() + size_of::<Logged>()
}

#[derive(Debug)]
struct Player {
    name: StreamName,
    stream: Option<StreamId>,
    /// Whether it is still to be told that its stream has begun.
    announce: bool,
    /// What it gets before it goes on at its place.
    headers: VecDeque<FlvTag>,
    place: Place,
    lost: u64,
}

#[derive(Debug)]
enum Place {
    /// Where players begin, once that is here or later.
    AtStart {
        not_before: u64,
    },
    At(u64),
}

impl Player {
    fn next(&mut self, stream: &Stream) -> Next {
        if std::mem::take(&mut self.announce) {
            return Next::StreamBegan;
        }
        if let Some(header) = self.headers.pop_front() {
            return Next::Media(header);
        }
        if let Place::At(position) = self.place
            && position < stream.first
        {
            self.place = Place::AtStart {
                not_before: position,
            };
        }
        if let Place::AtStart { not_before } = self.place
            && let Some(start) = &stream.start
        {
            if not_before > 0 {
                self.lost += start.position - not_before;
            }
            self.headers.clone_from(&start.headers);
            self.place = Place::At(start.position);
            if let Some(header) = self.headers.pop_front() {
                return Next::Media(header);
            }
        }
        let Place::At(position) = &mut self.place else {
            return stream.nothing_more();
        };
        let index = usize::try_from(*position - stream.first).unwrap_or(usize::MAX);
        let Some(logged) = stream.log.get(index) else {
            return stream.nothing_more();
        };
        *position += 1;
        Next::Media(logged.tag.clone())
    }
}

impl Stream {
    fn nothing_more(&self) -> Next {
        if self.live {
            Next::Nothing
        } else {
            Next::StreamEnded
        }
    }
}

/// Streams at the same time, with those that are over and still played.
pub const MOST_STREAMS: usize = 8;
/// Players at the same time, over all streams.
pub const MOST_PLAYERS: usize = 48;
/// Bytes kept of a stream: 10 s at 25 Mb/s.
pub const MOST_BYTES: usize = 32 * 1024 * 1024;
/// How far a player may lag behind; more is kept only while the last key frame is older.
pub const LARGEST_LAG: Duration = Duration::from_secs(10);
/// How old the last key frame may become before players have to wait for the next one.
pub const LONGEST_GROUP: Duration = Duration::from_mins(1);
/// Bytes of metadata or of a codec header that is kept for players to come.
const LONGEST_HEADER: usize = 64 * 1024;
/// Codec headers that are kept.
const MOST_HEADERS: usize = 32;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;

//! What is going on: who publishes, who plays, and the figures of each stream.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{
    report::{Figures, StreamReport},
    tale::Told,
};
use crate::{
    amf0::Value, flv::file::FlvTag, rtmp::receive::policy::StreamName, secret::Secret,
    units::MediaTime,
};

/// Everybody who publishes or plays, by connection.
#[derive(Debug, Default)]
pub struct Board {
    publishers: BTreeMap<u64, Publisher>,
    players: BTreeMap<u64, StreamName>,
}

#[derive(Debug)]
struct Publisher {
    name: StreamName,
    report: StreamReport,
}

/// A stream at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamNow {
    /// The publisher's connection.
    pub stream: u64,
    /// Its application. The stream key stays untold.
    pub app: String,
    /// What arrives.
    pub figures: Figures,
    /// How many watch.
    pub players: usize,
}

impl Board {
    /// A publisher began.
    pub fn begin(
        &mut self,
        now: MediaTime,
        stream: u64,
        peer: SocketAddr,
        app: &str,
        key: &Secret,
    ) -> Told {
        let name = StreamName::new(app, key);
        let report = StreamReport::new(now);
        self.publishers.insert(stream, Publisher { name, report });
        Told::Began {
            stream,
            peer,
            app: app.to_owned(),
        }
    }

    /// A player joined.
    pub fn join(&mut self, player: u64, peer: SocketAddr, app: &str, key: &Secret) -> Told {
        let name = StreamName::new(app, key);
        let waits = !(self.publishers.values()).any(|publisher| publisher.name == name);
        self.players.insert(player, name);
        Told::Joined {
            player,
            peer,
            app: app.to_owned(),
            waits,
        }
    }

    /// A connection is over.
    pub fn end(&mut self, connection: u64, peer: SocketAddr, because: Option<String>) -> Told {
        if let Some(publisher) = self.publishers.remove(&connection) {
            Told::Ended {
                stream: connection,
                peer,
                app: publisher.name.app,
                because,
            }
        } else if let Some(name) = self.players.remove(&connection) {
            Told::Left {
                player: connection,
                peer,
                app: name.app,
                because,
            }
        } else {
            let because = because.unwrap_or_else(|| "it said goodbye".to_owned());
            Told::Refused { peer, because }
        }
    }

    /// A publisher's metadata came.
    pub fn metadata(&mut self, stream: u64, values: &Value) {
        if let Some(publisher) = self.publishers.get_mut(&stream) {
            publisher.report.metadata(values);
        }
    }

    /// A publisher's picture or sound came.
    pub fn tag(&mut self, now: MediaTime, stream: u64, tag: &FlvTag) {
        if let Some(publisher) = self.publishers.get_mut(&stream) {
            publisher.report.tag(now, tag);
        }
    }

    /// All streams now.
    pub fn figures(&mut self, now: MediaTime) -> Vec<StreamNow> {
        let streams = self.publishers.iter_mut().map(|(stream, publisher)| {
            let same = |name: &&StreamName| **name == publisher.name;
            StreamNow {
                stream: *stream,
                app: publisher.name.app.clone(),
                figures: publisher.report.figures(now),
                players: self.players.values().filter(same).count(),
            }
        });
        streams.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_are_counted_at_the_stream_they_watch() {
        let mut board = Board::default();
        let peer: SocketAddr = "127.0.0.1:5000".parse().unwrap();
        let (one, other) = (Secret::new("one?token=1"), Secret::new("other"));
        let early = board.join(1, peer, "live", &Secret::new("one"));
        assert!(matches!(early, Told::Joined { waits: true, .. }));
        board.begin(MediaTime::ZERO, 2, peer, "live", &one);
        board.begin(MediaTime::ZERO, 3, peer, "live", &other);
        let late = board.join(4, peer, "live", &Secret::new("one"));
        assert!(matches!(late, Told::Joined { waits: false, .. }));
        board.join(5, peer, "elsewhere", &Secret::new("one"));
        let players = |board: &mut Board| {
            let streams = board.figures(MediaTime::ZERO);
            streams
                .iter()
                .map(|stream| stream.players)
                .collect::<Vec<_>>()
        };
        assert_eq!(players(&mut board), [2, 0]);
        let left = board.end(4, peer, None);
        assert!(matches!(
            left,
            Told::Left {
                player: 4,
                because: None,
                ..
            }
        ));
        let ended = board.end(3, peer, Some("why".to_owned()));
        assert!(matches!(
            ended,
            Told::Ended {
                stream: 3,
                because: Some(_),
                ..
            }
        ));
        assert_eq!(players(&mut board), [1]);
        let refused = board.end(9, peer, Some("why".to_owned()));
        assert!(matches!(refused, Told::Refused { .. }));
    }
}

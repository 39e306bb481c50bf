//! What happens, told on standard output: lines for people, or one JSON object per line.
//!
//! The JSON objects (`{"event": ...}`):
//!
//! | event | fields |
//! |---|---|
//! | `listening` | `address`, `url` |
//! | `publishing` | `state` (`began`, `ended`), `stream`, `peer`, `app`, `because` |
//! | `playing` | `state` (`joined`, `left`), `player`, `peer`, `app`, `waits`, `because` |
//! | `refused` | `peer`, `because` |
//! | `stream` | `stream`, `app`, `video`, `width`, `height`, `fps`, `audio`, `sample_rate`, `channels`, `kbps`, `keyframe_interval_ms`, `sound_ahead_ms`, `late`, `players`, `uptime_ms` |
//! | `receiver` | `connections`, `streams`, `players`, `kept_bytes`, `lost` |
//! | `recording` | `state` (`recording`, `finished`, `failed`, `lost`), `path`, `bytes`, `duration_ms`, `message`, `lost` |
//! | `summary` | `exit_status`, `message` |
//!
//! Every object has `at_ms`: milliseconds since the program started. `stream` and `player` are numbers of
//! connections. No stream key is ever told.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    time::Duration,
};

use serde_json::{Value, json};

use super::{args::Invitation, board::StreamNow, save::Saved};
use crate::{
    cli::exit::{Exit, ExitStatus},
    net::receiver::Figures,
    units::{MediaTime, grouped},
};

/// News.
#[derive(Debug)]
pub enum Told {
    /// A publisher began.
    Began {
        /// Its connection.
        stream: u64,
        /// Where it is.
        peer: SocketAddr,
        /// Its application.
        app: String,
    },
    /// A publisher's stream is over.
    Ended {
        /// Its connection.
        stream: u64,
        /// Where it is.
        peer: SocketAddr,
        /// Its application.
        app: String,
        /// Why, unless it said goodbye.
        because: Option<String>,
    },
    /// A player joined.
    Joined {
        /// Its connection.
        player: u64,
        /// Where it is.
        peer: SocketAddr,
        /// Its application.
        app: String,
        /// Whether nobody publishes yet what it wants.
        waits: bool,
    },
    /// A player left.
    Left {
        /// Its connection.
        player: u64,
        /// Where it is.
        peer: SocketAddr,
        /// Its application.
        app: String,
        /// Why, unless it said goodbye.
        because: Option<String>,
    },
    /// A client was refused, or was none.
    Refused {
        /// Where it is.
        peer: SocketAddr,
        /// Why.
        because: String,
    },
    /// A recording began, ended, or failed.
    Saved(Saved),
    /// The disk is stuck, so that a stream is not saved.
    NotSaved,
}

/// Tells what happens.
#[derive(Debug)]
pub struct Tale {
    json: bool,
    terminal: bool,
    /// Whether standard output is gone (a closed pipe): the receiver goes on without words.
    mute: bool,
}

impl Tale {
    /// For a program (`json`) or for a person.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self {
            json,
            terminal: io::stdout().is_terminal(),
            mute: false,
        }
    }

    /// How long to wait between reports.
    #[must_use]
    pub fn pause(&self) -> Duration {
        match (self.json, self.terminal) {
            (true, _) => Duration::from_secs(1),
            (false, true) => Duration::from_secs(2),
            (false, false) => Duration::from_secs(10),
        }
    }

    /// Says where to publish and what to play.
    pub fn begin(&mut self, invitation: &Invitation, address: SocketAddr, now: MediaTime) {
        let url = invitation.url(address);
        if self.json {
            let address = address.to_string();
            self.put_json(
                json!({ "event": "listening", "address": address, "url": url }),
                now,
            );
            return;
        }
        for line in invitation.lines(&url) {
            self.put(&line);
        }
    }

    /// Tells news; what went wrong with saving, if they are about that.
    pub fn tell(&mut self, told: &Told, now: MediaTime) -> Option<String> {
        if self.json {
            self.put_json(news_json(told), now);
        } else {
            self.put_now(&news_text(told));
        }
        match told {
            Told::Saved(Saved::Failed(error)) => Some(error.to_string()),
            Told::NotSaved => Some(NOT_SAVED.to_owned()),
            _ => None,
        }
    }

    /// Tells the figures of all streams.
    pub fn report(&mut self, streams: &[StreamNow], receiver: &Figures, now: MediaTime) {
        for stream in streams {
            if self.json {
                self.put_json(stream_json(stream), now);
            } else {
                self.put_now(&stream_text(stream, receiver));
            }
        }
        if self.json {
            self.put_json(receiver_json(receiver), now);
        }
    }

    /// The last words.
    pub fn end(&mut self, end: &Result<(), Exit>, now: MediaTime) {
        if self.json {
            let (status, message) = match end {
                Ok(()) => (ExitStatus::Ok, None),
                Err(exit) => (exit.status, Some(exit.message.as_str())),
            };
            let summary = json!({
                "event": "summary", "exit_status": status as u8, "message": message,
            });
            self.put_json(summary, now);
        }
    }

    fn put_json(&mut self, mut value: Value, now: MediaTime) {
        value["at_ms"] = json!(now.as_millis());
        self.put(&value.to_string());
    }

    fn put_now(&mut self, text: &str) {
        self.put(&format!(
            "{}  {text}",
            chrono::Local::now().format("%H:%M:%S")
        ));
    }

    fn put(&mut self, line: &str) {
        if self.mute {
            return;
        }
        let mut out = io::stdout().lock();
        self.mute = writeln!(out, "{line}").and_then(|()| out.flush()).is_err();
    }
}

impl Invitation {
    /// The server's address, as publishers and players write it.
    fn url(&self, address: SocketAddr) -> String {
        let Self { scheme, app, .. } = self;
        if address.ip().is_unspecified() {
            let port = address.port();
            return format!("{scheme}://ADDRESS-OF-THIS-COMPUTER:{port}/{app}");
        }
        format!("{scheme}://{address}/{app}")
    }

    fn lines(&self, url: &str) -> Vec<String> {
        let key = if self.needs_key {
            "the stream key that you chose"
        } else {
            "any stream key, such as \"test\""
        };
        let mut lines = vec![
            format!("Publish to the server {url} with {key}."),
            format!("Watch in VLC (Media, Open Network Stream) or with ffplay: {url}/STREAM-KEY"),
        ];
        if let Some(user) = &self.user {
            lines.push(format!(
                "Publishers and players log in as {user}, with the password that you chose."
            ));
        }
        lines.push("Stop with Ctrl-C.".to_owned());
        lines
    }
}

fn news_text(told: &Told) -> String {
    match told {
        Told::Began { stream, peer, app } => {
            format!("{peer} publishes {} as stream {stream}.", named(app))
        }
        Told::Ended {
            stream,
            app,
            because,
            ..
        } => format!(
            "Stream {stream} {} is over{}.",
            named(app),
            reason(because.as_deref())
        ),
        Told::Joined {
            peer, app, waits, ..
        } => {
            let waits = if *waits {
                "; it waits for a publisher"
            } else {
                ""
            };
            format!("{peer} watches {}{waits}.", named(app))
        }
        Told::Left {
            peer, app, because, ..
        } => format!(
            "{peer} watches {} no more{}.",
            named(app),
            reason(because.as_deref())
        ),
        Told::Refused { peer, because } => format!("{peer} was not served: {because}."),
        Told::Saved(Saved::Began(path)) => format!("Saving to \"{}\".", path.display()),
        Told::Saved(Saved::Finished {
            path,
            bytes,
            duration,
        }) => format!(
            "Saved \"{}\": {:.1} MB, {:.1} s.",
            path.display(),
            *bytes as f64 / 1e6,
            duration.as_secs_f64()
        ),
        Told::Saved(Saved::Lost(count)) => format!(
            "Warning: the disk is too slow; {} pictures and blocks of sound are not saved.",
            grouped(*count)
        ),
        Told::Saved(Saved::Failed(error)) => format!("Error: {error}."),
        Told::NotSaved => format!("Error: {NOT_SAVED}."),
    }
}

fn news_json(told: &Told) -> Value {
    match told {
        Told::Began { stream, peer, app } => json!({
            "event": "publishing", "state": "began", "stream": stream, "peer": peer.to_string(), "app": app,
        }),
        Told::Ended {
            stream,
            peer,
            app,
            because,
        } => json!({
            "event": "publishing", "state": "ended", "stream": stream, "peer": peer.to_string(), "app": app,
            "because": because,
        }),
        Told::Joined {
            player,
            peer,
            app,
            waits,
        } => json!({
            "event": "playing", "state": "joined", "player": player, "peer": peer.to_string(), "app": app,
            "waits": waits,
        }),
        Told::Left {
            player,
            peer,
            app,
            because,
        } => json!({
            "event": "playing", "state": "left", "player": player, "peer": peer.to_string(), "app": app,
            "because": because,
        }),
        Told::Refused { peer, because } => {
            json!({ "event": "refused", "peer": peer.to_string(), "because": because })
        }
        Told::Saved(Saved::Began(path)) => {
            json!({ "event": "recording", "state": "recording", "path": path })
        }
        Told::Saved(Saved::Finished {
            path,
            bytes,
            duration,
        }) => json!({
            "event": "recording", "state": "finished", "path": path, "bytes": bytes,
            "duration_ms": millis(*duration),
        }),
        Told::Saved(Saved::Lost(lost)) => {
            json!({ "event": "recording", "state": "lost", "lost": lost })
        }
        Told::Saved(Saved::Failed(error)) => json!({
            "event": "recording", "state": "failed", "path": error.path(), "message": error.to_string(),
        }),
        Told::NotSaved => {
            json!({ "event": "recording", "state": "failed", "message": NOT_SAVED })
        }
    }
}

fn stream_text(now: &StreamNow, receiver: &Figures) -> String {
    let players = match now.players {
        1 => "1 player".to_owned(),
        count => format!("{count} players"),
    };
    let lost = match receiver.lost {
        0 => String::new(),
        lost => format!("  {} not sent to slow players", grouped(lost)),
    };
    format!(
        "Stream {} {}  {}  {players}{lost}",
        now.stream,
        named(&now.app),
        now.figures
    )
}

fn stream_json(now: &StreamNow) -> Value {
    let figures = &now.figures;
    json!({
        "event": "stream",
        "stream": now.stream,
        "app": now.app,
        "video": figures.video.map(|codec| codec.to_string()),
        "width": figures.size.map(|(width, _)| width),
        "height": figures.size.map(|(_, height)| height),
        "fps": (figures.fps * 10.0).round() / 10.0,
        "audio": figures.audio.map(|codec| codec.to_string()),
        "sample_rate": figures.sound.map(|(rate, _)| rate),
        "channels": figures.sound.map(|(_, channels)| channels),
        "kbps": figures.bitrate.kbps(),
        "keyframe_interval_ms": figures.key_frame_interval.map(millis),
        "sound_ahead_ms": figures.sound_ahead,
        "late": figures.late,
        "players": now.players,
        "uptime_ms": millis(figures.uptime),
    })
}

fn receiver_json(figures: &Figures) -> Value {
    json!({
        "event": "receiver",
        "connections": figures.connections,
        "streams": figures.streams,
        "players": figures.players,
        "kept_bytes": figures.kept_bytes,
        "lost": figures.lost,
    })
}

/// What a stranger calls its application, on one line and not too long.
fn named(app: &str) -> String {
    let safe: String = app.escape_debug().take(LONGEST_NAME).collect();
    format!("\"{safe}\"")
}

fn reason(because: Option<&str>) -> String {
    because.map_or_else(String::new, |because| format!(": {because}"))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

const NOT_SAVED: &str =
    "the disk is too slow, a stream is not saved; choose a folder on another disk";

/// Characters of an application's name that are told.
const LONGEST_NAME: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(needs_key: bool, user: Option<&str>) -> Invitation {
        Invitation {
            scheme: "rtmp",
            app: "live".to_owned(),
            needs_key,
            user: user.map(str::to_owned),
        }
    }

    #[test]
    fn people_are_told_where_to_publish_and_what_to_play() {
        let address = "127.0.0.1:1935".parse().unwrap();
        let open = invitation(false, None);
        let url = open.url(address);
        let lines = open.lines(&url).join("\n");
        assert!(lines.contains("the server rtmp://127.0.0.1:1935/live with any stream key"));
        assert!(lines.contains("rtmp://127.0.0.1:1935/live/STREAM-KEY"));
        let closed = invitation(true, Some("ann"));
        let anywhere = closed.url("0.0.0.0:1935".parse().unwrap());
        let lines = closed.lines(&anywhere).join("\n");
        assert!(lines.contains("ADDRESS-OF-THIS-COMPUTER:1935"), "{lines}");
        assert!(
            lines.contains("that you chose") && lines.contains("ann"),
            "{lines}"
        );
    }

    #[test]
    fn a_strangers_words_stay_on_one_short_line() {
        let told = Told::Began {
            stream: 1,
            peer: "127.0.0.1:5".parse().unwrap(),
            app: format!("a\n\x1B[31m{}", "x".repeat(1000)),
        };
        let text = news_text(&told);
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.len() < 120, "{text}");
    }

    #[test]
    fn a_reason_is_told_where_there_is_one() {
        let peer = "127.0.0.1:5".parse().unwrap();
        let ended = |because: Option<&str>| {
            news_text(&Told::Ended {
                stream: 7,
                peer,
                app: "live".to_owned(),
                because: because.map(str::to_owned),
            })
        };
        assert_eq!(ended(None), "Stream 7 \"live\" is over.");
        let why = "the publisher fell silent";
        assert_eq!(
            ended(Some(why)),
            format!("Stream 7 \"live\" is over: {why}.")
        );
    }
}

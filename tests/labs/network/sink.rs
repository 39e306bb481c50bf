//! What the server passes on, written down message by message: a process of its own on the server's host.

use std::{
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, ExitCode},
    thread,
};

use skywave::{
    flv::tag::{kind_of_audio, kind_of_video},
    net::receiver::{Receiver, ReceiverConfig, ReceiverEvent},
    rtmp::receive::Received,
};

use super::{
    lab::{Host, Lab},
    tail::{Tail, now, rest},
    viewer::{Arrival, Kind},
};

/// Where it listens on the server's host.
pub(crate) const SINK_PORT: u16 = 1936;

/// A running sink and what it got so far.
pub(crate) struct Sink {
    process: Child,
    written: Tail,
    /// All messages, in the order in which they came.
    pub(crate) arrivals: Vec<Arrival>,
}

impl Sink {
    /// Starts it and waits until it listens.
    pub(crate) fn start(lab: &Lab) -> Self {
        let output = lab.path("arrivals");
        let file = std::fs::File::create(&output).expect("a file in the lab's folder");
        let this = std::env::current_exe().expect("this program's path");
        let mut command = lab.command(Host::Server, this);
        let command = command.args(["sink", &SINK_PORT.to_string()]).stdout(file);
        let mut sink = Self {
            process: command.spawn().expect("the sink can be started"),
            written: Tail::open(&output).expect("the file that was just made"),
            arrivals: Vec::new(),
        };
        let begin = now();
        while !sink.written.lines().contains(&LISTENING.to_owned()) {
            assert!(now() < begin + PATIENCE, "the sink does not listen");
            rest();
        }
        sink
    }

    /// Takes in what it wrote meanwhile.
    pub(crate) fn look(&mut self) {
        for line in self.written.lines() {
            let arrival = Arrival::read(&line);
            self.arrivals
                .push(arrival.unwrap_or_else(|| panic!("no arrival: {line:?}")));
        }
    }

    /// Whether a picture has come since `time`.
    pub(crate) fn has_picture_since(&self, time: f64) -> bool {
        let newest = self.arrivals.iter().rev();
        newest
            .take_while(|arrival| arrival.at >= time)
            .any(Arrival::is_picture)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs as the sink's process, until it is killed.
pub(crate) fn serve(port: u16) -> ExitCode {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut out = io::stdout();
    let receiver = Receiver::run(listen, ReceiverConfig::default(), move |event| {
        if let Some(arrival) = arrival(&event, now()) {
            let written = writeln!(out, "{arrival}").and_then(|()| out.flush());
            written.expect("the lab takes what the sink writes");
        }
    });
    let receiver = receiver.expect("the sink's port is free");
    println!("{LISTENING}");
    loop {
        thread::park();
        let _ = receiver.figures();
    }
}

fn arrival(event: &ReceiverEvent, at: f64) -> Option<Arrival> {
    let (kind, timestamp, bytes) = match &event.received {
        Received::Began { .. } => (Kind::Began, 0, 0),
        Received::Ended { .. } => (Kind::Ended, 0, 0),
        Received::Audio { timestamp, body } => {
            let is_header = kind_of_audio(body).is_ok_and(|info| info.is_sequence_header());
            let kind = if is_header { Kind::Header } else { Kind::Sound };
            (kind, *timestamp, body.len())
        }
        Received::Video { timestamp, body } => {
            let kind = match kind_of_video(body) {
                Ok(info) if info.is_sequence_header() => Kind::Header,
                Ok(info) if info.is_key_frame() => Kind::KeyFrame,
                _ => Kind::Picture,
            };
            (kind, *timestamp, body.len())
        }
        Received::Metadata(_) | Received::Joined { .. } => return None,
    };
    Some(Arrival {
        at,
        connection: event.connection,
        kind,
        timestamp: f64::from(timestamp) / 1e3,
        bytes,
    })
}

const LISTENING: &str = "listening";
/// Seconds for a start.
const PATIENCE: f64 = 15.0;

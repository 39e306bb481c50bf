//! Stopping takes a second at most, in every state that is listed here.
//!
//! A lookup of a server's name that hangs is not among them: it takes a resolver of the whole machine that does
//! not answer. It runs on a thread that nobody waits for, and its tests are in `net`.

use std::any::Any;

use super::{
    way::{self, Relay, Unanswering},
    *,
};
use crate::{
    capture::{camera::CameraFeed, source::DeviceId},
    engine::command::{Backup, Broadcast, Follow},
    record::Recorder,
};

/// What has to stay alive for a state to last.
type Kept = Box<dyn Any>;

/// A state by its name, and how an engine gets into it.
type State = (&'static str, fn(&mut Viewer) -> Kept);

const STATES: [State; 13] = [
    ("the server's address answers nothing", |viewer| {
        let server = Unanswering::new();
        begin(viewer, destination(server.address));
        viewer.follow(Duration::from_millis(300));
        Box::new(server)
    }),
    ("the secure connection is never answered", |viewer| {
        let (server, address) = way::deaf();
        let secure = Destination::new(format!("rtmps://{address}/live"), Secret::new("studio"));
        begin(viewer, secure);
        viewer.follow(Duration::from_millis(300));
        Box::new(server)
    }),
    ("the handshake is never answered", |viewer| {
        let (server, address) = way::deaf();
        begin(viewer, destination(address));
        viewer.follow(Duration::from_millis(300));
        Box::new(server)
    }),
    ("the wish to publish is never answered", |viewer| {
        let server = Server::start();
        let relay = Relay::to(server.address(), "NetStream.Publish.Start");
        begin(viewer, destination(relay.address));
        viewer.follow(Duration::from_millis(500));
        Box::new((server, relay))
    }),
    ("the next attempt is waited for", |viewer| {
        begin(viewer, destination(way::closed_port()));
        viewer.wait_for(|event| matches!(event, Event::Status(StreamStatus::Reconnecting { .. })));
        Box::new(())
    }),
    ("live", |viewer| {
        let server = Server::start();
        viewer.go_live(server.address());
        Box::new(server)
    }),
    ("live, and the server stopped reading", |viewer| {
        let server = Server::start();
        let relay = Relay::to(server.address(), "");
        viewer.go_live(relay.address);
        relay.swallow();
        viewer.follow(Duration::from_secs(1));
        Box::new((server, relay))
    }),
    ("noticed that the server stopped reading", |viewer| {
        let server = Server::start();
        let relay = Relay::to(server.address(), "");
        viewer.go_live(relay.address);
        relay.swallow();
        viewer.wait_for(|event| matches!(event, Event::Status(StreamStatus::Reconnecting { .. })));
        Box::new((server, relay))
    }),
    ("live, and the recording's disk is full", |viewer| {
        let server = Server::start();
        viewer.go_live(server.address());
        viewer.send(Command::StartRecording(RecordingTarget::File(
            "full.flv".into(),
        )));
        viewer.wait_for(|event| matches!(event, Event::Recording(RecordingStatus::Failed { .. })));
        Box::new(server)
    }),
    ("live, and the camera hangs", |viewer| {
        let server = Server::start();
        viewer.send(Command::SelectVideo(VideoChoice::Camera(DeviceId(
            "x".into(),
        ))));
        viewer.go_live(server.address());
        viewer.follow(Duration::from_millis(700));
        Box::new(server)
    }),
    ("live at one destination while another hangs", |viewer| {
        let server = Server::start();
        let (deaf, deaf_address) = way::deaf();
        viewer.send(Command::GoLive(Box::new(Broadcast {
            destinations: vec![destination(server.address()), destination(deaf_address)],
            follow: Follow::Slowest,
        })));
        viewer.wait_for(|event| matches!(event, Event::Status(StreamStatus::Live { .. })));
        Box::new((server, deaf))
    }),
    ("on the way to a backup that never answers", |viewer| {
        let (server, address) = way::deaf();
        let backup = Backup {
            server: format!("rtmp://{address}/live"),
            key: Secret::new("studio"),
            credentials: None,
            warm: false,
            return_to_primary: true,
        };
        begin(
            viewer,
            Destination {
                backup: Some(backup),
                ..destination(way::closed_port())
            },
        );
        viewer.follow(Duration::from_secs(1));
        Box::new(server)
    }),
    ("live and recording", |viewer| {
        let server = Server::start();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("live.flv");
        viewer.send(Command::StartRecording(RecordingTarget::File(path)));
        viewer.go_live(server.address());
        Box::new((server, folder))
    }),
];

fn begin(viewer: &Viewer, destination: Destination) {
    viewer.send(Command::GoLive(Box::new(destination.into())));
}

/// An engine whose camera hangs after a few pictures, and whose disk is full when a file of that name is
/// recorded.
fn viewer() -> Viewer {
    let parts = Parts {
        open_camera: |_, _, _, _| CameraFeed::that_hangs_after(3),
        start_recorder: |target, format, on_event| match target {
            RecordingTarget::File(path) if path.ends_with("full.flv") => {
                Recorder::on_full_disk(format, on_event)
            }
            other => Recorder::start(other, format, on_event),
        },
        ..Parts::default()
    };
    Viewer::start_with(parts, VideoChoice::TestPicture)
}

#[test]
fn stopping_takes_a_second_at_most_in_every_state() {
    for (name, enter) in STATES {
        let mut viewer = viewer();
        let kept = enter(&mut viewer);
        let asked = Instant::now();
        viewer.send(Command::Stop);
        viewer.wait_for(|event| matches!(event, Event::Status(StreamStatus::Offline { .. })));
        assert!(
            asked.elapsed() < STOPPED_WITHIN,
            "{name}: {:?}",
            asked.elapsed()
        );
        drop(kept);
    }
}

#[test]
fn quitting_takes_a_second_at_most_in_every_state() {
    for (name, enter) in STATES {
        let mut viewer = viewer();
        let kept = enter(&mut viewer);
        let asked = Instant::now();
        drop(viewer);
        assert!(
            asked.elapsed() < STOPPED_WITHIN,
            "{name}: {:?}",
            asked.elapsed()
        );
        drop(kept);
    }
}

#[test]
fn the_server_is_told_that_it_is_over_by_a_stop_and_by_quitting() {
    for quits in [false, true] {
        let server = Server::start();
        let mut viewer = viewer();
        viewer.go_live(server.address());
        if quits {
            drop(viewer);
        } else {
            viewer.stop();
        }
        assert_eq!(server.take_ended().ends, [None], "with a goodbye");
    }
}

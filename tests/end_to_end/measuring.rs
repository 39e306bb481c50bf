//! That what the tests measure with measures right: a stream with known faults, published by `ffmpeg`, and what the
//! network lab makes of arrivals that are known.

#[path = "../labs/network/viewer.rs"]
mod viewer;

use std::{process::Command, time::Duration};

use self::viewer::{Arrival, Kind, delays_ms, kbps, reaches_after, watched};
use crate::support::{
    media::Recording,
    nginx::Nginx,
    peer::{output_of, wait_until},
    scene::Scene,
};

#[test]
fn a_stream_that_is_out_of_step_is_measured_as_it_was_made() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    // White for a tenth of each second; the beep comes 80 ms later than the white.
    let picture = "color=black:s=320x180:r=15:d=6,drawbox=t=fill:c=white:enable='lt(mod(t,1),0.1)'";
    let beep = "0.5*sin(2*PI*1000*t)*between(mod(t-0.08\\,1)\\,0\\,0.1)";
    let sound = format!("aevalsrc={beep}|{beep}:s=48000:d=6");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-f", "lavfi", "-i", picture]);
    command.args(["-f", "lavfi", "-i", &sound, "-pix_fmt", "yuv420p"]);
    command.args(["-c:v", "flv", "-g", "30", "-c:a", "aac"]);
    command.args(["-f", "flv", &format!("{}/studio", nginx.live())]);
    output_of(&mut command);
    wait_until("nginx closed its file", Duration::from_secs(5), || {
        nginx.log().contains("deleteStream")
    });

    let recording = Recording::open(&nginx.recording());
    assert_eq!(recording.pictures.len(), 90);
    assert!(recording.pictures[30].is_key && !recording.pictures[29].is_key);
    let (flashes, beeps) = (recording.flashes(), recording.beeps());
    assert_eq!(flashes.len(), 6, "{flashes:?}");
    assert_eq!(beeps.len(), 6, "{beeps:?}");
    // The first second may be shifted by the encoder's priming, which FLV cannot tell of.
    for (flash, beep) in flashes.iter().zip(&beeps).skip(1) {
        let late = beep - flash;
        assert!((late - 0.08).abs() < 0.025, "{flash} {beep}");
    }
    let loudest = recording
        .loudness()
        .into_iter()
        .map(|(_, level)| level)
        .fold(0.0, f64::max);
    assert!((loudest - 0.354).abs() < 0.02, "{loudest}");
}

/// Ten pictures a second from `from` to `to` on one connection.
fn stream(connection: u64, from: f64, to: f64) -> Vec<Arrival> {
    let times = (0..).map(|number| f64::from(number) / 10.0);
    let picture = |time: f64| Arrival {
        at: from + time,
        connection,
        kind: Kind::Picture,
        timestamp: time,
        bytes: 1250,
    };
    times
        .take_while(|time| from + time < to - 0.05)
        .map(picture)
        .collect()
}

#[test]
fn an_outage_is_as_long_and_as_dark_as_it_was() {
    let mut arrivals = stream(1, 0.0, 10.0);
    arrivals.extend(stream(2, 16.5, 30.0));
    let watched = watched(&arrivals, 10.0, 10.0, 15.0, 30.0);
    assert!(
        (watched.back_after.unwrap() - 1.5).abs() < 0.01,
        "{watched:?}"
    );
    assert!((watched.longest_gap - 6.5).abs() < 0.11, "{watched:?}");
    assert!((watched.missed - 6.5).abs() < 0.11, "{watched:?}");
    assert!(watched.behind < 0.01, "{watched:?}");
}

#[test]
fn stragglers_are_no_stream() {
    let mut arrivals = stream(1, 15.1, 15.3);
    arrivals.extend(stream(2, 17.0, 30.0));
    let watched = watched(&arrivals, 10.0, 10.0, 15.0, 30.0);
    assert!(
        (watched.back_after.unwrap() - 2.0).abs() < 0.01,
        "{watched:?}"
    );
    assert_eq!(
        viewer::watched(&arrivals[..2], 10.0, 10.0, 15.0, 30.0).back_after,
        None
    );
}

#[test]
fn what_comes_late_is_behind_and_not_missed() {
    let mut arrivals = stream(1, 0.0, 30.0);
    for arrival in &mut arrivals {
        if arrival.at >= 10.0 {
            arrival.at += 4.0;
        }
    }
    let watched = watched(&arrivals, 10.0, 10.0, 12.0, 34.0);
    assert!((watched.behind - 4.0).abs() < 0.01, "{watched:?}");
    assert!(watched.missed < 0.11, "{watched:?}");
    let delays = delays_ms(&arrivals, 0.0, 34.0);
    assert!(delays[50].abs() < 0.1 && (delays[150] - 4000.0).abs() < 0.1);
}

#[test]
fn rates_are_those_of_the_bytes() {
    let arrivals = stream(1, 0.0, 30.0);
    assert!((kbps(&arrivals, 5.0, 15.0) - 100.0).abs() < 1.1);
    assert!(reaches_after(&arrivals, 90.0, 10.0, 30.0).unwrap() < 2.01);
    assert_eq!(reaches_after(&arrivals, 120.0, 10.0, 30.0), None);
}

#[test]
fn an_arrival_is_read_as_it_was_written() {
    let arrival = stream(7, 3.0, 3.1)[0];
    assert_eq!(Arrival::read(&arrival.to_string()), Some(arrival));
    assert_eq!(Arrival::read("1.0 2 picture 3.0"), None);
}

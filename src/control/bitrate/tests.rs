//! What the law does on a virtual uplink, on virtual time.

mod link;

use super::*;
use link::{Run, Scene};

const AUDIO: Bitrate = Bitrate::from_kbps(128);

/// 6 Mb/s, but 2 Mb/s from 20 to 50 s.
fn step(t: f64) -> f64 {
    if (20.0..50.0).contains(&t) { 2e6 } else { 6e6 }
}

fn limits(floor: u32, ceiling: u32) -> RateLimits {
    RateLimits {
        floor: Bitrate::from_kbps(floor),
        ceiling: Bitrate::from_kbps(ceiling),
        adaptive: true,
    }
}

fn adaptive(floor: u32, ceiling: u32) -> BitrateControl {
    BitrateControl::new(limits(floor, ceiling), AUDIO)
}

/// What happened, for the message of a test that fails.
fn story(run: &Run) -> String {
    let lines = run
        .changes
        .iter()
        .map(|(at, change)| format!("{at:5.1} s {:?} {}", change.advice.pace, change.reason));
    lines.collect::<Vec<_>>().join("\n")
}

fn holds_through_a_step(scene: &Scene, longest_delay: f64) {
    let run = scene.run();
    let story = story(&run);
    let delay = run.own_delay(0.95);
    assert!(delay <= longest_delay, "{delay} s\n{story}");
    let share = run.share(0.0, 90.0);
    assert!(share >= 0.9, "{share}\n{story}");
    let back = run
        .reaches(scene.ceiling * 95 / 100, 50.0)
        .unwrap_or(f64::MAX);
    assert!(back - 50.0 <= 15.0, "{back} s\n{story}");
    assert!(run.dropped_part() <= 0.005, "{}\n{story}", run.dropped);
    assert_eq!(run.audio_dropped, 0);
}

#[test]
fn a_step_from_6_to_2_megabits_and_back_costs_little_delay_and_no_frames() {
    for key_frame in [4.0, 5.0, 6.0] {
        let scene = Scene {
            carries: step,
            key_frame,
            ..Scene::default()
        };
        holds_through_a_step(&scene, 0.5);
    }
}

#[test]
fn a_step_is_followed_at_15_frames_a_second_too() {
    let scene = Scene {
        carries: step,
        fps: 15,
        ..Scene::default()
    };
    holds_through_a_step(&scene, 0.5);
}

#[test]
fn a_step_is_followed_where_the_system_tells_no_round_trip() {
    let scene = Scene {
        carries: step,
        tells_round_trip: false,
        ..Scene::default()
    };
    holds_through_a_step(&scene, 0.5);
}

#[test]
fn a_step_is_followed_where_key_frames_are_no_larger_than_others() {
    let scene = Scene {
        carries: step,
        key_frame: 1.0,
        ..Scene::default()
    };
    holds_through_a_step(&scene, 0.5);
}

/// 6 Mb/s, but 2 Mb/s from 20 s to `back`.
fn narrow_until(back: f64, t: f64) -> f64 {
    if (20.0..back).contains(&t) { 2e6 } else { 6e6 }
}

#[test]
fn room_is_found_soon_however_long_it_was_sought_in_vain_and_though_no_key_frame_shows_it() {
    type Way = fn(f64) -> f64;
    let ways: [(f64, Way); 5] = [
        (60.0, |t| narrow_until(60.0, t)),
        (68.0, |t| narrow_until(68.0, t)),
        (75.0, |t| narrow_until(75.0, t)),
        (83.0, |t| narrow_until(83.0, t)),
        (140.0, |t| narrow_until(140.0, t)),
    ];
    for (back, carries) in ways {
        let scene = Scene {
            carries,
            key_frame: 1.0,
            seconds: 180,
            ..Scene::default()
        };
        let run = scene.run();
        let full = run.reaches(scene.ceiling * 95 / 100, back);
        let after = full.unwrap_or(f64::MAX) - back;
        assert!(after <= 15.0, "{after} s\n{}", story(&run));
    }
}

#[test]
fn a_round_trip_of_300_milliseconds_slows_it_down_and_no_more() {
    let scene = Scene {
        carries: step,
        round_trip: 0.3,
        ..Scene::default()
    };
    holds_through_a_step(&scene, 0.9);
}

#[test]
fn two_seconds_of_buffer_in_the_network_are_not_filled() {
    let scene = Scene {
        carries: step,
        network_buffer: 2.0,
        ..Scene::default()
    };
    holds_through_a_step(&scene, 0.2);
    let run = scene.run();
    let age = run.age(0.95);
    assert!(age <= 0.5, "{age} s\n{}", story(&run));
}

#[test]
fn a_round_trip_that_wavers_is_no_congestion() {
    let scene = Scene {
        carries: |_| 12e6,
        jitter: |t| 0.06 * (1.0 + (t * 7.0).sin()),
        ..Scene::default()
    };
    let run = scene.run();
    assert_eq!(run.changes_within(5.0, 90.0), 0, "{}", story(&run));
}

#[test]
fn a_longer_way_that_stays_becomes_the_usual_one() {
    let scene = Scene {
        carries: |_| 12e6,
        jitter: |t| if t > 20.0 { 0.15 } else { 0.0 },
        ..Scene::default()
    };
    let run = scene.run();
    let (least, _) = run.orders(5.0, 90.0);
    assert!(least >= 4_000, "{}", story(&run));
    assert_eq!(run.orders(60.0, 90.0), (5_500, 5_500), "{}", story(&run));
}

#[test]
fn bursts_of_loss_are_no_collapse() {
    let scene = Scene {
        carries: |_| 12e6,
        loss: |t| {
            if t > 10.0 && t % 20.0 < 5.0 {
                0.02
            } else {
                0.0
            }
        },
        ..Scene::default()
    };
    let run = scene.run();
    let (least, _) = run.orders(0.0, 90.0);
    assert!(least >= 1_000, "{}", story(&run));
    let share = run.share(0.0, 90.0);
    assert!(share >= 0.8, "{share}\n{}", story(&run));
    assert_eq!(run.dropped, 0);
}

#[test]
fn key_frames_are_no_congestion() {
    for (key_frame, fps) in [(4.0, 30), (6.0, 30), (6.0, 15), (8.0, 30)] {
        let scene = Scene {
            carries: |_| 8e6,
            key_frame,
            fps,
            ..Scene::default()
        };
        let run = scene.run();
        assert_eq!(run.changes.len(), 0, "{}", story(&run));
    }
}

#[test]
fn a_sawtooth_is_followed_with_bounded_delay() {
    let scene = Scene {
        carries: |t| 6e6 - 4e6 * (t % 10.0 / 10.0),
        ..Scene::default()
    };
    let run = scene.run();
    let (delay, age) = (run.own_delay(0.95), run.age(0.95));
    assert!(delay <= 0.6 && age <= 0.9, "{delay} {age}\n{}", story(&run));
    let share = run.share(0.0, 90.0);
    assert!(share >= 0.7, "{share}\n{}", story(&run));
    assert_eq!(run.dropped, 0);
}

#[test]
fn a_slow_fade_is_followed_down() {
    let scene = Scene {
        carries: |t| 6e6 - 5e6 * (t / 90.0),
        ..Scene::default()
    };
    let run = scene.run();
    let age = run.age(0.95);
    assert!(age <= 0.65, "{age}\n{}", story(&run));
    let share = run.share(0.0, 90.0);
    assert!(share >= 0.95, "{share}\n{}", story(&run));
    assert_eq!(run.dropped, 0);
    assert!(run.changes.len() <= 28, "{}", story(&run));
}

#[test]
fn a_steady_uplink_is_found_and_kept_with_few_changes() {
    let scene = Scene {
        carries: |_| 2e6,
        seconds: 300,
        ..Scene::default()
    };
    let run = scene.run();
    let changes = run.changes_within(60.0, 300.0);
    // A try every eight seconds, and its end.
    assert!(changes <= 2 * 240 / 8, "{changes}\n{}", story(&run));
    let age = run.age(0.95);
    assert!(age <= 0.4, "{age}\n{}", story(&run));
    let (least, most) = run.orders(10.0, 300.0);
    assert!(least >= 1_400 && most <= 2_100, "{}", story(&run));
    let share = run.share(10.0, 300.0);
    assert!(share >= 0.9, "{share}\n{}", story(&run));
}

#[test]
fn a_beginning_far_above_the_uplink_costs_no_frames() {
    let scene = Scene {
        carries: |_| 2e6,
        seconds: 20,
        ..Scene::default()
    };
    let run = scene.run();
    let (at, _) = run.changes[0];
    assert!(at <= 0.8, "{}", story(&run));
    assert_eq!(run.dropped, 0, "{}", story(&run));
}

#[test]
fn a_still_scene_is_no_reason_to_cut_and_its_end_none_to_overshoot() {
    for carries in [6e6, 2e6] {
        let still = |t: f64| if (20.0..40.0).contains(&t) { 0.05 } else { 1.0 };
        let scene = Scene {
            carries: if carries > 3e6 { |_| 6e6 } else { |_| 2e6 },
            motion: still,
            ..Scene::default()
        };
        let run = scene.run();
        // But for the first moments: the last try before it may still have failed.
        assert_eq!(run.changes_within(22.0, 40.0), 0, "{}", story(&run));
        let delays: Vec<_> = run.within(40.0, 50.0).map(|tick| tick.own).collect();
        let longest = delays.into_iter().fold(0.0, f64::max);
        assert!(longest <= 0.4, "{longest} s\n{}", story(&run));
    }
}

#[test]
fn below_the_floor_pictures_thin_out_and_come_back_step_by_step() {
    let scene = Scene {
        carries: |t| {
            if (20.0..60.0).contains(&t) {
                0.4e6
            } else {
                2e6
            }
        },
        ceiling: 1_500,
        floor: 500,
        seconds: 120,
        ..Scene::default()
    };
    let run = scene.run();
    let paces: Vec<_> = run.ticks.iter().map(|tick| tick.pace).collect();
    let first = |pace| {
        run.ticks
            .iter()
            .find(|tick| tick.pace == pace)
            .map(|t| t.at)
    };
    let half = first(Pace::Half).unwrap();
    assert!((20.0..26.0).contains(&half), "{half}\n{}", story(&run));
    assert_eq!(paces.last(), Some(&Pace::Full));
    assert_eq!(run.orders(90.0, 120.0).1, 1_500, "{}", story(&run));
    assert_eq!(run.audio_dropped, 0);
    for (_, change) in &run.changes {
        assert!(change.advice.video >= Bitrate::from_kbps(500));
    }
}

#[test]
fn when_next_to_nothing_gets_through_only_key_frames_and_sound_are_sent() {
    let scene = Scene {
        carries: |t| {
            if (20.0..60.0).contains(&t) {
                0.25e6
            } else {
                2e6
            }
        },
        ceiling: 1_500,
        floor: 500,
        seconds: 120,
        ..Scene::default()
    };
    let run = scene.run();
    let still = run.ticks.iter().find(|tick| tick.pace == Pace::Still);
    assert!(still.is_some_and(|tick| tick.at < 26.0), "{}", story(&run));
    assert_eq!(run.audio_dropped, 0, "{}", story(&run));
    assert_eq!(run.orders(100.0, 120.0).1, 1_500, "{}", story(&run));
}

#[test]
fn a_fixed_bitrate_is_never_changed() {
    let scene = Scene {
        carries: |_| 1e6,
        adaptive: false,
        seconds: 30,
        ..Scene::default()
    };
    let run = scene.run();
    assert_eq!(run.changes.len(), 0);
    assert_eq!(run.orders(0.0, 30.0), (5_500, 5_500));
    assert!(run.dropped > 0);
}

#[test]
fn an_encoder_that_makes_too_much_does_not_drive_the_order_to_the_floor() {
    let scene = Scene {
        carries: |_| 4e6,
        // Thrice as much as ordered.
        motion: |_| 3.0,
        ceiling: 2_000,
        seconds: 60,
        ..Scene::default()
    };
    let run = scene.run();
    let (least, _) = run.orders(0.0, 60.0);
    assert!(least >= 1_000, "{least}\n{}", story(&run));
}

#[test]
fn changed_limits_are_obeyed_at_once_and_told() {
    let mut control = adaptive(300, 5_500);
    let now = MediaTime::from_millis(1000);
    let change = control.set_limits(limits(300, 3_000), now).unwrap();
    assert_eq!(change.advice.video, Bitrate::from_kbps(3_000));
    assert!(!change.better);
    assert_eq!(
        change.reason,
        "The limits were changed: the picture goes from 5,500 to 3,000 kb/s."
    );
    assert_eq!(control.set_limits(limits(500, 3_000), now), None);
    let change = control.set_limits(RateLimits::fixed(Bitrate::from_kbps(4_000)), now);
    assert!(change.unwrap().better);
    assert_eq!(control.advice().video, Bitrate::from_kbps(4_000));
}

#[test]
fn a_reconnected_stream_goes_on_with_what_was_carried_before() {
    let scene = Scene {
        carries: |_| 2e6,
        seconds: 30,
        ..Scene::default()
    };
    let mut control = adaptive(300, 5_500);
    control.on_connected(MediaTime::ZERO);
    assert_eq!(control.advice().video, Bitrate::from_kbps(5_500));
    scene.run_with(&mut control);
    control.on_connected(MediaTime::from_millis(40_000));
    let video = control.advice().video.kbps();
    assert!((1_500..=1_900).contains(&video), "{video}");
}

#[test]
fn what_a_new_connection_begins_with_is_told() {
    let scene = Scene {
        carries: |t| if t < 20.0 { 6e6 } else { 1e5 },
        seconds: 40,
        ..Scene::default()
    };
    let mut control = adaptive(300, 5_500);
    let run = scene.run_with(&mut control);
    let before = control.advice();
    assert_ne!(before.pace, Pace::Full, "{}", story(&run));
    let told = control
        .on_connected(MediaTime::from_millis(45_000))
        .unwrap();
    assert_eq!((told.advice, told.better), (control.advice(), true));
    assert_eq!(told.advice.pace, Pace::Full);
    assert_eq!(control.on_connected(MediaTime::from_millis(46_000)), None);
}

#[test]
fn a_first_connection_begins_at_the_ceiling_whatever_its_steps() {
    let mut control = adaptive(300, 5_533);
    assert_eq!(control.on_connected(MediaTime::ZERO), None);
    assert_eq!(control.advice().video, Bitrate::from_kbps(5_533));
}

#[test]
fn an_outage_before_a_reconnect_is_no_rate() {
    let scene = Scene {
        carries: |t| if t > 20.0 { 0.0 } else { 8e6 },
        seconds: 23,
        ..Scene::default()
    };
    let mut control = adaptive(300, 5_500);
    let run = scene.run_with(&mut control);
    assert!(run.changes.iter().all(|(_, change)| !change.better));
    let cut = control.advice().video;
    assert!(cut < Bitrate::from_kbps(5_500));
    let change = control.on_connected(MediaTime::from_millis(40_000));
    assert_eq!(control.advice().video, Bitrate::from_kbps(5_500));
    let change = change.expect("who follows the advice must learn of it");
    assert!(change.better && change.advice == control.advice());
    assert_eq!(control.on_connected(MediaTime::from_millis(41_000)), None);
}

#[test]
fn every_change_is_told_in_words_with_its_numbers() {
    let scene = Scene {
        carries: step,
        ..Scene::default()
    };
    let run = scene.run();
    let (_, first) = &run.changes[0];
    let (start, end) = (
        "The uplink carries ",
        " Mb/s now: the picture goes from 5,500 to ",
    );
    assert!(first.reason.starts_with(start), "{}", first.reason);
    assert!(first.reason.contains(end), "{}", first.reason);
    assert!(!first.better);
    let figure = |name| first.figures.iter().find(|figure| figure.name == name);
    let is = |name, value: u32| (figure(name).unwrap().value - f64::from(value)).abs() < 0.5;
    assert!(is("from_kbps", 5_500));
    assert!(is("to_kbps", first.advice.video.kbps()));
    for name in [
        "delivered_kbps",
        "carried_kbps",
        "queue_ms",
        "round_trip_ms",
    ] {
        assert!(
            figure(name).is_some_and(|figure| figure.value > 0.0),
            "{name}"
        );
    }
    let (_, last) = run.changes.last().unwrap();
    assert!(last.better);
    let room = "The uplink has room again: ";
    assert!(last.reason.starts_with(room), "{}", last.reason);
    assert!(last.reason.ends_with(" to 5,500 kb/s."), "{}", last.reason);
}

#[test]
fn samples_without_sense_do_no_harm() {
    let mut control = adaptive(300, 5_500);
    for number in 0..2_000_u64 {
        let wild = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        control.observe(&LinkSample {
            now: MediaTime::from_nanos(wild % 1_000_000_000_000),
            queue: Duration::from_nanos(wild),
            unsent: wild / 3,
            in_flight: wild,
            arrived: wild.rotate_left(7),
            produced: wild.rotate_left(13),
            round_trip: (wild % 3 == 0).then(|| Duration::from_nanos(wild)),
        });
        let video = control.advice().video;
        assert!((300..=5_500).contains(&video.kbps()), "{video}");
    }
}

#[test]
fn acknowledgements_that_come_in_lumps_do_for_a_measure() {
    for (told_at_a_time, longest_delay, most_dropped) in [
        (50_000, 0.5, 0.005),
        (100_000, 0.65, 0.005),
        (1_000_000, 1.6, 0.04),
    ] {
        let scene = Scene {
            carries: step,
            tells_round_trip: false,
            told_at_a_time,
            ..Scene::default()
        };
        let run = scene.run();
        let delay = run.own_delay(0.95);
        assert!(delay <= longest_delay, "{delay} s\n{}", story(&run));
        let share = run.share(0.0, 90.0);
        assert!(share >= 0.85, "{share}\n{}", story(&run));
        let dropped = run.dropped_part();
        assert!(dropped <= most_dropped, "{dropped}\n{}", story(&run));
        let back = run.reaches(5_200, 50.0);
        assert!(back.is_some_and(|at| at < 70.0), "{}", story(&run));
    }
}

#[test]
fn any_uplink_is_settled_on_within_seconds() {
    let ways: [fn(f64) -> f64; 6] = [|_| 1e6, |_| 1.5e6, |_| 3e6, |_| 4e6, |_| 5e6, |_| 6.5e6];
    for carries in ways {
        for (round_trip, network_buffer) in [(0.01, 0.3), (0.1, 0.3), (0.1, 1.0)] {
            let scene = Scene {
                carries,
                network_buffer,
                round_trip,
                ..Scene::default()
            };
            let run = scene.run();
            let share = run.share(10.0, 90.0);
            assert!(share >= 0.88, "{share}\n{}", story(&run));
            let late: Vec<_> = run.within(10.0, 90.0).map(|tick| tick.age).collect();
            let longest = late.into_iter().fold(0.0, f64::max);
            assert!(longest <= 0.9, "{longest} s\n{}", story(&run));
            let changes = run.changes_within(10.0, 90.0);
            assert!(changes <= 2 * 80 / 8, "{}", story(&run));
        }
    }
}

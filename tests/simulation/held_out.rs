//! Links that no constant of ours was chosen on: other rates, lengths, buffers, pictures, outages and losses.

use std::time::Duration;

use skywave::units::Bitrate;

use super::{
    encoder::Format,
    network::{Losses, Outage},
    ours::Told,
    random::Random,
    scenario::{Scenario, steady, step},
    whole,
};

pub(crate) fn all() -> Vec<Scenario> {
    [
        narrow(),
        bursty(),
        lossy(),
        wandering(),
        broken(),
        little_told(),
    ]
    .concat()
}

/// The way is narrow for a while.
fn narrow() -> Vec<Scenario> {
    let mut all = Vec::new();
    // Ceiling, rates before and while it is narrow, round trip, buffer; pictures and key frames.
    let narrower = [
        (1500, 2.0, 0.8, 10, 50, (30, 1.0, 4.0)),
        (2500, 3.5, 1.2, 25, 150, (25, 2.0, 6.0)),
        (3500, 4.5, 2.4, 80, 500, (30, 4.0, 8.0)),
        (3500, 2.2, 1.1, 60, 200, (30, 2.0, 5.0)),
        (6000, 8.0, 3.0, 15, 1000, (60, 2.0, 8.0)),
        (8000, 10.0, 2.5, 120, 300, (60, 1.0, 4.0)),
        (8000, 6.0, 4.5, 200, 700, (30, 3.0, 6.0)),
        (12000, 15.0, 5.0, 30, 250, (50, 2.0, 5.0)),
        (4000, 5.0, 1.5, 400, 400, (30, 2.0, 5.0)),
        (2500, 3.0, 1.0, 50, 3000, (15, 2.0, 6.0)),
        (6000, 7.0, 2.0, 100, 50, (30, 2.0, 5.0)),
        (5000, 6.0, 0.3, 40, 300, (30, 2.0, 5.0)),
        (10000, 3.0, 1.5, 40, 300, (30, 2.0, 5.0)),
        (5000, 6.0, 3.0, 300, 100, (30, 2.0, 5.0)),
    ];
    for (seed, (ceiling, wide, narrow, round_trip, buffer, pictures)) in (100..).zip(narrower) {
        let name = format!(
            "steps {wide}, {narrow}, {wide} Mb/s under {ceiling} kb/s, {round_trip} ms, buffer {buffer} ms"
        );
        let mut scenario = steady(&name, 120.0);
        let wide = wide * 1e6;
        scenario.conditions.rate = step(&[(0.0, wide), (27.0, narrow * 1e6), (74.0, wide)]);
        scenario.seed = seed;
        all.push(scenario.with(ceiling, round_trip, buffer, pictures));
    }
    all
}

/// The way is narrow for a while, and hands out bursts above its rate.
fn bursty() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (seed, (bucket, round_trip, buffer)) in (600..).zip([
        (32, 40, 300),
        (128, 2, 300),
        (128, 40, 2000),
        (500, 20, 500),
    ]) {
        let name =
            format!("bursts of {bucket} kB, 6, 2, 6 Mb/s, {round_trip} ms, buffer {buffer} ms");
        let mut scenario = steady(&name, 120.0);
        scenario.conditions.rate = step(&[(0.0, 6e6), (24.0, 2e6), (76.0, 6e6)]);
        scenario.conditions.bucket = bucket * 1_000;
        scenario.seed = seed;
        all.push(scenario.with(5000, round_trip, buffer, (30, 2.0, 5.0)));
    }
    all
}

/// Loss all the time, and in bursts.
fn lossy() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (seed, (share, round_trip, bursts)) in (200..).zip([
        (0.005, 20, false),
        (0.005, 100, false),
        (0.02, 30, false),
        (0.01, 60, true),
        (0.02, 100, true),
        (0.05, 30, true),
        (0.05, 80, true),
    ]) {
        let how = if bursts { "bursts of " } else { "" };
        let name = format!("{how}{} % loss, {round_trip} ms", share * 100.0);
        let mut scenario = steady(&name, 120.0);
        let losses = |from, to| Losses { from, to, share };
        scenario.conditions.losses = if bursts {
            (1..8)
                .map(|number| f64::from(number) * 15.0)
                .map(|from| losses(from, from + 5.0))
                .collect()
        } else {
            vec![losses(5.0, 120.0)]
        };
        scenario.seed = seed;
        all.push(scenario.with(4000, round_trip, 200, (30, 2.0, 5.0)));
    }
    all
}

/// The rate wanders, as a phone's does.
fn wandering() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (seed, (ceiling, mean, round_trip, buffer)) in (300..).zip([
        (3000, 2.5, 60, 400),
        (6000, 5.0, 40, 1000),
        (8000, 9.0, 30, 150),
        (4000, 4.0, 150, 600),
    ]) {
        let name = format!(
            "wandering around {mean} Mb/s under {ceiling} kb/s, {round_trip} ms, buffer {buffer} ms"
        );
        let mut scenario = steady(&name, 180.0);
        let mut random = Random::new(seed);
        let mut level = 0.0;
        scenario.conditions.rate = (0..60)
            .map(|number| {
                level = 0.8 * level + 0.5 * random.noise();
                (f64::from(number) * 3.0, mean * 1e6 * f64::exp(level))
            })
            .collect();
        scenario.seed = seed;
        all.push(scenario.with(ceiling, round_trip, buffer, (30, 2.0, 5.0)));
    }
    all
}

/// Outages at other times, and more than one.
fn broken() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (seed, (ceiling, outages, round_trip)) in (400..).zip([
        (2500, vec![(17.3, 2.2), (61.7, 8.4)], 25),
        (8000, vec![(41.1, 14.6)], 150),
        (4000, vec![(22.9, 0.6), (44.2, 47.0)], 60),
        (6000, vec![(12.6, 3.4), (37.8, 3.1), (70.4, 26.0)], 10),
    ]) {
        let spans = outages
            .iter()
            .map(|(from, lasts)| format!("{lasts} s at {from} s"));
        let spans = spans.collect::<Vec<_>>().join(", ");
        let name = format!("blackholes of {spans} under {ceiling} kb/s, {round_trip} ms");
        let mut scenario = steady(&name, 160.0);
        let outage = |(from, lasts)| Outage {
            from,
            to: from + lasts,
            known: false,
        };
        scenario.conditions.rate = vec![(0.0, f64::from(ceiling) * 1300.0)];
        scenario.conditions.outages = outages.into_iter().map(outage).collect();
        scenario.seed = seed;
        all.push(scenario.with(ceiling, round_trip, 250, (30, 2.0, 5.0)));
    }
    all
}

/// The system tells nothing, and the server seldom what arrived.
fn little_told() -> Vec<Scenario> {
    let mut all = Vec::new();
    for (seed, bytes) in (500..).zip([50_000, 250_000]) {
        let mut scenario = steady(&format!("told each {bytes} bytes, 5, 1.7, 5 Mb/s"), 120.0);
        scenario.conditions.rate = step(&[(0.0, 5e6), (33.0, 1.7e6), (77.0, 5e6)]);
        scenario.told = Told::AfterBytes(bytes);
        scenario.seed = seed;
        all.push(scenario.with(3500, 50, 300, (30, 2.0, 5.0)));
    }
    all
}

impl Scenario {
    /// The same with another ceiling in kb/s, round trip and buffer in milliseconds, and with so many pictures a
    /// second, seconds between key frames, and pictures that a key frame is as large as.
    fn with(
        mut self,
        ceiling: u32,
        round_trip: u64,
        buffer: u64,
        (per_second, key_frames, key_frame_size): (u32, f64, f64),
    ) -> Self {
        self.format = Format {
            ceiling: Bitrate::from_kbps(ceiling),
            per_second,
            key_frame_interval: whole(key_frames * f64::from(per_second)),
            key_frame_size,
            deaf: false,
        };
        self.runs = HELD_OUT_RUNS;
        self.conditions.round_trip = Duration::from_millis(round_trip);
        self.conditions.buffer = Duration::from_millis(buffer);
        self
    }
}

/// Over fewer runs than usual, for there are many links.
const HELD_OUT_RUNS: u32 = 3;

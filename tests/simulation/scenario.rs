//! What a stream has to live with: links, servers, encoders and computers that misbehave.

use std::time::Duration;

use skywave::units::Bitrate;

use super::{
    encoder::Format,
    network::{Conditions, Losses, Outage},
    ours::Told,
    server::Habits,
    world::{ClockStep, Sleep, World},
};

/// One trouble, from its first second to the last that counts.
#[derive(Clone, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) conditions: Conditions,
    pub(crate) habits: Habits,
    pub(crate) sleep: Option<Sleep>,
    pub(crate) clock_steps: Vec<ClockStep>,
    pub(crate) format: Format,
    /// What the system tells us of a connection.
    pub(crate) told: Told,
    /// When something broke that people are to be told of, and when it worked again, in seconds.
    pub(crate) broken: Option<(f64, f64)>,
    /// How long it lasts, in seconds that the computer is awake.
    pub(crate) lasts: f64,
    pub(crate) seed: u64,
    /// Over how many runs its row is taken.
    pub(crate) runs: u32,
}

/// All rows of the scorecard.
pub(crate) fn all() -> Vec<Scenario> {
    let mut all: Vec<_> = [1.0, 5.0, 30.0, 100.0, 300.0, 3600.0].map(outage).into();
    all.extend([
        cable_out(20.0),
        steps(),
        steps_with_bursts(),
        steps_with_small_key_frames(),
        sawtooth(),
        slow_fade(),
        bufferbloat(),
        long_way(),
        lossy(),
        deaf_encoder(),
        stops_reading(),
        closes_each_minute(),
        holds_the_name(),
        sleep(),
        clock_steps(),
    ]);
    all
}

/// Nothing gets through for `lasts` seconds, and nobody knows. Long outages are followed for long: some take their
/// time to come back.
pub(crate) fn outage(lasts: f64) -> Scenario {
    let from = 30.0;
    let mut scenario = steady(&format!("blackhole, {lasts} s"), lasts * 1.3 + 120.0);
    scenario.conditions.outages = vec![Outage {
        from,
        to: from + lasts,
        known: false,
    }];
    scenario.broken = Some((from, from + lasts));
    scenario
}

/// The cable is out, and the system knows.
pub(crate) fn cable_out(lasts: f64) -> Scenario {
    let mut scenario = outage(lasts);
    scenario.name = format!("cable out, {lasts} s");
    scenario.conditions.outages[0].known = true;
    scenario
}

/// The uplink carries a third for a minute.
pub(crate) fn steps() -> Scenario {
    let mut scenario = steady("steps 6, 2, 6 Mb/s", 120.0);
    scenario.conditions.rate = step(&[(0.0, 6e6), (LOW_FROM, 2e6), (LOW_TO, 6e6)]);
    scenario
}

/// The steps again, with a bottleneck that hands out short bursts above its rate.
pub(crate) fn steps_with_bursts() -> Scenario {
    let mut scenario = steps();
    "bursts of 8 kB at full speed, steps 6, 2, 6 Mb/s".clone_into(&mut scenario.name);
    scenario.conditions.bucket = 8_000;
    scenario
}

/// The steps again, with key frames hardly larger than other pictures: they show nothing of a way that is free again.
pub(crate) fn steps_with_small_key_frames() -> Scenario {
    let mut scenario = steps();
    "key frames as small as other pictures, steps 6, 2, 6 Mb/s".clone_into(&mut scenario.name);
    scenario.format.key_frame_size = 1.2;
    scenario
}

pub(crate) fn sawtooth() -> Scenario {
    let mut scenario = steady("sawtooth, 2 to 6 Mb/s in 10 s", 120.0);
    let mut rate = vec![(0.0, 6e6)];
    for tooth in 1..12 {
        let from = f64::from(tooth) * 10.0;
        rate.extend([(from, 6e6), (from, 2e6)]);
    }
    rate.push((120.0, 6e6));
    scenario.conditions.rate = rate;
    scenario
}

pub(crate) fn slow_fade() -> Scenario {
    let mut scenario = steady("slow fade, 6 to 0.8 Mb/s and back", 200.0);
    scenario.conditions.rate = vec![
        (0.0, 6e6),
        (20.0, 6e6),
        (100.0, 8e5),
        (120.0, 8e5),
        (180.0, 6e6),
    ];
    scenario
}

/// The steps again, with 2 s of buffer in the network.
pub(crate) fn bufferbloat() -> Scenario {
    let mut scenario = steps();
    "bufferbloat of 2 s, steps 6, 2, 6 Mb/s".clone_into(&mut scenario.name);
    scenario.conditions.buffer = Duration::from_secs(2);
    scenario
}

pub(crate) fn long_way() -> Scenario {
    let mut scenario = steps();
    "round trip of 300 ms, steps 6, 3, 6 Mb/s".clone_into(&mut scenario.name);
    scenario.conditions.round_trip = Duration::from_millis(300);
    scenario.conditions.rate = step(&[(0.0, 6e6), (LOW_FROM, 3e6), (LOW_TO, 6e6)]);
    scenario
}

/// Each 10 s, for 3 s, 2 % of the packets are lost.
pub(crate) fn lossy() -> Scenario {
    let mut scenario = steady("bursts of 2 % loss", 120.0);
    let bursts = (2..12).map(|number| f64::from(number) * 10.0);
    scenario.conditions.losses = bursts
        .map(|from| Losses {
            from,
            to: from + 3.0,
            share: 0.02,
        })
        .collect();
    scenario
}

pub(crate) fn deaf_encoder() -> Scenario {
    let mut scenario = steps();
    "an encoder that ignores orders, steps 6, 2, 6 Mb/s".clone_into(&mut scenario.name);
    scenario.format.deaf = true;
    scenario
}

pub(crate) fn stops_reading() -> Scenario {
    let mut scenario = steady("a server that stops reading", 90.0);
    scenario.habits.stops_reading_at = Some(30.0);
    scenario.broken = Some((30.0, 30.0));
    scenario
}

pub(crate) fn closes_each_minute() -> Scenario {
    let mut scenario = steady("a server that closes every minute", 320.0);
    scenario.habits.closes_after = Some(Duration::from_mins(1));
    scenario
}

/// After a blackhole of 5 s the server keeps the name for the connection that was lost.
pub(crate) fn holds_the_name() -> Scenario {
    let mut scenario = outage(5.0);
    "blackhole, 5 s, and the server holds the name for 10 s more".clone_into(&mut scenario.name);
    scenario.habits.holds_name_for = Duration::from_secs(10);
    scenario
}

/// The computer sleeps for 8 h; the network is there 3 s after it woke, and knows nothing of old connections.
pub(crate) fn sleep() -> Scenario {
    let mut scenario = steady("sleep for 8 h", 120.0);
    let (at, lasts) = (30.0, Duration::from_hours(8));
    let woken = at + lasts.as_secs_f64();
    scenario.sleep = Some(Sleep { at, lasts });
    scenario.conditions.outages = vec![Outage {
        from: at,
        to: woken + 3.0,
        known: true,
    }];
    scenario.broken = Some((woken, woken + 3.0));
    scenario
}

/// Somebody sets the clock an hour forth, and two back, while the uplink changes.
pub(crate) fn clock_steps() -> Scenario {
    let mut scenario = steps();
    "a clock that steps, steps 6, 2, 6 Mb/s".clone_into(&mut scenario.name);
    scenario.clock_steps = vec![
        ClockStep { at: 30.0, by: 3600 },
        ClockStep {
            at: 50.0,
            by: -7200,
        },
    ];
    scenario
}

/// 6 Mb/s, 40 ms there and back, 300 ms of buffer, and a server that does what it should.
pub(crate) fn steady(name: &str, lasts: f64) -> Scenario {
    Scenario {
        name: name.to_owned(),
        conditions: Conditions {
            rate: vec![(0.0, 6e6)],
            buffer: Duration::from_millis(300),
            bucket: 0,
            round_trip: Duration::from_millis(40),
            losses: Vec::new(),
            outages: Vec::new(),
        },
        habits: Habits::default(),
        sleep: None,
        clock_steps: Vec::new(),
        format: Format {
            ceiling: CEILING,
            per_second: 30,
            key_frame_interval: 60,
            key_frame_size: 5.0,
            deaf: false,
        },
        told: Told::All,
        broken: None,
        lasts,
        seed: 1,
        runs: RUNS,
    }
}

impl Scenario {
    /// The same trouble with other chances, and an outage up to a tenth shorter or longer: retries that happen to
    /// fit one length are no merit.
    pub(crate) fn variant(&self, number: u32) -> Self {
        let mut variant = self.clone();
        variant.seed = self.seed + u64::from(number) * 2;
        let share = (f64::from(number) + 0.5) / f64::from(self.runs);
        let factor = 0.9 + 0.2 * share;
        for outage in &mut variant.conditions.outages {
            // The computer does not wake earlier or later.
            if self.sleep.is_none() {
                outage.to = outage.from + (outage.to - outage.from) * factor;
                variant.broken = Some((outage.from, outage.to));
            }
        }
        variant
    }

    /// The world as it is when the stream begins.
    pub(crate) fn world(&self) -> World {
        World::new(
            self.conditions.clone(),
            self.habits.clone(),
            self.sleep,
            self.clock_steps.clone(),
            self.format,
            self.seed,
        )
    }
}

/// Each rate from its time on.
pub(crate) fn step(rates: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (from, rate) in rates {
        if let Some((_, before)) = points.last() {
            points.push((*from, *before));
        }
        points.push((*from, *rate));
    }
    points
}

/// The bitrate that the user asks for.
pub(crate) const CEILING: Bitrate = Bitrate::from_kbps(5_000);
/// When the uplink of [`steps`] is narrow, in seconds.
pub(crate) const LOW_FROM: f64 = 20.0;
pub(crate) const LOW_TO: f64 = 80.0;
/// Over how many runs a row is taken.
const RUNS: u32 = 5;

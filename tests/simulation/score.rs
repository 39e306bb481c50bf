//! One run's scorecard, and all of them as a table.

use std::{fmt::Write as _, time::Duration};

use skywave::units::Bitrate;

use super::{
    encoder::SOUND_RATE,
    ours::Ours,
    rivals::{
        fmle::Fmle,
        haishinkit::HaishinKit,
        moblin::Moblin,
        obs::{Dropping, Dynamic},
        publisher::Rival,
    },
    scenario::{self, CEILING, Scenario},
    seconds,
    viewers::worth,
    world::{Law, STEP, World},
};

/// What one law made of one scenario.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    pub(crate) law: &'static str,
    /// How long it was dark after it could have worked again, at the worst, in seconds.
    pub(crate) dark: Option<f64>,
    /// How long after something broke people were told, in seconds.
    pub(crate) noticed: Option<f64>,
    /// From the camera to the server: what half, 95 % and all of the pictures took at the most.
    pub(crate) delay: [Duration; 3],
    /// What arrived in time, as a part of what the way and the ceiling allowed.
    pub(crate) delivered: f64,
    pub(crate) changes_per_minute: f64,
    /// Pictures that were never to be seen, as a part of all.
    pub(crate) dropped: f64,
    pub(crate) disconnects: u64,
    /// Seconds of full-quality picture that viewers lost, beyond what the way itself took.
    pub(crate) lost: f64,
}

/// What is seen while a scenario runs, each 100 ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    /// In seconds.
    pub(crate) at: f64,
    pub(crate) green: bool,
    /// Bytes that arrived in time so far.
    pub(crate) bytes: u64,
    /// How many things the law keeps.
    pub(crate) size: usize,
}

/// Runs `scenario` with `law`.
pub(crate) fn run(scenario: &Scenario, law: &mut impl Law) -> (World, Vec<Glance>) {
    let mut world = scenario.world();
    let mut glances = Vec::new();
    while seconds(world.clock()) < scenario.lasts {
        for _ in 0..GLANCE_STEPS {
            world.step(law);
        }
        glances.push(Glance {
            at: seconds(world.true_time()),
            green: law.is_green(),
            bytes: world.viewers.bytes,
            size: law.size(),
        });
    }
    (world, glances)
}

/// Runs `scenario` with `law`, and judges.
pub(crate) fn judge(scenario: &Scenario, name: &'static str, mut law: impl Law) -> Score {
    let (world, glances) = run(scenario, &mut law);
    let end = seconds(world.true_time());
    let restored = scenario.broken.iter().map(|(_, restored)| *restored);
    let restored: Vec<_> = restored.chain(world.closings.iter().copied()).collect();
    let dark = restored
        .iter()
        .filter(|at| end - **at > 10.0)
        .map(|at| world.viewers.dark_after(*at, end))
        .reduce(f64::max);
    let noticed = scenario.broken.and_then(|(broken, _)| {
        let told = glances.iter().find(|glance| glance.at >= broken && !glance.green);
        told.map(|glance| glance.at - broken)
    });
    let slots = world.viewers.slots();
    let mut delays: Vec<_> = slots.iter().filter_map(|slot| Some(slot.shown?.delay)).collect();
    delays.sort_unstable();
    let percentile = |part: usize| {
        let index = (delays.len() * part / 100).min(delays.len().saturating_sub(1));
        delays.get(index).copied().unwrap_or_default()
    };
    let allowed = Allowed::by(scenario);
    let shown = delays.len() as f64;
    Score {
        law: name,
        dark,
        noticed,
        delay: [50, 95, 100].map(percentile),
        delivered: world.viewers.bytes as f64 / allowed.bytes,
        changes_per_minute: world.encoder.changes as f64 / (scenario.lasts / 60.0),
        dropped: 1.0 - shown / slots.len() as f64,
        disconnects: world.disconnects,
        lost: allowed.quality_seconds - world.viewers.quality_seconds(CEILING),
    }
}

/// What a publisher that knows the way beforehand could have brought there.
struct Allowed {
    bytes: f64,
    quality_seconds: f64,
}

impl Allowed {
    fn by(scenario: &Scenario) -> Self {
        let sound = f64::from(SOUND_RATE.bps());
        let ceiling = f64::from(CEILING.bps());
        let step = STEP.as_secs_f64() * f64::from(GLANCE_STEPS);
        let mut allowed = Self {
            bytes: 0.0,
            quality_seconds: 0.0,
        };
        let (mut at, mut awake) = (0.0, 0.0);
        while awake < scenario.lasts {
            if !scenario.conditions.is_out(at) {
                let rate = scenario.conditions.rate_at(at).min(ceiling + sound);
                allowed.bytes += rate / 8.0 * step;
                let video = super::whole((rate - sound).max(0.0));
                let video = Bitrate::from_bps(u32::try_from(video).unwrap_or(u32::MAX));
                allowed.quality_seconds += worth(video, CEILING) * step;
            }
            at += step;
            awake += step;
            if let Some(sleep) = scenario.sleep.filter(|sleep| (at - sleep.at).abs() < step / 2.0) {
                at += sleep.lasts.as_secs_f64();
            }
        }
        allowed
    }
}

/// All laws on one scenario, ours first.
pub(crate) fn row(scenario: &Scenario) -> Vec<Score> {
    let rival = |habits| Rival::new(habits);
    vec![
        judge(scenario, "**Skywave**", Ours::new(CEILING)),
        judge(scenario, "OBS", rival(Dropping::default())),
        judge(scenario, "OBS, dynamic bitrate", Rival::new(Dynamic::new(CEILING))),
        judge(scenario, "FMLE, auto-adjust", Rival::new(Fmle::new(CEILING))),
        judge(scenario, "Moblin", Rival::new(Moblin::new(CEILING))),
        judge(scenario, "HaishinKit", Rival::new(HaishinKit::new(CEILING))),
    ]
}

/// The whole scorecard, in Markdown.
pub(crate) fn table() -> String {
    let mut table = HEAD.to_owned();
    for scenario in scenario::all() {
        for (index, score) in row(&scenario).iter().enumerate() {
            let name = if index == 0 { scenario.name.as_str() } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(table, "| {name} {score}");
        }
    }
    table
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [half, most, all] = self.delay.map(|delay| delay.as_millis());
        let told = |time: Option<f64>| time.map_or("–".to_owned(), |time| format!("{time:.1}"));
        write!(
            f,
            "| {} | {:.1} | {} | {} | {half} / {most} / {all} | {:.0} | {:.1} | {:.1} | {} |",
            self.law,
            self.lost,
            told(self.dark),
            told(self.noticed),
            self.delivered * 100.0,
            self.changes_per_minute,
            self.dropped * 100.0,
            self.disconnects,
        )
    }
}

const HEAD: &str = "\
| | | lost, s | dark, s | noticed, s | delay, ms: half / 95 % / all | delivered, % | changes / min | dropped, % | disconnects |
|---|---|---|---|---|---|---|---|---|---|
";

/// How many steps there are between two glances.
const GLANCE_STEPS: u32 = 20;

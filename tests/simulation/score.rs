//! One run's scorecard, and all of them as a table.

use std::{fmt::Write as _, time::Duration};

use skywave::units::Bitrate;

use super::{
    encoder::SOUND_RATE,
    held_out,
    ours::Ours,
    rivals::{
        fmle::Fmle,
        haishinkit::HaishinKit,
        moblin::Moblin,
        obs::{Dropping, Dynamic},
        publisher::Rival,
    },
    scenario::{self, Scenario},
    seconds,
    viewers::worth,
    world::{Law, STEP, World},
};

/// What one law made of one scenario, over all its variants.
#[derive(Clone, Debug)]
pub(crate) struct Score {
    pub(crate) law: &'static str,
    /// How long it was dark after it could have worked again, at the worst, in seconds.
    pub(crate) dark: Option<f64>,
    /// How long after something broke people were told, at the worst, in seconds; infinite if never.
    pub(crate) noticed: Option<f64>,
    /// From the camera to the server: what half, 95 % and all of the pictures took at the most.
    pub(crate) delay: [Duration; 3],
    /// What arrived in time, as a part of what the way and the ceiling allowed.
    pub(crate) delivered: f64,
    pub(crate) changes_per_minute: f64,
    /// Pictures that were never to be seen although there was a way, as a part of all.
    pub(crate) dropped: f64,
    pub(crate) disconnects: f64,
    /// Seconds of full-quality picture that viewers lost, beyond what the way itself took.
    pub(crate) lost: f64,
}

/// What one run adds to a [`Score`].
#[derive(Debug, Default)]
struct Tally {
    dark: Option<f64>,
    noticed: Option<f64>,
    delays: Vec<Duration>,
    bytes: f64,
    allowed_bytes: f64,
    changes: f64,
    minutes: f64,
    pictures: f64,
    dropped: f64,
    disconnects: f64,
    lost: f64,
}

/// What is seen while a scenario runs, each 100 ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glance {
    /// In seconds.
    pub(crate) at: f64,
    pub(crate) green: bool,
    /// Bytes that arrived so far, at all and in time.
    pub(crate) arrived: u64,
    pub(crate) in_time: u64,
    /// How much media waits, and how many connections there are.
    pub(crate) queue: Duration,
    pub(crate) connections: usize,
}

/// One run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) glances: Vec<Glance>,
    /// When the light went on or off, in seconds.
    lights: Vec<(f64, bool)>,
}

impl Run {
    /// How long after `from` people were told that it is not live, in seconds; infinite if never.
    pub(crate) fn told_after(&self, from: f64) -> f64 {
        let mut was_green = false;
        for (at, green) in &self.lights {
            if *at >= from {
                return if was_green { at - from } else { 0.0 };
            }
            was_green = *green;
        }
        if was_green { f64::INFINITY } else { 0.0 }
    }
}

/// Runs `scenario` with `law`.
pub(crate) fn run(scenario: &Scenario, law: &mut impl Law) -> Run {
    let mut world = scenario.world();
    let mut glances = Vec::new();
    let mut lights = vec![(0.0, false)];
    while seconds(world.clock()) < scenario.lasts {
        for _ in 0..GLANCE_STEPS {
            world.step(law);
            if lights
                .last()
                .is_none_or(|(_, green)| *green != law.is_green())
            {
                lights.push((seconds(world.true_time()), law.is_green()));
            }
        }
        glances.push(Glance {
            at: seconds(world.true_time()),
            green: law.is_green(),
            arrived: world.viewers.arrived,
            in_time: world.viewers.in_time,
            queue: law.queue(),
            connections: world.connections(),
        });
    }
    Run {
        world,
        glances,
        lights,
    }
}

/// Runs all variants of `scenario` with the law that `make` makes, and judges.
pub(crate) fn judge<L: Law>(scenario: &Scenario, law: &'static str, make: impl Fn() -> L) -> Score {
    let mut tally = Tally::default();
    for number in 0..scenario.runs {
        let variant = scenario.variant(number);
        tally.add(&variant, &run(&variant, &mut make()));
    }
    tally.delays.sort_unstable();
    let percentile = |part: usize| {
        let last = tally.delays.len().saturating_sub(1);
        let delay = tally.delays.get((last * part).div_ceil(100));
        delay.copied().unwrap_or_default()
    };
    let runs = f64::from(scenario.runs);
    Score {
        law,
        dark: tally.dark,
        noticed: tally.noticed,
        delay: [50, 95, 100].map(percentile),
        delivered: tally.bytes / tally.allowed_bytes,
        changes_per_minute: tally.changes / tally.minutes,
        dropped: tally.dropped / tally.pictures,
        disconnects: tally.disconnects / runs,
        lost: tally.lost / runs,
    }
}

impl Tally {
    fn add(&mut self, scenario: &Scenario, run: &Run) {
        let world = &run.world;
        let end = seconds(world.true_time());
        let restored = scenario.broken.iter().map(|(_, restored)| *restored);
        let restored = restored.chain(world.closings.iter().copied());
        let dark = restored
            .filter(|at| end - *at > SHORTEST_END)
            .map(|at| world.viewers.dark_after(at, end));
        self.dark = dark.chain(self.dark).reduce(f64::max);
        if let Some((broken, _)) = scenario.broken {
            let told = run.told_after(broken);
            self.noticed = Some(self.noticed.map_or(told, |worst| worst.max(told)));
        }
        let slots = world.viewers.slots();
        self.delays
            .extend(slots.iter().filter_map(|slot| Some(slot.shown?.delay)));
        let had_way = slots.iter().filter(|slot| {
            let at = seconds(slot.captured);
            at > START && !scenario.conditions.is_out(at)
        });
        self.dropped += had_way.filter(|slot| slot.shown.is_none()).count() as f64;
        self.pictures += slots.len() as f64;
        let allowed = Allowed::by(scenario);
        self.bytes += world.viewers.in_time as f64;
        self.allowed_bytes += allowed.bytes;
        self.changes += world.encoder.changes as f64;
        self.minutes += scenario.lasts / 60.0;
        self.disconnects += world.disconnects as f64;
        self.lost +=
            allowed.quality_seconds - world.viewers.quality_seconds(scenario.format.ceiling);
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
        let ceiling = f64::from(scenario.format.ceiling.bps());
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
                allowed.quality_seconds += worth(video, scenario.format.ceiling) * step;
            }
            at += step;
            awake += step;
            if let Some(sleep) = scenario
                .sleep
                .filter(|sleep| (at - sleep.at).abs() < step / 2.0)
            {
                at += sleep.lasts.as_secs_f64();
            }
        }
        allowed
    }
}

/// All laws on one scenario, ours first.
pub(crate) fn row(scenario: &Scenario) -> Vec<Score> {
    let ceiling = scenario.format.ceiling;
    vec![
        judge(scenario, "**Skywave**", || {
            Ours::new(ceiling, scenario.told)
        }),
        judge(scenario, "OBS", || Rival::new(Dropping::default())),
        judge(scenario, "OBS, dynamic bitrate", || {
            Rival::new(Dynamic::new(ceiling))
        }),
        judge(scenario, "FMLE", || Rival::new(Fmle::new(ceiling))),
        judge(scenario, "Moblin", || Rival::new(Moblin::new(ceiling))),
        judge(scenario, "HaishinKit", || {
            Rival::new(HaishinKit::new(ceiling))
        }),
    ]
}

/// All rows, each with all laws.
pub(crate) fn card() -> Vec<(Scenario, Vec<Score>)> {
    let scenarios = scenario::all().into_iter();
    scenarios
        .map(|scenario| (scenario.clone(), row(&scenario)))
        .collect()
}

/// The same for the links that no constant of ours was chosen on.
pub(crate) fn held_out_card() -> Vec<(Scenario, Vec<Score>)> {
    let scenarios = held_out::all().into_iter();
    scenarios
        .map(|scenario| (scenario.clone(), row(&scenario)))
        .collect()
}

/// Whether we, who come first, lose the least.
pub(crate) fn is_ahead(scores: &[Score]) -> bool {
    scores
        .split_first()
        .is_some_and(|(ours, rivals)| rivals.iter().all(|rival| ours.lost < rival.lost))
}

/// What each law loses on average, in seconds.
pub(crate) fn means(card: &[(Scenario, Vec<Score>)]) -> Vec<(&'static str, f64)> {
    let laws = card.first().map_or(&[][..], |(_, scores)| scores);
    let mean = |law: usize| {
        let sum: f64 = card.iter().map(|(_, scores)| scores[law].lost).sum();
        sum / card.len() as f64
    };
    laws.iter()
        .enumerate()
        .map(|(law, score)| (score.law, mean(law)))
        .collect()
}

/// What README.md shows of both: what each law loses and how we do, how it is on other links, and the rest folded
/// away.
pub(crate) fn pages(
    card: &[(Scenario, Vec<Score>)],
    held_out: &[(Scenario, Vec<Score>)],
) -> String {
    let ahead = held_out.iter().filter(|(_, scores)| is_ahead(scores));
    let means = means(held_out);
    let best = means[1..]
        .iter()
        .map(|(_, mean)| *mean)
        .fold(f64::INFINITY, f64::min);
    format!(
        "{}\nThe bitrate law's constants were chosen on the links above; on {} others, of other rates, lengths, \
         buffers, losses and outages, it loses {:.1} s on average and the best of the others {best:.1} s, and it \
         loses the least on {} of them.\n\n\
         <details>\n<summary>All figures of all of them</summary>\n\n{}\nThe other links:\n\n{}\n</details>\n",
        summary(card),
        held_out.len(),
        means[0].1,
        ahead.count(),
        table(card),
        summary(held_out),
    )
}

/// One row for each scenario: what each law loses in seconds, then more of ours.
fn summary(card: &[(Scenario, Vec<Score>)]) -> String {
    let mut table = SUMMARY_HEAD.to_owned();
    for (scenario, scores) in card {
        let _ = write!(table, "| {}", scenario.name);
        for (index, score) in scores.iter().enumerate() {
            let bold = if index == 0 { "**" } else { "" };
            let _ = write!(table, " | {bold}{:.1}{bold}", score.lost);
        }
        if let Some(ours) = scores.first() {
            let _ = write!(
                table,
                " | {} | {} | {} | {:.0} | {:.1} | {:.1} |",
                told(ours.dark),
                told(ours.noticed),
                ours.delay[1].as_millis(),
                ours.delivered * 100.0,
                ours.dropped * 100.0,
                ours.disconnects,
            );
        }
        table.push('\n');
    }
    table
}

/// The scorecard in Markdown.
fn table(card: &[(Scenario, Vec<Score>)]) -> String {
    let mut table = HEAD.to_owned();
    for (scenario, scores) in card {
        for (index, score) in scores.iter().enumerate() {
            let name = if index == 0 {
                scenario.name.as_str()
            } else {
                ""
            };
            // Writing to a string cannot fail.
            let _ = writeln!(table, "| {name} {score}");
        }
    }
    table
}

fn told(time: Option<f64>) -> String {
    match time {
        None => "–".to_owned(),
        Some(f64::INFINITY) => "never".to_owned(),
        Some(time) => format!("{time:.1}"),
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [half, most, all] = self.delay.map(|delay| delay.as_millis());
        write!(
            f,
            "| {} | {:.1} | {} | {} | {half} / {most} / {all} | {:.0} | {:.1} | {:.1} | {:.1} |",
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

const SUMMARY_HEAD: &str = "\
| seconds lost by | **Skywave** | OBS | OBS, dynamic bitrate | FMLE | Moblin | HaishinKit | ours: dark, s | noticed, s | delay, ms (95 %) | delivered, % | dropped, % | disconnects |
|---|---|---|---|---|---|---|---|---|---|---|---|---|
";
const HEAD: &str = "\
| | | lost, s | dark, s | noticed, s | delay, ms: half / 95 % / all | delivered, % | changes / min | dropped, % | disconnects |
|---|---|---|---|---|---|---|---|---|---|
";

/// When a stream has begun, in seconds.
const START: f64 = 1.0;
/// What breaks nearer to the end is not judged, in seconds.
const SHORTEST_END: f64 = 10.0;
/// How many steps there are between two glances.
const GLANCE_STEPS: u32 = 20;

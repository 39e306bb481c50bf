//! Staying live, on virtual links: what is promised, and that no rival's law does better.

#[path = "simulation/mod.rs"]
mod simulation;

use std::{fs, path::Path, sync::LazyLock, time::Duration};

use simulation::{
    held_out,
    network::Outage,
    ours::{FLOOR, Ours},
    scenario::{self, LOW_FROM, LOW_TO, Scenario},
    score::{self, Glance, Run, Score},
    seconds,
};

/// The whole scorecard, made once.
static CARD: LazyLock<Vec<(Scenario, Vec<Score>)>> = LazyLock::new(score::card);

/// The same on the links that no constant was chosen on.
static HELD_OUT: LazyLock<Vec<(Scenario, Vec<Score>)>> = LazyLock::new(score::held_out_card);

fn ours(scenario: &Scenario) -> Ours {
    Ours::new(scenario.format.ceiling, scenario.told)
}

fn run(scenario: &Scenario) -> Run {
    score::run(scenario, &mut ours(scenario))
}

#[test]
fn no_rival_is_ahead_on_any_row() {
    let mut behind = Vec::new();
    for (scenario, scores) in CARD.iter() {
        let (ours, rivals) = scores.split_first().unwrap();
        for rival in rivals.iter().filter(|rival| rival.lost <= ours.lost) {
            behind.push(format!(
                "{}: {} loses {:.2} s, we lose {:.2} s",
                scenario.name, rival.law, rival.lost, ours.lost
            ));
        }
    }
    assert!(behind.is_empty(), "\n{}\n", behind.join("\n"));
}

#[test]
fn on_links_that_it_was_not_tuned_on_no_rival_is_ahead_on_average() {
    let means = score::means(&HELD_OUT);
    let (ours, rivals) = means.split_first().unwrap();
    for rival in rivals {
        assert!(ours.1 < rival.1, "{ours:?} against {rival:?}");
    }
    let ahead = HELD_OUT
        .iter()
        .filter(|(_, scores)| score::is_ahead(scores));
    let (ahead, all) = (ahead.count(), HELD_OUT.len());
    assert!(ahead * 4 >= all * 3, "ahead on {ahead} of {all} links");
}

#[test]
fn on_links_that_it_was_not_tuned_on_the_bitrate_stays_within_bounds() {
    for scenario in held_out::all() {
        let mut ours = ours(&scenario);
        let Run { world, glances, .. } = score::run(&scenario, &mut ours);
        let least = world.encoder.least;
        assert!(least >= FLOOR, "{}: {least}", scenario.name);
        let queue = glances.iter().map(|glance| glance.queue).max().unwrap();
        assert!(
            queue <= LONGEST_QUEUE,
            "{}: {queue:?} of media waited",
            scenario.name
        );
    }
}

#[test]
fn the_readme_shows_the_scorecard_that_the_bench_prints() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (shown, after) = rest.split_once(END).unwrap();
    let table = format!("\n{}", score::pages(&CARD, &HELD_OUT));
    if std::env::var_os("SKYWAVE_WRITE_PAGES").is_some() {
        fs::write(path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(
        shown == table,
        "README.md is out of date; the comment before the table says how it is made anew"
    );
}

#[test]
fn a_dead_link_is_noticed_within_three_seconds() {
    for lasts in [3.5, 5.0, 30.0, 100.0, 300.0] {
        let scenario = scenario::outage(lasts);
        // What was on its way is still acknowledged.
        let last_sign = 30.0 + scenario.conditions.round_trip.as_secs_f64();
        let told = run(&scenario).told_after(last_sign);
        assert!(told <= 3.0, "{lasts} s: noticed after {told} s");
    }
}

#[test]
fn a_cable_that_is_out_and_a_sleep_are_noticed_at_once() {
    let told = run(&scenario::cable_out(20.0)).told_after(30.0);
    assert!(told <= 0.1, "noticed after {told} s");

    let sleep = scenario::sleep();
    let (woken, _) = sleep.broken.unwrap();
    let told = run(&sleep).told_after(woken);
    assert!(told <= 1.0, "noticed after {told} s");
}

#[test]
fn however_long_the_outage_it_is_live_again_within_two_seconds() {
    for number in 0..40 {
        let lasts = 0.3 * 1.272_f64.powi(number); // up to an hour
        let scenario = scenario::outage(lasts);
        let world = run(&scenario).world;
        let (_, restored) = scenario.broken.unwrap();
        let dark = world.viewers.dark_after(restored, f64::INFINITY);
        assert!(dark <= 2.0, "{lasts:.2} s: dark for {dark:.2} s more");
    }
}

#[test]
fn when_the_uplink_falls_to_a_third_the_stream_goes_on_almost_undisturbed() {
    for scenario in [
        scenario::steps(),
        scenario::steps_with_bursts(),
        scenario::steps_with_small_key_frames(),
    ] {
        let name = &scenario.name;
        let runs = (0..scenario.runs).map(|number| run(&scenario.variant(number)));
        let runs: Vec<_> = runs.collect();
        let mut delays: Vec<_> = runs
            .iter()
            .flat_map(|run| run.world.viewers.slots())
            .filter_map(|slot| Some(slot.shown?.delay.as_millis()))
            .collect();
        delays.sort_unstable();
        let most = delays[delays.len() * 95 / 100];
        assert!(
            most <= 500,
            "{name}: 95 % of the pictures took up to {most} ms"
        );
        for run in &runs {
            goes_on(name, run);
        }
    }
}

/// Nothing is cut off, next to nothing left out, and the rate follows the way down and up.
fn goes_on(name: &str, Run { world, glances, .. }: &Run) {
    assert_eq!(world.disconnects, 0, "{name}");
    let slots = world.viewers.slots();
    let begun = slots.iter().position(|slot| slot.shown.is_some());
    let begun = begun.expect("something was shown");
    let missed = slots[begun..].iter().filter(|slot| slot.shown.is_none());
    let dropped = missed.count() as f64 / slots.len() as f64;
    assert!(dropped <= 0.005, "{name}: {:.2} % dropped", dropped * 100.0);

    // The last pictures are still on their way when the run ends.
    let delivered = rate_between(glances, LOW_FROM, LOW_TO) / 2e6;
    assert!(
        delivered >= 0.9,
        "{name}: {:.1} % delivered",
        delivered * 100.0
    );
    let before = rate_between(glances, 5.0, LOW_FROM);
    let after = rate_between(glances, LOW_TO + 15.0, LOW_TO + 25.0);
    assert!(
        after >= 0.95 * before,
        "{name}: {after:.0} after {before:.0}"
    );
}

#[test]
fn an_encoder_that_ignores_orders_is_named_within_three_seconds_and_the_picture_goes_on() {
    let scenario = scenario::deaf_encoder();
    let mut ours = ours(&scenario);
    let run = score::run(&scenario, &mut ours);
    let (lowered, named) = (ours.lowered_at.unwrap(), ours.named_at.unwrap());
    assert!(seconds(lowered) >= LOW_FROM && seconds(named) < LOW_TO);
    let after = named.since(lowered);
    assert!(after <= Duration::from_secs(3), "named after {after:?}");
    let delivered = rate_between(&run.glances, LOW_FROM + 5.0, LOW_TO);
    assert!(delivered >= 8e5, "{delivered:.0} b/s in time");
}

#[test]
fn an_encoder_that_obeys_is_never_named() {
    for scenario in scenario::all() {
        let mut ours = ours(&scenario);
        score::run(&scenario, &mut ours);
        let named = ours.named_at.map(seconds);
        assert_eq!(
            named.is_some(),
            scenario.format.deaf,
            "{}: {named:?}",
            scenario.name
        );
    }
}

#[test]
fn nobody_is_told_that_it_is_live_while_nothing_arrives() {
    for scenario in scenario::all() {
        for pair in run(&scenario).glances.windows(WINDOW + 1) {
            let (first, last) = (pair[0], pair[WINDOW]);
            let was_green = pair.iter().all(|glance| glance.green);
            assert!(
                !was_green || last.arrived > first.arrived,
                "{}: nothing arrived from {:.1} to {:.1} s under a green light",
                scenario.name,
                first.at,
                last.at
            );
        }
    }
}

#[test]
fn eight_hours_with_a_fault_every_half_minute_leave_nothing_behind() {
    let mut scenario = scenario::steady("soak", 8.0 * 3600.0);
    let faults = (1..(8 * 120)).map(|number| {
        let from = f64::from(number) * 30.0;
        Outage {
            from,
            to: from + f64::from(number % 9) * 1.3,
            known: number % 3 == 0,
        }
    });
    scenario.conditions.outages = faults.collect();
    let Run { world, glances, .. } = run(&scenario);
    for outage in &scenario.conditions.outages {
        let dark = world.viewers.dark_after(outage.to, f64::INFINITY);
        assert!(dark <= 2.0, "at {} s: dark for {dark:.2} s", outage.to);
    }
    let queue = glances.iter().map(|glance| glance.queue).max().unwrap();
    assert!(queue <= LONGEST_QUEUE, "{queue:?} of media waited");
    let connections = glances.iter().map(|glance| glance.connections).max();
    assert!(connections <= Some(10), "{connections:?} at once");
}

/// What arrived in time, in bits per second.
fn rate_between(glances: &[Glance], from: f64, to: f64) -> f64 {
    let at = |time: f64| {
        let after = glances.iter().find(|glance| glance.at >= time);
        after.map_or(0, |glance| glance.in_time)
    };
    at(to).saturating_sub(at(from)) as f64 * 8.0 / (to - from)
}

/// The backlog's limit for pictures, and a little more for sound alone.
const LONGEST_QUEUE: Duration = Duration::from_millis(3_100);
/// In glances: three seconds, and what a server's system still takes when the server reads nothing more.
const WINDOW: usize = 36;
const BEGIN: &str = "<!-- scorecard -->";
const END: &str = "<!-- end of the scorecard -->";

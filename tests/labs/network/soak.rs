//! Many faults in a row: whatever breaks, memory, threads and file descriptors of the publisher stay as they were.

use std::fs;

use super::{
    faults::Fault,
    publishers::Program,
    run::{Setting, Stage},
    story::percentile,
    tables::Judge,
    tail::{now, rest},
};

/// What the publisher holds at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: f64,
    megabytes: f64,
    threads: f64,
    files: f64,
}

type Figure = fn(&Sample) -> f64;

/// Publishes for so many minutes with a fault every 30 s; whether all was as it must be.
pub(crate) fn soak(minutes: f64) -> bool {
    let mut judge = Judge::default();
    let mut stage = Stage::start(Program::Skywave, &Setting::plain(KBPS));
    let begin = now();
    let end = begin + minutes * 60.0;
    let mut samples = Vec::new();
    let mut next_sample = begin;
    let came = stage.wait_for_picture(begin, begin + FIRST_PICTURE_WITHIN);
    assert!(came, "no picture came: {}", stage.lab.errors());

    let mut count = 0;
    let mut look_on = |stage: &mut Stage, until: f64| {
        while now() < until {
            stage.look();
            if now() >= next_sample {
                samples.push(sample(stage.publisher.id(), now() - begin));
                next_sample += SAMPLE_EACH;
            }
            rest();
        }
    };
    for (fault, lasts) in FAULTS.iter().cycle() {
        let at = begin + EACH * f64::from(count + 1);
        if at + lasts + BACK_WITHIN > end {
            break;
        }
        look_on(&mut stage, at);
        fault.begin(&stage.lab, &mut stage.server);
        look_on(&mut stage, at + lasts);
        fault.end(&stage.lab, &mut stage.server);
        let restored = now();
        look_on(&mut stage, restored + BACK_WITHIN - LASTING);
        let back = stage.sink.has_picture_since(restored);
        look_on(&mut stage, restored + BACK_WITHIN);
        let stays = stage.sink.has_picture_since(now() - LASTING);
        let minute = (at - begin) / 60.0;
        let words = format!(
            "minute {minute:.1}: {}, {lasts} s: it came back",
            fault.name()
        );
        judge.verdict(&words, back && stays);
        if *fault == Fault::SlowUplink {
            stage.lab.limit_uplink(None);
        }
        count += 1;
    }
    look_on(&mut stage, end);
    judge_samples(&mut judge, &samples);

    let story = stage.publisher.stop().expect("Skywave tells a story");
    let interrupted = story
        .states()
        .iter()
        .filter(|told| told.what == "reconnecting")
        .count();
    println!("\n{count} faults in {minutes} minutes; {interrupted} times told to be reconnecting.");
    let ended = story.state();
    judge.verdict("it stops when asked to", ended == "offline");
    judge.sum_up()
}

/// Compares the beginning, after a while of settling in, with the end.
fn judge_samples(judge: &mut Judge, samples: &[Sample]) {
    let settled = &samples[samples.len() / 4..];
    let third = settled.len() / 3;
    let (first, last) = (&settled[..third], &settled[settled.len() - third..]);
    println!("\n| what | at first | later | change | most seen | slope per hour |");
    println!("|---|---|---|---|---|---|");
    let figures: [(_, Figure, _); 3] = [
        ("memory, MB", |sample| sample.megabytes, MOST_MEGABYTES),
        ("threads", |sample| sample.threads, MOST_THREADS),
        ("file descriptors", |sample| sample.files, MOST_FILES),
    ];
    let mut verdicts = Vec::new();
    for (name, figure, most) in figures {
        let median = |samples: &[Sample]| {
            let figures: Vec<f64> = samples.iter().map(figure).collect();
            percentile(&figures, 50)
        };
        let (at_first, later) = (median(first), median(last));
        let top = samples.iter().map(figure).fold(0.0, f64::max);
        let slope = slope(settled, figure) * 3600.0;
        let change = later - at_first;
        println!("| {name} | {at_first:.1} | {later:.1} | {change:+.1} | {top:.1} | {slope:+.2} |");
        verdicts.push((format!("more {name}"), change, most));
    }
    println!();
    for (what, change, most) in verdicts {
        judge.at_most(&what, Some(change), most);
    }
}

/// How much a figure grows per second: the line with the least squares.
fn slope(samples: &[Sample], figure: Figure) -> f64 {
    let count = samples.len() as f64;
    let mean = |value: &dyn Fn(&Sample) -> f64| samples.iter().map(value).sum::<f64>() / count;
    let (time, level) = (mean(&|sample| sample.at), mean(&figure));
    let rise = mean(&|sample| (sample.at - time) * (figure(sample) - level));
    let run = mean(&|sample| (sample.at - time).powi(2));
    if run > 0.0 { rise / run } else { 0.0 }
}

fn sample(id: u32, at: f64) -> Sample {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the publisher runs");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        let number: Option<f64> = number.and_then(|word| word.parse().ok());
        number.unwrap_or_else(|| panic!("no {name} of a process"))
    };
    let files = fs::read_dir(format!("/proc/{id}/fd")).expect("the publisher's files");
    Sample {
        at,
        megabytes: field("VmRSS:") / 1024.0,
        threads: field("Threads:"),
        files: files.count() as f64,
    }
}

const FAULTS: [(Fault, f64); 8] = [
    (Fault::BlackHole, 5.0),
    (Fault::ServerKilled, 0.0),
    (Fault::CableOut, 5.0),
    (Fault::SlowUplink, 8.0),
    (Fault::ServerCloses, 0.0),
    (Fault::ServerDown, 6.0),
    (Fault::ServerHangs, 6.0),
    (Fault::BlackHole, 1.0),
];
/// Kilobits of picture a second.
const KBPS: u32 = 2500;
/// Seconds from one fault to the next.
const EACH: f64 = 30.0;
/// Seconds from one look at the publisher to the next.
const SAMPLE_EACH: f64 = 3.0;
/// Seconds after which the stream must be there again; the network's tests judge how soon it really is.
const BACK_WITHIN: f64 = 15.0;
/// Seconds from which a picture counts as being there.
const LASTING: f64 = 3.0;
/// Seconds to the first picture.
const FIRST_PICTURE_WITHIN: f64 = 30.0;
/// More than this, of the median after settling in, is growth; an allocator keeps a few megabytes as it likes.
const MOST_MEGABYTES: f64 = 6.0;
/// A lookup of a name may be under way.
const MOST_THREADS: f64 = 1.0;
/// A connection that is being left, and one that is being made.
const MOST_FILES: f64 = 2.0;

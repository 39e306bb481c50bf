//! What sound costs, step by step, in instructions beside a plain copy of it.
//!
//! ```text
//! audio list            prints the steps' names
//! audio NAME SECONDS    takes so many seconds of sound through a step
//! ```
//!
//! `cargo bench --bench audio` counts all of them with valgrind and prints a table; `SKYWAVE_WRITE_PAGES=1` writes it
//! into README.md as well. A second and then three are counted, and the difference is divided, so that start-up does
//! not count. Run without a command, it takes each step once.

#[expect(dead_code, reason = "the other benches look at functions, too")]
#[path = "support/callgrind.rs"]
mod callgrind;
#[path = "support/page.rs"]
mod page;

use std::{env, error::Error, fmt::Write, hint::black_box, path::Path};

use skywave::{
    encode::{aac::AacEncoder, encoder::AudioEncoder},
    media::{
        level::{LevelMeter, amplify},
        packet::AudioFormat,
        resample::Resampler,
    },
    units::{Bitrate, Decibels, MediaTime},
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["list"] => STEPS.iter().for_each(|step| println!("{}", step.name)),
        ["--bench", ..] => {
            let table = table()?;
            print!("{table}");
            page::write("sound", &table)?;
        }
        [name, seconds] => {
            let step = STEPS.iter().find(|step| step.name == name);
            let step = step.ok_or_else(|| format!("there is no step {name}; `list` prints all"))?;
            step.run(seconds.parse()?)?;
        }
        _ => STEPS.iter().try_for_each(|step| step.run(1))?,
    }
    Ok(())
}

struct Step {
    name: &'static str,
    what: &'static str,
    kind: Kind,
}

enum Kind {
    Copy,
    /// From a rate to the program's, at a speed.
    Resample(u32, f64),
    Volume,
    Meter,
    /// At a rate.
    Encode(u32),
}

impl Step {
    /// Takes so many seconds of sound in blocks of 10 ms.
    fn run(&self, seconds: u32) -> Result<(), Box<dyn Error>> {
        let rate = match self.kind {
            Kind::Resample(rate, _) => rate,
            _ => RATE,
        };
        let sound = sound(rate);
        let mut take = self.kind.open()?;
        for _ in 0..seconds {
            for block in sound.chunks(rate as usize / BLOCKS * 2) {
                take(black_box(block))?;
            }
        }
        Ok(())
    }
}

type Take = Box<dyn FnMut(&[f32]) -> Result<(), Box<dyn Error>>>;

impl Kind {
    fn open(&self) -> Result<Take, Box<dyn Error>> {
        let mut copy = vec![0.0; RATE as usize / BLOCKS * 2];
        Ok(match *self {
            Self::Copy => Box::new(move |block| {
                copy.copy_from_slice(block);
                black_box(&mut copy);
                Ok(())
            }),
            Self::Resample(rate, speed) => {
                let mut resampler = Resampler::new(rate, RATE)?;
                resampler.set_speed(speed);
                Box::new(move |block| {
                    copy.clear();
                    resampler.process(block, &mut copy);
                    black_box(&mut copy);
                    Ok(())
                })
            }
            Self::Volume => Box::new(move |block| {
                copy.copy_from_slice(block);
                amplify(&mut copy, Decibels(-3.0));
                black_box(&mut copy);
                Ok(())
            }),
            Self::Meter => {
                let mut meter = LevelMeter::new();
                Box::new(move |block| {
                    black_box(meter.push(block));
                    Ok(())
                })
            }
            Self::Encode(sample_rate) => {
                let format = AudioFormat {
                    sample_rate,
                    channels: 2,
                    bitrate: Bitrate::from_kbps(128),
                };
                let mut encoder = AacEncoder::new(format, MediaTime::ZERO)?;
                Box::new(move |block| {
                    encoder.encode(block, &mut |packet| drop(black_box(packet)))?;
                    Ok(())
                })
            }
        })
    }
}

/// A second of it, interleaved stereo: tones that differ between left and right, and a little noise.
fn sound(rate: u32) -> Vec<f32> {
    let mut noise = fastrand::Rng::with_seed(1);
    let frame = |number: u32| {
        let turns = std::f32::consts::TAU * number as f32 / rate as f32;
        let noise = (noise.f32() - 0.5) * 0.02;
        [(turns * 440.0).sin(), (turns * 1320.0).sin()].map(|tone| 0.2 * tone + noise)
    };
    (0..rate).flat_map(frame).collect()
}

fn table() -> Result<String, Box<dyn Error>> {
    let program = env::current_exe()?;
    let count = |step: &Step, seconds: u32| {
        let arguments = [step.name, &seconds.to_string()];
        callgrind::count(&program, &arguments, Path::new(".")).map(|counts| counts.total)
    };
    let mut table = String::from(
        "| step | k instructions per 10 ms of stereo | plain copies |\n|---|---|---|\n",
    );
    let mut of_a_copy = None;
    for step in STEPS {
        let more = count(step, FEW + MORE)?.saturating_sub(count(step, FEW)?);
        let block = more as f64 / f64::from(MORE) / BLOCKS as f64;
        let copies = block / *of_a_copy.get_or_insert(block);
        writeln!(
            table,
            "| {} | {:.1} | {copies:.0} |",
            step.what,
            block / 1e3
        )?;
    }
    Ok(table)
}

const RATE: u32 = 48_000;
/// Blocks in a second.
const BLOCKS: usize = 100;
/// Seconds.
const FEW: u32 = 1;
const MORE: u32 = 2;

const fn step(name: &'static str, what: &'static str, kind: Kind) -> Step {
    Step { name, what, kind }
}

/// The copy is first: it is what the others are compared with.
const STEPS: &[Step] = &[
    step("copy", "plain copy", Kind::Copy),
    step(
        "drift",
        "following a microphone's clock, 48 kHz",
        Kind::Resample(RATE, 1.0002),
    ),
    step(
        "resample",
        "the same from 44.1 kHz",
        Kind::Resample(44_100, 1.0002),
    ),
    step("volume", "volume", Kind::Volume),
    step("meter", "level meter", Kind::Meter),
    step("aac", "AAC, 128 kb/s, 48 kHz", Kind::Encode(RATE)),
    step(
        "aac-44100",
        "the same at 44.1 kHz, resampled",
        Kind::Encode(44_100),
    ),
];

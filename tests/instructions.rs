//! What each stage of the pipeline executes, in instructions per frame, has not grown.
//!
//! Each stage is compared with the figure in `tests/instructions.txt` for this toolchain: compilers, assembler and
//! the processor's vector instructions decide it, and nothing else (not the load, nor the number of cores). Where
//! there is none, it is compared with a plain copy of the same picture, counted in the same run. After a change
//! that is worth its cost, or with another toolchain, the figures are written anew with
//! `SKYWAVE_WRITE_PAGES=1 cargo test --test instructions`.

#[path = "../benches/support/mod.rs"]
#[expect(dead_code, reason = "the benches need more")]
mod support;

use std::{
    env,
    error::Error,
    fmt::Write,
    fs,
    path::Path,
    process::{Command, ExitCode},
    thread,
};

use skywave::units::{Bitrate, PixelSize};

use support::{
    callgrind,
    stages::{self, STAGES, Source, Stream},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["publish", ..] => stages::command(&arguments),
        // Somebody looks for tests by name, or for their names.
        [name, ..] if !name.starts_with("--") || name == "--list" => Ok(()),
        _ => check(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn check() -> Result<(), Box<dyn Error>> {
    if !cfg!(target_os = "linux") {
        println!("Instructions are counted on Linux only: valgrind does that.");
        return Ok(());
    }
    let measured = measure()?;
    let toolchain = toolchain();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/instructions.txt");
    let records = fs::read_to_string(&file)?;
    if env::var_os("SKYWAVE_WRITE_PAGES").is_some() {
        println!("Recorded for {toolchain}");
        return Ok(fs::write(&file, renewed(&records, &toolchain, &measured))?);
    }
    let complaints = if let Some(record) = recorded(&records, &toolchain) {
        beyond_record(&measured, &record)
    } else {
        println!(
            "There is no record of the instructions for this toolchain:\n  {toolchain}\n\
             so each stage is only compared with a plain copy of the picture. To make one:\n  {RENEW}"
        );
        beyond_copies(&measured)
    };
    if complaints.is_empty() {
        println!(
            "{} stages execute no more instructions than they did.",
            measured.len()
        );
        return Ok(());
    }
    let complaints = complaints.join("\n");
    Err(format!("{complaints}\nIf that is worth it: {RENEW}").into())
}

/// Instructions per frame of one stage of a stream.
#[derive(Debug, PartialEq)]
struct Figure {
    source: &'static str,
    stage: &'static str,
    count: u64,
}

/// Every stage of a stream from every source. Small pictures: valgrind is fifty times slower than the processor.
fn measure() -> Result<Vec<Figure>, Box<dyn Error>> {
    let program = &env::current_exe()?;
    let of_source = |source: Source| {
        let stream = Stream {
            source,
            size: SIZE,
            bitrate: Bitrate::from_kbps(400),
        };
        let count = |frames| {
            let arguments = stream.arguments(None, frames);
            callgrind::count(program, &arguments, Path::new("."))
        };
        let (few, many) = (count(FEW)?, count(MANY)?);
        let stages = STAGES.into_iter().chain([(COPY, stages::COPY)]);
        let figures = stages.map(|(stage, function)| Figure {
            source: source.name(),
            stage,
            // Start-up does not count.
            count: many.of(function).saturating_sub(few.of(function)) / u64::from(MANY - FEW),
        });
        Ok::<_, String>(figures.collect::<Vec<_>>())
    };
    let figures = thread::scope(|scope| {
        let sources = Source::ALL.map(|source| scope.spawn(move || of_source(source)));
        let figures = sources.into_iter().map(|source| {
            let joined = source.join();
            joined.unwrap_or_else(|_| Err("the thread that counts panicked".to_owned()))
        });
        figures.collect::<Result<Vec<_>, _>>()
    })?;
    Ok(figures.into_iter().flatten().collect())
}

/// What has grown by more than [`TOLERATED_PERCENT`], in words.
fn beyond_record(measured: &[Figure], record: &[(&str, &str, u64)]) -> Vec<String> {
    let judge = |figure: &Figure| {
        let Figure {
            source,
            stage,
            count,
        } = *figure;
        let known = record
            .iter()
            .find(|(of, at, _)| (*of, *at) == (source, stage));
        let Some((_, _, before)) = known else {
            return Some(format!("{source}, {stage}: not recorded yet"));
        };
        let ratio = count as f64 / *before as f64;
        let tolerated = before * TOLERATED_PERCENT / 100 + SLACK;
        if count > before + tolerated {
            return Some(format!(
                "{source}, {stage}: {count} instructions per frame, {:.1} % more than the {before} recorded",
                100.0 * (ratio - 1.0)
            ));
        }
        if count + tolerated < *before {
            println!(
                "{source}, {stage}: {count} instructions per frame, fewer than the {before} recorded. {RENEW}"
            );
        }
        None
    };
    measured.iter().filter_map(judge).collect()
}

/// What costs more copies of the picture than it may, in words.
fn beyond_copies(measured: &[Figure]) -> Vec<String> {
    let judge = |figure: &Figure| {
        let Figure {
            source,
            stage,
            count,
        } = *figure;
        let copy = measured.iter().find(|copy| copy.stage == COPY)?.count;
        let named = COPIES
            .into_iter()
            .find(|(of, at, _)| [source, "any"].contains(of) && *at == stage);
        let limit = match named {
            Some((_, _, limit)) => limit,
            None if stage == "program" => PASSED_ON,
            None => return None, // the encoders: nothing here to compare them with
        };
        let copies = count as f64 / copy as f64;
        (copies > limit).then(|| {
            format!("{source}, {stage}: costs as much as {copies:.1} copies of the picture; at most {limit}")
        })
    };
    measured.iter().filter_map(judge).collect()
}

/// All that decides how many instructions the same source code is.
fn toolchain() -> String {
    let first_line = |program: &str, option: &str| {
        let said = Command::new(program).arg(option).output().ok();
        let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let line = said.as_deref().and_then(|said| said.lines().next());
        line.map_or_else(|| format!("no {program}"), |line| line.trim().to_owned())
    };
    [
        first_line("rustc", "--version"),
        first_line("c++", "--version"),
        first_line("nasm", "--version"),
        first_line("valgrind", "--version"),
        vector_instructions().to_owned(),
    ]
    .join("; ")
}

/// The widest that valgrind passes through.
fn vector_instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            "x86-64 with AVX2"
        } else {
            "x86-64 without AVX2"
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    env::consts::ARCH
}

/// The figures of this toolchain: source, stage, instructions.
fn recorded<'a>(records: &'a str, toolchain: &str) -> Option<Vec<(&'a str, &'a str, u64)>> {
    let (_, record) = records.split_once(&format!("[{toolchain}]\n"))?;
    let rows = record.lines().take_while(|line| !line.is_empty());
    rows.map(|row| {
        let mut words = row.split_whitespace();
        Some((words.next()?, words.next()?, words.next()?.parse().ok()?))
    })
    .collect()
}

/// `records` with those of this toolchain replaced or added.
fn renewed(records: &str, toolchain: &str, measured: &[Figure]) -> String {
    let heading = format!("[{toolchain}]");
    let others = records
        .trim_end()
        .split("\n\n")
        .filter(|record| !record.starts_with(&heading));
    let mut text = others.collect::<Vec<_>>().join("\n\n");
    let _ = write!(text, "\n\n{heading}"); // to a string: never fails
    for Figure {
        source,
        stage,
        count,
    } in measured
    {
        let _ = write!(text, "\n{source:<14}{stage:<10}{count:>10}");
    }
    text + "\n"
}

const SIZE: PixelSize = PixelSize::new(320, 180);
const FEW: u32 = 4;
const MANY: u32 = 12;
const COPY: &str = "copy";
const RENEW: &str = "SKYWAVE_WRITE_PAGES=1 cargo test --test instructions";
/// Growth that fails.
const TOLERATED_PERCENT: u64 = 3;
/// Growth that never fails, in instructions: less than a copy of a hundredth of the picture.
const SLACK: u64 = 200;

/// How many plain copies of the picture a stage may cost, whatever the toolchain. What needs no copy gets none.
const COPIES: [(&str, &str, f64); 7] = [
    ("yuyv", "capture", 8.0),
    ("yuyv-twice", "capture", 25.0),
    ("i420", "capture", 2.0), // one is out of the driver's memory
    ("mjpeg", "capture", 180.0),
    ("test-picture", "capture", 5.0),
    ("yuyv-twice", "program", 350.0),
    ("any", "mux", 1.0),
];
/// A picture of the right size is handed on as it is.
const PASSED_ON: f64 = 0.1;

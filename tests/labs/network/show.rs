//! Five minutes with six different faults: what the report of a stream is looked at with.

use std::{fs, path::Path};

use super::{
    faults::{FULL_KBPS, Fault},
    publishers::Program,
    run::{Setting, Stage},
    tail::{now, rest},
};

/// Publishes for five minutes, with the faults below, and leaves Skywave's report in `folder`; whether there is
/// one.
pub(crate) fn show(folder: &Path) -> bool {
    fs::create_dir_all(folder).expect("the folder for the report can be made");
    let folder = folder
        .canonicalize()
        .expect("the folder that was just made");
    let report = folder.join("report.html");
    let report = report.to_str().expect("a path in UTF-8");
    let setting = Setting {
        uplink: Some(FULL_KBPS),
        more: &["--report", report],
        ..Setting::plain(KBPS)
    };
    let mut stage = Stage::start(Program::Skywave, &setting);
    let begin = now();
    let came = stage.wait_for_picture(begin, begin + FIRST_PICTURE_WITHIN);
    assert!(came, "no picture came: {}", stage.lab.errors());
    let look_on = |stage: &mut Stage, until: f64| {
        while now() < until {
            stage.look();
            rest();
        }
    };
    for (at, fault, lasts) in FAULTS {
        look_on(&mut stage, begin + at);
        println!("{at:4} s: {}, {lasts} s", fault.name());
        fault.begin(&stage.lab, &mut stage.server);
        look_on(&mut stage, begin + at + lasts);
        fault.end(&stage.lab, &mut stage.server);
    }
    look_on(&mut stage, begin + LENGTH);
    let story = stage.publisher.stop().expect("Skywave tells a story");
    for told in story.decisions() {
        println!(
            "{:6.1} s  {:8} {:7} {}",
            told.at - begin,
            told.what,
            told.severity,
            told.text
        );
    }
    println!("\nThe report is {report}.");
    fs::metadata(report).is_ok_and(|file| file.len() > 0)
}

const FAULTS: [(f64, Fault, f64); 6] = [
    (30.0, Fault::SlowUplink, 25.0),
    (85.0, Fault::BlackHole, 6.0),
    (130.0, Fault::CableOut, 5.0),
    (170.0, Fault::ServerDown, 8.0),
    (215.0, Fault::ServerHangs, 6.0),
    (260.0, Fault::ServerCloses, 0.0),
];
/// Seconds in all.
const LENGTH: f64 = 300.0;
/// Kilobits of picture a second.
const KBPS: u32 = 5500;
/// Seconds to the first picture.
const FIRST_PICTURE_WITHIN: f64 = 30.0;

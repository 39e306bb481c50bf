//! The threads of a running engine are those of the table in `src/engine/mod.rs`, and a large picture is encoded on
//! several.

#![cfg(target_os = "linux")] // where a process can list its threads

#[path = "support/format.rs"]
mod format;

use std::{
    collections::BTreeSet,
    error::Error,
    fs,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use format::FORMAT;
use skywave::{
    capture::{
        camera::CameraFeed,
        source::{AudioChoice, DeviceId, VideoChoice},
    },
    encode::{encoder::VideoEncoder, h264::H264Encoder},
    engine::{
        command::{Broadcast, Command, Destination},
        handle::Engine,
        parts::Parts,
    },
    media::{
        frame::{I420, VideoFrame},
        packet::VideoFormat,
    },
    net::receiver::Receiver,
    record::RecordingTarget,
    secret::Secret,
    units::{MediaTime, PixelSize},
};

#[test]
fn the_threads_of_a_live_engine_are_those_of_the_table() -> Result<(), Box<dyn Error>> {
    let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let receiver = Receiver::start("127.0.0.1:0".parse()?, |_| ())?;
    let folder = tempfile::tempdir()?;
    let before = running()?;
    let parts = Parts {
        open_camera: |_, _, _, clock| {
            let paint = move || {
                thread::sleep(FORMAT.video.frame_rate.frame_duration());
                VideoFrame {
                    picture: I420::black(FORMAT.video.size).into(),
                    captured_at: clock.now(),
                }
            };
            CameraFeed::of_pictures("painted", move || paint)
        },
        ..Parts::default()
    };
    let engine = Engine::start_with(parts, FORMAT)?;
    engine.send(Command::SelectVideo(VideoChoice::Camera(DeviceId(
        "painted".into(),
    ))));
    engine.send(Command::SelectAudio(AudioChoice::Beep));
    let server = format!("rtmp://{}/live", receiver.local_addr());
    let destination = Destination::new(&server, Secret::new("key"));
    engine.send(Command::GoLive(Box::new(Broadcast::from(destination))));
    engine.send(Command::StartRecording(RecordingTarget::Folder(
        folder.path().to_owned(),
    )));

    let table = table();
    let named = |names: &[&str]| -> BTreeSet<String> {
        let all = table.iter().filter(|name| !names.contains(&name.as_str()));
        all.cloned().collect()
    };
    // The main thread is the test's, and there is no microphone.
    let expected = named(&[
        "skywave",
        "microphone",
        "priority",
        "async-io",
        "blocking-N",
    ]);
    // A thread that begins still bears the name of who began it, so that all is as it should be after a while only.
    let patience_ends = Instant::now() + PATIENCE;
    loop {
        let new = running()?.into_iter().filter(|it| !before.contains(it));
        let mut running_now: BTreeSet<String> = new.map(|(_, name)| numbered(&name)).collect();
        running_now.remove("receiver"); // the server
        let missing: Vec<_> = expected.difference(&running_now).collect();
        let strange: Vec<_> = running_now.difference(&table).collect();
        if missing.is_empty() && strange.is_empty() {
            break;
        }
        assert!(
            Instant::now() < patience_ends,
            "in the table, not running: {missing:?}; running, not in the table: {strange:?}"
        );
        while engine.next_event(Duration::from_millis(50)).is_some() {}
    }
    Ok(())
}

#[test]
fn several_cores_share_a_large_picture() {
    let _turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    let encoder = || {
        let size = PixelSize::new(1920, 1080);
        let format = VideoFormat {
            size,
            ..FORMAT.video
        };
        let mut encoder = H264Encoder::new(format).unwrap();
        let mut noise = fastrand::Rng::with_seed(1);
        for number in 0..5 {
            let mut picture = I420::black(size);
            let [luma, ..] = picture.planes_mut();
            noise.fill(luma);
            let time = MediaTime::from_millis(40 * number);
            encoder.encode(&picture, time, false).unwrap();
        }
        nanoseconds_of_work("slicing").unwrap()
    };
    let encoder = thread::Builder::new().name("slicing".into()).spawn(encoder);
    let spent = encoder.unwrap().join().unwrap();
    // Behind the caller come the library's threads, which bear its name; one of them only hands out work.
    let (_, own) = spent.split_first().unwrap();
    let most = own.iter().max().copied().unwrap_or(0);
    let busy = own.iter().filter(|it| **it * 4 > most).count();
    let cores = thread::available_parallelism().map_or(1, Into::into);
    assert_eq!(busy > 1, cores > 1, "{spent:?}");
}

/// How long each thread of this name was on a processor (proc(5), `schedstat`), the oldest first.
fn nanoseconds_of_work(name: &str) -> Result<Vec<u64>, Box<dyn Error>> {
    let mut numbers: Vec<u32> = running()?
        .into_iter()
        .filter(|(_, known)| known == name)
        .filter_map(|(number, _)| number.parse().ok())
        .collect();
    numbers.sort_unstable();
    let spent = numbers.into_iter().map(|number| {
        let text = fs::read_to_string(format!("/proc/self/task/{number}/schedstat"))?;
        let spent = text.split(' ').next().unwrap_or_default();
        Ok(spent.parse()?)
    });
    spent.collect()
}

/// Number and name of each thread of this process; the kernel keeps 15 bytes of a name.
fn running() -> Result<BTreeSet<(String, String)>, Box<dyn Error>> {
    let mut all = BTreeSet::new();
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?;
        // One may have ended meanwhile.
        if let Ok(name) = fs::read_to_string(task.path().join("comm")) {
            let number = task.file_name().to_string_lossy().into_owned();
            all.insert((number, name.trim_end().to_owned()));
        }
    }
    Ok(all)
}

/// The names in the first column of the table of threads, as the kernel would show them.
fn table() -> BTreeSet<String> {
    let rows = include_str!("../src/engine/mod.rs")
        .lines()
        .skip_while(|line| !line.starts_with("//! | thread |"))
        .take_while(|line| line.starts_with("//! |"))
        .skip(2);
    let mut names = BTreeSet::new();
    for row in rows {
        let cell = row.split('|').nth(1).unwrap_or_default();
        let quoted = cell.split('`').skip(1).step_by(2);
        names.extend(quoted.map(|name| name.chars().take(15).collect::<String>()));
    }
    assert!(names.len() > 8, "{names:?}");
    names
}

/// A name that ends with a number, as the table has it.
fn numbered(name: &str) -> String {
    let stem = name.trim_end_matches(|last: char| last.is_ascii_digit());
    if stem.len() < name.len() {
        format!("{stem}N")
    } else {
        name.to_owned()
    }
}

/// All threads of the process are looked at.
static TURNS: Mutex<()> = Mutex::new(());
/// A hang is a failure, not a long wait.
const PATIENCE: Duration = Duration::from_mins(1);

//! What a running pipeline holds and allocates, which threads it has, and how often they wake.
//!
//! `cargo bench --bench memory` prints a table: test picture and tone, shown, published to a receiver in this process
//! and recorded, at 720p and 1080p. It takes less than two minutes; `memory SECONDS` measures each for so long, to see
//! that memory stays flat. The figures are those of this process, so the receiver's are in them.
//! `SKYWAVE_WRITE_PAGES=1` writes a summary into README.md as well.

#[cfg(target_os = "linux")]
#[path = "../tests/support/allocations.rs"]
mod allocations;
#[cfg(target_os = "linux")]
#[path = "support/page.rs"]
mod page;

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        collections::BTreeMap,
        env,
        error::Error,
        fmt::Write,
        fs, thread,
        time::{Duration, Instant},
    };

    use skywave::{
        capture::source::{AudioChoice, VideoChoice},
        engine::{
            command::{Broadcast, Command, Destination, OutputFormat, RateControl},
            event::{Event, Latency, Stats},
            handle::Engine,
        },
        media::packet::{AudioFormat, VideoFormat},
        net::receiver::Receiver,
        record::RecordingTarget,
        secret::Secret,
        units::{Bitrate, FrameRate, PixelSize},
    };

    use super::{
        allocations::{Counting, by_thread},
        page,
    };

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    pub(super) fn main() -> Result<(), Box<dyn Error>> {
        let seconds = env::args().skip(1).find_map(|it| it.parse().ok());
        // `cargo test` runs benches, to see that they work.
        let is_test = !env::args().any(|it| it == "--bench") && seconds.is_none();
        let span = Duration::from_secs(seconds.unwrap_or(if is_test { 1 } else { 10 }));
        let sizes = [(1280, 720, 2500), (1920, 1080, 6000)];
        let mut summary = String::from(SUMMARY);
        for (width, height, kbps) in sizes.into_iter().take(if is_test { 1 } else { 2 }) {
            summary += &measure(PixelSize::new(width, height), kbps, span)?;
        }
        println!("\n{summary}");
        if is_test {
            return Ok(());
        }
        page::write("memory", &summary)
    }

    /// Prints all figures of one size, and gives the row that sums them up.
    fn measure(size: PixelSize, kbps: u32, span: Duration) -> Result<String, Box<dyn Error>> {
        let folder = env::temp_dir().join(format!("skywave-memory-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let receiver = Receiver::start("127.0.0.1:0".parse()?, |_| ())?;
        let engine = Engine::start(format(size, kbps))?;
        engine.send(Command::SelectVideo(VideoChoice::TestPicture));
        engine.send(Command::SelectAudio(AudioChoice::Beep));
        println!("\n{size} at 30 fps, {kbps} kb/s, test picture and tone");
        println!("| state | resident | grown | peak | wake-ups per second by thread |");
        println!("|---|---:|---:|---:|---|");
        let mut row = format!("| {size} |");
        row += &state(&engine, "idle", span);
        engine.send(Command::ShowPreview(true));
        row += &state(&engine, "preview", span);

        let server = format!("rtmp://{}/live", receiver.local_addr());
        let destination = Destination::new(&server, Secret::new("key"));
        engine.send(Command::GoLive(Box::new(Broadcast::from(destination))));
        row += &state(&engine, "live", span);
        engine.send(Command::StartRecording(RecordingTarget::Folder(
            folder.clone(),
        )));
        follow(&engine, Duration::from_secs(1));
        let (before, begun) = (by_thread(), follow(&engine, Duration::from_millis(300)));
        row += &state(&engine, "live, recording", span);
        let (after, ended) = (by_thread(), follow(&engine, Duration::from_millis(300)));

        let frames = ended.frames_encoded - begun.frames_encoded;
        println!("\n| thread | allocations per frame, of {frames} |");
        println!("|---|---:|");
        let mut pipeline = 0;
        for (name, count) in after {
            let earlier = before.iter().find(|(known, _)| *known == name);
            let count = count - earlier.map_or(0, |(_, count)| *count);
            if PIPELINE.contains(&name.as_str()) {
                pipeline += count;
            }
            println!("| {name} | {:.2} |", count as f64 / frames.max(1) as f64);
        }
        drop(engine);
        fs::remove_dir_all(&folder)?;
        write!(row, " {:.2} |", pipeline as f64 / frames.max(1) as f64)?;
        if let Some(Latency { p50, p95, max }) = ended.stream_latency {
            write!(row, " {p50:.0?}, {p95:.0?}, {max:.0?} |")?;
        }
        Ok(row + "\n")
    }

    /// Lets a second pass, then prints what the state costs; its memory for the summary.
    fn state(engine: &Engine, name: &str, span: Duration) -> String {
        follow(engine, Duration::from_secs(1));
        let megabytes = |field| kilobytes(field) as f64 / 1024.0;
        let begun = megabytes("VmRSS:");
        let before = wake_ups();
        follow(engine, span);
        let after = wake_ups();
        let of = |thread: &String| before.get(thread).copied().unwrap_or(0);
        let mine = thread::current().name().unwrap_or("").to_owned();
        let threads = after
            .iter()
            .filter(|(thread, _)| **thread != mine && !thread.starts_with("memory"))
            .map(|(thread, count)| {
                let rate = (count.saturating_sub(of(thread))) as f64 / span.as_secs_f64();
                format!("{thread} {rate:.0}")
            });
        let threads = threads.collect::<Vec<_>>().join(", ");
        let resident = megabytes("VmRSS:");
        let grown = resident - begun;
        println!(
            "| {name} | {resident:.1} MiB | {grown:+.1} MiB | {:.1} MiB | {threads} |",
            megabytes("VmHWM:")
        );
        format!(" {resident:.1} ({grown:+.1}) |")
    }

    /// Listens as a window does; the last figures.
    fn follow(engine: &Engine, span: Duration) -> Stats {
        let until = Instant::now() + span;
        let mut last = Stats::default();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if let Some(Event::Stats(stats)) = engine.next_event(left) {
                last = stats;
            }
            drop(engine.preview());
        }
        last
    }

    /// How often each thread gave the processor away because it had nothing to do.
    fn wake_ups() -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for task in fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten()
        {
            let read = |file| fs::read_to_string(task.path().join(file)).unwrap_or_default();
            let name = read("comm").trim_end().to_owned();
            let count = figure(&read("status"), "voluntary_ctxt_switches:");
            *all.entry(name).or_default() += count;
        }
        all
    }

    /// A figure of this process's memory.
    fn kilobytes(field: &str) -> u64 {
        figure(
            &fs::read_to_string("/proc/self/status").unwrap_or_default(),
            field,
        )
    }

    fn figure(text: &str, field: &str) -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|rest| rest.split_whitespace().next());
        number.and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// The threads that every picture or block of sound passes.
    const PIPELINE: [&str; 3] = ["program", "video encoder", "audio"];

    const SUMMARY: &str = "| test picture and tone | idle | shown | live | live and recording | allocations per frame | capture to wire: half, 95 of 100, all within |\n|---|---|---|---|---|---|---|\n";

    fn format(size: PixelSize, kbps: u32) -> OutputFormat {
        let bitrate = Bitrate::from_kbps(kbps);
        OutputFormat {
            video: VideoFormat {
                size,
                frame_rate: FrameRate::new(30),
                bitrate,
                key_frame_interval: 60,
            },
            audio: AudioFormat {
                sample_rate: 48_000,
                channels: 2,
                bitrate: Bitrate::from_kbps(128),
            },
            rate: RateControl {
                adaptive: false,
                floor: bitrate,
            },
        }
    }
}

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("the figures are read from Linux' /proc");
}

use std::fs;

use bytes::Bytes;
use chrono::NaiveDate;

use super::*;
use crate::flv::file::FlvReader;

fn video(timestamp: u32, body: &'static [u8]) -> FlvTag {
    FlvTag {
        kind: TagKind::Video,
        timestamp,
        body: Bytes::from_static(body),
    }
}

const KEY: &[u8] = b"\x17\x01\0\0\0key";
const INTER: &[u8] = b"\x27\x01\0\0\0inter";
const PATIENCE: Duration = Duration::from_secs(20);

fn saver(folder: &Path) -> (Saver, Receiver<Saved>) {
    let (tell, told) = sync_channel(100);
    let saver = Saver::start(folder.to_owned(), move |saved| {
        let _ = tell.send(saved);
    })
    .unwrap();
    (saver, told)
}

fn times(path: &Path) -> Vec<u32> {
    let bytes = fs::read(path).unwrap();
    let mut reader = FlvReader::new(bytes.as_slice()).unwrap();
    let tags = std::iter::from_fn(|| reader.next_tag().unwrap());
    tags.map(|tag| tag.timestamp).collect()
}

#[test]
fn each_stream_gets_a_file_of_its_own_that_begins_at_zero() {
    let folder = tempfile::tempdir().unwrap();
    let (mut saver, told) = saver(folder.path());
    for stream in [1, 2] {
        assert!(saver.begin(stream, "live"));
        saver.metadata(
            stream,
            Value::object([("width", 320.0)].map(|(k, v)| (k, Value::from(v)))),
        );
    }
    saver.write(1, video(5_000, KEY));
    saver.write(2, video(90_000, KEY));
    saver.write(1, video(5_040, INTER));
    saver.end(1);
    assert!(saver.finish(PATIENCE));
    let told: Vec<_> = told.iter().collect();
    let finished: Vec<_> = told
        .iter()
        .filter_map(|saved| match saved {
            Saved::Finished {
                path,
                bytes,
                duration,
            } => Some((path, *bytes, *duration)),
            _ => None,
        })
        .collect();
    let [(first, bytes, duration), (second, ..)] = finished[..] else {
        panic!("{told:?}");
    };
    assert_eq!(times(first), [0, 0, 40]);
    assert_eq!(times(second), [0, 0]);
    assert_eq!(bytes, fs::metadata(first).unwrap().len());
    assert_eq!(duration, Duration::from_millis(40));
}

#[test]
fn what_is_saved_plays_before_the_stream_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let (mut saver, told) = saver(folder.path());
    assert!(saver.begin(1, "live"));
    saver.write(1, video(0, KEY));
    let Saved::Began(path) = told.recv_timeout(PATIENCE).unwrap() else {
        panic!("no file");
    };
    let deadline = Instant::now() + PATIENCE;
    while fs::metadata(&path).unwrap().len() == 0 {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(times(&path), [0, 0]);
    assert!(saver.finish(PATIENCE));
}

#[test]
fn files_are_named_from_application_and_time_and_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let now = NaiveDate::from_ymd_opt(2026, 11, 23)
        .and_then(|day| day.and_hms_opt(15, 30, 0))
        .unwrap();
    let name = |app: &str| {
        let (_, path) = create_new(folder.path(), app, now).unwrap();
        assert_eq!(path.parent(), Some(folder.path()));
        path.file_name().unwrap().to_string_lossy().into_owned()
    };
    assert_eq!(name("live"), "live-2026-11-23-153000.flv");
    assert_eq!(name("live"), "live-2026-11-23-153000-2.flv");
    assert_eq!(name("../../etc"), "etc-2026-11-23-153000.flv");
    assert_eq!(name("a/b\\c:\0d"), "a-b-c--d-2026-11-23-153000.flv");
    assert_eq!(name(""), "stream-2026-11-23-153000.flv");
    assert!(name(&"x".repeat(1000)).len() < 100);
}

#[test]
fn a_folder_that_is_not_there_is_told_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let gone = folder.path().join("gone");
    let (mut saver, told) = saver(&gone);
    assert!(saver.begin(1, "live"));
    saver.write(1, video(0, KEY));
    assert!(matches!(
        told.recv_timeout(PATIENCE).unwrap(),
        Saved::Failed(RecordError::NoFolder { path }) if path == gone
    ));
    assert!(saver.finish(PATIENCE));
}

#[test]
fn metadata_that_a_slow_disk_cannot_take_do_not_pile_up() {
    let folder = tempfile::tempdir().unwrap();
    let (mut saver, told) = saver(folder.path());
    let named = |name: &str| Value::object([(name, Value::Null)]);
    assert!(saver.begin(1, "live"));
    saver.metadata(1, named("taken"));
    // As if so much waited.
    saver.waiting.fetch_add(MOST_BYTES, Ordering::Relaxed);
    saver.metadata(1, named("too much"));
    saver.waiting.fetch_sub(MOST_BYTES, Ordering::Relaxed);
    let waiting = Arc::clone(&saver.waiting);
    assert!(saver.finish(PATIENCE));
    assert_eq!(waiting.load(Ordering::Relaxed), 0, "all was given back");
    let Some(Saved::Began(path)) = told.iter().next() else {
        panic!("no file");
    };
    let script = fs::read(path).unwrap();
    let holds = |name: &[u8]| script.windows(name.len()).any(|window| window == name);
    assert!(holds(b"taken") && !holds(b"too much"));
}

#[test]
fn what_a_slow_disk_cannot_take_is_left_out_up_to_a_key_frame_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut saver, told) = saver(folder.path());
    assert!(saver.begin(1, "live"));
    saver.write(1, video(0, KEY));
    // As if so much waited.
    saver.waiting.fetch_add(MOST_BYTES, Ordering::Relaxed);
    saver.write(1, video(40, INTER));
    saver.waiting.fetch_sub(MOST_BYTES, Ordering::Relaxed);
    saver.write(1, video(80, INTER));
    saver.write(1, video(120, KEY));
    assert!(saver.finish(PATIENCE));
    let mut told = told.iter();
    let Some(Saved::Began(path)) = told.next() else {
        panic!("no file");
    };
    assert!(matches!(told.next(), Some(Saved::Lost(2))));
    assert_eq!(times(&path), [0, 0, 120]);
}

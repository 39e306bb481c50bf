use super::*;
use crate::{media::frame::I420, units::MediaTime};

const FAST: Timing = Timing {
    first_picture: Duration::from_secs(8), // a panic is told with its trace first
    stall: Duration::from_millis(150),
    retry: Duration::from_millis(20),
    tick: Duration::from_millis(5),
    fresh: Duration::from_hours(1),
};

/// What a scripted camera does next.
enum Act {
    Picture,
    Damaged,
    Lose(CaptureError),
    Hang(Receiver<()>),
    Panic,
}

struct Scripted(std::vec::IntoIter<Act>);

impl PictureReader for Scripted {
    fn read(&mut self, _is_wanted: &dyn Fn() -> bool) -> Result<Delivery, CaptureError> {
        thread::sleep(Duration::from_millis(2));
        match self.0.next() {
            Some(Act::Picture) => Ok(Delivery::Frame(black())),
            Some(Act::Damaged) | None => Ok(Delivery::Nothing),
            Some(Act::Lose(error)) => Err(error),
            Some(Act::Hang(until)) => {
                let _ = until.recv();
                Ok(Delivery::Nothing)
            }
            Some(Act::Panic) => panic!("a driver's bug"),
        }
    }
}

/// A feed whose camera plays one script per attempt, and is missing after the last.
fn feed(scripts: Vec<Result<Vec<Act>, CaptureError>>) -> CameraFeed {
    let scripts = Mutex::new(scripts.into_iter());
    let open = move || {
        let script = scripts.lock().expect("not poisoned").next();
        let acts = script.unwrap_or_else(|| Err(missing()))?;
        Ok(Opened {
            name: "Cam".to_owned(),
            description: "Cam, 2×2".to_owned(),
            reader: Box::new(Scripted(acts.into_iter())),
        })
    };
    CameraFeed::start_with("id".to_owned(), Arc::new(open), FAST)
}

fn pictures(count: usize) -> Vec<Act> {
    (0..count).map(|_| Act::Picture).collect()
}

fn missing() -> CaptureError {
    CaptureError::Missing {
        kind: DeviceKind::Camera,
        wanted: "id".to_owned(),
    }
}

fn unplugged() -> CaptureError {
    CaptureError::Unplugged {
        kind: DeviceKind::Camera,
        name: "Cam".to_owned(),
    }
}

fn busy() -> CaptureError {
    CaptureError::Busy {
        kind: DeviceKind::Camera,
        name: "Cam".to_owned(),
    }
}

/// The next event within ten seconds, in few words.
fn next(feed: &CameraFeed) -> String {
    match feed.events.recv_timeout(Duration::from_secs(10)) {
        Ok(SourceEvent::Ready { description }) => format!("ready: {description}"),
        Ok(SourceEvent::Lost(error)) => {
            let words = format!("{error:?}");
            words.split(' ').next().unwrap_or_default().to_owned()
        }
        Err(error) => panic!("no event: {error}"),
    }
}

fn within_ten_seconds(what: &str, mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_true() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Delivers so many pictures, then hangs in its driver for ever.
struct Hanging(u32);

impl PictureReader for Hanging {
    fn read(&mut self, _is_wanted: &dyn Fn() -> bool) -> Result<Delivery, CaptureError> {
        if self.0 == 0 {
            loop {
                thread::park();
            }
        }
        self.0 -= 1;
        thread::sleep(Duration::from_millis(10));
        Ok(Delivery::Frame(black()))
    }
}

impl CameraFeed {
    /// A stand-in for the engine's tests: a camera that hangs after so many pictures.
    pub(crate) fn that_hangs_after(pictures: u32) -> Self {
        let open = move || {
            Ok(Opened {
                name: "Stand-in".to_owned(),
                description: "Stand-in, 160×90".to_owned(),
                reader: Box::new(Hanging(pictures)),
            })
        };
        Self::start_with("stand-in".to_owned(), Arc::new(open), TIMING)
    }

    /// A stand-in for the engine's tests: a camera that counts the pictures it converts.
    pub(crate) fn that_counts_what_it_converts(converted: &'static AtomicU64) -> Self {
        let open = move || {
            Ok(Opened {
                name: "Stand-in".to_owned(),
                description: "Stand-in, 2×2".to_owned(),
                reader: Box::new(CountsConverted(converted)),
            })
        };
        let timing = Timing {
            fresh: FAST.fresh,
            ..TIMING
        };
        Self::start_with("stand-in".to_owned(), Arc::new(open), timing)
    }
}

/// Counts the pictures that were wanted.
struct CountsConverted(&'static AtomicU64);

impl PictureReader for CountsConverted {
    fn read(&mut self, is_wanted: &dyn Fn() -> bool) -> Result<Delivery, CaptureError> {
        thread::sleep(Duration::from_millis(10));
        if !is_wanted() {
            return Ok(Delivery::Left);
        }
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Delivery::Frame(black()))
    }
}

/// Delivers a picture each time it is told to.
struct OnDemand(Receiver<()>);

impl PictureReader for OnDemand {
    fn read(&mut self, is_wanted: &dyn Fn() -> bool) -> Result<Delivery, CaptureError> {
        Ok(match self.0.recv() {
            Ok(()) if is_wanted() => Delivery::Frame(black()),
            Ok(()) => Delivery::Left,
            Err(_) => Delivery::Nothing,
        })
    }
}

fn black() -> VideoFrame {
    VideoFrame {
        picture: Arc::new(I420::black(PixelSize::MIN)),
        captured_at: MediaTime::ZERO,
    }
}

#[test]
fn a_camera_is_ready_with_its_first_picture() {
    let feed = feed(vec![Ok([vec![Act::Damaged], pictures(3)]
        .into_iter()
        .flatten()
        .collect())]);
    assert_eq!(next(&feed), "ready: Cam, 2×2");
    within_ten_seconds("three pictures", || feed.frames_captured() == 3);
    assert!(feed.latest().is_some());
}

#[test]
fn of_pictures_that_nobody_wants_one_a_while_is_kept() {
    static CONVERTED: AtomicU64 = AtomicU64::new(0);
    let open = || {
        Ok(Opened {
            name: "Cam".to_owned(),
            description: "Cam, 2×2".to_owned(),
            reader: Box::new(CountsConverted(&CONVERTED)),
        })
    };
    let timing = Timing {
        fresh: Duration::from_millis(100),
        ..TIMING
    };
    let feed = CameraFeed::start_with("id".to_owned(), Arc::new(open), timing);
    feed.want(false);
    within_ten_seconds("the first one", || feed.frames_captured() >= 1);
    let (started, before) = (Instant::now(), CONVERTED.load(Ordering::Relaxed));
    within_ten_seconds("fifty pictures", || feed.frames_captured() >= 50);
    let converted = CONVERTED.load(Ordering::Relaxed);
    let most = started.elapsed().as_millis() / timing.fresh.as_millis() + 1;
    assert!(converted > before, "{converted} after {before}");
    assert!(
        u128::from(converted - before) <= most,
        "{converted} after {before}"
    );
    feed.want(true);
    within_ten_seconds("all of them", || {
        CONVERTED.load(Ordering::Relaxed) >= converted + 50
    });
}

#[test]
fn a_picture_that_is_wanted_only_while_it_is_waited_for_is_kept() {
    let (deliver, delivered) = sync_channel(1);
    let delivered = Mutex::new(Some(delivered));
    let open = move || {
        let reader = delivered.lock().expect("not poisoned").take();
        Ok(Opened {
            name: "Cam".to_owned(),
            description: "Cam, 2×2".to_owned(),
            reader: Box::new(OnDemand(reader.ok_or_else(missing)?)),
        })
    };
    let feed = CameraFeed::start_with(
        "id".to_owned(),
        Arc::new(open),
        Timing {
            stall: TIMING.stall,
            ..FAST
        },
    );
    feed.want(false);
    let mut kept = None;
    for (number, wanted) in [(1, false), (2, false), (3, true)] {
        feed.want(wanted);
        deliver.send(()).expect("the camera is there");
        within_ten_seconds("a picture", || feed.frames_captured() == number);
        let newest = feed.latest().expect("the first is kept").picture;
        let is_new = kept
            .replace(Arc::clone(&newest))
            .is_none_or(|last| !Arc::ptr_eq(&last, &newest));
        assert_eq!(is_new, wanted || number == 1, "picture {number}");
    }
}

#[test]
fn an_unplugged_camera_is_told_once_and_taken_back() {
    let unplug = vec![Act::Picture, Act::Lose(unplugged())];
    let feed = feed(vec![
        Ok(unplug),
        Err(missing()),
        Err(missing()),
        Ok(pictures(100_000)),
    ]);
    assert_eq!(next(&feed), "ready: Cam, 2×2");
    assert_eq!(next(&feed), "Unplugged");
    assert_eq!(next(&feed), "ready: Cam, 2×2");
    within_ten_seconds("a picture", || feed.latest().is_some());
}

#[test]
fn a_loss_leaves_no_old_picture_behind() {
    let feed = feed(vec![Ok(vec![Act::Picture, Act::Lose(unplugged())])]);
    assert_eq!(next(&feed), "ready: Cam, 2×2");
    assert_eq!(next(&feed), "Unplugged");
    assert!(feed.latest().is_none());
}

#[test]
fn a_hanging_camera_is_left_behind_and_another_reader_takes_over() {
    let (release, hanging) = sync_channel(1);
    let mut stuck = vec![Act::Picture, Act::Hang(hanging)];
    stuck.extend(pictures(100_000));
    let feed = feed(vec![Ok(stuck), Err(busy()), Ok(pictures(5))]);
    assert_eq!(next(&feed), "ready: Cam, 2×2");
    assert_eq!(next(&feed), "Stalled");
    assert_eq!(next(&feed), "ready: Cam, 2×2");
    within_ten_seconds("all pictures", || feed.frames_captured() == 6);
    release.send(()).expect("still hanging");
    assert_eq!(next(&feed), "Stalled", "the second has no more pictures");
    assert_eq!(
        feed.frames_captured(),
        6,
        "pictures of the first do not count"
    );
}

#[test]
fn damaged_pictures_alone_count_as_none() {
    let damaged = std::iter::once(Act::Picture)
        .chain((0..100_000).map(|_| Act::Damaged))
        .collect();
    let feed = feed(vec![Ok(damaged)]);
    assert_eq!(next(&feed), "ready: Cam, 2×2");
    assert_eq!(next(&feed), "Stalled");
}

#[test]
fn each_kind_of_refusal_is_told_once() {
    let feed = feed(vec![
        Err(missing()),
        Err(missing()),
        Err(busy()),
        Err(busy()),
        Ok(pictures(100_000)),
    ]);
    assert_eq!(next(&feed), "Missing");
    assert_eq!(next(&feed), "Busy");
    assert_eq!(next(&feed), "ready: Cam, 2×2");
}

#[test]
fn a_driver_that_panics_is_a_failure_and_the_camera_is_tried_again() {
    let feed = feed(vec![Ok(vec![Act::Panic]), Ok(pictures(10))]);
    assert_eq!(next(&feed), "Failed");
    assert_eq!(next(&feed), "ready: Cam, 2×2");
}

#[test]
fn dropping_the_feed_ends_its_threads_without_waiting_for_a_hanging_camera() {
    let (release, hanging) = sync_channel(1);
    let feed = feed(vec![Ok(vec![Act::Picture, Act::Hang(hanging)])]);
    assert_eq!(next(&feed), "ready: Cam, 2×2");
    let shared = Arc::clone(&feed.shared);
    drop(feed);
    release.send(()).expect("still hanging");
    within_ten_seconds("no thread holds it", || Arc::strong_count(&shared) == 1);
}

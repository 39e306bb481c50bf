//! The recorder: a queue, a thread, and a file that plays at any time.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Seek, Write},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::{error::RecordError, target::RecordingTarget};
use crate::{
    flv::file::FlvWriter,
    media::packet::{Packet, StreamFormat},
};

/// Writes what is encoded to a file, on a thread of its own.
///
/// Nothing that a disk does holds up the caller. The file begins with a key frame; what a crash leaves lacks
/// at most the last second.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    intake: Mutex<Intake>,
    shared: Arc<Shared>,
    ended: Mutex<Receiver<()>>,
}

/// What becomes of a recording; told on the recorder's thread.
#[derive(Debug)]
pub enum RecorderEvent {
    /// The disk was too slow for a while: packets are missing. The recording went on at the next key frame,
    /// or ended.
    Lost {
        /// How many.
        packets: u64,
    },
    /// The file is complete and closed. Nothing follows.
    Finished {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// How long it plays.
        duration: Duration,
    },
    /// The recording ended early; what is in the file plays. Nothing follows.
    Failed(RecordError),
}

impl Recorder {
    /// Creates the file, writes its begin, and starts the thread. `on_event` is called on that thread.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn start(
        target: &RecordingTarget,
        format: StreamFormat,
        on_event: impl FnMut(RecorderEvent) + Send + 'static,
    ) -> Result<Self, RecordError> {
        let (file, path) = target.create(chrono::Local::now().naive_local())?;
        Self::on_disk(file, path.clone(), format, on_event).inspect_err(|_| {
            // An empty file is of no use to anybody; that it cannot be deleted is not the news.
            let _ = fs::remove_file(&path);
        })
    }

    /// Takes a packet, at once. When the disk is so slow that the queue is full, packets are left out up to
    /// the next key frame for which there is room.
    pub fn write(&self, packet: Packet) {
        let mut intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(queue) = &intake.queue else {
            return;
        };
        let resumes = packet.is_key_frame() || !intake.has_video;
        let room =
            self.shared.queued_bytes.load(Ordering::Relaxed) + packet.len() <= MAX_QUEUED_BYTES;

        let mut sent = Err(TrySendError::Full(()));
        if room && intake.losing && resumes {
            sent = without_item(queue.try_send(Item::Resumed));
        } else if room && !intake.losing {
            sent = Ok(());
        }
        let bytes = packet.len();
        if sent.is_ok() {
            self.shared.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
            sent = without_item(queue.try_send(Item::Packet(packet)));
            if sent.is_err() {
                self.shared.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
        match sent {
            Ok(()) => intake.losing = false,
            Err(TrySendError::Full(())) => {
                intake.losing = true;
                self.shared.lost.fetch_add(1, Ordering::Relaxed);
            }
            // It failed, and the event has told why.
            Err(TrySendError::Disconnected(())) => intake.queue = None,
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// How long the file plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.shared.duration_millis.load(Ordering::Relaxed))
    }

    /// Lets the file be completed, without waiting for it: the last event tells. Packets that come later are
    /// ignored.
    pub fn end(&self) {
        self.intake
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .queue = None;
    }

    /// Completes the file; the last event has been told when this returns. Takes less than a second. Packets
    /// that come later are ignored.
    ///
    /// # Errors
    /// When the disk is too slow for that: the file is then completed in the background.
    pub fn finish(&self) -> Result<(), RecordError> {
        if self.close() {
            Ok(())
        } else {
            let path = self.path.clone();
            Err(RecordError::StillWriting { path })
        }
    }

    /// Starts the thread that records to `disk`.
    fn on_disk<D: Disk>(
        disk: D,
        path: PathBuf,
        format: StreamFormat,
        mut on_event: impl FnMut(RecorderEvent) + Send + 'static,
    ) -> Result<Self, RecordError> {
        let has_video = format.video.is_some();
        let recording = Recording::begin(disk, format, Instant::now());
        let mut recording = recording.map_err(|error| error.about(&path))?;
        let shared = Arc::new(Shared::default());
        let (queue, items) = sync_channel(MAX_QUEUED_PACKETS);
        let (end, ended) = sync_channel(1);

        let recorder = Self {
            path: path.clone(),
            intake: Mutex::new(Intake {
                queue: Some(queue),
                has_video,
                losing: false,
            }),
            shared: Arc::clone(&shared),
            ended: Mutex::new(ended),
        };
        let thread = thread::Builder::new().name("recorder".to_owned());
        let run = {
            let path = path.clone();
            move || {
                let result = recording.run(&items, &shared, &mut on_event);
                // Closed before the end is told, so that it can be opened at once.
                let (bytes, duration) = (recording.writer.bytes(), recording.writer.duration());
                drop(recording);
                on_event(match result {
                    Ok(()) => RecorderEvent::Finished {
                        path,
                        bytes,
                        duration,
                    },
                    Err(error) => RecorderEvent::Failed(error.about(&path)),
                });
                drop(end);
            }
        };
        match thread.spawn(run) {
            Ok(_) => Ok(recorder),
            Err(source) => Err(RecordError::Io { path, source }),
        }
    }

    /// Ends the queue and waits for the thread, within a limit; whether it has ended.
    fn close(&self) -> bool {
        self.end();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is ever sent: the thread's end closes the channel.
        ended.recv_timeout(FINISH_WITHIN) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let intake = self.intake.get_mut();
        if intake
            .unwrap_or_else(PoisonError::into_inner)
            .queue
            .is_some()
        {
            self.close();
        }
    }
}

/// How long [`Recorder::finish`] waits for the disk.
const FINISH_WITHIN: Duration = Duration::from_millis(900);

/// What is written is handed to the system, and from there to the disk, this often.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Packets waiting for the disk, at most: about 40 s of picture and sound.
const MAX_QUEUED_PACKETS: usize = 4096;

/// Bytes waiting for the disk, at most: 40 s at 6,000 kb/s.
const MAX_QUEUED_BYTES: usize = 32 * 1024 * 1024;

/// Bytes collected before they are handed to the system.
const BUFFER_BYTES: usize = 128 * 1024;

#[derive(Debug)]
struct Intake {
    /// `None` when the recording has ended.
    queue: Option<SyncSender<Item>>,
    has_video: bool,
    /// Whether packets are being left out.
    losing: bool,
}

#[derive(Debug)]
enum Item {
    Packet(Packet),
    /// There is room again behind a gap.
    Resumed,
}

/// What the recorder and its thread tell each other.
#[derive(Debug, Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    lost: AtomicU64,
    bytes: AtomicU64,
    duration_millis: AtomicU64,
}

fn without_item(sent: Result<(), TrySendError<Item>>) -> Result<(), TrySendError<()>> {
    sent.map_err(|error| match error {
        TrySendError::Full(_) => TrySendError::Full(()),
        TrySendError::Disconnected(_) => TrySendError::Disconnected(()),
    })
}

/// What a recording needs of a file.
trait Disk: Write + Seek + Send + 'static {
    /// Waits until what was written is on the disk itself.
    fn sync(&mut self) -> io::Result<()>;

    /// Whether the file has been deleted while it is open.
    fn is_deleted(&self) -> bool;
}

/// Waits until what was written to `file` is on the disk itself, where its file system can tell.
///
/// # Errors
/// When the disk cannot take it.
pub fn sync_to_disk(file: &File) -> io::Result<()> {
    match file.sync_data() {
        // Some network file systems cannot.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        result => result,
    }
}

impl Disk for File {
    fn sync(&mut self) -> io::Result<()> {
        sync_to_disk(self)
    }

    #[cfg(unix)]
    fn is_deleted(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    /// Elsewhere an open file cannot be deleted.
    #[cfg(not(unix))]
    fn is_deleted(&self) -> bool {
        false
    }
}

/// The thread's part: the file.
struct Recording<D: Disk> {
    writer: FlvWriter<BufWriter<D>>,
    flush_at: Instant,
}

impl<D: Disk> Recording<D> {
    fn begin(disk: D, format: StreamFormat, now: Instant) -> Result<Self, Trouble> {
        let out = BufWriter::with_capacity(BUFFER_BYTES, disk);
        let mut recording = Self {
            writer: FlvWriter::new(out, format)?,
            flush_at: now + FLUSH_INTERVAL,
        };
        // A full disk is noticed here; to wait for the disk itself is left to the thread.
        recording.writer.get_mut().flush()?;
        Ok(recording)
    }

    /// Records until the queue ends or something goes wrong.
    fn run(
        &mut self,
        items: &Receiver<Item>,
        shared: &Shared,
        on_event: &mut impl FnMut(RecorderEvent),
    ) -> Result<(), Trouble> {
        let mut tell_lost = || match shared.lost.swap(0, Ordering::Relaxed) {
            0 => {}
            packets => on_event(RecorderEvent::Lost { packets }),
        };
        loop {
            let wait = self.flush_at.saturating_duration_since(Instant::now());
            match items.recv_timeout(wait) {
                Ok(Item::Packet(packet)) => {
                    shared
                        .queued_bytes
                        .fetch_sub(packet.len(), Ordering::Relaxed);
                    self.writer.write(&packet)?;
                    self.tell_progress(shared);
                }
                Ok(Item::Resumed) => tell_lost(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.flush_if_due(Instant::now())?;
        }
        tell_lost();
        self.writer.fill_in_metadata()?;
        self.flush()
    }

    fn tell_progress(&self, shared: &Shared) {
        shared.bytes.store(self.writer.bytes(), Ordering::Relaxed);
        let millis = self.writer.duration().as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        shared.duration_millis.store(millis, Ordering::Relaxed);
    }

    fn flush_if_due(&mut self, now: Instant) -> Result<(), Trouble> {
        if now < self.flush_at {
            return Ok(());
        }
        self.flush_at = now + FLUSH_INTERVAL;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        let out = self.writer.get_mut();
        out.flush()?;
        if out.get_ref().is_deleted() {
            return Err(Trouble::Deleted);
        }
        Ok(out.get_mut().sync()?)
    }
}

/// What went wrong, not yet knowing the file's name.
#[derive(Debug)]
enum Trouble {
    Io(io::Error),
    Deleted,
}

impl Trouble {
    fn about(self, path: &Path) -> RecordError {
        match self {
            Self::Io(error) => RecordError::from_io(path, error),
            Self::Deleted => RecordError::Vanished {
                path: path.to_owned(),
            },
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, SeekFrom};

    use super::*;
    use crate::{
        amf0::{Value, read_values},
        flv::{
            file::{FlvReader, FlvTag, TagKind},
            testing::{audio_at, format, sound_only, video_at},
        },
        units::MediaTime,
    };

    /// A disk in memory that takes `room` bytes, and none while `gate` is locked.
    #[derive(Clone)]
    struct MemoryDisk {
        content: Arc<Mutex<Cursor<Vec<u8>>>>,
        gate: Arc<Mutex<()>>,
        room: usize,
    }

    impl MemoryDisk {
        fn with_room(room: usize) -> Self {
            Self {
                content: Arc::default(),
                gate: Arc::default(),
                room,
            }
        }

        fn content(&self) -> Vec<u8> {
            self.content.lock().unwrap().get_ref().clone()
        }
    }

    impl Write for MemoryDisk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _gate = self.gate.lock().unwrap();
            let mut content = self.content.lock().unwrap();
            let room = self.room.saturating_sub(content.get_ref().len());
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            content.write(&bytes[..bytes.len().min(room)])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for MemoryDisk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.content.lock().unwrap().seek(to)
        }
    }

    impl Disk for MemoryDisk {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn is_deleted(&self) -> bool {
            false
        }
    }

    impl Recorder {
        /// A stand-in for the engine's tests: a recording on a disk with little room.
        pub(crate) fn on_full_disk(
            format: StreamFormat,
            on_event: impl FnMut(RecorderEvent) + Send + 'static,
        ) -> Result<Self, RecordError> {
            let path = PathBuf::from("full.flv");
            Self::on_disk(MemoryDisk::with_room(4096), path, format, on_event)
        }
    }

    /// Starts a recording on `disk`, and gives the events it will tell.
    fn start(disk: impl Disk, format: StreamFormat) -> (Recorder, Receiver<RecorderEvent>) {
        let (tell, events) = sync_channel(16);
        let recorder = Recorder::on_disk(disk, "show.flv".into(), format, move |event| {
            tell.send(event).unwrap();
        });
        (recorder.unwrap(), events)
    }

    fn next(events: &Receiver<RecorderEvent>) -> RecorderEvent {
        events.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    fn tags(file: &[u8]) -> Vec<FlvTag> {
        let mut reader = FlvReader::new(file).unwrap();
        std::iter::from_fn(|| reader.next_tag().unwrap()).collect()
    }

    fn millis(time: u64) -> MediaTime {
        MediaTime::from_millis(time)
    }

    #[test]
    fn a_finished_recording_is_a_complete_file() {
        let folder = tempfile::tempdir().unwrap();
        let (tell, events) = sync_channel(16);
        let target = RecordingTarget::Folder(folder.path().to_owned());
        let recorder = Recorder::start(&target, format(), move |event| {
            tell.send(event).unwrap();
        })
        .unwrap();
        let path = recorder.path().to_owned();

        recorder.write(audio_at(millis(10)));
        for frame in 0..60 {
            recorder.write(video_at(millis(20 + frame * 50), frame % 40 == 0));
        }
        recorder.finish().unwrap();

        let RecorderEvent::Finished {
            path: told,
            bytes,
            duration,
        } = next(&events)
        else {
            panic!("not finished")
        };
        let file = fs::read(&path).unwrap();
        assert_eq!((told, bytes), (path, file.len() as u64));
        assert_eq!(duration.as_millis(), 59 * 50 + 33);

        let tags = tags(&file);
        assert_eq!(tags.len(), 1 + 1 + 60, "metadata, one header, all pictures");
        assert_eq!(tags[1].timestamp, 0);
        let metadata = read_values(&tags[0].body).unwrap();
        assert_eq!(
            metadata[1].get("filesize").and_then(Value::as_number),
            Some(bytes as f64)
        );
    }

    #[test]
    fn a_recorder_is_shared_by_the_threads_of_picture_and_sound() {
        let (recorder, events) = start(MemoryDisk::with_room(usize::MAX), format());
        recorder.write(video_at(millis(0), true));
        thread::scope(|scope| {
            scope.spawn(|| recorder.write(video_at(millis(33), false)));
            scope.spawn(|| recorder.write(audio_at(millis(21))));
        });
        recorder.end();
        recorder.write(video_at(millis(67), true));
        recorder.finish().unwrap();
        let RecorderEvent::Finished { duration, .. } = next(&events) else {
            panic!("not finished")
        };
        assert_eq!(duration.as_millis(), 66, "what comes later is ignored");
    }

    #[test]
    fn what_was_written_is_on_the_disk_a_second_later() {
        let disk = MemoryDisk::with_room(usize::MAX);
        let begin = Instant::now();
        let mut recording = Recording::begin(disk.clone(), format(), begin).unwrap();
        assert_eq!(tags(&disk.content()).len(), 1, "metadata at once");

        recording.writer.write(&video_at(millis(0), true)).unwrap();
        recording
            .flush_if_due(begin + Duration::from_millis(999))
            .unwrap();
        assert_eq!(tags(&disk.content()).len(), 1);
        recording.flush_if_due(begin + FLUSH_INTERVAL).unwrap();
        assert_eq!(tags(&disk.content()).len(), 3);
        assert!(FLUSH_INTERVAL <= Duration::from_secs(2));
    }

    #[test]
    fn a_disk_that_becomes_full_ends_the_recording_with_words() {
        let disk = MemoryDisk::with_room(1000);
        let (recorder, events) = start(disk.clone(), format());
        recorder.write(video_at(millis(0), true));
        for frame in 1..100 {
            recorder.write(video_at(millis(frame * 33), false));
        }
        let RecorderEvent::Failed(error) = next(&events) else {
            panic!("not failed")
        };
        assert!(matches!(error, RecordError::DiskFull { .. }));
        assert!(error.to_string().contains("\"show.flv\""), "{error}");
        // Packets are still taken, to no effect, and finishing is not held up.
        recorder.write(video_at(millis(9000), true));
        recorder.finish().unwrap();
        assert!(tags(&disk.content()).len() > 10, "what was written plays");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_disk_that_is_full_already_is_told_at_once() {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let error = Recorder::on_disk(full, "/dev/full".into(), format(), |_| {}).unwrap_err();
        assert!(matches!(error, RecordError::DiskFull { .. }), "{error}");
    }

    #[test]
    fn a_missing_folder_is_told_at_once() {
        let target = RecordingTarget::Folder("/nowhere/at/all".into());
        let error = Recorder::start(&target, format(), |_| {}).unwrap_err();
        assert!(matches!(error, RecordError::NoFolder { .. }), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn a_deleted_folder_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.flv");
        let file = File::create(&path).unwrap();
        let begin = Instant::now();
        let mut recording = Recording::begin(file, format(), begin).unwrap();
        folder.close().unwrap();
        let trouble = recording.flush_if_due(begin + FLUSH_INTERVAL).unwrap_err();
        assert!(matches!(trouble.about(&path), RecordError::Vanished { .. }));
    }

    #[test]
    fn a_slow_disk_costs_packets_up_to_the_next_key_frame() {
        let disk = MemoryDisk::with_room(usize::MAX);
        let (recorder, events) = start(disk.clone(), format());
        let big = |time: u64, key_frame: bool| {
            let mut packet = video_at(millis(time), key_frame);
            if let Packet::Video(packet) = &mut packet {
                packet.data = vec![0; MAX_QUEUED_BYTES / 8].into();
            }
            packet
        };
        {
            let _stuck = disk.gate.lock().unwrap();
            recorder.write(big(0, true));
            for time in 1..20 {
                recorder.write(big(time, false));
            }
            // Far more than fits.
            assert!(recorder.shared.queued_bytes.load(Ordering::Relaxed) <= MAX_QUEUED_BYTES);
        }
        let deadline = Instant::now() + Duration::from_secs(10);
        while recorder.shared.queued_bytes.load(Ordering::Relaxed) > 0 {
            assert!(Instant::now() < deadline, "the queue is not worked off");
            thread::sleep(Duration::from_millis(5));
        }
        recorder.write(video_at(millis(30), false));
        recorder.write(audio_at(millis(31)));
        recorder.write(video_at(millis(40), true));
        recorder.write(audio_at(millis(41)));
        recorder.finish().unwrap();

        let RecorderEvent::Lost { packets } = next(&events) else {
            panic!("no loss told")
        };
        assert!(matches!(next(&events), RecorderEvent::Finished { .. }));
        let times: Vec<_> = tags(&disk.content())
            .into_iter()
            .map(|tag| (tag.kind, tag.timestamp))
            .collect();
        let pictures = times.iter().filter(|(kind, _)| *kind == TagKind::Video);
        let kept = pictures.count() as u64 - 1;
        assert_eq!(kept + packets, 20 + 2 + 1, "each is kept or told");
        assert!(!times.contains(&(TagKind::Video, 30)));
        assert!(!times.contains(&(TagKind::Audio, 31)));
        assert!(times.contains(&(TagKind::Video, 40)));
        assert!(times.contains(&(TagKind::Audio, 41)));
    }

    #[test]
    fn a_disk_that_hangs_does_not_hold_up_the_end() {
        let disk = MemoryDisk::with_room(usize::MAX);
        let (recorder, events) = start(disk.clone(), sound_only());
        let stuck = disk.gate.lock().unwrap();
        recorder.write(audio_at(millis(0)));
        assert!(matches!(
            recorder.finish(),
            Err(RecordError::StillWriting { .. })
        ));
        drop(stuck);
        assert!(matches!(next(&events), RecorderEvent::Finished { .. }));
        assert_eq!(tags(&disk.content()).len(), 3);
    }

    #[test]
    fn progress_can_be_asked_for() {
        let (recorder, events) = start(MemoryDisk::with_room(usize::MAX), sound_only());
        let shared = Arc::clone(&recorder.shared);
        recorder.write(audio_at(millis(100)));
        recorder.write(audio_at(millis(1100)));
        drop(recorder);
        let RecorderEvent::Finished {
            bytes, duration, ..
        } = next(&events)
        else {
            panic!("not finished")
        };
        assert_eq!(shared.bytes.load(Ordering::Relaxed), bytes);
        assert_eq!(duration.as_millis(), 1021);
        assert_eq!(shared.duration_millis.load(Ordering::Relaxed), 1021);
    }
}

//! Saving what arrives: one FLV file per published stream, written by a thread of its own.
//!
//! A file plays up to its last tag at any time, whatever happens to the program. The disk may take its time: what
//! waits for it is limited, and what does not fit is left out up to the next key frame. A disk problem ends the
//! one file, and is told.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use chrono::{Local, NaiveDateTime};

use crate::{
    amf0::Value,
    flv::{
        file::{FlvTag, TagKind},
        tag_file::TagFileWriter,
    },
    record::{RecordError, sync_to_disk},
    rtmp::receive::{
        meaning::{Header, Meaning},
        playback::Playback,
    },
};

/// What becomes of the files.
#[derive(Debug)]
pub enum Saved {
    /// A file was created.
    Began(PathBuf),
    /// A file is complete.
    Finished {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// How long it plays.
        duration: Duration,
    },
    /// The disk was too slow: so many pictures and blocks of sound are not in the file.
    Lost(u64),
    /// There is no file (any more).
    Failed(RecordError),
}

/// Hands what arrives to the thread that saves it.
#[derive(Debug)]
pub struct Saver {
    queue: SyncSender<Item>,
    waiting: Arc<AtomicUsize>,
    /// How many tags of each stream were left out since its last key frame.
    lost: BTreeMap<u64, u64>,
    ended: Receiver<()>,
}

#[derive(Debug)]
enum Item {
    Begin { stream: u64, app: String },
    Metadata { stream: u64, values: Value },
    Tag { stream: u64, tag: FlvTag },
    Lost(u64),
    End { stream: u64 },
}

impl Saver {
    /// Saves into `folder`; `tell` is called by the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(folder: PathBuf, tell: impl FnMut(Saved) + Send + 'static) -> io::Result<Self> {
        let (queue, items) = sync_channel(MOST_ITEMS);
        let (end, ended) = sync_channel(0);
        let waiting = Arc::new(AtomicUsize::new(0));
        let mut archive = Archive {
            folder,
            files: BTreeMap::new(),
            flush_at: Instant::now(),
            waiting: Arc::clone(&waiting),
            tell: Box::new(tell),
        };
        thread::Builder::new()
            .name("saver".to_owned())
            .spawn(move || {
                archive.run(&items);
                drop(end);
            })?;
        Ok(Self {
            queue,
            waiting,
            lost: BTreeMap::new(),
            ended,
        })
    }

    /// A stream begins; whether it will be saved, which it will not if the disk is stuck. `stream` must not have
    /// been used before.
    #[must_use]
    pub fn begin(&mut self, stream: u64, app: &str) -> bool {
        let app = app.to_owned();
        self.queue.try_send(Item::Begin { stream, app }).is_ok()
    }

    /// Takes a stream's metadata, if the disk keeps up.
    pub fn metadata(&mut self, stream: u64, values: Value) {
        self.offer(METADATA_BYTES, Item::Metadata { stream, values });
    }

    /// Queues what takes so many bytes; whether there is room for it.
    fn offer(&self, bytes: usize, item: Item) -> bool {
        if self.waiting.load(Ordering::Relaxed) + bytes > MOST_BYTES {
            return false;
        }
        self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let queued = self.queue.try_send(item).is_ok();
        if !queued {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        }
        queued
    }

    /// Takes a stream's picture or sound, if the disk keeps up.
    pub fn write(&mut self, stream: u64, tag: FlvTag) {
        let lost = self.lost.get(&stream).copied().unwrap_or(0);
        let meaning = Meaning::of(&tag);
        let begins = match tag.kind {
            TagKind::Video => matches!(
                meaning,
                Meaning::KeyFrame(_) | Meaning::Header(Header::Video(_))
            ),
            _ => matches!(meaning, Meaning::Header(_)),
        };
        let is_wanted = lost == 0 || begins;
        if !is_wanted || !self.offer(tag.body.len(), Item::Tag { stream, tag }) {
            *self.lost.entry(stream).or_default() += 1;
        } else if let Some(lost) = self.lost.remove(&stream) {
            let _ = self.queue.try_send(Item::Lost(lost));
        }
    }

    /// A stream is over. If the disk is stuck, its file is completed in the end.
    pub fn end(&mut self, stream: u64) {
        if let Some(lost) = self.lost.remove(&stream) {
            let _ = self.queue.try_send(Item::Lost(lost));
        }
        let _ = self.queue.try_send(Item::End { stream });
    }

    /// Completes all files; whether the disk was done within `patience`.
    #[must_use]
    pub fn finish(self, patience: Duration) -> bool {
        drop(self.queue);
        // Nothing is ever sent: the thread's end closes the channel.
        self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}

/// The thread's part: the files.
struct Archive {
    folder: PathBuf,
    files: BTreeMap<u64, Recording>,
    flush_at: Instant,
    waiting: Arc<AtomicUsize>,
    tell: Box<dyn FnMut(Saved) + Send>,
}

impl Archive {
    fn run(&mut self, items: &Receiver<Item>) {
        loop {
            let wait = self.flush_at.saturating_duration_since(Instant::now());
            match items.recv_timeout(wait) {
                Ok(item) => self.take(item),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if Instant::now() >= self.flush_at {
                self.flush_at = Instant::now() + FLUSH_INTERVAL;
                for stream in self.files.keys().copied().collect::<Vec<_>>() {
                    self.with(stream, Recording::flush);
                }
            }
        }
        while let Some((_, recording)) = self.files.pop_first() {
            (self.tell)(recording.finish());
        }
    }

    fn take(&mut self, item: Item) {
        match item {
            Item::Begin { stream, app } => {
                match Recording::create(&self.folder, &app, Local::now().naive_local()) {
                    Ok(recording) => {
                        (self.tell)(Saved::Began(recording.path.clone()));
                        self.files.insert(stream, recording);
                    }
                    Err(error) => (self.tell)(Saved::Failed(error)),
                }
            }
            Item::Metadata { stream, values } => {
                self.waiting.fetch_sub(METADATA_BYTES, Ordering::Relaxed);
                self.with(stream, |recording| {
                    recording.take_metadata(values);
                    Ok(())
                });
            }
            Item::Tag { stream, tag } => {
                self.waiting.fetch_sub(tag.body.len(), Ordering::Relaxed);
                self.with(stream, |recording| recording.write(&tag));
            }
            Item::Lost(count) => (self.tell)(Saved::Lost(count)),
            Item::End { stream } => {
                if let Some(recording) = self.files.remove(&stream) {
                    (self.tell)(recording.finish());
                }
            }
        }
    }

    /// Does something with a stream's file; a problem ends it.
    fn with(&mut self, stream: u64, work: impl FnOnce(&mut Recording) -> io::Result<()>) {
        let Some(recording) = self.files.get_mut(&stream) else {
            return;
        };
        if let Err(error) = work(recording) {
            let error = RecordError::from_io(&recording.path, error);
            self.files.remove(&stream);
            (self.tell)(Saved::Failed(error));
        }
    }
}

/// One file.
struct Recording {
    path: PathBuf,
    times: Playback,
    content: Content,
}

enum Content {
    /// Nothing but metadata came.
    Empty(BufWriter<File>, Option<Value>),
    Begun(TagFileWriter<BufWriter<File>>),
    /// Only while one becomes the other.
    Changing,
}

impl Recording {
    fn create(folder: &Path, app: &str, now: NaiveDateTime) -> Result<Self, RecordError> {
        let (file, path) = create_new(folder, app, now)?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self {
            path,
            times: Playback::new(0),
            content: Content::Empty(out, None),
        })
    }

    fn take_metadata(&mut self, values: Value) {
        if let Content::Empty(_, metadata) = &mut self.content {
            *metadata = Some(values);
        }
    }

    fn write(&mut self, tag: &FlvTag) -> io::Result<()> {
        let Some(time) = self.times.stamp(tag) else {
            return Ok(());
        };
        self.begun()?.write(tag, time)
    }

    /// The file, with its begin written.
    fn begun(&mut self) -> io::Result<&mut TagFileWriter<BufWriter<File>>> {
        if let Content::Empty(..) = self.content {
            let content = std::mem::replace(&mut self.content, Content::Changing);
            if let Content::Empty(out, metadata) = content {
                self.content = Content::Begun(TagFileWriter::new(out, metadata.as_ref())?);
            }
        }
        match &mut self.content {
            Content::Begun(writer) => Ok(writer),
            // A begin that failed ended the file.
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let Content::Begun(writer) = &mut self.content else {
            return Ok(());
        };
        let out = writer.get_mut();
        out.flush()?;
        sync_to_disk(out.get_ref())
    }

    fn finish(mut self) -> Saved {
        let mut complete = || {
            let writer = self.begun()?;
            writer.fill_in_metadata()?;
            let (bytes, duration) = (writer.bytes(), writer.duration());
            self.flush()?;
            Ok((bytes, duration))
        };
        match complete() {
            Ok((bytes, duration)) => Saved::Finished {
                path: self.path,
                bytes,
                duration,
            },
            Err(error) => Saved::Failed(RecordError::from_io(&self.path, error)),
        }
    }
}

/// Creates a file that was not there before, named from application and time. The stream key is in no name.
fn create_new(
    folder: &Path,
    app: &str,
    now: NaiveDateTime,
) -> Result<(File, PathBuf), RecordError> {
    let name = format!("{}-{}", safe_name(app), now.format("%Y-%m-%d-%H%M%S"));
    let mut path = folder.join(format!("{name}.flv"));
    for number in 2..=MOST_SAME_NAMES {
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                path = folder.join(format!("{name}-{number}.flv"));
            }
            Err(error) => return Err(RecordError::from_io(&path, error)),
        }
    }
    Err(RecordError::Exists { path })
}

/// What a stranger calls its application, as a part of a file's name on any system.
fn safe_name(app: &str) -> String {
    let safe = app
        .chars()
        .map(|char| {
            if char.is_ascii_alphanumeric() || char == '_' {
                char
            } else {
                '-'
            }
        })
        .take(LONGEST_NAME)
        .collect::<String>();
    let safe = safe.trim_matches('-');
    if safe.is_empty() { "stream" } else { safe }.to_owned()
}

/// Tags waiting for the disk.
const MOST_ITEMS: usize = 8192;
/// Bytes waiting for the disk, over all streams.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// What metadata take in memory, at most: they are short on the wire, but each value has its own place.
const METADATA_BYTES: usize = 512 * 1024;
/// Bytes collected before they are handed to the system.
const BUFFER_BYTES: usize = 128 * 1024;
/// What is written is handed to the system, and from there to the disk, this often.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);
/// Streams of one application that may begin within one second.
const MOST_SAME_NAMES: u32 = 999;
/// Characters of an application's name in a file's name.
const LONGEST_NAME: usize = 60;

#[cfg(test)]
mod tests;

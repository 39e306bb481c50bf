//! `skywave receive`: a small RTMP server for this machine, until stopped.
//!
//! | file | what it is about |
//! |---|---|
//! | [`args`] | what may be typed, and what it comes to |
//! | [`board`] | what is going on: streams, players, figures |
//! | [`report`] | what is known of one stream |
//! | [`save`] | saving what arrives |
//! | [`tale`] | what happens, as lines for people or as JSON |
//!
//! ```text
//!   receiver's thread --tags--> saver's thread (bounded; leaves out what the disk cannot take)
//!          |  `-------figures-> board <-- this thread, every second
//!          `-----------news---> this thread (bounded; news that nobody reads are lost)
//! ```

pub mod args;
pub mod board;
pub mod report;
pub mod save;
pub mod tale;

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver as News, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::Duration,
};

use self::{
    args::{Asked, ReceiveArgs},
    board::Board,
    save::Saver,
    tale::{Tale, Told},
};
use super::{
    exit::{Exit, ExitStatus},
    live::catch_interrupts,
};
use crate::{
    flv::file::{FlvTag, TagKind},
    media::clock::Clock,
    net::receiver::{Receiver, ReceiverEvent},
    rtmp::receive::Received,
    units::MediaTime,
};

/// Runs `skywave receive` to its end.
///
/// # Errors
/// One line and a status, when it ended otherwise than asked.
pub fn receive(args: &ReceiveArgs) -> Result<(), Exit> {
    let asked = Asked::from_args(args)?;
    let interrupted = catch_interrupts()?;
    let failed = |message: String| Exit::new(ExitStatus::Problems, message);
    let clock = Clock::start();
    let (news, told) = sync_channel(MOST_NEWS);
    let saver = asked.save.map(|folder| {
        let news = news.clone();
        Saver::start(folder, move |saved| tell(&news, Told::Saved(saved)))
    });
    let saver = saver
        .transpose()
        .map_err(|error| failed(format!("nothing can be saved: {error}")))?;
    let desk = Arc::new(Mutex::new(Desk {
        board: Board::default(),
        saver,
        news,
    }));
    let sink = Arc::clone(&desk);
    let receiver = Receiver::run(asked.listen, asked.config, move |event| {
        lock(&sink).take(clock.now(), event);
    })
    .map_err(|error| failed(cannot_listen(asked.listen, &error)))?;

    let mut tale = Tale::new(args.json);
    tale.begin(&asked.invitation, receiver.local_addr(), clock.now());
    let mut trouble = follow(&mut tale, &told, &desk, &receiver, interrupted, clock);
    drop(receiver);
    let saver = lock(&desk).saver.take();
    let in_time = saver.is_none_or(|saver| saver.finish(DISK_PATIENCE));
    while let Ok(news) = told.try_recv() {
        trouble = trouble.or(tale.tell(&news, clock.now()));
    }
    if !in_time {
        let slow = "a recording is still being written because the disk is slow".to_owned();
        trouble = trouble.or(Some(slow));
    }
    let end = trouble.map_or(Ok(()), |message| {
        Err(Exit::new(ExitStatus::Recording, message))
    });
    tale.end(&end, clock.now());
    end
}

/// Tells what happens until it is enough; what went wrong with saving, if anything.
fn follow(
    tale: &mut Tale,
    told: &News<Told>,
    desk: &Mutex<Desk>,
    receiver: &Receiver,
    interrupted: &AtomicBool,
    clock: Clock,
) -> Option<String> {
    let mut trouble = None;
    let mut report_at = clock.now() + tale.pause();
    while !interrupted.load(Ordering::Relaxed) {
        match told.recv_timeout(TICK) {
            Ok(news) => trouble = trouble.or(tale.tell(&news, clock.now())),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        let now = clock.now();
        if now >= report_at {
            report_at = now + tale.pause();
            let streams = lock(desk).board.figures(now);
            tale.report(&streams, &receiver.figures(), now);
        }
    }
    trouble
}

/// Where what arrives is sorted, on the receiver's thread: nothing here waits for anything.
struct Desk {
    board: Board,
    saver: Option<Saver>,
    news: SyncSender<Told>,
}

impl Desk {
    fn take(&mut self, now: MediaTime, event: ReceiverEvent) {
        let stream = event.connection;
        let (kind, timestamp, body) = match event.received {
            Received::Audio { timestamp, body } => (TagKind::Audio, timestamp, body),
            Received::Video { timestamp, body } => (TagKind::Video, timestamp, body),
            Received::Metadata(values) => {
                self.board.metadata(stream, &values);
                if let Some(saver) = &mut self.saver {
                    saver.metadata(stream, values);
                }
                return;
            }
            Received::Began { app, key } => {
                let begun = self.board.begin(now, stream, event.peer, &app, &key);
                tell(&self.news, begun);
                if let Some(saver) = &mut self.saver
                    && !saver.begin(stream, &app)
                {
                    tell(&self.news, Told::NotSaved);
                }
                return;
            }
            Received::Joined { app, key } => {
                let joined = self.board.join(stream, event.peer, &app, &key);
                tell(&self.news, joined);
                return;
            }
            Received::Ended { because } => {
                let ended = self.board.end(stream, event.peer, because);
                tell(&self.news, ended);
                if let Some(saver) = &mut self.saver {
                    saver.end(stream);
                }
                return;
            }
        };
        let tag = FlvTag {
            kind,
            timestamp,
            body,
        };
        self.board.tag(now, stream, &tag);
        if let Some(saver) = &mut self.saver {
            saver.write(stream, tag);
        }
    }
}

fn tell(news: &SyncSender<Told>, told: Told) {
    // Who floods us with connections shall not be told of without end.
    let _ = news.try_send(told);
}

fn lock(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cannot_listen(address: std::net::SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program uses this port; end it, or choose another port with --listen"
        }
        io::ErrorKind::PermissionDenied => "choose a port above 1023 with --listen",
        _ => "choose an address of this computer with --listen",
    };
    format!("cannot listen at {address} ({error}): {remedy}")
}

/// How often the loop looks at the clock and at Ctrl-C.
const TICK: Duration = Duration::from_millis(50);
/// News waiting to be told.
const MOST_NEWS: usize = 1024;
/// How long the disk may take for the last of the recordings.
const DISK_PATIENCE: Duration = Duration::from_secs(3);

//! A Linux desktop's sound server: PulseAudio, or PipeWire in its place.
//!
//! Each use has a connection of its own, closed when it is over, and waits for no answer longer than
//! [`ANSWER`]: a server that hangs is as good as none.

use std::{
    ffi::{CStr, CString},
    fs, io,
    net::Shutdown,
    os::{fd::OwnedFd, unix::net::UnixStream},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant, SystemTime},
};

use pulseaudio::{
    Client, ClientError, RecordStream,
    protocol::{
        ChannelMap, ChannelPosition, Prop, Props, PulseError, RecordLatency, RecordStreamParams,
        SampleFormat, SampleSpec,
        stream::{BufferAttr, StreamFlags},
    },
};
use rtrb::Producer;
use socket2::{Domain, SockAddr, Socket, Type};

use super::{
    device::{ConnectedMicrophone, Device, ErrorSink, OpenMicrophone},
    tap::{self, Intake, Mark, Progress},
};
use crate::{
    capture::source::{CaptureError, DeviceId, DeviceKind},
    media::clock::Clock,
    units::MediaTime,
};

/// The server's microphones and monitors, by the names it has for people.
pub(super) fn connected() -> Result<Vec<ConnectedMicrophone>, ClientError> {
    let server = Server::connect()?;
    let default = wait_for(server.client.server_info())?.default_source_name;
    let sources = wait_for(server.client.list_sources())?;
    let microphones = sources.into_iter().map(|source| {
        let name = source.description.as_ref().unwrap_or(&source.name);
        ConnectedMicrophone {
            id: DeviceId(format!("pulseaudio:{}", source.name.to_string_lossy())),
            name: name.to_string_lossy().trim().to_owned(),
            is_default: default.as_ref() == Some(&source.name),
            device: Box::new(Source { name: source.name }),
        }
    });
    Ok(microphones.collect())
}

/// What the server calls a microphone or a monitor, by its name there.
struct Source {
    name: CString,
}

impl Device for Source {
    fn open(
        &self,
        name: &str,
        clock: Clock,
        on_error: ErrorSink,
    ) -> Result<(OpenMicrophone, Intake), CaptureError> {
        let classified = |error: ClientError| classify(name, &error);
        let server = Server::connect().map_err(classified)?;
        let (mut tap, marks, intake) = tap::rings(RATE);
        let progress = tap.progress();
        let take = move |bytes: &[u8]| tap.write(frames_of(bytes));
        let stream = wait_for(
            server
                .client
                .create_record_stream(record_params(&self.name), take),
        )
        .map_err(classified)?;
        let stopped = Arc::new(AtomicBool::new(false));
        let timekeeper = Timekeeper {
            name: name.to_owned(),
            stream,
            clock,
            progress: Arc::clone(&progress),
            marks,
            stopped: Arc::clone(&stopped),
        };
        thread::Builder::new()
            .name("microphone times".to_owned())
            .spawn(move || timekeeper.run(&on_error))
            .map_err(|error| classified(error.into()))?;
        let open = OpenMicrophone {
            _stream: Box::new(Recording {
                stopped,
                _server: server,
            }),
            progress,
            format: "48 kHz, stereo".to_owned(),
        };
        Ok((open, intake))
    }
}

/// A connection to the server.
struct Server {
    client: Client,
    socket: UnixStream,
}

impl Server {
    fn connect() -> Result<Self, ClientError> {
        let path = pulseaudio::socket_path_from_env().ok_or(ClientError::ServerUnavailable)?;
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| fs::read(path).ok());
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // These hold for connecting and for the first words; after that the socket no longer blocks.
        socket.set_write_timeout(Some(ANSWER))?;
        socket.set_read_timeout(Some(ANSWER))?;
        socket.connect(&SockAddr::unix(path)?)?;
        let socket = UnixStream::from(OwnedFd::from(socket));
        let client = Client::new_unix(PROGRAM, socket.try_clone()?, cookie)?;
        Ok(Self { client, socket })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A client that is only dropped keeps its thread and its connection, of which a server allows few.
        let _ = self.socket.shutdown(Shutdown::Both);
    }
}

/// An open source, until this is dropped.
struct Recording {
    stopped: Arc<AtomicBool>,
    _server: Server,
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
    }
}

/// Asks the server again and again which frame was captured when.
struct Timekeeper {
    name: String,
    stream: RecordStream,
    clock: Clock,
    progress: Arc<Progress>,
    marks: Producer<Mark>,
    stopped: Arc<AtomicBool>,
}

impl Timekeeper {
    fn run(mut self, on_error: &ErrorSink) {
        if let Err(error) = self.keep()
            && !self.is_stopped()
        {
            on_error(classify(&self.name, &error));
        }
    }

    /// Keeps the times until it is stopped.
    fn keep(&mut self) -> Result<(), ClientError> {
        let mut last_offset = 0;
        while !self.is_stopped() {
            let frames_before = self.progress.frames();
            let asked = Instant::now();
            let timing = wait_for(self.stream.timing_info())?;
            let answered = self.clock.now();
            let took = asked.elapsed();
            // The server is on this machine, so its clock is ours, unless that was set meanwhile.
            let on_its_way = SystemTime::now()
                .duration_since(timing.remote_time)
                .ok()
                .filter(|age| *age <= took)
                .unwrap_or(took / 2);
            // While nothing is captured the last frame's time stands still, and the server does not know it.
            if timing.playing && timing.write_offset != last_offset {
                last_offset = timing.write_offset;
                let frames = (frames_before, self.progress.frames());
                // Without room for this time the others tell enough.
                let _ = self
                    .marks
                    .push(mark(&timing, answered - on_its_way, frames));
            }
            thread::sleep(ASK_AGAIN);
        }
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// What the server said at `told` of a stream of which the ring had at least `frames.0` frames by then, at most
/// `frames.1`.
///
/// Its offsets count bytes since the stream began: what it captured, and what it has sent. The latter is where
/// our ring is, unless sound was lost on the way; then the ring's own count holds.
fn mark(timing: &RecordLatency, told: MediaTime, frames: (u64, u64)) -> Mark {
    let frames_in = |bytes: i64| u64::try_from(bytes).unwrap_or(0) / FRAME_BYTES as u64;
    let sent = frames_in(timing.read_offset).clamp(frames.0, frames.1.max(frames.0));
    let waiting = frames_in(timing.write_offset.saturating_sub(timing.read_offset));
    let age = Duration::from_micros(timing.source_usec).min(OLDEST);
    Mark {
        frame: sent + waiting,
        captured_at: told - age,
    }
}

/// Little-endian stereo, as asked for in [`record_params`].
fn frames_of(bytes: &[u8]) -> impl ExactSizeIterator<Item = [f32; 2]> {
    let (frames, _) = bytes.as_chunks::<FRAME_BYTES>();
    frames.iter().map(|&[l0, l1, l2, l3, r0, r1, r2, r3]| {
        [
            f32::from_le_bytes([l0, l1, l2, l3]),
            f32::from_le_bytes([r0, r1, r2, r3]),
        ]
    })
}

/// 48 kHz stereo, whatever the source has: the server converts.
fn record_params(source: &CStr) -> RecordStreamParams {
    let mut props = Props::new();
    props.set(Prop::MediaName, c"Microphone");
    RecordStreamParams {
        sample_spec: SampleSpec {
            format: SampleFormat::Float32Le,
            channels: 2,
            sample_rate: RATE,
        },
        channel_map: ChannelMap::new([ChannelPosition::FrontLeft, ChannelPosition::FrontRight]),
        source_name: Some(source.to_owned()),
        buffer_attr: BufferAttr {
            // The server keeps what we are slow to take; with little room it would drop sound.
            max_length: u32::MAX,
            fragment_size: FRAGMENT_BYTES,
            ..BufferAttr::default()
        },
        flags: StreamFlags {
            // Without it a source may deliver in blocks of two seconds.
            adjust_latency: true,
            // An unplugged microphone is lost, not replaced by another one nobody chose.
            no_move: true,
            ..StreamFlags::default()
        },
        props,
        ..RecordStreamParams::default()
    }
}

fn classify(name: &str, error: &ClientError) -> CaptureError {
    use PulseError::{AccessDenied, AuthKey, Busy, Killed, NoEntity};
    let kind = DeviceKind::Microphone;
    let name = name.to_owned();
    match error {
        ClientError::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
            ) =>
        {
            CaptureError::Stalled { kind, name }
        }
        ClientError::Io(_)
        | ClientError::Disconnected
        | ClientError::ServerUnavailable
        | ClientError::ServerError(NoEntity | Killed) => CaptureError::Unplugged { kind, name },
        ClientError::ServerError(Busy) => CaptureError::Busy { kind, name },
        ClientError::ServerError(AccessDenied | AuthKey) => CaptureError::Forbidden {
            kind,
            name,
            remedy: "allow it in the system's privacy settings".to_owned(),
        },
        other => CaptureError::Failed {
            kind,
            name,
            message: other.to_string(),
        },
    }
}

/// The answer to a question, if it comes within [`ANSWER`].
fn wait_for<T>(answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, ClientError> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut answer = pin!(answer);
    let deadline = Instant::now() + ANSWER;
    loop {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return answer;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
        thread::park_timeout(left);
    }
}

/// What the server calls us in its own mixers.
const PROGRAM: &CStr = c"Skywave";
/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(2);
/// From one question for the time to the next.
const ASK_AGAIN: Duration = Duration::from_millis(20);
const RATE: u32 = 48_000;
/// 20 ms of stereo floats, of which a server takes half to capture and half to pass on.
const FRAGMENT_BYTES: u32 = 960 * 8;
/// Two 32-bit floats.
const FRAME_BYTES: usize = 8;
/// A source that calls its sound older than this counts time in its own way.
const OLDEST: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(write_offset: i64, read_offset: i64, source_usec: u64) -> RecordLatency {
        RecordLatency {
            sink_usec: 0,
            source_usec,
            playing: true,
            local_time: SystemTime::UNIX_EPOCH,
            remote_time: SystemTime::UNIX_EPOCH,
            write_offset,
            read_offset,
        }
    }

    #[test]
    fn the_time_told_is_that_of_the_frame_captured_last() {
        let told = MediaTime::from_millis(1_000);
        let at = |timing, frames| {
            let mark = mark(&timing, told, frames);
            (mark.frame, mark.captured_at.as_millis())
        };
        assert_eq!(at(timing(9_600, 7_680, 15_000), (800, 960)), (1_200, 985));
        assert_eq!(at(timing(0, 0, 0), (0, 0)), (0, 1_000));
        // The ring had no room for a while: it is behind the server's count, and its own count holds.
        assert_eq!(at(timing(96_000, 92_160, 0), (960, 1_920)), (2_400, 1_000));
        // Numbers that no sane server tells.
        assert_eq!(at(timing(-8, 16, u64::MAX), (5, 5)), (5, 500));
        assert_eq!(at(timing(i64::MIN, i64::MAX, 0), (5, 4)), (5, 1_000));
    }

    #[test]
    fn bytes_become_frames_and_a_broken_frame_at_the_end_is_left() {
        let mut bytes: Vec<u8> = [0.25_f32, -0.5, 1.0, 0.0]
            .iter()
            .flat_map(|sample| sample.to_le_bytes())
            .collect();
        bytes.extend([1, 2, 3]);
        let frames: Vec<_> = frames_of(&bytes).collect();
        assert_eq!(frames, [[0.25, -0.5], [1.0, 0.0]]);
    }

    #[test]
    fn an_answer_that_never_comes_is_not_waited_for_for_ever() {
        let error = wait_for(std::future::pending::<Result<(), _>>()).expect_err("no answer");
        let stalled = CaptureError::Stalled {
            kind: DeviceKind::Microphone,
            name: "Desk".to_owned(),
        };
        assert_eq!(classify("Desk", &error), stalled);
    }

    #[test]
    fn a_server_that_is_gone_is_an_unplugged_microphone() {
        for error in [
            ClientError::Disconnected,
            ClientError::ServerUnavailable,
            ClientError::Io(io::ErrorKind::BrokenPipe.into()),
            ClientError::ServerError(PulseError::NoEntity),
        ] {
            let loss = classify("Desk", &error);
            assert!(matches!(loss, CaptureError::Unplugged { .. }), "{error}");
        }
    }
}

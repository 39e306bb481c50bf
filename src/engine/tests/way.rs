//! Ways to a server that fail in one way each.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use socket2::{Domain, SockRef, Socket, Type};

/// Takes connections, and neither reads nor says anything.
pub(super) fn deaf() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port at which nobody listens.
pub(super) fn closed_port() -> SocketAddr {
    deaf().1
}

/// Answers no attempt to connect: its queue of connections is full.
pub(super) struct Unanswering {
    pub(super) address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl Unanswering {
    pub(super) fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut queued = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            queued.push(stream);
            assert!(queued.len() < 50, "the queue never fills");
        }
        Self {
            address,
            _listener: listener,
            _queued: queued,
        }
    }
}

/// Answers each connection with `words`, once something came.
pub(super) fn saying(words: &'static str) -> SocketAddr {
    let (listener, address) = deaf();
    on_thread(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 2048]);
            let _ = stream.write_all(words.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    address
}

/// Stands between us and a server.
pub(super) struct Relay {
    pub(super) address: SocketAddr,
    black_hole: Arc<AtomicBool>,
    is_narrow: Arc<AtomicBool>,
    /// Kept open, whatever becomes of the threads that copy.
    _streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Relay {
    /// Copies in both directions, but from the server nothing from the piece on that contains `last_words`.
    pub(super) fn to(server: SocketAddr, last_words: &'static str) -> Self {
        let (listener, address) = deaf();
        // Connections inherit it: what a narrow way holds back shall soon be felt.
        SockRef::from(&listener)
            .set_recv_buffer_size(16 * 1024)
            .unwrap();
        let black_hole = Arc::new(AtomicBool::new(false));
        let is_narrow = Arc::new(AtomicBool::new(false));
        let streams = Arc::new(Mutex::new(Vec::new()));
        let relay = Self {
            address,
            black_hole: Arc::clone(&black_hole),
            is_narrow: Arc::clone(&is_narrow),
            _streams: Arc::clone(&streams),
        };
        on_thread(move || {
            for ours in listener.incoming() {
                let ours = ours.unwrap();
                let theirs = TcpStream::connect(server).unwrap();
                let mut kept = streams.lock().unwrap();
                kept.extend([ours.try_clone().unwrap(), theirs.try_clone().unwrap()]);
                drop(kept);
                let (back, forth) = (ours.try_clone().unwrap(), theirs.try_clone().unwrap());
                let (hole, narrow) = (Arc::clone(&black_hole), Arc::clone(&is_narrow));
                on_thread(move || {
                    copy(ours, forth, |piece| {
                        if narrow.load(Ordering::Relaxed) {
                            let bytes = u32::try_from(piece.len()).unwrap();
                            thread::sleep(Duration::from_secs(1) / NARROW_BYTES_PER_SECOND * bytes);
                        }
                        hole.load(Ordering::Relaxed)
                    });
                });
                on_thread(move || copy(theirs, back, |piece| contains(piece, last_words)));
            }
        });
        relay
    }

    /// From now on [`NARROW_BYTES_PER_SECOND`] are read of what comes from us, or as many as there are.
    pub(super) fn set_narrow(&self, is_narrow: bool) {
        self.is_narrow.store(is_narrow, Ordering::Relaxed);
    }

    /// From now on nothing is read any more of what comes from us.
    pub(super) fn swallow(&self) {
        self.black_hole.store(true, Ordering::Relaxed);
    }
}

fn on_thread(work: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().name("stand-in".into());
    thread.spawn(work).unwrap();
}

fn copy(mut from: TcpStream, mut to: TcpStream, ends_at: impl Fn(&[u8]) -> bool) {
    let mut piece = [0; 2048];
    loop {
        match from.read(&mut piece) {
            Ok(0) | Err(_) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(count) => {
                if ends_at(&piece[..count]) || to.write_all(&piece[..count]).is_err() {
                    return;
                }
            }
        }
    }
}

fn contains(piece: &[u8], words: &str) -> bool {
    !words.is_empty()
        && piece
            .windows(words.len())
            .any(|part| part == words.as_bytes())
}

/// 100 kb/s, sound included.
const NARROW_BYTES_PER_SECOND: u32 = 12_500;

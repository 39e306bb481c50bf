//! The handshake before the first chunk: both sides exchange a version and two blocks of 1,536 bytes
//! (section 5.2). This is the simple form, which every known server takes from publishers.

use thiserror::Error;

/// The publisher's side.
#[derive(Debug)]
pub struct ClientHandshake {
    received: Vec<u8>,
    answered: bool,
}

impl ClientHandshake {
    /// Begins: appends C0 and C1 to `out`. `seed` varies the block's random bytes; they carry no secret.
    pub fn new(seed: u64, out: &mut Vec<u8>) -> Self {
        write_hello(seed, out);
        Self {
            received: Vec::with_capacity(HELLO_BYTES + BLOCK_BYTES),
            answered: false,
        }
    }

    /// Takes bytes from the server, appends what is to be sent to `out`, and says how many bytes belonged to
    /// the handshake: fewer than given once it is complete, the rest are chunks.
    ///
    /// # Errors
    /// When the other side does not speak RTMP.
    pub fn receive(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, HandshakeError> {
        let taken = take(&mut self.received, input)?;
        if !self.answered && self.received.len() >= HELLO_BYTES {
            // C2 is S1, unchanged.
            out.extend(&self.received[1..HELLO_BYTES]);
            self.answered = true;
        }
        Ok(taken)
    }

    /// Whether all of S0, S1 and S2 has arrived. S2 is not compared with C1: some servers send their own.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.received.len() == HELLO_BYTES + BLOCK_BYTES
    }
}

/// The server's side.
#[derive(Debug)]
pub struct ServerHandshake {
    received: Vec<u8>,
    answered: bool,
    seed: u64,
}

impl ServerHandshake {
    /// Waits for C0 and C1. `seed` varies the block's random bytes; they carry no secret.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            received: Vec::with_capacity(HELLO_BYTES + BLOCK_BYTES),
            answered: false,
            seed,
        }
    }

    /// Takes bytes from the client, appends what is to be sent to `out`, and says how many bytes belonged to
    /// the handshake: fewer than given once it is complete, the rest are chunks.
    ///
    /// # Errors
    /// When the other side does not speak RTMP.
    pub fn receive(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, HandshakeError> {
        let taken = take(&mut self.received, input)?;
        if !self.answered && self.received.len() >= HELLO_BYTES {
            write_hello(self.seed, out);
            // S2 is C1, unchanged.
            out.extend(&self.received[1..HELLO_BYTES]);
            self.answered = true;
        }
        Ok(taken)
    }

    /// Whether all of C0, C1 and C2 has arrived.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.received.len() == HELLO_BYTES + BLOCK_BYTES
    }
}

/// Why there is no handshake.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HandshakeError {
    /// The first bytes are of another protocol.
    #[error("the other side does not speak RTMP but {spoken}")]
    NotRtmp {
        /// Which one they look like.
        spoken: Spoken,
        /// The first printable text of them, for the log; may be empty.
        excerpt: String,
    },
}

/// What the first bytes of something that is not RTMP look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// A web server's answer, or a browser's request.
    Http,
    /// TLS: this is an `rtmps://` port, or somebody took ours for one.
    Tls,
    /// A secure shell.
    Ssh,
    /// Anything else.
    Unknown,
}

impl std::fmt::Display for Spoken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP (it is a web server)",
            Self::Tls => "TLS (it wants rtmps://)",
            Self::Ssh => "SSH",
            Self::Unknown => "something else",
        })
    }
}

/// The version of plain RTMP.
const VERSION: u8 = 3;

/// Versions up to here are reserved for RTMP; the printable characters above tell text protocols apart (5.2.2).
const MAX_VERSION: u8 = 31;

/// C1, C2, S1 and S2 each.
const BLOCK_BYTES: usize = 1536;

/// C0 and C1, or S0 and S1.
const HELLO_BYTES: usize = 1 + BLOCK_BYTES;

/// How much of a foreign protocol is kept for the log.
const EXCERPT_BYTES: usize = 64;

/// Takes what the handshake still lacks from `input`.
fn take(received: &mut Vec<u8>, input: &[u8]) -> Result<usize, HandshakeError> {
    if received.is_empty()
        && let Some(&version) = input.first()
        && let Some(spoken) = foreign_protocol(version)
    {
        let excerpt = input.iter().take(EXCERPT_BYTES);
        let excerpt = excerpt.take_while(|byte| matches!(byte, b' '..=b'~'));
        return Err(HandshakeError::NotRtmp {
            spoken,
            excerpt: excerpt.map(|&byte| char::from(byte)).collect(),
        });
    }
    let missing = HELLO_BYTES + BLOCK_BYTES - received.len();
    let taken = missing.min(input.len());
    received.extend(&input[..taken]);
    Ok(taken)
}

/// What a first byte that is no RTMP version stands for. Versions beside 3 are let pass, as other publishers
/// do, but for the two that begin a TLS record.
fn foreign_protocol(first: u8) -> Option<Spoken> {
    match first {
        0x15 | 0x16 => Some(Spoken::Tls), // alert, handshake
        0..=MAX_VERSION => None,
        b'S' => Some(Spoken::Ssh),
        // "HTTP/1.1 400", "<html>", and what browsers ask: GET, POST, HEAD, OPTIONS, CONNECT, PUT
        b'H' | b'<' | b'G' | b'P' | b'O' | b'C' => Some(Spoken::Http),
        _ => Some(Spoken::Unknown),
    }
}

/// Version, then time 0, zero (no digest), and 1,528 bytes that look random.
fn write_hello(seed: u64, out: &mut Vec<u8>) {
    out.push(VERSION);
    out.extend([0; 8]);
    let mut state = seed;
    for _ in 0..(BLOCK_BYTES - 8) / 8 {
        // SplitMix64
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        out.extend((mixed ^ (mixed >> 31)).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_and_server_agree_whatever_the_pieces() {
        for piece in [1, 7, 1535, 1536, 1537, 4000] {
            let mut to_server = Vec::new();
            let mut to_client = Vec::new();
            let mut client = ClientHandshake::new(1, &mut to_server);
            let mut server = ServerHandshake::new(2);
            assert_eq!(to_server.len(), 1537);
            assert_eq!(to_server[..9], [3, 0, 0, 0, 0, 0, 0, 0, 0]);

            for part in to_server.split_off(0).chunks(piece) {
                server.receive(part, &mut to_client).unwrap();
            }
            assert_eq!(to_client.len(), 3073);
            assert!(!server.is_complete());
            for part in to_client.chunks(piece) {
                client.receive(part, &mut to_server).unwrap();
            }
            assert!(client.is_complete());
            assert_eq!(to_server, to_client[1..1537], "C2 is S1");

            for part in to_server.chunks(piece) {
                server.receive(part, &mut Vec::new()).unwrap();
            }
            assert!(server.is_complete());
        }
    }

    #[test]
    fn bytes_behind_the_handshake_are_left_to_the_chunks() {
        let mut out = Vec::new();
        let mut client = ClientHandshake::new(1, &mut out);
        let mut input = vec![3; 3073];
        input.extend([2, 0, 0]);
        assert_eq!(client.receive(&input, &mut out), Ok(3073));
        assert!(client.is_complete());
        assert_eq!(client.receive(&input[3073..], &mut out), Ok(0));
    }

    #[test]
    fn the_client_sends_nothing_but_its_answer_before_the_end() {
        let mut out = Vec::new();
        let mut client = ClientHandshake::new(1, &mut out);
        out.clear();
        client.receive(&[3; 1536], &mut out).unwrap();
        assert!(out.is_empty());
        client.receive(&[3; 1], &mut out).unwrap();
        assert_eq!(out.len(), 1536);
        assert!(!client.is_complete());
    }

    #[test]
    fn other_protocols_are_recognised_by_their_first_bytes() {
        for (input, spoken, excerpt) in [
            (
                &b"HTTP/1.1 400 Bad Request\r\n"[..],
                Spoken::Http,
                "HTTP/1.1 400 Bad Request",
            ),
            (b"GET / HTTP/1.1\r\n", Spoken::Http, "GET / HTTP/1.1"),
            (b"\x15\x03\x01\x00\x02\x02\x46", Spoken::Tls, ""),
            (
                b"SSH-2.0-OpenSSH_9.2\r\n",
                Spoken::Ssh,
                "SSH-2.0-OpenSSH_9.2",
            ),
            (b"\xFF\xFB", Spoken::Unknown, ""),
        ] {
            let mut out = Vec::new();
            let mut client = ClientHandshake::new(1, &mut out);
            let expected = HandshakeError::NotRtmp {
                spoken,
                excerpt: excerpt.to_owned(),
            };
            assert_eq!(client.receive(input, &mut out), Err(expected.clone()));
            assert_eq!(
                ServerHandshake::new(1).receive(input, &mut out),
                Err(expected)
            );
        }
    }

    #[test]
    fn seeds_make_different_blocks() {
        let hello = |seed| {
            let mut out = Vec::new();
            ClientHandshake::new(seed, &mut out);
            out
        };
        assert_ne!(hello(1), hello(2));
        assert_eq!(hello(1), hello(1));
    }
}

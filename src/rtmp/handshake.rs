//! The handshake before the first chunk: both sides exchange a version and two blocks of 1,536 bytes
//! (section 5.2).
//!
//! There are two forms. In the simple one, which every known server takes from publishers, each side sends back
//! what it received. In the other, blocks bear digests ([`digest`]): what some old Adobe servers insist on.

mod digest;

use thiserror::Error;

use self::digest::{Block, Layout, Maker};
use super::options::HandshakeForm;

/// The publisher's side.
#[derive(Debug)]
pub struct ClientHandshake {
    form: HandshakeForm,
    noise: Noise,
    received: Vec<u8>,
    answered: bool,
}

impl ClientHandshake {
    /// Begins: appends C0 and C1 to `out`. `seed` varies the blocks' random bytes; they carry no secret.
    pub fn new(form: HandshakeForm, seed: u64, out: &mut Vec<u8>) -> Self {
        let mut noise = Noise(seed);
        let mut block = match form {
            HandshakeForm::Simple => noise.block(SIMPLE),
            HandshakeForm::Digest => noise.block(PLAYER_VERSION),
        };
        if form == HandshakeForm::Digest {
            digest::sign(&mut block, Maker::Client, Layout::DigestFirst);
        }
        out.push(VERSION);
        out.extend(block);
        Self {
            form,
            noise,
            received: Vec::with_capacity(HELLO_BYTES + BLOCK_BYTES),
            answered: false,
        }
    }

    /// Takes bytes from the server, appends what is to be sent to `out`, and says how many bytes belonged to
    /// the handshake: fewer than given once it is complete, the rest are chunks.
    ///
    /// A server that does not know digests gets the simple answer to its simple block.
    ///
    /// # Errors
    /// When the other side does not speak RTMP.
    pub fn receive(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, HandshakeError> {
        let taken = take(&mut self.received, input)?;
        if !self.answered
            && let Some(s1) = hello_block(&self.received)
        {
            let found = match self.form {
                HandshakeForm::Simple => None,
                HandshakeForm::Digest => digest::find(s1, Maker::Server),
            };
            match found {
                Some((_, server)) => {
                    let mut c2 = self.noise.block(PLAYER_VERSION);
                    digest::answer(&mut c2, Maker::Client, &server);
                    out.extend(c2);
                }
                // C2 is S1, unchanged.
                None => out.extend(s1),
            }
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

/// The server's side. It answers each client in the form that the client chose.
#[derive(Debug)]
pub struct ServerHandshake {
    noise: Noise,
    received: Vec<u8>,
    answered: bool,
}

impl ServerHandshake {
    /// Waits for C0 and C1. `seed` varies the blocks' random bytes; they carry no secret.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            noise: Noise(seed),
            received: Vec::with_capacity(HELLO_BYTES + BLOCK_BYTES),
            answered: false,
        }
    }

    /// Takes bytes from the client, appends what is to be sent to `out`, and says how many bytes belonged to
    /// the handshake: fewer than given once it is complete, the rest are chunks.
    ///
    /// # Errors
    /// When the other side does not speak RTMP.
    pub fn receive(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, HandshakeError> {
        let taken = take(&mut self.received, input)?;
        if !self.answered
            && let Some(c1) = hello_block(&self.received)
        {
            out.push(VERSION);
            if let Some((layout, client)) = digest::find(c1, Maker::Client) {
                let mut s1 = self.noise.block(SERVER_VERSION);
                digest::sign(&mut s1, Maker::Server, layout);
                let mut s2 = self.noise.block(SERVER_VERSION);
                digest::answer(&mut s2, Maker::Server, &client);
                out.extend(s1);
                out.extend(s2);
            } else {
                out.extend(self.noise.block(SIMPLE));
                // S2 is C1, unchanged.
                out.extend(c1);
            }
            self.answered = true;
        }
        Ok(taken)
    }

    /// Whether all of C0, C1 and C2 has arrived. C2 is not compared with S1: some clients send their own.
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

/// Instead of a version in C1 or S1: there is no digest.
const SIMPLE: [u8; 4] = [0; 4];

/// Flash Player 9.0.124.2: what other programs with this handshake say they are.
const PLAYER_VERSION: [u8; 4] = [9, 0, 124, 2];

/// Flash Media Server 3.0.1.123, as `fmsVer` tells it.
const SERVER_VERSION: [u8; 4] = [3, 0, 1, 123];

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

/// C1 or S1, once it is all there.
fn hello_block(received: &[u8]) -> Option<&Block> {
    received.get(1..)?.first_chunk()
}

/// Bytes that look random (`SplitMix64`).
#[derive(Debug)]
struct Noise(u64);

impl Noise {
    /// Time 0, `version`, and 1,528 such bytes.
    fn block(&mut self, version: [u8; 4]) -> Block {
        let mut block = [0; BLOCK_BYTES];
        block[4..8].copy_from_slice(&version);
        for bytes in block[8..].chunks_exact_mut(8) {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            bytes.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
        }
        block
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
            let mut client = ClientHandshake::new(HandshakeForm::Simple, 1, &mut to_server);
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

    /// The bytes of both sides until the handshake is complete: the client's, the server's.
    fn shaken(client: HandshakeForm, piece: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut from_client, mut from_server) = (Vec::new(), Vec::new());
        let mut client = ClientHandshake::new(client, 1, &mut from_client);
        let mut server = ServerHandshake::new(2);
        for part in from_client.clone().chunks(piece) {
            server.receive(part, &mut from_server).unwrap();
        }
        for part in from_server.chunks(piece) {
            client.receive(part, &mut from_client).unwrap();
        }
        for part in from_client[HELLO_BYTES..].chunks(piece) {
            server.receive(part, &mut from_server).unwrap();
        }
        assert!(client.is_complete() && server.is_complete());
        (from_client, from_server)
    }

    fn block_at(bytes: &[u8], at: usize) -> &Block {
        bytes[at..].first_chunk().unwrap()
    }

    #[test]
    fn with_digests_each_side_proves_to_have_read_the_others() {
        for piece in [1, 1536, 1537, 4000] {
            let (client, server) = shaken(HandshakeForm::Digest, piece);
            assert_eq!((client.len(), server.len()), (3073, 3073));
            assert_eq!(client[..9], [3, 0, 0, 0, 0, 9, 0, 124, 2]);

            let (layout, c1) = digest::find(block_at(&client, 1), Maker::Client).unwrap();
            assert_eq!(layout, Layout::DigestFirst);
            let (layout, s1) = digest::find(block_at(&server, 1), Maker::Server).unwrap();
            assert_eq!(layout, Layout::DigestFirst);
            for (sent, maker, peer) in [
                (block_at(&client, 1537), Maker::Client, s1),
                (block_at(&server, 1537), Maker::Server, c1),
            ] {
                let mut answered = *sent;
                answered[1504..].fill(0);
                digest::answer(&mut answered, maker, &peer);
                assert_eq!(*sent, answered);
            }
        }
    }

    #[test]
    fn a_digest_in_the_second_half_is_answered_in_the_second_half() {
        let mut hello = vec![VERSION];
        let mut c1 = Noise(5).block([12, 0, 13, 14]);
        digest::sign(&mut c1, Maker::Client, Layout::DigestSecond);
        hello.extend(c1);
        let mut out = Vec::new();
        ServerHandshake::new(2).receive(&hello, &mut out).unwrap();
        let (layout, s1) = digest::find(block_at(&out, 1), Maker::Server).unwrap();
        assert_eq!(layout, Layout::DigestSecond);

        // And the client finds a server's digest there.
        let mut answer = Vec::new();
        let mut client = ClientHandshake::new(HandshakeForm::Digest, 1, &mut Vec::new());
        client.receive(&out, &mut answer).unwrap();
        let mut expected = *block_at(&answer, 0);
        digest::answer(&mut expected, Maker::Client, &s1);
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_server_without_digests_gets_its_own_block_back() {
        for version in [SIMPLE, SERVER_VERSION] {
            let mut hello = vec![VERSION];
            hello.extend(Noise(9).block(version));
            let mut answer = Vec::new();
            let mut client = ClientHandshake::new(HandshakeForm::Digest, 1, &mut Vec::new());
            client.receive(&hello, &mut answer).unwrap();
            assert_eq!(answer, hello[1..]);
            client.receive(&[0; 1536], &mut answer).unwrap();
            assert!(client.is_complete());
        }
    }

    #[test]
    fn a_client_with_a_version_but_without_a_digest_is_answered_simply() {
        let mut hello = vec![VERSION];
        hello.extend(Noise(9).block(PLAYER_VERSION));
        let mut out = Vec::new();
        ServerHandshake::new(2).receive(&hello, &mut out).unwrap();
        assert_eq!(out[..9], [3, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(out[HELLO_BYTES..], hello[1..], "S2 is C1");
    }

    #[test]
    fn an_answer_that_is_none_of_the_own_block_is_let_pass() {
        for form in [HandshakeForm::Simple, HandshakeForm::Digest] {
            let mut client = ClientHandshake::new(form, 1, &mut Vec::new());
            let mut server = ServerHandshake::new(1);
            let mut input = vec![VERSION];
            input.extend(vec![0xAA; 2 * BLOCK_BYTES]);
            assert_eq!(client.receive(&input, &mut Vec::new()), Ok(3073));
            assert_eq!(server.receive(&input, &mut Vec::new()), Ok(3073));
            assert!(client.is_complete() && server.is_complete());
        }
    }

    #[test]
    fn bytes_behind_the_handshake_are_left_to_the_chunks() {
        let mut out = Vec::new();
        let mut client = ClientHandshake::new(HandshakeForm::Simple, 1, &mut out);
        let mut input = vec![3; 3073];
        input.extend([2, 0, 0]);
        assert_eq!(client.receive(&input, &mut out), Ok(3073));
        assert!(client.is_complete());
        assert_eq!(client.receive(&input[3073..], &mut out), Ok(0));
    }

    #[test]
    fn the_client_sends_nothing_but_its_answer_before_the_end() {
        let mut out = Vec::new();
        let mut client = ClientHandshake::new(HandshakeForm::Simple, 1, &mut out);
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
            let mut client = ClientHandshake::new(HandshakeForm::Simple, 1, &mut out);
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
            ClientHandshake::new(HandshakeForm::Simple, seed, &mut out);
            out
        };
        assert_ne!(hello(1), hello(2));
        assert_eq!(hello(1), hello(1));
    }
}

//! Why a text is not an address or a key, in words for the person who typed it. Nothing that could be a key or
//! a password is repeated.

use thiserror::Error;

use super::{MAX_KEY_BYTES, MAX_URL_BYTES};

/// Why a text is not a server's address.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    /// Nothing was given.
    #[error("the server address is empty; enter one such as rtmp://example.org/live")]
    Empty,
    /// It cannot be an address.
    #[error("the server address is longer than {MAX_URL_BYTES} characters; check what was pasted")]
    TooLong,
    /// It is one word such as platforms give out as keys.
    #[error(
        "the server address looks like a stream key; give that as the key, and here an address such as rtmp://example.org/live"
    )]
    BareKey,
    /// It names a host but not how to reach it.
    #[error("\"{host}/…\" does not say how to connect; write rtmp://{host}/… or rtmps://{host}/…")]
    NoScheme {
        /// What stands in the host's place.
        host: String,
    },
    /// `rtmp:/`, `rtmp//` and the like.
    #[error("the server address lacks the \"://\" behind rtmp or rtmps; write rtmp://…")]
    MistypedScheme,
    /// Nothing in it can be recognised.
    #[error(
        "the server address does not begin with rtmp:// or rtmps://; copy it again from your platform"
    )]
    NotAnAddress,
    /// RTMP within web requests, for networks that let nothing else pass.
    #[error(
        "{scheme}:// hides RTMP in web requests, which is not supported; the same server usually takes rtmp:// or rtmps://"
    )]
    Tunnelled {
        /// `rtmpt` or `rtmpts`.
        scheme: String,
    },
    /// Encryption of Flash Player's own.
    #[error(
        "{scheme}:// is an old encryption that no longer protects anything and is not supported; use rtmps://, or rtmp:// without encryption"
    )]
    OldEncryption {
        /// `rtmpe` or `rtmpte`.
        scheme: String,
    },
    /// A web page's address, or WHIP's.
    #[error(
        "{scheme}:// is the address of a web page or of WHIP; copy the one that begins with rtmp:// or rtmps://"
    )]
    WebPage {
        /// `http` or `https`.
        scheme: String,
    },
    /// Another streaming protocol.
    #[error(
        "{scheme}:// is another streaming protocol; use an address that begins with rtmp:// or rtmps://"
    )]
    OtherProtocol {
        /// `srt`, `rtsp`, ...
        scheme: String,
    },
    /// A scheme nobody knows.
    #[error("{scheme}:// is not known; write rtmp:// or rtmps://")]
    UnknownScheme {
        /// Letters and digits as they were typed.
        scheme: String,
    },
    /// There is nothing between `://` and the path.
    #[error("the server address names no server; write one such as rtmp://example.org/live")]
    NoHost,
    /// The host has characters that no name has, or numbers that are no IPv4 address.
    #[error("\"{host}\" is not a server's name or address; check it for spaces and typing errors")]
    InvalidHost {
        /// What stands in the host's place.
        host: String,
    },
    /// An IPv6 address without brackets, or a false one in brackets.
    #[error("the IPv6 address is not written as [::1]; check it and its brackets")]
    InvalidIpv6,
    /// The port is not a number, or out of range.
    #[error("the port of {host} is not a number from 1 to 65535; correct it, or leave it out")]
    InvalidPort {
        /// The host before it.
        host: String,
    },
    /// What looks like a wrong port is half a password.
    #[error(
        "the password in the server address has a /, ? or # in it; write %2F, %3F or %23 for it there"
    )]
    SlashInPassword,
    /// There is a line break or the like in it.
    #[error("the server address has a line break or another hidden character in it; copy it again")]
    ControlCharacter,
}

/// Why a text is not a stream key. The words follow "the stream key".
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// There is a line break or the like in it.
    #[error("has a line break or another hidden character in it; copy it again")]
    ControlCharacter,
    /// It is far too long.
    #[error("is longer than {MAX_KEY_BYTES} characters; check what was pasted")]
    TooLong,
    /// It is a server's address, perhaps with the key in it.
    #[error("is a whole address; put that into the server's place, and here only what follows it")]
    Address,
}

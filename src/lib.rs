//! Skywave: pick camera and microphone, paste an RTMP address, press **Go Live**.
//!
//! The library is the whole program; `main.rs` only reads arguments. The modules below stand in reading
//! order, and each may use only those that ARCHITECTURE.md lets it use (`tests/architecture.rs` checks):
//! arrows point up this list, never down.
//!
//! What is deliberately absent:
//! - [`units`], [`amf0`], [`flv`], [`rtmp`] and [`control`] know no clock, socket, thread or window. Time
//!   is an argument.
//! - No panel of the window holds the engine: panels emit commands, plain view state comes back.
//! - Only [`settings`] is written to disk as configuration, and it never holds a stream key.
//! - No unbounded channel, anywhere.
//! - No lock, allocation or log line in an audio callback.
//! - `unsafe` only in the encoders' foreign calls, in reading the kernel's TCP figures and in the
//!   preview's OpenGL calls.

pub mod units;

pub mod secret;

pub mod media;

pub mod amf0;

pub mod flv;

pub mod rtmp;

pub mod control;

pub mod capture;

pub mod encode;

pub mod net;

pub mod record;

pub mod engine;

pub mod check;

pub mod report;

pub mod settings;

pub mod ui;

pub mod cli;

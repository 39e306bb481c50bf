//! The program as a person or a script uses it, against real peers: nginx with its RTMP module, `ffmpeg`,
//! PulseAudio, an X server. Run one part with `cargo test --test end_to_end live`.
//!
//! | file | what it is about |
//! |---|---|
//! | `live` | what a server records is what was asked for, picture and sound in step |
//! | `microphone` | what is played is what arrives |
//! | `recording` | nothing recorded is lost |
//! | `faults` | whatever breaks is named in time, with the part of the way that it belongs to |
//! | `reconnect` | a server that goes away and comes back |
//! | `report` | what the report of a stream says, and that it adds up |
//! | `refusals` | bad input: one line that says what to do, and an exit status |
//! | `secrets` | the stream key appears nowhere |
//! | `interop_players` | players see what our receiver holds, from a key frame on, to its end |
//! | `interop_publishers` | our receiver takes other people's streams, whole and in time |
//! | `interop_servers` | other people's servers get what was sent, whole and in time |
//! | `window` | Go Live, pressed in a real window |
//! | `measuring` | that what the tests measure with measures right |
//! | `support` | starting and stopping the program and its peers; measuring what they recorded |
//!
//! A peer that is not installed fails the test that needs it, with the remedy. The tests take turns: they
//! stream in real time, and two at once would measure each other.

#![cfg(target_os = "linux")]

mod faults;
mod interop_players;
mod interop_publishers;
mod interop_servers;
mod live;
mod measuring;
mod microphone;
mod reconnect;
mod recording;
mod refusals;
mod report;
mod secrets;
mod support;
mod window;

//! The pipeline: sources to encoders to outputs.
//!
//! ```text
//! camera thread --newest frame--+                              +--> publisher (own queue, session, retry)
//! test picture  --rendered------+--> program --> video encoder-+--> publisher of a further destination ...
//!                                    |   ticks at the output   +--> recorder (own queue)
//!                                    |   frame rate
//!                                    +--> preview
//! mic callback --ring--> audio (align, gain, meter, AAC) ------+ (the same fan-out, in order of time)
//! ```
//!
//! Every arrow has a kind, a capacity and a rule for when it is full:
//!
//! | arrow | kind | capacity | when full |
//! |---|---|---|---|
//! | camera to program | one place ([`crate::capture::camera`]) | 1 picture | the newest replaces the one before |
//! | microphone to audio | ring ([`crate::capture::microphone`]) | about a second | the oldest sound is lost, and told |
//! | program to video encoder | bounded channel | half a second of pictures | the picture is skipped, and counted |
//! | program to preview | one place ([`preview`]) | 1 picture | the newest replaces the one before |
//! | encoders to outputs | a call ([`outputs`]) | a second in the interleaver | goes on without the late track |
//! | to a publisher | its queue ([`crate::net::publisher`]) | by media duration | pictures to the next key frame, and told |
//! | to the recorder | its queue ([`crate::record`]) | by bytes | packets to the next key frame, and told |
//! | anyone to the director | bounded channel | 1024 | reports are dropped and logged; it never happens |
//! | director to listener | [`event_queue`] | 1024 | the newest figures replace older ones, then the oldest go |
//!
//! Every thread of the program, by the name that the system shows. *Idle* is with the preview hidden; times are how
//! often a thread wakes in a second, at 30 fps (`cargo bench --bench memory` counts them).
//!
//! | thread | idle | shown | live | what it waits for |
//! |---|---|---|---|---|
//! | `skywave` | | | | the window's events, or the command line's |
//! | `director` | 30 | 30 | 30 | commands and reports (the levels' among them), a look four times a second |
//! | `program` | 0, with a camera 4 | 30 | 30 | the next frame, orders |
//! | `audio` | 19 | 19 | 94 | the next 10.7 ms of sound; for the meter alone, 53 ms |
//! | `camera`, `camera-reader-N` | 30 | 30 | 30 | one of each while a camera is chosen: the watch over it, its pictures (idle, one a second is converted) |
//! | `microphone`, and the sound system's own | | | | while a microphone is chosen |
//! | `priority`, `async-io`, `blocking-N` | | | | on Linux, where `RealtimeKit` is asked ([`priority`]): once, its answer |
//! | `video encoder` | – | – | 30 | pictures; with several slices, the codec's threads bear the name of who opened it |
//! | `publisher` | – | – | 90 | one per destination: packets, the server's answers, a look ten times a second |
//! | `recorder` | – | – | 100 | while recording: packets |
//! | `network watch` | – | – | 1 | from the first stream on: changes of the network, a look each second |
//!
//! | file | what it is about |
//! |---|---|
//! | [`command`] | what may be asked of a running engine |
//! | [`event`] | what it tells: one stream for the window, the command line, the log |
//! | [`handle`] | the engine as its users hold it |
//! | [`director`] | the one thread that knows what is going on |
//! | [`inbox`] | what reaches it |
//! | [`sources`] | picture and sound as the director sees them |
//! | [`program`] | the one picture that is sent, at a constant rate |
//! | [`phase`] | when the program looks at the camera |
//! | [`encoders`] | one run of the encoders, as the director sees them |
//! | [`video`] | the video encoder's thread |
//! | [`audio`] | the audio thread |
//! | [`priority`] | what the audio thread asks of the system |
//! | [`interleave`] | both tracks in one order |
//! | [`outputs`] | the fan-out |
//! | [`broadcast`] | all destinations of one program |
//! | [`publishing`] | a destination as the director sees it |
//! | [`orders`] | what the video encoder is told to make |
//! | [`oversight`] | whether it does |
//! | [`recording`] | a recording as the director sees it |
//! | [`statistics`], [`counters`] | figures |
//! | [`preview`], [`event_queue`] | the ways to the listener |
//! | [`parts`] | how cameras, encoders and recorders are opened |

pub mod audio;
pub mod broadcast;
pub mod command;
pub mod counters;
pub mod director;
pub mod encoders;
pub mod event;
pub mod event_queue;
pub mod handle;
pub mod inbox;
pub mod interleave;
pub mod orders;
pub mod outputs;
pub mod oversight;
pub mod parts;
pub mod phase;
pub mod preview;
pub mod priority;
pub mod program;
pub mod publishing;
pub mod recording;
pub mod sources;
pub mod statistics;
pub mod video;

#[cfg(test)]
mod tests;

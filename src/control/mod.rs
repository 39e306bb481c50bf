//! Decisions as pure functions of what is observed, each with its reason.
//!
//! Time is an argument, randomness too: every decision can be tested on a virtual clock.
//!
//! | file | what it is about |
//! |---|---|
//! | [`attempts`] | when attempts to connect start and end, and which of several goes first |
//! | [`backlog`] | what is dropped when the uplink carries less than is produced |
//! | [`bitrate`] | how much picture a connection carries |
//! | [`effort`] | how thoroughly to encode, by the time that encoding takes |
//! | [`failover`] | which of two servers a stream goes to |
//! | [`moves`] | how often a live stream may move to another server |
//! | [`obedience`] | whether the encoder does what it is told |
//! | [`rate`] | how fast a count grows |
//! | [`reconnect`] | how long a server's answer is waited out, and when to give up |
//! | [`wake`] | whether the computer slept |
//! | [`watchdog`] | whether the link is dead |

pub mod attempts;
pub mod backlog;
pub mod bitrate;
pub mod effort;
pub mod failover;
pub mod moves;
pub mod obedience;
pub mod rate;
pub mod reconnect;
pub mod wake;
pub mod watchdog;

//! The parts of the window. Each is a function from the desk to actions: it reads, paints, and says what a
//! person wants; it changes nothing itself.
//!
//! | file | what it is about |
//! |---|---|
//! | [`about`] | version, licence, encoder |
//! | [`banner`] | what went wrong and what to do |
//! | [`bottom_bar`] | figures and the big button |
//! | [`connection`] | what servers and networks want beyond address and key |
//! | [`destination`] | server and stream key |
//! | [`further`] | the destinations beside the first, and their dialog |
//! | [`graph`] | bitrate over the last minutes |
//! | [`output`] | picture, sound and recording |
//! | [`preview`] | the picture |
//! | [`question`] | what is asked before something is lost |
//! | [`sources`] | camera and microphone |
//! | [`story`] | what happened |
//! | [`top_bar`] | state, duration, where to |

pub mod about;
pub mod banner;
pub mod bottom_bar;
pub mod connection;
pub mod destination;
pub mod further;
pub mod graph;
pub mod output;
pub mod preview;
pub mod question;
pub mod sources;
pub mod story;
pub mod top_bar;

#[cfg(test)]
mod tests;

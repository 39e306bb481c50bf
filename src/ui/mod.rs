//! The window.
//!
//! | file | what it is about |
//! |---|---|
//! | [`app`] | the window's life: events in, paint, effects out; the [`app::Engine`] it is given |
//! | [`desk`] | everything shown and edited, as plain data; actions in, effects out |
//! | [`secrets`] | a destination's secrets, and what the keychain holds of them |
//! | [`connection`] | from the fields of "Advanced connection" to what the engine takes |
//! | [`state`] | what the engine told |
//! | [`reports`] | the report after each stream: kept, opened |
//! | [`errands`] | short jobs off the window's thread |
//! | [`wake`] | when news from other threads repaint the window |
//! | [`browser`] | opens a page in the system's browser |
//! | [`command`] | what controls can ask for: labels, tooltips, shortcuts |
//! | [`layout`] | where everything goes |
//! | [`panels`] | the parts of the window, as functions from desk to actions |
//! | [`widgets`] | the controls they are made of |
//! | [`picture`] | the preview's pixels |
//! | [`theme`] | colours, type, measures |
//! | [`words`] | sentences and figures |

pub mod app;
pub mod browser;
pub mod command;
pub mod connection;
pub mod desk;
pub mod errands;
pub mod layout;
pub mod panels;
pub mod picture;
pub mod reports;
pub mod secrets;
pub mod state;
pub mod theme;
pub mod wake;
pub mod widgets;
pub mod words;

pub use app::{Engine, run};

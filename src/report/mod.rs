//! The report after a stream: what of it was not delivered as it should have been, when, and why.
//!
//! A [`Journal`] hears the engine's events while the stream lasts and keeps what the report needs, in bounded
//! memory. At the end it becomes a [`Report`], as JSON or as one page of HTML.
//!
//! | file | what it is about |
//! |---|---|
//! | [`plan`] | what was asked for, without secrets |
//! | [`fault`] | what viewers may miss, and the rules by which each moment is judged |
//! | [`account`] | time by judgement: the parts are always the whole |
//! | [`incident`] | moments of one fault, told as one, with the words that explain them |
//! | [`lane`] | one destination: where it stands, its account, its incidents |
//! | [`timeline`] | figures second by second, coarser for long streams |
//! | [`log`] | what was decided, the important kept longest |
//! | [`journal`] | hears events, judges each moment |
//! | [`finished`] | the report, and its verdict in one sentence |
//! | [`words`] | times, shares and causes in plain words |
//! | [`json`] | the report for programs |
//! | [`html`] | the report for people |

pub mod account;
pub mod fault;
pub mod finished;
pub mod html;
pub mod incident;
pub mod journal;
pub mod json;
pub mod lane;
pub mod log;
pub mod plan;
pub mod timeline;
pub mod words;

pub use finished::Report;
pub use journal::Journal;
pub use plan::Plan;

#[cfg(test)]
pub(crate) mod tests;

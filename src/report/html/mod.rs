//! The report for people: one page of HTML that needs nothing else, neither network nor script.
//!
//! | file | what it is about |
//! |---|---|
//! | [`page`] | the page from top to bottom |
//! | [`chart`] | the stream drawn over time |
//! | [`story`] | incidents in plain words |
//! | [`escape`] | any text made safe within HTML |
//!
//! Every text goes through [`escape::Text`]: servers, devices and users choose some of them.

pub mod chart;
pub mod escape;
pub mod page;
pub mod story;

pub use page::to_html;

//! Controls and figures in the window's own look. Each paints itself in a given rectangle, answers mouse,
//! keyboard and screen reader, and knows nothing of streaming.
//!
//! | file | what it is about |
//! |---|---|
//! | [`button`] | solid, outlined and plain buttons, icons as buttons |
//! | [`card`] | a titled card and its rows |
//! | [`dialog`] | a box over everything else |
//! | [`field`] | a line of text to edit |
//! | [`fold`] | a line that folds what follows it away |
//! | [`graph`] | bitrates over time |
//! | [`icon`] | signs, painted |
//! | [`meter`] | sound levels |
//! | [`picker`] | one of several |
//! | [`slider`] | a value on a rail |
//! | [`switch`] | on or off |
//! | [`text`] | words in a rectangle, figures with a caption, pills |

pub mod button;
pub mod card;
pub mod dialog;
pub mod field;
pub mod fold;
pub mod graph;
pub mod icon;
pub mod meter;
pub mod picker;
pub mod slider;
pub mod switch;
pub mod text;

//! The program: reads arguments, then opens the window or works without one.

fn main() {}

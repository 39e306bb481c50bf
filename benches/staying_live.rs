//! Staying live, as a scorecard: our decisions and the rivals' laws on the same virtual links.
//!
//! Prints the tables that README.md shows. Nothing is timed: it comes out the same on every machine.
//! `tests/staying_live.rs` checks the figures that are promised.

#[path = "../tests/simulation/mod.rs"]
#[expect(dead_code, reason = "the tests look closer than the table")]
mod simulation;

use simulation::score;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    if std::env::args().any(|argument| argument == "--bench") {
        print!("{}", score::pages(&score::card(), &score::held_out_card()));
    } else {
        assert!(!score::row(&simulation::scenario::outage(1.0)).is_empty());
    }
}

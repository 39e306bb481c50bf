//! Staying live, on virtual links.
#[path = "simulation/mod.rs"]
mod simulation;

#[test]
fn scorecard() {
    println!("{}", simulation::score::table());
}

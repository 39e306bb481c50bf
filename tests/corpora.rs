//! The fuzz targets over their seeds and over what they once found, without a fuzzer.

#[path = "../fuzz/targets.rs"]
mod targets;

use std::{fs, path::Path};

#[test]
fn every_seed_of_every_fuzz_target_holds() {
    let all: [(&str, Target); 9] = [
        ("amf0", targets::amf0),
        ("chunks", targets::chunks),
        ("flv", targets::flv),
        ("messages", targets::messages),
        ("mjpeg", targets::mjpeg),
        ("publisher", targets::publisher),
        ("receiver", targets::receiver),
        ("sessions", targets::sessions),
        ("url", targets::url),
    ];
    for (name, target) in all {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/corpus")
            .join(name);
        let seeds: Vec<_> = fs::read_dir(&folder).unwrap().collect();
        assert!(!seeds.is_empty(), "{name} has no seeds");
        for seed in seeds {
            let path = seed.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
        }
        // And nothing at all.
        target(&[]);
    }
}

/// What is done with a seed; it panics when something does not hold.
type Target = fn(&[u8]);

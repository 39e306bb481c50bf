//! The layers and absences that ARCHITECTURE.md promises, checked by reading `src/`.
//!
//! When this fails, the code is usually what must change. A new arrow between layers is a decision: make
//! it in `LAYERS` and in ARCHITECTURE.md, in a commit of its own.

#[path = "architecture/source.rs"]
mod source;

use std::{
    fs,
    path::{Path, PathBuf},
};

use source::Code;

/// Which modules each module may use, from the lowest layer to the highest. A module is listed after all
/// that it uses, so there is no cycle. A longer entry such as `media::packet` grants just that part.
const LAYERS: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("secret", &[]),
    ("media", &["units"]),
    ("amf0", &["units"]),
    ("flv", &["units", "amf0", "media::packet"]),
    ("rtmp", &["units", "secret", "amf0", "flv", "media::packet"]),
    ("control", &["units"]),
    ("capture", &["units", "media"]),
    ("encode", &["units", "media", "flv"]),
    (
        "net",
        &["amf0", "units", "secret", "media", "flv", "rtmp", "control"],
    ),
    ("record", &["units", "media", "flv"]),
    (
        "engine",
        &[
            "units", "secret", "media", "flv", "rtmp", "control", "capture", "encode", "net",
            "record",
        ],
    ),
    (
        "check",
        &[
            "units", "secret", "media", "flv", "rtmp", "capture", "encode", "net", "engine",
        ],
    ),
    (
        "report",
        &[
            "units",
            "rtmp::refusal",
            "rtmp::url",
            "capture::source",
            "engine::command",
            "engine::event",
        ],
    ),
    ("settings", &["units", "secret", "capture::source"]),
    (
        "ui",
        &[
            "units",
            "secret",
            "media",
            "rtmp::url",
            "rtmp::refusal",
            "capture::source",
            "engine::command",
            "engine::event",
            "report",
            "settings",
        ],
    ),
    (
        "cli",
        &[
            "units", "secret", "media", "amf0", "flv", "rtmp", "control", "capture", "encode",
            "net", "record", "engine", "check", "report", "settings", "ui",
        ],
    ),
];

/// Files that may use more than their module: the one that gives the window its engine, so that nothing else
/// there has to hold it.
const EXCEPTIONS: &[(&str, &[&str])] = &[("ui/engine.rs", &["engine"])];

/// Modules without clock, socket, thread or window, and the words for these.
const PURE: &[&str] = &["units", "secret", "amf0", "flv", "rtmp", "control"];
const IMPURE_WORDS: &[&str] = &[
    "Instant",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "ToSocketAddrs",
    "UdpSocket",
    "chrono",
    "fastrand",
    "fs",
    "socket2",
    "thread",
];

/// Words that belong to some modules or files only.
const RESERVED: &[(&str, &[&str])] = &[
    ("tokio", &["net"]),
    ("egui", &["ui"]),
    ("eframe", &["ui"]),
    ("keyring", &["settings"]),
    ("Serialize", &["settings", "check", "cli"]),
    ("Deserialize", &["settings"]),
    (
        "unsafe",
        &[
            "encode/aac/ffi.rs",
            "encode/h264.rs",
            "encode/h264/ffi.rs",
            "net/tcp_info.rs",
            "ui/picture/gpu.rs",
        ],
    ),
];

/// A file with more lines before its unit tests hides a second one.
const MOST_LINES: usize = 600;

#[test]
fn every_file_keeps_to_its_layer_and_its_promises() {
    let mut found = Vec::new();
    for (path, text) in sources() {
        found.extend(violations(&path, &text));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_module_has_its_place_in_the_layers() {
    let map = fs::read_to_string(source_folder().join("lib.rs")).expect("lib.rs");
    let mut modules: Vec<_> = map
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut layers: Vec<_> = LAYERS.iter().map(|(module, _)| *module).collect();
    modules.sort_unstable();
    layers.sort_unstable();
    assert_eq!(modules, layers);
}

#[test]
fn the_layers_form_no_cycle() {
    for (index, (module, uses)) in LAYERS.iter().enumerate() {
        for used in *uses {
            let used = used.split("::").next().unwrap_or(used);
            assert!(
                LAYERS[..index].iter().any(|(below, _)| *below == used),
                "{module} uses {used}, which is not below it"
            );
        }
    }
}

#[test]
fn what_breaks_a_promise_is_found() {
    for (path, text, expected) in [
        ("flv/tag.rs", "use crate::net::connect;", "may not use net"),
        (
            "flv/tag.rs",
            "use crate::{\n    amf0::Value,\n    media::{frame::I420, packet},\n};",
            "may not use media::frame",
        ),
        (
            "control/mod.rs",
            "use super::engine::event;",
            "may not use engine",
        ),
        (
            "rtmp/chunk/read.rs",
            "fn f() { super::super::super::ui::App::new() }",
            "may not use ui",
        ),
        (
            "ui/panels/output.rs",
            "use crate::engine::{command::Command, handle::Engine};",
            "may not use engine::handle",
        ),
        (
            "control/backlog.rs",
            "use std::time::{Duration, Instant};",
            "has no business with Instant",
        ),
        (
            "amf0.rs",
            "fn f() { std::thread::yield_now() }",
            "has no business with thread",
        ),
        ("engine/program.rs", "use tokio::select;", "tokio belongs"),
        (
            "media/frame.rs",
            "#[derive(Debug, Serialize)]",
            "Serialize belongs",
        ),
        (
            "media/scale.rs",
            "fn f() { unsafe { g() } }",
            "unsafe belongs",
        ),
        (
            "net/tcp_info.rs",
            "fn f() { unsafe { g() } }",
            "no SAFETY comment",
        ),
        (
            "engine/fan_out.rs",
            "let (a, b) = mpsc::channel::<Vec<u8>>();",
            "unbounded channel",
        ),
        (
            "net/publisher.rs",
            "let (a, b) = unbounded_channel();",
            "unbounded channel",
        ),
        ("media/mod.rs", "pub fn f() {}", "holds code"),
        ("media/scale.rs", &"\n".repeat(601), "601 lines"),
    ] {
        let found = violations(path, text);
        assert!(
            found.iter().any(|violation| violation.contains(expected)),
            "{path}: {text:?} gave {found:?}"
        );
    }
}

#[test]
fn what_keeps_its_promises_is_left_alone() {
    for (path, text) in [
        (
            "flv/tag.rs",
            "use crate::media::packet::{VideoPacket, AudioPacket};",
        ),
        (
            "flv/tag.rs",
            "use super::super::amf0;\nuse super::net_like;",
        ),
        (
            "flv/tag.rs",
            "/// See [`crate::net`].\n/* tokio /* nested */ unsafe */",
        ),
        (
            "flv/tag.rs",
            "const A: &str = \"crate::net \\\" unsafe\"; const B: char = '\"'; fn f<'a>() {}",
        ),
        ("flv/tag.rs", "const A: &str = r#\"a \" unsafe tokio\"#;"),
        (
            "flv/tag.rs",
            "fn f() {}\n\n#[cfg(test)]\nmod tests {\n    use crate::net::connect;\n}\n",
        ),
        (
            "net/publisher.rs",
            "let (a, b) = tokio::sync::mpsc::channel(16);",
        ),
        (
            "net/tcp_info.rs",
            "// SAFETY: the buffer outlives the call.\nunsafe { g() }",
        ),
        ("ui/engine.rs", "use crate::engine::handle::Engine;"),
        (
            "media/mod.rs",
            "//! Pictures.\n\npub mod frame;\npub use frame::I420;",
        ),
    ] {
        assert_eq!(violations(path, text), Vec::<String>::new(), "{text}");
    }
}

/// Everything in the file at `path` (from `src/`, with slashes) that breaks a promise, in words.
fn violations(path: &str, text: &str) -> Vec<String> {
    let code = Code::of(text);
    let module = path.split(['/', '.']).next().unwrap_or(path);
    let mut found = Vec::new();

    let entries = |table: &'static [(&str, &[&str])], name: &str| {
        let entry = table.iter().find(|(entry, _)| *entry == name);
        entry.map_or(&[][..], |(_, uses)| *uses)
    };
    let allowed = [entries(LAYERS, module), entries(EXCEPTIONS, path)].concat();
    for used in code.root_paths(module_depth(path)) {
        let within = |entry: &str| used == entry || used.starts_with(&format!("{entry}::"));
        // A macro or a type at the root itself has no layer; modules do.
        let is_layer = LAYERS
            .iter()
            .any(|(layer, _)| used.split("::").next() == Some(layer));
        if is_layer && !within(module) && !allowed.iter().any(|entry| within(entry)) {
            found.push(format!("{path}: {module} may not use {used}"));
        }
    }
    if PURE.contains(&module) {
        for word in IMPURE_WORDS.iter().filter(|word| code.mentions(word)) {
            found.push(format!("{path}: {module} has no business with {word}"));
        }
    }
    for (word, owners) in RESERVED {
        let owned = owners
            .iter()
            .any(|owner| *owner == module || *owner == path);
        if code.mentions(word) && !owned {
            found.push(format!("{path}: {word} belongs to {}", owners.join(", ")));
        }
    }
    if code.count("unsafe {") > text.matches("SAFETY:").count() {
        found.push(format!("{path}: an unsafe block has no SAFETY comment"));
    }
    if code.makes_unbounded_channel() {
        found.push(format!("{path}: an unbounded channel"));
    }
    let holds_code = ["fn", "struct", "enum", "impl"]
        .into_iter()
        .any(|word| code.mentions(word));
    if (path.ends_with("mod.rs") || path == "lib.rs") && holds_code {
        found.push(format!(
            "{path}: a file of module declarations holds code; give it a file of its own"
        ));
    }
    let lines = code.lines();
    if lines > MOST_LINES {
        found.push(format!("{path}: {lines} lines; split it"));
    }
    found
}

/// How many modules deep the file at `path` is: 1 for `amf0.rs` and `flv/mod.rs`.
fn module_depth(path: &str) -> usize {
    let path = path.trim_end_matches("/mod.rs");
    path.split('/').count()
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every file under `src/` that belongs to a module, with its path from there and its text. Files of unit
/// tests (`tests.rs`) may reach further, as the tests inside other files do.
fn sources() -> Vec<(String, String)> {
    let mut sources = Vec::new();
    let mut folders = vec![source_folder()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder under src/") {
            let path = entry.expect("an entry under src/").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs")
                && !path.ends_with("main.rs")
                && !path.ends_with("tests.rs")
            {
                let text = fs::read_to_string(&path).expect("a source file");
                let name = path.strip_prefix(source_folder()).expect("under src/");
                let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
                sources.push((parts.join("/"), text));
            }
        }
    }
    assert!(sources.len() > 10, "src/ was not found");
    sources.sort();
    sources
}

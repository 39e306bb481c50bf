//! Counts the instructions that a program executes, with valgrind's callgrind: they come out the same on a busy
//! machine.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

/// What a program executed, in all its threads.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// All of it.
    pub(crate) total: u64,
    /// By the function's name as callgrind tells it, all that it called among it.
    functions: HashMap<String, u64>,
}

impl Counts {
    /// What the function `name` and all that it called executed. Its name stands in that of its closures, too:
    /// none of them executes more than it does.
    pub(crate) fn of(&self, name: &str) -> u64 {
        let named = self
            .functions
            .iter()
            .filter(|(known, _)| known.contains(name));
        named.map(|(_, count)| *count).max().unwrap_or(0)
    }
}

/// Runs `program` with `arguments` in `folder` and counts.
///
/// # Errors
/// In words: when there is no valgrind, or the program fails.
pub(crate) fn count(
    program: &Path,
    arguments: &[impl AsRef<str>],
    folder: &Path,
) -> Result<Counts, String> {
    let arguments: Vec<&str> = arguments.iter().map(AsRef::as_ref).collect();
    let profile = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.path().display()))
        .arg(program)
        .args(&arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => "valgrind is missing: install the package valgrind".to_owned(),
        _ => format!("valgrind does not start: {error}"),
    })?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let last = words.lines().rev().find(|line| !line.starts_with("=="));
        let last = last.unwrap_or("it said nothing");
        let program = program.display();
        return Err(format!("{program} {} failed: {last}", arguments.join(" ")));
    }
    let text = fs::read(profile.path())
        .map_err(|error| format!("callgrind's profile cannot be read: {error}"))?;
    Ok(parse(&String::from_utf8_lossy(&text)))
}

/// Reads callgrind's format ("Callgrind Format Specification", Valgrind's manual). The cost of a function is
/// that of its own lines and that which is told behind each of its calls.
fn parse(profile: &str) -> Counts {
    let mut counts = Counts::default();
    let mut names: HashMap<&str, &str> = HashMap::new();
    let mut by_id: HashMap<&str, u64> = HashMap::new();
    let mut current = "";
    for line in profile.lines() {
        if let Some(function) = line.strip_prefix("fn=").or(line.strip_prefix("cfn=")) {
            let (id, name) = function.split_once(' ').unwrap_or((function, ""));
            if !name.is_empty() {
                names.insert(id, name);
            }
            if line.starts_with("fn=") {
                current = id;
            }
        } else if let Some(totals) = line.strip_prefix("totals: ") {
            counts.total = totals.trim().parse().unwrap_or(0);
        } else if line.starts_with(|start: char| start.is_ascii_digit() || "+-*".contains(start)) {
            let cost = line.split_whitespace().nth(1);
            let cost = cost.and_then(|cost| cost.parse().ok());
            *by_id.entry(current).or_default() += cost.unwrap_or(0);
        }
    }
    for (id, count) in by_id {
        let name = names.get(id).copied().unwrap_or(id);
        *counts.functions.entry(name.to_owned()).or_default() += count;
    }
    counts
}

//! Where and with what a bench measures.

use std::{fs, path::Path, process::Command};

/// When and where this is measured, and with which programs; each is asked with the option given.
pub(crate) fn measured(with: &[(&Path, &str)]) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let cpu = cpu.map_or("an unknown processor", |name| {
        name.trim_matches([' ', '\t', ':'])
    });
    let versions: Vec<_> = with.iter().map(|it| version(it.0, it.1)).collect();
    format!(
        "Measured on {} on {cpu}, with {}.\n",
        chrono::Local::now().format("%-d %B %Y"),
        versions.join(", ")
    )
}

fn version(program: &Path, option: &str) -> String {
    let said = Command::new(program).arg(option).output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    let line = said.as_deref().ok().and_then(|said| said.lines().next());
    let line = line.map(|line| line.split(" Copyright").next().unwrap_or(line).trim());
    line.map_or_else(|| format!("no {}", program.display()), str::to_owned)
}

//! The report of a stream whose server went away and came back.

use std::{fs, time::Duration};

use serde_json::Value;

use crate::support::{
    nginx::Nginx,
    program::{events, live, start, states},
    scene::Scene,
};

#[test]
fn the_report_puts_an_outage_down_to_the_server_and_adds_up() {
    let scene = Scene::new();
    let mut nginx = Nginx::start(&scene);
    let page = scene.path("stream.html");
    let report = page.to_str().expect("a path in UTF-8");
    let arguments = ["--duration", "20s", "--json", "--report", report];
    let mut command = live(&scene, &nginx.live(), &arguments);
    let mut program = start(&scene, command.env("KEY", KEY));
    program.wait_until("it is live", PATIENCE, |_| nginx.recorded_bytes() > 50_000);
    nginx.kill();
    program.wait_until("the loss is noticed", PATIENCE, |program| {
        last_state(&program.stdout()) == "reconnecting"
    });
    nginx.restart(&scene);
    let status = program.wait(Duration::from_mins(1));
    assert_eq!(status.code(), Some(0), "{}", program.stderr());

    let figures = fs::read_to_string(scene.path("stream.json")).expect("the figures");
    let page = fs::read_to_string(page).expect("the page");
    let value: Value = serde_json::from_str(&figures).expect("JSON");
    the_parts_are_the_whole(&value["account"]);
    let faults = value["account"]["faults"].as_array().expect("faults");
    assert!(
        faults
            .iter()
            .any(|fault| fault["loss"] == "dark" && fault["cause"] == "server"),
        "{faults:?}"
    );
    assert!(value["disconnects"].as_u64() >= Some(1), "{value}");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("What happened"));
    assert!(!page.contains(KEY) && !figures.contains(KEY));
}

#[test]
fn a_report_that_exists_is_not_overwritten() {
    let scene = Scene::new();
    let page = scene.path("stream.html");
    fs::write(&page, "mine").expect("a file");
    let report = page.to_str().expect("a path in UTF-8");
    let server = "rtmp://127.0.0.1:1/live";
    let mut command = live(&scene, server, &["--report", report]);
    let status = start(&scene, command.env("KEY", KEY)).wait(PATIENCE);
    assert_eq!(status.code(), Some(2));
    assert_eq!(fs::read_to_string(page).expect("the file"), "mine");
}

fn the_parts_are_the_whole(account: &Value) {
    let number = |value: &Value| value.as_u64().expect("milliseconds");
    let faults = account["faults"].as_array().expect("faults");
    let lost: u64 = faults.iter().map(|fault| number(&fault["ms"])).sum();
    let parts = ["starting_ms", "perfect_ms", "ending_ms"].map(|name| number(&account[name]));
    let sum = parts.iter().sum::<u64>() + lost;
    assert_eq!(sum, number(&account["whole_ms"]), "{account}");
}

fn last_state(lines: &str) -> String {
    states(&events(lines)).pop().unwrap_or_default()
}

const KEY: &str = "qz7-wholly-unmistakable-92";

const PATIENCE: Duration = Duration::from_secs(20);

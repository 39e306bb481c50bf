//! An X server without a screen, and a keyboard for it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    peer::{Peer, output_of, wait_until},
    scene::Scene,
};

/// A running Xvfb.
pub(crate) struct Display {
    name: String,
    _server: Peer,
}

impl Display {
    /// Starts it, with a screen of 1280 by 800 pixels.
    pub(crate) fn start(scene: &Scene) -> Self {
        let mut command = scene.command("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", "1280x800x24"]);
        command.args(["-nolisten", "tcp", "-noreset"]);
        let mut server = Peer::start("xvfb", &mut command, scene.folder());
        server.wait_until("Xvfb is ready", Duration::from_secs(15), |server| {
            server.stdout().ends_with('\n')
        });
        let name = format!(":{}", server.stdout().trim());
        Self {
            name,
            _server: server,
        }
    }

    /// Lets `command` open windows here, drawn in software.
    pub(crate) fn offer_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("DISPLAY", &self.name)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
    }

    /// Waits for a window whose title contains `title` and gives it the keyboard.
    pub(crate) fn wait_for_window(&self, title: &str, limit: Duration) {
        let mut found = String::new();
        wait_until(&format!("a window \"{title}\" is open"), limit, || {
            let search = self
                .xdotool()
                .args(["search", "--onlyvisible", "--name", title])
                .output()
                .expect("xdotool starts; otherwise run `make packages`");
            let windows = String::from_utf8_lossy(&search.stdout).into_owned();
            windows
                .lines()
                .next()
                .unwrap_or_default()
                .clone_into(&mut found);
            !found.is_empty()
        });
        output_of(self.xdotool().args(["windowfocus", "--sync", &found]));
    }

    /// Moves the pointer there and clicks.
    pub(crate) fn click(&self, x: u32, y: u32) {
        let (x, y) = (x.to_string(), y.to_string());
        let mut command = self.xdotool();
        command.args(["mousemove", "--sync", &x, &y, "click", "1"]);
        output_of(&mut command);
    }

    /// Presses keys together: `ctrl+Return`.
    pub(crate) fn press(&self, keys: &str) {
        output_of(self.xdotool().args(["key", "--clearmodifiers", keys]));
    }

    /// Types text.
    pub(crate) fn type_text(&self, text: &str) {
        output_of(self.xdotool().args(["type", "--delay", "40", text]));
    }

    /// Saves what is on the screen where it can be looked at after the test.
    pub(crate) fn screenshot(&self, name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(folder).expect("the tests' folder under target/");
        let file = folder.join(name).with_extension("png");
        let mut command = Command::new("import");
        command.args(["-display", &self.name, "-window", "root"]);
        output_of(command.arg(&file));
        file
    }

    /// How bright a part of the screen is on the whole, 0 to 255. The part: `WIDTHxHEIGHT+LEFT+TOP`.
    pub(crate) fn brightness(&self, part: &str) -> u8 {
        let mut command = Command::new("import");
        command.args(["-display", &self.name, "-window", "root", "-crop", part]);
        let pixel = output_of(command.args(["-resize", "1x1!", "-depth", "8", "gray:-"]));
        pixel.first().copied().unwrap_or_default()
    }

    /// The colours along a part of the screen, which is `WIDTHx1+LEFT+TOP`.
    pub(crate) fn colours(&self, part: &str) -> Vec<[u8; 3]> {
        let mut command = Command::new("import");
        command.args(["-display", &self.name, "-window", "root", "-crop", part]);
        let bytes = output_of(command.args(["-depth", "8", "rgb:-"]));
        let (pixels, _) = bytes.as_chunks();
        pixels.to_vec()
    }

    fn xdotool(&self) -> Command {
        let mut command = Command::new("xdotool");
        command.env("DISPLAY", &self.name);
        command
    }
}

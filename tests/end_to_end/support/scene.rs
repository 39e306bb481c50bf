//! One test's turn, folder and environment.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tempfile::TempDir;

/// What a test begins with. While it lives no other test streams, and all that is started in it sees a
/// home of its own: no setting, keychain or sound server of whoever runs the tests is touched.
pub(crate) struct Scene {
    folder: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Scene {
    /// Waits for this test's turn and makes its folder.
    pub(crate) fn new() -> Self {
        static TURN: Mutex<()> = Mutex::new(());
        // Another test's failure is no reason to fail here.
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = TempDir::with_prefix("skywave-test-").expect("a folder for the test");
        let scene = Self {
            folder,
            _turn: turn,
        };
        fs::create_dir(scene.path("run")).expect("a folder in the test's folder");
        scene
    }

    /// The test's folder; it is removed at the end.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the test's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of Skywave's settings.
    pub(crate) fn settings_folder(&self) -> PathBuf {
        self.path("settings")
    }

    /// A command that sees this scene instead of its user's home, display and servers.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder())
            .env("HOME", self.folder())
            .env("SKYWAVE_CONFIG_DIR", self.settings_folder())
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("PULSE_SERVER", "unix:/nonexistent")
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
        for variable in [
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_STATE_HOME",
            "XDG_CACHE_HOME",
        ] {
            command.env_remove(variable);
        }
        command
    }
}

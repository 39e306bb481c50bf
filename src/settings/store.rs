//! The settings file: read kindly, written atomically, never thrown away.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use directories::ProjectDirs;
use thiserror::Error;

use super::model::Settings;

/// Where settings are kept: `settings.toml` in the user's configuration folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// What was read.
#[derive(Debug)]
pub struct Loaded {
    /// The settings, every value inside its limits.
    pub settings: Settings,
    /// What a person should be told about the file.
    pub notice: Option<Notice>,
}

/// The file could not be used; the defaults are. Shown as one sentence.
#[derive(Debug, Error)]
pub enum Notice {
    /// It is not what this program writes; it has been put aside.
    #[error("The settings could not be read ({reason}), so the defaults are used. The old file is kept as {}.", .kept_as.display())]
    Damaged {
        /// Where the old file is now.
        kept_as: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer program wrote it; it has been put aside.
    #[error("The settings were written by a newer Skywave, so the defaults are used. The old file is kept as {}.", .kept_as.display())]
    Newer {
        /// Where the old file is now.
        kept_as: PathBuf,
    },
    /// It is there but cannot be opened or moved; it has been left alone.
    #[error("The settings at {} cannot be used ({cause}), so the defaults are. Check who may read and write that file.", .path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
}

/// Why settings cannot be kept.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The system names no place for configuration.
    #[error(
        "there is no folder for settings: this user has no home folder; set {FOLDER_VARIABLE} to one"
    )]
    NoFolder,
    /// The file could not be written; the old one is unharmed.
    #[error("the settings could not be saved to {}: {cause}; check that folder's free space and permissions", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// The settings have no form in TOML.
    #[error("the settings could not be written as TOML")]
    Form(#[from] toml::ser::Error),
}

impl Store {
    /// The store of this user: in `SKYWAVE_CONFIG_DIR` if that is set, else in the system's place.
    ///
    /// # Errors
    /// When the system names no such place.
    pub fn of_user() -> Result<Self, StoreError> {
        folder_from(env::var_os(FOLDER_VARIABLE))
            .map(Self::in_folder)
            .ok_or(StoreError::NoFolder)
    }

    /// A store in `folder`, which need not exist yet.
    #[must_use]
    pub fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("settings.toml")
    }

    /// Reads the settings. No file means the defaults; a bad one is put aside and told.
    #[must_use]
    pub fn load(&self) -> Loaded {
        let defaults = |notice| Loaded {
            settings: Settings::default(),
            notice,
        };
        let path = self.path();
        let text = match read_text(&path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return defaults(None),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                return defaults(Some(self.put_aside(cause.to_string())));
            }
            Err(cause) => return defaults(Some(Notice::Unusable { path, cause })),
        };
        match toml::from_str::<Settings>(&text) {
            Ok(settings) if settings.version > Settings::VERSION => {
                defaults(Some(match self.put_aside(String::new()) {
                    Notice::Damaged { kept_as, .. } => Notice::Newer { kept_as },
                    other => other,
                }))
            }
            Ok(settings) => Loaded {
                settings: settings.sanitised(),
                notice: None,
            },
            Err(error) => defaults(Some(self.put_aside(in_one_line(error.message())))),
        }
    }

    /// Writes the settings: beside the old file first, then in its place, so that a crash leaves one or the
    /// other whole.
    ///
    /// # Errors
    /// When the folder cannot be written to; the old file is unharmed.
    pub fn save(&self, settings: &Settings) -> Result<(), StoreError> {
        let text = toml::to_string_pretty(&settings.clone().sanitised())?;
        let path = self.path();
        write_in_place_of(&path, &text).map_err(|cause| StoreError::Write { path, cause })
    }

    /// Moves the file to the first free `settings.damaged-<n>.toml`.
    fn put_aside(&self, reason: String) -> Notice {
        let path = self.path();
        let free = (1..=MAX_KEPT_ASIDE)
            .map(|number| self.folder.join(format!("settings.damaged-{number}.toml")))
            .find(|candidate| !candidate.exists())
            // All names taken: the last one gives way, the first damage stays.
            .unwrap_or_else(|| {
                self.folder
                    .join(format!("settings.damaged-{MAX_KEPT_ASIDE}.toml"))
            });
        match fs::rename(&path, &free) {
            Ok(()) => Notice::Damaged {
                kept_as: free,
                reason,
            },
            Err(cause) => Notice::Unusable { path, cause },
        }
    }
}

fn folder_from(variable: Option<OsString>) -> Option<PathBuf> {
    match variable {
        Some(folder) if !folder.is_empty() => Some(folder.into()),
        _ => ProjectDirs::from("", "", "skywave").map(|folders| folders.config_dir().to_owned()),
    }
}

/// The file's text; [`io::ErrorKind::InvalidData`] when it is not text or far too long.
fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "far too long for a settings file",
        ));
    }
    Ok(text)
}

fn write_in_place_of(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = path.with_extension("toml.new");
    let mut file = File::create(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    drop(file);
    fs::rename(&beside, path)
}

fn in_one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Overrides the folder.
const FOLDER_VARIABLE: &str = "SKYWAVE_CONFIG_DIR";
const MAX_FILE_BYTES: u64 = 256 * 1024;
const MAX_KEPT_ASIDE: u32 = 99;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::model::ThemeChoice;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::in_folder(folder.path().join("deep/er"));
        (folder, store)
    }

    #[test]
    fn no_file_means_the_defaults_and_nothing_to_tell() {
        let (_folder, store) = store();
        let loaded = store.load();
        assert_eq!(loaded.settings, Settings::default());
        assert!(loaded.notice.is_none());
    }

    #[test]
    fn what_is_saved_is_read_again() {
        let (_folder, store) = store();
        let mut settings = Settings::default();
        settings.destination.server = "rtmp://example.org/live".into();
        settings.window.theme = ThemeChoice::Light;
        store.save(&settings).unwrap();
        store.save(&settings).unwrap();
        assert_eq!(store.load().settings, settings);
        let names: Vec<_> = fs::read_dir(store.path().parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["settings.toml"], "nothing is left lying about");
    }

    #[test]
    fn a_damaged_file_is_kept_aside_and_told() {
        let (_folder, store) = store();
        for number in 1..=2 {
            store.save(&Settings::default()).unwrap();
            fs::write(store.path(), format!("gain_db = \"loud {number}\"")).unwrap();
            let loaded = store.load();
            assert_eq!(loaded.settings, Settings::default());
            let Some(Notice::Damaged { kept_as, reason }) = loaded.notice else {
                panic!("no notice");
            };
            assert!(kept_as.ends_with(format!("settings.damaged-{number}.toml")));
            assert!(!reason.is_empty());
            let kept = fs::read_to_string(kept_as).unwrap();
            assert!(kept.contains(&format!("loud {number}")));
        }
        assert!(store.load().notice.is_none(), "told once");
    }

    #[test]
    fn bytes_that_are_no_text_and_endless_files_are_damage_too() {
        let (_folder, store) = store();
        store.save(&Settings::default()).unwrap();
        for content in [vec![0xFF, 0xFE, 0x00], vec![b'#'; 300_000]] {
            fs::write(store.path(), content).unwrap();
            assert!(matches!(store.load().notice, Some(Notice::Damaged { .. })));
        }
    }

    #[test]
    fn a_file_from_the_future_is_kept_aside() {
        let (_folder, store) = store();
        store.save(&Settings::default()).unwrap();
        fs::write(store.path(), "version = 2\n").unwrap();
        assert!(matches!(store.load().notice, Some(Notice::Newer { .. })));
    }

    #[test]
    fn an_unwritable_folder_is_told_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let blocker = folder.path().join("file");
        fs::write(&blocker, "").unwrap();
        let error = Store::in_folder(blocker)
            .save(&Settings::default())
            .unwrap_err();
        assert!(error.to_string().contains("file/settings.toml"), "{error}");
    }

    #[test]
    fn the_variable_overrides_the_folder() {
        let folder = folder_from(Some("/somewhere".into()));
        assert_eq!(folder, Some(PathBuf::from("/somewhere")));
        assert_ne!(folder_from(Some(OsString::new())), Some(PathBuf::new()));
    }
}

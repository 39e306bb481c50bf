//! The report after each stream: heard while it lasts, written off the window's thread when it is over, opened in
//! the browser.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::Local;
use directories::ProjectDirs;

use crate::{
    engine::{
        command::{Broadcast, OutputFormat},
        event::{Event, StreamStatus},
    },
    report::{Journal, Plan, Report, html, json},
    units::MediaTime,
};

use super::{browser, errands::Errands};

/// Keeps a report of each stream.
pub struct Reports {
    shelf: Option<Shelf>,
    journal: Option<Journal>,
    errands: Errands<News>,
}

/// What became of a report.
#[derive(Debug)]
pub enum News {
    /// It is kept in this file.
    Kept(PathBuf),
    /// It could not be kept or opened; why, in words.
    Trouble(String),
    /// It is done, and there is nothing to tell.
    Done,
}

/// A folder with the newest reports.
#[derive(Clone, Debug)]
struct Shelf(PathBuf);

impl Reports {
    /// Keeps reports in this user's data folder.
    #[must_use]
    pub fn of_user() -> Self {
        let folders = ProjectDirs::from("", "", "skywave");
        Self::on(folders.map(|folders| Shelf(folders.data_dir().join("reports"))))
    }

    fn on(shelf: Option<Shelf>) -> Self {
        Self {
            shelf,
            journal: None,
            errands: Errands::default(),
        }
    }

    /// Going live was asked for at `now`.
    pub fn begin(&mut self, broadcast: &Broadcast, format: OutputFormat, now: MediaTime) {
        let plan = Plan::of(broadcast, format);
        self.journal = Some(Journal::new(plan, Local::now().fixed_offset(), now));
    }

    /// Takes in what happened at `now`; when the stream is over, has its report written and calls `wake` then.
    /// A stream that never was live has none.
    pub fn hear(&mut self, event: &Event, now: MediaTime, wake: impl FnOnce() + Send + 'static) {
        let Some(journal) = &mut self.journal else {
            return;
        };
        journal.hear(event, now);
        if !matches!(event, Event::Status(StreamStatus::Offline { .. })) {
            return;
        }
        let Some(journal) = self.journal.take() else {
            return;
        };
        if let Some(shelf) = self.shelf.clone() {
            self.errands.run("report", wake, move || {
                let report = journal.finish(now);
                if report.live_at.is_none() {
                    return News::Done;
                }
                match shelf.keep(&report) {
                    Ok(file) => News::Kept(file),
                    Err(cause) => News::Trouble(format!(
                        "The report could not be kept in {}: {cause}; check that folder's free space and permissions.",
                        shelf.0.display()
                    )),
                }
            });
        }
    }

    /// Opens a kept report in the browser.
    pub fn open(&mut self, file: PathBuf, wake: impl FnOnce() + Send + 'static) {
        self.errands
            .run("browser", wake, move || match browser::open(&file) {
                Ok(()) => News::Done,
                Err(cause) => News::Trouble(format!(
                    "The report could not be opened ({cause}); open {} by hand.",
                    file.display()
                )),
            });
    }

    /// What came of it, if there is news.
    pub fn try_news(&mut self) -> Option<News> {
        self.errands.try_news()
    }

    /// Lets what is being written be finished, but waits no longer than `within`.
    pub fn finish(mut self, within: Duration) {
        self.errands.finish(within);
    }
}

impl Shelf {
    /// Writes the report for people and for programs, and lets the oldest go. Returns the file for people.
    fn keep(&self, report: &Report) -> io::Result<PathBuf> {
        fs::create_dir_all(&self.0)?;
        let name = report.began.format("%Y-%m-%d %H-%M-%S").to_string();
        let file = self.0.join(format!("{name}.html"));
        fs::write(&file, html::page::to_html(report))?;
        let data = json::to_json(report);
        fs::write(file.with_extension("json"), format!("{data:#}\n"))?;
        self.let_go()?;
        Ok(file)
    }

    /// Removes all but the newest reports. Their names are their times.
    fn let_go(&self) -> io::Result<()> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.0)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| is_ours(path))
            .collect();
        files.sort_unstable();
        let too_many = files.len().saturating_sub(MOST_KEPT);
        for file in &files[..too_many] {
            fs::remove_file(file)?;
            // It may have been taken away by hand.
            let _ = fs::remove_file(file.with_extension("json"));
        }
        Ok(())
    }
}

/// Whether this is a report for people: `2026-11-23 14-22-05.html`.
fn is_ours(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str());
    let is_time = |stem: &str| {
        stem.len() == 19
            && stem
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b' '))
    };
    path.extension()
        .is_some_and(|extension| extension == "html")
        && stem.is_some_and(is_time)
}

const MOST_KEPT: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{command::Destination, event::Stats},
        secret::Secret,
        settings::model::OutputSettings,
        ui::desk::format_of,
    };

    fn at(millis: u64) -> MediaTime {
        MediaTime::from_millis(millis)
    }

    fn stream(reports: &mut Reports, was_live: bool) {
        let destination = Destination::new("rtmp://example.org/live", Secret::new("s3cretKEY"));
        let format = format_of(&OutputSettings::default());
        reports.begin(&destination.into(), format, at(1_000));
        let host = || "example.org".to_owned();
        let mut tell = |event, millis| reports.hear(&event, at(millis), || ());
        tell(
            Event::Status(StreamStatus::Connecting { host: host() }),
            1_000,
        );
        if was_live {
            let since = at(2_000);
            tell(
                Event::Status(StreamStatus::Live {
                    host: host(),
                    since,
                }),
                2_000,
            );
            tell(Event::Stats(Stats::default()), 3_000);
        }
        tell(Event::Status(StreamStatus::default()), 9_000);
    }

    fn news(reports: &mut Reports) -> News {
        let news = reports.errands.news(Duration::from_secs(20));
        news.expect("a report is written or refused within seconds")
    }

    #[test]
    fn a_stream_leaves_a_page_and_its_data_without_the_key() {
        let folder = tempfile::tempdir().unwrap();
        let mut reports = Reports::on(Some(Shelf(folder.path().join("deep/er"))));
        stream(&mut reports, true);
        let News::Kept(file) = news(&mut reports) else {
            panic!("it is not kept");
        };
        assert!(is_ours(&file), "{file:?}");
        let page = fs::read_to_string(&file).unwrap();
        assert!(page.contains("<html") && page.contains("example.org"));
        let data = fs::read_to_string(file.with_extension("json")).unwrap();
        assert!(data.starts_with('{'));
        assert!(!page.contains("s3cretKEY") && !data.contains("s3cretKEY"));
    }

    #[test]
    fn a_stream_that_never_was_live_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut reports = Reports::on(Some(Shelf(folder.path().join("reports"))));
        stream(&mut reports, false);
        assert!(matches!(news(&mut reports), News::Done));
        assert!(!folder.path().join("reports").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let blocker = folder.path().join("file");
        fs::write(&blocker, "").unwrap();
        let mut reports = Reports::on(Some(Shelf(blocker.join("reports"))));
        stream(&mut reports, true);
        let News::Trouble(words) = news(&mut reports) else {
            panic!("it cannot be kept");
        };
        assert!(words.contains("file/reports"), "{words}");
    }

    #[test]
    fn the_newest_twenty_are_kept_and_what_is_not_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for second in 0..25 {
            for kind in ["html", "json"] {
                fs::write(path(&format!("2026-11-23 14-22-{second:02}.{kind}")), "").unwrap();
            }
        }
        fs::write(path("2020 my own.html"), "").unwrap();
        Shelf(folder.path().to_owned()).let_go().unwrap();
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2 * MOST_KEPT + 1
        );
        assert!(path("2020 my own.html").exists());
        for kind in ["html", "json"] {
            assert!(!path(&format!("2026-11-23 14-22-04.{kind}")).exists());
            assert!(path(&format!("2026-11-23 14-22-05.{kind}")).exists());
        }
    }
}

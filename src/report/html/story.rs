//! Incidents in plain words.

use std::fmt::Write;

use super::escape::Text;
use crate::{
    engine::event::Cause,
    report::{
        fault::Loss,
        finished::{Report, Told},
        incident::Incident,
        lane::in_words,
        words::{capitalised, cause_name, counted, loss_name, sentence, span},
    },
    units::{Bitrate, grouped},
};

/// The list of what happened, from going live to the end.
pub fn write(page: &mut String, report: &Report) {
    let _ = write!(page, "<ol class=\"story\">");
    begin(page, report);
    for told in report.story() {
        item(page, report, told);
    }
    end(page, report);
    let _ = write!(page, "</ol>");
    if report.omitted.count > 0 {
        let _ = write!(
            page,
            "<p class=\"note\">{} shorter than these, {} together, are part of every total and not told one by \
             one.</p>",
            counted(report.omitted.count, "incident"),
            span(report.omitted.time.wanted())
        );
    }
}

/// What an incident was, as a heading: `Dark for 4.1 s`.
#[must_use]
pub fn title(incident: &Incident) -> String {
    let lost = span(incident.lost);
    let missing = incident.figures.missing();
    match incident.fault.loss {
        Loss::Dark => format!("Dark for {lost}"),
        Loss::Source => format!("Without camera or microphone for {lost}"),
        Loss::Frames if missing > 0 => {
            format!("{} missing within {lost}", counted(missing, "frame"))
        }
        Loss::Frames => format!("Frames missing for {lost}"),
        Loss::Detail => format!("Reduced bitrate for {lost}"),
        Loss::Recording => format!("The recording misses {lost}"),
    }
}

/// Its figures in words, and until when it went on.
#[must_use]
pub fn details(report: &Report, incident: &Incident) -> String {
    let figures = &incident.figures;
    let format = &report.plan.format;
    let mut parts = Vec::new();
    if let Some(lowest) = figures.lowest_kbps {
        // Words about the bitrate tell of the picture alone.
        let lowest = Bitrate::from_kbps(lowest.saturating_sub(format.audio.bitrate.kbps()));
        let most = format.video.bitrate;
        parts.push(format!("the picture down to {lowest} (the most is {most})"));
    }
    if incident.fault.loss == Loss::Dark && figures.attempts > 0 {
        parts.push(counted(u64::from(figures.attempts), "attempt"));
    }
    let missing = figures.missing();
    if incident.fault.loss != Loss::Frames && missing > 0 {
        parts.push(format!("{} left out", counted(missing, "frame")));
    }
    if figures.longest_queue >= LONG_QUEUE {
        parts.push(format!(
            "up to {} ms waiting",
            grouped(figures.longest_queue)
        ));
    }
    let pauses = (incident.end - incident.begin).saturating_sub(incident.lost);
    if incident.end > incident.begin {
        let again = if pauses > incident.lost {
            "on and off until"
        } else {
            "until"
        };
        parts.push(format!("{again} {}", clock(report, incident.end)));
    }
    if incident.fault.loss == Loss::Recording {
        parts.push("viewers noticed nothing".to_owned());
    }
    capitalised(&parts.join(" · "))
}

/// The time on the wall: `14:05:33`.
#[must_use]
pub fn clock(report: &Report, millis: u64) -> String {
    report.wall(millis).format("%H:%M:%S").to_string()
}

/// Why it was, in words: those that were said, or what the cause means.
#[must_use]
pub fn reason(incident: &Incident) -> String {
    if let Some(why) = &incident.why {
        return sentence(&begun(why));
    }
    let reason = match (incident.fault.loss, incident.fault.cause) {
        (Loss::Detail, Cause::Uplink) => "The way to the server did not carry more.",
        (Loss::Frames, Cause::Uplink) => "The way to the server did not carry them.",
        (Loss::Frames, Cause::Encoder) => "This computer did not keep up.",
        (Loss::Frames | Loss::Detail, Cause::Server) => "The server did not take more.",
        (_, Cause::Source) => "The camera or the microphone did not deliver.",
        (_, Cause::Encoder) => "This computer did not do its part.",
        (_, Cause::Uplink) => "The way to the server was lost.",
        (_, Cause::Server) => "The server did not take the stream.",
        (_, Cause::Disk) => "The recording could not be written.",
        (_, Cause::User) => "It was asked for.",
    };
    reason.to_owned()
}

/// With a capital, unless it begins with a server's name: that is written as it is.
fn begun(text: &str) -> String {
    let first_word = text.split([' ', ',']).next().unwrap_or_default();
    if first_word.contains('.') {
        text.to_owned()
    } else {
        capitalised(text)
    }
}

fn begin(page: &mut String, report: &Report) {
    if let Some(live_at) = report.live_at {
        let text = format!(
            "{} after it was asked for, the server confirmed that the stream arrives.",
            span(live_at)
        );
        milestone(page, report, live_at, "good", "Live", &text);
    }
}

fn end(page: &mut String, report: &Report) {
    let (kind, title, text) = match &report.ended {
        Some(failure) => ("dark", "Ended by itself", sentence(&in_words(failure))),
        None => (
            "calm",
            "Stopped",
            format!("As asked, after {}.", span(report.length)),
        ),
    };
    milestone(page, report, report.length, kind, title, &text);
}

fn milestone(page: &mut String, report: &Report, at: u64, kind: &str, title: &str, text: &str) {
    let _ = write!(
        page,
        "<li class=\"{kind}\"><time>{}</time><div><h3>{title}</h3><p>{}</p></div></li>",
        clock(report, at),
        Text(text)
    );
}

fn item(page: &mut String, report: &Report, told: Told<'_>) {
    let Told {
        incident,
        destination,
    } = told;
    let _ = write!(
        page,
        "<li class=\"{}\"><time>{}</time><div><h3>{}",
        loss_name(incident.fault.loss),
        clock(report, incident.begin),
        title(incident),
    );
    if let Some(name) = destination {
        let _ = write!(page, " at {}", Text(name));
    }
    let _ = write!(
        page,
        " <span class=\"cause\">{}</span></h3><p>{}</p><p class=\"figures\">{}</p>",
        cause_name(incident.fault.cause),
        Text(reason(incident)),
        details(report, incident),
    );
    if let Some(remedy) = &incident.remedy {
        let _ = write!(page, "<p class=\"remedy\">{}</p>", Text(remedy));
    }
    let _ = write!(page, "</div></li>");
}

/// So much waiting, in milliseconds, is worth a word.
const LONG_QUEUE: u64 = 500;

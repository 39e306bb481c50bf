//! The page from top to bottom.

use std::fmt::Write;

use super::{
    chart,
    escape::Text,
    story::{self, clock},
};
use crate::{
    engine::{command::Follow, event::Cause},
    report::{
        fault::Loss,
        finished::{DestinationReport, Report},
        json::PROGRAM,
        words::{
            CAUSES, capitalised, cause_meaning, cause_name, counted, loss_name, loss_title,
            percent, severity_name, span, whole_millis,
        },
    },
    units::{Bitrate, grouped},
};

/// The whole page.
#[must_use]
pub fn to_html(report: &Report) -> String {
    let mut page = String::new();
    head(&mut page, report);
    tiles(&mut page, report);
    timeline(&mut page, report);
    section(&mut page, "What happened", |page| {
        story::write(page, report);
    });
    section(&mut page, "Whose doing it was", |page| causes(page, report));
    if !report.destinations.is_empty() {
        section(&mut page, "Destinations", |page| destinations(page, report));
    }
    section(&mut page, "In figures", |page| figures(page, report));
    section(&mut page, "What was asked for", |page| plan(page, report));
    log(&mut page, report);
    let _ = writeln!(
        page,
        "<footer>{PROGRAM}. Each moment counts once, for the worst that viewers missed in it; going live for the \
         first time and stopping are not counted. A bitrate counts as reduced below 95 % of the most that was \
         asked for.</footer></main></body></html>"
    );
    page
}

fn head(page: &mut String, report: &Report) {
    let date = report.began.format("%-d %B %Y");
    let zone = report.began.format("UTC%:z");
    let places = report.plan.destinations.iter();
    let names: Vec<_> = places.map(|place| Text(&place.name).to_string()).collect();
    let (verdict, headline) = (report.verdict(), report.headline());
    let rest = verdict.trim_start_matches(&headline);
    let rest = rest.trim_start_matches([';', '.', ' ']);
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!("<p class=\"lead\">{}</p>", Text(capitalised(rest)))
    };
    let _ = write!(
        page,
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Stream of {date}, {}: {}</title><style>{STYLE}</style></head><body><main>\
         <header><p class=\"eyebrow\">Stream report</p><h1>{}</h1>{rest}\
         <p class=\"when\">{date}, {} to {} ({zone}) · to {}</p></header>",
        clock(report, 0),
        Text(&headline),
        Text(&headline),
        clock(report, 0),
        clock(report, report.length),
        names.join(", "),
    );
}

/// The share that was as it should be, and what was not.
fn tiles(page: &mut String, report: &Report) {
    let account = &report.account;
    page.push_str("<div class=\"tiles\">");
    let mut tile = |class: &str, figure: &str, title: &str, small: &str| {
        let _ = write!(
            page,
            "<div class=\"tile {class}\"><b>{figure}</b><span>{title}</span><small>{small}</small></div>"
        );
    };
    if report.live_at.is_some() {
        let share = percent(account.perfect_permille());
        let whole = format!("of {}", span(account.wanted()));
        tile("perfect", &share, "As it should be", &whole);
    } else {
        tile(
            "starting",
            &span(report.length),
            "Never live",
            "since it was asked for",
        );
    }
    for loss in LOSSES {
        let lost = account.lost(|fault| fault.loss == loss);
        if lost > 0 {
            let causes = causes_of(report, loss).join(", ");
            tile(loss_name(loss), &span(lost), loss_title(loss), &causes);
        }
    }
    for other in report.destinations.iter().skip(1) {
        let share = percent(other.account.perfect_permille());
        let name = Text(&other.name).to_string();
        tile("starting", &share, &name, "as it should be");
    }
    page.push_str("</div>");
}

fn timeline(page: &mut String, report: &Report) {
    section(page, "The stream over time", |page| {
        page.push_str("<div class=\"scroll\">");
        chart::write(page, report);
        page.push_str("</div><ul class=\"legend\">");
        let line = |class: &str, word: &str| {
            format!(
                "<li><svg class=\"chart\" style=\"display:inline;min-width:0\" viewBox=\"0 0 20 12\" \
                 aria-hidden=\"true\"><path class=\"{class}\" d=\"M0 6H20\"/></svg>{word}</li>"
            )
        };
        page.push_str(&line("sent", "Sent"));
        page.push_str(&line("target", "Target"));
        page.push_str(&line("ceiling", "The most that was asked for"));
        legend_band(page, "starting", "Not live yet");
        legend_band(page, "perfect", "As it should be");
        for loss in LOSSES {
            if report
                .story()
                .iter()
                .any(|told| told.incident.fault.loss == loss)
            {
                legend_band(page, loss_name(loss), loss_title(loss));
            }
        }
        page.push_str("</ul>");
    });
}

fn legend_band(page: &mut String, class: &str, word: &str) {
    let _ = write!(
        page,
        "<li><svg class=\"chart\" style=\"display:inline;min-width:0\" viewBox=\"0 0 20 12\" aria-hidden=\"true\">\
         <g class=\"{class}\"><rect class=\"band ground\" width=\"20\" height=\"12\" rx=\"3\"/>\
         <rect class=\"band\" width=\"20\" height=\"12\" rx=\"3\"/></g></svg>{word}</li>"
    );
}

/// Time lost, by cause and loss.
fn causes(page: &mut String, report: &Report) {
    let account = &report.account;
    let losses: Vec<Loss> = LOSSES
        .into_iter()
        .filter(|loss| account.lost(|fault| fault.loss == *loss) > 0)
        .collect();
    if losses.is_empty() {
        let _ = match report.destinations.first() {
            Some(primary) if report.has_several() => write!(
                page,
                "<p>Nobody's: viewers at {} missed nothing.</p>",
                Text(&primary.name)
            ),
            _ => write!(page, "<p>Nobody's: viewers missed nothing.</p>"),
        };
        return not_recorded(page, report);
    }
    page.push_str("<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Cause</th>");
    for loss in &losses {
        let _ = write!(page, "<th scope=\"col\">{}</th>", loss_title(*loss));
    }
    page.push_str("<th scope=\"col\">Together</th></tr></thead><tbody>");
    for cause in CAUSES {
        let together = account.lost(|fault| fault.cause == cause);
        if together == 0 {
            continue;
        }
        let _ = write!(
            page,
            "<tr><th scope=\"row\">{}<small>{}</small></th>",
            capitalised(cause_name(cause)),
            cause_meaning(cause)
        );
        for loss in &losses {
            cell(page, account.of(*loss, cause));
        }
        cell(page, together);
        page.push_str("</tr>");
    }
    page.push_str("</tbody><tfoot><tr><th scope=\"row\">Together</th>");
    for loss in &losses {
        cell(page, account.lost(|fault| fault.loss == *loss));
    }
    cell(page, account.lost(|_| true));
    page.push_str("</tr></tfoot></table></div>");
    not_recorded(page, report);
}

fn not_recorded(page: &mut String, report: &Report) {
    if let Some((at, _)) = report.recording.as_ref().and_then(|it| it.failed.as_ref()) {
        let _ = write!(
            page,
            "<p class=\"note\">The recording misses the last {} ({}: {}); viewers did not notice.</p>",
            span(report.length.saturating_sub(*at)),
            cause_name(Cause::Disk),
            cause_meaning(Cause::Disk),
        );
    }
}

fn cell(page: &mut String, millis: u64) {
    let _ = if millis == 0 {
        write!(page, "<td class=\"none\">–</td>")
    } else {
        write!(page, "<td>{}</td>", span(millis))
    };
}

fn destinations(page: &mut String, report: &Report) {
    page.push_str(
        "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Name</th><th scope=\"col\">As it should be</th>\
         <th scope=\"col\">Dark</th><th scope=\"col\">Times lost</th><th scope=\"col\">On backup</th>\
         <th scope=\"col\">Frames sent</th><th scope=\"col\">Dropped</th><th scope=\"col\">Delay to wire</th>\
         <th scope=\"col\">Arrived</th></tr></thead><tbody>",
    );
    for destination in &report.destinations {
        destination_row(page, report, destination);
    }
    page.push_str("</tbody></table></div>");
}

fn destination_row(page: &mut String, report: &Report, it: &DestinationReport) {
    let places = &report.plan.destinations;
    let server = places
        .iter()
        .find(|place| place.name == it.name)
        .map_or("", |place| &place.server);
    let _ = write!(
        page,
        "<tr><th scope=\"row\">{}<small>{}</small></th><td>{}</td>",
        Text(&it.name),
        Text(server),
        percent(it.account.perfect_permille()),
    );
    cell(page, it.account.lost(|fault| fault.loss == Loss::Dark));
    let _ = write!(page, "<td>{}</td>", it.disconnects);
    cell(page, it.on_backup);
    let _ = write!(
        page,
        "<td>{}</td><td>{}</td><td>{}</td><td>{:.1} MB</td></tr>",
        grouped(it.frames_sent),
        grouped(it.frames_dropped),
        it.latency
            .map_or_else(|| "–".to_owned(), |it| whole_millis(it.p50)),
        it.acknowledged as f64 / 1e6,
    );
}

fn figures(page: &mut String, report: &Report) {
    let stats = &report.stats;
    page.push_str("<dl>");
    let mut row = |name: &str, value: &str| {
        let _ = write!(page, "<dt>{name}</dt><dd>{}</dd>", Text(value));
    };
    row(
        "Frames",
        &format!(
            "{} encoded, {} sent, {} dropped on the way, {} not encoded",
            grouped(stats.frames_encoded),
            grouped(stats.frames_sent),
            grouped(stats.frames_dropped),
            grouped(stats.frames_skipped + stats.frames_thinned)
        ),
    );
    let live_for = report.account.wanted();
    let average = Bitrate::from_bytes(stats.bytes_sent, std::time::Duration::from_millis(live_for));
    row(
        "Sent",
        &format!(
            "{:.1} MB, {average} on average",
            stats.bytes_sent as f64 / 1e6
        ),
    );
    if let Some(latency) = stats.stream_latency {
        row(
            "Delay to wire",
            &format!(
                "{} for half of the pictures, {} for 95 of 100, {} at most; from when a picture is taken to when its \
                 last byte is handed to the connection",
                whole_millis(latency.p50),
                whole_millis(latency.p95),
                whole_millis(latency.max)
            ),
        );
    }
    row(
        "Connection",
        &match report.disconnects {
            0 => "never lost".to_owned(),
            lost => format!("lost {}", counted(u64::from(lost), "time")),
        },
    );
    if let Some(live_at) = report.live_at {
        row("Going live", &format!("took {}", span(live_at)));
    }
    if let Some(recording) = &report.recording {
        let file = recording.file.as_deref().unwrap_or("no file");
        let state = match &recording.failed {
            Some((_, message)) => message.clone(),
            None if recording.is_complete => "complete".to_owned(),
            None => "not closed yet".to_owned(),
        };
        let megabytes = recording.bytes as f64 / 1e6;
        let length = span(recording.duration);
        row(
            "Recording",
            &format!("{file}: {megabytes:.1} MB, {length}; {state}"),
        );
    }
    page.push_str("</dl>");
}

fn plan(page: &mut String, report: &Report) {
    let format = &report.plan.format;
    let (video, audio, rate) = (&format.video, &format.audio, &format.rate);
    page.push_str("<dl>");
    let mut row = |name: &str, value: &str| {
        let _ = write!(page, "<dt>{name}</dt><dd>{}</dd>", Text(value));
    };
    let interval = video.frame_rate.time_of(video.key_frame_interval.into());
    row(
        "Picture",
        &format!(
            "{} at {}, a key frame every {}",
            video.size,
            video.frame_rate,
            span(interval.as_millis())
        ),
    );
    row(
        "Video bitrate",
        &if rate.adaptive {
            format!(
                "at most {}, follows the uplink down to {}",
                video.bitrate, rate.floor
            )
        } else {
            format!("always {}", video.bitrate)
        },
    );
    row(
        "Sound",
        &format!(
            "{} AAC, {} Hz",
            audio.bitrate,
            grouped(audio.sample_rate.into())
        ),
    );
    for place in &report.plan.destinations {
        let backup = place.backup.as_ref();
        let backup = backup.map_or(String::new(), |server| format!(", backup {server}"));
        row(
            "Destination",
            &format!("{} ({}{backup})", place.name, place.server),
        );
    }
    if report.plan.destinations.len() > 1 {
        let whose = match report.plan.follow {
            Follow::Primary => "that of the first destination",
            Follow::Slowest => "the slowest that is live",
        };
        row("Uplink followed", whose);
    }
    page.push_str("</dl>");
}

/// All that was decided, folded up.
fn log(page: &mut String, report: &Report) {
    let entries: Vec<_> = report.log.entries().collect();
    let _ = write!(
        page,
        "<section><details><summary>Everything that was told ({})</summary><div class=\"scroll\">\
         <table class=\"log\"><tbody>",
        grouped(entries.len() as u64)
    );
    for entry in entries {
        let decision = &entry.decision;
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>",
            clock(report, entry.at),
            severity_name(decision.severity),
            cause_name(decision.cause),
        );
        if let Some(name) = &decision.destination {
            let _ = write!(page, "{}: ", Text(name));
        }
        let _ = write!(page, "{}</td></tr>", Text(&decision.text));
    }
    page.push_str("</tbody></table></div>");
    if report.log.omitted() > 0 {
        let _ = write!(
            page,
            "<p class=\"note\">{} left out: the oldest of those that matter least.</p>",
            counted(report.log.omitted(), "line")
        );
    }
    page.push_str("</details></section>");
}

fn section(page: &mut String, title: &str, content: impl FnOnce(&mut String)) {
    let _ = write!(page, "<section><h2>{title}</h2>");
    content(page);
    page.push_str("</section>");
}

fn causes_of(report: &Report, loss: Loss) -> Vec<&'static str> {
    let met = CAUSES.into_iter();
    met.filter(|cause| report.account.of(loss, *cause) > 0)
        .map(cause_name)
        .collect()
}

/// The worst first.
const LOSSES: [Loss; 4] = [Loss::Dark, Loss::Source, Loss::Frames, Loss::Detail];

const STYLE: &str = include_str!("../../../assets/report/style.css");

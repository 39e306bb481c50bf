//! Verdicts and figures, printed.

use super::run::Outcome;

/// Counts what is not as it must be.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    good: u32,
    bad: Vec<String>,
}

/// What was seen of a fault.
pub(crate) struct Seen {
    /// Which.
    pub(crate) fault: String,
    /// The state and cause that were expected.
    pub(crate) expected: String,
    /// The state that was seen.
    pub(crate) state: String,
    /// The cause that was named.
    pub(crate) cause: String,
    /// Seconds from the fault to that.
    pub(crate) after: Option<f64>,
    /// The words.
    pub(crate) words: String,
}

impl Judge {
    /// Something must be so.
    pub(crate) fn verdict(&mut self, words: &str, good: bool) {
        if good {
            println!("ok      {words}");
            self.good += 1;
        } else {
            println!("FAILED  {words}");
            self.bad.push(words.to_owned());
        }
    }

    /// There must be a figure, and it must not be more than `most`.
    pub(crate) fn at_most(&mut self, what: &str, figure: Option<f64>, most: f64) {
        let seen = figure.map_or("never".to_owned(), |figure| format!("{figure:.2}"));
        let good = figure.is_some_and(|figure| figure <= most);
        self.verdict(&format!("{what}: {seen}, at most {most}"), good);
    }

    /// The figure must not be less than `least`.
    pub(crate) fn at_least(&mut self, what: &str, figure: f64, least: f64) {
        self.verdict(
            &format!("{what}: {figure:.1}, at least {least}"),
            figure >= least,
        );
    }

    /// Says how it went; whether all was as it must be.
    pub(crate) fn sum_up(&self) -> bool {
        println!("\n{} as they must be, {} not.", self.good, self.bad.len());
        for words in &self.bad {
            println!("FAILED  {words}");
        }
        self.bad.is_empty() && self.good > 0
    }
}

/// What a viewer noticed, program by program, as a table in Markdown.
pub(crate) fn print_comparison(all: &[(String, Vec<Outcome>)]) {
    println!(
        "\n| what broke | program | back after | longest dark | missed | behind at the end | new streams | started anew |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, outcomes) in all {
        for outcome in outcomes {
            let watched = outcome.watched;
            let watched_for = outcome.end - outcome.restored;
            let back = watched
                .back_after
                .map_or(format!("not in {watched_for:.0} s"), |time| {
                    format!("{time:.1} s")
                });
            println!(
                "| {name} | {} | {back} | {:.1} s | {:.1} s | {:.1} s | {} | {} |",
                outcome.program.name(),
                watched.longest_gap,
                watched.missed,
                watched.behind,
                watched.new_streams,
                outcome.restarts,
            );
        }
    }
    println!(
        "\nBack after: from the restoration to the first picture of a stream that goes on. Started anew: FFmpeg and\n\
         GStreamer do not reconnect; a loop around them starts them a second after they ended, and so often."
    );
}

/// What was told of each fault, as a table in Markdown.
pub(crate) fn print_faults(seen: &[Seen]) {
    println!("\n| fault | expected | state | cause | after | words |");
    println!("|---|---|---|---|---|---|");
    for row in seen {
        let after = row
            .after
            .map_or("-".to_owned(), |time| format!("{time:.1} s"));
        println!(
            "| {} | {} | {} | {} | {after} | {} |",
            row.fault, row.expected, row.state, row.cause, row.words
        );
    }
}

//! One schedule, run and measured: all that publish do so at the same time, each in a lab of its own.

use super::{
    faults::{FULL_KBPS, Fault},
    lab::{Lab, SERVER, SERVER_NAME},
    publishers::{FPS, Program, Publisher},
    schedule::Schedule,
    server::Server,
    sink::Sink,
    story::Story,
    tail::{now, rest},
    viewer::{Arrival, Watched, watched},
};

/// How it went for one of them.
pub(crate) struct Outcome {
    /// Who published.
    pub(crate) program: Program,
    /// When the fault began to begin: what is told from then on may be about it.
    pub(crate) failing: f64,
    /// When it had begun for certain.
    pub(crate) failed: f64,
    /// When it was over.
    pub(crate) restored: f64,
    /// When nobody watched any more.
    pub(crate) end: f64,
    /// What came, message by message.
    pub(crate) arrivals: Vec<Arrival>,
    /// What a viewer noticed of it.
    pub(crate) watched: Watched,
    /// How often the publisher ended and was started anew.
    pub(crate) restarts: u32,
    /// What Skywave told.
    pub(crate) story: Option<Story>,
}

/// A publisher, its server and a viewer, in a lab of their own.
pub(crate) struct Stage {
    // In the order in which they are to end.
    /// Who publishes.
    pub(crate) publisher: Publisher,
    /// Who watches.
    pub(crate) sink: Sink,
    /// What is between them.
    pub(crate) server: Server,
    /// Where all that is.
    pub(crate) lab: Lab,
}

/// What a stage is set up with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting<'a> {
    /// The server, as the publisher is told it.
    pub(crate) host: &'a str,
    /// Kilobits of picture a second.
    pub(crate) kbps: u32,
    /// What the link carries; `None` for no limit.
    pub(crate) uplink: Option<u32>,
    /// Whether the server's system takes little that the server does not read.
    pub(crate) short_buffers: bool,
    /// Arguments of Skywave's besides.
    pub(crate) more: &'a [&'a str],
}

impl Setting<'_> {
    /// A link without limits.
    pub(crate) fn plain(kbps: u32) -> Self {
        Self {
            host: SERVER,
            kbps,
            uplink: None,
            short_buffers: false,
            more: &[],
        }
    }
}

impl Stage {
    /// Begins to publish.
    pub(crate) fn start(program: Program, setting: &Setting) -> Self {
        let lab = Lab::new();
        if setting.short_buffers {
            lab.shorten_servers_buffers();
        }
        if setting.uplink.is_some() {
            lab.limit_uplink(setting.uplink);
        }
        let sink = Sink::start(&lab);
        let server = Server::start(&lab);
        let Setting {
            host, kbps, more, ..
        } = *setting;
        let publisher = Publisher::start(&lab, program, host, kbps, more);
        Self {
            publisher,
            sink,
            server,
            lab,
        }
    }

    /// Takes in what happens.
    pub(crate) fn look(&mut self) {
        self.publisher.look();
        self.sink.look();
    }

    /// Looks on until a picture has come since `since`; whether one did before `deadline`.
    pub(crate) fn wait_for_picture(&mut self, since: f64, deadline: f64) -> bool {
        while !self.sink.has_picture_since(since) {
            if now() > deadline {
                return false;
            }
            self.look();
            rest();
        }
        true
    }
}

/// Runs `schedule` for all of `programs` at once.
pub(crate) fn run(schedule: &Schedule, programs: &[Program]) -> Vec<Outcome> {
    let mut setting = Setting::plain(schedule.kbps);
    match schedule.fault {
        Fault::NameUnknown => setting.host = SERVER_NAME,
        Fault::SlowUplink => setting.uplink = Some(FULL_KBPS),
        Fault::ServerHangs => setting.short_buffers = true,
        _ => {}
    }
    let start = |program: &Program| Stage::start(*program, &setting);
    let mut stages: Vec<Stage> = programs.iter().map(start).collect();
    let begin = now();
    for stage in &mut stages {
        let came = stage.wait_for_picture(begin, begin + FIRST_PICTURE_WITHIN);
        assert!(
            came,
            "{}: no picture came; it wrote: {}",
            stage.publisher.program().name(),
            stage.lab.errors()
        );
    }
    look_on(&mut stages, now() + schedule.before);
    let failing = change(&mut stages, |lab, server| schedule.fault.begin(lab, server));
    look_on(&mut stages, now() + schedule.lasts);
    let restoring = change(&mut stages, |lab, server| schedule.fault.end(lab, server));
    let end = now() + schedule.after;
    look_on(&mut stages, end);
    let changes = failing.into_iter().zip(restoring);
    let each = stages.into_iter().zip(changes);
    each.map(|(stage, (failing, restoring))| measure(stage, failing, restoring, end))
        .collect()
}

/// When something that was done to a lab began and was done.
type Change = (f64, f64);

/// Does something to all, one right after the other.
fn change(stages: &mut [Stage], mut act: impl FnMut(&Lab, &mut Server)) -> Vec<Change> {
    let done = stages.iter_mut().map(|stage| {
        let begin = now();
        act(&stage.lab, &mut stage.server);
        (begin, now())
    });
    done.collect()
}

fn look_on(stages: &mut [Stage], until: f64) {
    while now() < until {
        stages.iter_mut().for_each(Stage::look);
        rest();
    }
}

fn measure(stage: Stage, failing: Change, restoring: Change, end: f64) -> Outcome {
    let ((failing, failed), (_, restored)) = (failing, restoring);
    let Stage {
        publisher,
        mut sink,
        server: _server,
        lab: _lab,
    } = stage;
    sink.look();
    let arrivals = std::mem::take(&mut sink.arrivals);
    Outcome {
        program: publisher.program(),
        failing,
        failed,
        restored,
        end,
        watched: watched(&arrivals, f64::from(FPS), failed, restored, end),
        arrivals,
        restarts: publisher.restarts,
        story: publisher.stop(),
    }
}

/// Seconds from the start of a publisher to its first picture.
const FIRST_PICTURE_WITHIN: f64 = 30.0;

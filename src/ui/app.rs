//! The window's life: events in, paint, effects out.

use std::{
    num::NonZero,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{self, Poll, Waker},
    time::{Duration, Instant},
};

use chrono::Local;
use directories::UserDirs;
use eframe::{
    egui::{Context, Rect, ScrollArea, Ui, UiBuilder, Vec2, ViewportBuilder, ViewportCommand},
    glow,
};

use crate::{
    engine::{
        command::{Command, Trust, trust_in_file},
        event::{Arrival, Event, Severity},
    },
    media::frame::I420,
    settings::{
        model::Settings,
        secrets::{Keychain, SystemVault},
        store::{Store, StoreError},
    },
    units::MediaTime,
};

use super::{
    command::{Action, Commands, Edit, UiCommand},
    desk::{Desk, Effect, WallClock, format_of},
    errands::Errands,
    layout::Layout,
    panels::{
        about, banner, bottom_bar, destination, further, graph, output, preview, question, sources,
        story, top_bar,
    },
    picture::Picture,
    reports::Reports,
    theme::{self, measure},
    wake::Wake,
};

/// What the window asks of an engine. Nothing here blocks.
pub trait Engine {
    /// Asks for something; what comes of it is told by events.
    fn send(&self, command: Command);

    /// The next event, if there is one.
    fn try_event(&mut self) -> Option<Event>;

    /// The newest picture for the preview, if it changed since the last call.
    fn preview(&mut self) -> Option<Arc<I420>>;

    /// Takes a function to be called, from any thread, whenever there is an event or a picture to fetch.
    fn set_waker(&mut self, wake: Box<dyn Fn(Arrival) + Send + Sync>);

    /// The engine's clock.
    fn now(&self) -> MediaTime;
}

/// Opens the window and stays until it is closed. `settings` are what `store` had; `notice` is what is to be
/// told about reading them; the program was `started` then.
///
/// # Errors
/// When there is no display, or it offers no OpenGL.
pub fn run(
    engine: Box<dyn Engine>,
    store: Option<Store>,
    settings: Settings,
    notice: Option<String>,
    started: Instant,
) -> eframe::Result {
    let ctx = Context::default();
    // As eframe would have it: a layout that does not fit at first is done again before it is painted.
    ctx.options_mut(|options| options.max_passes = NonZero::<usize>::MIN.saturating_add(1));
    // Camera, microphone and keychain come to life while the window opens.
    let mut app = App::new(&ctx, engine, store, settings, notice);
    app.started = Some(started);
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("Skywave")
            .with_app_id("skywave")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([960.0, 600.0])
            .with_icon(icon()),
        ..Default::default()
    };
    eframe::run_native_ext(
        "Skywave",
        options,
        Some(ctx),
        Box::new(move |creation| {
            let millis = started.elapsed().as_millis();
            tracing::debug!("the window is open {millis} ms after the start");
            if let Some(gl) = &creation.gl {
                app.picture.use_gpu(gl);
            }
            Ok(Box::new(app))
        }),
    )
}

/// The window.
pub struct App {
    engine: Box<dyn Engine>,
    wake: Wake,
    /// When the program was started, until that a picture is painted has been told.
    started: Option<Instant>,
    store: Option<Store>,
    saves: Errands<Result<(), StoreError>>,
    certificates: Errands<(PathBuf, Result<Trust, String>)>,
    keychain: Option<Keychain>,
    reports: Option<Reports>,
    desk: Desk,
    picture: Picture,
    preview_width: f32,
    preview_shown: bool,
    saved: Settings,
    changed_at: Option<MediaTime>,
    dialog: Option<Dialog>,
}

impl App {
    /// The window's state, with fonts and theme taught to `ctx` and the engine told the settings. Nothing of it
    /// needs a display.
    pub fn new(
        ctx: &Context,
        mut engine: Box<dyn Engine>,
        store: Option<Store>,
        settings: Settings,
        notice: Option<String>,
    ) -> Self {
        theme::install(ctx);
        theme::apply(ctx, settings.window.theme);
        let wake = Wake::new(ctx);
        let engine_wakes = wake.clone();
        engine.set_waker(Box::new(move |arrival| engine_wakes.on(arrival)));
        let keychain_wakes = wake.clone();
        let keychain = Keychain::start(SystemVault, move || keychain_wakes.on_news()).ok();

        let now = engine.now();
        let wall = WallClock::new(Local::now(), now);
        let mut desk = Desk::new(settings, default_folder(), wall);
        desk.step(now);
        if let Some(notice) = notice {
            desk.note(Severity::Warning, notice);
        }
        let mut app = Self {
            engine,
            wake,
            started: None,
            store,
            saves: Errands::default(),
            certificates: Errands::default(),
            keychain,
            reports: Some(Reports::of_user()),
            saved: desk.settings.clone(),
            desk,
            picture: Picture::default(),
            preview_width: 864.0,
            preview_shown: false,
            changed_at: None,
            dialog: None,
        };
        app.carry_out(ctx);
        app.show_preview(true);
        app
    }

    /// What is shown and edited.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    fn show(&mut self, ui: &mut Ui) -> Commands {
        let mut commands = Commands::default();
        let window = ui.max_rect();
        let desk = &self.desk;
        let ui_background = theme::tokens(ui).background;
        ui.painter().rect_filled(window, 0.0, ui_background);

        let plain = Layout::new(window, 0.0);
        let banner_height = banner::height(ui, plain.preview.width(), desk);
        let layout = Layout::new(window, banner_height);
        self.preview_width = layout.preview.width() * ui.pixels_per_point();

        top_bar::show(ui, layout.top_bar, desk, &mut commands);
        banner::show(ui, layout.banner, desk, &mut commands);
        preview::show(ui, layout.preview, desk, &self.picture);
        let now = desk.now;
        super::widgets::meter::meter(ui, layout.meter, &desk.view.meter, now);
        graph::show(ui, layout.graph, desk);
        story::show(ui, layout.story, desk, &mut commands);
        column(ui, layout.column, desk, &mut commands);
        bottom_bar::show(ui, layout.bottom_bar, desk, &mut commands);
        further::dialog(ui.ctx(), desk, &mut commands);
        about::show(ui.ctx(), desk, &mut commands);
        question::show(ui.ctx(), desk, &mut commands);
        commands
    }

    /// The keyboard's share of the commands.
    fn shortcuts(&self, ctx: &Context, commands: &mut Commands) {
        let desk = &self.desk;
        if desk.question.is_some() || desk.opened.is_some() || desk.about_shown {
            return;
        }
        for command in UiCommand::WITH_SHORTCUT {
            if let Some(shortcut) = command.shortcut()
                && ctx.input_mut(|input| input.consume_shortcut(&shortcut))
            {
                commands.run(command);
            }
        }
    }

    fn carry_out(&mut self, ctx: &Context) {
        for effect in self.desk.take_effects() {
            match effect {
                Effect::Engine(command) => {
                    if let (Command::GoLive(broadcast), Some(reports)) =
                        (&command, &mut self.reports)
                    {
                        let format = format_of(&self.desk.settings.output);
                        reports.begin(broadcast, format, self.desk.now);
                    }
                    self.engine.send(command);
                }
                Effect::Keychain(request) => {
                    let asked = self.keychain.as_ref().map(|keychain| keychain.ask(request));
                    if let Some(Err(error)) = asked {
                        self.desk.tell_keychain_trouble(&error);
                    }
                }
                Effect::ChooseFolder => {
                    let dialog = rfd::AsyncFileDialog::new()
                        .set_title("Choose a folder for recordings")
                        .set_directory(self.desk.folder());
                    self.dialog = Some(Dialog {
                        edit: Edit::Folder,
                        answer: Box::pin(dialog.pick_folder()),
                    });
                    ctx.request_repaint();
                }
                Effect::ChooseCertificate => {
                    let dialog = rfd::AsyncFileDialog::new()
                        .set_title("Choose a file with certificates to trust")
                        .add_filter("Certificates (PEM)", &["pem", "crt", "cer"]);
                    self.dialog = Some(Dialog {
                        edit: Edit::Certificate,
                        answer: Box::pin(dialog.pick_file()),
                    });
                    ctx.request_repaint();
                }
                Effect::ReadCertificate(file) => {
                    let wake = self.wake.clone();
                    self.certificates.run(
                        "certificate",
                        move || wake.on_news(),
                        move || {
                            let read = trust_in_file(&file).map_err(|error| error.to_string());
                            (file, read)
                        },
                    );
                }
                Effect::OpenReport(file) => {
                    if let Some(reports) = &mut self.reports {
                        let wake = self.wake.clone();
                        reports.open(file, move || wake.on_news());
                    }
                }
                Effect::ApplyTheme => theme::apply(ctx, self.desk.settings.window.theme),
                Effect::Close => ctx.send_viewport_cmd(ViewportCommand::Close),
            }
        }
    }

    /// Looks whether a folder or file has been chosen; the dialog wakes the window when it has.
    fn poll_dialog(&mut self, ctx: &Context) {
        let Some(dialog) = &mut self.dialog else {
            return;
        };
        let waker = Waker::from(Arc::new(RepaintOnWake(ctx.clone())));
        if let Poll::Ready(chosen) = dialog
            .answer
            .as_mut()
            .poll(&mut task::Context::from_waker(&waker))
        {
            let edit = dialog.edit;
            self.dialog = None;
            let path = chosen.map(|handle| handle.path().to_owned());
            self.desk.act(Action::Edit(edit(path)));
        }
    }

    /// The preview costs nothing while nobody can see it.
    fn follow_visibility(&mut self, ctx: &Context) {
        let hidden = ctx.input(|input| {
            let viewport = input.viewport();
            viewport.minimized == Some(true) || viewport.occluded == Some(true)
        });
        if self.preview_shown == hidden {
            self.show_preview(!hidden);
        }
    }

    fn show_preview(&mut self, shown: bool) {
        self.preview_shown = shown;
        self.wake.set_hidden(!shown);
        self.engine.send(Command::ShowPreview(shown));
    }

    fn fetch_picture(&mut self, ctx: &Context) {
        if self.preview_shown
            && let Some(frame) = self.engine.preview()
        {
            self.picture.update(ctx, frame, self.preview_width);
        }
    }

    /// Tells once how long it took from the program's start to a picture.
    fn tell_first_picture(&mut self) {
        if self.picture.size().is_some()
            && let Some(started) = self.started.take()
        {
            let millis = started.elapsed().as_millis();
            tracing::debug!("the first picture is painted {millis} ms after the start");
        }
    }

    /// Saves changed settings once they have rested for a moment.
    fn save_when_rested(&mut self, ctx: &Context) {
        if self.desk.settings == self.saved {
            self.changed_at = None;
            return;
        }
        let changed_at = *self.changed_at.get_or_insert(self.desk.now);
        match SAVE_AFTER.checked_sub(self.desk.now.since(changed_at)) {
            Some(left) if !left.is_zero() => ctx.request_repaint_after(left),
            // One after the other; that it is done wakes the window.
            _ if self.saves.is_busy() => {}
            _ => self.save(),
        }
    }

    fn save(&mut self) {
        self.saved = self.desk.settings.clone();
        self.changed_at = None;
        if let Some(store) = self.store.clone() {
            let (settings, wake) = (self.saved.clone(), self.wake.clone());
            self.saves.run(
                "settings",
                move || wake.on_news(),
                move || store.save(&settings),
            );
        }
    }

    /// Takes in what came of errands and of the keychain.
    fn hear_news(&mut self) {
        while let Some(answer) = self.keychain.as_ref().and_then(Keychain::try_answer) {
            self.desk.hear_keychain(answer);
        }
        while let Some(news) = self.reports.as_mut().and_then(Reports::try_news) {
            self.desk.hear_report(news);
        }
        while let Some((file, read)) = self.certificates.try_news() {
            self.desk.hear_certificate(&file, &read);
        }
        while let Some(saved) = self.saves.try_news() {
            if let Err(error) = saved {
                self.desk.note(Severity::Warning, error.to_string());
            }
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, ctx: &Context, _frame: &mut eframe::Frame) {
        self.desk.step(self.engine.now());
        // A bounded number at a time: a flood of events must not starve the window.
        for _ in 0..MAX_EVENTS_PER_FRAME {
            match self.engine.try_event() {
                Some(event) => {
                    if let Some(reports) = &mut self.reports {
                        let wake = self.wake.clone();
                        reports.hear(&event, self.desk.now, move || wake.on_news());
                    }
                    self.desk.hear(event);
                }
                None => break,
            }
        }
        if self.preview_shown && !self.desk.view.meter.is_still(self.desk.now) {
            // Levels that stay as they are do not wake the window.
            ctx.request_repaint_after(METER_STEP);
        }
        self.hear_news();
        self.poll_dialog(ctx);
        self.follow_visibility(ctx);
        self.fetch_picture(ctx);
        if ctx.input(|input| input.viewport().close_requested()) && !self.desk.may_close() {
            ctx.send_viewport_cmd(ViewportCommand::CancelClose);
            ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
        }
        if self.desk.is_leaving() {
            ctx.request_repaint_after(Duration::from_millis(50));
        }
        self.save_when_rested(ctx);
        self.carry_out(ctx);
    }

    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let mut commands = self.show(ui);
        self.tell_first_picture();
        let ctx = ui.ctx().clone();
        self.shortcuts(&ctx, &mut commands);
        let actions = commands.into_actions();
        if !actions.is_empty() {
            ctx.request_repaint();
        }
        for action in actions {
            self.desk.act(action);
        }
        self.carry_out(&ctx);
        if !self.desk.view.is_offline() {
            // Durations tick, and the sign of a state on its way turns.
            let tick = if self.desk.view.is_live() { 250 } else { 50 };
            ctx.request_repaint_after(Duration::from_millis(tick));
        }
    }

    fn on_exit(&mut self, gl: Option<&glow::Context>) {
        if let Some(gl) = gl {
            self.picture.free(gl);
        }
        self.saves.finish(Duration::from_millis(500));
        if self.desk.settings != self.saved {
            self.save();
            self.saves.finish(Duration::from_millis(500));
        }
        if let Some(reports) = self.reports.take() {
            reports.finish(Duration::from_millis(500));
        }
        if let Some(keychain) = self.keychain.take() {
            keychain.finish(Duration::from_millis(500));
        }
    }
}

/// The column of cards, scrolling where the window is too low for them.
fn column(ui: &mut Ui, rect: Rect, desk: &Desk, commands: &mut Commands) {
    ui.scope_builder(UiBuilder::new().max_rect(rect).id_salt("column"), |ui| {
        ScrollArea::vertical()
            .auto_shrink([false, false])
            .show(ui, |ui| {
                ui.set_max_width(measure::COLUMN);
                ui.spacing_mut().item_spacing = Vec2::splat(measure::M);
                ui.push_id("sources", |ui| sources::show(ui, desk, commands));
                ui.push_id("output", |ui| output::show(ui, desk, commands));
                ui.push_id("destination", |ui| destination::show(ui, desk, commands));
                ui.add_space(0.0); // The last card has the same gap below it.
            });
    });
}

/// The system's folder for videos, or the home folder, or where the program was started.
fn default_folder() -> PathBuf {
    UserDirs::new()
        .map(|folders| {
            folders
                .video_dir()
                .unwrap_or_else(|| folders.home_dir())
                .to_owned()
        })
        .unwrap_or_default()
}

fn icon() -> eframe::egui::IconData {
    eframe::icon_data::from_png_bytes(include_bytes!("../../assets/icon-256.png"))
        .unwrap_or_default()
}

/// A dialog of the system that is open.
struct Dialog {
    /// What its answer changes.
    edit: fn(Option<PathBuf>) -> Edit,
    answer: Pin<Box<dyn Future<Output = Option<rfd::FileHandle>>>>,
}

/// Wakes the window when a future has news.
struct RepaintOnWake(Context);

impl task::Wake for RepaintOnWake {
    fn wake(self: Arc<Self>) {
        self.0.request_repaint();
    }
}

/// How long settings rest before they are saved.
const SAVE_AFTER: Duration = Duration::from_secs(1);
/// As often as levels are told.
const METER_STEP: Duration = Duration::from_millis(50);
const MAX_EVENTS_PER_FRAME: usize = 1_000;

#[cfg(test)]
mod tests;

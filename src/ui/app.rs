//! The window's life: events in, paint, effects out.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Poll, Wake, Waker},
    time::Duration,
};

use chrono::Local;
use directories::UserDirs;
use eframe::{
    egui::{Context, Rect, ScrollArea, Ui, UiBuilder, Vec2, ViewportBuilder, ViewportCommand},
    glow,
};

use crate::{
    engine::{
        command::{Command, trust_in_file},
        event::{Event, Severity},
    },
    media::frame::I420,
    settings::{
        model::Settings,
        secrets::{Keychain, SystemVault},
        store::Store,
    },
    units::MediaTime,
};

use super::{
    command::{Action, Commands, Edit, UiCommand},
    desk::{Desk, Effect, WallClock, format_of},
    layout::Layout,
    panels::{
        banner, bottom_bar, destination, further, graph, output, preview, question, sources, story,
        top_bar,
    },
    picture::Picture,
    reports::Reports,
    theme::{self, measure},
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
    fn set_waker(&mut self, wake: Box<dyn Fn() + Send + Sync>);

    /// The engine's clock.
    fn now(&self) -> MediaTime;
}

/// Opens the window and stays until it is closed. `settings` are what `store` had; `notice` is what is to be
/// told about reading them.
///
/// # Errors
/// When there is no display, or it offers no OpenGL.
pub fn run(
    engine: Box<dyn Engine>,
    store: Option<Store>,
    settings: Settings,
    notice: Option<String>,
) -> eframe::Result {
    let options = eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title("Skywave")
            .with_app_id("skywave")
            .with_inner_size([1280.0, 800.0])
            .with_min_inner_size([960.0, 600.0])
            .with_icon(icon()),
        ..Default::default()
    };
    eframe::run_native(
        "Skywave",
        options,
        Box::new(|creation| {
            let ctx = &creation.egui_ctx;
            let mut app = App::new(ctx, engine, store, settings, notice);
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
    store: Option<Store>,
    keychain: Option<Keychain>,
    reports: Option<Reports>,
    desk: Desk,
    picture: Picture,
    preview_width: f32,
    preview_shown: bool,
    preview_drawn_at: MediaTime,
    saved: Settings,
    changed_at: Option<MediaTime>,
    dialog: Option<Dialog>,
}

impl App {
    /// The window's state, with fonts and theme taught to `ctx` and the engine told the settings.
    pub fn new(
        ctx: &Context,
        mut engine: Box<dyn Engine>,
        store: Option<Store>,
        settings: Settings,
        notice: Option<String>,
    ) -> Self {
        theme::install(ctx);
        theme::apply(ctx, settings.window.theme);
        let wake = ctx.clone();
        engine.set_waker(Box::new(move || wake.request_repaint()));
        let wake = ctx.clone();
        let keychain = Keychain::start(SystemVault, move || wake.request_repaint()).ok();

        let now = engine.now();
        let wall = WallClock::new(Local::now(), now);
        let mut desk = Desk::new(settings, default_folder(), wall);
        desk.step(now);
        if let Some(notice) = notice {
            desk.note(Severity::Warning, notice);
        }
        let mut app = Self {
            engine,
            store,
            keychain,
            reports: Some(Reports::of_user()),
            saved: desk.settings.clone(),
            desk,
            picture: Picture::default(),
            preview_width: 864.0,
            preview_shown: false,
            preview_drawn_at: MediaTime::ZERO,
            changed_at: None,
            dialog: None,
        };
        app.carry_out(ctx);
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
        question::show(ui.ctx(), desk, &mut commands);
        commands
    }

    /// The keyboard's share of the commands.
    fn shortcuts(&self, ctx: &Context, commands: &mut Commands) {
        if self.desk.question.is_some() || self.desk.opened.is_some() {
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
                    let read = trust_in_file(&file).map_err(|error| error.to_string());
                    self.desk.hear_certificate(&file, &read);
                }
                Effect::OpenReport(file) => {
                    if let Some(reports) = &mut self.reports {
                        let wake = ctx.clone();
                        reports.open(file, move || wake.request_repaint());
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
            .poll(&mut std::task::Context::from_waker(&waker))
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
            self.preview_shown = !hidden;
            self.engine.send(Command::ShowPreview(self.preview_shown));
        }
    }

    fn fetch_picture(&mut self, ctx: &Context) {
        if !self.preview_shown {
            return;
        }
        let since = self.desk.now.since(self.preview_drawn_at);
        if let Some(early) = PREVIEW_INTERVAL
            .checked_sub(since)
            .filter(|early| !early.is_zero())
        {
            ctx.request_repaint_after(early);
            return;
        }
        if let Some(frame) = self.engine.preview() {
            self.preview_drawn_at = self.desk.now;
            self.picture.update(ctx, frame, self.preview_width);
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
            _ => self.save(),
        }
    }

    fn save(&mut self) {
        self.saved = self.desk.settings.clone();
        self.changed_at = None;
        if let Some(store) = &self.store
            && let Err(error) = store.save(&self.saved)
        {
            self.desk.note(Severity::Warning, error.to_string());
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
                        let wake = ctx.clone();
                        reports.hear(&event, self.desk.now, move || wake.request_repaint());
                    }
                    self.desk.hear(event);
                }
                None => break,
            }
        }
        while let Some(answer) = self.keychain.as_ref().and_then(Keychain::try_answer) {
            self.desk.hear_keychain(answer);
        }
        while let Some(news) = self.reports.as_mut().and_then(Reports::try_news) {
            self.desk.hear_report(news);
        }
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
        if self.desk.settings != self.saved {
            self.save();
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
                ui.add_space(measure::XS);
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

impl Wake for RepaintOnWake {
    fn wake(self: Arc<Self>) {
        self.0.request_repaint();
    }
}

/// The preview's pictures come no faster than this.
const PREVIEW_INTERVAL: Duration = Duration::from_millis(32);
/// How long settings rest before they are saved.
const SAVE_AFTER: Duration = Duration::from_secs(1);
const MAX_EVENTS_PER_FRAME: usize = 1_000;

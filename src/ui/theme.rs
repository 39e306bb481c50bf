//! Colours, type and measures of the window: every colour and size used by a panel is named here.

use std::sync::Arc;

use eframe::egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow,
    Stroke, Style, TextStyle, Theme, ThemePreference, Ui, Vec2, Visuals, style::ScrollStyle,
    style::WidgetVisuals, vec2,
};

use crate::settings::model::ThemeChoice;

/// The colours of one theme, by what they are for.
#[derive(Clone, Copy, Debug)]
pub struct Tokens {
    /// Behind everything.
    pub background: Color32,
    /// Cards and bars.
    pub panel: Color32,
    /// Fields, pickers, rails.
    pub raised: Color32,
    /// A raised thing under the pointer.
    pub hovered: Color32,
    /// Edges.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text that explains.
    pub dim: Color32,
    /// Text that can be overlooked.
    pub faint: Color32,
    /// What can be pressed, what is chosen.
    pub accent: Color32,
    /// Live and danger: edges and text.
    pub live: Color32,
    /// Live and danger: fills behind white text.
    pub live_fill: Color32,
    /// As it should be.
    pub good: Color32,
    /// Viewers may notice.
    pub warning: Color32,
    /// Text and signs on `live_fill`.
    pub on_fill: Color32,
    /// The knob of a slider.
    pub knob: Color32,
    /// Behind a picture that does not fill its frame.
    pub stage: Color32,
    /// Text on the stage and on captions over a picture, in both themes.
    pub on_stage: Color32,
    /// Text on the stage that explains.
    pub on_stage_dim: Color32,
    /// Behind captions over a picture.
    pub caption: Color32,
}

/// The dark theme.
pub const DARK: Tokens = Tokens {
    background: rgb("#101216"),
    panel: rgb("#171A20"),
    raised: rgb("#1F232B"),
    hovered: rgb("#272C36"),
    line: rgb("#2A2F39"),
    text: rgb("#E9ECF1"),
    dim: rgb("#9AA3B2"),
    faint: rgb("#848D9D"),
    accent: rgb("#5B9DFF"),
    live: rgb("#FF5C5E"),
    live_fill: rgb("#DC3437"),
    good: rgb("#3FCF8E"),
    warning: rgb("#F5B54A"),
    on_fill: rgb("#FFFFFF"),
    knob: rgb("#E9ECF1"),
    stage: rgb("#0A0B0E"),
    on_stage: rgb("#E9ECF1"),
    on_stage_dim: rgb("#9AA3B2"),
    caption: Color32::from_rgba_unmultiplied_const(0x08, 0x0A, 0x0D, 0xC4),
};

/// The light theme.
pub const LIGHT: Tokens = Tokens {
    background: rgb("#F4F5F7"),
    panel: rgb("#FFFFFF"),
    raised: rgb("#F0F2F5"),
    hovered: rgb("#E6E9EE"),
    line: rgb("#DFE3E9"),
    text: rgb("#14171C"),
    dim: rgb("#566072"),
    faint: rgb("#636C7C"),
    accent: rgb("#1A63D8"),
    live: rgb("#CF262B"),
    live_fill: rgb("#D92D30"),
    good: rgb("#127D51"),
    warning: rgb("#9A5B00"),
    on_fill: rgb("#FFFFFF"),
    knob: rgb("#14171C"),
    stage: rgb("#14171C"),
    ..DARK
};

/// The weights of the text face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// 400.
    Regular,
    /// 500.
    Medium,
    /// 600.
    SemiBold,
    /// 700.
    Bold,
}

/// The 8-point grid and what hangs on it, in points.
pub mod measure {
    /// Half a step.
    pub const XS: f32 = 4.0;
    /// One step: between controls.
    pub const S: f32 = 8.0;
    /// Between cards.
    pub const M: f32 = 12.0;
    /// Inside cards.
    pub const L: f32 = 16.0;
    /// At the window's edge and between columns.
    pub const XL: f32 = 24.0;
    /// Height of fields and pickers.
    pub const CONTROL: f32 = 32.0;
    /// Height of the bar at the top.
    pub const TOP_BAR: f32 = 54.0;
    /// Height of the bar at the bottom.
    pub const BOTTOM_BAR: f32 = 80.0;
    /// Width of the column of cards.
    pub const COLUMN: f32 = 344.0;
    /// Width of the labels in cards.
    pub const LABEL: f32 = 80.0;
}

/// Corners of controls.
pub const RADIUS: CornerRadius = CornerRadius::same(8);
/// Corners of cards.
pub const CARD_RADIUS: CornerRadius = CornerRadius::same(12);

/// The tokens of the theme in force.
#[must_use]
pub fn tokens(ui: &Ui) -> &'static Tokens {
    if ui.visuals().dark_mode {
        &DARK
    } else {
        &LIGHT
    }
}

/// The text face in `weight` at `size` points.
#[must_use]
pub fn font(weight: Weight, size: f32) -> FontId {
    let family = match weight {
        Weight::Regular => FontFamily::Proportional,
        Weight::Medium => FontFamily::Name(MEDIUM.into()),
        Weight::SemiBold => FontFamily::Name(SEMI_BOLD.into()),
        Weight::Bold => FontFamily::Name(BOLD.into()),
    };
    FontId::new(size, family)
}

/// Teaches `ctx` the fonts and both themes.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    for (theme, tokens) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
        ctx.style_mut_of(theme, |style| dress(style, theme, tokens));
    }
}

/// Puts the chosen theme in force.
pub fn apply(ctx: &Context, choice: ThemeChoice) {
    ctx.set_theme(match choice {
        ThemeChoice::System => ThemePreference::System,
        ThemeChoice::Dark => ThemePreference::Dark,
        ThemeChoice::Light => ThemePreference::Light,
    });
}

/// Relative contrast of two opaque colours (WCAG 2.2, "contrast ratio"): 1 to 21.
#[must_use]
pub fn contrast(one: Color32, other: Color32) -> f32 {
    let luminance = |colour: Color32| {
        let linear = |channel: u8| {
            let value = f32::from(channel) / 255.0;
            if value <= 0.040_45 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// The opaque colour written `#RRGGBB`.
const fn rgb(text: &str) -> Color32 {
    const fn nibble(digit: u8) -> u8 {
        match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'F' => digit - b'A' + 10,
            _ => panic!("a colour is written #RRGGBB, in capitals"),
        }
    }
    let text = text.as_bytes();
    assert!(text.len() == 7 && text[0] == b'#');
    Color32::from_rgba_premultiplied(
        nibble(text[1]) << 4 | nibble(text[2]),
        nibble(text[3]) << 4 | nibble(text[4]),
        nibble(text[5]) << 4 | nibble(text[6]),
        0xFF,
    )
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let faces: [(&str, &'static [u8], FontFamily); 4] = [
        (
            REGULAR,
            include_bytes!("../../assets/fonts/Inter-Regular.ttf"),
            FontFamily::Proportional,
        ),
        (
            MEDIUM,
            include_bytes!("../../assets/fonts/Inter-Medium.ttf"),
            FontFamily::Name(MEDIUM.into()),
        ),
        (
            SEMI_BOLD,
            include_bytes!("../../assets/fonts/Inter-SemiBold.ttf"),
            FontFamily::Name(SEMI_BOLD.into()),
        ),
        (
            BOLD,
            include_bytes!("../../assets/fonts/Inter-Bold.ttf"),
            FontFamily::Name(BOLD.into()),
        ),
    ];
    for (name, bytes, family) in faces {
        fonts
            .font_data
            .insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
        fonts.families.insert(family, vec![name.to_owned()]);
    }
    fonts
        .families
        .insert(FontFamily::Monospace, vec![REGULAR.to_owned()]);
    fonts
}

fn dress(style: &mut Style, theme: Theme, tokens: &Tokens) {
    style.visuals = visuals(theme, tokens);
    style.text_styles = [
        (TextStyle::Small, font(Weight::Regular, 11.5)),
        (TextStyle::Body, font(Weight::Regular, 13.0)),
        (TextStyle::Button, font(Weight::Regular, 13.0)),
        (TextStyle::Monospace, font(Weight::Regular, 13.0)),
        (TextStyle::Heading, font(Weight::SemiBold, 16.0)),
    ]
    .into();
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::splat(measure::S);
    spacing.button_padding = vec2(measure::M, measure::S);
    spacing.interact_size = vec2(measure::CONTROL, measure::CONTROL);
    spacing.menu_margin = Margin::same(6);
    spacing.window_margin = Margin::same(24);
    spacing.icon_width = 12.0;
    spacing.tooltip_width = 320.0;
    spacing.scroll = ScrollStyle {
        floating: true,
        bar_width: 8.0,
        floating_width: 4.0,
        ..ScrollStyle::floating()
    };
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.animation_time = 0.1;
}

fn visuals(theme: Theme, tokens: &Tokens) -> Visuals {
    let mut visuals = theme.default_visuals();
    let widget = |fill: Color32, line: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, line),
        corner_radius: RADIUS,
        fg_stroke: Stroke::new(1.0, tokens.text),
        expansion: 0.0,
    };
    visuals.widgets.noninteractive = widget(tokens.panel, tokens.line);
    visuals.widgets.inactive = widget(tokens.raised, tokens.line);
    visuals.widgets.hovered = widget(tokens.hovered, tokens.faint);
    visuals.widgets.active = widget(tokens.hovered, tokens.accent);
    visuals.widgets.open = widget(tokens.hovered, tokens.accent);
    // Outlines as they were drawn: grid-fitting swallows the dots of small letters.
    visuals.text_options.font_hinting = false;
    visuals.disabled_alpha = 0.65;
    visuals.override_text_color = None;
    visuals.weak_text_color = Some(tokens.dim);
    visuals.selection.bg_fill = tokens.accent.gamma_multiply(0.35);
    visuals.selection.stroke = Stroke::new(1.0, tokens.accent);
    visuals.hyperlink_color = tokens.accent;
    visuals.panel_fill = tokens.background;
    visuals.window_fill = tokens.panel;
    visuals.window_stroke = Stroke::new(1.0, tokens.line);
    visuals.window_corner_radius = CARD_RADIUS;
    visuals.menu_corner_radius = CARD_RADIUS;
    visuals.extreme_bg_color = tokens.raised;
    visuals.text_edit_bg_color = Some(tokens.raised);
    visuals.faint_bg_color = tokens.raised;
    visuals.warn_fg_color = tokens.warning;
    visuals.error_fg_color = tokens.live;
    let shadow = Shadow {
        offset: [0, 8],
        blur: 24,
        spread: 0,
        color: Color32::from_black_alpha(if theme == Theme::Dark { 110 } else { 40 }),
    };
    visuals.popup_shadow = shadow;
    visuals.window_shadow = shadow;
    visuals.text_cursor.stroke = Stroke::new(1.5, tokens.accent);
    visuals
}

const REGULAR: &str = "Inter";
const MEDIUM: &str = "Inter Medium";
const SEMI_BOLD: &str = "Inter SemiBold";
const BOLD: &str = "Inter Bold";

#[cfg(test)]
mod tests {
    use eframe::egui::RawInput;

    use super::*;

    #[test]
    fn every_text_colour_stands_out_from_every_surface_it_is_written_on() {
        for (theme, tokens) in [("dark", DARK), ("light", LIGHT)] {
            for surface in [tokens.background, tokens.panel, tokens.raised] {
                for (name, text) in [
                    ("text", tokens.text),
                    ("dim", tokens.dim),
                    ("faint", tokens.faint),
                    ("accent", tokens.accent),
                    ("live", tokens.live),
                    ("good", tokens.good),
                    ("warning", tokens.warning),
                ] {
                    let ratio = contrast(text, surface);
                    assert!(ratio >= 4.5, "{theme} {name} on {surface:?}: {ratio:.2}");
                }
            }
            for (text, surface) in [
                (tokens.on_fill, tokens.live_fill),
                (tokens.on_stage, tokens.stage),
                (tokens.on_stage_dim, tokens.stage),
            ] {
                let ratio = contrast(text, surface);
                assert!(ratio >= 4.5, "{theme} {text:?} on {surface:?}: {ratio:.2}");
            }
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 0.01);
        assert!((contrast(Color32::WHITE, Color32::WHITE) - 1.0).abs() < 0.01);
    }

    /// Runs `check` where the window's fonts are loaded, which takes one pass.
    fn with_fonts(check: impl Fn(&mut Ui)) {
        let ctx = Context::default();
        install(&ctx);
        for pass in 0..2 {
            let mut output = ctx.run_ui(RawInput::default(), |ui| {
                if pass == 1 {
                    check(ui);
                }
            });
            output.textures_delta.clear();
        }
    }

    #[test]
    fn all_figures_are_equally_wide_in_every_weight() {
        with_fonts(|ui| {
            for weight in [
                Weight::Regular,
                Weight::Medium,
                Weight::SemiBold,
                Weight::Bold,
            ] {
                let width = |text: &str| {
                    let galley = ui.painter().layout_no_wrap(
                        text.to_owned(),
                        font(weight, 16.0),
                        Color32::WHITE,
                    );
                    galley.size().x
                };
                for digit in '0'..='9' {
                    let digits = digit.to_string().repeat(10);
                    let difference = width(&digits) - width("0000000000");
                    assert!(difference.abs() < 0.5, "{weight:?} {digit}: {difference}");
                }
            }
        });
    }

    #[test]
    fn the_font_has_every_sign_the_window_writes() {
        with_fonts(|ui| {
            for sign in "·–−×→…•●“”„’äßéçñøłşžÅПЖλ€".chars() {
                let has = ui.fonts_mut(|fonts| fonts.has_glyph(&font(Weight::Regular, 13.0), sign));
                assert!(has, "{sign}");
            }
        });
    }
}

//! A value on a rail: dragged, pressed, or stepped with the arrow keys.

use eframe::egui::{
    CornerRadius, CursorIcon, Event, EventFilter, Key, Rect, Response, Role, Sense, Stroke, Ui,
    WidgetInfo,
    accesskit::{Action, ActionData},
    lerp, pos2, remap_clamp, vec2,
};

use crate::ui::theme::tokens;

/// A slider called `name` in `rect`, from `low` to `high` in steps of `step`. Returns the new value when a
/// person changed it. `words` say the value to a screen reader.
pub fn slider(
    ui: &mut Ui,
    rect: Rect,
    name: &str,
    value: f32,
    (low, high, step): (f32, f32, f32),
    words: &str,
) -> (Response, Option<f32>) {
    let id = ui.scope_id().with(("slider", name));
    let response = ui
        .interact(rect, id, Sense::click_and_drag())
        .on_hover_cursor(CursorIcon::PointingHand);
    let rail = Rect::from_center_size(rect.center(), vec2(rect.width() - 2.0 * KNOB, RAIL));

    let mut wanted = value;
    if let Some(pointer) = response.interact_pointer_pos() {
        wanted = remap_clamp(pointer.x, rail.left()..=rail.right(), low..=high);
        response.request_focus();
    }
    if response.has_focus() {
        // Left and right belong to the slider, up and down still move on.
        ui.memory_mut(|memory| {
            memory.set_focus_lock_filter(
                id,
                EventFilter {
                    horizontal_arrows: true,
                    ..EventFilter::default()
                },
            );
        });
        wanted += step
            * ui.input(|input| {
                input.num_presses(Key::ArrowRight) as f32 - input.num_presses(Key::ArrowLeft) as f32
            });
    }
    wanted += step
        * ui.input(|input| {
            input.num_accesskit_action_requests(id, Action::Increment) as f32
                - input.num_accesskit_action_requests(id, Action::Decrement) as f32
        });
    ui.input(|input| {
        for event in &input.events {
            if let Event::AccessKitActionRequest(request) = event
                && request.target_node == id.accesskit_id()
                && let (Action::SetValue, Some(ActionData::NumericValue(number))) =
                    (request.action, &request.data)
            {
                #[expect(clippy::cast_possible_truncation, reason = "clamped right below")]
                let number = *number as f32;
                wanted = number;
            }
        }
    });
    let wanted = (low + ((wanted - low) / step).round() * step).clamp(low, high);

    response.widget_info(|| {
        let mut info = WidgetInfo::slider(ui.is_enabled(), f64::from(value), name);
        info.role = Role::Slider;
        info.current_text_value = Some(words.to_owned());
        info
    });
    ui.ctx().accesskit_node_builder(id, |node| {
        node.set_min_numeric_value(f64::from(low));
        node.set_max_numeric_value(f64::from(high));
        node.set_numeric_value_step(f64::from(step));
        node.add_action(Action::SetValue);
        node.add_action(Action::Increment);
        node.add_action(Action::Decrement);
    });

    let tokens = tokens(ui);
    let knob = lerp(
        rail.left()..=rail.right(),
        remap_clamp(wanted, low..=high, 0.0..=1.0),
    );
    let radius = CornerRadius::same(2);
    let rail = rail.expand2(vec2(KNOB, 0.0));
    ui.painter().rect_filled(rail, radius, tokens.line);
    let filled = Rect::from_min_max(rail.min, pos2(knob, rail.max.y));
    ui.painter().rect_filled(filled, radius, tokens.accent);
    let centre = pos2(knob, rail.center().y);
    if response.hovered() || response.has_focus() {
        let halo = tokens.accent.gamma_multiply(0.25);
        ui.painter().circle_filled(centre, KNOB + 4.0, halo);
    }
    ui.painter().circle(centre, KNOB, tokens.knob, Stroke::NONE);
    let changed = (wanted - value).abs() > f32::EPSILON && ui.is_enabled();
    (response, changed.then_some(wanted))
}

/// Radius of the knob.
const KNOB: f32 = 8.0;
/// Height of the rail.
const RAIL: f32 = 4.0;

//! Where everything goes: the preview is the hero, figures and button stay, the cards scroll.

use eframe::egui::{Rect, pos2, vec2};

use super::{
    theme::measure::{BOTTOM_BAR, COLUMN, L, M, S, TOP_BAR, XL},
    widgets::meter,
};

/// The places of the window's parts.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// Name, state, sentence.
    pub top_bar: Rect,
    /// A message about something that went wrong; empty when there is none.
    pub banner: Rect,
    /// The picture.
    pub preview: Rect,
    /// Sound levels.
    pub meter: Rect,
    /// The bitrate graph.
    pub graph: Rect,
    /// What happened.
    pub story: Rect,
    /// The cards, scrolling; reaches the window's edge, where the scroll bar is.
    pub column: Rect,
    /// Figures and the big button.
    pub bottom_bar: Rect,
}

impl Layout {
    /// The places in a window that covers `window`, with a banner `banner_height` high (0: none).
    #[must_use]
    pub fn new(window: Rect, banner_height: f32) -> Self {
        let (top_bar, rest) = window.split_top_bottom_at_y(window.top() + TOP_BAR);
        let (body, bottom_bar) = rest.split_top_bottom_at_y(window.bottom() - BOTTOM_BAR);
        let split = window.right() - XL - COLUMN;
        let column = Rect::from_min_max(pos2(split, body.top()), body.max);
        let hero = Rect::from_min_max(
            pos2(window.left() + XL, body.top()),
            pos2(split - XL, body.bottom() - L),
        );

        let banner = Rect::from_min_size(hero.min, vec2(hero.width(), banner_height));
        let gap = if banner_height > 0.0 { M } else { 0.0 };
        let top = banner.bottom() + gap;
        let below = M + meter::HEIGHT + S + LEAST_CARD;
        let height = (hero.width() * 9.0 / 16.0).min(hero.bottom() - below - top);
        let preview = Rect::from_min_size(pos2(hero.left(), top), vec2(hero.width(), height));
        let meter = Rect::from_min_size(
            pos2(hero.left(), preview.bottom() + M),
            vec2(hero.width(), meter::HEIGHT),
        );
        let cards = Rect::from_min_max(pos2(hero.left(), meter.bottom() + S), hero.max);
        let half = (cards.width() - L) / 2.0;
        let (graph, story) = (
            Rect::from_min_size(cards.min, vec2(half, cards.height())),
            Rect::from_min_max(pos2(cards.right() - half, cards.top()), cards.max),
        );
        Self {
            top_bar,
            banner,
            preview,
            meter,
            graph,
            story,
            column,
            bottom_bar,
        }
    }
}

/// Least height of the cards under the preview.
const LEAST_CARD: f32 = 104.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn window(width: f32, height: f32) -> Rect {
        Rect::from_min_size(pos2(0.0, 0.0), vec2(width, height))
    }

    #[test]
    fn the_preview_is_the_largest_part_at_every_size() {
        for (width, height) in [(960.0, 600.0), (1280.0, 800.0), (2560.0, 1440.0)] {
            for banner in [0.0, 64.0] {
                let layout = Layout::new(window(width, height), banner);
                for other in [layout.graph, layout.story, layout.meter, layout.bottom_bar] {
                    assert!(
                        layout.preview.area() > other.area(),
                        "{width}x{height}: {layout:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_overlaps_and_nothing_sticks_out() {
        for (width, height) in [(960.0, 600.0), (1280.0, 800.0), (1920.0, 700.0)] {
            let layout = Layout::new(window(width, height), 72.0);
            let parts = [
                layout.top_bar,
                layout.banner,
                layout.preview,
                layout.meter,
                layout.graph,
                layout.story,
                layout.column,
                layout.bottom_bar,
            ];
            for (index, part) in parts.iter().enumerate() {
                assert!(window(width, height).contains_rect(*part), "{part:?}");
                for other in &parts[index + 1..] {
                    let shared = part.intersect(*other);
                    assert!(
                        shared.width() < 0.5 || shared.height() < 0.5,
                        "{part:?} {other:?}"
                    );
                }
            }
        }
    }
}

//! The newest program picture, for whoever wants to look at it.

use std::{
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::media::frame::I420;

/// One place for one picture: the newest replaces the one before. Costs nothing while nobody looks.
#[derive(Debug, Default)]
pub struct Preview {
    shown: AtomicBool,
    place: Mutex<Place>,
}

#[derive(Debug, Default)]
struct Place {
    newest: Option<Arc<I420>>,
    is_taken: bool,
}

impl Preview {
    /// Whether somebody looks.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        self.shown.load(Ordering::Relaxed)
    }

    /// Somebody looks, or nobody does any more.
    pub fn show(&self, shown: bool) {
        self.shown.store(shown, Ordering::Relaxed);
        if !shown {
            *self.place() = Place::default();
        }
    }

    /// Replaces the picture; tells whether `picture` is another one.
    pub fn put(&self, picture: Arc<I420>) -> bool {
        let mut place = self.place();
        if !self.is_shown() {
            return false; // since a moment ago
        }
        let last = place.newest.replace(picture);
        let is_new = match (&last, &place.newest) {
            (Some(last), Some(newest)) => !Arc::ptr_eq(last, newest),
            _ => true,
        };
        place.is_taken &= !is_new;
        is_new
    }

    /// The newest picture, if there is one that was not taken yet.
    #[must_use]
    pub fn take(&self) -> Option<Arc<I420>> {
        let mut place = self.place();
        if mem::replace(&mut place.is_taken, true) {
            return None;
        }
        place.newest.clone()
    }

    fn place(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

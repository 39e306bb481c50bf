//! The newest program picture, for whoever wants to look at it.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use crate::media::frame::I420;

/// One place for one picture: the newest replaces the one before. Costs nothing while nobody looks.
#[derive(Debug, Default)]
pub struct Preview {
    shown: AtomicBool,
    picture: Mutex<Option<Arc<I420>>>,
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
            self.put(None);
        }
    }

    /// Replaces the picture.
    pub fn put(&self, picture: Option<Arc<I420>>) {
        *self.picture.lock().unwrap_or_else(PoisonError::into_inner) = picture;
    }

    /// The newest picture, if there is one that was not taken yet.
    #[must_use]
    pub fn take(&self) -> Option<Arc<I420>> {
        self.picture
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

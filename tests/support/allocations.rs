//! Counts what each thread allocates, and the memory in use: an allocator that hands on to the system's.
//!
//! ```ignore
//! #[global_allocator]
//! static ALLOCATOR: Counting = Counting;
//! ```

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    fs,
    sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering},
};

/// Counts, and hands on to the system's allocator.
pub(crate) struct Counting;

// SAFETY: every call is the system's own; counting touches a thread's own cell and atomics, and allocates nothing.
#[expect(unsafe_code, reason = "an allocator cannot be written without")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(place, layout) }
    }
}

/// Allocations of each thread that is alive, by the thread's name; those of the same name together.
pub(crate) fn by_thread() -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = Vec::new();
    for slot in &SLOTS[..USED.load(Ordering::Relaxed).min(SLOTS.len())] {
        let id = slot.thread.load(Ordering::Acquire);
        let Ok(name) = fs::read_to_string(format!("/proc/self/task/{id}/comm")) else {
            continue; // it has ended, or is just beginning
        };
        let (name, count) = (name.trim_end(), slot.count.load(Ordering::Relaxed));
        match all.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += count,
            None => all.push((name.to_owned(), count)),
        }
    }
    all
}

/// What one thread allocated.
struct Slot {
    thread: AtomicI32,
    count: AtomicU64,
}

static SLOTS: [Slot; 256] = [const {
    Slot {
        thread: AtomicI32::new(0),
        count: AtomicU64::new(0),
    }
}; 256];
static USED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static OWN: Cell<Option<usize>> = const { Cell::new(None) };
}

fn count() {
    // A thread that is ending is not counted any more.
    let _ = OWN.try_with(|own| {
        let index = own.get().unwrap_or_else(|| {
            let index = USED.fetch_add(1, Ordering::Relaxed);
            own.set(Some(index));
            if let Some(slot) = SLOTS.get(index) {
                slot.thread.store(thread_id(), Ordering::Release);
            }
            index
        });
        if let Some(slot) = SLOTS.get(index) {
            slot.count.fetch_add(1, Ordering::Relaxed);
        }
    });
}

#[expect(
    unsafe_code,
    reason = "std does not tell the kernel's number of a thread"
)]
fn thread_id() -> i32 {
    // SAFETY: the call has no preconditions.
    unsafe { libc::gettid() }
}

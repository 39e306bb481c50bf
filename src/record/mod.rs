//! Recording to disk, safe against crashes.

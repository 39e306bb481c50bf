//! The rivals' laws, as far as they are published. Where a figure is not known, the one is taken that serves the
//! rival best.
//!
//! What all of them are given although not all have it: the stream begins anew with a key frame that is made at
//! once and at the ceiling; the encoder's orders are obeyed as fast as ours; a live light that goes out when the connection is given up.
//!
//! | figure | OBS | FMLE | Moblin | `HaishinKit` |
//! |---|---|---|---|---|
//! | a dead link is given up after | 15 s (`TCP_USER_TIMEOUT`; elsewhere `SO_SNDTIMEO`) | 15 s (assumed) | 15 s (assumed) | 15 s (assumed) |
//! | next attempt after | 2 s, times 1.5 to 1.55, up to 15 min, 25 times | 5 s (assumed), for ever | 5 s, for ever | 5 s (the usual example's), for ever |
//! | an attempt is given up after | 25 s in all | 20 s (assumed) | 20 s | 15 s |
//! | queue's limit | none by itself | 1 s, its "maximum buffer size" | 100 MB | none |
//! | bitrate | see each file | | | |
//!
//! Sources: OBS `plugins/obs-outputs/rtmp-stream.c` and `libobs/obs-output.c`; FMLE 3.0's help, "Automatically
//! adjust video quality", and its profiles; Moblin `AdaptiveBitrateSrtFight.swift`; `HaishinKit`
//! `StreamBitRateStrategy.swift`.

pub(crate) mod fmle;
pub(crate) mod haishinkit;
pub(crate) mod moblin;
pub(crate) mod obs;
pub(crate) mod publisher;

//! The audio thread: source, gain, meter, encoder, on the same clock as the program.
//!
//! Sample `i` is heard at `i / 48000` on the media clock. The thread takes a [`BLOCK`] at a time, as soon as it is
//! there; what a microphone has not delivered [`LATENCY`] behind the clock becomes silence. What is late by more
//! than [`CATCH_UP`], because the machine slept or stood still, is left out.
//!
//! Pictures wait for the sound before them, which the encoder's look-ahead makes late. Of silence, what is to come is
//! known: it is encoded [`AHEAD`] of the clock, and no picture waits for it.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{outputs::Outputs, priority};
use crate::{
    capture::{
        microphone::{self, Jump, MicrophoneFeed},
        source::{AudioChoice, SourceEvent},
        tone::{Tone, ToneMode},
    },
    encode::encoder::{AudioEncoder, EncodeError},
    media::{
        clock::Clock,
        level::{LevelMeter, Levels, amplify},
        packet::{AudioPacket, Packet},
    },
    units::{Decibels, MediaTime},
};

/// Samples per second inside the program.
pub const SAMPLE_RATE: u32 = 48_000;

/// The running audio thread; dropping it ends the thread.
pub struct Audio {
    orders: SyncSender<Order>,
    _thread: JoinHandle<()>,
}

/// What the audio thread tells.
pub enum AudioEvent {
    /// A microphone's state changed.
    Source(SourceEvent),
    /// Levels of the last moment.
    Levels(Levels),
    /// A microphone's sound was too far from its time to be caught up with unheard.
    Jumped(Jump),
    /// Nothing was done for so long: the machine slept or stood still.
    StoodStill(Duration),
    /// The encoder refused.
    EncoderFailed(EncodeError),
}

enum Order {
    Select(AudioChoice),
    Gain(Decibels),
    Muted(bool),
    Encode(Option<Encoding>),
}

struct Encoding {
    encoder: Box<dyn AudioEncoder>,
    /// The sample that the encoder is to get next.
    next: u64,
    outputs: Arc<Outputs>,
    /// The trouble told last: the same with each block is told once.
    told: Option<EncodeError>,
}

impl Encoding {
    fn new(encoder: Box<dyn AudioEncoder>, from: MediaTime, outputs: Arc<Outputs>) -> Self {
        Self {
            encoder,
            next: from.samples(SAMPLE_RATE),
            outputs,
            told: None,
        }
    }

    /// Encodes the block that begins at sample `first`. If the thread was too late for those before, silence
    /// takes their place, or where they are too many a gap: otherwise all sound would come too early.
    fn encode(&mut self, first: u64, block: &[f32]) -> Result<(), EncodeError> {
        let Self {
            encoder, outputs, ..
        } = self;
        let mut sink = |packet| outputs.write(Packet::Audio(packet));
        let gap = duration_of(first.saturating_sub(self.next));
        if gap > CATCH_UP {
            encoder.skip(gap);
            self.next = first;
        }
        while self.next < first {
            encoder.encode(&[0.0; 2 * BLOCK], &mut sink)?;
            self.next += BLOCK as u64;
        }
        if self.next == first {
            self.next += BLOCK as u64;
            encoder.encode(block, &mut sink)?;
        }
        Ok(())
    }
}

impl Audio {
    /// Starts the audio thread, silent. `on_event` is called from it and must not block.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(clock: Clock, on_event: impl Fn(AudioEvent) + Send + 'static) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDER_CAPACITY);
        let thread = thread::Builder::new().name("audio".into()).spawn(move || {
            Worker {
                clock,
                source: Source::Silence,
                gain: Decibels(0.0),
                muted: false,
                meter: LevelMeter::new(),
                encoding: None,
                next: due(clock.now()),
                looked_at: MediaTime::ZERO,
                stood_still: false,
                on_event,
            }
            .run(&inbox);
        })?;
        Ok(Self {
            orders,
            _thread: thread,
        })
    }

    /// Takes the sound from `choice` from now on.
    pub fn select(&self, choice: AudioChoice) {
        self.order(Order::Select(choice));
    }

    /// Multiplies the sound.
    pub fn set_gain(&self, gain: Decibels) {
        self.order(Order::Gain(gain));
    }

    /// Sends silence instead of the sound.
    pub fn set_muted(&self, muted: bool) {
        self.order(Order::Muted(muted));
    }

    /// Encodes what is heard from time `from` on (given by [`encoder_start`], not passed yet) into `outputs`.
    pub fn attach_encoder(
        &self,
        encoder: Box<dyn AudioEncoder>,
        from: MediaTime,
        outputs: Arc<Outputs>,
    ) {
        self.order(Order::Encode(Some(Encoding::new(encoder, from, outputs))));
    }

    /// Encodes no longer.
    pub fn detach_encoder(&self) {
        self.order(Order::Encode(None));
    }

    /// The thread reads its orders with each block; it is gone only when the program ends.
    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

/// The next time at which an audio encoder can begin that is asked for at `now`: far enough ahead for it to be made
/// and to reach the audio thread.
#[must_use]
pub fn encoder_start(now: MediaTime) -> MediaTime {
    let after = now + HEAD_START;
    MediaTime::from_samples(
        (after.samples(SAMPLE_RATE) / START + 1) * START,
        SAMPLE_RATE,
    )
}

struct Worker<F> {
    clock: Clock,
    source: Source,
    gain: Decibels,
    muted: bool,
    meter: LevelMeter,
    encoding: Option<Encoding>,
    /// Index of the next sample.
    next: u64,
    /// When the next block was last looked for in vain.
    looked_at: MediaTime,
    /// Whether samples were passed over before the next one.
    stood_still: bool,
    on_event: F,
}

impl<F: Fn(AudioEvent)> Worker<F> {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut block = [0.0; 2 * BLOCK];
        priority::raise();
        loop {
            match orders.recv_timeout(self.clock.until(self.look_at())) {
                Ok(order) => self.apply(order),
                Err(RecvTimeoutError::Timeout) => {
                    let now = self.clock.now();
                    self.leave_out_what_is_too_late(now);
                    while self.has_block(now) {
                        self.process(&mut block);
                    }
                    if now >= self.block_due() {
                        self.looked_at = now;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn apply(&mut self, order: Order) {
        match order {
            Order::Select(choice) => self.source = Source::open(&choice, self.clock),
            Order::Gain(gain) => self.gain = gain,
            Order::Muted(muted) => self.muted = muted,
            Order::Encode(encoding) => self.encoding = encoding,
        }
    }

    /// When to look for the next block. For a meter alone, a few at a time will do.
    fn look_at(&self) -> MediaTime {
        let blocks: u32 = if self.encoding.is_some() {
            1
        } else {
            METER_BLOCKS
        };
        let soonest = self.block_due() + (blocks - 1) * BLOCK_TIME;
        soonest.max(self.looked_at + blocks * BLOCK_TIME)
    }

    /// Whether the next block has arrived, or is not waited for any longer.
    fn has_block(&self, now: MediaTime) -> bool {
        let due = self.block_due();
        now >= due && (self.source.has(BLOCK) || now >= due + LATENCY)
    }

    /// When the next block has been heard, or is known.
    fn block_due(&self) -> MediaTime {
        let end = MediaTime::from_samples(self.next + BLOCK as u64, SAMPLE_RATE);
        match self.source {
            Source::Silence if self.encoding.is_some() => end - AHEAD,
            _ => end,
        }
    }

    /// Goes on with the sound that is due now, when it is too late for that of before.
    fn leave_out_what_is_too_late(&mut self, now: MediaTime) {
        let late = duration_of(due(now).saturating_sub(self.next));
        if late > CATCH_UP {
            self.next = due(now);
            self.stood_still = true;
            (self.on_event)(AudioEvent::StoodStill(late));
        }
    }

    /// One block: from the source to the meter and the encoder.
    fn process(&mut self, block: &mut [f32; 2 * BLOCK]) {
        let first = self.next;
        self.next += BLOCK as u64;
        let jump = self.source.fill(first, block);
        // A jump of the microphone after one of our own is no news.
        if let Some(jump) = jump.filter(|_| !std::mem::take(&mut self.stood_still)) {
            (self.on_event)(AudioEvent::Jumped(jump));
        }
        while let Some(event) = self.source.poll_event() {
            (self.on_event)(AudioEvent::Source(event));
        }
        self.apply_gain(block);
        if let Some(levels) = self.meter.push(block) {
            (self.on_event)(AudioEvent::Levels(levels));
        }
        let Some(encoding) = &mut self.encoding else {
            return;
        };
        if let Err(error) = encoding.encode(first, block)
            && encoding.told.as_ref() != Some(&error)
        {
            encoding.told = Some(error.clone());
            (self.on_event)(AudioEvent::EncoderFailed(error));
        }
    }

    fn apply_gain(&self, block: &mut [f32]) {
        if self.muted {
            block.fill(0.0);
        } else if self.gain.0 != 0.0 {
            amplify(block, self.gain);
        }
    }
}

enum Source {
    Silence,
    Tone(Tone),
    Microphone(Box<MicrophoneFeed>),
}

impl Source {
    fn open(choice: &AudioChoice, clock: Clock) -> Self {
        match choice {
            AudioChoice::Silence => Self::Silence,
            AudioChoice::Beep => Self::Tone(Tone::new(ToneMode::Beep)),
            AudioChoice::SteadyTone => Self::Tone(Tone::new(ToneMode::Steady)),
            AudioChoice::Microphone(id) => {
                Self::Microphone(Box::new(MicrophoneFeed::start(id.clone(), clock)))
            }
        }
    }

    fn fill(&mut self, first: u64, block: &mut [f32]) -> Option<Jump> {
        match self {
            Self::Silence => block.fill(0.0),
            Self::Tone(tone) => tone.fill(first, block),
            Self::Microphone(feed) => return feed.read(first, block),
        }
        None
    }

    /// Whether so many further frames can be filled with what was heard.
    fn has(&self, frames: usize) -> bool {
        match self {
            Self::Silence | Self::Tone(_) => true,
            Self::Microphone(feed) => feed.has(frames),
        }
    }

    fn poll_event(&mut self) -> Option<SourceEvent> {
        match self {
            Self::Microphone(feed) => feed.poll_event(),
            Self::Silence | Self::Tone(_) => None,
        }
    }
}

/// The first sample that is due now: the next whole block, seen from behind the latency.
fn due(now: MediaTime) -> u64 {
    let block = BLOCK as u64;
    (now - LATENCY).samples(SAMPLE_RATE) / block * block
}

fn duration_of(samples: u64) -> Duration {
    MediaTime::from_samples(samples, SAMPLE_RATE).since(MediaTime::ZERO)
}

/// How long the thread waits for sound that does not arrive.
const LATENCY: Duration = microphone::LATENCY;

/// How long opening an encoder may take without any of its sound being lost.
const HEAD_START: Duration = Duration::from_millis(50);

/// How late the thread may be and still make up for it block by block.
const CATCH_UP: Duration = Duration::from_secs(1);

/// How early silence is encoded, so that what is encoded of it is there in time: the encoder looks ahead (1600
/// samples), and makes whole access units (1024) of whole blocks.
const AHEAD: Duration = Duration::from_millis(80);

/// Samples per channel handled at a time, and how long they last. Two are an access unit, which so is complete with
/// its last sample.
const BLOCK: usize = AudioPacket::SAMPLES as usize / 2;
const BLOCK_TIME: Duration =
    Duration::from_nanos(BLOCK as u64 * 1_000_000_000 / SAMPLE_RATE as u64);
/// An encoder begins with one block in three: these begin at whole milliseconds, which a [`MediaTime`] holds exactly.
const START: u64 = 3 * BLOCK as u64;
/// After how many the meter moves.
const METER_BLOCKS: u32 = 5;

/// Orders come from a person's hand; one who gives more within a block waits that long.
const ORDER_CAPACITY: usize = 16;

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, sync::Mutex};

    use super::*;
    use crate::{encode::aac::AacEncoder, media::packet::AudioFormat, units::Bitrate};

    /// Writes down what it is asked for.
    #[derive(Clone, Default)]
    struct Asked(Arc<Mutex<(u64, Vec<Duration>)>>);

    impl AudioEncoder for Asked {
        fn encode(
            &mut self,
            samples: &[f32],
            _: &mut dyn FnMut(AudioPacket),
        ) -> Result<(), EncodeError> {
            self.0.lock().unwrap().0 += samples.len() as u64 / 2;
            Ok(())
        }

        fn skip(&mut self, gap: Duration) {
            self.0.lock().unwrap().1.push(gap);
        }
    }

    fn encoding(asked: Asked, from: MediaTime) -> Encoding {
        Encoding::new(Box::new(asked), from, Arc::new(Outputs::new(false)))
    }

    fn worker<F: Fn(AudioEvent)>(asked: Asked, on_event: F) -> Worker<F> {
        Worker {
            clock: Clock::start(),
            source: Source::Silence,
            gain: Decibels(0.0),
            muted: false,
            meter: LevelMeter::new(),
            encoding: Some(encoding(asked, MediaTime::ZERO)),
            next: 0,
            looked_at: MediaTime::ZERO,
            stood_still: false,
            on_event,
        }
    }

    /// Works from time zero to `stops`, and on for a second at each of `wakes`; what was asked of the encoder
    /// and told.
    fn work(stops: MediaTime, wakes: &[MediaTime]) -> (u64, Vec<Duration>, Vec<Duration>) {
        let asked = Asked::default();
        let told = RefCell::new(Vec::new());
        let mut worker = worker(asked.clone(), |event| {
            if let AudioEvent::StoodStill(duration) = event {
                told.borrow_mut().push(duration);
            }
        });
        let mut block = [0.0; 2 * BLOCK];
        let second = Duration::from_secs(1);
        let spells = wakes.iter().map(|wake| (*wake, *wake + second));
        for (from, to) in [(MediaTime::ZERO, stops)].into_iter().chain(spells) {
            let mut now = from;
            while now < to {
                worker.leave_out_what_is_too_late(now);
                while worker.next < due(now) {
                    worker.process(&mut block);
                }
                now = now + Duration::from_millis(10);
            }
        }
        let (samples, gaps) = asked.0.lock().unwrap().clone();
        drop(worker);
        (samples, gaps, told.into_inner())
    }

    #[test]
    fn eight_hours_of_sleep_are_one_gap_told_once_and_not_made_up_for() {
        let wake = MediaTime::from_millis(8 * 3_600_000);
        let (samples, gaps, told) = work(MediaTime::from_millis(10_000), &[wake]);
        let seconds = samples / u64::from(SAMPLE_RATE);
        assert!((10..=11).contains(&seconds), "{seconds} s of sound encoded");
        assert_eq!(told.len(), 1);
        assert_eq!(gaps, told);
        assert_eq!(gaps[0].as_secs(), 8 * 3600 - 10);
    }

    #[test]
    fn sound_is_taken_when_it_was_heard_and_what_does_not_come_is_waited_for_no_longer_than_allowed()
     {
        let mut worker = worker(Asked::default(), |_| ());
        let millis = MediaTime::from_millis;
        worker.source = Source::open(&AudioChoice::Beep, worker.clock);
        worker.next = 48_000;
        let heard = millis(1_000) + BLOCK_TIME;
        assert_eq!(worker.look_at(), heard);
        assert!(!worker.has_block(millis(1_010)));
        assert!(worker.has_block(heard));

        let (feed, device) = MicrophoneFeed::hanging(worker.clock);
        worker.source = Source::Microphone(Box::new(feed));
        assert!(!worker.has_block(heard));
        worker.looked_at = heard;
        assert_eq!(worker.look_at(), heard + BLOCK_TIME);
        assert!(!worker.has_block(millis(1_260)));
        assert!(worker.has_block(heard + LATENCY));
        drop(device);
        assert!(worker.has_block(heard), "nothing more comes");

        worker.encoding = None;
        assert_eq!(worker.look_at(), heard + 5 * BLOCK_TIME, "for the meter");
    }

    #[test]
    fn an_encoder_begins_with_a_whole_block_whenever_it_is_asked_for() {
        for now in (0..1_000_000_000).step_by(7_654_321) {
            let now = MediaTime::from_nanos(now);
            let from = encoder_start(now);
            assert!((50..=82).contains(&from.since(now).as_millis()));
            let mut worker = worker(Asked::default(), |_| ());
            worker.encoding = Some(encoding(Asked::default(), from));
            let mut block = [0.0; 2 * BLOCK];
            while worker.next <= from.samples(SAMPLE_RATE) {
                worker.process(&mut block);
            }
            let encoding = worker.encoding.unwrap();
            assert_eq!(encoding.next, worker.next, "from {from:?}");
        }
    }

    #[test]
    fn silence_is_encoded_ahead_of_the_clock_and_metered_in_time() {
        let mut worker = worker(Asked::default(), |_| ());
        worker.next = 48_000;
        let heard = MediaTime::from_millis(1_000) + BLOCK_TIME;
        assert_eq!(worker.look_at(), heard - AHEAD);
        assert!(worker.has_block(heard - AHEAD));
        worker.encoding = None;
        assert!(!worker.has_block(heard - AHEAD));
    }

    #[test]
    fn silence_is_encoded_so_early_that_no_picture_waits_for_it() {
        for sample_rate in [44_100, 48_000] {
            let format = AudioFormat {
                sample_rate,
                channels: 2,
                bitrate: Bitrate::from_kbps(128),
            };
            let start = MediaTime::from_millis(1_000);
            let mut encoder = AacEncoder::new(format, start).unwrap();
            let mut reached = MediaTime::ZERO;
            for block in 1..200 {
                let silence = [0.0; 2 * BLOCK];
                encoder
                    .encode(&silence, &mut |sound| reached = sound.last_sample())
                    .unwrap();
                // Done when the clock is that far behind; the next block is done a block later.
                let clock = start + block * BLOCK_TIME - AHEAD;
                assert!(
                    block < 10 || reached >= clock + BLOCK_TIME,
                    "{sample_rate} Hz"
                );
            }
        }
    }

    #[test]
    fn an_encoder_that_begins_before_what_was_done_ahead_gets_silence_for_it() {
        let asked = Asked::default();
        let mut worker = worker(asked.clone(), |_| ());
        let mut block = [0.0; 2 * BLOCK];
        worker.next = 4 * BLOCK as u64;
        worker.process(&mut block);
        assert_eq!(asked.0.lock().unwrap().0, 5 * BLOCK as u64);
    }

    #[test]
    fn half_a_second_late_is_made_up_for_without_a_word() {
        let stops = MediaTime::from_millis(10_000);
        let (samples, gaps, told) = work(stops, &[MediaTime::from_millis(10_500)]);
        let heard_until = MediaTime::from_samples(samples, SAMPLE_RATE) + LATENCY;
        let millis = heard_until.as_millis();
        assert!((11_470..=11_500).contains(&millis), "{millis} ms");
        assert!(gaps.is_empty() && told.is_empty());
    }
}

//! What is known of a stream that is being received: a line of figures.

use std::{collections::VecDeque, fmt, time::Duration};

use crate::{
    amf0::Value,
    flv::{
        aac::SpecificConfig,
        avc,
        file::{FlvTag, TagKind},
        sps::Sps,
        tag::{AudioCodec, VideoCodec, kind_of_audio, kind_of_video},
    },
    units::{Bitrate, MediaTime, grouped},
};

/// Follows one stream.
#[derive(Debug)]
pub struct StreamReport {
    began_at: MediaTime,
    video: Option<VideoCodec>,
    size: Option<(u32, u32)>,
    audio: Option<AudioCodec>,
    sound: Option<(u32, u8)>,
    /// What arrived within the last [`WINDOW`].
    recent: VecDeque<Arrival>,
    recent_bytes: u64,
    recent_pictures: u32,
    last_video: Option<u32>,
    last_audio: Option<u32>,
    last_key_frame: Option<u32>,
    key_frame_interval: Option<Duration>,
    /// When the stream's time 0 would have arrived, if nothing had ever been late, in milliseconds.
    earliest: Option<i64>,
    late: u64,
}

#[derive(Debug)]
struct Arrival {
    at: MediaTime,
    bytes: u64,
    picture: bool,
}

/// The figures at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// How long the stream has been coming.
    pub uptime: Duration,
    /// What pictures are encoded with.
    pub video: Option<VideoCodec>,
    /// Width and height in pixels, if told.
    pub size: Option<(u32, u32)>,
    /// Pictures per second, lately.
    pub fps: f64,
    /// What sound is encoded with.
    pub audio: Option<AudioCodec>,
    /// Samples per second and channels, if told.
    pub sound: Option<(u32, u8)>,
    /// Of pictures and sound together, lately.
    pub bitrate: Bitrate,
    /// Between the last two key frames.
    pub key_frame_interval: Option<Duration>,
    /// How far the last sound is ahead of the last picture, in milliseconds.
    pub sound_ahead: Option<i64>,
    /// Pictures and blocks of sound that came much later than their time says.
    pub late: u64,
}

impl StreamReport {
    /// Of a stream that begins now.
    #[must_use]
    pub fn new(now: MediaTime) -> Self {
        Self {
            began_at: now,
            video: None,
            size: None,
            audio: None,
            sound: None,
            recent: VecDeque::new(),
            recent_bytes: 0,
            recent_pictures: 0,
            last_video: None,
            last_audio: None,
            last_key_frame: None,
            key_frame_interval: None,
            earliest: None,
            late: 0,
        }
    }

    /// Takes note of metadata.
    pub fn metadata(&mut self, values: &Value) {
        let number = |name: &str| {
            let number = values.get(name).and_then(Value::as_number)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "within these bounds"
            )]
            (1.0..=65_535.0).contains(&number).then_some(number as u32)
        };
        self.size = number("width").zip(number("height")).or(self.size);
    }

    /// Takes note of a picture or sound that arrives now.
    pub fn tag(&mut self, now: MediaTime, tag: &FlvTag) {
        let picture = match tag.kind {
            TagKind::Video => self.video_tag(tag),
            TagKind::Audio => {
                self.audio_tag(tag);
                false
            }
            TagKind::Script => return,
        };
        let bytes = tag.body.len() as u64;
        self.recent.push_back(Arrival {
            at: now,
            bytes,
            picture,
        });
        self.recent_bytes += bytes;
        self.recent_pictures += u32::from(picture);
        self.forget(now);
        self.note_lateness(now, tag.timestamp);
    }

    /// Whether it was a picture.
    fn video_tag(&mut self, tag: &FlvTag) -> bool {
        let Ok(info) = kind_of_video(&tag.body) else {
            return false;
        };
        self.video = info.codec.or(self.video);
        if info.is_sequence_header() {
            if info.codec == Some(VideoCodec::Avc)
                && let Ok(config) = avc::parse_configuration(&info.data)
                && let Ok(sps) = Sps::parse(&config.sps)
            {
                self.size = Some((sps.size.width, sps.size.height));
            }
            return false;
        }
        if info.data.is_empty() || info.track != 0 {
            return false;
        }
        if info.is_key_frame() {
            let last = self.last_key_frame.replace(tag.timestamp);
            self.key_frame_interval = last.map_or(self.key_frame_interval, |last| {
                let millis = tag.timestamp.wrapping_sub(last);
                (millis < u32::MAX / 2).then(|| Duration::from_millis(millis.into()))
            });
        }
        self.last_video = Some(tag.timestamp);
        true
    }

    fn audio_tag(&mut self, tag: &FlvTag) {
        let Ok(info) = kind_of_audio(&tag.body) else {
            return;
        };
        self.audio = info.codec.or(self.audio);
        if info.is_sequence_header() {
            if info.codec == Some(AudioCodec::Aac)
                && let Ok(config) = SpecificConfig::parse(&info.data)
            {
                self.sound = Some((config.sample_rate, config.channels));
            }
        } else {
            self.last_audio = Some(tag.timestamp);
        }
    }

    fn note_lateness(&mut self, now: MediaTime, timestamp: u32) {
        let arrived = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let begin = arrived - i64::from(timestamp);
        match self.earliest {
            // Its clock began anew, or it skipped some time.
            Some(earliest) if (begin - earliest).abs() > NEW_CLOCK_MILLIS => {
                self.earliest = Some(begin);
            }
            Some(earliest) if begin - earliest > LATE_MILLIS => self.late += 1,
            earliest => {
                self.earliest = Some(earliest.map_or(begin, |earliest| earliest.min(begin)));
            }
        }
    }

    fn forget(&mut self, now: MediaTime) {
        while let Some(oldest) = self.recent.front()
            && (now.since(oldest.at) > WINDOW || self.recent.len() > MOST_ARRIVALS)
        {
            self.recent_bytes -= oldest.bytes;
            self.recent_pictures -= u32::from(oldest.picture);
            self.recent.pop_front();
        }
    }

    /// The figures now.
    pub fn figures(&mut self, now: MediaTime) -> Figures {
        self.forget(now);
        let uptime = now.since(self.began_at);
        let window = WINDOW.min(uptime).max(Duration::from_millis(1));
        Figures {
            uptime,
            video: self.video,
            size: self.size,
            fps: f64::from(self.recent_pictures) / window.as_secs_f64(),
            audio: self.audio,
            sound: self.sound,
            bitrate: Bitrate::from_bytes(self.recent_bytes, window),
            key_frame_interval: self.key_frame_interval,
            sound_ahead: self
                .last_audio
                .zip(self.last_video)
                .map(|(audio, video)| audio.wrapping_sub(video).cast_signed().into()),
            late: self.late,
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.video, self.size) {
            (None, _) => write!(f, "no picture")?,
            (Some(codec), None) => write!(f, "{codec} {:.1} fps", self.fps)?,
            (Some(codec), Some((width, height))) => {
                write!(f, "{codec} {width}×{height} {:.1} fps", self.fps)?;
            }
        }
        if let Some(interval) = self.key_frame_interval {
            write!(f, ", key frame every {:.1} s", interval.as_secs_f64())?;
        }
        match (&self.audio, self.sound) {
            (None, _) => write!(f, "  no sound")?,
            (Some(codec), None) => write!(f, "  {codec}")?,
            (Some(codec), Some((rate, channels))) => {
                let channels = match channels {
                    1 => "mono".to_owned(),
                    2 => "stereo".to_owned(),
                    more => format!("{more} channels"),
                };
                write!(f, "  {codec} {} kHz {channels}", f64::from(rate) / 1000.0)?;
            }
        }
        write!(f, "  {}", self.bitrate)?;
        if let Some(ahead) = self.sound_ahead {
            write!(f, "  sound {ahead:+} ms")?;
        }
        write!(f, "  {} late", grouped(self.late))
    }
}

/// Rates are measured over so much time.
const WINDOW: Duration = Duration::from_secs(2);
/// Tags that are counted in that time, at most.
const MOST_ARRIVALS: usize = 4096;
/// What comes later than this after its time is late.
const LATE_MILLIS: i64 = 500;
/// A clock that jumps by this much began anew.
const NEW_CLOCK_MILLIS: i64 = 10_000;

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::flv::{avc::write_configuration, testing::avc_config};

    fn tag(kind: TagKind, timestamp: u32, body: &[u8]) -> FlvTag {
        FlvTag {
            kind,
            timestamp,
            body: Bytes::copy_from_slice(body),
        }
    }

    fn at(millis: u32) -> MediaTime {
        MediaTime::from_millis(millis.into())
    }

    /// Ten seconds of pictures at 25 fps with a key frame each second, and sound 40 ms behind.
    fn ten_seconds(report: &mut StreamReport) {
        report.tag(at(0), &tag(TagKind::Audio, 0, b"\xAF\x00\x11\x90"));
        for frame in 0..250 {
            let time = frame * 40;
            let body: &[u8] = if frame % 25 == 0 {
                b"\x17\x01\0\0\0"
            } else {
                b"\x27\x01\0\0\0"
            };
            let body = [body, &[0; 995]].concat();
            report.tag(at(time), &tag(TagKind::Video, time, &body));
            let sound = tag(TagKind::Audio, time.saturating_sub(40), b"\xAF\x01x");
            report.tag(at(time), &sound);
        }
    }

    #[test]
    fn figures_are_those_of_the_last_seconds() {
        let mut report = StreamReport::new(at(0));
        let metadata = [("width", 320.0), ("height", 180.0)];
        report.metadata(&Value::object(metadata.map(|(k, v)| (k, Value::from(v)))));
        ten_seconds(&mut report);
        let figures = report.figures(at(9_990));
        assert!((24.0..=26.0).contains(&figures.fps), "{figures:?}");
        assert!((195..=215).contains(&figures.bitrate.kbps()), "{figures:?}");
        assert_eq!(figures.key_frame_interval, Some(Duration::from_secs(1)));
        assert_eq!(figures.sound_ahead, Some(-40));
        assert_eq!(figures.sound, Some((48_000, 2)));
        assert_eq!((figures.size, figures.late), (Some((320, 180)), 0));
        let line = figures.to_string();
        for part in [
            "H.264 320×180 ",
            "key frame every 1.0 s",
            "AAC 48 kHz stereo",
            "sound -40 ms",
            "0 late",
        ] {
            assert!(line.contains(part), "{line}");
        }
        let silent = report.figures(at(20_000));
        assert_eq!((silent.fps, silent.bitrate), (0.0, Bitrate::ZERO));
    }

    #[test]
    fn what_comes_late_is_counted_and_a_clock_that_begins_anew_is_not() {
        let mut report = StreamReport::new(at(0));
        let picture = |time| tag(TagKind::Video, time, b"\x27\x01\0\0\0x");
        report.tag(at(1_000), &picture(0));
        report.tag(at(1_400), &picture(40));
        assert_eq!(report.figures(at(1_400)).late, 0);
        report.tag(at(2_000), &picture(80));
        assert_eq!(report.figures(at(2_000)).late, 1);
        report.tag(at(2_001), &picture(1_000_000));
        report.tag(at(2_041), &picture(1_000_040));
        assert_eq!(report.figures(at(2_041)).late, 1);
    }

    #[test]
    fn times_that_wrap_keep_their_distance() {
        let mut report = StreamReport::new(at(0));
        let picture = tag(TagKind::Video, u32::MAX - 9, b"\x27\x01\0\0\0x");
        report.tag(at(0), &picture);
        report.tag(at(0), &tag(TagKind::Audio, 10, b"\xAF\x01x"));
        assert_eq!(report.figures(at(0)).sound_ahead, Some(20));
    }

    #[test]
    fn nonsense_is_reported_without_harm() {
        let mut report = StreamReport::new(at(0));
        let config = write_configuration(&avc_config());
        let header = [b"\x17\x00\0\0\0", &config[..]].concat();
        for body in [&[][..], &[0xFF], &[0x17], &[0x17, 0], &header] {
            for kind in [TagKind::Video, TagKind::Audio, TagKind::Script] {
                report.tag(at(5), &tag(kind, u32::MAX, body));
            }
        }
        let values = [("width", f64::NAN), ("height", -1.0)];
        report.metadata(&Value::object(values.map(|(k, v)| (k, Value::from(v)))));
        assert_eq!(report.figures(at(5)).size, None);
        assert_eq!(report.figures(at(0)).uptime, Duration::ZERO);
    }
}

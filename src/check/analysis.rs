//! Takes a received stream apart and judges it.

use super::{
    picture::Picture,
    report::{AudioReport, Report, Verdict, VideoReport, later_or_earlier},
    sound::Sound,
    sync::Skew,
};
use crate::{
    media::packet::{AudioFormat, AvcConfig, StreamFormat, VideoFormat},
    units::{Bitrate, PixelSize},
};

/// What the stream was meant to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Its tracks.
    pub format: StreamFormat,
    /// Whether silence is what was chosen.
    pub silence: bool,
}

/// A received stream, taken apart as it comes; [`Analysis::report`] tells what viewers would get.
///
/// Media is given in the order it arrived, with its RTMP timestamps.
pub struct Analysis {
    expected: Expected,
    picture: Picture,
    sound: Sound,
}

impl Analysis {
    /// Nothing received yet.
    #[must_use]
    pub fn new(expected: Expected) -> Self {
        Self {
            expected,
            picture: Picture::default(),
            sound: Sound::default(),
        }
    }

    /// H.264 parameter sets.
    pub fn push_video_config(&mut self, config: AvcConfig) {
        self.picture.push_config(config);
    }

    /// One H.264 access unit, its NAL units behind lengths of four bytes.
    pub fn push_video(&mut self, time_ms: u32, key_frame: bool, data: &[u8]) {
        self.picture.push(time_ms, key_frame, data);
    }

    /// An AudioSpecificConfig.
    pub fn push_audio_config(&mut self, specific_config: &[u8]) {
        self.sound.push_config(specific_config);
    }

    /// One raw AAC access unit.
    pub fn push_audio(&mut self, time_ms: u32, data: &[u8]) {
        self.sound.push(time_ms, data);
    }

    /// What viewers would get.
    #[must_use]
    pub fn report(&self) -> Report {
        let video = (self.picture.frame_count() > 0).then(|| self.video());
        let audio = (self.sound.packet_count() > 0).then(|| self.audio());
        let skew = Skew::measure(&self.picture.flashes(), &self.sound.beeps());
        let mut problems = Vec::new();
        match (&self.expected.format.video, &video) {
            (Some(asked), Some(video)) => judge_video(asked, video, &mut problems),
            (Some(_), None) => problems.push("No picture arrived.".to_owned()),
            (None, _) => {}
        }
        match &audio {
            Some(audio) => judge_audio(&self.expected, audio, &mut problems),
            None => problems.push("No sound arrived.".to_owned()),
        }
        if let Some(skew) = skew.filter(|skew| skew.worst_ms().abs() > MAX_SKEW_MS) {
            problems.push(format!(
                "The sound comes {} the picture; viewers notice from about {MAX_SKEW_MS:.0} ms.",
                later_or_earlier(skew.worst_ms())
            ));
        }
        Report {
            video,
            audio,
            skew,
            verdict: if problems.is_empty() {
                Verdict::Good
            } else {
                Verdict::Problems(problems)
            },
        }
    }

    fn video(&self) -> VideoReport {
        let picture = &self.picture;
        let measured = picture.frame_rate();
        let asked = self.expected.format.video;
        let steps = picture.steps(asked.map_or(measured, |asked| asked.frame_rate.fps().into()));
        let size = picture.size().unwrap_or(PixelSize::new(0, 0));
        VideoReport {
            codec: format!("H.264 {}", picture.profile().unwrap_or("unknown profile")),
            width: size.width,
            height: size.height,
            frames: picture.frame_count(),
            damaged: picture.damaged_count(),
            frame_rate: measured,
            gaps: steps.gaps,
            repeats: steps.repeats,
            longest_step_ms: steps.longest_ms,
            kbps: picture.bitrate().kbps(),
            key_frame_interval_s: picture
                .key_frame_interval_ms()
                .map(|ms| f64::from(ms) / 1000.0),
            brightness_percent: picture.brightness() * 100.0,
            black: picture.is_black(),
        }
    }

    fn audio(&self) -> AudioReport {
        let sound = &self.sound;
        AudioReport {
            codec: if sound.is_low_complexity() {
                "AAC-LC"
            } else {
                "AAC"
            }
            .to_owned(),
            sample_rate: sound.sample_rate(),
            channels: sound.channels(),
            damaged: sound.damaged_count(),
            largest_gap_ms: sound.largest_gap_ms(),
            kbps: sound.bitrate().kbps(),
            loudness_lufs: sound.loudness(),
            peak_db: sound.peak().0,
            silent: sound.is_silent(),
        }
    }
}

fn judge_video(asked: &VideoFormat, video: &VideoReport, problems: &mut Vec<String>) {
    let size = PixelSize::new(video.width, video.height);
    if video.damaged > 0 {
        problems.push(format!(
            "{} of {} frames could not be decoded.",
            video.damaged, video.frames
        ));
    }
    if video.black {
        problems
            .push("The picture is black: uncover the lens, or choose another camera.".to_owned());
    }
    if video.damaged < video.frames && size != asked.size {
        problems.push(format!("The picture is {size} instead of {}.", asked.size));
    }
    if video.gaps + video.repeats > 0 {
        problems.push(format!(
            "The picture stutters: {} gaps and {} repeats, the longest step lasts {} ms. Close other \
             programs, or choose a smaller size or a lower frame rate.",
            video.gaps, video.repeats, video.longest_step_ms
        ));
    }
    let rate = f64::from(asked.frame_rate.fps());
    if video.frames > 1 && (video.frame_rate - rate).abs() > rate * 0.05 {
        problems.push(format!(
            "The picture has {:.1} fps instead of {}.",
            video.frame_rate, asked.frame_rate
        ));
    }
    let interval = f64::from(asked.key_frame_interval) / rate;
    if let Some(found) = video
        .key_frame_interval_s
        .filter(|found| *found > interval + 0.1)
    {
        problems.push(format!(
            "Key frames come every {found:.1} s instead of every {interval:.1} s."
        ));
    }
    judge_bitrate("picture", asked.bitrate, video.kbps, problems);
}

fn judge_audio(expected: &Expected, audio: &AudioReport, problems: &mut Vec<String>) {
    let asked: &AudioFormat = &expected.format.audio;
    if audio.damaged > 0 {
        problems.push(format!(
            "{} packets of sound could not be decoded.",
            audio.damaged
        ));
    }
    if audio.silent && !expected.silence {
        problems.push(
            "The sound is silent: choose another microphone, or unmute it and raise its gain."
                .to_owned(),
        );
    }
    if f64::from(audio.peak_db) > CLIPPING_DB {
        problems.push("The sound is too loud and distorts: lower the gain.".to_owned());
    }
    if audio.largest_gap_ms > MAX_AUDIO_GAP_MS {
        problems.push(format!(
            "The sound is interrupted, for {:.0} ms at the longest.",
            audio.largest_gap_ms
        ));
    }
    if audio.sample_rate != 0
        && (audio.sample_rate, audio.channels) != (asked.sample_rate, asked.channels.into())
    {
        problems.push(format!(
            "The sound has {} Hz and {} channels instead of {} Hz and {}.",
            audio.sample_rate, audio.channels, asked.sample_rate, asked.channels
        ));
    }
    judge_bitrate("sound", asked.bitrate, audio.kbps, problems);
}

/// Too much is a problem; too little is not: a still picture and silence need less.
fn judge_bitrate(track: &str, asked: Bitrate, found_kbps: u32, problems: &mut Vec<String>) {
    if u64::from(found_kbps) * 100 > u64::from(asked.kbps()) * MAX_BITRATE_PERCENT {
        problems.push(format!(
            "The {track} takes {} instead of {asked}.",
            Bitrate::from_kbps(found_kbps)
        ));
    }
}

/// Where viewers begin to notice.
const MAX_SKEW_MS: f64 = 40.0;
const MAX_BITRATE_PERCENT: u64 = 115;
const CLIPPING_DB: f64 = -0.1;
const MAX_AUDIO_GAP_MS: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capture::{
            test_picture::TestPicture,
            tone::{Tone, ToneMode},
        },
        encode::{
            aac::AacEncoder,
            encoder::{AudioEncoder, VideoEncoder},
            h264::H264Encoder,
            material::Scene,
        },
        media::frame::I420,
        units::{FrameRate, MediaTime},
    };

    const FPS: u32 = 15;
    const SIZE: PixelSize = PixelSize::new(320, 180);

    fn expected() -> Expected {
        Expected {
            format: StreamFormat {
                video: Some(VideoFormat {
                    size: SIZE,
                    frame_rate: FrameRate::new(FPS),
                    bitrate: Bitrate::from_kbps(400),
                    key_frame_interval: 30,
                }),
                audio: AudioFormat {
                    sample_rate: 48_000,
                    channels: 2,
                    bitrate: Bitrate::from_kbps(128),
                },
            },
            silence: false,
        }
    }

    /// Six seconds of a stream that flashes and beeps each second, to be spoilt in different ways.
    struct Stream {
        picture: fn(u32) -> I420,
        beep: f32,
        sound_late_ms: u32,
        lost_frames: std::ops::Range<u32>,
    }

    impl Default for Stream {
        fn default() -> Self {
            Self {
                picture: flashing,
                beep: 0.25,
                sound_late_ms: 0,
                lost_frames: 0..0,
            }
        }
    }

    fn flashing(number: u32) -> I420 {
        let mut picture = Scene::Camera.picture(SIZE, number);
        if number % FPS < 2 {
            let [luma, _, _] = picture.planes_mut();
            luma[..SIZE.area() / 4].fill(235);
        }
        picture
    }

    impl Stream {
        fn check(&self, expected: &Expected) -> Report {
            let start = MediaTime::from_millis(1000);
            let video = expected.format.video.unwrap();
            let mut analysis = Analysis::new(expected.clone());

            let mut encoder = H264Encoder::new(video).unwrap();
            for number in 0..6 * FPS {
                let time = MediaTime::from_nanos(
                    start.as_nanos() + video.frame_rate.time_of(number.into()).as_nanos(),
                );
                let packet = encoder
                    .encode(&(self.picture)(number), time, false)
                    .unwrap()
                    .unwrap();
                if number == 0 {
                    analysis.push_video_config(AvcConfig::clone(&packet.config));
                }
                if !self.lost_frames.contains(&number) {
                    let millis = u32::try_from(packet.time.as_millis()).unwrap();
                    analysis.push_video(millis, packet.key_frame, &packet.data);
                }
            }

            let mut encoder = AacEncoder::new(expected.format.audio, start).unwrap();
            analysis.push_audio_config(&encoder.config().specific_config);
            let late = self.sound_late_ms;
            let samples: Vec<f32> = (0..6 * 48_000)
                .flat_map(|index| {
                    let phase = index % 48_000;
                    let tone = (std::f32::consts::TAU * 1000.0 * phase as f32 / 48_000.0).sin();
                    [if phase < 4800 { self.beep * tone } else { 0.0 }; 2]
                })
                .collect();
            encoder
                .encode(&samples, &mut |packet| {
                    let millis = u32::try_from(packet.time.as_millis()).unwrap();
                    analysis.push_audio(millis + late, &packet.data);
                })
                .unwrap();
            analysis.report()
        }

        /// The sentences of the verdict.
        fn problems(&self) -> Vec<String> {
            match self.check(&expected()).verdict {
                Verdict::Good => Vec::new(),
                Verdict::Problems(problems) => problems,
            }
        }
    }

    #[test]
    fn a_good_stream_is_measured_and_found_good() {
        let report = Stream::default().check(&expected());
        assert_eq!(report.verdict, Verdict::Good);

        let video = report.video.as_ref().unwrap();
        assert_eq!(
            (video.codec.as_str(), video.width, video.height),
            ("H.264 High", 320, 180)
        );
        assert_eq!(
            (video.frames, video.gaps, video.repeats, video.damaged),
            (90, 0, 0, 0)
        );
        assert!((video.frame_rate - 15.0).abs() < 0.05);
        assert!((340..=440).contains(&video.kbps), "{} kb/s", video.kbps);
        assert_eq!(video.key_frame_interval_s, Some(2.0));

        let audio = report.audio.as_ref().unwrap();
        assert_eq!(
            (audio.codec.as_str(), audio.sample_rate, audio.channels),
            ("AAC-LC", 48_000, 2)
        );
        // Short beeps overshoot a little.
        assert!((audio.peak_db + 11.5).abs() < 1.0, "{} dB", audio.peak_db);
        assert!(
            audio
                .loudness_lufs
                .is_some_and(|loudness| (-30.0..-10.0).contains(&loudness))
        );

        let skew = report.skew.unwrap();
        assert!(skew.pairs >= 4);
        assert!(skew.worst_ms().abs() < 4.0, "{skew:?}");
    }

    #[test]
    fn the_test_picture_and_tone_are_held_to_the_bitrate_and_in_step() {
        let expected = expected();
        let mut analysis = Analysis::new(expected.clone());
        let video = expected.format.video.unwrap();
        let mut picture = TestPicture::new(SIZE, video.frame_rate);
        let mut encoder = H264Encoder::new(video).unwrap();
        for number in 0..8 * u64::from(FPS) {
            let time = video.frame_rate.time_of(number);
            let packet = encoder
                .encode(&picture.render(number), time, false)
                .unwrap();
            let packet = packet.expect("every frame is kept");
            analysis.push_video_config(AvcConfig::clone(&packet.config));
            let millis = u32::try_from(time.as_millis()).unwrap();
            analysis.push_video(millis, packet.key_frame, &packet.data);
        }
        let mut encoder = AacEncoder::new(expected.format.audio, MediaTime::ZERO).unwrap();
        analysis.push_audio_config(&encoder.config().specific_config);
        let mut samples = vec![0.0; 8 * 2 * 48_000];
        Tone::new(ToneMode::Beep).fill(0, &mut samples);
        encoder
            .encode(&samples, &mut |packet| {
                let millis = u32::try_from(packet.time.as_millis()).unwrap();
                analysis.push_audio(millis, &packet.data);
            })
            .unwrap();

        let report = analysis.report();
        assert_eq!(report.verdict, Verdict::Good);
        let kbps = report.video.as_ref().unwrap().kbps;
        assert!((360..=440).contains(&kbps), "{kbps} kb/s");
        let skew = report.skew.unwrap();
        assert!(skew.pairs >= 6 && skew.worst_ms().abs() < 5.0, "{skew:?}");
        println!("{report}");
    }

    #[test]
    fn the_report_is_plain_text_and_json() {
        let report = Stream::default().check(&expected());
        let text = report.to_string();
        for part in [
            "H.264 High, 320×180, 15.0 fps",
            "key frame every 2.0 s",
            "AAC-LC, 48.0 kHz, stereo",
            "not black",
            "not silent",
            "Verdict   good",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["verdict"], "good");
        assert_eq!(json["video"]["frames"], 90);
    }

    #[test]
    fn late_sound_is_measured_and_told() {
        let stream = Stream {
            sound_late_ms: 120,
            ..Stream::default()
        };
        let skew = stream.check(&expected()).skew.unwrap();
        assert!((skew.mean_ms - 120.0).abs() < 4.0, "{skew:?}");
        assert!(stream.problems()[0].starts_with("The sound comes 12"));
    }

    #[test]
    fn a_black_picture_is_told() {
        let stream = Stream {
            picture: |_| I420::black(SIZE),
            ..Stream::default()
        };
        let problems = stream.problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].contains("black"));
        assert_eq!(stream.check(&expected()).skew, None);
    }

    #[test]
    fn silence_is_told_unless_it_was_chosen() {
        let stream = Stream {
            beep: 0.0,
            ..Stream::default()
        };
        assert!(stream.problems()[0].contains("silent"));
        let chosen = Expected {
            silence: true,
            ..expected()
        };
        assert_eq!(stream.check(&chosen).verdict, Verdict::Good);
    }

    #[test]
    fn sound_that_distorts_is_told() {
        let stream = Stream {
            beep: 1.5,
            ..Stream::default()
        };
        assert!(stream.problems()[0].contains("distorts"));
    }

    #[test]
    fn lost_frames_are_told() {
        let stream = Stream {
            lost_frames: 25..30,
            ..Stream::default()
        };
        let report = stream.check(&expected());
        let video = report.video.unwrap();
        assert_eq!((video.gaps, video.longest_step_ms), (1, 400));
        assert!(
            stream
                .problems()
                .iter()
                .any(|problem| problem.contains("stutters"))
        );
    }

    #[test]
    fn nothing_received_is_told_and_garbage_is_survived() {
        let mut analysis = Analysis::new(expected());
        let Verdict::Problems(problems) = analysis.report().verdict else {
            panic!("nothing is not good")
        };
        assert_eq!(problems, ["No picture arrived.", "No sound arrived."]);

        analysis.push_video_config(AvcConfig {
            sps: vec![0x67, 1, 2, 3].into(),
            pps: vec![].into(),
        });
        analysis.push_audio_config(&[0xff, 0xff, 0xff]);
        for time in [0, u32::MAX, 5] {
            analysis.push_video(time, true, &[0, 0, 0, 9, 1]);
            analysis.push_video(time, true, &[0, 0, 0, 1, 0x65]);
            analysis.push_audio(time, &[1, 2, 3]);
        }
        let report = analysis.report();
        assert_eq!(report.video.as_ref().unwrap().damaged, 6);
        assert_eq!(report.audio.as_ref().unwrap().damaged, 3);
        assert!(!report.verdict.is_good());
        assert!(report.to_string().contains("could not be decoded"));
    }
}

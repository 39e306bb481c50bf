//! One run of the encoders: from the first output's start to the last one's end.

use std::sync::Arc;

use super::{
    audio,
    counters::Counters,
    inbox::{Input, Reports},
    outputs::Outputs,
    sources::Sources,
    video::{self, VideoControl},
};
use crate::{
    encode::{aac::AacEncoder, h264::H264Encoder},
    media::{clock::Clock, packet::StreamFormat},
    units::Bitrate,
};

/// Running encoders and the outputs they feed.
///
/// Each run has outputs of its own: what a run that has ended still hands over reaches nobody.
pub struct Encoders {
    format: StreamFormat,
    outputs: Arc<Outputs>,
    video: Option<Arc<VideoControl>>,
}

impl Encoders {
    /// Starts to encode what comes from `sources`, both tracks from the same moment on.
    ///
    /// # Errors
    /// When an encoder does not take its format, or the system has no thread left.
    pub fn start(
        format: StreamFormat,
        sources: &Sources,
        clock: Clock,
        counters: &Arc<Counters>,
        reports: &Reports,
    ) -> Result<Self, String> {
        let outputs = Arc::new(Outputs::new(format.video.is_some()));
        let video = match format.video {
            None => None,
            Some(video) => {
                let encoder = H264Encoder::new(video).map_err(|error| error.to_string())?;
                let control = Arc::new(VideoControl::new(video.bitrate));
                let reports = reports.clone();
                let jobs = video::start(
                    Box::new(encoder),
                    video.frame_rate,
                    Arc::clone(&control),
                    Arc::clone(counters),
                    Arc::clone(&outputs),
                    move |error| reports.send(Input::VideoEncoderFailed(error)),
                )
                .map_err(|error| format!("the video encoder cannot start: {error}"))?;
                Some((jobs, control))
            }
        };
        // Only now: opening a video encoder takes its time.
        let from = audio::encoder_start(clock.now());
        let encoder = AacEncoder::new(format.audio, from).map_err(|error| error.to_string())?;
        sources
            .audio()
            .attach_encoder(Box::new(encoder), from, Arc::clone(&outputs));
        let video = video.map(|(jobs, control)| {
            sources.program().attach_encoder(jobs, from);
            control
        });
        Ok(Self {
            format,
            outputs,
            video,
        })
    }

    /// Ends them; what the video encoder has not finished is lost.
    pub fn end(self, sources: &Sources) {
        sources.program().detach_encoder();
        sources.audio().detach_encoder();
    }

    /// What they produce.
    #[must_use]
    pub fn format(&self) -> &StreamFormat {
        &self.format
    }

    /// Where it goes.
    #[must_use]
    pub fn outputs(&self) -> &Outputs {
        &self.outputs
    }

    /// What they are told to produce, both together.
    #[must_use]
    pub fn target(&self) -> Bitrate {
        let video = self.format.video.map_or(0, |video| video.bitrate.bps());
        Bitrate::from_bps(video.saturating_add(self.format.audio.bitrate.bps()))
    }

    /// Changes the video bitrate; says whether that is news.
    pub fn set_video_bitrate(&mut self, bitrate: Bitrate) -> bool {
        let (Some(control), Some(format)) = (&self.video, &mut self.format.video) else {
            return false;
        };
        let is_news = format.bitrate != bitrate;
        format.bitrate = bitrate;
        control.set_bitrate(bitrate);
        is_news
    }

    /// Makes the next picture one that an output can begin with, unless such a one is on its way anyway.
    pub fn want_key_frame(&self) {
        if let Some(control) = &self.video
            && !self.outputs.key_frame_is_coming()
        {
            control.want_key_frame();
        }
    }
}

//! One run of the encoders: from the first output's start to the last one's end.

use std::sync::{Arc, mpsc::SyncSender};

use super::{
    audio,
    counters::Counters,
    inbox::{Input, Reports},
    outputs::Outputs,
    parts::OpenVideoEncoder,
    program::EncodeJob,
    sources::Sources,
    video::{self, VideoControl},
};
use crate::{
    control::{
        bitrate::{Advice, Pace},
        effort::Effort,
    },
    encode::aac::AacEncoder,
    media::{
        clock::Clock,
        packet::{StreamFormat, VideoFormat},
    },
    units::Bitrate,
};

/// Running encoders and the outputs they feed.
///
/// Each run has outputs of its own: what a run that has ended still hands over reaches nobody.
pub struct Encoders {
    format: StreamFormat,
    outputs: Arc<Outputs>,
    video: Option<Arc<VideoControl>>,
    order: Advice,
    effort: Effort,
}

impl Encoders {
    /// Starts to encode what comes from `sources`, both tracks from the same moment on.
    ///
    /// # Errors
    /// When an encoder does not take its format, or the system has no thread left.
    pub fn start(
        format: StreamFormat,
        open: OpenVideoEncoder,
        sources: &Sources,
        clock: Clock,
        counters: &Arc<Counters>,
        reports: &Reports,
    ) -> Result<Self, String> {
        let outputs = Arc::new(Outputs::new(format.video.is_some()));
        let order = Advice {
            video: format.video.map_or(Bitrate::ZERO, |video| video.bitrate),
            pace: Pace::Full,
        };
        let opened = match format.video {
            None => None,
            Some(video) => {
                sources.program().warm_up();
                Some(open_video(video, order, open, &outputs, counters, reports)?)
            }
        };
        // Only now: opening a video encoder takes its time.
        let from = audio::encoder_start(clock.now());
        let encoder = AacEncoder::new(format.audio, from).map_err(|error| error.to_string())?;
        sources
            .audio()
            .attach_encoder(Box::new(encoder), from, Arc::clone(&outputs));
        let video = opened.map(|(jobs, control)| {
            sources.program().attach_encoder(jobs, from);
            control
        });
        Ok(Self {
            format,
            outputs,
            video,
            order,
            effort: Effort::Full,
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
        let video = self.order.video.bps();
        let video = match (self.order.pace, self.format.video) {
            (_, None) => 0,
            (Pace::Full, _) => video,
            (Pace::Half, _) => video / 2,
            (Pace::Still, Some(format)) => video / format.key_frame_interval,
        };
        self.with_audio(Bitrate::from_bps(video))
    }

    /// `video` and the sound, both together.
    #[must_use]
    pub fn with_audio(&self, video: Bitrate) -> Bitrate {
        let audio = self.format.audio.bitrate.bps();
        Bitrate::from_bps(video.bps().saturating_add(audio))
    }

    /// Tells the video encoder what to make from the next picture on.
    pub fn order(&mut self, order: Advice) {
        self.order = order;
        if let (Some(control), Some(format)) = (&self.video, &mut self.format.video) {
            format.bitrate = order.video;
            control.order(order);
        }
    }

    /// Tells the video encoder how thoroughly to encode from the next key frame on.
    pub fn set_effort(&mut self, effort: Effort) {
        self.effort = effort;
        if let Some(control) = &self.video {
            control.set_effort(effort);
        }
    }

    /// Lets a fresh video encoder take over, with the order in force; the old one is left behind, should it hang.
    ///
    /// # Errors
    /// When the encoder cannot be opened, or the system has no thread left.
    pub fn restart_video(
        &mut self,
        open: OpenVideoEncoder,
        sources: &Sources,
        clock: Clock,
        counters: &Arc<Counters>,
        reports: &Reports,
    ) -> Result<(), String> {
        let Some(format) = self.format.video else {
            return Ok(());
        };
        let opened = open_video(format, self.order, open, &self.outputs, counters, reports)?;
        let (jobs, control) = opened;
        control.set_effort(self.effort);
        if let Some(old) = self.video.replace(control) {
            old.retire();
        }
        sources.program().attach_encoder(jobs, clock.now());
        Ok(())
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

fn open_video(
    format: VideoFormat,
    order: Advice,
    open: OpenVideoEncoder,
    outputs: &Arc<Outputs>,
    counters: &Arc<Counters>,
    reports: &Reports,
) -> Result<(SyncSender<EncodeJob>, Arc<VideoControl>), String> {
    let encoder = open(format).map_err(|error| error.to_string())?;
    let control = Arc::new(VideoControl::new(order));
    let reports = reports.clone();
    let jobs = video::start(
        encoder,
        &format,
        Arc::clone(&control),
        Arc::clone(counters),
        Arc::clone(outputs),
        move |error| reports.send(Input::VideoEncoderFailed(error)),
    )
    .map_err(|error| format!("the video encoder cannot start: {error}"))?;
    Ok((jobs, control))
}

//! One open camera: its pictures as I420, each with the time it was taken.

use std::sync::Arc;

use super::{
    device::{CameraDevice, CameraStream, ConnectedCamera, DeliveredPicture},
    feed::{ChooseFormat, Delivery, Opened, PictureReader},
    platform::{self, Device},
};
use crate::{
    capture::source::{CameraFormat, CaptureError, DeviceId, DeviceKind},
    media::{
        clock::Clock,
        convert::{ConvertError, Converter, RawPicture},
        frame::{I420, VideoFrame},
        mjpeg::MjpegDecoder,
        pool::PicturePool,
    },
    units::PixelSize,
};

/// Opens the camera with this identity in the format that `choose` picks.
pub(super) fn open(
    id: &DeviceId,
    choose: &ChooseFormat,
    clock: Clock,
) -> Result<Opened, CaptureError> {
    let camera = platform::connected()
        .into_iter()
        .find(|camera| camera.id == *id)
        .ok_or_else(|| CaptureError::Missing {
            kind: DeviceKind::Camera,
            wanted: id.0.clone(),
        })?;
    let mut device = Device::open(&camera)?;
    let formats = device.formats()?;
    let format = take_format(&camera, &mut device, formats, choose)?;
    let stream = device.start()?;
    Ok(Opened {
        name: camera.name.clone(),
        description: format!(
            "{}, {} at {}, {}",
            camera.name, format.size, format.frame_rate, format.pixels
        ),
        reader: Box::new(CameraReader {
            camera,
            stream,
            clock,
            pictures: Pictures::new(),
        }),
    })
}

/// Sets the first choice that the camera really takes: some offer what they then refuse.
fn take_format(
    camera: &ConnectedCamera,
    device: &mut Device,
    mut formats: Vec<CameraFormat>,
    choose: &ChooseFormat,
) -> Result<CameraFormat, CaptureError> {
    let mut refusal = camera.no_usable_format("nothing that suits");
    for _ in 0..FORMATS_TRIED {
        let Some(choice) = choose(&formats) else {
            break;
        };
        match device.set_format(choice) {
            Err(error @ (CaptureError::NoUsableFormat { .. } | CaptureError::Failed { .. })) => {
                refusal = error;
            }
            done => return done,
        }
        formats.retain(|format| *format != choice);
    }
    Err(refusal)
}

struct CameraReader {
    camera: ConnectedCamera,
    stream: <Device as CameraDevice>::Stream,
    clock: Clock,
    pictures: Pictures,
}

impl PictureReader for CameraReader {
    fn read(&mut self, is_wanted: &dyn Fn() -> bool) -> Result<Delivery, CaptureError> {
        let delivered = match self.stream.next() {
            Ok(Some(delivered)) => delivered,
            Ok(None) => return Ok(Delivery::Nothing),
            Err(error) => return Err(self.explain(error)),
        };
        if !is_wanted() {
            return Ok(Delivery::Left);
        }
        let captured_at = self.clock.now() - delivered.age;
        match self.pictures.convert(&delivered.picture) {
            Ok(picture) => Ok(Delivery::Frame(VideoFrame {
                picture,
                captured_at,
            })),
            Err(error) => {
                // One damaged picture is not worth more: the last one stays.
                tracing::debug!(camera = %self.camera.name, %error, "picture left out");
                Ok(Delivery::Nothing)
            }
        }
    }
}

impl CameraReader {
    /// A camera that fails because it is gone is unplugged, whatever its driver says.
    fn explain(&self, error: CaptureError) -> CaptureError {
        let is_gone = || {
            !platform::connected()
                .iter()
                .any(|camera| camera.id == self.camera.id)
        };
        match error {
            CaptureError::Failed { .. } if is_gone() => self.camera.unplugged(),
            error => error,
        }
    }
}

/// Turns a camera's pictures into I420; keeps the memory that takes.
#[derive(Debug)]
pub struct Pictures {
    pool: PicturePool,
    converter: Converter,
    jpeg: MjpegDecoder,
}

impl Default for Pictures {
    fn default() -> Self {
        Self::new()
    }
}

impl Pictures {
    /// Without any memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pool: PicturePool::new(PixelSize::MIN),
            converter: Converter::new(),
            jpeg: MjpegDecoder::new(),
        }
    }

    /// The picture as I420, in its own size but for an odd row or column.
    ///
    /// # Errors
    /// When its bytes are not what they are said to be.
    pub fn convert(&mut self, picture: &DeliveredPicture) -> Result<Arc<I420>, ConvertError> {
        match picture {
            DeliveredPicture::Jpeg(bytes) => self.jpeg.decode(bytes),
            DeliveredPicture::Raw(raw) => self.convert_raw(raw),
        }
    }

    fn convert_raw(&mut self, raw: &RawPicture) -> Result<Arc<I420>, ConvertError> {
        let size = raw.even_size();
        if size.width == 0 || size.height == 0 {
            return Err(ConvertError::ImpossibleSize {
                size: raw.size,
                stride: 0,
            });
        }
        if self.pool.size() != size {
            self.pool = PicturePool::new(size);
        }
        let mut result = Ok(());
        let picture = self
            .pool
            .picture(|picture| result = self.converter.convert(raw, picture));
        result.map(|()| picture)
    }
}

/// How many of a camera's formats are tried before it is given up.
const FORMATS_TRIED: usize = 8;

//! An open camera, its buffers and its errors.

use std::{io, time::Duration};

use rustix::time::{ClockId, clock_gettime};
use v4l::{
    Device as Handle, Format,
    buffer::{Flags, Metadata, Type},
    format::FieldOrder,
    io::{
        mmap::Stream as MappedStream,
        traits::{CaptureStream, Stream as _},
    },
    video::{Capture, capture::Parameters},
};

use super::{
    colour::colours_of,
    mode::{Coding, Mode, formats, modes, rate_of},
};
use crate::{
    capture::{
        camera::device::{
            CameraDevice, CameraStream, ConnectedCamera, Delivered, DeliveredPicture,
            OLDEST_PICTURE,
        },
        source::{CameraFormat, CaptureError, DeviceKind},
    },
    media::convert::{RawPicture, YuvColours},
    units::PixelSize,
};

/// An open camera.
pub(in super::super) struct Device {
    camera: ConnectedCamera,
    handle: Handle,
    modes: Vec<Mode>,
    layout: Option<Layout>,
}

impl CameraDevice for Device {
    type Stream = Stream;

    fn open(camera: &ConnectedCamera) -> Result<Self, CaptureError> {
        let handle =
            Handle::with_path(camera.address.path()).map_err(|error| explain(camera, &error))?;
        Ok(Self {
            camera: camera.clone(),
            handle,
            modes: Vec::new(),
            layout: None,
        })
    }

    fn formats(&mut self) -> Result<Vec<CameraFormat>, CaptureError> {
        self.modes = modes(&self.handle).map_err(|error| explain(&self.camera, &error))?;
        Ok(formats(&self.modes))
    }

    fn set_format(&mut self, format: CameraFormat) -> Result<CameraFormat, CaptureError> {
        let CameraFormat { size, .. } = format;
        let Some(mode) = self.modes.iter().find(|mode| mode.format == format) else {
            return Err(self.camera.no_usable_format("others"));
        };
        let code = mode.coding.fourcc();
        let mut wanted = Format::new(size.width, size.height, code);
        wanted.field_order = FieldOrder::Progressive;
        let taken = self
            .handle
            .set_format(&wanted)
            .map_err(|error| explain(&self.camera, &error))?;
        if (taken.width, taken.height, taken.fourcc) != (size.width, size.height, code) {
            let instead = format!(
                "{}×{} {} instead of {size} {}",
                taken.width, taken.height, taken.fourcc, format.pixels
            );
            return Err(self.camera.no_usable_format(&instead));
        }
        // A camera that keeps its rate is no worse for that: the program has its own clock.
        let interval = self
            .handle
            .set_params(&Parameters::new(mode.interval))
            .map_or(mode.interval, |parameters| parameters.interval);
        self.layout = Some(Layout::of(mode.coding, &taken));
        Ok(CameraFormat {
            frame_rate: rate_of(interval).unwrap_or(format.frame_rate),
            ..format
        })
    }

    fn start(self) -> Result<Stream, CaptureError> {
        let Some(layout) = self.layout else {
            return Err(self.camera.no_usable_format("none was chosen"));
        };
        let buffers = mapped_stream(&self.handle).map_err(|error| explain(&self.camera, &error))?;
        Ok(Stream {
            camera: self.camera,
            buffers,
            layout,
        })
    }
}

/// A camera that fills buffers.
pub(in super::super) struct Stream {
    camera: ConnectedCamera,
    buffers: MappedStream<'static>,
    layout: Layout,
}

impl CameraStream for Stream {
    fn next(&mut self) -> Result<Option<Delivered<'_>>, CaptureError> {
        let camera = &self.camera;
        // `next` below hands back the last buffer first, which it may do only once.
        match self.buffers.handle().poll(libc::POLLIN, PATIENCE_MS) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(None),
            Err(error) => return Err(explain(camera, &error)),
        }
        let (buffer, about) = self
            .buffers
            .next()
            .map_err(|error| explain(camera, &error))?;
        if about.flags.contains(Flags::ERROR) {
            tracing::debug!(camera = %camera.name, "the driver calls a picture damaged");
            return Ok(None);
        }
        let used = usize::try_from(about.bytesused).unwrap_or(usize::MAX);
        Ok(Some(Delivered {
            picture: self.layout.picture(&buffer[..used.min(buffer.len())]),
            age: age(about),
        }))
    }
}

/// How a picture lies in a buffer.
#[derive(Clone, Copy)]
struct Layout {
    coding: &'static Coding,
    size: PixelSize,
    stride: Option<usize>,
    colours: YuvColours,
}

impl Layout {
    fn of(coding: &'static Coding, taken: &Format) -> Self {
        // Some drivers say nothing of rows, or count all planes' bytes in one.
        let bytes = u64::from(taken.stride) * u64::from(coding.rows(taken.height));
        let is_plausible = taken.stride > 0 && bytes <= u64::from(taken.size);
        Self {
            coding,
            size: PixelSize::new(taken.width, taken.height),
            stride: usize::try_from(taken.stride).ok().filter(|_| is_plausible),
            colours: colours_of(taken.colorspace, taken.quantization),
        }
    }

    const fn picture<'a>(&self, data: &'a [u8]) -> DeliveredPicture<'a> {
        match self.coding.raw {
            None => DeliveredPicture::Jpeg(data),
            Some(layout) => DeliveredPicture::Raw(RawPicture {
                size: self.size,
                layout,
                colours: self.colours,
                stride: self.stride,
                data,
            }),
        }
    }
}

/// Starts capturing.
fn mapped_stream(handle: &Handle) -> io::Result<MappedStream<'static>> {
    let mut stream = MappedStream::with_buffers(handle, Type::VideoCapture, BUFFERS)?;
    stream.set_timeout(Duration::from_millis(PATIENCE_MS.unsigned_abs().into()));
    // The first `next` hands buffer 0 to the driver, as if it had been read; the others are handed over here,
    // so that `next` can be preceded by a wait.
    for index in 1..MOST_BUFFERS {
        if stream.queue(index).is_err() {
            break; // there are no more
        }
    }
    stream.start()?;
    Ok(stream)
}

/// How long ago the driver says a picture was taken: exact where it does, zero where it does not.
fn age(about: &Metadata) -> Duration {
    if about.flags & Flags::TIMESTAMP_MASK != Flags::TIMESTAMP_MONOTONIC {
        return Duration::ZERO;
    }
    let now = clock_gettime(ClockId::Monotonic);
    let since = |sec: i64, nsec: i64| {
        let nanoseconds = sec.checked_mul(1_000_000_000)?.checked_add(nsec)?;
        u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
    };
    let taken = about.timestamp;
    since(now.tv_sec, now.tv_nsec)
        .zip(since(taken.sec, taken.usec.saturating_mul(1000)))
        .and_then(|(now, taken)| now.checked_sub(taken))
        .filter(|age| *age <= OLDEST_PICTURE)
        .unwrap_or(Duration::ZERO)
}

/// What the kernel's error means.
fn explain(camera: &ConnectedCamera, error: &io::Error) -> CaptureError {
    match error.raw_os_error() {
        Some(libc::EBUSY) => camera.busy(),
        Some(libc::EACCES | libc::EPERM) => camera.forbidden(REMEDY),
        Some(libc::ENODEV | libc::ENXIO | libc::ENOENT) => camera.unplugged(),
        _ if error.kind() == io::ErrorKind::TimedOut => CaptureError::Stalled {
            kind: DeviceKind::Camera,
            name: camera.name.clone(),
        },
        _ => camera.failed(&error.to_string()),
    }
}

const REMEDY: &str = "run `sudo usermod -aG video $USER`, then log out and in again";
/// Buffers asked for: one being read, the others with the driver.
const BUFFERS: u32 = 4;
/// The most buffers that a driver can have insisted on (`VIDEO_MAX_FRAME`).
const MOST_BUFFERS: usize = 32;
/// How long to wait for a picture before looking whether it is still wanted.
const PATIENCE_MS: i32 = 200;

#[cfg(test)]
mod tests {
    use v4l::{FourCC, Timestamp};

    use super::{super::node::Address, *};
    use crate::capture::source::DeviceId;

    #[test]
    fn the_kernel_s_errors_have_their_own_words() {
        let camera = ConnectedCamera {
            id: DeviceId("id".to_owned()),
            name: "Cam".to_owned(),
            address: Address(0),
        };
        let say = |number: i32| explain(&camera, &io::Error::from_raw_os_error(number));
        assert!(matches!(say(libc::EBUSY), CaptureError::Busy { .. }));
        assert!(matches!(say(libc::ENODEV), CaptureError::Unplugged { .. }));
        assert!(matches!(say(libc::EIO), CaptureError::Failed { .. }));
        let CaptureError::Forbidden { remedy, .. } = say(libc::EACCES) else {
            panic!("EACCES is forbidden");
        };
        assert!(remedy.contains("usermod -aG video"));
        let late = explain(&camera, &io::Error::from(io::ErrorKind::TimedOut));
        assert!(matches!(late, CaptureError::Stalled { .. }));
    }

    #[test]
    fn rows_are_as_long_as_the_driver_says_unless_the_picture_could_not_hold_them() {
        let stride = |code: &[u8; 4], stride: u32, size: u32| {
            let mut taken = Format::new(64, 32, FourCC::new(code));
            (taken.stride, taken.size) = (stride, size);
            Layout::of(Coding::of(*code).expect("known"), &taken).stride
        };
        assert_eq!(stride(b"YUYV", 128, 128 * 32), Some(128));
        assert_eq!(stride(b"YUYV", 192, 192 * 32), Some(192));
        assert_eq!(stride(b"YUYV", 0, 128 * 32), None);
        assert_eq!(stride(b"YU12", 64, 64 * 48), Some(64));
        assert_eq!(
            stride(b"NV12", 96, 64 * 48),
            None,
            "all planes' bytes in one"
        );
        assert_eq!(stride(b"GREY", 64, 64 * 32), Some(64));
    }

    #[test]
    fn times_that_are_not_the_monotonic_clock_s_say_nothing() {
        let now = clock_gettime(ClockId::Monotonic);
        let metadata = |flags, sec, usec| Metadata {
            flags,
            timestamp: Timestamp::new(sec, usec),
            ..Metadata::default()
        };
        let recent = metadata(Flags::TIMESTAMP_MONOTONIC, now.tv_sec, now.tv_nsec / 1000);
        assert!(age(&recent) <= OLDEST_PICTURE);
        for about in [
            metadata(Flags::TIMESTAMP_MONOTONIC, 0, 0),
            metadata(Flags::TIMESTAMP_MONOTONIC, now.tv_sec + 60, 0),
            metadata(Flags::TIMESTAMP_MONOTONIC, i64::MAX, i64::MAX),
            metadata(Flags::TIMESTAMP_MONOTONIC, -1, 0),
            metadata(Flags::TIMESTAMP_COPY, now.tv_sec, 0),
        ] {
            assert_eq!(age(&about), Duration::ZERO, "{}", about.timestamp);
        }
    }
}

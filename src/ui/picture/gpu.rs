//! The picture on the graphics card: three planes as they are, turned into colours where they are painted.
//!
//! Only this file of the window calls OpenGL itself, which is unsafe: the driver believes what it is told. All
//! calls are made while the window's context is current, on the window's thread.

#![expect(unsafe_code, reason = "OpenGL is a foreign interface")]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eframe::{
    egui::{PaintCallback, PaintCallbackInfo, Rect, Shape},
    egui_glow::CallbackFn,
    glow::{
        self, Context, HasContext as _, NativeProgram, NativeTexture, NativeUniformLocation,
        NativeVertexArray, PixelUnpackData,
    },
};
use thiserror::Error;

use crate::{media::frame::I420, units::PixelSize};

/// A picture that the graphics card shows; copies share it. To be given up with [`Planes::free`].
#[derive(Clone)]
pub(super) struct Planes(Arc<Mutex<State>>);

/// Why the graphics card cannot do it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(super) enum GpuError {
    /// Textures with one channel, or shaders of this kind, are not known.
    #[error("OpenGL {major}.{minor} is too old")]
    TooOld {
        /// The version it has.
        major: u32,
        /// And the second part of that.
        minor: u32,
    },
    /// There is no graphics card: the processor would do the same work in a roundabout way.
    #[error("{renderer} is no graphics card")]
    NoCard {
        /// What paints in its place.
        renderer: String,
    },
    /// The driver's words.
    #[error("OpenGL refused: {0}")]
    Refused(String),
    /// It has been given up.
    #[error("the picture has been freed")]
    Freed,
}

struct State {
    program: NativeProgram,
    corners: NativeVertexArray,
    textures: [NativeTexture; 3],
    extent: Option<NativeUniformLocation>,
    radius: Option<NativeUniformLocation>,
    /// What the textures hold.
    size: Option<PixelSize>,
    /// A picture that is not in them yet.
    next: Option<Arc<I420>>,
    /// Why shader and textures are gone, if they are.
    trouble: Option<GpuError>,
}

impl Planes {
    /// Gets shader and textures ready; `only_with_a_card` not where the processor does the graphics card's work.
    ///
    /// # Errors
    /// When there is no graphics card, its OpenGL is too old, or it does not take the shader.
    pub(super) fn new(gl: &Context, only_with_a_card: bool) -> Result<Self, GpuError> {
        let version = gl.version();
        let (major, minor) = (version.major, version.minor);
        let dialect = if version.is_embedded {
            (major >= 3).then_some("#version 300 es\nprecision highp float;\n")
        } else {
            ((major, minor) >= (3, 1)).then_some("#version 140\n")
        };
        let dialect = dialect.ok_or(GpuError::TooOld { major, minor })?;
        // SAFETY: the driver's own text, which it keeps.
        let renderer = unsafe { gl.get_parameter_string(glow::RENDERER) };
        if only_with_a_card && NO_CARDS.iter().any(|name| renderer.contains(name)) {
            return Err(GpuError::NoCard { renderer });
        }
        let program = link(gl, dialect)?;
        // SAFETY: the names given to the driver are those it has just made, in the current context.
        let state = unsafe {
            gl.use_program(Some(program));
            for (unit, name) in (0..).zip(["luma", "blue", "red"]) {
                let sampler = gl.get_uniform_location(program, name);
                gl.uniform_1_i32(sampler.as_ref(), unit);
            }
            gl.use_program(None);
            let texture = || gl.create_texture().map_err(GpuError::Refused);
            State {
                program,
                corners: gl.create_vertex_array().map_err(GpuError::Refused)?,
                textures: [texture()?, texture()?, texture()?],
                extent: gl.get_uniform_location(program, "extent"),
                radius: gl.get_uniform_location(program, "radius"),
                size: None,
                next: None,
                trouble: None,
            }
        };
        Ok(Self(Arc::new(Mutex::new(state))))
    }

    /// Shows `picture` from the next paint on; until then nothing is copied.
    pub(super) fn show(&self, picture: Arc<I420>) {
        self.state().next = Some(picture);
    }

    /// Why it does not work any more, if it does not.
    pub(super) fn trouble(&self) -> Option<GpuError> {
        self.state().trouble.clone()
    }

    /// The picture as a shape that fills `place`, with round corners.
    pub(super) fn shape(&self, place: Rect, radius: f32) -> Shape {
        let planes = self.clone();
        let paint = move |info: PaintCallbackInfo, painter: &eframe::egui_glow::Painter| {
            planes.state().paint(painter.gl(), &info, radius);
        };
        Shape::Callback(PaintCallback {
            rect: place,
            callback: Arc::new(CallbackFn::new(paint)),
        })
    }

    /// Gives shader and textures back. Nothing is painted any more.
    pub(super) fn free(&self, gl: &Context) {
        self.state().end(gl, GpuError::Freed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn paint(&mut self, gl: &Context, info: &PaintCallbackInfo, radius: f32) {
        if let Some(picture) = self.next.take().filter(|_| self.trouble.is_none()) {
            self.upload(gl, &picture);
        }
        if self.size.is_none() || self.trouble.is_some() {
            return;
        }
        let place = info.viewport_in_pixels();
        // SAFETY: shader and textures are of this context; four corners come out of no buffer. What is set here,
        // egui sets anew for what it paints next.
        unsafe {
            gl.use_program(Some(self.program));
            gl.uniform_2_f32(
                self.extent.as_ref(),
                place.width_px as f32,
                place.height_px as f32,
            );
            gl.uniform_1_f32(self.radius.as_ref(), radius * info.pixels_per_point);
            for (unit, texture) in (glow::TEXTURE0..).zip(self.textures) {
                gl.active_texture(unit);
                gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            }
            gl.bind_vertex_array(Some(self.corners));
            gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
            gl.bind_vertex_array(None);
        }
    }

    fn upload(&mut self, gl: &Context, picture: &I420) {
        let size = picture.size();
        let is_new = self.size != Some(size);
        let sizes = [size, picture.chroma_size(), picture.chroma_size()];
        // SAFETY: the driver reads as many bytes as the sizes say, and each plane has that many; it takes rows
        // that follow each other without a gap.
        let error = unsafe {
            gl.get_error(); // Whoever's it was: not ours.
            gl.pixel_store_i32(glow::UNPACK_ALIGNMENT, 1);
            gl.active_texture(glow::TEXTURE0);
            for ((texture, size), plane) in
                self.textures.into_iter().zip(sizes).zip(picture.planes())
            {
                debug_assert_eq!(plane.len(), size.area());
                gl.bind_texture(glow::TEXTURE_2D, Some(texture));
                fill(gl, size, plane, is_new);
            }
            gl.get_error()
        };
        self.size = Some(size);
        if error != glow::NO_ERROR {
            let words = format!("a picture of {size} (error {error:#06x})");
            self.end(gl, GpuError::Refused(words));
        }
    }

    fn end(&mut self, gl: &Context, why: GpuError) {
        if self.trouble.replace(why).is_some() {
            return;
        }
        // SAFETY: they are of this context, and are not used again once there is trouble.
        unsafe {
            for texture in self.textures {
                gl.delete_texture(texture);
            }
            gl.delete_vertex_array(self.corners);
            gl.delete_program(self.program);
        }
    }
}

/// Gives `plane` to the texture that is bound, which gets its size then if it `is_new`.
///
/// # Safety
/// `plane` holds a byte for each of `size`, and the driver is told to read it without gaps.
unsafe fn fill(gl: &Context, size: PixelSize, plane: &[u8], is_new: bool) {
    let (width, height) = (size.width.cast_signed(), size.height.cast_signed());
    let (target, data) = (glow::TEXTURE_2D, PixelUnpackData::Slice(Some(plane)));
    let (format, kind) = (glow::RED, glow::UNSIGNED_BYTE);
    // SAFETY: as above.
    unsafe {
        if !is_new {
            return gl.tex_sub_image_2d(target, 0, 0, 0, width, height, format, kind, data);
        }
        for (parameter, value) in [
            (glow::TEXTURE_MIN_FILTER, glow::LINEAR),
            (glow::TEXTURE_MAG_FILTER, glow::LINEAR),
            (glow::TEXTURE_WRAP_S, glow::CLAMP_TO_EDGE),
            (glow::TEXTURE_WRAP_T, glow::CLAMP_TO_EDGE),
        ] {
            gl.tex_parameter_i32(target, parameter, value.cast_signed());
        }
        let inside = glow::R8.cast_signed();
        gl.tex_image_2d(target, 0, inside, width, height, 0, format, kind, data);
    }
}

/// Makes the shader, in the `dialect` that its first lines declare.
fn link(gl: &Context, dialect: &str) -> Result<NativeProgram, GpuError> {
    // SAFETY: the driver copies the texts, and says itself whether it takes them.
    unsafe {
        let program = gl.create_program().map_err(GpuError::Refused)?;
        let linked = compile(gl, program, dialect).and_then(|()| {
            gl.link_program(program);
            let done = gl.get_program_link_status(program);
            done.then_some(program)
                .ok_or_else(|| gl.get_program_info_log(program))
        });
        linked.map_err(|words| {
            gl.delete_program(program);
            GpuError::Refused(words)
        })
    }
}

/// Gives both parts of the shader to `program`, or what the driver has against them.
fn compile(gl: &Context, program: NativeProgram, dialect: &str) -> Result<(), String> {
    for (kind, text) in [
        (glow::VERTEX_SHADER, include_str!("vertex.glsl")),
        (glow::FRAGMENT_SHADER, include_str!("fragment.glsl")),
    ] {
        // SAFETY: as above. A deleted shader stays for as long as its program needs it.
        unsafe {
            let shader = gl.create_shader(kind)?;
            gl.shader_source(shader, &format!("{dialect}{text}"));
            gl.compile_shader(shader);
            let compiled = gl.get_shader_compile_status(shader);
            let words = gl.get_shader_info_log(shader);
            gl.attach_shader(program, shader);
            gl.delete_shader(shader);
            if !compiled {
                return Err(words);
            }
        }
    }
    Ok(())
}

/// Parts of the names by which OpenGL in software goes: Mesa's, Chrome's and Windows's.
const NO_CARDS: [&str; 5] = [
    "llvmpipe",
    "softpipe",
    "SwiftShader",
    "Basic Render",
    "GDI Generic",
];

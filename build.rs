//! Says at build time what would make video encoding slow.
//!
//! The build of OpenH264 leaves its assembly for Intel and AMD processors out in silence where the assembler
//! NASM is missing, and its AVX2 code where the settings of `.cargo/config.toml` do not reach it.

use std::{
    env,
    process::{Command, Stdio},
};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=NASM");
    println!("cargo:rerun-if-env-changed=NASMENV");
    println!("cargo:rerun-if-env-changed=OPENH264_NO_ASM");
    let architecture = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    if matches!(architecture.as_str(), "x86" | "x86_64")
        && let Some(warning) = warning()
    {
        println!("cargo:warning={warning}");
    }
}

fn warning() -> Option<&'static str> {
    if env::var_os("OPENH264_NO_ASM").is_some() {
        return Some(
            "OPENH264_NO_ASM is set: video encoding will take several times as long as it could",
        );
    }
    if !has_nasm() {
        return Some(
            "the assembler NASM is missing, so video encoding will take several times as long as it could: \
             install the package nasm, run `cargo clean -p openh264-sys2 -p skywave`, and build again",
        );
    }
    let has_avx2 = env::var("NASMENV").is_ok_and(|flags| flags.contains("HAVE_AVX2"));
    (!has_avx2).then_some(
        "NASMENV lacks -DHAVE_AVX2, so video encoding will be slower than it could: build in this folder, for \
         .cargo/config.toml to be read, or set what it sets",
    )
}

/// Asked as the build of OpenH264 asks.
fn has_nasm() -> bool {
    let nasm = env::var_os("NASM").unwrap_or_else(|| "nasm".into());
    let version = Command::new(nasm)
        .arg("-v")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

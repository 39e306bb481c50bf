//! That what the tests measure with measures right: a stream with known faults, published by `ffmpeg`.

use std::{process::Command, time::Duration};

use crate::support::{
    media::Recording,
    nginx::Nginx,
    peer::{output_of, wait_until},
    scene::Scene,
};

#[test]
fn a_stream_that_is_out_of_step_is_measured_as_it_was_made() {
    let scene = Scene::new();
    let nginx = Nginx::start(&scene);
    // White for a tenth of each second; the beep comes 80 ms later than the white.
    let picture = "color=black:s=320x180:r=15:d=6,drawbox=t=fill:c=white:enable='lt(mod(t,1),0.1)'";
    let beep = "0.5*sin(2*PI*1000*t)*between(mod(t-0.08\\,1)\\,0\\,0.1)";
    let sound = format!("aevalsrc={beep}|{beep}:s=48000:d=6");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-f", "lavfi", "-i", picture]);
    command.args(["-f", "lavfi", "-i", &sound, "-pix_fmt", "yuv420p"]);
    command.args(["-c:v", "flv", "-g", "30", "-c:a", "aac"]);
    command.args(["-f", "flv", &format!("{}/studio", nginx.live())]);
    output_of(&mut command);
    wait_until("nginx closed its file", Duration::from_secs(5), || {
        nginx.log().contains("deleteStream")
    });

    let recording = Recording::open(&nginx.recording());
    assert_eq!(recording.pictures.len(), 90);
    assert!(recording.pictures[30].is_key && !recording.pictures[29].is_key);
    let (flashes, beeps) = (recording.flashes(), recording.beeps());
    assert_eq!(flashes.len(), 6, "{flashes:?}");
    assert_eq!(beeps.len(), 6, "{beeps:?}");
    // The first second may be shifted by the encoder's priming, which FLV cannot tell of.
    for (flash, beep) in flashes.iter().zip(&beeps).skip(1) {
        let late = beep - flash;
        assert!((late - 0.08).abs() < 0.025, "{flash} {beep}");
    }
    let loudest = recording
        .loudness()
        .into_iter()
        .map(|(_, level)| level)
        .fold(0.0, f64::max);
    assert!((loudest - 0.354).abs() < 0.02, "{loudest}");
}

//! A sound server without hardware: PulseAudio with one device that sounds nowhere, and whose monitor
//! is a microphone that hears exactly what is played to it.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{peer::Peer, scene::Scene};

/// A running PulseAudio server, reached only by those who are told its socket.
pub(crate) struct SoundServer {
    socket: PathBuf,
    server: Peer,
}

impl SoundServer {
    /// The name a person sees for its only microphone.
    pub(crate) const MICROPHONE: &str = "Monitor of Stage";

    /// Starts it and waits until it answers.
    pub(crate) fn start(scene: &Scene) -> Self {
        let socket = scene.path("run/pulse.socket");
        let mut command = scene.command("pulseaudio");
        command.env_remove("PULSE_SERVER").args([
            "-n",
            "--daemonize=no",
            "--use-pid-file=no",
            "--exit-idle-time=-1",
            "--disallow-exit",
            "--realtime=no",
            "--high-priority=no",
            "--load=module-null-sink sink_name=stage rate=48000 sink_properties=device.description=Stage",
        ]);
        command.arg(format!(
            "--load=module-native-protocol-unix auth-anonymous=1 socket={}",
            socket.display()
        ));
        let mut server = Peer::start("pulseaudio", &mut command, scene.folder());
        server.wait_until("PulseAudio answers", Duration::from_secs(10), |_| {
            socket.exists()
        });
        Self { socket, server }
    }

    /// Lets `command` use this server.
    pub(crate) fn offer_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("PULSE_SERVER", format!("unix:{}", self.socket.display()))
    }

    /// Plays a sound file; playing ends with the returned peer.
    pub(crate) fn play(&self, scene: &Scene, file: &Path) -> Peer {
        let mut command = scene.command("paplay");
        self.offer_to(&mut command).arg("--device=stage").arg(file);
        Peer::start("paplay", &mut command, scene.folder())
    }

    /// Ends the server, as when it crashes.
    pub(crate) fn kill(&mut self) {
        self.server.kill();
    }
}

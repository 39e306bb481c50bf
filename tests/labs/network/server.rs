//! nginx with its RTMP module, configured as people do: what is published is passed on at once, and nothing is
//! said about publishers that fall silent.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
};

use super::{
    lab::{Host, Lab, must},
    sink::SINK_PORT,
    tail::{now, rest},
};

/// A server on the lab's server host.
pub(crate) struct Server {
    nginx: Option<Child>,
}

impl Server {
    /// Starts it and waits until it listens.
    pub(crate) fn start(lab: &Lab) -> Self {
        fs::write(lab.path("nginx.conf"), configuration(lab)).expect("nginx.conf");
        let mut server = Self { nginx: None };
        server.restart(lab);
        server
    }

    /// Starts it anew, if it still runs after having killed it.
    pub(crate) fn restart(&mut self, lab: &Lab) {
        self.kill();
        let words = File::options()
            .create(true)
            .append(true)
            .open(lab.path("nginx.err"))
            .expect("a file in the lab's folder");
        let mut command = lab.command(Host::Server, program());
        command.arg("-p").arg(lab.path(""));
        command.args(["-c", "nginx.conf", "-e", "nginx.log"]);
        let nginx = command.stdout(Stdio::null()).stderr(words).spawn();
        self.nginx = Some(nginx.expect("nginx can be started"));
        let begin = now();
        while !listens(lab) {
            assert!(
                now() < begin + PATIENCE,
                "nginx does not listen: {}",
                fs::read_to_string(lab.path("nginx.log")).unwrap_or_default()
            );
            rest();
        }
    }

    /// Ends it at once: connections break, the port refuses.
    pub(crate) fn kill(&mut self) {
        if let Some(mut nginx) = self.nginx.take() {
            nginx.kill().expect("nginx runs");
            nginx.wait().expect("nginx has ended");
        }
    }

    /// It does nothing any more, nor reads what arrives; the system goes on taking it, until its buffers are full.
    pub(crate) fn hang(&self) {
        self.signal("STOP");
    }

    /// It goes on.
    pub(crate) fn wake(&self) {
        self.signal("CONT");
    }

    /// It closes the publisher's connection.
    pub(crate) fn drop_publisher(lab: &Lab) {
        let ask = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{CONTROL_PORT}
            printf 'GET /control/drop/publisher?app=live&name=studio HTTP/1.0\\r\\n\\r\\n' >&3
            grep -q '^HTTP/1.1 200' <&3"
        );
        must(lab.command(Host::Server, "bash").args(["-c", &ask]));
    }

    fn signal(&self, name: &str) {
        let id = self.nginx.as_ref().expect("nginx was started").id();
        must(
            Command::new("kill")
                .arg(format!("-{name}"))
                .arg(id.to_string()),
        );
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether somebody listens at the RTMP port, found out without connecting.
fn listens(lab: &Lab) -> bool {
    let sockets = must(lab.command(Host::Server, "cat").arg("/proc/net/tcp"));
    let wanted = format!("00000000:{RTMP_PORT:04X} 00000000:0000 0A");
    String::from_utf8_lossy(&sockets).contains(&wanted)
}

fn configuration(lab: &Lab) -> String {
    let module = first_of(
        "nginx's RTMP module",
        &[
            "/usr/lib/nginx/modules/ngx_rtmp_module.so",
            "/usr/lib64/nginx/modules/ngx_rtmp_module.so",
            "/usr/share/nginx/modules/ngx_rtmp_module.so",
        ],
    );
    let folder = lab.path("");
    let folder = folder.display();
    format!(
        "load_module {module};
        daemon off;
        master_process off;
        pid {folder}nginx.pid;
        error_log {folder}nginx.log info;
        events {{ worker_connections 64; }}
        rtmp {{
            access_log off;
            server {{
                listen {RTMP_PORT};
                application live {{
                    live on;
                    push rtmp://127.0.0.1:{SINK_PORT}/sink;
                }}
            }}
        }}
        http {{
            access_log off;
            client_body_temp_path {folder}body;
            proxy_temp_path {folder}proxy;
            fastcgi_temp_path {folder}fastcgi;
            uwsgi_temp_path {folder}uwsgi;
            scgi_temp_path {folder}scgi;
            server {{
                listen 127.0.0.1:{CONTROL_PORT};
                location /control {{ rtmp_control all; }}
            }}
        }}
        "
    )
}

fn program() -> &'static str {
    first_of("nginx", &["/usr/sbin/nginx", "/usr/bin/nginx"])
}

/// The first of `places` that exists.
fn first_of<'a>(what: &str, places: &[&'a str]) -> &'a str {
    let found = places.iter().find(|place| Path::new(place).exists());
    found.unwrap_or_else(|| {
        panic!("{what} is not installed: run `scripts/system-packages.sh network`")
    })
}

const RTMP_PORT: u16 = 1935;
const CONTROL_PORT: u16 = 8080;
/// Seconds for a start.
const PATIENCE: f64 = 15.0;

//! An RTMP server that records what it gets: nginx with its RTMP module.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    peer::{Peer, free_port},
    scene::Scene,
};

/// nginx on loopback ports of its own. Its applications: `live` records every publisher to a file of its
/// own, `segments` cuts HLS and DASH, `closed` lets nobody publish, and `asking` asks an HTTP server, which
/// says no.
pub(crate) struct Nginx {
    rtmp_port: u16,
    http_port: u16,
    folder: PathBuf,
    server: Option<Peer>,
}

impl Nginx {
    /// Starts nginx and waits until it answers.
    pub(crate) fn start(scene: &Scene) -> Self {
        let mut nginx = Self {
            rtmp_port: free_port(),
            http_port: free_port(),
            folder: scene.path("nginx"),
            server: None,
        };
        for folder in ["recordings", "hls", "dash"] {
            fs::create_dir_all(nginx.folder.join(folder)).expect("nginx's folder");
        }
        fs::write(nginx.folder.join("nginx.conf"), nginx.configuration()).expect("nginx.conf");
        nginx.restart(scene);
        nginx
    }

    /// Starts it again, at the same ports.
    pub(crate) fn restart(&mut self, scene: &Scene) {
        self.kill();
        let mut command = scene.command(&find("nginx", &["/usr/sbin/nginx", "/usr/bin/nginx"]));
        command.arg("-p").arg(&self.folder);
        command.args(["-c", "nginx.conf", "-e", "error.log"]);
        let mut server = Peer::start("nginx", &mut command, &self.folder);
        let port = self.rtmp_port;
        server.wait_until("nginx accepts connections", PATIENCE, |_| {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        self.server = Some(server);
    }

    /// Ends it at once: connections break, the port refuses.
    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    /// It does nothing any more, nor reads what arrives, until it is killed; its system goes on taking it until
    /// its buffers are full.
    pub(crate) fn hang(&self) {
        self.server.as_ref().expect("nginx runs").signal("STOP");
    }

    /// Has it close the connection of whoever publishes to `live` under that key.
    pub(crate) fn drop_publisher(&self, key: &str) {
        let ask = format!("GET /control/drop/publisher?app=live&name={key} HTTP/1.0\r\n\r\n");
        let mut answer = String::new();
        let mut control =
            TcpStream::connect(("127.0.0.1", self.http_port)).expect("nginx's HTTP port");
        control.write_all(ask.as_bytes()).expect("nginx is asked");
        control.read_to_string(&mut answer).expect("nginx answers");
        assert!(answer.contains(" 200 "), "{answer}");
    }

    /// The address of application `live`, without a key.
    pub(crate) fn live(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.rtmp_port)
    }

    /// The address of another application, without a key.
    pub(crate) fn application(&self, name: &str) -> String {
        format!("rtmp://127.0.0.1:{}/{name}", self.rtmp_port)
    }

    /// The address of an application where publishing is denied.
    pub(crate) fn closed(&self) -> String {
        self.application("closed")
    }

    /// Where application `segments` puts what it cuts: `hls` or `dash`.
    pub(crate) fn segments(&self, protocol: &str) -> PathBuf {
        self.folder.join(protocol)
    }

    /// An RTMP address at a port where an HTTP server answers.
    pub(crate) fn not_rtmp(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.http_port)
    }

    /// What it recorded, oldest first.
    pub(crate) fn recordings(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.folder.join("recordings")).expect("nginx's recordings");
        let mut files: Vec<_> = folder
            .map(|entry| entry.expect("an entry of nginx's recordings").path())
            .collect();
        files.sort_by_key(|path| fs::metadata(path).and_then(|file| file.modified()).ok());
        files
    }

    /// Its only recording.
    pub(crate) fn recording(&self) -> PathBuf {
        let mut files = self.recordings();
        assert_eq!(files.len(), 1, "nginx recorded {files:?}; {}", self.log());
        files.remove(0)
    }

    /// How many bytes it has recorded in all.
    pub(crate) fn recorded_bytes(&self) -> u64 {
        let size = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
        self.recordings().iter().map(size).sum()
    }

    /// What it has to say.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("error.log")).unwrap_or_default()
    }

    fn configuration(&self) -> String {
        let module = find(
            "nginx's RTMP module",
            &[
                "/usr/lib/nginx/modules/ngx_rtmp_module.so",
                "/usr/lib64/nginx/modules/ngx_rtmp_module.so",
                "/usr/share/nginx/modules/ngx_rtmp_module.so",
            ],
        );
        let Self {
            rtmp_port,
            http_port,
            folder,
            ..
        } = self;
        let folder = folder.display();
        format!(
            "load_module {module};
            daemon off;
            master_process off;
            pid {folder}/nginx.pid;
            error_log {folder}/error.log info;
            events {{ worker_connections 64; }}
            rtmp {{
                access_log off;
                server {{
                    listen 127.0.0.1:{rtmp_port};
                    application live {{
                        live on;
                        record all;
                        record_path {folder}/recordings;
                        record_unique on;
                    }}
                    application segments {{
                        live on;
                        hls on;
                        hls_path {folder}/hls;
                        hls_fragment 2s;
                        hls_playlist_length 1m;
                        hls_cleanup off;
                        dash on;
                        dash_path {folder}/dash;
                        dash_fragment 2s;
                        dash_playlist_length 1m;
                        dash_cleanup off;
                    }}
                    application closed {{
                        live on;
                        deny publish all;
                    }}
                    application asking {{
                        live on;
                        on_publish http://127.0.0.1:{http_port}/no;
                    }}
                }}
            }}
            http {{
                access_log off;
                client_body_temp_path {folder}/body;
                proxy_temp_path {folder}/proxy;
                fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi;
                scgi_temp_path {folder}/scgi;
                server {{
                    listen 127.0.0.1:{http_port};
                    location /no {{ return 403; }}
                    location /control {{ rtmp_control all; }}
                }}
            }}
            "
        )
    }
}

/// The first of `places` that exists.
fn find(what: &str, places: &[&str]) -> String {
    let found = places.iter().find(|place| Path::new(place).exists());
    let found = found.unwrap_or_else(|| panic!("{what} is not installed: run `make packages`"));
    (*found).to_owned()
}

const PATIENCE: Duration = Duration::from_secs(10);

//! Servers by what they do wrong, and what a publisher makes of them.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::sync_channel,
    thread,
};

use tokio::runtime;

use super::{
    LOOPBACK,
    publisher::{Plan, publish_to},
    rtmp::{Guest, status},
    tls::Identity,
};
use crate::{
    net::{
        connect::connect,
        route::{LocalEnd, Proxy, Route, Trust},
    },
    rtmp::refusal::{Failure, Peer},
};

/// A plain server.
pub(super) fn plain(serve: impl FnOnce(TcpStream) + Send + 'static) -> Failure {
    let address = serving(vec![Box::new(serve)]);
    publish_to(&format!("rtmp://{address}/live"), Plan::default())
}

/// A server at an `rtmps://` address.
pub(super) fn secured(serve: impl FnOnce(TcpStream) + Send + 'static) -> Failure {
    secured_for(Trust::System, serve)
}

pub(super) fn secured_for(trust: Trust, serve: impl FnOnce(TcpStream) + Send + 'static) -> Failure {
    let port = serving(vec![Box::new(serve)]).port();
    let route = Route {
        trust,
        ..Route::default()
    };
    publish_to(&format!("rtmps://localhost:{port}/live"), Plan::by(route))
}

/// A server with a certificate that is trusted and yet bad.
pub(super) fn shown(change: fn(&mut rcgen::CertificateParams)) -> Failure {
    let identity = Identity::new(change);
    let trust = Trust::Also(vec![identity.certificate.clone()]);
    secured_for(trust, move |stream| identity.show(stream))
}

/// A server that breaks off with a fatal alert (RFC 8446, section 6).
pub(super) fn alerted(alert: u8) -> Failure {
    secured(move |stream| respond(stream, &[21, 3, 3, 0, 2, 2, alert]))
}

/// A server that would answer, if this computer's end were there.
pub(super) fn leaving_by(local: &str) -> Failure {
    let address = serving(Vec::new());
    let route = Route {
        local: Some(LocalEnd::parse(local).unwrap()),
        ..Route::default()
    };
    publish_to(&format!("rtmp://{address}/live"), Plan::by(route))
}

pub(super) fn through(proxy: SocketAddr) -> Route {
    Route {
        proxy: Some(Proxy::parse(&proxy.to_string()).unwrap()),
        ..Route::default()
    }
}

/// A proxy that gives this answer.
pub(super) fn proxy(answer: &'static [u8]) -> Failure {
    let route = through(serving(vec![Box::new(|stream| respond(stream, answer))]));
    // Proxies look names up themselves.
    publish_to("rtmps://nowhere.invalid/live", Plan::by(route))
}

/// What comes of a secured connection on a clock that runs ahead whenever nothing happens.
pub(super) fn hurried(host: &str, port: u16, route: &Route) -> Failure {
    let peer = Peer {
        host: host.to_owned(),
        port,
        app: "live".to_owned(),
    };
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let connection = runtime.block_on(connect(&peer, true, route));
    connection.expect_err("it is never secured")
}

/// A server that speaks RTMP, and closes at the end of `serve`.
pub(super) fn guest(serve: impl FnOnce(Guest) + Send + 'static) -> Failure {
    plain(|stream| serve(Guest::new(stream)))
}

/// A server that refuses the key.
pub(super) fn refused_key(code: &'static str, description: &'static str) -> Failure {
    guest(move |mut guest| {
        guest.welcome_up_to("publish");
        guest.say_last(&status("error", code, description));
    })
}

/// A server with which the stream is live when it does something.
pub(super) fn while_live(serve: impl FnOnce(Guest) + Send + 'static) -> Failure {
    live_with(Plan::default(), serve, Vec::new())
}

/// A server that says something to a live stream.
pub(super) fn live_and_told(level: &'static str, code: &'static str) -> Failure {
    while_live(move |guest| guest.say_last(&status(level, code, "")))
}

/// A server that the stream was live with, and comes back to.
pub(super) fn once_live(serve: impl FnOnce(Guest) + Send + 'static) -> Failure {
    let plan = Plan {
        failures: 2,
        ..Plan::default()
    };
    let second = Box::new(|stream| serve(Guest::new(stream)));
    live_with(plan, drop, vec![second])
}

/// A server with which the stream is live when it does something, and what it does with later connections.
pub(super) fn live_with(
    plan: Plan,
    serve: impl FnOnce(Guest) + Send + 'static,
    later: Vec<Serve>,
) -> Failure {
    let (on_live, live) = sync_channel(1);
    let first: Serve = Box::new(move |stream| {
        let mut guest = Guest::new(stream);
        guest.make_live(&live);
        serve(guest);
    });
    let address = serving([first].into_iter().chain(later).collect());
    let plan = Plan {
        on_live: Some(on_live),
        ..plan
    };
    publish_to(&format!("rtmp://{address}/live"), plan)
}

/// Waits for the first bytes, answers with `bytes` and closes.
pub(super) fn respond(mut stream: TcpStream, bytes: &[u8]) {
    stream.read_exact(&mut [0; 1]).unwrap();
    stream.write_all(bytes).unwrap();
    // What is closed with bytes unread is reset, and the answer may be lost.
    stream.shutdown(Shutdown::Write).unwrap();
    while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
}

pub(super) type Serve = Box<dyn FnOnce(TcpStream) + Send>;

/// A server on a thread of its own that gives each connection to the next of `serves`.
pub(super) fn serving(serves: Vec<Serve>) -> SocketAddr {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    let serve_all = move || {
        for serve in serves {
            let (stream, _) = listener.accept().unwrap();
            serve(stream);
        }
    };
    thread::Builder::new()
        .name("scripted server".to_owned())
        .spawn(serve_all)
        .unwrap();
    address
}

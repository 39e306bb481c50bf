//! A scripted server for every cause of a refusal: each provokes its cause in a real publisher, which must tell
//! exactly that one, in words to act on.
//!
//! `cargo test --lib refusals -- --nocapture` prints what is told for each.
//!
//! | file | what it is about |
//! |---|---|
//! | `publisher` | what a publisher makes of a server |
//! | `servers` | servers by what they do wrong |
//! | `rtmp` | a server's side of a conversation, line by line |
//! | `memory` | the same without sockets, on a clock that costs no time |
//! | `tls` | servers with bad certificates |

mod memory;
mod publisher;
mod rtmp;
mod servers;
mod tls;

use std::{
    collections::HashSet,
    io::Read,
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use self::{
    memory::{failure_of, live_for, redirected, rejected, session_up_to, silent_at},
    publisher::{Plan, picture, publish_to},
    rtmp::{Guest, call, error, redirect, status},
    servers::{
        alerted, guest, hurried, leaving_by, live_and_told, live_with, once_live, plain, proxy,
        refused_key, respond, secured, secured_for, serving, shown, through, while_live,
    },
    tls::Identity,
};
use super::route::{Fingerprint, Proxy, Route, Trust};
use crate::{
    rtmp::{
        publish::Input,
        refusal::{Cause, Failure},
    },
    units::MediaTime,
};

/// Starts a server, and tells what a publisher makes of it.
type Provoke = fn() -> Failure;

/// Each cause, and how a server brings it about; some in several ways.
const CASES: &[(Cause, Provoke)] = &[
    (Cause::UnknownHost, || {
        // RFC 6761 guarantees that nothing is ever found under ".invalid".
        publish_to("rtmp://nowhere.invalid/live", Plan::default())
    }),
    (Cause::Unreachable, || {
        // Such an address (RFC 4291, 2.5.6) leads somewhere only with the network it is in.
        publish_to("rtmp://[fe80::1]/live", Plan::default())
    }),
    (Cause::Offline, || {
        // No connection leads to a group of computers (RFC 5771).
        publish_to("rtmp://224.0.0.1/live", Plan::default())
    }),
    (Cause::PortRefused, || {
        let address = TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
        publish_to(&format!("rtmp://{address}/live"), Plan::default())
    }),
    (Cause::ConnectTimedOut, || {
        // Its queue of connections is full, and nobody empties it.
        let listener =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        listener
            .bind(&LOOPBACK.parse::<SocketAddr>().unwrap().into())
            .unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let _waiting: Vec<_> = (0..3)
            .map(|_| TcpStream::connect_timeout(&address, Duration::from_millis(100)))
            .collect();
        publish_to(&format!("rtmp://{address}/live"), Plan::default())
    }),
    (Cause::LocalAddressGone, || leaving_by("192.0.2.7")),
    (Cause::InterfaceGone, || leaving_by("skywave9")),
    (Cause::NoAddressOfKind, || leaving_by("::1")),
    (Cause::ProxyNeedsRtmps, || {
        let route = through(serving(Vec::new()));
        publish_to("rtmp://nowhere.invalid/live", Plan::by(route))
    }),
    (Cause::ProxyUnreachable, || {
        let nobody = TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
        publish_to("rtmps://nowhere.invalid/live", Plan::by(through(nobody)))
    }),
    (Cause::ProxyNeedsLogin, || {
        proxy(b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"school\"\r\n\r\n")
    }),
    (Cause::ProxyLoginWrong, || {
        let answer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"school\"\r\n\r\n";
        let address = serving(vec![Box::new(|stream| respond(stream, answer))]);
        let proxy = Proxy::parse(&format!("http://pupil:{PASSWORD}@{address}")).unwrap();
        let route = Route {
            proxy: Some(proxy),
            ..Route::default()
        };
        publish_to("rtmps://nowhere.invalid/live", Plan::by(route))
    }),
    (Cause::ProxyLoginUnsupported, || {
        proxy(b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Negotiate\r\n\r\n")
    }),
    (Cause::ProxyForbids, || {
        proxy(b"HTTP/1.1 403 Not at school\r\n\r\n")
    }),
    (Cause::ProxyCannotReach, || {
        proxy(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
    }),
    (Cause::ProxyRefused, || {
        proxy(b"HTTP/1.1 405 Method Not Allowed\r\n\r\n")
    }),
    (Cause::NotAProxy, || proxy(b"SSH-2.0-OpenSSH_9.6\r\n")),
    (Cause::ProxyClosed, || proxy(b"")),
    (Cause::ProxyTimedOut, || {
        let listener = TcpListener::bind(LOOPBACK).unwrap();
        let route = through(listener.local_addr().unwrap());
        hurried("nowhere.invalid", 443, &route)
    }),
    (Cause::CertificateExpired, || shown(tls::expired)),
    (Cause::CertificateNotYetValid, || shown(tls::not_yet_valid)),
    (Cause::CertificateOtherName, || shown(tls::for_another_name)),
    (Cause::CertificateUnfit, || shown(tls::unfit)),
    (Cause::CertificateUnknownIssuer, || {
        let identity = Identity::new(|_| {});
        secured(move |stream| identity.show(stream))
    }),
    (Cause::CertificateNotChosen, || {
        let identity = Identity::new(|_| {});
        let trust = Trust::Only(Fingerprint([7; 32]));
        secured_for(trust, move |stream| identity.show(stream))
    }),
    (Cause::CertificateForged, || {
        let identity = Identity::new(|_| {});
        let trust = Trust::Only(identity.fingerprint());
        secured_for(trust, move |stream| identity.stolen().show(stream))
    }),
    (Cause::TlsAnsweredByRtmp, || {
        secured(|stream| respond(stream, &[3; 1537]))
    }),
    (Cause::TlsAnsweredByHttp, || {
        secured(|stream| respond(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    }),
    (Cause::TlsNotSpoken, || {
        secured(|stream| respond(stream, b"220 mail.example ESMTP\r\n"))
    }),
    (Cause::TlsNothingInCommon, || alerted(40)),
    (Cause::TlsNameUnknown, || alerted(112)),
    (Cause::TlsAccessDenied, || alerted(49)),
    (Cause::TlsServerTrouble, || alerted(80)),
    (Cause::Tls, || alerted(50)),
    (Cause::TlsClosed, || secured(|stream| respond(stream, b""))),
    (Cause::TlsTimedOut, || {
        let listener = TcpListener::bind(LOOPBACK).unwrap();
        let port = listener.local_addr().unwrap().port();
        hurried("localhost", port, &Route::default())
    }),
    (Cause::WebServer, || {
        plain(|stream| respond(stream, b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    }),
    (Cause::SshServer, || {
        plain(|stream| respond(stream, b"SSH-2.0-OpenSSH_9.2\r\n"))
    }),
    (Cause::TlsServer, || {
        plain(|stream| respond(stream, &[21, 3, 1, 0, 2, 2, 70]))
    }),
    (Cause::NotRtmp, || {
        plain(|stream| respond(stream, b"220 mail.example ESMTP\r\n"))
    }),
    (Cause::HandshakeSilent, || silent_at("")),
    (Cause::HandshakeClosed, || {
        plain(|stream| respond(stream, b""))
    }),
    (Cause::ConnectSilent, || silent_at("connect")),
    // Behind a port for secure connections.
    (Cause::HandshakeClosed, || {
        plain(|mut stream| {
            stream.read_exact(&mut [0; 1]).unwrap();
            Guest::new(stream).reset();
        })
    }),
    (Cause::ClosedAtConnect, || {
        guest(|mut guest| guest.welcome_up_to("connect"))
    }),
    (Cause::ClosedAtConnectAgain, || {
        once_live(|mut guest| guest.welcome_up_to("connect"))
    }),
    (Cause::UnknownApplication, || {
        guest(|mut guest| {
            guest.welcome_up_to("connect");
            guest.say_last(&error(
                1.0,
                "NetConnection.Connect.InvalidApp",
                "no such application",
            ));
        })
    }),
    (Cause::ConnectionRejected, || {
        guest(|mut guest| {
            guest.welcome_up_to("connect");
            guest.say_last(&error(
                1.0,
                "NetConnection.Connect.Rejected",
                "not from there",
            ));
        })
    }),
    (Cause::ServerFailed, || {
        guest(|mut guest| {
            guest.welcome_up_to("connect");
            guest.say_last(&error(
                1.0,
                "NetConnection.Connect.Failed",
                "internal error",
            ));
        })
    }),
    (Cause::LoginNeeded, || {
        rejected("rtmp://example.org/live", &[NEED_AUTH])
    }),
    (Cause::WrongPassword, || {
        rejected(WITH_LOGIN, &[NEED_AUTH, CHALLENGE, "?reason=authfailed"])
    }),
    (Cause::UnknownUser, || {
        rejected(
            WITH_LOGIN,
            &[NEED_AUTH, "authmod=adobe ] : ?reason=nosuchuser"],
        )
    }),
    (Cause::LockedOut, || {
        rejected(WITH_LOGIN, &[NEED_AUTH, CHALLENGE, "user locked, code=403"])
    }),
    (Cause::LoginRefused, || {
        rejected(WITH_LOGIN, &[NEED_AUTH, CHALLENGE, CHALLENGE])
    }),
    (Cause::UnknownLogin, || {
        rejected(WITH_LOGIN, &["code=403 need auth; authmod=dance"])
    }),
    (Cause::RedirectLoop, || {
        let send_back: fn(TcpStream) = |stream| {
            let mut guest = Guest::new(stream);
            guest.hear_call("connect");
            guest.say_last(&redirect("/live"));
        };
        let address = serving((0..4).map(|_| Box::new(send_back) as _).collect());
        publish_to(&format!("rtmp://{address}/live"), Plan::default())
    }),
    (Cause::RedirectInsecure, || {
        redirected("rtmps://example.org/live", "rtmp://elsewhere.example/live")
    }),
    (Cause::RedirectUnusable, || {
        redirected("rtmp://example.org/live", "http://elsewhere.example/")
    }),
    (Cause::StreamRefused, || {
        guest(|mut guest| {
            guest.welcome_up_to("createStream");
            guest.say_last(&error(4.0, "NetConnection.Call.Failed", "no"));
        })
    }),
    (Cause::StreamSilent, || silent_at("createStream")),
    (Cause::PublishSilent, || silent_at("publish")),
    (Cause::ClosedAtKey, || {
        guest(|mut guest| guest.welcome_up_to("publish"))
    }),
    // A fork of nginx's module, told by its owner's script to refuse.
    (Cause::ClosedAtKey, || {
        guest(|mut guest| {
            guest.welcome_up_to("publish");
            guest.say_last(&call("close", 0.0, Vec::new()));
        })
    }),
    (Cause::ClosedOnceAccepted, || {
        guest(|mut guest| guest.welcome_up_to(""))
    }),
    (Cause::ClosedAtKeyAgain, || {
        once_live(|mut guest| guest.welcome_up_to("publish"))
    }),
    (Cause::StreamDenied, || {
        refused_key("NetStream.publish.Unauthorized", "authentication failed")
    }),
    (Cause::StreamDenied, || {
        refused_key("NetStream.Publish.Denied", "key-of-ours is not known here")
    }),
    (Cause::NameInUse, || {
        refused_key("NetStream.Publish.BadName", "Already publishing")
    }),
    (Cause::StillHeld, || {
        once_live(|mut guest| {
            guest.welcome_up_to("publish");
            guest.say_last(&status(
                "error",
                "NetStream.Publish.BadName",
                "Already publishing",
            ));
        })
    }),
    (Cause::LimitReached, || {
        refused_key(
            "NetStream.Publish.Denied",
            "bandwidth quota of this account exceeded",
        )
    }),
    (Cause::Expired, || {
        refused_key("NetStream.Publish.Denied", "the token has expired")
    }),
    (Cause::StreamEnded, || {
        live_and_told("status", "NetStream.Unpublish.Success")
    }),
    (Cause::ShuttingDown, || {
        live_and_told("error", "NetConnection.Connect.AppShutdown")
    }),
    (Cause::IdleTimeout, || {
        live_and_told("error", "NetConnection.Connect.IdleTimeout")
    }),
    (Cause::EndedByServer, || {
        live_and_told("status", "NetConnection.Connect.Closed")
    }),
    (Cause::ClosedLive, || while_live(drop)),
    (Cause::ClosedLive, || while_live(Guest::reset)),
    (Cause::TimeLimit, || {
        live_for(Duration::from_secs(4 * 3600 + 5))
    }),
    (Cause::ConnectionLost, || {
        let identity = Identity::new(|_| {});
        let trust = Trust::Also(vec![identity.certificate.clone()]);
        secured_for(trust, move |stream| identity.garble(stream))
    }),
    #[cfg(target_os = "linux")]
    (Cause::Stalled, || {
        let serve = |guest: Guest| {
            guest.cut();
            thread::sleep(PATIENCE);
        };
        live_with(Plan::default(), serve, Vec::new())
    }),
    (LEFT_UNREAD, || {
        let plan = Plan {
            picture_bytes: 400_000,
            ..Plan::default()
        };
        let serve = |guest| {
            thread::sleep(PATIENCE);
            drop(guest);
        };
        live_with(plan, serve, Vec::new())
    }),
    (Cause::Protocol, || {
        while_live(|guest| guest.send_last(&[0xFF; 64]))
    }),
    (Cause::Protocol, || {
        // A message of 15 MB.
        while_live(|guest| guest.send_last(&[0x05, 0, 0, 0, 0xFF, 0xFF, 0, 8, 0, 0, 0, 0]))
    }),
    (Cause::Unsendable, || {
        let mut session = session_up_to("");
        let picture = picture(MediaTime::ZERO, true, 1 << 24);
        session.handle_input(MediaTime::ZERO, Input::Media(&picture));
        failure_of(session)
    }),
    (Cause::UnknownStatus, || {
        live_and_told("error", "NetStream.Odd.Thing")
    }),
];

/// What a server that reads nothing is told as. Only Linux tells it from a dead way so far.
const LEFT_UNREAD: Cause = if cfg!(target_os = "linux") {
    Cause::NotReading
} else {
    Cause::Stalled
};

/// Causes that no server brings about.
const NO_SERVER: &[Cause] = &[
    #[cfg(not(target_os = "linux"))]
    Cause::NotReading,
    // On our own side, before anything is sent.
    Cause::Address,
    Cause::ThisComputer,
    // The system's doing, which a test cannot have it do: see the tests of `net::connect` and `rtmp::refusal`.
    Cause::LookupTimedOut,
    Cause::Forbidden,
    Cause::InterfaceByAddressOnly,
    Cause::CertificateRevoked,
    Cause::TrustUnreadable,
    // This computer's doing: see the tests of `net::publisher`.
    Cause::NetworkLost,
    Cause::Unplugged,
    Cause::Slept,
    // No name server gives such a name an address.
    Cause::NameUnfitForTls,
    // After two minutes of `StillHeld`: see the tests of `control::reconnect`.
    Cause::HeldTooLong,
];

#[test]
fn every_cause_has_a_server_that_provokes_exactly_it() {
    let running: Vec<_> = CASES
        .iter()
        .map(|(cause, provoke)| {
            let thread = thread::Builder::new().name(format!("{cause:?}"));
            (cause, thread.spawn(provoke).unwrap())
        })
        .collect();
    let mut faults = Vec::new();
    for (cause, provoked) in running {
        match provoked.join() {
            Ok(failure) => {
                println!("{cause:?}: {failure}");
                faults.extend(fault(*cause, &failure));
            }
            Err(_) => faults.push(format!("{cause:?}: its server or publisher failed")),
        }
    }
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// What is not right about the `failure` that a server for `cause` brought about.
fn fault(cause: Cause, failure: &Failure) -> Option<String> {
    let told = failure.to_string();
    let shown = format!("{told} {failure:?}");
    if failure.cause != cause {
        Some(format!("{cause:?} became {:?}: {told}", failure.cause))
    } else if told.contains('{') {
        Some(format!("{cause:?} leaves a slot open: {told}"))
    } else if shown.contains(KEY) || shown.contains(PASSWORD) {
        Some(format!("{cause:?} shows a secret: {shown}"))
    } else {
        None
    }
}

#[test]
fn no_cause_lacks_a_server() {
    let provoked: HashSet<_> = CASES.iter().map(|(cause, _)| *cause).collect();
    assert!(provoked.len() >= 30);
    let lacking: Vec<_> = Cause::all()
        .filter(|cause| !provoked.contains(cause) && !NO_SERVER.contains(cause))
        .collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

const LOOPBACK: &str = "127.0.0.1:0";
const KEY: &str = "key-of-ours";
const PASSWORD: &str = "s3same";
/// Only a hanging test meets it.
const PATIENCE: Duration = Duration::from_secs(20);
const WITH_LOGIN: &str = "rtmp://teacher:s3same@example.org/live";
/// The first two steps of Adobe's way of logging in.
const NEED_AUTH: &str = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] :";
const CHALLENGE: &str = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=teacher&salt=s&challenge=c&opaque=o";

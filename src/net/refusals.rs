//! A scripted server for every cause of a refusal: each provokes its cause in a real publisher, which must tell
//! exactly that one, in words to act on.
//!
//! `cargo test --lib refusals -- --nocapture` prints what is told for each.
//!
//! | file | what it is about |
//! |---|---|
//! | `rtmp` | a server's side of a conversation, line by line |
//! | `tls` | servers with bad certificates |

mod rtmp;
mod tls;

use std::{
    collections::HashSet,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rtmp::{Guest, call, error, status, welcome};
use tls::Identity;
use tokio::runtime;

use super::{
    connect::connect,
    publisher::{Publisher, PublisherConfig, PublisherEvent},
    route::{Fingerprint, LocalEnd, Proxy, Route, Trust},
};
use crate::{
    amf0::Value,
    flv::testing::{audio_at, format, video_at},
    media::{clock::Clock, packet::Packet},
    rtmp::{
        chunk::{ChunkReader, ChunkWriter},
        handshake::ServerHandshake,
        message::Message,
        options::SessionOptions,
        publish::{Event, Input, PublishConfig, PublishSession},
        refusal::{Cause, Failure, Peer},
        session::Output,
        url::ServerUrl,
    },
    secret::Secret,
    units::MediaTime,
};

/// Each cause, and how a server brings it about; some in several ways.
const CASES: &[(Cause, fn() -> Failure)] = &[
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
        let plan = Plan {
            route: through(serving(Vec::new())),
            ..Plan::default()
        };
        publish_to("rtmp://nowhere.invalid/live", plan)
    }),
    (Cause::ProxyUnreachable, || {
        let nobody = TcpListener::bind(LOOPBACK).unwrap().local_addr().unwrap();
        let plan = Plan {
            route: through(nobody),
            ..Plan::default()
        };
        publish_to("rtmps://nowhere.invalid/live", plan)
    }),
    (Cause::ProxyNeedsLogin, || {
        proxy(b"HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"school\"\r\n\r\n")
    }),
    (Cause::ProxyLoginWrong, || {
        let answer = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"school\"\r\n\r\n";
        let address = serving(vec![Box::new(|stream| respond(stream, answer))]);
        let proxy = Proxy::parse(&format!("http://pupil:wrong@{address}")).unwrap();
        let route = Route {
            proxy: Some(proxy),
            ..Route::default()
        };
        let plan = Plan {
            route,
            ..Plan::default()
        };
        publish_to("rtmps://nowhere.invalid/live", plan)
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
        hurried("nowhere.invalid", 443, route)
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
    (Cause::NameUnfitForTls, || {
        // Short for 127.0.0.1, and no name.
        let port = serving(vec![Box::new(|stream| respond(stream, b""))]).port();
        publish_to(&format!("rtmps://127.1:{port}/live"), Plan::default())
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
        hurried("localhost", port, Route::default())
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
            guest.say(&error(
                1.0,
                "NetConnection.Connect.InvalidApp",
                "no such application",
            ));
        })
    }),
    (Cause::ConnectionRejected, || {
        guest(|mut guest| {
            guest.welcome_up_to("connect");
            guest.say(&error(
                1.0,
                "NetConnection.Connect.Rejected",
                "not from there",
            ));
        })
    }),
    (Cause::ServerFailed, || {
        guest(|mut guest| {
            guest.welcome_up_to("connect");
            guest.say(&error(
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
    (Cause::RedirectInsecure, || {
        redirected("rtmps://example.org/live", "rtmp://elsewhere.example/live")
    }),
    (Cause::RedirectUnusable, || {
        redirected("rtmp://example.org/live", "http://elsewhere.example/")
    }),
    (Cause::StreamRefused, || {
        guest(|mut guest| {
            guest.welcome_up_to("createStream");
            guest.say(&error(4.0, "NetConnection.Call.Failed", "no"));
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
            guest.say(&call("close", 0.0, Vec::new()));
            guest.wait_for_the_end();
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
    (Cause::NameInUse, || {
        refused_key("NetStream.Publish.BadName", "Already publishing")
    }),
    (Cause::StillHeld, || {
        once_live(|mut guest| {
            guest.welcome_up_to("publish");
            guest.say(&status(
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
        while_live(|mut guest| guest.say(&status("status", "NetStream.Unpublish.Success", "")))
    }),
    (Cause::ShuttingDown, || {
        while_live(|mut guest| guest.say(&status("error", "NetConnection.Connect.AppShutdown", "")))
    }),
    (Cause::IdleTimeout, || {
        while_live(|mut guest| guest.say(&status("error", "NetConnection.Connect.IdleTimeout", "")))
    }),
    (Cause::EndedByServer, || {
        while_live(|mut guest| guest.say(&status("status", "NetConnection.Connect.Closed", "")))
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
    (Cause::Stalled, || {
        // It reads nothing any more.
        let address = serving(vec![Box::new(|stream| {
            let mut guest = Guest::new(stream);
            guest.make_live();
            thread::sleep(PATIENCE);
        })]);
        let plan = Plan {
            picture_bytes: 400_000,
            ..Plan::default()
        };
        publish_to(&format!("rtmp://{address}/live"), plan)
    }),
    (Cause::Protocol, || {
        while_live(|mut guest| guest.send(&[0xFF; 64]))
    }),
    (Cause::Protocol, || {
        // A message of 15 MB.
        while_live(|mut guest| guest.send(&[0x05, 0, 0, 0, 0xFF, 0xFF, 0, 8, 0, 0, 0, 0]))
    }),
    (Cause::Unsendable, || {
        let mut session = session_up_to("");
        let picture = picture(MediaTime::ZERO, true, 1 << 24);
        session.handle_input(MediaTime::ZERO, Input::Media(&picture));
        failure_of(session)
    }),
    (Cause::UnknownStatus, || {
        while_live(|mut guest| guest.say(&status("error", "NetStream.Odd.Thing", "")))
    }),
];

/// Causes that no server brings about.
const NO_SERVER: &[Cause] = &[
    // On our own side, before anything is sent.
    Cause::Address,
    Cause::NoKey,
    Cause::ThisComputer,
    // The system's doing, which a test cannot have it do: see the tests of `net::connect`.
    Cause::LookupTimedOut,
    Cause::Forbidden,
    Cause::InterfaceByAddressOnly,
    Cause::CertificateRevoked,
    Cause::TrustUnreadable,
];

#[test]
fn every_cause_has_a_server_that_provokes_exactly_it() {
    let running: Vec<_> = CASES
        .iter()
        .map(|(cause, provoke)| (cause, thread::spawn(provoke)))
        .collect();
    let mut wrong = Vec::new();
    for (cause, provoked) in running {
        match provoked.join() {
            Ok(failure) => {
                println!("{cause:?}: {failure}");
                let told = failure.to_string();
                if failure.cause != *cause || told.contains('{') || told.contains(KEY) {
                    wrong.push(format!("{cause:?} became {:?}: {told}", failure.cause));
                }
            }
            Err(_) => wrong.push(format!("{cause:?}: its server or publisher failed")),
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
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

/// A plain server.
fn plain(serve: impl FnOnce(TcpStream) + Send + 'static) -> Failure {
    let address = serving(vec![Box::new(serve)]);
    publish_to(&format!("rtmp://{address}/live"), Plan::default())
}

/// A server at an `rtmps://` address.
fn secured(serve: impl FnOnce(TcpStream) + Send + 'static) -> Failure {
    secured_for(Trust::System, serve)
}

fn secured_for(trust: Trust, serve: impl FnOnce(TcpStream) + Send + 'static) -> Failure {
    let port = serving(vec![Box::new(serve)]).port();
    let route = Route {
        trust,
        ..Route::default()
    };
    let plan = Plan {
        route,
        ..Plan::default()
    };
    publish_to(&format!("rtmps://localhost:{port}/live"), plan)
}

/// A server with a certificate that is trusted and yet bad.
fn shown(change: fn(&mut rcgen::CertificateParams)) -> Failure {
    let identity = Identity::new(change);
    let trust = Trust::Also(vec![identity.certificate.clone()]);
    secured_for(trust, move |stream| identity.show(stream))
}

/// A server that breaks off with a fatal alert (RFC 8446, section 6).
fn alerted(alert: u8) -> Failure {
    secured(move |stream| respond(stream, &[21, 3, 3, 0, 2, 2, alert]))
}

/// A server that would answer, if this computer's end were there.
fn leaving_by(local: &str) -> Failure {
    let address = serving(Vec::new());
    let plan = Plan {
        route: Route {
            local: Some(LocalEnd::parse(local).unwrap()),
            ..Route::default()
        },
        ..Plan::default()
    };
    publish_to(&format!("rtmp://{address}/live"), plan)
}

fn through(proxy: SocketAddr) -> Route {
    Route {
        proxy: Some(Proxy::parse(&proxy.to_string()).unwrap()),
        ..Route::default()
    }
}

/// A proxy that gives this answer.
fn proxy(answer: &'static [u8]) -> Failure {
    let route = through(serving(vec![Box::new(|stream| respond(stream, answer))]));
    let plan = Plan {
        route,
        ..Plan::default()
    };
    // Proxies look names up themselves.
    publish_to("rtmps://nowhere.invalid/live", plan)
}

/// What comes of a secured connection on a clock that runs ahead whenever nothing happens.
fn hurried(host: &str, port: u16, route: Route) -> Failure {
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
    let connection = runtime.block_on(connect(&peer, true, &route));
    connection.expect_err("it is never secured")
}

/// A server that speaks RTMP, and closes at the end of `serve`.
fn guest(serve: impl FnOnce(Guest) + Send + 'static) -> Failure {
    plain(|stream| serve(Guest::new(stream)))
}

/// A server that refuses the key.
fn refused_key(code: &'static str, description: &'static str) -> Failure {
    guest(move |mut guest| {
        guest.welcome_up_to("publish");
        guest.say(&status("error", code, description));
    })
}

/// A server with which the stream is live when it does something.
fn while_live(serve: impl FnOnce(Guest) + Send + 'static) -> Failure {
    guest(|mut guest| {
        guest.make_live();
        serve(guest);
    })
}

/// A server that the stream was live with, and comes back to.
fn once_live(serve: impl FnOnce(Guest) + Send + 'static) -> Failure {
    let address = serving(vec![
        Box::new(|stream| Guest::new(stream).make_live()),
        Box::new(|stream| serve(Guest::new(stream))),
    ]);
    publish_to(
        &format!("rtmp://{address}/live"),
        Plan {
            failures: 2,
            ..Plan::default()
        },
    )
}

/// Waits for the first bytes, answers with `bytes` and closes.
fn respond(mut stream: TcpStream, bytes: &[u8]) {
    stream.read_exact(&mut [0; 1]).unwrap();
    stream.write_all(bytes).unwrap();
    // What is closed with bytes unread is reset, and the answer may be lost.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    while matches!(stream.read(&mut [0; 4096]), Ok(1..)) {}
}

type Serve = Box<dyn FnOnce(TcpStream) + Send>;

/// A server on a thread of its own that gives each connection to the next of `serves`.
fn serving(serves: Vec<Serve>) -> SocketAddr {
    let listener = TcpListener::bind(LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for serve in serves {
            let (stream, _) = listener.accept().unwrap();
            serve(stream);
        }
    });
    address
}

/// How a publisher meets a server.
struct Plan {
    route: Route,
    /// Up to which failure it goes on; that is the one told.
    failures: usize,
    picture_bytes: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            route: Route::default(),
            failures: 1,
            picture_bytes: 100,
        }
    }
}

/// What a publisher makes of the server at `url`. It gives up after a while, and is fed with pictures and sound.
fn publish_to(url: &str, plan: Plan) -> Failure {
    let clock = Clock::start();
    let (sender, events) = sync_channel(1024);
    let config = PublisherConfig {
        server: ServerUrl::parse(url).unwrap(),
        key: Secret::new(KEY),
        format: format(),
        give_up_after: Some(GIVE_UP_AFTER),
        clock,
        route: plan.route,
        options: SessionOptions::default(),
    };
    let publisher = Publisher::start(config, move |event| {
        // The test may have seen enough and be gone.
        let _ = sender.try_send(event);
    })
    .unwrap();
    let patience_ends = Instant::now() + PATIENCE;
    let mut failures = Vec::new();
    for number in 0_u64.. {
        assert!(Instant::now() < patience_ends, "{failures:?}");
        match events.recv_timeout(Duration::from_millis(20)) {
            Ok(PublisherEvent::Reconnecting { because, .. }) => failures.push(because),
            Ok(PublisherEvent::Ended { because }) => {
                failures.push(because.expect("nobody asked for an end"));
                break;
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {
                let now = clock.now();
                publisher.send(picture(now, number.is_multiple_of(10), plan.picture_bytes));
                publisher.send(audio_at(now));
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if failures.len() >= plan.failures {
            break;
        }
    }
    failures.pop().expect("it failed")
}

fn picture(time: MediaTime, key_frame: bool, bytes: usize) -> Packet {
    let mut packet = video_at(time, key_frame);
    if let Packet::Video(picture) = &mut packet {
        picture.data = Bytes::from(vec![0x65; bytes]);
    }
    packet
}

/// A session in memory, on a clock that costs no time, with a server that gives `answer` to a call, until both
/// are quiet. Returns what came of it, if anything did.
fn converse(
    session: &mut PublishSession,
    mut answer: impl FnMut(&str) -> Option<Message>,
) -> Option<Event> {
    let mut handshake = ServerHandshake::new(2);
    let (mut reader, mut writer) = (ChunkReader::new(), ChunkWriter::new());
    loop {
        let bytes = match session.poll_output() {
            Output::Send(bytes) => bytes,
            Output::Event(Event::Accepted) => continue,
            Output::Event(event) => return Some(event),
            Output::WakeAt(_) => return None,
        };
        let mut reply = Vec::new();
        let taken = handshake.receive(&bytes, &mut reply).unwrap();
        reader.push(&bytes[taken..]);
        while let Some(raw) = reader.next_message().unwrap() {
            if let Message::Command(command) = Message::parse(&raw).unwrap()
                && let Some(answer) = answer(&command.name)
            {
                answer.write(0, 0, &mut writer, &mut reply).unwrap();
            }
        }
        session.handle_input(MediaTime::ZERO, Input::Received(&reply));
    }
}

/// A session that was welcomed up to the call of `name`.
fn session_up_to(name: &str) -> PublishSession {
    let mut session = PublishSession::new(MediaTime::ZERO, config("rtmp://example.org/live"));
    let mut welcome = welcome()
        .into_iter()
        .take_while(|(call, _)| *call != name)
        .peekable();
    let outcome = converse(&mut session, |call| {
        let (_, answer) = welcome.next_if(|(expected, _)| *expected == call)?;
        Some(answer)
    });
    assert_eq!(outcome, None);
    session
}

fn failure_of(mut session: PublishSession) -> Failure {
    match converse(&mut session, |_| None) {
        Some(Event::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

fn config(server: &str) -> PublishConfig {
    PublishConfig {
        server: ServerUrl::parse(server).unwrap(),
        key: Secret::new(KEY),
        options: SessionOptions::default(),
        login: None,
        format: format(),
        was_live: false,
        ack_window: 100_000,
        seed: 1,
    }
}

/// A server that does not answer the call of `name`, nor the handshake if that is nothing.
fn silent_at(name: &str) -> Failure {
    let mut session = match name {
        "" => PublishSession::new(MediaTime::ZERO, config("rtmp://example.org/live")),
        name => session_up_to(name),
    };
    session.handle_input(MediaTime::from_millis(10_000), Input::Tick);
    failure_of(session)
}

/// A server that closes a live stream after `time`.
fn live_for(time: Duration) -> Failure {
    let mut session = session_up_to("");
    session.handle_input(MediaTime::ZERO, Input::Arrived);
    session.handle_input(MediaTime::ZERO + time, Input::PeerClosed);
    failure_of(session)
}

/// A server that rejects one connection after the other, with these words.
fn rejected(server: &str, words: &[&str]) -> Failure {
    let mut config = config(server);
    for words in words {
        let mut session = PublishSession::new(MediaTime::ZERO, config.clone());
        let outcome = converse(&mut session, |call| {
            let rejection = || error(1.0, "NetConnection.Connect.Rejected", words);
            (call == "connect").then(rejection)
        });
        match outcome {
            Some(Event::Onward(onward)) => {
                config.server = onward.server;
                config.login = onward.login;
            }
            Some(Event::Failed(failure)) => return failure,
            other => panic!("{other:?}"),
        }
    }
    panic!("it would go on");
}

/// A server that sends us elsewhere.
fn redirected(server: &str, target: &str) -> Failure {
    let mut session = PublishSession::new(MediaTime::ZERO, config(server));
    let outcome = converse(&mut session, |call| {
        let extra = Value::object([
            ("code", Value::Number(302.0)),
            ("redirect", Value::from(target)),
        ]);
        let information = Value::object([
            ("level", Value::from("error")),
            ("code", Value::from("NetConnection.Connect.Rejected")),
            ("ex", extra),
        ]);
        (call == "connect").then(|| rtmp::call("_error", 1.0, vec![information]))
    });
    match outcome {
        Some(Event::Failed(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

const LOOPBACK: &str = "127.0.0.1:0";
const KEY: &str = "key-of-ours";
const WITH_LOGIN: &str = "rtmp://teacher:wrong@example.org/live";
/// The first two steps of Adobe's way of logging in.
const NEED_AUTH: &str = "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] :";
const CHALLENGE: &str = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=teacher&salt=s&challenge=c&opaque=o";
/// Ends what would take longer, such as a connection that is never made.
const GIVE_UP_AFTER: Duration = Duration::from_secs(2);
/// Only a hanging test meets it.
const PATIENCE: Duration = Duration::from_secs(20);

use std::time::Duration;

use tokio::{net::TcpListener, time::timeout};

use super::*;
use crate::{
    net::{connect::connect, route::Route},
    rtmp::refusal::{Cause, FailureKind},
};

const PASSWORD: &str = "s3cretPASS";

fn peer() -> Peer {
    Peer {
        host: "live.example.org".to_owned(),
        port: 443,
        app: "app".to_owned(),
    }
}

/// Reads a request, answers `pieces` one by one, then closes; returns the request and what came behind it.
async fn scripted(listener: TcpListener, pieces: Vec<Vec<u8>>) -> (String, Vec<u8>) {
    let (mut tcp, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(END_OF_HEAD) {
        request.push(tcp.read_u8().await.unwrap());
    }
    for piece in pieces {
        // The client may have heard enough.
        let _ = tcp.write_all(&piece).await;
        tokio::task::yield_now().await;
    }
    let _ = tcp.shutdown().await;
    let mut rest = Vec::new();
    let _ = tcp.read_to_end(&mut rest).await;
    (String::from_utf8(request).unwrap(), rest)
}

/// Tunnels through a proxy that gives `pieces` as its answer.
async fn tunnel_through(
    pieces: Vec<Vec<u8>>,
    login: &str,
) -> (Result<(), Failure>, TcpStream, Proxy) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(scripted(listener, pieces));
    let proxy = Proxy::parse(&format!("http://{login}{address}")).unwrap();
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let result = timeout(Duration::from_secs(10), tunnel(&mut tcp, &peer(), &proxy))
        .await
        .expect("an answer in time");
    (result, tcp, proxy)
}

async fn refusal(answer: impl Into<Vec<u8>>, login: &str) -> Failure {
    let (result, _, _) = tunnel_through(vec![answer.into()], login).await;
    result.unwrap_err()
}

#[tokio::test]
async fn bytes_behind_the_answer_are_left_for_who_comes_after() {
    let answer = b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\nfrom the server";
    // At once, byte by byte, and cut at every place.
    let mut scripts = vec![vec![answer.to_vec()]];
    scripts.push(answer.iter().map(|byte| vec![*byte]).collect());
    scripts.extend((1..answer.len()).map(|at| {
        let (one, other) = answer.split_at(at);
        vec![one.to_vec(), other.to_vec()]
    }));
    for pieces in scripts {
        let (result, mut tcp, _) = tunnel_through(pieces, "").await;
        assert_eq!(result, Ok(()));
        let mut rest = String::new();
        tcp.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "from the server");
    }
}

#[tokio::test]
async fn a_long_answer_is_read_to_its_end() {
    let header = format!("X-Filler: {}\r\n", "x".repeat(1000));
    let answer = format!("HTTP/1.0 200 OK\r\n{}\r\n!", header.repeat(15));
    let (result, mut tcp, _) = tunnel_through(vec![answer.into_bytes()], "").await;
    assert_eq!(result, Ok(()));
    assert_eq!(tcp.read_u8().await.unwrap(), b'!');
}

#[test]
fn the_request_names_the_server_and_carries_the_login_unseen() {
    let plain = request(&peer(), None);
    assert_eq!(
        plain.expose(),
        "CONNECT live.example.org:443 HTTP/1.1\r\nHost: live.example.org:443\r\n\r\n"
    );
    let ipv6 = Peer {
        host: "2001:db8::1".to_owned(),
        ..peer()
    };
    // RFC 7617, section 2.
    let login = Credentials {
        user: "Aladdin".to_owned(),
        password: Secret::new("open sesame"),
    };
    let request = request(&ipv6, Some(&login));
    assert_eq!(
        request.expose(),
        "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\
         Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"
    );
    assert_eq!(format!("{request:?}"), "••••");
}

#[tokio::test]
async fn each_refusal_of_a_proxy_has_its_words() {
    let login = format!("me:{PASSWORD}@");
    let basic = "Proxy-Authenticate: Negotiate, basic realm=\"x\"\r\n";
    for (answer, login, kind, words) in [
        (
            format!("HTTP/1.1 407 Login\r\n{basic}\r\n"),
            "",
            FailureKind::Refused,
            "asks for a login before",
        ),
        (
            "HTTP/1.1 407\r\n\r\n".to_owned(),
            "",
            FailureKind::Refused,
            "asks for a login before",
        ),
        (
            format!("HTTP/1.1 407 Login\r\n{basic}\r\n"),
            &login,
            FailureKind::Refused,
            "did not accept the login",
        ),
        (
            "HTTP/1.1 407 Login\r\nproxy-authenticate: NTLM\r\n\r\n".to_owned(),
            &login,
            FailureKind::Refused,
            "a kind that is not supported",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\n\r\n".to_owned(),
            "",
            FailureKind::Refused,
            "forbids connections to live.example.org, port 443",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\n\r\n".to_owned(),
            "",
            FailureKind::Unreachable,
            "could not reach live.example.org",
        ),
        (
            "HTTP/1.1 503 x\r\n\r\n".to_owned(),
            "",
            FailureKind::Unreachable,
            "status 503",
        ),
        (
            "HTTP/1.1 504 x\r\n\r\n".to_owned(),
            "",
            FailureKind::Unreachable,
            "status 504",
        ),
        (
            "HTTP/1.1 405 Method Not Allowed\r\n\r\n".to_owned(),
            "",
            FailureKind::Refused,
            "did not connect to live.example.org, port 443 (status 405)",
        ),
        (
            "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
            "",
            FailureKind::Refused,
            "is not an HTTP proxy",
        ),
        (
            "HTTP/1.1 hello\r\n\r\n".to_owned(),
            "",
            FailureKind::Refused,
            "is not an HTTP proxy",
        ),
        (
            format!("HTTP/1.1 200 OK\r\n{}", "x".repeat(40_000)),
            "",
            FailureKind::Refused,
            "is not an HTTP proxy",
        ),
        (
            String::new(),
            "",
            FailureKind::Closed,
            "closed the connection instead",
        ),
        (
            "HTTP/1.1 200 OK\r\nVia:".to_owned(),
            "",
            FailureKind::Closed,
            "closed the connection instead",
        ),
    ] {
        let failure = refusal(answer, login).await;
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(failure.what.contains(words), "{failure}");
        assert!(failure.what.contains("127.0.0.1, port "), "{failure}");
    }
}

#[tokio::test]
async fn a_proxys_own_words_are_shown_without_the_password() {
    let login = format!("me:{PASSWORD}@");
    let answer = format!("HTTP/1.1 403 Not with {PASSWORD}\r\n\r\n");
    let failure = refusal(answer, &login).await;
    assert_eq!(failure.server_words.as_deref(), Some("Not with ••••"));
    assert!(!format!("{failure} {failure:?}").contains(PASSWORD));
}

#[tokio::test]
async fn a_plain_address_is_refused_where_a_proxy_is_set_before_anything_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let route = Route {
        proxy: Some(Proxy::parse(&listener.local_addr().unwrap().to_string()).unwrap()),
        ..Route::default()
    };
    let failure = connect(&peer(), false, &route).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Address);
    assert!(failure.what.contains("rtmps:// only"), "{failure}");
    let untouched = timeout(Duration::from_millis(50), listener.accept()).await;
    assert!(untouched.is_err());
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_from_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let route = Route {
        proxy: Some(Proxy::parse(&address.to_string()).unwrap()),
        ..Route::default()
    };
    // The server's name does not exist, and is not looked up.
    let nowhere = Peer {
        host: "nowhere.invalid".to_owned(),
        ..peer()
    };
    let failure = connect(&nowhere, true, &route).await.unwrap_err();
    assert_eq!(failure.cause, Cause::ProxyUnreachable);
    assert!(failure.what.contains("the proxy set for"), "{failure}");
}

#[tokio::test]
async fn a_proxy_that_breaks_off_is_blamed_and_not_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.read_u8().await.unwrap();
        // What was sent is not read to its end: this resets the connection.
    });
    let proxy = Proxy::parse(&address.to_string()).unwrap();
    let mut tcp = TcpStream::connect(address).await.unwrap();
    let failure = tunnel(&mut tcp, &peer(), &proxy).await.unwrap_err();
    assert_eq!(failure.cause, Cause::ProxyClosed);
    let proxy = proxy.to_string();
    assert!(
        failure
            .what
            .starts_with(&format!("The proxy {proxy} closed")),
        "{failure}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_proxy_is_given_up_after_its_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let route = Route {
        proxy: Some(Proxy::parse(&listener.local_addr().unwrap().to_string()).unwrap()),
        ..Route::default()
    };
    let silent = async {
        let (tcp, _) = listener.accept().await.unwrap();
        std::future::pending::<()>().await;
        drop(tcp);
    };
    let peer = peer();
    let failure = tokio::select! {
        result = connect(&peer, true, &route) => result.unwrap_err(),
        () = silent => unreachable!(),
    };
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.what.contains("within 10 seconds"), "{failure}");
}

//! Through an HTTP proxy with `CONNECT` (RFC 9110, 9.3.6): the server's name is left for it to look up.

use std::io;

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    net::route::Proxy,
    rtmp::{
        refusal::{Failure, Peer},
        url::Credentials,
    },
    secret::Secret,
};

/// Has `proxy`, which `tcp` leads to, connect to `peer`. Afterwards `tcp` stands at the server's first byte.
pub(super) async fn tunnel(tcp: &mut TcpStream, peer: &Peer, proxy: &Proxy) -> Result<(), Failure> {
    let request = request(peer, proxy.credentials.as_ref());
    let answer = async {
        tcp.write_all(request.expose().as_bytes()).await?;
        read_head(tcp).await
    };
    let name = proxy.to_string();
    let head = match answer.await {
        Ok(Head::Whole(head)) => head,
        Ok(Head::TooLong) => return Err(Failure::not_a_proxy(peer, &name)),
        // A connection that breaks here breaks between this computer and the proxy.
        Ok(Head::Closed) | Err(_) => return Err(Failure::proxy_closed(peer, &name)),
    };
    let Some(answer) = Answer::parse(&head) else {
        return Err(Failure::not_a_proxy(peer, &name));
    };
    let failure = match (answer.status, &proxy.credentials) {
        (200..=299, _) => return Ok(()),
        (407, _) if !answer.takes_basic => Failure::proxy_login_not_supported(peer, &name),
        (407, None) => Failure::proxy_needs_login(peer, &name),
        (407, Some(_)) => Failure::proxy_login_wrong(peer, &name),
        (403, _) => Failure::proxy_forbids(peer, &name, 403),
        (status @ 502..=504, _) => Failure::proxy_cannot_reach(peer, &name, status),
        (status, _) => Failure::proxy_refused(peer, &name, status),
    };
    let password = proxy.credentials.as_ref().map(|login| &login.password);
    Err(failure.with_server_words(&answer.reason, password.unwrap_or(&Secret::default())))
}

/// The request; secret, for it has the login in it.
fn request(peer: &Peer, credentials: Option<&Credentials>) -> Secret {
    let host = if peer.host.contains(':') {
        format!("[{}]", peer.host)
    } else {
        peer.host.clone()
    };
    let target = format!("{host}:{}", peer.port);
    let authorization = match credentials {
        Some(Credentials { user, password }) => {
            let login = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            format!("Proxy-Authorization: Basic {login}\r\n")
        }
        None => String::new(),
    };
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{authorization}\r\n");
    Secret::new(request)
}

/// What came before the first empty line.
enum Head {
    Whole(Vec<u8>),
    Closed,
    TooLong,
}

/// Reads up to the first empty line and not a byte further: what follows is the server's.
async fn read_head(tcp: &mut TcpStream) -> io::Result<Head> {
    let mut head = Vec::new();
    let mut ahead = [0; 1024];
    loop {
        // Looked at, but left with the kernel.
        let count = tcp.peek(&mut ahead).await?;
        if count == 0 {
            return Ok(Head::Closed);
        }
        let known = head.len();
        head.extend_from_slice(&ahead[..count]);
        let search_from = known.saturating_sub(END_OF_HEAD.len() - 1);
        let end = head[search_from..]
            .windows(END_OF_HEAD.len())
            .position(|window| window == END_OF_HEAD)
            .map(|at| search_from + at + END_OF_HEAD.len());
        let taken = end.unwrap_or(head.len()) - known;
        tcp.read_exact(&mut ahead[..taken]).await?;
        if let Some(end) = end {
            head.truncate(end);
            return Ok(Head::Whole(head));
        }
        if head.len() > MAX_HEAD_BYTES || !could_be_http(&head) {
            return Ok(Head::TooLong);
        }
    }
}

/// What can be known of another protocol's answer before it ends, if it ever does.
fn could_be_http(head: &[u8]) -> bool {
    let count = head.len().min(HTTP.len());
    head[..count] == HTTP[..count]
}

/// What matters of a proxy's answer.
struct Answer {
    status: u16,
    reason: String,
    /// Whether it takes a login of the Basic kind (RFC 7617), as far as it says which.
    takes_basic: bool,
}

impl Answer {
    fn parse(head: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let mut first = lines.next()?.splitn(3, ' ');
        first.next()?.strip_prefix("HTTP/1.")?;
        let status = first.next()?.parse().ok()?;
        let mut kinds = lines
            .filter_map(|line| line.split_once(':'))
            .filter(|(name, _)| name.eq_ignore_ascii_case("Proxy-Authenticate"))
            .flat_map(|(_, kinds)| kinds.split(','))
            .peekable();
        let takes_basic = kinds.peek().is_none()
            || kinds.any(|kind| {
                let word = kind.split_whitespace().next().unwrap_or_default();
                word.eq_ignore_ascii_case("Basic")
            });
        Some(Self {
            status,
            reason: first.next().unwrap_or_default().to_owned(),
            takes_basic,
        })
    }
}

const HTTP: &[u8] = b"HTTP/1.";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// The longest head of an answer that is read.
const MAX_HEAD_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests;

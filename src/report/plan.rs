//! What was asked for, as far as a report may show it: no key, no password, of an address no more than its host.

use crate::{
    engine::command::{Broadcast, Follow, OutputFormat},
    rtmp::url::ServerUrl,
};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How picture and sound were to be encoded.
    pub format: OutputFormat,
    /// Where it was to go, the primary first.
    pub destinations: Vec<Place>,
    /// Whose uplink decided on the bitrate.
    pub follow: Follow,
}

/// One destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What the user calls it, or the server's name.
    pub name: String,
    /// `rtmps://example.org`, with the port where it is not the usual one.
    pub server: String,
    /// The same of the backup server.
    pub backup: Option<String>,
}

impl Plan {
    /// What `broadcast` in `format` may be told of.
    #[must_use]
    pub fn of(broadcast: &Broadcast, format: OutputFormat) -> Self {
        let places = broadcast.destinations.iter().map(|destination| {
            let url = ServerUrl::parse(&destination.server).ok();
            let host = url.as_ref().map_or("?", |url| &url.host);
            Place {
                name: if destination.name.is_empty() {
                    host.to_owned()
                } else {
                    destination.name.clone()
                },
                server: shown(&destination.server),
                backup: destination.backup.as_ref().map(|it| shown(&it.server)),
            }
        });
        Self {
            format,
            destinations: places.collect(),
            follow: broadcast.follow,
        }
    }
}

/// Scheme, host and unusual port.
fn shown(address: &str) -> String {
    let Ok(url) = ServerUrl::parse(address) else {
        return "?".to_owned();
    };
    let scheme = url.scheme.name();
    let host = if url.host.contains(':') {
        format!("[{}]", url.host)
    } else {
        url.host
    };
    if url.port == url.scheme.default_port() {
        format!("{scheme}://{host}")
    } else {
        format!("{scheme}://{host}:{}", url.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_the_host_is_shown() {
        for (address, expected) in [
            ("rtmp://me:pa55@a.example/live/k3y?t=0", "rtmp://a.example"),
            ("rtmps://a.example:8443/app", "rtmps://a.example:8443"),
            ("rtmp://[::1]:1936/app", "rtmp://[::1]:1936"),
            ("srt://a.example", "?"),
        ] {
            assert_eq!(shown(address), expected);
        }
    }
}

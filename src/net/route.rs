//! Which way to take to a server: whom to trust, where to leave this computer, through which proxy.

use std::net::IpAddr;

use tokio_rustls::rustls::pki_types::CertificateDer;

/// The way to one destination. The default is the system's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Whose certificates count for `rtmps://`.
    pub trust: Trust,
    /// Where connections leave this computer; `None` leaves it to the system.
    pub local: Option<LocalEnd>,
    /// A proxy to be passed on the way to `rtmps://` servers.
    pub proxy: Option<Proxy>,
}

/// Whose certificates count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that this system trusts.
    #[default]
    System,
    /// Those, and the ones issued by these.
    Also(Vec<CertificateDer<'static>>),
    /// One certificate alone, whoever issued it and whatever name it bears: the one with this fingerprint.
    Only(Fingerprint),
}

/// SHA-256 over a certificate's DER bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// Where connections leave this computer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalEnd {
    /// From this address of this computer.
    Address(IpAddr),
    /// Through this network interface: `eth0`.
    Interface(String),
}

/// An HTTP proxy that tunnels with `CONNECT` (RFC 9110, 9.3.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Name or address; an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// For `Proxy-Authorization: Basic`.
    pub credentials: Option<crate::rtmp::url::Credentials>,
}

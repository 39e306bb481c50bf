//! Before RTMP: the way to the server.

use std::time::Duration;

use super::{Failure, FailureKind, Peer, presentable, seconds};
use crate::secret::Secret;

impl Failure {
    /// The name could not be resolved.
    #[must_use]
    pub fn unknown_host(peer: &Peer) -> Self {
        Self::new(
            FailureKind::UnknownHost,
            format!("No server named \"{}\" can be found.", peer.host),
            "Check the address for typing errors, and that this computer is online.",
        )
    }

    /// Resolving the name took too long.
    #[must_use]
    pub fn name_lookup_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(
            FailureKind::UnknownHost,
            format!(
                "Looking up \"{}\" brought no answer within {}.",
                peer.host,
                seconds(waited)
            ),
            "Check that this computer is online and that its name server works.",
        )
    }

    /// Nothing listens at the port.
    #[must_use]
    pub fn port_refused(peer: &Peer) -> Self {
        Self::new(
            FailureKind::PortRefused,
            format!("No server answers at {peer}: the connection was refused."),
            "Check the port number, and that the server is running.",
        )
    }

    /// A firewall or the like on this computer forbids the connection.
    #[must_use]
    pub fn connect_forbidden(peer: &Peer, cause: &str) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!("This computer does not let the connection to {peer} out ({cause})."),
            "Allow this program in the firewall or security software of this computer.",
        )
    }

    /// This computer has no such address, now.
    #[must_use]
    pub fn no_such_local_address(peer: &Peer, address: &str, cause: &str) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!(
                "{peer} cannot be reached from {address}: this computer does not have that address now \
                 ({cause})."
            ),
            "Check that its network is connected; otherwise choose another local address, or none.",
        )
    }

    /// This computer has no such network interface, now.
    #[must_use]
    pub fn no_such_interface(peer: &Peer, interface: &str, cause: &str) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!(
                "{peer} cannot be reached through the network interface \"{interface}\": this computer \
                 does not have it now ({cause})."
            ),
            "Plug it in or switch it on; otherwise choose another interface, or none.",
        )
    }

    /// The system lets no program, or not this one, choose an interface by its name.
    #[must_use]
    pub fn interface_not_to_be_chosen(peer: &Peer, interface: &str) -> Self {
        Self::new(
            FailureKind::Local,
            format!(
                "{peer} cannot be reached through the network interface \"{interface}\": this system \
                 does not let this program choose an interface by its name."
            ),
            "Give the interface's IP address instead of its name.",
        )
    }

    /// The server has addresses, but none that can be reached from the local address that was chosen.
    #[must_use]
    pub fn no_address_of_family(peer: &Peer, address: &str, family: &str) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!("{peer} cannot be reached from {address}: the server has no {family} address."),
            "Choose a local address of the other kind, or none.",
        )
    }

    /// The network knows no way there, or the connection could not be made for another reason.
    #[must_use]
    pub fn unreachable(peer: &Peer, cause: &str) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!("{peer} cannot be reached ({cause})."),
            "Check that this computer is online, and that no firewall blocks the port.",
        )
    }

    /// The connection could not be made in time.
    #[must_use]
    pub fn connect_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!("{peer} did not answer within {}.", seconds(waited)),
            "Check the address and port, and that no firewall blocks it.",
        )
    }

    /// The server's certificate is past its time.
    #[must_use]
    pub fn certificate_expired(peer: &Peer) -> Self {
        Self::certificate(
            peer,
            "its certificate has expired",
            "Check this computer's date and time; if they are right, the server's operator must renew the \
             certificate.",
        )
    }

    /// The server's certificate is not valid yet. Computers set their clocks over the network once it is up,
    /// so waiting can help.
    #[must_use]
    pub fn certificate_not_yet_valid(peer: &Peer) -> Self {
        let failure = Self::certificate(
            peer,
            "its certificate is not valid yet by this computer's clock",
            "Set this computer's date and time right.",
        );
        Self {
            kind: FailureKind::Unreachable,
            ..failure
        }
    }

    /// The server's certificate names other servers: `names`, as far as they are known.
    #[must_use]
    pub fn certificate_for_other_name(peer: &Peer, names: &[String]) -> Self {
        let names: Vec<_> = names.iter().take(MOST_NAMES_SHOWN).cloned().collect();
        let problem = match presentable(&names.join(", "), &Secret::default()) {
            Some(names) => format!("its certificate is for another name ({names})"),
            None => "its certificate is for another name".to_owned(),
        };
        Self::certificate(
            peer,
            &problem,
            "Enter the server's address with the name that its operator gave you.",
        )
    }

    /// Nobody that is trusted vouches for the server's certificate; many private servers issue their own.
    #[must_use]
    pub fn certificate_from_unknown_issuer(peer: &Peer, fingerprint: &str) -> Self {
        Self::certificate(
            peer,
            "its certificate was issued by nobody this computer trusts",
            pin_after_comparing(fingerprint),
        )
    }

    /// The server's certificate was taken back by its issuer.
    #[must_use]
    pub fn certificate_revoked(peer: &Peer) -> Self {
        Self::certificate(
            peer,
            "its certificate was revoked by its issuer",
            "Do not stream there before the server's operator has replaced the certificate.",
        )
    }

    /// A signature is wrong: the issuer's in the certificate, or the one by which the server proves that the
    /// certificate is its own.
    #[must_use]
    pub fn certificate_forged(peer: &Peer) -> Self {
        let problem = "the server could not prove that it is its own";
        Self {
            remedy: "Try another network: something on the way may pretend to be the server. If it stays so, \
                     tell the server's operator."
                .to_owned(),
            ..Self::certificate_unacceptable(peer, problem, "")
        }
    }

    /// The server shows another certificate than the one that alone is to be trusted.
    #[must_use]
    pub fn certificate_not_the_chosen_one(peer: &Peer, fingerprint: &str) -> Self {
        Self::certificate(
            peer,
            "it shows another certificate than the one chosen for it",
            format!(
                "Ask the server's operator whether the certificate was replaced. Only if its SHA-256 \
                 fingerprint there is {fingerprint} too, choose that one."
            ),
        )
    }

    /// The server's certificate is not acceptable for another reason, such as how it was made.
    #[must_use]
    pub fn certificate_unacceptable(peer: &Peer, problem: &str, fingerprint: &str) -> Self {
        Self::certificate(
            peer,
            &format!("its certificate is not acceptable ({problem})"),
            pin_after_comparing(fingerprint),
        )
    }

    fn certificate(peer: &Peer, problem: &str, remedy: impl Into<String>) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("The secure connection to {peer} was refused by this program: {problem}."),
            remedy,
        )
    }

    /// The list of issuers that this system trusts cannot be read.
    #[must_use]
    pub fn system_trust_unreadable(peer: &Peer, problem: &str) -> Self {
        Self::new(
            FailureKind::Local,
            format!(
                "No secure connection to {peer} can be made: the certificates that this system trusts \
                 cannot be read ({problem})."
            ),
            "Install the system's certificates (on Linux the package ca-certificates).",
        )
    }

    /// The name is none that a certificate can be checked for.
    #[must_use]
    pub fn name_not_fit_for_tls(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Address,
            format!(
                "No secure connection can be made to a server named \"{}\".",
                peer.host
            ),
            "Check the name for typing errors, and write letters other than a to z in their xn-- form.",
        )
    }

    /// What answers at the port speaks RTMP without TLS.
    #[must_use]
    pub fn tls_answered_by_rtmp(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("{peer} does not speak TLS: it is a plain RTMP server."),
            "Use rtmp:// for this port, or ask the server's operator for the port for RTMPS.",
        )
    }

    /// What answers at the port is a web server without TLS.
    #[must_use]
    pub fn tls_answered_by_http(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("{peer} does not speak TLS: it is a web server."),
            "Check the port; RTMPS is mostly at 443.",
        )
    }

    /// What answers at the port does not speak TLS.
    #[must_use]
    pub fn tls_not_spoken(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("What answers at {peer} does not speak TLS."),
            "If the server offers no RTMPS at this port, use rtmp:// or another port.",
        )
    }

    /// The server and this program know no version of TLS, or no cipher, in common.
    #[must_use]
    pub fn tls_nothing_in_common(peer: &Peer, problem: &str) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("No secure connection to {peer} could be agreed on ({problem})."),
            "The server's operator must allow TLS 1.2 or 1.3 with today's ciphers.",
        )
    }

    /// The server knows no certificate for the name that it was asked for.
    #[must_use]
    pub fn tls_name_unknown(peer: &Peer) -> Self {
        Self::new(
            FailureKind::Tls,
            format!(
                "{peer} answers, but does not know the name \"{}\".",
                peer.host
            ),
            "Enter the server's address with the name that its operator gave you.",
        )
    }

    /// The server wants the client to show a certificate, or does not let it in without more.
    #[must_use]
    pub fn tls_access_denied(peer: &Peer, alert: &str) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("{peer} does not let this computer in ({alert})."),
            "Servers that ask for a certificate of the client are not supported; ask the server's operator \
             for another way in.",
        )
    }

    /// Securing the connection failed for another reason.
    #[must_use]
    pub fn tls(peer: &Peer, problem: &str) -> Self {
        Self::new(
            FailureKind::Tls,
            format!("No secure connection to {peer} could be made ({problem})."),
            "If the server offers no RTMPS at this port, use rtmp:// or another port.",
        )
    }

    /// The server has trouble of its own with securing the connection; it may pass.
    #[must_use]
    pub fn tls_server_trouble(peer: &Peer, alert: &str) -> Self {
        Self::new(
            FailureKind::Closed,
            format!("{peer} could not secure the connection ({alert})."),
            "If it does not pass, tell the server's operator.",
        )
    }

    /// The connection was closed or reset while it was being secured.
    #[must_use]
    pub fn closed_in_tls(peer: &Peer, cause: &str) -> Self {
        Self::new(
            FailureKind::Closed,
            format!(
                "{peer} accepted the connection, then closed it while it was being secured ({cause})."
            ),
            "Check that the server offers RTMPS at this port; if not, use rtmp:// or another port.",
        )
    }

    /// Securing the connection took too long.
    #[must_use]
    pub fn tls_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!(
                "{peer} accepted the connection, but did not secure it within {}.",
                seconds(waited)
            ),
            "Check that the server offers RTMPS at this port.",
        )
    }

    /// A proxy is set, but the address is a plain one.
    #[must_use]
    pub fn proxy_needs_rtmps(peer: &Peer, proxy: &str) -> Self {
        Self::new(
            FailureKind::Address,
            format!(
                "{peer} is addressed with rtmp://, but the proxy {proxy} is for rtmps:// only: proxies do \
                 not let plain RTMP through."
            ),
            "Use the server's rtmps:// address, or stream there without the proxy.",
        )
    }

    /// The same failure, had on the way to the proxy instead of the server.
    #[must_use]
    pub fn at_the_proxy(mut self) -> Self {
        self.what
            .push_str(" It is the proxy set for this destination.");
        self
    }

    /// The proxy wants a login and got none.
    #[must_use]
    pub fn proxy_needs_login(peer: &Peer, proxy: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("The proxy {proxy} asks for a login before it connects to {peer}."),
            "Enter the proxy as http://user:password@host:port.",
        )
    }

    /// The proxy wants a login, and not the one that it got.
    #[must_use]
    pub fn proxy_login_wrong(peer: &Peer, proxy: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("The proxy {proxy} did not accept the login; it does not connect to {peer}."),
            "Check the user and the password of the proxy.",
        )
    }

    /// The proxy wants a login of a kind that we cannot give.
    #[must_use]
    pub fn proxy_login_not_supported(peer: &Peer, proxy: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!(
                "The proxy {proxy} asks for a login of a kind that is not supported before it connects to \
                 {peer}."
            ),
            "Ask the network's operator for a proxy with Basic authentication, or to let this computer \
             through.",
        )
    }

    /// The proxy does not let anybody, or this computer, connect there.
    #[must_use]
    pub fn proxy_forbids(peer: &Peer, proxy: &str, status: u16) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("The proxy {proxy} forbids connections to {peer} (status {status})."),
            "Ask the network's operator to allow this host and port; 443 is mostly allowed.",
        )
    }

    /// The proxy tried, and could not connect.
    #[must_use]
    pub fn proxy_cannot_reach(peer: &Peer, proxy: &str, status: u16) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!("The proxy {proxy} could not reach {peer} (status {status})."),
            "Check the server's address and port, and that the server is running.",
        )
    }

    /// The proxy answered in a way that is neither yes nor one of the above.
    #[must_use]
    pub fn proxy_refused(peer: &Peer, proxy: &str, status: u16) -> Self {
        Self::new(
            FailureKind::Refused,
            format!("The proxy {proxy} did not connect to {peer} (status {status})."),
            "Check that it is an HTTP proxy, and ask the network's operator.",
        )
    }

    /// What answers in the proxy's place is no HTTP proxy.
    #[must_use]
    pub fn not_a_proxy(peer: &Peer, proxy: &str) -> Self {
        Self::new(
            FailureKind::Refused,
            format!(
                "What answers at {proxy} is not an HTTP proxy; {peer} cannot be reached through it."
            ),
            "Check the host and the port of the proxy.",
        )
    }

    /// The proxy hung up without an answer.
    #[must_use]
    pub fn proxy_closed(peer: &Peer, proxy: &str) -> Self {
        Self::new(
            FailureKind::Closed,
            format!("The proxy {proxy} closed the connection instead of connecting to {peer}."),
            "Check the host and the port of the proxy, and ask the network's operator.",
        )
    }

    /// The proxy gave no answer in time.
    #[must_use]
    pub fn proxy_timed_out(peer: &Peer, proxy: &str, waited: Duration) -> Self {
        Self::new(
            FailureKind::Unreachable,
            format!(
                "The proxy {proxy} did not connect to {peer} within {}.",
                seconds(waited)
            ),
            "Check the server's address and the proxy.",
        )
    }

    /// The connection broke below RTMP, once it stood.
    #[must_use]
    pub fn connection_lost(peer: &Peer, cause: &str) -> Self {
        Self::new(
            FailureKind::Closed,
            format!("The connection to {peer} was lost ({cause})."),
            "Check this computer's network connection.",
        )
    }
}

/// How a certificate that nobody vouches for is trusted on purpose.
fn pin_after_comparing(fingerprint: &str) -> String {
    format!(
        "If the server is yours or a friend's: ask its operator for the certificate's SHA-256 fingerprint, \
         and only if it is {fingerprint} choose that certificate for this destination."
    )
}

/// How many of a certificate's names are shown.
const MOST_NAMES_SHOWN: usize = 3;

//! Before RTMP: the way to the server.

use std::time::Duration;

use super::{
    Cause, Failure, Peer, presentable,
    words::{seconds, span},
};
use crate::secret::Secret;

/// DNS and TCP.
impl Failure {
    /// The name could not be resolved.
    #[must_use]
    pub fn unknown_host(peer: &Peer) -> Self {
        Self::new(Cause::UnknownHost, peer, &[])
    }

    /// Resolving the name took too long.
    #[must_use]
    pub fn name_lookup_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(Cause::LookupTimedOut, peer, &[("time", &seconds(waited))])
    }

    /// Nothing listens at the port.
    #[must_use]
    pub fn port_refused(peer: &Peer) -> Self {
        Self::new(Cause::PortRefused, peer, &[])
    }

    /// This computer has no way out to there.
    #[must_use]
    pub fn offline(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::Offline, peer, &[("reason", reason)])
    }

    /// The network knows no way there, or the connection could not be made for another reason.
    #[must_use]
    pub fn unreachable(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::Unreachable, peer, &[("reason", reason)])
    }

    /// The connection could not be made in time.
    #[must_use]
    pub fn connect_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(Cause::ConnectTimedOut, peer, &[("time", &seconds(waited))])
    }

    /// A firewall or the like on this computer forbids the connection.
    #[must_use]
    pub fn connect_forbidden(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::Forbidden, peer, &[("reason", reason)])
    }

    /// The connection broke below RTMP, once it stood.
    #[must_use]
    pub fn connection_lost(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::ConnectionLost, peer, &[("reason", reason)])
    }
}

/// This computer's end.
impl Failure {
    /// This computer has no such address, now.
    #[must_use]
    pub fn no_such_local_address(peer: &Peer, address: &str, reason: &str) -> Self {
        let slots = [("local", address), ("reason", reason)];
        Self::new(Cause::LocalAddressGone, peer, &slots)
    }

    /// This computer has no such network interface, now.
    #[must_use]
    pub fn no_such_interface(peer: &Peer, interface: &str, reason: &str) -> Self {
        let slots = [("local", interface), ("reason", reason)];
        Self::new(Cause::InterfaceGone, peer, &slots)
    }

    /// The system lets no program, or not this one, choose an interface by its name.
    #[must_use]
    pub fn interface_not_to_be_chosen(peer: &Peer, interface: &str) -> Self {
        Self::new(Cause::InterfaceByAddressOnly, peer, &[("local", interface)])
    }

    /// The address that a connection left by is not this computer's any more. `interface` is what had it, where
    /// that is known.
    #[must_use]
    pub fn network_lost(peer: &Peer, interface: Option<&str>, address: &str) -> Self {
        let slots = [("interface", interface.unwrap_or("it")), ("local", address)];
        Self::new(Cause::NetworkLost, peer, &slots)
    }

    /// The network interface that a connection left by is not connected to anything.
    #[must_use]
    pub fn unplugged(peer: &Peer, interface: &str) -> Self {
        Self::new(Cause::Unplugged, peer, &[("interface", interface)])
    }

    /// This computer slept, and the connection with it.
    #[must_use]
    pub fn slept(peer: &Peer, time: Duration) -> Self {
        Self::new(Cause::Slept, peer, &[("time", &span(time))])
    }

    /// The server has addresses, but none that can be reached from the local address that was chosen.
    #[must_use]
    pub fn no_address_of_family(peer: &Peer, address: &str, family: &str) -> Self {
        let slots = [("local", address), ("kind", family)];
        Self::new(Cause::NoAddressOfKind, peer, &slots)
    }
}

/// Certificates.
impl Failure {
    /// The server's certificate is past its time.
    #[must_use]
    pub fn certificate_expired(peer: &Peer) -> Self {
        Self::new(Cause::CertificateExpired, peer, &[])
    }

    /// The server's certificate is not valid yet.
    #[must_use]
    pub fn certificate_not_yet_valid(peer: &Peer) -> Self {
        Self::new(Cause::CertificateNotYetValid, peer, &[])
    }

    /// The server's certificate names other servers: `names`, as far as they are known.
    #[must_use]
    pub fn certificate_for_other_name(peer: &Peer, names: &[String]) -> Self {
        let names: Vec<_> = names.iter().take(MOST_NAMES_SHOWN).cloned().collect();
        let names = presentable(&names.join(", "), &Secret::default());
        let names = names.map_or(String::new(), |names| format!(" ({names})"));
        Self::new(Cause::CertificateOtherName, peer, &[("names", &names)])
    }

    /// Nobody that is trusted vouches for the server's certificate; many private servers issue their own.
    #[must_use]
    pub fn certificate_from_unknown_issuer(peer: &Peer, fingerprint: &str) -> Self {
        let slots = [("fingerprint", fingerprint)];
        Self::new(Cause::CertificateUnknownIssuer, peer, &slots)
    }

    /// The server's certificate was taken back by its issuer.
    #[must_use]
    pub fn certificate_revoked(peer: &Peer) -> Self {
        Self::new(Cause::CertificateRevoked, peer, &[])
    }

    /// A signature is wrong: the issuer's in the certificate, or the one by which the server proves that the
    /// certificate is its own.
    #[must_use]
    pub fn certificate_forged(peer: &Peer) -> Self {
        Self::new(Cause::CertificateForged, peer, &[])
    }

    /// The server shows another certificate than the one that alone is to be trusted.
    #[must_use]
    pub fn certificate_not_the_chosen_one(peer: &Peer, fingerprint: &str) -> Self {
        let slots = [("fingerprint", fingerprint)];
        Self::new(Cause::CertificateNotChosen, peer, &slots)
    }

    /// The server's certificate is not acceptable for another reason, such as how it was made.
    #[must_use]
    pub fn certificate_unacceptable(peer: &Peer, problem: &str, fingerprint: &str) -> Self {
        let slots = [("reason", problem), ("fingerprint", fingerprint)];
        Self::new(Cause::CertificateUnfit, peer, &slots)
    }

    /// The list of issuers that this system trusts cannot be read.
    #[must_use]
    pub fn system_trust_unreadable(peer: &Peer, problem: &str) -> Self {
        Self::new(Cause::TrustUnreadable, peer, &[("reason", problem)])
    }

    /// The name is none that a certificate can be checked for.
    #[must_use]
    pub fn name_not_fit_for_tls(peer: &Peer) -> Self {
        Self::new(Cause::NameUnfitForTls, peer, &[])
    }
}

/// TLS.
impl Failure {
    /// What answers at the port speaks RTMP without TLS.
    #[must_use]
    pub fn tls_answered_by_rtmp(peer: &Peer) -> Self {
        Self::new(Cause::TlsAnsweredByRtmp, peer, &[])
    }

    /// What answers at the port is a web server without TLS.
    #[must_use]
    pub fn tls_answered_by_http(peer: &Peer) -> Self {
        Self::new(Cause::TlsAnsweredByHttp, peer, &[])
    }

    /// What answers at the port does not speak TLS.
    #[must_use]
    pub fn tls_not_spoken(peer: &Peer) -> Self {
        Self::new(Cause::TlsNotSpoken, peer, &[])
    }

    /// The server and this program know no version of TLS, or no cipher, in common.
    #[must_use]
    pub fn tls_nothing_in_common(peer: &Peer, problem: &str) -> Self {
        Self::new(Cause::TlsNothingInCommon, peer, &[("reason", problem)])
    }

    /// The server knows no certificate for the name that it was asked for.
    #[must_use]
    pub fn tls_name_unknown(peer: &Peer) -> Self {
        Self::new(Cause::TlsNameUnknown, peer, &[])
    }

    /// The server wants the client to show a certificate, or does not let it in without more.
    #[must_use]
    pub fn tls_access_denied(peer: &Peer, alert: &str) -> Self {
        Self::new(Cause::TlsAccessDenied, peer, &[("reason", alert)])
    }

    /// The server has trouble of its own with securing the connection; it may pass.
    #[must_use]
    pub fn tls_server_trouble(peer: &Peer, alert: &str) -> Self {
        Self::new(Cause::TlsServerTrouble, peer, &[("reason", alert)])
    }

    /// Securing the connection failed for another reason.
    #[must_use]
    pub fn tls(peer: &Peer, problem: &str) -> Self {
        Self::new(Cause::Tls, peer, &[("reason", problem)])
    }

    /// The connection was closed or reset while it was being secured.
    #[must_use]
    pub fn closed_in_tls(peer: &Peer, reason: &str) -> Self {
        Self::new(Cause::TlsClosed, peer, &[("reason", reason)])
    }

    /// Securing the connection took too long.
    #[must_use]
    pub fn tls_timed_out(peer: &Peer, waited: Duration) -> Self {
        Self::new(Cause::TlsTimedOut, peer, &[("time", &seconds(waited))])
    }
}

/// Proxies; `proxy` names one as it may be shown.
impl Failure {
    /// A proxy is set, but the address is a plain one.
    #[must_use]
    pub fn proxy_needs_rtmps(peer: &Peer, proxy: &str) -> Self {
        Self::new(Cause::ProxyNeedsRtmps, peer, &[("proxy", proxy)])
    }

    /// The same failure, had on the way to the proxy instead of the server.
    #[must_use]
    pub fn at_the_proxy(self) -> Self {
        let cause = Cause::ProxyUnreachable;
        let what = cause.happened().replace("{reason}", &self.what);
        Self::of_ours(cause, what, cause.remedy())
    }

    /// The proxy wants a login and got none.
    #[must_use]
    pub fn proxy_needs_login(peer: &Peer, proxy: &str) -> Self {
        Self::new(Cause::ProxyNeedsLogin, peer, &[("proxy", proxy)])
    }

    /// The proxy wants a login, and not the one that it got.
    #[must_use]
    pub fn proxy_login_wrong(peer: &Peer, proxy: &str) -> Self {
        Self::new(Cause::ProxyLoginWrong, peer, &[("proxy", proxy)])
    }

    /// The proxy wants a login of a kind that we cannot give.
    #[must_use]
    pub fn proxy_login_not_supported(peer: &Peer, proxy: &str) -> Self {
        Self::new(Cause::ProxyLoginUnsupported, peer, &[("proxy", proxy)])
    }

    /// The proxy does not let anybody, or this computer, connect there.
    #[must_use]
    pub fn proxy_forbids(peer: &Peer, proxy: &str, status: u16) -> Self {
        Self::proxy_status(Cause::ProxyForbids, peer, proxy, status)
    }

    /// The proxy tried, and could not connect.
    #[must_use]
    pub fn proxy_cannot_reach(peer: &Peer, proxy: &str, status: u16) -> Self {
        Self::proxy_status(Cause::ProxyCannotReach, peer, proxy, status)
    }

    /// The proxy answered in a way that is neither yes nor one of the above.
    #[must_use]
    pub fn proxy_refused(peer: &Peer, proxy: &str, status: u16) -> Self {
        Self::proxy_status(Cause::ProxyRefused, peer, proxy, status)
    }

    /// What answers in the proxy's place is no HTTP proxy.
    #[must_use]
    pub fn not_a_proxy(peer: &Peer, proxy: &str) -> Self {
        Self::new(Cause::NotAProxy, peer, &[("proxy", proxy)])
    }

    /// The proxy hung up without an answer.
    #[must_use]
    pub fn proxy_closed(peer: &Peer, proxy: &str) -> Self {
        Self::new(Cause::ProxyClosed, peer, &[("proxy", proxy)])
    }

    /// The proxy gave no answer in time.
    #[must_use]
    pub fn proxy_timed_out(peer: &Peer, proxy: &str, waited: Duration) -> Self {
        let slots = [("proxy", proxy), ("time", &*seconds(waited))];
        Self::new(Cause::ProxyTimedOut, peer, &slots)
    }

    fn proxy_status(cause: Cause, peer: &Peer, proxy: &str, status: u16) -> Self {
        let slots = [("proxy", proxy), ("status", &*status.to_string())];
        Self::new(cause, peer, &slots)
    }
}

/// How many of a certificate's names are shown.
const MOST_NAMES_SHOWN: usize = 3;

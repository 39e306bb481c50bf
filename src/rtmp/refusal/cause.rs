//! Every known cause of a failure, with the words for it: one table.
//!
//! A cause is a difference that leads to a different thing to do. The words are for somebody who runs a stream at a
//! school or a church once a year: one sentence says what happened, one why that usually is, one what to do.
//! `docs/refusals.md` is made from this table.
//!
//! In the sentences, `{server}` stands for `example.org, port 1935`, `{host}` and `{app}` for those parts of the
//! address, and any other slot for what the constructor in [`super::way`], [`super::login`] or [`super::server`]
//! fills in.

use super::FailureKind;

macro_rules! causes {
    ($($group:literal: $(
        $cause:ident is $kind:ident {
            happened: $happened:literal,
            likely: $likely:literal,
            remedy: $remedy:literal,
        }
    )+)+) => {
        /// Why publishing does not work (any more), as exactly as can be told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cause {
            $($(#[doc = $happened] $cause,)+)+
        }

        impl Cause {
            /// All of them, in the order in which they may be met, under headings.
            pub const GROUPS: &[(&'static str, &[Self])] =
                &[$(($group, &[$(Self::$cause),+])),+];

            fn words(self) -> Words {
                match self {
                    $($(Self::$cause => Words {
                        kind: FailureKind::$kind,
                        happened: $happened,
                        likely: $likely,
                        remedy: $remedy,
                    },)+)+
                }
            }
        }
    };
}

/// A row of the table.
struct Words {
    kind: FailureKind,
    happened: &'static str,
    likely: &'static str,
    remedy: &'static str,
}

impl Cause {
    /// All of them, in the order in which they may be met.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::GROUPS.iter().flat_map(|(_, causes)| *causes).copied()
    }

    /// The broad kind it belongs to, which also says whether it is tried again.
    #[must_use]
    pub fn kind(self) -> FailureKind {
        self.words().kind
    }

    /// What happened, with slots such as `{server}`.
    #[must_use]
    pub fn happened(self) -> &'static str {
        self.words().happened
    }

    /// Why that usually is.
    #[must_use]
    pub fn likely(self) -> &'static str {
        self.words().likely
    }

    /// What to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        self.words().remedy
    }
}

causes! {
    "Before anything is sent":
    Address is Address {
        happened: "The address of the server cannot be right: {reason}.",
        likely: "Part of it is missing or was typed wrongly.",
        remedy: "Copy the address again from the streaming service's page.",
    }
    ThisComputer is Local {
        happened: "This computer could not do its part: {reason}.",
        likely: "It is short of memory, or another program is in the way.",
        remedy: "Close other programs and start this one again; if that does not help, restart the computer.",
    }

    "On the way to the server":
    UnknownHost is UnknownHost {
        happened: "No server named \"{host}\" can be found.",
        likely: "The address has a typing error, or this computer is not online.",
        remedy: "Compare the address letter by letter, and see whether a web page opens on this computer.",
    }
    LookupTimedOut is UnknownHost {
        happened: "Looking up \"{host}\" brought no answer within {time}.",
        likely: "This computer's network is not connected to the internet, or what finds servers by their names (DNS) does not work there.",
        remedy: "See whether a web page opens on this computer, and restart the router if none does.",
    }
    Offline is Unreachable {
        happened: "This computer has no network connection that leads to {server} ({reason}).",
        likely: "The cable is out, or the wireless network is off or out of reach.",
        remedy: "Plug in the network cable or join the wireless network.",
    }
    Unreachable is Unreachable {
        happened: "{server} cannot be reached ({reason}).",
        likely: "The server is switched off, or this network or a firewall gives no way to it.",
        remedy: "Check that the server is on, and ask whoever runs this network to allow connections to that port.",
    }
    PortRefused is PortRefused {
        happened: "No server answers at {server}: the connection was refused.",
        likely: "The port number is wrong, or the server is not running.",
        remedy: "Compare the port number with the one you were given, and ask whether the server is running.",
    }
    ConnectTimedOut is Unreachable {
        happened: "{server} did not answer within {time}.",
        likely: "A firewall swallows the connection (schools and offices often block port 1935), or the address is wrong.",
        remedy: "Try the service's rtmps:// address, which passes most firewalls, or another network such as a phone's.",
    }
    Forbidden is Unreachable {
        happened: "This computer does not let the connection to {server} out ({reason}).",
        likely: "Its firewall or security software holds this program back.",
        remedy: "Allow this program in the firewall or security software of this computer.",
    }
    LocalAddressGone is Unreachable {
        happened: "{server} cannot be reached from {local}: this computer does not have that address now ({reason}).",
        likely: "The network it belongs to is not connected, or gave this computer another address.",
        remedy: "Connect that network again, or change \"Leave via\" under \"Advanced connection\" or leave it empty.",
    }
    InterfaceGone is Unreachable {
        happened: "{server} cannot be reached through the network interface \"{local}\": this computer does not have it now ({reason}).",
        likely: "It is unplugged or switched off, or its name was typed wrongly.",
        remedy: "Plug it in or switch it on, or change \"Leave via\" under \"Advanced connection\" or leave it empty.",
    }
    InterfaceByAddressOnly is Local {
        happened: "{server} cannot be reached through the network interface \"{local}\": this system does not let this program choose an interface by its name.",
        likely: "Systems differ in what they let programs choose.",
        remedy: "Write the interface's IP address in place of its name into \"Leave via\" under \"Advanced connection\".",
    }
    NoAddressOfKind is Unreachable {
        happened: "{server} cannot be reached from {local}: the server has no {kind} address.",
        likely: "There are two kinds of addresses, IPv4 and IPv6, and none reaches the other kind.",
        remedy: "Leave \"Leave via\" under \"Advanced connection\" empty, or write an address of this computer of the other kind there.",
    }

    "Through a proxy":
    ProxyNeedsRtmps is Address {
        happened: "{server} is addressed with rtmp://, but the proxy {proxy} is for rtmps:// only.",
        likely: "Proxies do not let plain streams through.",
        remedy: "Use the server's rtmps:// address, or empty \"Proxy\" under \"Advanced connection\" to stream without it.",
    }
    ProxyUnreachable is Unreachable {
        happened: "{reason} It is the proxy set for this destination.",
        likely: "The proxy's address is wrong, or this computer is not in the network that it belongs to.",
        remedy: "Compare the proxy's address and port with those you were given, or stream without the proxy.",
    }
    ProxyNeedsLogin is Refused {
        happened: "The proxy {proxy} asks for a login before it connects to {server}.",
        likely: "This network lets only those through whom it knows.",
        remedy: "Write the user name and password of this network into the proxy's address: http://user:password@host:port.",
    }
    ProxyLoginWrong is Refused {
        happened: "The proxy {proxy} did not accept the login; it does not connect to {server}.",
        likely: "The proxy's user name or password was typed wrongly, or was changed.",
        remedy: "Type the proxy's user name and password again.",
    }
    ProxyLoginUnsupported is Refused {
        happened: "The proxy {proxy} asks for a login of a kind that is not supported before it connects to {server}.",
        likely: "It is made for the computers of an office, which log in by themselves.",
        remedy: "Ask whoever runs this network for a proxy with Basic authentication, or to let this computer through.",
    }
    ProxyForbids is Refused {
        happened: "The proxy {proxy} forbids connections to {server} (status {status}).",
        likely: "The rules of this network do not allow that server or port.",
        remedy: "Ask whoever runs this network to allow it, or use another network such as a phone's.",
    }
    ProxyCannotReach is Unreachable {
        happened: "The proxy {proxy} could not reach {server} (status {status}).",
        likely: "The server's address has a typing error, or the server is not running.",
        remedy: "Compare the server's address and port with those you were given, and ask whether the server is running.",
    }
    ProxyRefused is Refused {
        happened: "The proxy {proxy} did not connect to {server} (status {status}).",
        likely: "It is a web server and not a proxy, or it has rules of its own.",
        remedy: "Compare the proxy's address and port with those you were given, and ask whoever runs this network.",
    }
    NotAProxy is Refused {
        happened: "What answers at {proxy} is not an HTTP proxy; {server} cannot be reached through it.",
        likely: "The proxy's address or port is wrong.",
        remedy: "Compare the proxy's address and port with those you were given.",
    }
    ProxyClosed is Closed {
        happened: "The proxy {proxy} closed the connection instead of connecting to {server}.",
        likely: "The proxy's port is wrong, or it does not let this computer use it.",
        remedy: "Compare the proxy's address and port with those you were given, and ask whoever runs this network.",
    }
    ProxyTimedOut is Unreachable {
        happened: "The proxy {proxy} did not connect to {server} within {time}.",
        likely: "The server is out of reach for the proxy, or the proxy is overloaded.",
        remedy: "Compare the server's address and port with those you were given, or stream without the proxy.",
    }

    "While the connection is secured":
    CertificateExpired is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate has expired.",
        likely: "The server's operator forgot to renew it, or this computer's date is wrong.",
        remedy: "Check this computer's date; if it is right, ask the server's operator to renew the certificate.",
    }
    // Computers set their clocks over the network once it is up, so waiting can help.
    CertificateNotYetValid is Unreachable {
        happened: "The secure connection to {server} was refused by this program: its certificate is not valid yet by this computer's clock.",
        likely: "This computer's clock is behind.",
        remedy: "Set this computer's date and time.",
    }
    CertificateOtherName is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate is for another name{names}.",
        likely: "The address has a number or another name than the server's own, or a login page of this network is in between.",
        remedy: "Use the server's name exactly as you were given it, and open a web page to see whether this network asks you to log in.",
    }
    CertificateUnknownIssuer is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate was issued by nobody this computer trusts.",
        likely: "The server made its certificate itself, or this network looks into secure connections.",
        remedy: "Try another network; if the server is yours or a friend's, ask its operator for the certificate's SHA-256 fingerprint, and only if that is {fingerprint} enter it under \"Advanced connection\", as the one fingerprint to trust.",
    }
    CertificateNotChosen is Tls {
        happened: "The secure connection to {server} was refused by this program: it shows another certificate than the one chosen for it.",
        likely: "The server got a new certificate, or this is another server.",
        remedy: "Ask the server's operator whether the certificate was replaced; only if so, and if its SHA-256 fingerprint there is {fingerprint} too, enter that under \"Advanced connection\" in place of the old one.",
    }
    CertificateRevoked is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate was revoked by its issuer.",
        likely: "Its secret was stolen or lost.",
        remedy: "Do not stream there before the server's operator has replaced the certificate.",
    }
    CertificateUnfit is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate is not acceptable ({reason}).",
        likely: "The certificate was not made for a server like this.",
        remedy: "Send this message to the server's operator; if the server is yours or a friend's, ask its operator for the certificate's SHA-256 fingerprint, and only if that is {fingerprint} enter it under \"Advanced connection\", as the one fingerprint to trust.",
    }
    CertificateForged is Tls {
        happened: "The secure connection to {server} was refused by this program: it could not prove that its certificate is its own.",
        likely: "Something on the way pretends to be the server.",
        remedy: "Try another network; if it stays so, tell the server's operator.",
    }
    TrustUnreadable is Local {
        happened: "No secure connection to {server} can be made: the certificates that this system trusts cannot be read ({reason}).",
        likely: "They are not installed.",
        remedy: "Install the system's certificates (on Linux the package ca-certificates).",
    }
    NameUnfitForTls is Address {
        happened: "No secure connection can be made to a server named \"{host}\".",
        likely: "The name has a typing error, or characters that certificates cannot have.",
        remedy: "Compare the address letter by letter with the one you were given; if it is the same, ask for another address of that server.",
    }
    TlsAnsweredByRtmp is Tls {
        happened: "{server} does not speak TLS: it is a plain RTMP server.",
        likely: "The server has another port for rtmps://, or none.",
        remedy: "Write rtmp:// in place of rtmps://, or use the port that the service gives for rtmps://.",
    }
    TlsAnsweredByHttp is Tls {
        happened: "{server} does not speak TLS: it is a web server.",
        likely: "The port is that of web pages.",
        remedy: "Use the port that the service gives for rtmps://; most often that is 443.",
    }
    TlsNotSpoken is Tls {
        happened: "What answers at {server} does not speak TLS.",
        likely: "The port belongs to another program.",
        remedy: "Use the port that the service gives for rtmps://; most often that is 443.",
    }
    TlsNothingInCommon is Tls {
        happened: "No secure connection to {server} could be agreed on ({reason}).",
        likely: "The server's security is out of date.",
        remedy: "Send this message to the server's operator, and ask for another address.",
    }
    TlsNameUnknown is Tls {
        happened: "{server} answers, but does not know the name \"{host}\".",
        likely: "The address has another name than the server's own.",
        remedy: "Use the server's name exactly as you were given it.",
    }
    TlsAccessDenied is Tls {
        happened: "{server} does not let this computer in ({reason}).",
        likely: "It wants this computer to show a certificate, which this program does not have.",
        remedy: "Ask the server's operator for an address that needs no certificate of yours.",
    }
    TlsServerTrouble is Closed {
        happened: "{server} could not secure the connection ({reason}).",
        likely: "The server has trouble of its own, which may pass.",
        remedy: "Wait a minute; if it stays so, tell the server's operator.",
    }
    Tls is Tls {
        happened: "No secure connection to {server} could be made ({reason}).",
        likely: "The server takes no secure connections at this port, or something on the way disturbs them.",
        remedy: "Check the port with the service, or try another network such as a phone's.",
    }
    TlsClosed is Closed {
        happened: "{server} accepted the connection, then closed it while it was being secured ({reason}).",
        likely: "The server takes no secure connections at this port, or a firewall cuts them.",
        remedy: "Check the port with the service, write rtmp:// in place of rtmps:// if it has such an address, or try another network.",
    }
    TlsTimedOut is Unreachable {
        happened: "{server} accepted the connection, but did not secure it within {time}.",
        likely: "The server takes no secure connections at this port, or a firewall holds them up.",
        remedy: "Check the port with the service, write rtmp:// in place of rtmps:// if it has such an address, or try another network.",
    }

    "When the server first answers":
    WebServer is NotRtmp {
        happened: "A web server answers at {server}, not an RTMP server.",
        likely: "The port is that of web pages, or this network shows a login page first.",
        remedy: "Use the address and port the service gives for streaming (most often 1935), and open a web page to see whether this network asks you to log in.",
    }
    SshServer is NotRtmp {
        happened: "An SSH server answers at {server}, not an RTMP server.",
        likely: "The port number is wrong.",
        remedy: "Use the port the service gives for streaming; most often that is 1935.",
    }
    TlsServer is NotRtmp {
        happened: "A server for secure connections answers at {server}, not a plain RTMP server.",
        likely: "The server wants a secure connection at this port.",
        remedy: "Write rtmps:// in place of rtmp:// at the beginning of the address.",
    }
    NotRtmp is NotRtmp {
        happened: "What answers at {server} does not speak RTMP.",
        likely: "The port belongs to another program.",
        remedy: "Use the address and port the service gives for streaming; most often the port is 1935.",
    }
    HandshakeSilent is Unreachable {
        happened: "{server} accepted the connection, but the RTMP handshake did not come within {time}.",
        likely: "The server waits for a secure connection, or it is not a streaming server.",
        remedy: "Write rtmps:// in place of rtmp:// if the service has such an address, and check the port.",
    }
    HandshakeClosed is Closed {
        happened: "{server} closed the connection during the RTMP handshake.",
        likely: "The server wants a secure connection at this port, is just starting, or keeps this network out.",
        remedy: "Write rtmps:// in place of rtmp:// if the service has such an address, and check the port.",
    }

    "When the application is named":
    ConnectSilent is Unreachable {
        happened: "{server} accepted the connection, but the answer to \"connect\" did not come within {time}.",
        likely: "The server is overloaded or hangs.",
        remedy: "Wait a minute; if it stays so, ask the server's operator to restart it, or use the service's backup address.",
    }
    // How nginx refuses an application that it does not know.
    ClosedAtConnect is Refused {
        happened: "{server} closed the connection without a word when told the application \"{app}\".",
        likely: "Most likely the server knows no such application.",
        remedy: "Compare the part of the address after the server's name with what you were given.",
    }
    ClosedAtConnectAgain is Closed {
        happened: "{server} closed the connection before the stream could begin again.",
        likely: "The server is restarting, or its network is in trouble.",
        remedy: "Wait: it is tried again by itself.",
    }
    UnknownApplication is Refused {
        happened: "{server} knows no application \"{app}\" ({code}).",
        likely: "The part of the address after the server's name is wrong or missing.",
        remedy: "Compare the part of the address after the server's name with what you were given.",
    }
    ConnectionRejected is Refused {
        happened: "{server} refused the connection ({code}).",
        likely: "The address is out of date, or the server lets only certain people or networks in.",
        remedy: "Copy the address again from the service's page, and ask the server's operator whether this network is let in.",
    }
    ServerFailed is Closed {
        happened: "{server} reported a failure ({code}).",
        likely: "The server has trouble of its own, which may pass.",
        remedy: "Wait a minute; if it stays so, tell the server's operator or use the service's backup address.",
    }

    "When the server asks who we are":
    LoginNeeded is Refused {
        happened: "{server} asks for a user name and password.",
        likely: "None were given for this destination.",
        remedy: "Enter the user name and password you were given under \"Advanced connection\", or write them into the address: rtmp://user:password@server/application.",
    }
    WrongPassword is Refused {
        happened: "{server} did not accept the password of \"{user}\".",
        likely: "It was typed wrongly, or was changed.",
        remedy: "Type the password again under \"Advanced connection\"; capital letters count, and in an address %, @, :, /, ? and # are written %25, %40, %3A, %2F, %3F and %23.",
    }
    UnknownUser is Refused {
        happened: "{server} knows no user \"{user}\".",
        likely: "The user name was typed wrongly, or is that of another service.",
        remedy: "Compare the user name letter by letter with the one you were given.",
    }
    LockedOut is Refused {
        happened: "{server} does not let \"{user}\" in for now.",
        likely: "There were too many wrong passwords, so that the server locked the user name.",
        remedy: "Leave it alone for a quarter of an hour, then try once with the right password, or ask the server's operator.",
    }
    LoginRefused is Refused {
        happened: "{server} refused the user \"{user}\" with the password given.",
        likely: "One of the two is wrong, or that user may not stream there.",
        remedy: "Type user name and password again, and ask the server's operator whether that user may stream.",
    }
    UnknownLogin is Refused {
        happened: "{server} asks for a login of a kind this program does not know ({reason}).",
        likely: "The server uses a way of its own to tell who may stream.",
        remedy: "Ask the server's operator for an address that works with a stream key alone.",
    }

    "When the server sends us elsewhere":
    RedirectLoop is Refused {
        happened: "{server} is one server too many: each sent us on to the next ({hosts}).",
        likely: "The service's servers send to each other in a circle.",
        remedy: "Copy the address again from the service's page, or tell the service.",
    }
    RedirectInsecure is Refused {
        happened: "{server} sent this program on to a server without a secure connection, which it does not follow.",
        likely: "The service is not set up well, or somebody in between wants to read the stream key.",
        remedy: "Do not stream through this network for now: try another such as a phone's, and tell the service.",
    }
    RedirectUnusable is Refused {
        happened: "{server} sent this program on to an address that cannot be used ({reason}).",
        likely: "The service is not set up well.",
        remedy: "Copy the address again from the service's page, or tell the service.",
    }

    "When the stream key is named":
    StreamRefused is Refused {
        happened: "{server} refused the stream before it was told the key ({code}).",
        likely: "The application there is not for streaming to, or takes no more streams.",
        remedy: "Compare the part of the address after the server's name with what you were given, and ask whether others are streaming.",
    }
    StreamSilent is Unreachable {
        happened: "{server} accepted the connection, but the answer to \"createStream\" did not come within {time}.",
        likely: "The server is overloaded or hangs.",
        remedy: "Wait a minute; if it stays so, ask the server's operator to restart it, or use the service's backup address.",
    }
    PublishSilent is Unreachable {
        happened: "{server} accepted the connection, but the answer to \"publish\" did not come within {time}.",
        likely: "The server does not take this stream key now, or is overloaded.",
        remedy: "Check on the service's page that the event is open and the stream key is the one shown there.",
    }
    // How SRS, Node Media Server and others refuse a key.
    ClosedAtKey is Refused {
        happened: "{server} closed the connection without a word when told the stream key.",
        likely: "Most likely the key is wrong or out of date, or somebody else is streaming with it.",
        remedy: "Copy the stream key again from the service's page, and see that no other program streams with it.",
    }
    // How nginx refuses a key.
    ClosedOnceAccepted is Refused {
        happened: "{server} accepted the stream and closed the connection at once.",
        likely: "Most likely the key is wrong or out of date.",
        remedy: "Copy the stream key again from the service's page, and see that the event is open there.",
    }
    ClosedAtKeyAgain is NameInUse {
        happened: "{server} closed the connection before accepting the stream again.",
        likely: "Your previous connection is still held by the server, or the server is starting up.",
        remedy: "Wait: it is tried again by itself, and servers let go within two minutes.",
    }
    StreamDenied is Refused {
        happened: "{server} refused the stream ({code}).",
        likely: "The stream key is wrong or out of date, or the event is not open.",
        remedy: "Copy the stream key again from the service's page, and see that the event is open there.",
    }
    NameInUse is NameInUse {
        happened: "{server} says this stream key is in use or not valid ({code}).",
        likely: "Another program or computer is streaming with this key, or the key has a typing error.",
        remedy: "Stop the other program that streams with this key, or copy the key again from the service's page.",
    }
    StillHeld is NameInUse {
        happened: "Your previous connection is still held by the server {server}.",
        likely: "The connection broke, and the server has not noticed yet.",
        remedy: "Wait: it is tried again by itself, and servers let go within two minutes.",
    }
    HeldTooLong is Refused {
        happened: "{server} did not take the stream for {time}: its key is still in use.",
        likely: "Another program or computer is streaming with this key.",
        remedy: "Stop the other program that streams with this key, or end the old stream on the service's page.",
    }
    LimitReached is Refused {
        happened: "{server} refused the stream ({code}).",
        likely: "A limit of the account or server is reached: streams at once, viewers, hours or data.",
        remedy: "End other streams of this account, or ask the service what its limit is.",
    }
    Expired is Refused {
        happened: "{server} refused the stream ({code}).",
        likely: "The stream key or address was given for a limited time, which is over.",
        remedy: "Get a new address and stream key from the service's page.",
    }

    "While the stream is live":
    StreamEnded is Closed {
        happened: "{server} ended the stream ({code}).",
        likely: "Somebody ended the event on the service's page, or another program took the stream over.",
        remedy: "Look at the service's page whether the event is still open; it is tried again by itself.",
    }
    ShuttingDown is Closed {
        happened: "{server} is shutting down or restarting ({code}).",
        likely: "The server is being restarted or looked after.",
        remedy: "Wait: it is tried again by itself; if it takes long, use the service's backup address.",
    }
    IdleTimeout is Closed {
        happened: "{server} received nothing for too long and ended the connection ({code}).",
        likely: "The network here is too slow or was cut for a while.",
        remedy: "Use a network cable in place of wireless, or choose a lower video bitrate.",
    }
    EndedByServer is Closed {
        happened: "{server} ended the stream ({code}).",
        likely: "The server is being restarted, or its network is in trouble.",
        remedy: "Wait: it is tried again by itself; if it takes long, ask the server's operator.",
    }
    ClosedLive is Closed {
        happened: "{server} closed the connection.",
        likely: "The server is being restarted, or somebody ended the stream there.",
        remedy: "Wait: it is tried again by itself; look at the service's page whether the event is still open.",
    }
    TimeLimit is Closed {
        happened: "{server} ended the stream after {hours}.",
        likely: "Most likely that is the longest the service lets one stream last, or its address is good for.",
        remedy: "Begin a new event on the service's page, and copy its address and stream key.",
    }
    ConnectionLost is Closed {
        happened: "The connection to {server} was lost ({reason}).",
        likely: "This computer's network was cut or changed.",
        remedy: "Check the network cable or the wireless network; it is tried again by itself.",
    }
    Stalled is Stalled {
        happened: "Nothing that was sent to {server} arrived in the last {time}.",
        likely: "The network here or on the way is cut or jammed.",
        remedy: "Check the network cable or the wireless network; it is tried again by itself.",
    }
    NetworkLost is Unreachable {
        happened: "This computer's network connection went away: {interface} has no address {local} any more.",
        likely: "The network interface was unplugged or switched off, or the network gave this computer another address.",
        remedy: "Connect that network again, or another one; it is tried again by itself, and at once when there is one.",
    }
    Unplugged is Unreachable {
        happened: "The network cable is out, or Wi-Fi is not connected (network interface {interface}).",
        likely: "A plug came loose, the router or switch has no power, or the wireless network is out of reach.",
        remedy: "Plug the network cable in or join the wireless network again; it is tried again by itself, at once.",
    }
    Slept is Stalled {
        happened: "This computer slept for {time}; it is connecting again.",
        likely: "It was left alone or its lid was closed, and servers give a stream up within seconds.",
        remedy: "Switch off sleeping in this computer's energy settings for as long as you stream.",
    }

    NotReading is Stalled {
        happened: "{server} took nothing of the stream in the last {time}, though it can be reached.",
        likely: "The server hangs or is overloaded.",
        remedy: "Wait: it is tried again by itself; if it happens again, ask the server's operator to restart it, or use the service's backup address.",
    }

    "When the two do not understand each other":
    Protocol is Protocol {
        happened: "{server} broke the RTMP protocol: {reason}.",
        likely: "The server has a fault, or something on the way changes what is sent.",
        remedy: "Wait: it is tried again by itself; if it happens again, report it with the server's name and version.",
    }
    UnknownStatus is Protocol {
        happened: "{server} reported an error ({code}).",
        likely: "The server has a rule or trouble of its own.",
        remedy: "Show the words in brackets to the server's operator, or look them up in the service's help.",
    }
    Unsendable is Protocol {
        happened: "What was to be sent to {server} cannot be sent: {reason}.",
        likely: "A single picture is larger than a stream can carry.",
        remedy: "Choose a lower video bitrate.",
    }
}

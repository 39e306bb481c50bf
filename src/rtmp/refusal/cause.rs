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
        #[doc = $doc:literal]
        $cause:ident is $kind:ident {
            happened: $happened:literal,
            likely: $likely:literal,
            remedy: $remedy:literal,
        }
    )+)+) => {
        /// Why publishing does not work (any more), as exactly as can be told.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cause {
            $($(#[doc = $doc] $cause,)+)+
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
    /// The address cannot be right.
    Address is Address {
        happened: "The address of the server cannot be right: {reason}.",
        likely: "Part of it is missing or was typed wrongly.",
        remedy: "Copy the address again from the streaming service's page.",
    }
    /// There is no stream key.
    NoKey is Address {
        happened: "The stream key is empty.",
        likely: "It was not pasted yet.",
        remedy: "Copy the stream key from your streaming service.",
    }
    /// This computer could not do its part.
    ThisComputer is Local {
        happened: "This computer could not do its part: {reason}.",
        likely: "It is short of memory, or another program is in the way.",
        remedy: "Change the settings, or restart the program.",
    }

    "On the way to the server":
    /// The name of the server is not known.
    UnknownHost is UnknownHost {
        happened: "No server named \"{host}\" can be found.",
        likely: "The address has a typing error, or this computer is not online.",
        remedy: "Compare the address letter by letter, and see whether a web page opens on this computer.",
    }
    /// Nobody answered the question where the server is.
    LookupTimedOut is UnknownHost {
        happened: "Looking up \"{host}\" brought no answer within {time}.",
        likely: "This computer's network is not connected to the internet, or its name server does not work.",
        remedy: "See whether a web page opens on this computer, and restart the router if none does.",
    }
    /// The network knows no way out.
    Offline is Unreachable {
        happened: "This computer has no network connection that leads to {server} ({reason}).",
        likely: "The cable is out, or the wireless network is off or out of reach.",
        remedy: "Plug in the network cable or join the wireless network.",
    }
    /// The network knows that the server is out of reach.
    Unreachable is Unreachable {
        happened: "{server} cannot be reached ({reason}).",
        likely: "The server is switched off, or this network or a firewall gives no way to it.",
        remedy: "Check that the server is on, and ask whoever runs this network to allow connections to that port.",
    }
    /// Nothing listens at the port.
    PortRefused is PortRefused {
        happened: "No server answers at {server}: the connection was refused.",
        likely: "The port number is wrong, or the server is not running.",
        remedy: "Compare the port number with the one you were given, and ask whether the server is running.",
    }
    /// Not even a refusal came.
    ConnectTimedOut is Unreachable {
        happened: "{server} did not answer within {time}.",
        likely: "A firewall swallows the connection (schools and offices often block port 1935), or the address is wrong.",
        remedy: "Try the service's rtmps:// address, which passes most firewalls, or another network such as a phone's.",
    }
    /// The chosen way out of this computer is not there.
    LocalEnd is Unreachable {
        happened: "The connection to {server} cannot leave through the chosen network ({reason}).",
        likely: "That network is unplugged or switched off, or its address has changed.",
        remedy: "Connect that network again, or choose another one in the settings.",
    }

    "Through a proxy":
    /// The proxy itself is out of reach.
    ProxyUnreachable is Unreachable {
        happened: "The proxy {proxy} on the way to {server} cannot be reached.",
        likely: "The proxy's address is wrong, or this computer is not in the network that it belongs to.",
        remedy: "Compare the proxy's address and port with those you were given, or do without the proxy.",
    }
    /// The proxy wants to know who we are.
    ProxyLogin is Refused {
        happened: "The proxy on the way to {server} asks for a user name and password ({reason}).",
        likely: "They are missing in the settings, or not right.",
        remedy: "Enter the user name and password of this network's proxy.",
    }
    /// The proxy does not let us through.
    ProxyRefused is Refused {
        happened: "The proxy does not let this computer through to {server} ({reason}).",
        likely: "The rules of this network do not allow that server or port.",
        remedy: "Ask whoever runs this network to allow it, or use another network such as a phone's.",
    }
    /// The proxy found no way to the server.
    ProxyFailed is Unreachable {
        happened: "The proxy could not reach {server} ({reason}).",
        likely: "The server is out of reach for the proxy, or its name is wrong.",
        remedy: "Compare the address letter by letter, and ask whoever runs the proxy if it is right.",
    }
    /// What answers is no proxy.
    NotAProxy is Refused {
        happened: "What answers in place of the proxy to {server} is not a proxy ({reason}).",
        likely: "The proxy's address or port is wrong.",
        remedy: "Compare the proxy's address and port with those you were given.",
    }

    "While the connection is secured":
    /// The server's certificate is out of date.
    CertificateExpired is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate has expired.",
        likely: "The server's operator forgot to renew it, or this computer's date is wrong.",
        remedy: "Check this computer's date; if it is right, ask the server's operator to renew the certificate.",
    }
    /// The server's certificate is from the future.
    CertificateNotYetValid is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate is not valid yet by this computer's clock.",
        likely: "This computer's clock is behind.",
        remedy: "Set this computer's date and time.",
    }
    /// The server's certificate is somebody else's.
    CertificateOtherName is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate is for another name.",
        likely: "The address uses a number or another name than the server's own, or a login page of this network is in between.",
        remedy: "Use the server's name exactly as the service gives it, and open a web page to see whether this network asks you to log in.",
    }
    /// Nobody vouches for the server's certificate.
    CertificateUnknownIssuer is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate was issued by nobody this computer trusts.",
        likely: "The server made its certificate itself, or this network looks into secure connections.",
        remedy: "Try another network; if the server is your own, add its certificate in the settings of this destination.",
    }
    /// The server's certificate is not the one that was chosen.
    CertificateNotChosen is Tls {
        happened: "The secure connection to {server} was refused by this program: its certificate is not the one chosen in the settings.",
        likely: "The server got a new certificate, or this is another server.",
        remedy: "Ask the server's operator for the fingerprint of its certificate and enter that one.",
    }
    /// The server's certificate is not acceptable for another reason.
    CertificateUnfit is Tls {
        happened: "The secure connection to {server} was refused by this program: {reason}.",
        likely: "The server's certificate was withdrawn or is not made well.",
        remedy: "Send this message to the server's operator.",
    }
    /// What answers there is not TLS.
    TlsNotSpoken is Tls {
        happened: "{server} takes no secure connections: what answers does not speak TLS.",
        likely: "The server wants an address that begins with rtmp:// at this port, or has another port for rtmps://.",
        remedy: "Use rtmp:// in place of rtmps://, or the port that the service gives for rtmps://.",
    }
    /// The server refused to secure the connection.
    TlsAlert is Tls {
        happened: "{server} refused to secure the connection ({reason}).",
        likely: "The server does not know the name in the address, or its security settings are too old or too strict.",
        remedy: "Use the server's name exactly as the service gives it, or ask the server's operator.",
    }
    /// The two sides know no common way.
    Tls is Tls {
        happened: "No secure connection to {server} could be made ({reason}).",
        likely: "The server's security is out of date, or something in between disturbs it.",
        remedy: "Ask the server's operator for another address, or use one that begins with rtmp:// in a network you trust.",
    }
    /// The connection ended while it was being secured.
    TlsClosed is Closed {
        happened: "{server} closed the connection while it was being secured.",
        likely: "The server takes no secure connections at this port, or a firewall cuts them.",
        remedy: "Check the port with the service, try rtmp:// in place of rtmps://, or another network.",
    }
    /// The server does not go on with securing the connection.
    TlsTimedOut is Unreachable {
        happened: "{server} accepted the connection, but did not secure it within {time}.",
        likely: "The server takes no secure connections at this port, or a firewall holds them up.",
        remedy: "Check the port with the service, try rtmp:// in place of rtmps://, or another network.",
    }

    "When the server first answers":
    /// A web server answers.
    WebServer is NotRtmp {
        happened: "A web server answers at {server}, not an RTMP server.",
        likely: "The port is that of web pages, or this network shows a login page first.",
        remedy: "Use the address and port the service gives for streaming (most often 1935), and open a web page to see whether this network asks you to log in.",
    }
    /// A server for remote shells answers.
    SshServer is NotRtmp {
        happened: "An SSH server answers at {server}, not an RTMP server.",
        likely: "The port number is wrong.",
        remedy: "Use the port the service gives for streaming; most often that is 1935.",
    }
    /// The server wants a secure connection.
    TlsServer is NotRtmp {
        happened: "A server for secure connections answers at {server}, not a plain RTMP server.",
        likely: "The server wants a secure connection at this port.",
        remedy: "Write rtmps:// in place of rtmp:// at the beginning of the address.",
    }
    /// Something else answers.
    NotRtmp is NotRtmp {
        happened: "What answers at {server} does not speak RTMP.",
        likely: "The port belongs to another program.",
        remedy: "Use the address and port the service gives for streaming; most often the port is 1935.",
    }
    /// No first answer.
    HandshakeSilent is Unreachable {
        happened: "{server} accepted the connection, but the RTMP handshake did not come within {time}.",
        likely: "The server waits for a secure connection, or it is not a streaming server.",
        remedy: "Write rtmps:// in place of rtmp:// if the service has such an address, and check the port.",
    }
    /// The server hung up before its first answer.
    HandshakeClosed is Closed {
        happened: "{server} closed the connection during the RTMP handshake.",
        likely: "The server wants a secure connection at this port, is just starting, or keeps this network out.",
        remedy: "Write rtmps:// in place of rtmp:// if the service has such an address, and check the port.",
    }

    "When the application is named":
    /// No answer to `connect`.
    ConnectSilent is Unreachable {
        happened: "{server} accepted the connection, but the answer to \"connect\" did not come within {time}.",
        likely: "The server is overloaded or hangs.",
        remedy: "Wait a minute; if it stays so, ask the server's operator to restart it, or use the service's second address.",
    }
    /// Hung up at the application: how nginx refuses one that it does not know.
    ClosedAtConnect is Refused {
        happened: "{server} closed the connection without a word when told the application \"{app}\".",
        likely: "Most likely the server knows no such application.",
        remedy: "Compare the part of the address after the server's name with what you were given.",
    }
    /// Hung up at an application that worked before.
    ClosedAtConnectAgain is Closed {
        happened: "{server} closed the connection before the stream could begin again.",
        likely: "The server is restarting, or its network is in trouble.",
        remedy: "Wait: it is tried again by itself.",
    }
    /// The server does not know the application.
    UnknownApplication is Refused {
        happened: "{server} knows no application \"{app}\" ({code}).",
        likely: "The part of the address after the server's name is wrong or missing.",
        remedy: "Compare the part of the address after the server's name with what you were given.",
    }
    /// The server lets nobody like us in.
    ConnectionRejected is Refused {
        happened: "{server} refused the connection ({code}).",
        likely: "The address is out of date, or the server lets only certain people or networks in.",
        remedy: "Copy the address again from the service's page, and ask the server's operator whether this network is let in.",
    }
    /// The server has trouble of its own.
    ServerFailed is Closed {
        happened: "{server} reported a failure ({code}).",
        likely: "The server has trouble of its own, which may pass.",
        remedy: "Wait a minute; if it stays so, tell the server's operator or use the service's second address.",
    }

    "When the server asks who we are":
    /// The server wants a user name and password, and there are none.
    LoginNeeded is Refused {
        happened: "{server} asks for a user name and password.",
        likely: "None were given for this destination.",
        remedy: "Write the user name and password you were given into the address, before the server's name: rtmp://user:password@server/application.",
    }
    /// The password is wrong.
    WrongPassword is Refused {
        happened: "{server} did not accept the password of \"{user}\".",
        likely: "It was typed wrongly, or was changed.",
        remedy: "Type the password again; capital letters count, and in an address %, @, : and / are written %25, %40, %3A and %2F.",
    }
    /// Nobody has that user name.
    UnknownUser is Refused {
        happened: "{server} knows no user \"{user}\".",
        likely: "The user name was typed wrongly, or is that of another service.",
        remedy: "Compare the user name letter by letter with the one you were given.",
    }
    /// Too many wrong passwords.
    LockedOut is Refused {
        happened: "{server} does not let \"{user}\" in for now.",
        likely: "There were too many wrong passwords, so that the server locked the user name.",
        remedy: "Leave it alone for a quarter of an hour, then try once with the right password, or ask the server's operator.",
    }
    /// The password was sent, and the server said no without saying why.
    LoginRefused is Refused {
        happened: "{server} refused the user name \"{user}\" with its password.",
        likely: "One of the two is wrong, or that user may not stream there.",
        remedy: "Type user name and password again, and ask the server's operator whether that user may stream.",
    }
    /// A way of asking that this program does not know.
    UnknownLogin is Refused {
        happened: "{server} asks for a login of a kind this program does not know ({reason}).",
        likely: "The server uses a way of its own to tell who may stream.",
        remedy: "Ask the server's operator for an address that works with a stream key alone.",
    }

    "When the server sends us elsewhere":
    /// Sent on and on.
    RedirectLoop is Refused {
        happened: "{server} sent this program on to yet another server, after {count} times before.",
        likely: "The service's servers send to each other in a circle.",
        remedy: "Copy the address again from the service's page, or tell the service.",
    }
    /// Sent from a secure to an insecure place.
    RedirectInsecure is Refused {
        happened: "{server} sent this program on to a server without a secure connection, which it does not follow.",
        likely: "The service is not set up well, or somebody in between wants to read the stream key.",
        remedy: "Do not stream through this network for now, and tell the service.",
    }
    /// Sent to no place.
    RedirectUnusable is Refused {
        happened: "{server} sent this program on to an address that cannot be used ({reason}).",
        likely: "The service is not set up well.",
        remedy: "Copy the address again from the service's page, or tell the service.",
    }

    "When the stream key is named":
    /// The server does not begin a stream for us.
    StreamRefused is Refused {
        happened: "{server} refused the stream before it was told the key ({code}).",
        likely: "The application there is not for streaming to, or takes no more streams.",
        remedy: "Compare the part of the address after the server's name with what you were given, and ask whether others are streaming.",
    }
    /// No answer to `createStream`.
    StreamSilent is Unreachable {
        happened: "{server} accepted the connection, but the answer to \"createStream\" did not come within {time}.",
        likely: "The server is overloaded or hangs.",
        remedy: "Wait a minute; if it stays so, ask the server's operator to restart it, or use the service's second address.",
    }
    /// No answer to `publish`.
    PublishSilent is Unreachable {
        happened: "{server} accepted the connection, but the answer to \"publish\" did not come within {time}.",
        likely: "The server does not take this stream key now, or is overloaded.",
        remedy: "Check on the service's page that the event is open and the stream key is the one shown there.",
    }
    /// Hung up at the key: how many servers refuse one.
    ClosedAtKey is Refused {
        happened: "{server} closed the connection without a word when told the stream key.",
        likely: "Most likely the key is wrong or out of date, or somebody else is streaming with it.",
        remedy: "Copy the stream key again from the service's page, and see that no other program streams with it.",
    }
    /// Accepted, and hung up on at once: how nginx refuses a key.
    ClosedOnceAccepted is Refused {
        happened: "{server} accepted the stream and closed the connection at once.",
        likely: "Most likely the key is wrong or out of date.",
        remedy: "Copy the stream key again from the service's page, and see that the event is open there.",
    }
    /// Hung up at a key that worked before.
    ClosedAtKeyAgain is NameInUse {
        happened: "{server} closed the connection before accepting the stream again.",
        likely: "Your previous connection is still held by the server, or the server is starting up.",
        remedy: "Wait: it is tried again by itself, and servers let go within two minutes.",
    }
    /// The server says that we may not.
    StreamDenied is Refused {
        happened: "{server} refused the stream ({code}).",
        likely: "The stream key is wrong or out of date, or the event is not open.",
        remedy: "Copy the stream key again from the service's page, and see that the event is open there.",
    }
    /// The name is taken.
    NameInUse is NameInUse {
        happened: "{server} says this stream key is in use or not valid ({code}).",
        likely: "Another program or computer is streaming with this key, or the key has a typing error.",
        remedy: "Stop the other program that streams with this key, or copy the key again from the service's page.",
    }
    /// The name is taken by ourselves.
    StillHeld is NameInUse {
        happened: "Your previous connection is still held by {server}.",
        likely: "The connection broke, and the server has not noticed yet.",
        remedy: "Wait: it is tried again by itself, and servers let go within two minutes.",
    }
    /// The server says that something is used up.
    LimitReached is Refused {
        happened: "{server} refused the stream ({code}).",
        likely: "A limit of the account or server is reached: streams at once, viewers, hours or data.",
        remedy: "End other streams of this account, or ask the service what its limit is.",
    }
    /// The server says that key or address ran out.
    Expired is Refused {
        happened: "{server} refused the stream ({code}).",
        likely: "The stream key or address was given for a limited time, which is over.",
        remedy: "Get a new address and stream key from the service's page.",
    }

    "While the stream is live":
    /// The server ended the stream.
    StreamEnded is Closed {
        happened: "{server} ended the stream ({code}).",
        likely: "Somebody ended the event on the service's page, or another program took the stream over.",
        remedy: "Look at the service's page whether the event is still open; it is tried again by itself.",
    }
    /// The server goes down.
    ShuttingDown is Closed {
        happened: "{server} is shutting down or restarting ({code}).",
        likely: "The server is being restarted or looked after.",
        remedy: "Wait: it is tried again by itself; if it takes long, use the service's second address.",
    }
    /// The server missed data.
    IdleTimeout is Closed {
        happened: "{server} received nothing for too long and ended the connection ({code}).",
        likely: "The network here is too slow or was cut for a while.",
        remedy: "Use a network cable in place of wireless, or choose a lower video bitrate.",
    }
    /// The server ended the connection with another word.
    EndedByServer is Closed {
        happened: "{server} ended the stream ({code}).",
        likely: "The server is being restarted, or its network is in trouble.",
        remedy: "Wait: it is tried again by itself; if it takes long, ask the server's operator.",
    }
    /// The server hung up on a live stream.
    ClosedLive is Closed {
        happened: "{server} closed the connection.",
        likely: "The server is being restarted, or somebody ended the stream there.",
        remedy: "Wait: it is tried again by itself; look at the service's page whether the event is still open.",
    }
    /// The stream ended after just as many hours as services allow.
    TimeLimit is Closed {
        happened: "{server} ended the stream after {hours}.",
        likely: "Most likely that is the longest the service lets one stream last, or its address is good for.",
        remedy: "Begin a new event on the service's page, and copy its address and stream key.",
    }
    /// The network dropped the connection.
    ConnectionLost is Closed {
        happened: "The connection to {server} was lost ({reason}).",
        likely: "This computer's network was cut or changed.",
        remedy: "Check the network cable or the wireless network; it is tried again by itself.",
    }
    /// Nothing arrives any more.
    Stalled is Stalled {
        happened: "Nothing that was sent to {server} arrived in the last {time}.",
        likely: "The network here or on the way is cut or jammed.",
        remedy: "Check the network cable or the wireless network; it is tried again by itself.",
    }

    "When the two do not understand each other":
    /// The server sent what RTMP does not allow.
    Protocol is Protocol {
        happened: "{server} broke the RTMP protocol: {reason}.",
        likely: "The server has a fault, or something on the way changes what is sent.",
        remedy: "Wait: it is tried again by itself; if it happens again, report it with the server's name and version.",
    }
    /// An error that this program does not know.
    UnknownStatus is Protocol {
        happened: "{server} reported an error ({code}).",
        likely: "The server has a rule or trouble of its own.",
        remedy: "Show the words in brackets to the server's operator, or look them up in the service's help.",
    }
    /// Something of ours that RTMP cannot carry.
    Unsendable is Protocol {
        happened: "What was to be sent to {server} cannot be sent: {reason}.",
        likely: "A single picture is larger than a stream can carry.",
        remedy: "Choose a lower video bitrate.",
    }
}

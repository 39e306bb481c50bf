use std::{collections::HashSet, time::Duration};

use super::{
    words::{LONGEST_WORDS_SHOWN, seconds, shown_code},
    *,
};

fn peer() -> Peer {
    Peer {
        host: "example.org".to_owned(),
        port: 1935,
        app: "live".to_owned(),
    }
}

#[test]
fn a_failure_reads_as_one_line_with_the_servers_words_and_a_remedy() {
    let failure = Failure::publish_denied(&peer(), "NetStream.Publish.Denied")
        .with_server_words("No such key.", &Secret::new("abcdef"));
    assert_eq!(
        failure.to_string(),
        "example.org, port 1935 refused the stream (NetStream.Publish.Denied). The server said: \
         \"No such key\". The stream key is wrong or out of date, or the event is not open. Copy the \
         stream key again from the service's page, and see that the event is open there."
    );
}

#[test]
fn the_key_is_hidden_in_what_the_server_says() {
    let key = Secret::new("live_77?token=s3cret");
    for words in [
        "stream live_77?token=s3cret is busy",
        "stream live_77 is busy",
    ] {
        assert_eq!(
            presentable(words, &key).as_deref(),
            Some("stream •••• is busy")
        );
    }
    assert_eq!(
        presentable("the token s3cret is not valid", &key).as_deref(),
        Some("the token •••• is not valid")
    );
}

#[test]
fn a_servers_words_are_kept_to_one_short_line() {
    let none = Secret::default();
    assert_eq!(
        presentable("a\r\n\tb\u{7}c", &none).as_deref(),
        Some("a b c")
    );
    assert_eq!(presentable(" \n ", &none), None);
    let long = presentable(&"é".repeat(10_000), &none).unwrap();
    assert_eq!(long.chars().count(), LONGEST_WORDS_SHOWN + 1);
    assert_eq!(shown_code("Net\nStream \"x\""), "NetStreamx");
}

#[test]
fn a_silent_close_means_refusal_only_to_who_was_never_live() {
    for step in [Step::Connect, Step::CreateStream, Step::Publish] {
        assert!(
            !Failure::closed(&peer(), step, false).may_mend(),
            "{step:?}"
        );
        assert!(Failure::closed(&peer(), step, true).may_mend(), "{step:?}");
    }
    for step in [Step::Handshake, Step::Publishing] {
        assert!(Failure::closed(&peer(), step, false).may_mend(), "{step:?}");
    }
}

#[test]
fn times_are_told_in_seconds() {
    assert_eq!(seconds(Duration::from_secs(10)), "10 seconds");
    assert_eq!(seconds(Duration::from_millis(2_900)), "2.9 seconds");
    assert_eq!(seconds(Duration::from_millis(999)), "1 second");
}

#[test]
fn a_name_that_is_taken_is_our_own_for_who_was_live() {
    let failure = Failure::name_in_use(&peer(), "NetStream.Publish.BadName")
        .with_server_words("Already publishing", &Secret::default());
    assert_eq!(failure.cause, Cause::NameInUse);
    let failure = failure.after_live(&peer(), None);
    assert_eq!(failure.cause, Cause::StillHeld);
    assert_eq!(failure.kind, FailureKind::NameInUse);
    assert_eq!(
        failure.what,
        "Your previous connection is still held by the server example.org, port 1935."
    );
    assert_eq!(failure.server_words.as_deref(), Some("Already publishing"));
}

#[test]
fn an_end_after_just_so_many_hours_is_most_likely_a_rule() {
    let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
    let closed = || Failure::closed(&peer(), Step::Publishing, true);
    for (live_for, cause) in [
        (minutes(4 * 60 - 1), Cause::TimeLimit),
        (minutes(24 * 60 + 1), Cause::TimeLimit),
        (minutes(4 * 60 - 10), Cause::ClosedLive),
        (minutes(7 * 60), Cause::ClosedLive),
        (None, Cause::ClosedLive),
    ] {
        let failure = closed().after_live(&peer(), live_for);
        assert_eq!(failure.cause, cause, "{live_for:?}");
    }
    let failure = closed().after_live(&peer(), minutes(240));
    assert_eq!(
        failure.what,
        "example.org, port 1935 ended the stream after 4 hours."
    );
}

#[test]
fn a_servers_words_tell_what_its_status_does_not() {
    let none = Secret::default();
    for (words, cause) in [
        ("Already publishing", Cause::NameInUse),
        ("stream busy", Cause::NameInUse),
        ("Stream key has EXPIRED", Cause::Expired),
        ("bandwidth quota reached", Cause::LimitReached),
        ("no such key", Cause::StreamDenied),
        ("", Cause::StreamDenied),
    ] {
        let failure = Failure::publish_denied(&peer(), "").with_server_words(words, &none);
        assert_eq!(failure.cause, cause, "{words}");
        assert_eq!(failure.kind, cause.kind());
        assert_eq!(failure.remedy, cause.remedy());
    }
    // A status that says more than words do is believed.
    let failure = Failure::invalid_app(&peer(), "").with_server_words("limit", &none);
    assert_eq!(failure.cause, Cause::UnknownApplication);
}

#[test]
fn slots_are_filled_once_and_what_is_put_in_is_left_alone() {
    let value = |slot: &str| format!("<{slot}{{host}}>");
    assert_eq!(filled("{a} and {b}.", value), "<a{host}> and <b{host}>.");
    assert_eq!(filled("none, open {", value), "none, open {");
}

#[test]
fn what_no_server_can_be_scripted_for_is_told_in_full_too() {
    let two_minutes = Duration::from_mins(2);
    for (failure, words) in [
        (
            Failure::system_trust_unreadable(&peer(), "no file"),
            "cannot be read (no file)",
        ),
        (
            Failure::held_too_long(&peer(), two_minutes, None),
            "for 120 seconds",
        ),
        (Failure::publisher_crashed(&peer()), "example.org"),
        (Failure::name_not_fit_for_tls(&peer()), "example.org"),
    ] {
        assert!(failure.what.contains(words), "{failure}");
        assert!(!failure.to_string().contains('{'), "{failure}");
        assert!(!failure.may_mend(), "{failure}");
    }
}

#[test]
fn trouble_of_this_computer_is_named_and_may_mend() {
    let night = Duration::from_hours(8) + Duration::from_secs(70);
    for (failure, words) in [
        (
            Failure::network_lost(&peer(), Some("eth0"), "192.168.1.20"),
            "went away: eth0 has no address 192.168.1.20 any more.",
        ),
        (
            Failure::network_lost(&peer(), None, "192.168.1.20"),
            "went away: it has no address 192.168.1.20 any more.",
        ),
        (
            Failure::unplugged(&peer(), "eth0"),
            "(network interface eth0)",
        ),
        (Failure::slept(&peer(), night), "slept for 8 hours"),
    ] {
        assert!(failure.what.contains(words), "{failure}");
        assert!(failure.may_mend(), "{failure}");
    }
    let told = [5, 60, 119, 120, 3600, 3601, 7200, 100_000].map(Duration::from_secs);
    assert_eq!(
        told.map(words::span),
        [
            "5 seconds",
            "1 minute",
            "119 seconds",
            "2 minutes",
            "1 hour",
            "60 minutes",
            "2 hours",
            "28 hours"
        ]
    );
}

#[test]
fn every_cause_says_in_one_sentence_each_what_happened_why_and_what_to_do() {
    assert!(Cause::all().count() >= 30);
    let mut seen = HashSet::new();
    for cause in Cause::all() {
        assert!(
            seen.insert((cause.happened(), cause.remedy())),
            "{cause:?} twice"
        );
        for sentence in [cause.happened(), cause.likely(), cause.remedy()] {
            assert!(sentence.ends_with('.'), "{cause:?}: {sentence}");
            assert!(!sentence.contains(". "), "{cause:?}: {sentence}");
            assert!(!sentence.contains('|'), "{cause:?}: {sentence}");
            let first = sentence.chars().next().unwrap();
            assert!(
                first.is_uppercase() || first == '{',
                "{cause:?}: {sentence}"
            );
        }
        // What to do needs no other word for the key, and no manual.
        for jargon in ["publish", "RTMP ", "TLS", "TCP", "handshake", "NetStream"] {
            assert!(!cause.remedy().contains(jargon), "{cause:?}: {jargon}");
        }
    }
}

#[test]
fn every_cause_is_the_servers_doing_or_the_ways() {
    use Cause::*;
    let the_ways = [
        Address,
        ThisComputer,
        UnknownHost,
        LookupTimedOut,
        Offline,
        Unreachable,
        ConnectTimedOut,
        Forbidden,
        LocalAddressGone,
        InterfaceGone,
        InterfaceByAddressOnly,
        NoAddressOfKind,
        ProxyNeedsRtmps,
        ProxyUnreachable,
        ProxyNeedsLogin,
        ProxyLoginWrong,
        ProxyLoginUnsupported,
        ProxyForbids,
        ProxyCannotReach,
        ProxyRefused,
        NotAProxy,
        ProxyClosed,
        ProxyTimedOut,
        CertificateNotYetValid,
        TrustUnreadable,
        NameUnfitForTls,
        TlsTimedOut,
        IdleTimeout,
        ConnectionLost,
        Stalled,
        Unsendable,
    ];
    for cause in Cause::all() {
        let expected = !the_ways.contains(&cause);
        assert_eq!(cause.is_the_servers(), expected, "{cause:?}");
    }
    assert!(Failure::port_refused(&peer()).is_the_servers());
    assert!(!Failure::stalled(&peer(), Duration::from_secs(3)).is_the_servers());
}

/// `docs/refusals.md`, as the table of causes has it now.
fn page() -> String {
    let mut page = PAGE_HEAD.to_owned();
    for (group, causes) in Cause::GROUPS {
        page.extend(["\n## ", group, "\n\n", PAGE_COLUMNS]);
        page.extend(causes.iter().copied().map(row));
    }
    page += "\n## Remarks, while the stream goes on\n\n";
    for (_, words) in remarks::REMARKS {
        page.extend(["- ", words, "\n"]);
    }
    page
}

fn row(cause: Cause) -> String {
    let italic = |slot: &str| match slot {
        "server" => "*server, port*".to_owned(),
        other => format!("*{other}*"),
    };
    let again = match cause.kind() {
        FailureKind::NameInUse => "yes, for two minutes",
        kind if kind.may_mend() => "yes",
        _ => "no",
    };
    let happened = filled(cause.happened(), italic);
    let remedy = filled(cause.remedy(), italic);
    format!("| {happened} | {} | {remedy} | {again} |\n", cause.likely())
}

const PAGE_COLUMNS: &str = "\
| what you see | why, most likely | what to do | tried again by itself |
|---|---|---|---|
";

const PAGE_HEAD: &str = "\
# When it does not go live

Skywave says what went wrong, why that usually is, and what to do. This page lists all it may say. Words in *italics*
stand for your own: the server's name and port, a reason, a code. Where the server gave words of its own, they are
shown too.

What may pass by itself is tried again until you stop it; what cannot is told at once. A stream that was live before
gets a second chance in any case.

<!-- Made from src/rtmp/refusal/cause.rs. After a change there:
     SKYWAVE_WRITE_PAGES=1 cargo test --lib the_page_of_refusals -->
";

#[test]
fn the_page_of_refusals_tells_what_the_program_tells() {
    if std::env::var_os("SKYWAVE_WRITE_PAGES").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/refusals.md");
        std::fs::write(path, page()).unwrap();
        return;
    }
    assert!(
        include_str!("../../../docs/refusals.md") == page(),
        "docs/refusals.md is out of date; its comment says how it is made anew"
    );
}

use super::*;

#[track_caller]
fn parsed(text: &str) -> ServerUrl {
    ServerUrl::parse(text).unwrap()
}

/// What was typed; scheme, host, port and application (`-`: none); `tcUrl`.
const APART: &str = "
    rtmp://a.example/live           | rtmp a.example 1935 live            | rtmp://a.example/live
    RTMP://A.Example:1936/Live/     | rtmp a.example 1936 Live            | rtmp://a.example:1936/Live
    rtmp://a.example:1935/live      | rtmp a.example 1935 live            | rtmp://a.example:1935/live
    rtmp://a.example:/live          | rtmp a.example 1935 live            | rtmp://a.example/live
    rtmps://a.example/app/inst      | rtmps a.example 443 app/inst        | rtmps://a.example/app/inst
    rtmps://a.example:443/rtmp/     | rtmps a.example 443 rtmp            | rtmps://a.example:443/rtmp
    rtmp://a.example./live          | rtmp a.example 1935 live            | rtmp://a.example/live
    rtmp://a.example//live//        | rtmp a.example 1935 live            | rtmp://a.example/live
    rtmp://a.example/app//inst      | rtmp a.example 1935 app//inst       | rtmp://a.example/app//inst
    rtmp://[::1]:1936/live          | rtmp ::1 1936 live                  | rtmp://[::1]:1936/live
    rtmp://[2001:DB8::1]/live       | rtmp 2001:db8::1 1935 live          | rtmp://[2001:db8::1]/live
    rtmp://[fe80::1%eth0]/live      | rtmp fe80::1%eth0 1935 live         | rtmp://[fe80::1]/live
    rtmp://[fe80::1%25en-1]:1/a     | rtmp fe80::1%en-1 1 a               | rtmp://[fe80::1]:1/a
    rtmp://127.0.0.1/live?vhost=a/b | rtmp 127.0.0.1 1935 live?vhost=a/b  | rtmp://127.0.0.1/live?vhost=a/b
    rtmp://a.example?x=/y           | rtmp a.example 1935 ?x=/y           | rtmp://a.example/?x=/y
    rtmp://localhost                | rtmp localhost 1935 -               | rtmp://localhost/
    rtmp://my_nas/live              | rtmp my_nas 1935 live               | rtmp://my_nas/live
";

#[test]
fn addresses_are_taken_apart() {
    for row in APART.lines().filter(|row| !row.is_empty()) {
        let [text, parts, tc_url] = row.split(" | ").map(str::trim).collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        let url = parsed(text);
        let app = if url.app.is_empty() { "-" } else { &url.app };
        let found = format!("{} {} {} {app}", url.scheme.name(), url.host, url.port);
        assert_eq!(found, parts, "{text}");
        assert_eq!(url.tc_url(), tc_url);
        assert_eq!(url.credentials, None);
    }
}

#[test]
fn names_in_letters_of_any_language_become_what_dns_knows() {
    for (text, host) in [
        ("rtmp://München.example/live", "xn--mnchen-3ya.example"),
        ("rtmp://例え.テスト/live", "xn--r8jz45g.xn--zckzah"),
        (
            "rtmp://xn--mnchen-3ya.example/live",
            "xn--mnchen-3ya.example",
        ),
    ] {
        assert_eq!(parsed(text).host, host, "{text}");
    }
    assert!(ServerUrl::parse(&format!("rtmp://{}.example/live", "ü".repeat(63))).is_err());
}

#[test]
fn what_came_along_when_an_address_was_copied_does_not_matter() {
    for text in [
        "  rtmp://a.example/live/ \r\n",
        "\u{feff}rtmp://a.example/live",
        "rtmp://a.exam\u{200b}ple/live\u{200d}",
        "\u{a0}\"rtmp://a.example/live\"",
        "'rtmp://a.example/live'",
        "`rtmp://a.example/live`",
        "“rtmp://a.example/live”",
        "„rtmp://a.example/live“",
        "«rtmp://a.example/live»",
        "<\"rtmp://a.example/live\">",
        "\u{202a}rtmp://a.example/live\u{202c}",
    ] {
        let url = parsed(text);
        assert_eq!(url.tc_url(), "rtmp://a.example/live", "{text:?}");
    }
}

#[test]
fn user_and_password_are_kept_apart_from_the_address() {
    for (text, user, password) in [
        (
            "rtmp://me%40home:x%3Ayz%2@a.example/live",
            "me@home",
            "x:yz%2",
        ),
        ("rtmp://me@home:yz@a.example/live", "me@home", "yz"),
        ("rtmp://me:y:z@%@a.example/live", "me", "y:z@%"),
        ("rtmp://me:y%2Fz@a.example/live", "me", "y/z"),
        ("rtmp://me:%C3%BCyz@a.example/live", "me", "üyz"),
        ("rtmp://me@a.example/live", "me", ""),
        ("rtmp://:yz@a.example/live", "", "yz"),
    ] {
        let url = parsed(text);
        let credentials = url.credentials.clone().unwrap();
        assert_eq!(credentials.user, user, "{text}");
        assert_eq!(credentials.password.expose(), password, "{text}");
        assert_eq!(url.tc_url(), "rtmp://a.example/live");
        assert!(!format!("{url:?} {credentials:?}").contains("yz"));
    }
}

#[test]
fn what_is_not_an_address_is_explained() {
    for (text, words) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("\"\"", "is empty"),
        (
            "rtmpt://a.example/live",
            "rtmpt:// hides RTMP in web requests",
        ),
        (
            "rtmpts://a.example/live",
            "rtmpts:// hides RTMP in web requests",
        ),
        ("RTMPE://a.example/live", "rtmpe:// is an old encryption"),
        ("rtmpte://a.example/live", "rtmpte:// is an old encryption"),
        (
            "rtmfp://a.example/live",
            "rtmfp:// is another streaming protocol",
        ),
        ("https://a.example/live", "web page or of WHIP"),
        ("whip://a.example/live", "another streaming protocol"),
        ("srt://a.example:9000", "another streaming protocol"),
        (
            "rtpm://a.example/live",
            "rtpm:// is not known; write rtmp://",
        ),
        ("rtmp:/a.example/live", "lacks the \"://\""),
        ("rtmps//a.example/live", "lacks the \"://\""),
        ("rtmp:\\\\a.example\\live", "lacks the \"://\""),
        ("a.example/live", "write rtmp://a.example/…"),
        ("localhost:1935/live", "write rtmp://localhost:1935/…"),
        ("192.0.2.1/live", "write rtmp://192.0.2.1/…"),
        ("live.example.org", "does not begin with rtmp://"),
        ("live_123456_abcDEF", "looks like a stream key"),
        ("FB-1-0-AbC?s_bl=1&s_ps=1", "looks like a stream key"),
        ("abcd-efgh-ijkl-mnop", "looks like a stream key"),
        ("eyJhbGci.eyJzdWIi.c2lnbg", "looks like a stream key"),
        ("abc/def", "does not begin with rtmp://"),
        ("two words", "does not begin with rtmp://"),
        ("rtmp://", "names no server"),
        ("rtmp:///live", "names no server"),
        ("rtmp://:1935/live", "names no server"),
        ("rtmp://./live", "names no server"),
        (
            "rtmp://a example/live",
            "\"a example\" is not a server's name",
        ),
        (
            "rtmp://a..example/live",
            "\"a..example\" is not a server's name",
        ),
        (
            "rtmp://a.example!/live",
            "\"a.example!\" is not a server's name",
        ),
        (
            "rtmp://192.0.2.256/live",
            "\"192.0.2.256\" is not a server's name or address",
        ),
        (
            "rtmp://1935/live",
            "\"1935\" is not a server's name or address",
        ),
        (
            "rtmp://a.example:port/live",
            "the port of a.example is not a number",
        ),
        ("rtmp://a.example:0/live", "the port of a.example"),
        ("rtmp://a.example:+80/live", "the port of a.example"),
        ("rtmp://a.example:65536/live", "the port of a.example"),
        ("rtmp://me:x/y@a.example/live", "write %2F"),
        ("rtmp://me:x?y@a.example/live", "%3F"),
        ("rtmp://me:x#y@a.example/live", "%23"),
        ("rtmp://::1/live", "IPv6"),
        ("rtmp://[::1/live", "IPv6"),
        ("rtmp://[a.example]/live", "IPv6"),
        ("rtmp://[::1]1935/live", "IPv6"),
        ("rtmp://[fe80::1%]/live", "IPv6"),
        ("rtmp://[fe80::1%a/b]/live", "IPv6"),
        ("rtmp://a.example/li\nve", "line break"),
        ("rtmp://a.example/li\0ve", "hidden character"),
        ("rtmp://me%0d%0a:x@a.example/live", "hidden character"),
        ("://a.example/live", "does not begin with rtmp://"),
    ] {
        let message = ServerUrl::parse(text).unwrap_err().to_string();
        assert!(message.contains(words), "{text:?}: {message}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
    }
}

#[test]
fn what_is_too_long_is_refused() {
    for text in [
        format!("rtmp://a.example/{}", "x".repeat(MAX_URL_BYTES)),
        "\u{200b}".repeat(100_000),
        "x".repeat(100_000),
    ] {
        assert_eq!(ServerUrl::parse(&text), Err(UrlError::TooLong));
    }
    assert_eq!(split_paste(&"\n".repeat(100_000)), Err(UrlError::TooLong));
    for host in ["x".repeat(64), "x.".repeat(128)] {
        let text = format!("rtmp://{host}/live");
        assert!(matches!(
            ServerUrl::parse(&text),
            Err(UrlError::InvalidHost { .. })
        ));
    }
}

#[test]
fn pasted_addresses_are_split_at_the_last_slash_before_the_query() {
    for (text, server, key) in [
        (
            "rtmp://a.example/live/k1",
            "rtmp://a.example/live",
            Some("k1"),
        ),
        (
            " rtmp://a.example/live/k1\r\n",
            "rtmp://a.example/live",
            Some("k1"),
        ),
        (
            "'rtmp://a.example/live/k1'",
            "rtmp://a.example/live",
            Some("k1"),
        ),
        (
            "rtmps://a.example:443/app/inst/k-1",
            "rtmps://a.example:443/app/inst",
            Some("k-1"),
        ),
        (
            "rtmp://[fe80::1%eth0]/live/k",
            "rtmp://[fe80::1%eth0]/live",
            Some("k"),
        ),
        (
            "rtmp://a.example/live/k?auth=1/2&b=%20",
            "rtmp://a.example/live",
            Some("k?auth=1/2&b=%20"),
        ),
        (
            "rtmp://a.example/live/%6B #=&x y",
            "rtmp://a.example/live",
            Some("%6B #=&x y"),
        ),
        (
            "rtmp://a.example/live/?user=me",
            "rtmp://a.example/live",
            Some("?user=me"),
        ),
        (
            "rtmp://a.example//live//k1",
            "rtmp://a.example//live/",
            Some("k1"),
        ),
        ("rtmp://a.example//live", "rtmp://a.example//live", None),
        ("rtmp://a.example/live", "rtmp://a.example/live", None),
        ("rtmp://a.example/live/", "rtmp://a.example/live/", None),
        (
            "rtmp://a.example/live?token=a/b",
            "rtmp://a.example/live?token=a/b",
            None,
        ),
        ("rtmp://a.example", "rtmp://a.example", None),
        ("rtmp://a.example?x=/y", "rtmp://a.example?x=/y", None),
    ] {
        let pasted = split_paste(text).unwrap();
        assert_eq!(pasted.server, server, "{text}");
        assert_eq!(pasted.key.as_ref().map(Secret::expose), key, "{text}");
        ServerUrl::parse(&pasted.server).unwrap();
    }
    assert_eq!(split_paste("sk_us-west-2_secret"), Err(UrlError::BareKey));
}

#[test]
fn server_and_key_are_found_in_whole_instructions() {
    const SERVER: &str = "rtmp://a.example/live";
    for text in [
        "Server: rtmp://a.example/live\nStream key: k-1",
        "Server: rtmp://a.example/live\r\nStream key: k-1\r\n",
        "Stream key: k-1\nServer: rtmp://a.example/live",
        "Server: rtmp://a.example/live Stream key: k-1",
        "RTMP URL\nrtmp://a.example/live\n\nStream key\nk-1\n",
        "URL = \"rtmp://a.example/live\"\nkey = \"k-1\"",
        "Server\trtmp://a.example/live\nStream name\tk-1",
        "Serveur : rtmp://a.example/live\nClé : k-1",
        "Server: rtmp://a.example/live\nStreamschlüssel: k-1\nDo not share it with anyone",
        "See https://help.example/key\nServer: rtmp://a.example/live\nKey: k-1",
        "rtmp://a.example/live\nk-1",
        "rtmp://a.example/live/k-1\nStream key: k-1",
        "ffmpeg -re -i in.mp4 -c copy -f flv rtmp://a.example/live/k-1",
        "ffmpeg -re -i in.mp4 -f flv \"rtmp://a.example/live/k-1\" -y",
        "ffmpeg -i in.mp4 \\\n  -f flv \\\n  rtmp://a.example/live/k-1",
    ] {
        let pasted = split_paste(text).unwrap();
        assert_eq!(pasted.server, SERVER, "{text}");
        assert_eq!(
            pasted.key.as_ref().map(Secret::expose),
            Some("k-1"),
            "{text}"
        );
    }
    for text in [
        "Your server is rtmp://a.example/live",
        "rtmp://a.example/live\nCopy the key from the next page",
        "rtmp://a.example/live\n-y",
    ] {
        let pasted = split_paste(text).unwrap();
        assert_eq!(
            (pasted.server.as_str(), pasted.key),
            (SERVER, None),
            "{text}"
        );
    }
}

#[test]
fn user_and_password_of_a_pasted_address_do_not_stay_in_it() {
    let pasted = split_paste("rtmp://me:p%40ss@a.example/live/k").unwrap();
    assert_eq!(pasted.server, "rtmp://a.example/live");
    let credentials = pasted.credentials.unwrap();
    assert_eq!(credentials.user, "me");
    assert_eq!(credentials.password.expose(), "p@ss");
}

#[test]
fn keys_are_taken_as_they_are() {
    for (text, key) in [
        ("k/1?a=b&c=%20#d e", "k/1?a=b&c=%20#d e"),
        (" k-1 \r\n", "k-1"),
        ("\"k-1\"", "k-1"),
        ("\u{feff}k\u{200b}-1", "k-1"),
        ("it's", "it's"),
        ("/k", "/k"),
        ("ключ", "ключ"),
        // An emoji of two with a joiner, which does not matter elsewhere.
        ("ü👩\u{200d}🚒\u{200d}1", "ü👩\u{200d}🚒1"),
        ("", ""),
    ] {
        assert_eq!(read_key(text).unwrap().expose(), key, "{text:?}");
    }
    for (text, error) in [
        ("k\n1", KeyError::ControlCharacter),
        ("k\u{0}1", KeyError::ControlCharacter),
        ("rtmp://a.example/live/k", KeyError::Address),
        ("RTMPS://a.example/live", KeyError::Address),
        (&"x".repeat(MAX_KEY_BYTES + 1), KeyError::TooLong),
    ] {
        assert_eq!(read_key(text), Err(error), "{text:?}");
    }
}

#[test]
fn only_an_address_with_a_query_can_stand_in_for_a_key() {
    assert!(parsed("rtmp://a.example/live?stream=x").has_query());
    assert!(!parsed("rtmp://a.example/live?").has_query());
    assert!(!parsed("rtmp://a.example/live/x").has_query());
}

#[test]
fn no_message_repeats_a_key() {
    const KEY: &str = "s3cretKEY";
    for text in [
        KEY.to_owned(),
        format!("{KEY}?a=b"),
        format!("{KEY}/x"),
        format!("x/{KEY}"),
        format!("{KEY}.ab/x"),
        format!("{KEY}.org"),
        format!("rtmp:{KEY}"),
        format!("a.example/live/{KEY}"),
        format!("srt://a.example/{KEY}"),
        format!("rtmp://a.example:x/live/{KEY}"),
        format!("rtmp://me:pa/{KEY}@a.example/live"),
        format!("rtmp://me:{KEY}/pa@a.example/live"),
        format!("rtmp://a b/live/{KEY}"),
        format!("rtmp://a.example/live/{KEY}\n{KEY}"),
        format!("key {KEY}://a.example"),
    ] {
        let message = ServerUrl::parse(&text).unwrap_err().to_string();
        assert!(!message.contains(KEY), "{message}");
        if let Err(error) = split_paste(&text) {
            assert!(!error.to_string().contains(KEY), "{error}");
        }
        if let Err(error) = read_key(&format!("rtmp://{text}\n")) {
            assert!(!error.to_string().contains(KEY), "{error}");
        }
    }
    let pasted = split_paste(&format!("rtmp://{KEY}:{KEY}@a.example/live/{KEY}")).unwrap();
    let shown = format!("{:?} {:?}", pasted.server, pasted.key);
    assert!(!shown.contains(KEY), "{shown}");
    let whole = parsed(&format!("rtmp://a.example/live/{KEY}"));
    assert!(!format!("{whole:?}").contains(KEY));
}

#[test]
fn arbitrary_text_never_panics_and_what_is_split_can_be_read() {
    const PIECES: [&str; 32] = [
        "rtmp://",
        "rtmps://",
        "http://",
        "://",
        "/",
        "?",
        "#",
        "@",
        ":",
        "%",
        "[",
        "]",
        "::1",
        "a.example",
        "key",
        "=",
        "\n",
        "\r",
        " ",
        "\"",
        "'",
        "„",
        "“",
        "\u{200b}",
        "ü",
        "例",
        "\0",
        "1",
        "-",
        ".",
        "Stream key:",
        "%41",
    ];
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..50_000 {
        let text: String = (0..random.usize(..12))
            .map(|_| PIECES[random.usize(..PIECES.len())])
            .collect();
        let _ = ServerUrl::parse(&text);
        let _ = read_key(&text);
        if let Ok(pasted) = split_paste(&text) {
            let url = ServerUrl::parse(&pasted.server)
                .unwrap_or_else(|error| panic!("{text:?}: {error}"));
            assert_eq!(url.credentials, None, "{text:?}");
            assert!(ServerUrl::parse(&url.tc_url()).is_ok(), "{text:?}");
        }
    }
}

#[test]
fn slashes_around_the_application_go_and_those_of_a_query_stay() {
    for (text, app) in [
        ("rtmp://a.example//live//", "live"),
        ("rtmp://a.example/live /", "live"),
        ("rtmp://a.example/live?token=ab/", "live?token=ab/"),
        ("rtmp://a.example/live?token=ab /", "live?token=ab /"),
    ] {
        let url = parsed(text);
        assert_eq!(url.app, app, "{text}");
        assert_eq!(parsed(&url.tc_url()).app, app, "{text}");
    }
}

#[test]
fn an_address_that_is_too_long_as_the_server_gets_it_is_too_long() {
    let long = "x".repeat(MAX_URL_BYTES - "rtmp://bücher.example/".len());
    let text = format!("rtmp://bücher.example/{long}");
    assert_eq!(text.len(), MAX_URL_BYTES);
    assert_eq!(ServerUrl::parse(&text), Err(UrlError::TooLong));
}

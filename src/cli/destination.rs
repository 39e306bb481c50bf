//! From what was typed to destinations: addresses, stream keys, user and password, and the way there.

use std::{
    env,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use super::{
    args::{ConnectionArgs, HandshakeChoice, KeyArgs, LiveArgs},
    exit::{Exit, ExitStatus},
    output::print_warning,
};
use crate::{
    engine::command::{
        Backup, Broadcast, Credentials, Destination, Fingerprint, HandshakeForm, LocalEnd, Proxy,
        Route, SessionOptions, Trust, trust_in_file,
    },
    rtmp::{
        connect_arguments,
        url::{Scheme, ServerUrl, read_key, split_paste},
    },
    secret::Secret,
};

/// The destinations asked for with `--to`, with their keys, names and the backup server; `None` without `--to`.
///
/// # Errors
/// One line that names the argument which cannot be right, and no secret.
pub fn broadcast(args: &LiveArgs) -> Result<Option<Broadcast>, Exit> {
    if args.to.is_empty() {
        return Ok(None);
    }
    let keys = args.key.each();
    let keys = paired_keys(&args.to, &keys)?;
    if !args.name.is_empty() && args.name.len() != args.to.len() {
        return Err(usage(format!(
            "{} for {}; give one --name for each --to, in the same order, or none",
            counted(args.name.len(), "name"),
            counted(args.to.len(), "address"),
        )));
    }
    let mut destinations = Vec::new();
    for (index, (to, key)) in args.to.iter().zip(keys).enumerate() {
        let destination =
            destination(to, key, args).map_err(|exit| of_several(exit, index, args))?;
        destinations.push(Destination {
            name: args.name.get(index).cloned().unwrap_or_default(),
            ..destination
        });
    }
    if let Some((first, address)) = destinations.first_mut().zip(args.backup.backup.as_ref()) {
        first.backup = Some(backup(address, &first.key, args)?);
    }
    Ok(Some(Broadcast {
        destinations,
        follow: args.follow.into(),
    }))
}

/// Which key belongs to which address: as many keys as addresses are paired in order; otherwise as many as there
/// are addresses that do not end in their key, for those in order.
fn paired_keys<'a>(to: &[String], keys: &'a [KeyArgs]) -> Result<Vec<Option<&'a KeyArgs>>, Exit> {
    if keys.len() == to.len() {
        return Ok(keys.iter().map(Some).collect());
    }
    let mut bare = Vec::new();
    for address in to {
        let pasted = split_paste(address).map_err(|error| usage(error.to_string()))?;
        bare.push(pasted.key.is_none());
    }
    let wanted = bare.iter().filter(|is_bare| **is_bare).count();
    // That the only key is missing is told in other words.
    if keys.len() != wanted && (to.len(), keys.len()) != (1, 0) {
        return Err(usage(format!(
            "{} for {}, of which {wanted} end without one; give a key for each --to in the same order, or for \
             those only that do not end in their key",
            counted(keys.len(), "stream key"),
            counted(to.len(), "address"),
        )));
    }
    let mut left = keys.iter();
    let pairs = bare.into_iter().map(|is_bare| is_bare.then(|| left.next()));
    Ok(pairs.map(Option::flatten).collect())
}

/// One destination. An address that ends in the key is split when no key is given otherwise.
fn destination(to: &str, key: Option<&KeyArgs>, args: &LiveArgs) -> Result<Destination, Exit> {
    let given = key.map(stream_key).transpose()?.flatten();
    let Some(place) = place(to, given, args)? else {
        return Err(usage(
            "the stream key is missing; give it with --key-env VAR or --key-file FILE, or --key \"\" where \
             the server wants none",
        ));
    };
    let Place {
        server,
        key,
        credentials,
        scheme,
    } = place;
    Ok(Destination {
        credentials,
        route: route(&args.connection, scheme)?,
        options: options(&args.connection)?,
        give_up_after: args.give_up_after,
        ..Destination::new(server, key)
    })
}

/// The backup server of the first destination, whose key it has where it is given none.
fn backup(address: &str, primary: &Secret, args: &LiveArgs) -> Result<Backup, Exit> {
    let named = |exit: Exit| Exit::new(exit.status, format!("--backup: {}", exit.message));
    let given = stream_key(&args.backup.key()).map_err(named)?;
    let place = match place(address, given, args).map_err(named)? {
        Some(place) => place,
        None => place_with(address, primary.clone(), args).map_err(named)?,
    };
    // What cannot hold for it is named here, though the way is the first destination's.
    route(&args.connection, place.scheme).map_err(named)?;
    Ok(Backup {
        server: place.server,
        key: place.key,
        credentials: place.credentials,
        warm: args.backup.backup_warm,
        return_to_primary: !args.backup.backup_stay,
    })
}

/// A server as typed.
struct Place {
    server: String,
    key: Secret,
    credentials: Option<Credentials>,
    scheme: Scheme,
}

/// The server at `address` with the key `given`, else with the one that the address ends in; `None` without any.
fn place(address: &str, given: Option<Secret>, args: &LiveArgs) -> Result<Option<Place>, Exit> {
    if let Some(key) = given {
        return place_with(address, key, args).map(Some);
    }
    let pasted = split_paste(address).map_err(|error| usage(error.to_string()))?;
    let Some(key) = pasted.key else {
        return Ok(None);
    };
    warn_that_key_is_visible();
    checked_place(pasted.server, key, pasted.credentials, args).map(Some)
}

/// The server at `address`, which is not split: it has a key of its own.
fn place_with(address: &str, key: Secret, args: &LiveArgs) -> Result<Place, Exit> {
    let pasted = split_paste(address).map_err(|error| usage(error.to_string()))?;
    let server = match pasted.key {
        Some(last) => {
            ServerUrl::parse(address).map_err(|error| usage(error.to_string()))?;
            format!("{}/{}", pasted.server, last.expose())
        }
        None => pasted.server,
    };
    checked_place(server, key, pasted.credentials, args)
}

fn checked_place(
    server: String,
    key: Secret,
    in_address: Option<Credentials>,
    args: &LiveArgs,
) -> Result<Place, Exit> {
    let url = ServerUrl::parse(&server).map_err(|error| usage(error.to_string()))?;
    Ok(Place {
        credentials: credentials(&args.connection, in_address)?,
        scheme: url.scheme,
        server,
        key,
    })
}

/// With several destinations, an error says which.
fn of_several(exit: Exit, index: usize, args: &LiveArgs) -> Exit {
    if args.to.len() == 1 {
        return exit;
    }
    let number = index + 1;
    Exit::new(
        exit.status,
        format!("--to number {number}: {}", exit.message),
    )
}

pub(super) fn stream_key(args: &KeyArgs) -> Result<Option<Secret>, Exit> {
    let (text, origin) = if let Some(variable) = &args.key_env {
        from_variable(variable, "stream key")?
    } else if let Some(file) = &args.key_file {
        from_file(file, "stream key")?
    } else if let Some(key) = &args.key {
        if !key.is_empty() {
            warn_that_key_is_visible();
        }
        (key.clone(), "--key".to_owned())
    } else {
        return Ok(None);
    };
    let key =
        read_key(&text).map_err(|error| usage(format!("the stream key from {origin} {error}")))?;
    // Only who types it can mean it.
    if key.is_empty() && args.key.as_deref() != Some("") {
        return Err(usage(format!(
            "the stream key from {origin} is empty; copy it from your streaming service"
        )));
    }
    Ok(Some(key))
}

/// User and password from the options, else from the address.
fn credentials(
    args: &ConnectionArgs,
    in_address: Option<Credentials>,
) -> Result<Option<Credentials>, Exit> {
    let (user, password) = match in_address {
        Some(Credentials { user, password }) => (Some(user), Some(password)),
        None => (None, None),
    };
    if password
        .as_ref()
        .is_some_and(|password| !password.is_empty())
    {
        print_warning(
            "the password in the address is visible to other users of this computer; prefer --password-env or \
             --password-file",
        );
    }
    let given = match (&args.password_env, &args.password_file) {
        (Some(variable), _) => Some(given_password(from_variable(variable, "password")?)?),
        (_, Some(file)) => Some(given_password(from_file(file, "password")?)?),
        _ => None,
    };
    let password = given.or(password);
    match (args.user.clone().or(user), password) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some(Credentials { user, password })),
        (Some(user), None) => Err(usage(format!(
            "the user {user} has no password; give it with --password-env VAR or --password-file FILE"
        ))),
        (None, Some(_)) => Err(usage("there is a password but no user; add --user NAME")),
    }
}

/// A password that was announced is there.
fn given_password((text, origin): (String, String)) -> Result<Secret, Exit> {
    if text.is_empty() {
        return Err(usage(format!(
            "the password from {origin} is empty; put the password there"
        )));
    }
    Ok(Secret::new(text))
}

fn route(args: &ConnectionArgs, scheme: Scheme) -> Result<Route, Exit> {
    if scheme == Scheme::Rtmp && (args.ca_file.is_some() || args.pin.is_some()) {
        return Err(usage(
            "rtmp:// has no certificate that --ca-file or --pin could check; use rtmps://, or leave them out",
        ));
    }
    let trust = match (&args.ca_file, &args.pin) {
        (Some(file), _) => {
            trust_in_file(file).map_err(|error| usage(format!("--ca-file: {error}")))?
        }
        (_, Some(pin)) => {
            Trust::Only(Fingerprint::parse(pin).map_err(|error| usage(format!("--pin: {error}")))?)
        }
        _ => Trust::System,
    };
    let local = match &args.from {
        Some(from) => {
            Some(LocalEnd::parse(from).map_err(|error| usage(format!("--from: {error}")))?)
        }
        None => None,
    };
    Ok(Route {
        trust,
        local,
        proxy: proxy(args)?,
    })
}

fn proxy(args: &ConnectionArgs) -> Result<Option<Proxy>, Exit> {
    let Some(text) = &args.proxy else {
        return Ok(None);
    };
    let mut proxy = Proxy::parse(text).map_err(|error| usage(format!("--proxy: {error}")))?;
    if let Some(variable) = &args.proxy_password_env {
        let password = given_password(from_variable(variable, "password")?)?;
        let login = proxy.credentials.as_mut().ok_or_else(|| {
            usage("--proxy-password-env: the proxy has no user; write it as http://user@host:port")
        })?;
        login.password = password;
    } else if proxy
        .credentials
        .as_ref()
        .is_some_and(|login| !login.password.is_empty())
    {
        print_warning(
            "the proxy's password is visible to other users of this computer; prefer --proxy-password-env",
        );
    }
    Ok(Some(proxy))
}

fn options(args: &ConnectionArgs) -> Result<SessionOptions, Exit> {
    Ok(SessionOptions {
        handshake: match args.handshake {
            HandshakeChoice::Simple => HandshakeForm::Simple,
            HandshakeChoice::Digest => HandshakeForm::Digest,
        },
        enhanced: !args.no_enhanced,
        connect_arguments: connect_arguments::parse(&args.connect_arg)
            .map_err(|error| usage(format!("--connect-arg: {error}")))?,
    })
}

/// What an environment variable holds, without the spaces around it, and the variable in words.
pub(super) fn from_variable(variable: &str, what: &str) -> Result<(String, String), Exit> {
    let text = env::var(variable).map_err(|error| {
        usage(format!(
            "the environment variable {variable} gives no {what} ({}); set it to the {what}",
            match error {
                env::VarError::NotPresent => "it is not set",
                // The error itself repeats what is in it.
                env::VarError::NotUnicode(_) => "it is not text in UTF-8",
            }
        ))
    })?;
    Ok((
        text.trim().to_owned(),
        format!("the environment variable {variable}"),
    ))
}

/// The first line of a file, without the spaces around it, and the file in words.
pub(super) fn from_file(file: &Path, what: &str) -> Result<(String, String), Exit> {
    let shown = file.display();
    let line = first_line(file).map_err(|error| {
        usage(format!(
            "the {what} file {shown} cannot be read ({error}); name a text file with the {what} in its first line"
        ))
    })?;
    let text = line.trim_start_matches('\u{feff}').trim();
    Ok((text.to_owned(), format!("the {what} file {shown}")))
}

/// The first line of a file that may be anything.
fn first_line(file: &Path) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(File::open(file)?.take(LONGEST_LINE)).read_line(&mut line)?;
    Ok(line)
}

fn warn_that_key_is_visible() {
    print_warning(
        "the stream key is visible to other users of this computer; prefer --key-env or --key-file",
    );
}

/// `1 name`, `2 addresses`.
fn counted(number: usize, one: &str) -> String {
    let plural = match one {
        _ if number == 1 => "",
        "address" => "es",
        _ => "s",
    };
    format!("{number} {one}{plural}")
}

fn usage(message: impl Into<String>) -> Exit {
    Exit::new(ExitStatus::Usage, message.into())
}

/// More than the longest secret: what such a file may hold is not for us to trust.
const LONGEST_LINE: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;
    use tempfile::TempDir;

    use super::*;
    use crate::{
        cli::args::{Arguments, Command},
        engine::command::Follow,
    };

    const ADDRESS: &str = "rtmps://a.example/live";
    const SECRET: &str = "s3cretTEXT";

    fn asked(to: &str, arguments: &[&str]) -> Result<Destination, Exit> {
        let mut broadcast = broadcast_to(&[&["--to", to], arguments].concat())?;
        Ok(broadcast.destinations.remove(0))
    }

    fn broadcast_to(arguments: &[&str]) -> Result<Broadcast, Exit> {
        let all = ["skywave", "live"]
            .into_iter()
            .chain(arguments.iter().copied());
        let Some(Command::Live(args)) = Arguments::try_parse_from(all).unwrap().command else {
            unreachable!("the arguments ask for live");
        };
        Ok(broadcast(&args)?.expect("there is --to"))
    }

    /// Servers and keys asked for.
    fn places(arguments: &[&str]) -> Result<Vec<(String, String)>, Exit> {
        let broadcast = broadcast_to(arguments)?;
        let places = broadcast.destinations.into_iter();
        Ok(places
            .map(|it| (it.server, it.key.expose().to_owned()))
            .collect())
    }

    fn told(to: &str, arguments: &[&str]) -> String {
        let exit = asked(to, arguments).unwrap_err();
        assert_eq!(exit.status, ExitStatus::Usage);
        assert!(!exit.message.contains(SECRET), "{}", exit.message);
        assert!(!exit.message.contains('\n'), "{}", exit.message);
        exit.message
    }

    fn file(content: impl AsRef<[u8]>) -> (TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, content).unwrap();
        let name = path.to_str().unwrap().to_owned();
        (folder, name)
    }

    #[test]
    fn an_address_that_ends_in_the_key_is_split_unless_there_is_a_key() {
        let whole = asked("rtmp://a.example/live/k?x=1", &[]).unwrap();
        assert_eq!(whole.server, "rtmp://a.example/live");
        assert_eq!(whole.key.expose(), "k?x=1");
        assert_eq!(whole.route, Route::default());
        assert_eq!(whole.options, SessionOptions::default());

        let apart = asked("rtmp://a.example/live/instance", &["--key", "k"]).unwrap();
        assert_eq!(apart.server, "rtmp://a.example/live/instance");
        assert_eq!(apart.key.expose(), "k");
    }

    #[test]
    fn several_addresses_have_a_key_each_or_end_in_it() {
        const A: &str = "rtmp://a.example/live";
        const B: &str = "rtmp://b.example/live";
        let pair = |server: &str, key: &str| (server.to_owned(), key.to_owned());
        let both = [pair(A, "1"), pair(B, "2")];
        let whole = format!("{A}/1");
        for arguments in [
            ["--to", A, "--to", B, "--key", "1", "--key", "2"].as_slice(),
            &["--to", &whole, "--to", &format!("{B}/2")],
            &["--to", &whole, "--to", B, "--key", "2"],
        ] {
            assert_eq!(places(arguments).unwrap(), both, "{arguments:?}");
        }
        let instance = ["--to", &whole, "--to", B, "--key", "k", "--key", "2"];
        assert_eq!(places(&instance).unwrap()[0], pair(&whole, "k"));

        let message = places(&["--to", A, "--to", B, "--key", SECRET])
            .unwrap_err()
            .message;
        assert!(
            message.starts_with("1 stream key for 2 addresses"),
            "{message}"
        );
        assert!(places(&["--to", A, "--key", "1", "--key", "2"]).is_err());
        let message = places(&["--to", A, "--to", "srt://b", "--key", "1", "--key", "2"])
            .unwrap_err()
            .message;
        assert!(message.starts_with("--to number 2: "), "{message}");
    }

    #[test]
    fn destinations_are_called_as_asked_and_follow_whom_was_asked() {
        let two = [
            "--to",
            "rtmp://a.example/live/1",
            "--to",
            "rtmp://b.example/live/2",
        ];
        let plain = broadcast_to(&two).unwrap();
        assert_eq!(plain.follow, Follow::Primary);
        assert!(plain.destinations.iter().all(|it| it.name.is_empty()));
        let more = [
            "--name",
            "A",
            "--name",
            "B b",
            "--follow",
            "slowest",
            "--handshake",
            "digest",
        ];
        let named = broadcast_to(&[&two[..], &more].concat()).unwrap();
        let names: Vec<_> = named
            .destinations
            .iter()
            .map(|it| it.name.as_str())
            .collect();
        assert_eq!(names, ["A", "B b"]);
        assert_eq!(named.follow, Follow::Slowest);
        for destination in &named.destinations {
            assert_eq!(destination.options.handshake, HandshakeForm::Digest);
        }
        let error = broadcast_to(&[&two[..], &["--name", "A"]].concat()).unwrap_err();
        assert!(error.message.starts_with("1 name for 2 addresses"));
    }

    #[test]
    fn the_backup_belongs_to_the_first_and_may_have_its_key() {
        const TO: [&str; 4] = ["--to", "rtmp://a.example/live", "--key", "k"];
        let backup = |arguments: &[&str]| {
            let mut all = broadcast_to(&[&TO, arguments].concat())?.destinations;
            Ok::<_, Exit>(all.remove(0).backup.expect("a backup"))
        };
        let (_folder, key) = file("other\n");
        let plain = ["--backup", "rtmp://b.example/live"];
        let taken = backup(&plain).unwrap();
        assert_eq!(
            (taken.server.as_str(), taken.key.expose()),
            ("rtmp://b.example/live", "k")
        );
        assert_eq!((taken.warm, taken.return_to_primary), (false, true));
        let own = [
            &plain[..],
            &["--backup-key-file", &key, "--backup-warm", "--backup-stay"],
        ]
        .concat();
        let own = backup(&own).unwrap();
        assert_eq!(own.key.expose(), "other");
        assert_eq!((own.warm, own.return_to_primary), (true, false));
        let pasted = backup(&["--backup", "rtmp://me:pw@b.example/live/third"]).unwrap();
        assert_eq!(
            (pasted.server.as_str(), pasted.key.expose()),
            ("rtmp://b.example/live", "third")
        );
        assert_eq!(pasted.credentials.unwrap().user, "me");

        let second = ["--to", "rtmp://c.example/live", "--key", "2"];
        let two = broadcast_to(&[&TO, &second[..], &plain].concat()).unwrap();
        assert!(two.destinations[0].backup.is_some() && two.destinations[1].backup.is_none());
        let told = backup(&["--backup", SECRET]).unwrap_err().message;
        assert!(
            told.starts_with("--backup: ") && !told.contains(SECRET),
            "{told}"
        );
    }

    #[test]
    fn an_empty_key_is_taken_only_where_it_was_typed() {
        assert!(asked(ADDRESS, &["--key", ""]).unwrap().key.is_empty());
        assert!(told(ADDRESS, &["--key", " "]).contains("from --key is empty"));
        let (_folder, empty) = file("\n");
        assert!(told(ADDRESS, &["--key-file", &empty]).contains("is empty"));
        assert!(told(ADDRESS, &[]).contains("the stream key is missing"));
    }

    #[test]
    fn a_key_file_may_end_in_a_line_break_and_begin_with_a_byte_order_mark() {
        let (_folder, name) = file("\u{feff}k/1 ?&=%20 \r\nnot this");
        let destination = asked(ADDRESS, &["--key-file", &name]).unwrap();
        assert_eq!(destination.key.expose(), "k/1 ?&=%20");
        let whole = format!("rtmp://a.example/live/{SECRET}");
        assert!(told(ADDRESS, &["--key", &whole]).contains("from --key is a whole address"));
        let broken = format!("{SECRET}\n{SECRET}");
        assert!(told(ADDRESS, &["--key", &broken]).contains("from --key has a line break"));
    }

    #[test]
    fn user_and_password_come_from_options_or_the_address() {
        let login = |to: &str, arguments: &[&str]| {
            let all = [&["--key", "k"], arguments].concat();
            let login = asked(to, &all).unwrap().credentials?;
            Some((login.user, login.password.expose().to_owned()))
        };
        let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        let (_folder, name) = file("p w\n");
        let in_address = "rtmp://u%40x:q%2F@a.example/live";
        assert_eq!(login(ADDRESS, &[]), None);
        assert_eq!(login(in_address, &[]), pair("u@x", "q/"));
        assert_eq!(
            login(in_address, &["--password-file", &name]),
            pair("u@x", "p w")
        );
        assert_eq!(
            login(ADDRESS, &["--user", "me", "--password-file", &name]),
            pair("me", "p w")
        );
        let told = |arguments: &[&str]| told(ADDRESS, &[&["--key", "k"], arguments].concat());
        assert!(told(&["--user", "me"]).contains("the user me has no password"));
        assert!(told(&["--password-file", &name]).contains("add --user NAME"));
        let (_folder, empty) = file("\n");
        assert!(told(&["--user", "me", "--password-file", &empty]).contains("is empty"));
        assert!(told(&["--password-env", "SKYWAVE_TEST_NOT_SET"]).contains("it is not set"));
    }

    #[test]
    fn the_way_to_the_server_is_read() {
        let pin = "AB:".repeat(31) + "AB";
        let destination = asked(
            ADDRESS,
            &[
                "--key",
                "k",
                "--pin",
                &pin,
                "--from",
                "eth0",
                "--proxy",
                "proxy.example:3128",
                "--handshake",
                "digest",
                "--no-enhanced",
                "--connect-arg",
                "O:1",
                "--connect-arg",
                "NN:code:-1",
                "--connect-arg",
                "O:0",
            ],
        )
        .unwrap();
        assert_eq!(
            destination.route.trust,
            Trust::Only(Fingerprint([0xAB; 32]))
        );
        assert_eq!(
            destination.route.local,
            Some(LocalEnd::Interface("eth0".into()))
        );
        assert_eq!(destination.route.proxy.unwrap().port, 3128);
        assert_eq!(destination.options.handshake, HandshakeForm::Digest);
        assert!(!destination.options.enhanced);
        assert_eq!(destination.options.connect_arguments.len(), 1);
    }

    #[test]
    fn certificates_of_a_file_are_trusted_beside_the_systems() {
        let made = rcgen::generate_simple_self_signed(["a.example".to_owned()]).unwrap();
        let (_folder, name) = file(made.cert.pem());
        let destination = asked(ADDRESS, &["--key", "k", "--ca-file", &name]).unwrap();
        assert!(matches!(destination.route.trust, Trust::Also(found) if found.len() == 1));
    }

    #[test]
    fn what_cannot_be_right_is_named_by_its_option_and_repeats_no_secret() {
        let (_folder, name) = file(SECRET);
        let proxy = format!("socks5://me:{SECRET}@a.example:1");
        let argument = format!("S{SECRET}");
        for (option, value) in [
            ("--ca-file", name.as_str()),
            ("--ca-file", "/no/such/file"),
            ("--pin", "12:34"),
            ("--from", "not an interface"),
            ("--proxy", &proxy),
            ("--connect-arg", &argument),
        ] {
            let message = told(ADDRESS, &["--key", "k", option, value]);
            assert!(message.starts_with(&format!("{option}: ")), "{message}");
        }
        let plain = ["--key", "k", "--pin", &"AB".repeat(32)];
        assert!(told("rtmp://a.example/live", &plain).contains("use rtmps://"));
        let password = ["--proxy", "a.example:1", "--proxy-password-env", "PATH"];
        let message = told(ADDRESS, &[&["--key", "k"][..], &password].concat());
        assert!(message.contains("http://user@host:port"), "{message}");
        for address in ["", SECRET, "srt://a.example:1", "a.example/live"] {
            told(address, &["--key", "k"]);
        }
    }
}

//! What may be typed behind `skywave receive`, and what it comes to.

use std::{
    fmt::Display,
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process,
};

use clap::Args;

use crate::{
    cli::{
        args::KeyArgs,
        destination::{from_file, from_variable, stream_key},
        exit::{Exit, ExitStatus},
    },
    net::receiver::{ReceiverConfig, identity::Identity},
    record::RecordError,
    rtmp::{receive::ReceivePolicy, url::Credentials},
    secret::Secret,
};

/// `skywave receive`.
#[derive(Debug, Args)]
pub struct ReceiveArgs {
    /// Listen at this address and port; other computers reach others than 127.0.0.1 only, and for those a key or a user is needed
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1935", value_parser = listen_address)]
    pub listen: SocketAddr,
    /// Save each stream as an FLV file in this folder
    #[arg(long, value_name = "FOLDER")]
    pub save: Option<PathBuf>,
    /// Take streams of this application only
    #[arg(long, value_name = "NAME")]
    pub app: Option<String>,
    /// The one stream key to take; without it, any
    #[command(flatten)]
    pub key: KeyArgs,
    /// Let in only who logs in as this user, in Adobe's way
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Take the user's password from this environment variable
    #[arg(long, value_name = "VAR", requires = "user")]
    pub password_env: Option<String>,
    /// Take the user's password from the first line of this file
    #[arg(
        long,
        value_name = "FILE",
        requires = "user",
        conflicts_with = "password_env"
    )]
    pub password_file: Option<PathBuf>,
    /// Speak rtmps:// with this certificate (chain) and private key, both PEM files
    #[arg(long, num_args = 2, value_names = ["CERT", "KEY"])]
    pub tls: Option<Vec<PathBuf>>,
    /// Tell what happens as JSON, one object per line
    #[arg(long)]
    pub json: bool,
}

/// What was asked for, checked.
#[derive(Debug)]
pub struct Asked {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whom to serve.
    pub config: ReceiverConfig,
    /// Where to save.
    pub save: Option<PathBuf>,
    /// What people are told.
    pub invitation: Invitation,
}

/// What people need to know to publish and play.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// `rtmp` or `rtmps`.
    pub scheme: &'static str,
    /// The application.
    pub app: String,
    /// Whether only one key is taken.
    pub needs_key: bool,
    /// Who must log in.
    pub user: Option<String>,
}

impl Asked {
    /// Reads files and variables that are named, and refuses what cannot be meant.
    ///
    /// # Errors
    /// One line and a status.
    pub fn from_args(args: &ReceiveArgs) -> Result<Self, Exit> {
        let key = stream_key(&args.key)?;
        let login = login(args)?;
        let has_key = key.as_ref().is_some_and(|key| !key.is_empty());
        if !args.listen.ip().to_canonical().is_loopback() && !has_key && login.is_none() {
            return Err(usage(format!(
                "at {} anybody in the network could publish and watch; give a stream key with --key-env VAR or \
                 --key-file FILE, or a user with --user NAME and --password-env VAR",
                args.listen
            )));
        }
        let identity = match args.tls.as_deref() {
            Some([certificates, key]) => Some(Identity::load(certificates, key).map_err(usage)?),
            _ => None,
        };
        if let Some(folder) = &args.save {
            check_folder(folder)?;
        }
        let invitation = Invitation {
            scheme: if identity.is_some() { "rtmps" } else { "rtmp" },
            app: args.app.clone().unwrap_or_else(|| "live".to_owned()),
            needs_key: key.is_some(),
            user: login.as_ref().map(|login| login.user.clone()),
        };
        Ok(Self {
            listen: args.listen,
            config: ReceiverConfig {
                policy: ReceivePolicy {
                    app: args.app.clone(),
                    key,
                    login: None,
                },
                login,
                identity,
                ..ReceiverConfig::default()
            },
            save: args.save.clone(),
            invitation,
        })
    }
}

fn login(args: &ReceiveArgs) -> Result<Option<Credentials>, Exit> {
    let Some(user) = args.user.clone() else {
        return Ok(None);
    };
    let (password, origin) = match (&args.password_env, &args.password_file) {
        (Some(variable), _) => from_variable(variable, "password")?,
        (None, Some(file)) => from_file(file, "password")?,
        (None, None) => {
            return Err(usage(format!(
                "the user {user} has no password; give it with --password-env VAR or --password-file FILE"
            )));
        }
    };
    if user.is_empty() || password.is_empty() {
        return Err(usage(format!(
            "the user's name, or the password from {origin}, is empty; choose others"
        )));
    }
    // Both stand in addresses as they are.
    if user.contains(['&', '=', '?', '#', '/', ' ']) {
        return Err(usage(format!(
            "the user's name {user} has characters in it that Adobe's login cannot carry; use letters and digits"
        )));
    }
    let password = Secret::new(password);
    Ok(Some(Credentials { user, password }))
}

fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let here = text
        .strip_prefix("localhost:")
        .and_then(|port| port.parse().ok());
    if let Some(port) = here {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let example = "write an IP address and a port, such as 127.0.0.1:1935 or [::1]:1935";
    text.parse().map_err(|_no_details| example.to_owned())
}

/// Whether recordings can be written to `folder`, before somebody publishes and relies on it.
fn check_folder(folder: &PathBuf) -> Result<(), Exit> {
    let wrong = |message: String| Exit::new(ExitStatus::Recording, message);
    let failed =
        |error| wrong(RecordError::from_io(&folder.join("a recording"), error).to_string());
    if !fs::metadata(folder).map_err(failed)?.is_dir() {
        return Err(wrong(format!(
            "\"{}\" is not a folder; choose one for recordings",
            folder.display()
        )));
    }
    let probe = folder.join(format!(".skywave-{}", process::id()));
    File::create_new(&probe)
        .and_then(|_closed| fs::remove_file(&probe))
        .map_err(failed)
}

fn usage(message: impl Display) -> Exit {
    Exit::new(ExitStatus::Usage, message)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::args::{Arguments, Command};

    fn asked(arguments: &[&str]) -> Result<Asked, Exit> {
        let all = ["skywave", "receive"].iter().chain(arguments);
        let Some(Command::Receive(args)) = Arguments::try_parse_from(all).unwrap().command else {
            unreachable!("the arguments ask for receive");
        };
        Asked::from_args(&args)
    }

    #[test]
    fn without_any_argument_this_machine_alone_is_served() {
        let asked = asked(&[]).unwrap();
        assert_eq!(asked.listen.to_string(), "127.0.0.1:1935");
        assert!(asked.config.policy.key.is_none() && asked.config.login.is_none());
        assert_eq!(asked.invitation.scheme, "rtmp");
    }

    #[test]
    fn other_computers_are_served_only_with_a_key_or_a_user() {
        for listen in ["0.0.0.0:1935", "[::]:1935", "192.0.2.7:1935"] {
            for key in [&[][..], &["--key", ""]] {
                let arguments = [&["--listen", listen][..], key].concat();
                let exit = asked(&arguments).unwrap_err();
                assert_eq!(exit.status, ExitStatus::Usage);
                assert!(exit.message.contains("--key-env"), "{}", exit.message);
            }
            assert!(asked(&["--listen", listen, "--key", "abc"]).is_ok());
        }
        for listen in ["127.0.0.1:1", "[::1]:1", "127.9.9.9:1"] {
            assert!(asked(&["--listen", listen]).is_ok());
        }
    }

    #[test]
    fn an_address_is_an_ip_address_or_this_computer_with_a_port() {
        assert_eq!(
            listen_address("localhost:1936"),
            Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, 1936)))
        );
        assert!(listen_address("[::1]:1935").is_ok());
        for text in [
            "1935",
            "127.0.0.1",
            "[::1]",
            "localhost",
            "example.org:1935",
            ":1",
        ] {
            let words = listen_address(text).unwrap_err();
            assert!(words.contains("127.0.0.1:1935"), "{text}: {words}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_folder_that_takes_no_files_is_told_before_anything_begins() {
        // Nobody may create files in it.
        let exit = asked(&["--save", "/proc"]).unwrap_err();
        assert_eq!(exit.status, ExitStatus::Recording);
    }

    #[test]
    fn a_folder_that_is_checked_stays_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        assert!(asked(&["--save", folder.path().to_str().unwrap()]).is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_user_needs_a_password_and_a_password_is_never_printed() {
        let exit = asked(&["--user", "ann"]).unwrap_err();
        assert!(exit.message.contains("--password-env"), "{}", exit.message);

        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "s3cret\n").unwrap();
        let path = file.path().to_str().unwrap();
        let asked = asked(&["--user", "ann", "--password-file", path]).unwrap();
        let login = asked.config.login.as_ref().unwrap();
        assert_eq!(login.password.expose(), "s3cret");
        assert!(!format!("{asked:?}").contains("s3cret"));
    }

    #[test]
    fn a_folder_that_is_none_is_told_before_anything_begins() {
        let exit = asked(&["--save", "/nonexistent/folder"]).unwrap_err();
        assert_eq!(exit.status, ExitStatus::Recording);
        assert!(
            exit.message.contains("/nonexistent/folder"),
            "{}",
            exit.message
        );
    }

    #[test]
    fn a_certificate_that_cannot_be_read_is_named() {
        let exit = asked(&["--tls", "/no/cert.pem", "/no/key.pem"]).unwrap_err();
        assert_eq!(exit.status, ExitStatus::Usage);
        assert!(exit.message.contains("/no/cert.pem"), "{}", exit.message);
    }
}

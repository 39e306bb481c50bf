//! The `connect` command (RTMP 1.0, 7.2.1.1) with what Enhanced RTMP v2 adds to it, and what servers answer
//! to that.

use super::{PublishConfig, transaction, whole_number};
use crate::{amf0::Value, rtmp::message::Command};

/// The call that names the application.
pub(super) fn connect(config: &PublishConfig) -> Command {
    let server = &config.server;
    // Servers look for the login behind both.
    let login = config.login.as_ref();
    let login = login.map_or("", |login| login.query.expose());
    let tc_url = server.tc_url();
    let mut properties = vec![
        ("app", Value::from(format!("{}{login}", server.app))),
        ("type", Value::from("nonprivate")),
        ("flashVer", Value::from(FLASH_VERSION)),
        ("swfUrl", Value::from(tc_url.as_str())),
        ("tcUrl", Value::from(format!("{tc_url}{login}"))),
        ("objectEncoding", Value::Number(0.0)),
    ];
    if config.options.enhanced {
        properties.extend(enhanced());
    }
    Command {
        object: Value::object(properties),
        ..Command::new(
            "connect",
            transaction::CONNECT,
            config.options.connect_arguments.clone(),
        )
    }
}

/// What we know of Enhanced RTMP (v2, "Enhancing `NetConnection` connect Command"): no more than we do.
fn enhanced() -> [(&'static str, Value); 4] {
    let info = |codec| Value::object([(codec, Value::Number(f64::from(CAN_ENCODE | CAN_FORWARD)))]);
    [
        (
            "fourCcList",
            Value::StrictArray([AVC, AAC].map(Value::from).into()),
        ),
        ("videoFourCcInfoMap", info(AVC)),
        ("audioFourCcInfoMap", info(AAC)),
        (
            "capsEx",
            Value::Number(f64::from(Extension::Reconnect as u32)),
        ),
    ]
}

/// What a server says of itself in its answer to `connect` (Enhanced RTMP v2). Most say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerCapabilities {
    /// The codecs it lists, as `FourCC`; `*` means any.
    pub codecs: Vec<String>,
    /// What it does with which video codec.
    pub video: Vec<CodecSupport>,
    /// What it does with which audio codec.
    pub audio: Vec<CodecSupport>,
    extensions: u32,
}

/// What a server does with a codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecSupport {
    /// `FourCC`; `*` means any.
    pub codec: String,
    /// It decodes.
    pub decodes: bool,
    /// It encodes.
    pub encodes: bool,
    /// It passes on.
    pub forwards: bool,
}

/// Parts of Enhanced RTMP v2, with their bits in `capsEx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Extension {
    /// Asking a client to reconnect.
    Reconnect = 0x01,
    /// Several tracks in a stream.
    Multitrack = 0x02,
    /// Modifiers before a message's body.
    ModEx = 0x04,
    /// Timestamps to the nanosecond, as one of these modifiers.
    TimestampNanos = 0x08,
}

impl ServerCapabilities {
    /// Whether the server knows that part.
    #[must_use]
    pub const fn knows(&self, extension: Extension) -> bool {
        self.extensions & extension as u32 != 0
    }

    /// Reads the answer to `connect`: servers put it into one of its objects or the other.
    pub(super) fn read(result: &Command) -> Self {
        let objects = || [&result.object].into_iter().chain(&result.args);
        let find = |name| objects().find_map(|object| object.get(name));
        let codecs = match find("fourCcList") {
            Some(Value::StrictArray(codecs)) => codecs.as_slice(),
            _ => &[],
        };
        Self {
            codecs: codecs
                .iter()
                .filter_map(|codec| four_cc(codec.as_str()?))
                .take(MOST_CODECS)
                .collect(),
            video: support(find("videoFourCcInfoMap")),
            audio: support(find("audioFourCcInfoMap")),
            extensions: find("capsEx").and_then(whole_number).unwrap_or(0),
        }
    }
}

fn support(map: Option<&Value>) -> Vec<CodecSupport> {
    map.and_then(Value::properties)
        .unwrap_or_default()
        .iter()
        .filter_map(|(codec, bits)| {
            let bits = whole_number(bits)?;
            Some(CodecSupport {
                codec: four_cc(codec)?,
                decodes: bits & CAN_DECODE != 0,
                encodes: bits & CAN_ENCODE != 0,
                forwards: bits & CAN_FORWARD != 0,
            })
        })
        .take(MOST_CODECS)
        .collect()
}

/// `text` if it is a `FourCC`, or the `*` that stands for all.
fn four_cc(text: &str) -> Option<String> {
    let is_one =
        text == "*" || (text.len() == 4 && text.bytes().all(|b| (b' '..0x7F).contains(&b)));
    is_one.then(|| text.to_owned())
}

/// Begins as servers expect of an encoder; some look for "FMLE".
const FLASH_VERSION: &str = concat!(
    "FMLE/3.0 (compatible; Skywave/",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// H.264's `FourCC`.
const AVC: &str = "avc1";
/// AAC's `FourCC`.
const AAC: &str = "mp4a";

/// Bits of the info maps.
const CAN_DECODE: u32 = 0x01;
const CAN_ENCODE: u32 = 0x02;
const CAN_FORWARD: u32 = 0x04;

/// Codecs that a server may name; a dozen are defined.
const MOST_CODECS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(properties: Vec<(&str, Value)>) -> Value {
        Value::object(properties)
    }

    fn bits(number: f64) -> Value {
        named(vec![
            ("hvc1", Value::Number(number)),
            ("*", Value::from("4")),
        ])
    }

    #[test]
    fn a_servers_capabilities_are_read_from_either_object() {
        let said = || {
            named(vec![
                (
                    "fourCcList",
                    Value::StrictArray(vec!["avc1".into(), "*".into()]),
                ),
                ("videoFourCcInfoMap", bits(5.0)),
                ("capsEx", Value::Number(5.0)),
            ])
        };
        let in_object = Command {
            object: said(),
            ..Command::new("_result", 1.0, Vec::new())
        };
        let in_information = Command::new("_result", 1.0, vec![said()]);
        for result in [in_object, in_information] {
            let capabilities = ServerCapabilities::read(&result);
            assert_eq!(capabilities.codecs, ["avc1", "*"]);
            let [hevc, any] = &capabilities.video[..] else {
                panic!("{capabilities:?}");
            };
            assert_eq!(
                (
                    hevc.codec.as_str(),
                    hevc.decodes,
                    hevc.encodes,
                    hevc.forwards
                ),
                ("hvc1", true, false, true)
            );
            assert_eq!((any.codec.as_str(), any.forwards), ("*", true));
            assert_eq!(capabilities.audio, []);
            assert!(capabilities.knows(Extension::Reconnect));
            assert!(capabilities.knows(Extension::ModEx));
            assert!(!capabilities.knows(Extension::Multitrack));
        }
    }

    #[test]
    fn what_is_odd_or_endless_in_a_servers_capabilities_is_left_out() {
        let nonsense = Command::new(
            "_result",
            1.0,
            vec![named(vec![
                ("fourCcList", Value::from("avc1")),
                ("videoFourCcInfoMap", Value::Number(1.0)),
                (
                    "audioFourCcInfoMap",
                    named(vec![
                        ("too long", Value::Number(1.0)),
                        ("mp4a", Value::Null),
                    ]),
                ),
                ("capsEx", Value::Number(-1.0)),
            ])],
        );
        assert_eq!(
            ServerCapabilities::read(&nonsense),
            ServerCapabilities::default()
        );

        let many = Value::StrictArray(vec!["abcd".into(); 1000]);
        let endless = Command::new("_result", 1.0, vec![named(vec![("fourCcList", many)])]);
        assert_eq!(ServerCapabilities::read(&endless).codecs.len(), MOST_CODECS);
    }
}

//! What servers remark while the stream goes on.

/// The plain words for a status `code` (in small letters) that is a remark, if it is one.
#[must_use]
pub fn remark(code: &str) -> Option<&'static str> {
    let known = REMARKS.iter().find(|(known, _)| *known == code);
    known.map(|(_, words)| *words)
}

/// Codes of statuses that change nothing, and what they tell.
pub(super) const REMARKS: &[(&str, &str)] = &[
    (
        "netstream.publish.idle",
        "The server has received nothing for a while.",
    ),
    (
        "netstream.record.noaccess",
        "The server may not record the stream, which goes on.",
    ),
    (
        "netstream.record.failed",
        "The server cannot record the stream, which goes on.",
    ),
    (
        "netstream.record.diskquotaexceeded",
        "The server has no more room to record the stream, which goes on.",
    ),
    (
        "netstream.record.alreadyexists",
        "The server has a recording of that name and makes no other; the stream goes on.",
    ),
];

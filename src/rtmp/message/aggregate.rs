//! Aggregate messages: several in one, as players of Flash Media Server know them (section 7.1.6).
//!
//! They are laid out like the tags of an FLV file. Some relays send them; this program never does.

use bytes::{Buf, Bytes};

use super::{MessageError, RawMessage, type_id};

/// The messages within `aggregate`, in their order, their payloads shared with it.
///
/// The first one's time is the aggregate's; the others keep their distance to it. All belong to the
/// aggregate's message stream, whatever they say.
///
/// An error is the last item: what is cut off, or an aggregate within the aggregate.
pub fn parts(
    aggregate: &RawMessage,
) -> impl Iterator<Item = Result<RawMessage, MessageError>> + use<> {
    let outer = RawMessage {
        payload: Bytes::new(),
        ..aggregate.clone()
    };
    let mut rest = aggregate.payload.clone();
    let mut first_time = None;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let part = part(&mut rest, &outer, &mut first_time);
        if part.is_err() {
            rest = Bytes::new();
        }
        Some(part)
    })
}

fn part(
    rest: &mut Bytes,
    outer: &RawMessage,
    first_time: &mut Option<u32>,
) -> Result<RawMessage, MessageError> {
    let truncated = MessageError::Truncated {
        type_id: type_id::AGGREGATE,
    };
    // Type, length, time with its highest byte last; the message stream behind them is not looked at.
    let Some(&[type_id, l1, l2, l3, t2, t3, t4, t1, ..]) = rest.first_chunk::<HEADER_BYTES>()
    else {
        return Err(truncated);
    };
    if type_id == type_id::AGGREGATE {
        return Err(MessageError::Nested);
    }
    rest.advance(HEADER_BYTES);
    let length = u32::from_be_bytes([0, l1, l2, l3]) as usize;
    if length > rest.len() {
        return Err(truncated);
    }
    let payload = rest.split_to(length);
    // The size of the part, for reading backwards. The last one's may be missing.
    rest.advance(SIZE_BYTES.min(rest.len()));

    let time = u32::from_be_bytes([t1, t2, t3, t4]);
    let since_first = time.wrapping_sub(*first_time.get_or_insert(time));
    Ok(RawMessage {
        timestamp: outer.timestamp.wrapping_add(since_first),
        type_id,
        payload,
        ..*outer
    })
}

const HEADER_BYTES: usize = 11;
const SIZE_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn aggregate(payload: &[u8]) -> RawMessage {
        RawMessage {
            chunk_stream: 6,
            timestamp: 5000,
            type_id: type_id::AGGREGATE,
            stream_id: 1,
            payload: Bytes::copy_from_slice(payload),
        }
    }

    fn read(payload: &[u8]) -> Vec<Result<RawMessage, MessageError>> {
        parts(&aggregate(payload)).collect()
    }

    const TWO: [u8; 33] = hex!(
        "09 000002 FFFFF0 02 000007 1701 0000000D"
        "08 000001 000011 03 000000 AF 0000000C"
    );

    #[test]
    fn parts_keep_their_distance_from_the_first_which_is_at_the_aggregates_time() {
        let parts: Vec<_> = read(&TWO).into_iter().map(Result::unwrap).collect();
        let told: Vec<_> = parts
            .iter()
            .map(|part| (part.type_id, part.timestamp, &part.payload[..]))
            .collect();
        assert_eq!(
            told,
            [(9, 5000, &hex!("1701")[..]), (8, 5033, &hex!("AF")[..])]
        );
        assert!(parts.iter().all(|part| part.stream_id == 1));
    }

    #[test]
    fn an_aggregate_cut_off_anywhere_gives_what_is_whole_and_then_an_error() {
        for length in 0..TWO.len() {
            let parts = read(&TWO[..length]);
            let whole = match length {
                0..13 => 0,
                13..29 => 1,
                _ => 2,
            };
            assert_eq!(parts.iter().filter(|part| part.is_ok()).count(), whole);
            let ends = [0, 13, 14, 15, 16, 17, 29, 30, 31, 32].contains(&length);
            assert_eq!(parts.len(), whole + usize::from(!ends), "{length}");
        }
    }

    #[test]
    fn an_aggregate_within_an_aggregate_is_refused() {
        let nested = hex!("16 000000 000000 00 000000 0000000B");
        let parts = read(&[&nested[..], &TWO].concat());
        assert_eq!(parts, [Err(MessageError::Nested)]);
    }
}

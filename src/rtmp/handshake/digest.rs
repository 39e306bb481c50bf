//! Digests in the handshake's blocks: how Flash Player and Adobe's servers told each other apart from others.
//!
//! No specification describes this; the layouts and keys are those that all programs with this handshake
//! share. They prove nothing: the keys are known to everybody.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::BLOCK_BYTES;

/// C1, C2, S1 or S2.
pub(super) type Block = [u8; BLOCK_BYTES];

/// An HMAC-SHA256.
pub(super) type Digest = [u8; DIGEST_BYTES];

/// Who made a digest, which decides about its key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Maker {
    /// A publisher or player.
    Client,
    /// A server.
    Server,
}

impl Maker {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Client => b"Genuine Adobe Flash Player 001",
            Self::Server => b"Genuine Adobe Flash Media Server 001",
        }
    }
}

/// In which half of a block its digest stands; the other half is for a key that only encryption uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// In the first half.
    DigestFirst,
    /// In the second half.
    DigestSecond,
}

impl Layout {
    /// Where the digest of `block` stands: the sum of four bytes of its half says so.
    fn digest_at(self, block: &Block) -> usize {
        let half = match self {
            Self::DigestFirst => HEAD_BYTES,
            Self::DigestSecond => HEAD_BYTES + HALF_BYTES,
        };
        let sum: usize = block[half..half + OFFSET_BYTES]
            .iter()
            .map(|&byte| usize::from(byte))
            .sum();
        half + OFFSET_BYTES + sum % (HALF_BYTES - OFFSET_BYTES - DIGEST_BYTES)
    }
}

/// Puts the digest of a C1 or S1 where it belongs, and gives it. What stood there is overwritten.
pub(super) fn sign(block: &mut Block, maker: Maker, layout: Layout) -> Digest {
    let at = layout.digest_at(block);
    let digest = digest_around(block, maker, at);
    block[at..at + DIGEST_BYTES].copy_from_slice(&digest);
    digest
}

/// The digest of a C1 or S1, if it has one of `maker`, and where it stands.
pub(super) fn find(block: &Block, maker: Maker) -> Option<(Layout, Digest)> {
    if block[4..HEAD_BYTES] == [0; 4] {
        return None; // the simple form
    }
    [Layout::DigestFirst, Layout::DigestSecond]
        .into_iter()
        .find_map(|layout| {
            let at = layout.digest_at(block);
            let digest = digest_around(block, maker, at);
            (block[at..at + DIGEST_BYTES] == digest).then_some((layout, digest))
        })
}

/// Puts into the end of a C2 or S2 what answers the other side's digest. What stood there is overwritten.
pub(super) fn answer(block: &mut Block, maker: Maker, peer: &Digest) {
    let key = hmac(&[maker.name(), &KEY_TAIL].concat(), &[peer]);
    let (told, answer) = block.split_at_mut(BLOCK_BYTES - DIGEST_BYTES);
    answer.copy_from_slice(&hmac(&key, &[told]));
}

/// The digest over all of a block but the digest's own place.
fn digest_around(block: &Block, maker: Maker, at: usize) -> Digest {
    hmac(maker.name(), &[&block[..at], &block[at + DIGEST_BYTES..]])
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Digest {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Time and version, before the two halves of a block.
const HEAD_BYTES: usize = 8;
/// Each half of what follows.
const HALF_BYTES: usize = (BLOCK_BYTES - HEAD_BYTES) / 2;
/// What the place of a digest is computed from.
const OFFSET_BYTES: usize = 4;
const DIGEST_BYTES: usize = 32;

/// What both names are followed by in the keys of answers.
const KEY_TAIL: [u8; 32] = [
    0xF0, 0xEE, 0xC2, 0x4A, 0x80, 0x68, 0xBE, 0xE8, 0x2E, 0x00, 0xD0, 0xD1, 0x02, 0x9E, 0x7E, 0x57,
    0x6E, 0xEC, 0x5D, 0x2D, 0x29, 0x80, 0x6F, 0xAB, 0x93, 0xB8, 0xE6, 0x36, 0xCF, 0xEB, 0x31, 0xAE,
];

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;

    fn block(version: [u8; 4], fill: u8) -> Block {
        let mut block = [fill; BLOCK_BYTES];
        block[..4].fill(0);
        block[4..8].copy_from_slice(&version);
        block
    }

    #[test]
    fn the_known_digest_of_an_empty_block_is_computed() {
        let mut block = block(hex!("0C000D0E"), 0);
        let digest = sign(&mut block, Maker::Client, Layout::DigestFirst);
        assert_eq!(
            digest,
            hex!("9ae0e59f4238fbd7815ea17e45e5b39eef22e8ba4a988ec91cd415df2036e734")
        );
        assert_eq!(block[12..44], digest);
        assert_eq!(
            find(&block, Maker::Client),
            Some((Layout::DigestFirst, digest))
        );
    }

    #[test]
    fn a_digest_is_found_in_either_half_wherever_the_sum_puts_it() {
        for layout in [Layout::DigestFirst, Layout::DigestSecond] {
            for maker in [Maker::Client, Maker::Server] {
                for fill in [0, 1, 100, 181, 182, 255] {
                    let mut block = block([9, 0, 124, 2], fill);
                    let digest = sign(&mut block, maker, layout);
                    assert_eq!(find(&block, maker), Some((layout, digest)), "{fill}");
                }
            }
        }
    }

    #[test]
    fn a_block_without_version_or_with_a_wrong_byte_or_of_the_other_side_has_no_digest() {
        let mut signed = block([9, 0, 124, 2], 7);
        sign(&mut signed, Maker::Client, Layout::DigestSecond);
        assert_eq!(find(&signed, Maker::Server), None);

        let mut touched = signed;
        touched[1535] ^= 1;
        assert_eq!(find(&touched, Maker::Client), None);

        let mut simple = block([0; 4], 7);
        sign(&mut simple, Maker::Client, Layout::DigestFirst);
        assert_eq!(find(&simple, Maker::Client), None);
    }
}

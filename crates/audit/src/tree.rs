//! The Merkle tree of RFC 6962 over the leaves, kept as a list of stored hashes that only grows.
//! After each leaf, the hashes of all subtrees that it completes are appended; proofs read a few of them.

use model::{Digest, sha256};

/// RFC 6962, section 2.1: `SHA-256(0x00 || leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    sha256(&[&[0], leaf])
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    sha256(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The place, among the stored hashes, of the complete subtree number `n` of height `level`.
#[must_use]
pub fn stored_index(level: u32, n: u64) -> u64 {
    // The subtree is stored right behind its last leaf's own run of completed subtrees.
    let last_leaf = ((n + 1) << level) - 1;
    stored_count(last_leaf) + u64::from(level)
}

/// How many hashes are stored for a tree of `size` leaves: each leaf, and each complete subtree.
#[must_use]
pub fn stored_count(size: u64) -> u64 {
    // A binary counter that reached `size` has carried `size - ones(size)` times; each carry completes a subtree.
    2 * size - u64::from(size.count_ones())
}

/// Grows the tree: keeps the roots of the complete subtrees, largest first.
#[derive(Debug, Clone, Default)]
pub struct Appender {
    size: u64,
    peaks: Vec<Digest>,
}

impl Appender {
    /// Continues a tree of `size` leaves from its stored hashes.
    ///
    /// # Errors
    /// If a hash cannot be read.
    pub fn resume(size: u64, read: &mut HashReader<'_>) -> Result<Self, MissingHash> {
        let mut peaks = Vec::new();
        let mut start = 0;
        for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(read(stored_index(level, start >> level))?);
            start += 1 << level;
        }
        Ok(Self { size, peaks })
    }

    /// Adds a leaf's hash; returns the hashes to append to the stored ones.
    pub fn append(&mut self, leaf: Digest) -> Vec<Digest> {
        let mut stored = vec![leaf];
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
                stored.push(hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
        stored
    }

    /// Leaves so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root over the leaves so far.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return sha256(&[]) };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// Reads the stored hash at an index.
pub type HashReader<'a> = dyn FnMut(u64) -> Result<Digest, MissingHash> + 'a;

/// A stored hash could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored hash number {0} cannot be read")]
pub struct MissingHash(pub u64);

/// The root of the first `size` leaves.
///
/// # Errors
/// If a hash cannot be read.
pub fn root_of(size: u64, read: &mut HashReader<'_>) -> Result<Digest, MissingHash> {
    Ok(Appender::resume(size, read)?.root())
}

/// The audit path of leaf `index` in the tree of `size` leaves (RFC 6962, section 2.1.1), or `None` if there is no such leaf.
///
/// # Errors
/// If a hash cannot be read.
pub fn inclusion_proof(index: u64, size: u64, read: &mut HashReader<'_>) -> Result<Option<Vec<Digest>>, MissingHash> {
    if index >= size {
        return Ok(None);
    }
    let mut proof = Vec::new();
    let (mut low, mut high) = (0, size);
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            proof.push(range_hash(middle, high, read)?);
            high = middle;
        } else {
            proof.push(range_hash(low, middle, read)?);
            low = middle;
        }
    }
    proof.reverse();
    Ok(Some(proof))
}

/// The proof that the tree of `old` leaves is a prefix of that of `new` (RFC 6962, section 2.1.2), or `None` if `old > new`.
/// Empty when `old` is 0 or equals `new`.
///
/// # Errors
/// If a hash cannot be read.
pub fn consistency_proof(old: u64, new: u64, read: &mut HashReader<'_>) -> Result<Option<Vec<Digest>>, MissingHash> {
    if old > new {
        return Ok(None);
    }
    let mut proof = Vec::new();
    let (mut low, mut high) = (0, new);
    if old == 0 || old == new {
        return Ok(Some(proof));
    }
    while old != high {
        let middle = low + split(high - low);
        if old <= middle {
            proof.push(range_hash(middle, high, read)?);
            high = middle;
        } else {
            proof.push(range_hash(low, middle, read)?);
            low = middle;
        }
    }
    if low != 0 {
        proof.push(range_hash(low, high, read)?);
    }
    proof.reverse();
    Ok(Some(proof))
}

/// The largest power of two below `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (u64::BITS - 1 - (size - 1).leading_zeros())
}

/// The hash over leaves `low..high`, where `low` is a multiple of the smallest power of two that is at least `high - low`.
fn range_hash(low: u64, high: u64, read: &mut HashReader<'_>) -> Result<Digest, MissingHash> {
    let size = high - low;
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return read(stored_index(level, low >> level));
    }
    let middle = low + split(size);
    let left = range_hash(low, middle, read)?;
    Ok(node_hash(&left, &range_hash(middle, high, read)?))
}

/// Checks an audit path (RFC 9162, section 2.1.3.2).
#[must_use]
pub fn verify_inclusion(leaf: &Digest, index: u64, size: u64, proof: &[Digest], root: &Digest) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Checks a consistency proof (RFC 9162, section 2.1.4.2).
#[must_use]
pub fn verify_consistency(old: (u64, &Digest), new: (u64, &Digest), proof: &[Digest]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size == new_size {
        return proof.is_empty() && old_size <= new_size && (old_size == 0 || old_root == new_root);
    }
    if old_size > new_size {
        return false;
    }
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let mut path = proof.iter();
    let start = if old_size.is_power_of_two() { Some(old_root) } else { path.next() };
    let Some(start) = start else { return false };
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

#[cfg(test)]
mod tests;

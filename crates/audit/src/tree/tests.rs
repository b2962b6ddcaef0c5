//! Our tree against a naive one written straight from RFC 6962, section 2.1, for every pair of sizes up to 70.

use super::*;

/// The definition: MTH over the whole list, every time.
fn naive_root(leaves: &[Vec<u8>]) -> Digest {
    match leaves {
        [] => sha256(&[]),
        [leaf] => leaf_hash(leaf),
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            node_hash(&naive_root(&leaves[..k]), &naive_root(&leaves[k..]))
        }
    }
}

fn naive_path(m: usize, leaves: &[Vec<u8>]) -> Vec<Digest> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    let (mut path, sibling) = if m < k {
        (naive_path(m, &leaves[..k]), naive_root(&leaves[k..]))
    } else {
        (naive_path(m - k, &leaves[k..]), naive_root(&leaves[..k]))
    };
    path.push(sibling);
    path
}

fn naive_consistency(m: usize, leaves: &[Vec<u8>], whole: bool) -> Vec<Digest> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let mut k = 1;
    while k * 2 < leaves.len() {
        k *= 2;
    }
    let (mut path, sibling) = if m <= k {
        (naive_consistency(m, &leaves[..k], whole), naive_root(&leaves[k..]))
    } else {
        (naive_consistency(m - k, &leaves[k..], false), naive_root(&leaves[..k]))
    };
    path.push(sibling);
    path
}

fn grown(size: usize) -> (Vec<Vec<u8>>, Vec<Digest>, Vec<Digest>) {
    let leaves: Vec<Vec<u8>> = (0..size).map(|n| format!("leaf {n}").into_bytes()).collect();
    let (mut tree, mut stored, mut roots) = (Appender::default(), Vec::new(), vec![sha256(&[])]);
    for leaf in &leaves {
        stored.extend(tree.append(leaf_hash(leaf)));
        roots.push(tree.root());
    }
    (leaves, stored, roots)
}

#[test]
fn every_root_and_proof_equals_the_naive_one_and_verifies() {
    let (leaves, stored, roots) = grown(70);
    let mut read = |at: u64| stored.get(at as usize).copied().ok_or(MissingHash(at));
    for size in 0..=70_usize {
        assert_eq!(roots[size], naive_root(&leaves[..size]), "root of {size}");
        assert_eq!(root_of(size as u64, &mut read).unwrap(), roots[size]);
        for index in 0..size {
            let proof = inclusion_proof(index as u64, size as u64, &mut read).unwrap().unwrap();
            assert_eq!(proof, naive_path(index, &leaves[..size]), "path of {index} in {size}");
            assert!(verify_inclusion(&leaf_hash(&leaves[index]), index as u64, size as u64, &proof, &roots[size]));
        }
        for old in 1..=size {
            let proof = consistency_proof(old as u64, size as u64, &mut read).unwrap().unwrap();
            assert_eq!(proof, naive_consistency(old, &leaves[..size], true), "consistency of {old} in {size}");
            assert!(verify_consistency((old as u64, &roots[old]), (size as u64, &roots[size]), &proof));
        }
    }
}

#[test]
fn stored_places_are_dense_and_in_order() {
    let (_, stored, _) = grown(64);
    for size in 0..=64_u64 {
        let (_, prefix, _) = grown(size as usize);
        assert_eq!(stored_count(size), prefix.len() as u64);
    }
    assert_eq!(stored_index(6, 0), stored.len() as u64 - 1);
}

#[test]
fn a_proof_for_something_else_does_not_verify() {
    let (leaves, stored, roots) = grown(37);
    let mut read = |at: u64| stored.get(at as usize).copied().ok_or(MissingHash(at));
    let proof = inclusion_proof(11, 37, &mut read).unwrap().unwrap();
    let leaf = leaf_hash(&leaves[11]);
    assert!(!verify_inclusion(&leaf, 12, 37, &proof, &roots[37]));
    assert!(!verify_inclusion(&leaf, 11, 30, &proof, &roots[37]));
    assert!(!verify_inclusion(&leaf, 11, 37, &proof[1..], &roots[37]));
    assert!(!verify_inclusion(&leaf_hash(b"forged"), 11, 37, &proof, &roots[37]));
    let proof = consistency_proof(20, 37, &mut read).unwrap().unwrap();
    assert!(!verify_consistency((20, &roots[19]), (37, &roots[37]), &proof));
    assert!(!verify_consistency((20, &roots[20]), (37, &roots[36]), &proof));
    assert!(!verify_consistency((37, &roots[37]), (20, &roots[20]), &proof));
}

#[test]
fn an_appender_resumes_where_it_stopped() {
    let (leaves, stored, roots) = grown(70);
    let mut read = |at: u64| stored.get(at as usize).copied().ok_or(MissingHash(at));
    for size in 0..70_usize {
        let mut tree = Appender::resume(size as u64, &mut read).unwrap();
        let added = tree.append(leaf_hash(&leaves[size]));
        assert_eq!(tree.root(), roots[size + 1]);
        assert_eq!(added, stored[stored_count(size as u64) as usize..stored_count(size as u64 + 1) as usize]);
    }
}

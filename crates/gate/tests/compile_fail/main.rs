//! What must not compile (invariant 1): forging, copying or double-spending a clearance or a proof of a record.
//! Each case under `tests/fail/` tries one thing; the message beside it says that it fails for the right reason.

#[test]
fn clearances_and_proofs_are_neither_forged_nor_copied_nor_spent_twice() {
    trybuild::TestCases::new().compile_fail("tests/fail/*.rs");
}

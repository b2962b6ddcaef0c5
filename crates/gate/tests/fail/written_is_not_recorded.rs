//! A record that only the kernel has is no proof that it is durable.

fn finish(passage: &mut gate::Passage, written: audit::Written, epoch: gate::Epoch, now: model::Timestamp) {
    passage.handle_recorded(&written, epoch);
}

fn main() {}

//! The memory of a running process, as the kernel counts it.

use std::fs;

/// What a process has in memory. Sizes are in KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// What it has now, shared pages among it.
    pub resident: u64,
    /// The most that it had since it began, or since its peak was forgotten.
    pub peak: u64,
}

impl Memory {
    /// Of the process with this number, which must run.
    pub fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
        let size = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let size = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok());
            size.unwrap_or_else(|| panic!("`/proc/{process}/status` does not tell {name}: {status}"))
        };
        Self { resident: size("VmRSS:"), peak: size("VmHWM:") }
    }

    /// The same, and from now on the peak is that from now on.
    pub fn of_now(process: u32) -> Self {
        // A kernel that does not let us leaves the peak of all its life, which is no less.
        fs::write(format!("/proc/{process}/clear_refs"), "5").unwrap_or_default();
        Self::of(process)
    }
}

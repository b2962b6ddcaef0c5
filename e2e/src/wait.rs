//! Waiting on conditions: ask often, give up at a limit, say what was waited for.

use std::time::{Duration, Instant};

/// Asks until there is an answer. Fails after a limit, naming what was waited for.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < LIMIT, "waited {LIMIT:?} in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Longer than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

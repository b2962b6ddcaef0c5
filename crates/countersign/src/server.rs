//! The HTTP server: HTTP/1.1 on one listener, with a limit on how many connections there are and on how long a request's
//! head may take. Ends, with all its connections, when it is dropped.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, router: Router) {
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    // Above the limit nobody is turned away: they wait in the listener's own queue.
    while let Ok(permit) = Arc::clone(&free).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Such as too many open files: others end meanwhile.
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let router = router.clone();
        connections.spawn(async move {
            let _permit = permit;
            converse(stream, router).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, router: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let service = TowerToHyperService::new(router);
    let conversation = http.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = conversation.await {
        tracing::debug!(%error, "a connection ended");
    }
}

/// Connections at a time; a caller that waits for a review holds one.
const CONNECTIONS: usize = 10_000;
/// The longest that a request's head may take to come, and a connection may stay without a request.
const HEAD: Duration = Duration::from_secs(30);
/// Before connections are taken again, after one could not be.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::{Instant, timeout};

    use super::*;

    /// The clock stands still but for whoever sleeps: no second is waited for.
    #[tokio::test(start_paused = true)]
    async fn a_head_that_does_not_end_is_cut_off() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Router::new()));
        stream.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
        let (begun, mut told) = (Instant::now(), Vec::new());
        let ended = timeout(2 * HEAD, stream.read_to_end(&mut told)).await;
        assert!(ended.is_ok() && begun.elapsed() >= HEAD, "after {:?}: {ended:?}", begun.elapsed());
    }
}

//! The server: connections, time limits, and which file or answer a request gets.

use super::guard::{Hosts, Refusal, check_is_opened, only, protect};
use super::sessions::{Denied, Sessions};
use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use chainrule_play::{page, protocol::Own, refused};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{sleep, timeout};

/// The most connections at a time; more wait.
const MOST_CONNECTIONS: usize = 32;

/// The most bytes of a request.
const MOST_BYTES: usize = 256 * 1024;

/// How long a request's head, and then its body, may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection may last; what is under way then gets [`PATIENCE`] to end.
const LIFETIME: Duration = Duration::from_secs(600);

/// Threads that compute answers.
const WORKERS: usize = 4;

/// The header with the page's token.
const TOKEN: HeaderName = HeaderName::from_static("x-chainrule-page");

/// What handlers share.
#[derive(Clone)]
struct Shared {
    hosts: Hosts,
    sessions: Arc<Sessions>,
}

/// Listens for Ctrl-C, from now on.
pub(crate) fn stop() -> Result<Arc<Notify>> {
    let stop = Arc::new(Notify::new());
    let stopper = stop.clone();
    ctrlc::set_handler(move || stopper.notify_one()).context("Ctrl-C cannot be listened for")?;
    Ok(stop)
}

/// Serves until it is stopped.
pub(crate) fn serve(listener: TcpListener, own: Option<Own>, stop: &Notify) -> Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(WORKERS).build()?;
    let served = runtime.block_on(async {
        tokio::select! {
            failed = accept(listener, own) => failed,
            () = stop.notified() => Ok(()),
        }
    });
    // An answer that is still computed is waited for no longer.
    runtime.shutdown_background();
    served
}

async fn accept(listener: TcpListener, own: Option<Own>) -> Result<()> {
    let hosts = Hosts::new(listener.local_addr()?.port());
    let router = router(Shared { hosts, sessions: Arc::new(Sessions::new(own)) });
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let free = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let permit = free.clone().acquire_owned().await?;
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    converse(stream, router).await;
                    drop(permit);
                });
            }
            // The other side was gone already, or the system has no more files to give: later it has.
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers the requests of one connection. Whoever breaks it off is not told about.
async fn converse(stream: TcpStream, router: Router) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(16 * 1024);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    if timeout(LIFETIME, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        let _ = timeout(PATIENCE, connection).await;
    }
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/index.html", get(index))
        .route("/{file}", get(file))
        .route("/api", post(api))
        .layer(from_fn_with_state(shared.clone(), guarded))
        .with_state(shared)
}

/// Lets only requests to this computer through, and protects every answer.
async fn guarded(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let named = shared.hosts.check(request.headers()).map(|_| ());
    // A proxy is asked by a whole address; this is none.
    let is_proxied = request.uri().authority().is_some();
    let mut response = match named {
        Ok(()) if is_proxied => (StatusCode::BAD_REQUEST, "ask by the path alone").into_response(),
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    };
    protect(response.headers_mut());
    response
}

/// The page, with a token of its own.
async fn index(State(shared): State<Shared>, request: Request) -> Result<Response, Refusal> {
    const MISSING: Refusal = (StatusCode::NOT_FOUND, "this program was built without its page");
    check_is_opened(request.headers())?;
    let (content, kind) = page::file("index.html").ok_or(MISSING)?;
    let page = std::str::from_utf8(content).map_err(|_| MISSING)?;
    let token = shared.sessions.begin().map_err(refusal)?;
    let with_token = page.replacen("<head>", &format!("<head>\n<meta name=\"chainrule-page\" content=\"{token}\">"), 1);
    Ok(([(header::CONTENT_TYPE, kind)], with_token).into_response())
}

/// A file of the page, by its whole name: there is no other way to one.
async fn file(Path(name): Path<String>) -> Result<Response, Refusal> {
    let (content, kind) = page::file(&name).ok_or((StatusCode::NOT_FOUND, "there is no such file"))?;
    Ok(([(header::CONTENT_TYPE, kind)], content).into_response())
}

/// An answer of the engine, or a refusal in the same form.
async fn api(State(shared): State<Shared>, request: Request) -> Response {
    let (status, answer) = match answered(&shared, request).await {
        Ok(answer) => (StatusCode::OK, answer),
        Err((status, message)) => (status, refused(message)),
    };
    (status, [(header::CONTENT_TYPE, "application/json")], answer).into_response()
}

async fn answered(shared: &Shared, request: Request) -> Result<String, Refusal> {
    let (head, body) = request.into_parts();
    shared.hosts.check_page(&head.headers)?;
    let token = only(&head.headers, &TOKEN).unwrap_or_default().to_owned();
    let playground = shared.sessions.get(&token).map_err(refusal)?;
    let bytes = received(body, only(&head.headers, &header::CONTENT_LENGTH)).await?;
    let text = String::from_utf8(bytes.into()).map_err(|_| (StatusCode::BAD_REQUEST, "the request is no UTF-8"))?;
    let computed =
        tokio::task::spawn_blocking(move || playground.lock().unwrap_or_else(PoisonError::into_inner).answer(&text));
    computed.await.map_err(|_| {
        shared.sessions.end(&token);
        (StatusCode::INTERNAL_SERVER_ERROR, "the engine failed: load the page again")
    })
}

/// The bytes of a request, if they are not too many and not too slow.
async fn received(body: Body, announced: Option<&str>) -> Result<Bytes, Refusal> {
    const TOO_LARGE: Refusal = (StatusCode::PAYLOAD_TOO_LARGE, "a request has at most 256 KiB");
    if announced.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > MOST_BYTES as u64) {
        return Err(TOO_LARGE);
    }
    match timeout(PATIENCE, to_bytes(body, MOST_BYTES)).await {
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the request took too long")),
        Ok(Ok(bytes)) => Ok(bytes),
        // What was not announced and is too large is cut off here; so is what breaks off.
        Ok(Err(_)) => Err(TOO_LARGE),
    }
}

fn refusal(denied: Denied) -> Refusal {
    match denied {
        Denied::Unknown => (StatusCode::UNAUTHORIZED, "the page is not known any more: load it again"),
        Denied::TooOften => (StatusCode::TOO_MANY_REQUESTS, "too many requests: wait a second"),
    }
}

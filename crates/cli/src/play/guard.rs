//! Who may ask, and what browsers are told about the answers.
//!
//! The page is served to this computer alone, but any page in the user's browser can send requests to it. A name that
//! another site points at 127.0.0.1 shows in Host; another site's scripts show in Origin, and cannot read the page's
//! token; another site's frames and pictures show in Sec-Fetch-Dest.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// What every answer carries.
const HEADERS: [(HeaderName, &str); 9] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-embedder-policy"), "require-corp"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Adds what every answer carries.
pub(crate) fn protect(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A refusal with its reason.
pub(crate) type Refusal = (StatusCode, &'static str);

/// The names under which the page is reached.
#[derive(Clone, Debug)]
pub(crate) struct Hosts([String; 2]);

impl Hosts {
    /// Those of a port of this computer. Browsers leave the usual port out.
    pub(crate) fn new(port: u16) -> Self {
        let ending = if port == 80 { String::new() } else { format!(":{port}") };
        Self(["127.0.0.1", "localhost"].map(|name| format!("{name}{ending}")))
    }

    /// Refuses a request that came by another name: one that somebody else points at this computer.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<&str, Refusal> {
        let host = only(headers, &header::HOST).unwrap_or_default();
        let known = self.0.iter().find(|known| *known == host);
        known.map(String::as_str).ok_or((StatusCode::FORBIDDEN, "this page has no such name (Host)"))
    }

    /// Refuses a request by a page that is not ours.
    pub(crate) fn check_page(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let host = self.check(headers)?;
        let origin = only(headers, &header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        if origin != Some(host) {
            return Err((StatusCode::FORBIDDEN, "only the page itself may ask (Origin)"));
        }
        if only(headers, &header::CONTENT_TYPE) != Some("application/json") {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "requests are application/json"));
        }
        Ok(())
    }
}

/// Refuses to be part of another page: a frame or a picture of it.
pub(crate) fn check_is_opened(headers: &HeaderMap) -> Result<(), Refusal> {
    match headers.get("sec-fetch-dest") {
        Some(wanted) if wanted != "document" => Err((StatusCode::FORBIDDEN, "the page is no part of another")),
        _ => Ok(()),
    }
}

/// A header that is there once.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

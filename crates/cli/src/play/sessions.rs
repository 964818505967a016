//! Who is served: one playground for each load of the page, not too many, and not too often.

use chainrule_play::Playground;
use chainrule_play::protocol::Own;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The most pages at a time; the one that has asked nothing for longest makes room.
const MOST_SESSIONS: usize = 16;

/// Requests of a page: so many a second, and so many at once after a pause.
const PAGE_RATE: f64 = 240.0;
const PAGE_BURST: f64 = 480.0;

/// Loads of the page: so many a second, and so many at once.
const LOAD_RATE: f64 = 4.0;
const LOAD_BURST: f64 = 40.0;

/// Lets so much through a second, and so much at once after a pause.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    burst: f64,
    left: f64,
    at: Instant,
}

impl Bucket {
    fn new(rate: f64, burst: f64) -> Self {
        Self { rate, burst, left: burst, at: Instant::now() }
    }

    /// Whether one more goes through now.
    fn take(&mut self) -> bool {
        let now = Instant::now();
        let passed = now.duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * self.rate).min(self.burst);
        self.at = now;
        let fits = self.left >= 1.0;
        if fits {
            self.left -= 1.0;
        }
        fits
    }
}

/// A page that was loaded.
struct Session {
    token: String,
    bucket: Bucket,
    used: Instant,
    playground: Arc<Mutex<Playground>>,
}

/// All pages that were loaded.
pub(crate) struct Sessions {
    own: Option<Own>,
    open: Mutex<(Bucket, Vec<Session>)>,
}

/// Why a page gets no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It was not loaded from here, or so many were since that it was forgotten.
    Unknown,
    /// It asks too often.
    TooOften,
}

impl Sessions {
    pub(crate) fn new(own: Option<Own>) -> Self {
        Self { own, open: Mutex::new((Bucket::new(LOAD_RATE, LOAD_BURST), Vec::new())) }
    }

    fn lock(&self) -> MutexGuard<'_, (Bucket, Vec<Session>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new page: its token.
    pub(crate) fn begin(&self) -> Result<String, Denied> {
        let mut open = self.lock();
        let (bucket, sessions) = &mut *open;
        if !bucket.take() {
            return Err(Denied::TooOften);
        }
        if sessions.len() >= MOST_SESSIONS {
            let oldest = sessions.iter().enumerate().min_by_key(|(_, session)| session.used);
            if let Some((position, _)) = oldest {
                sessions.swap_remove(position);
            }
        }
        let token = token();
        let playground = Playground::new(milliseconds).with_own(self.own.clone());
        sessions.push(Session {
            token: token.clone(),
            bucket: Bucket::new(PAGE_RATE, PAGE_BURST),
            used: Instant::now(),
            playground: Arc::new(Mutex::new(playground)),
        });
        Ok(token)
    }

    /// The playground of a page.
    pub(crate) fn get(&self, token: &str) -> Result<Arc<Mutex<Playground>>, Denied> {
        let mut open = self.lock();
        let session = open.1.iter_mut().find(|session| session.token == token).ok_or(Denied::Unknown)?;
        session.used = Instant::now();
        if session.bucket.take() { Ok(session.playground.clone()) } else { Err(Denied::TooOften) }
    }

    /// Forgets a page whose playground is broken.
    pub(crate) fn end(&self, token: &str) {
        self.lock().1.retain(|session| session.token != token);
    }
}

/// 128 bits that nobody can guess, in hexadecimal.
fn token() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Milliseconds since the first call.
fn milliseconds() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed().as_secs_f64() * 1e3
}

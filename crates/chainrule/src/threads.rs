//! How many threads work.

use crate::error::Error;

/// Runs `work` with this many threads (0: one a core). The result does not depend on the number.
///
/// # Errors
/// Threads that the system refuses to start.
pub fn with_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> Result<R, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    match pool {
        Ok(pool) => Ok(pool.install(work)),
        Err(error) => Err(Error::Settings(vec![format!("{threads} threads cannot be started: {error}")])),
    }
}

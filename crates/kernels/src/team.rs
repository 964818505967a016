//! A team of threads that share the pieces of one job.
//!
//! A training step has regions of a few microseconds, so handing out work must cost less than one: helpers spin for a
//! while after each region before they sleep, pieces are claimed one by one, and a helper that comes late (or not at all)
//! is not waited for. What a piece computes must not depend on who computes it; then a region may run on
//! any number of threads, or on one if another region is under way, with the same result.
#![expect(unsafe_code, reason = "a region borrows from its caller's stack, which threads that live on cannot express")]

use std::cell::{Cell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, TryLockError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long a helper looks for the next region before it sleeps: longer than the serial parts of a training step.
const SPIN: Duration = Duration::from_micros(100);

/// The most threads of a team.
const MOST: usize = 64;

/// Up to so many pieces, each worker begins with its own (numbers that leave the worker's number when divided by their
/// count): the same part of a matrix then stays in the same core's cache from one region to the next.
const OWNED: usize = 64;

/// A piece is done by calling this with the worker (0 is the caller of the region) and the number of the piece.
type Work<'a> = dyn Fn(usize, usize) + Sync + 'a;

thread_local! {
    static LIMIT: Cell<usize> = const { Cell::new(0) };
}

/// How many threads regions of this thread may use: what [`with_threads`] says, else one a core.
pub fn threads() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    match LIMIT.get() {
        0 => *CORES.get_or_init(|| thread::available_parallelism().map_or(1, usize::from).min(MOST)),
        limit => limit,
    }
}

/// Runs `work` with regions of at most `threads` threads (0: one a core; more than 64 count as 64).
pub fn with_threads<R>(threads: usize, work: impl FnOnce() -> R) -> R {
    struct Restore(usize);
    impl Drop for Restore {
        fn drop(&mut self) {
            LIMIT.set(self.0);
        }
    }
    let _restore = Restore(LIMIT.replace(threads.min(MOST)));
    work()
}

/// Calls `work(worker, piece)` once for each piece below `pieces`, on at most `workers` threads; workers are numbered
/// from 0. A worker begins with the same
/// pieces each time where it can, but which worker gets which piece is left to chance.
///
/// # Panics
/// If `work` panics.
pub fn for_each(pieces: usize, workers: usize, work: &Work<'_>) {
    let workers = workers.min(threads()).min(pieces);
    if workers > 1
        && let Some(region) = Region::open(pieces, workers, work)
    {
        region.claim_pieces(0);
        return region.close();
    }
    (0..pieces).for_each(|piece| work(0, piece));
}

/// Calls `work(worker, number, chunk)` for every chunk of `size` elements of `data`, as [`for_each`] does.
pub fn for_each_chunk<T: Send>(
    data: &mut [T],
    size: usize,
    workers: usize,
    work: &(dyn Fn(usize, usize, &mut [T]) + Sync),
) {
    let (len, data) = (data.len(), Shared(data.as_mut_ptr()));
    for_each(len.div_ceil(size), workers, &|worker, number| {
        let from = number * size;
        // SAFETY: the chunk lies in `data`, which is borrowed for all of `for_each`, and each number is claimed once.
        let chunk = unsafe { std::slice::from_raw_parts_mut(data.at(from), size.min(len - from)) };
        work(worker, number, chunk);
    });
}

/// Calls `work(number, chunk of a, chunk of b)` for every chunk of `a`, as [`for_each`] does: `size_a` elements of
/// `a` and `size_b` of `b`, which has at least as many chunks.
///
/// # Panics
/// If `b` has fewer chunks, or `work` panics.
pub fn for_each_pair<T: Send>(
    a: &mut [T],
    size_a: usize,
    b: &mut [T],
    size_b: usize,
    work: impl Fn(usize, &mut [T], &mut [T]) + Sync,
) {
    let pieces = a.len().div_ceil(size_a.max(1));
    let b = &mut b[..pieces * size_b];
    let (len, a, b) = (a.len(), Shared(a.as_mut_ptr()), Shared(b.as_mut_ptr()));
    for_each(pieces, usize::MAX, &|_, number| {
        let from = number * size_a;
        // SAFETY: the chunks lie in `a` and `b`, which are borrowed for all of `for_each`, and each number is claimed once.
        let (a, b) = unsafe {
            let a = std::slice::from_raw_parts_mut(a.at(from), size_a.min(len - from));
            (a, std::slice::from_raw_parts_mut(b.at(number * size_b), size_b))
        };
        work(number, a, b);
    });
}

/// A pointer that may go to other threads. Whoever uses it must keep the pieces apart.
pub(crate) struct Shared<T>(pub(crate) *mut T);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Shared<T> {}

// SAFETY: a pointer alone does nothing; each use states why its piece is not another's.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// The address of the element at `index`.
    ///
    /// # Safety
    /// The element (or the end after the last) must be in the allocation.
    pub(crate) unsafe fn at(self, index: usize) -> *mut T {
        // SAFETY: by the caller's promise.
        unsafe { self.0.add(index) }
    }
}

/// What helpers see: one region at a time.
#[derive(Default)]
struct Board {
    /// The number of the region in the upper half; then whether it is open; then how many helpers are inside.
    gate: AtomicU64,
    /// Which of few pieces are taken.
    claimed: AtomicU64,
    /// The next of many pieces.
    next: AtomicUsize,
    panicked: AtomicBool,
    job: UnsafeCell<Option<Job>>,
}

#[derive(Clone, Copy)]
struct Job {
    work: *const Work<'static>,
    pieces: usize,
    workers: usize,
}

const OPEN: u64 = 1 << 31;
const INSIDE: u64 = OPEN - 1;
const NUMBER: u32 = 32;

// SAFETY: `job` is written only while the gate is shut and nobody is inside, and read only by helpers inside.
unsafe impl Sync for Board {}
// SAFETY: the pointer in `job` is used only while its region is open, when what it points to is alive.
unsafe impl Send for Board {}

/// The helpers that were started, each with whether it sleeps.
type Helpers = Vec<(Thread, Arc<AtomicBool>)>;

struct Team {
    board: Arc<Board>,
    helpers: Mutex<Helpers>,
}

fn team() -> &'static Team {
    static TEAM: OnceLock<Team> = OnceLock::new();
    TEAM.get_or_init(|| Team { board: Arc::default(), helpers: Mutex::new(Vec::new()) })
}

/// A region under way. It is closed, and its helpers have left, before it is gone.
struct Region {
    board: &'static Board,
    _only: MutexGuard<'static, Helpers>,
}

impl Region {
    /// Opens a region, unless another is open.
    fn open(pieces: usize, workers: usize, work: &Work<'_>) -> Option<Self> {
        let team = team();
        let mut helpers = match team.helpers.try_lock() {
            Ok(helpers) => helpers,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        while helpers.len() + 1 < workers {
            match start(helpers.len() + 1, &team.board) {
                Some(helper) => helpers.push(helper),
                None => break,
            }
        }
        let board = &*team.board;
        // SAFETY: only the lifetime is changed, and `close` (or `drop`) outlives every use.
        let work = unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(std::ptr::from_ref(work)) };
        // SAFETY: the lock is held, so no region is open, and the last one waited until its helpers had left.
        unsafe { *board.job.get() = Some(Job { work, pieces, workers }) };
        board.next.store(0, Ordering::Relaxed);
        board.claimed.store(0, Ordering::Relaxed);
        board.panicked.store(false, Ordering::Relaxed);
        let number = (board.gate.load(Ordering::Relaxed) >> NUMBER) + 1;
        board.gate.store(number << NUMBER | OPEN, Ordering::SeqCst);
        for (helper, sleeps) in helpers.iter().take(workers - 1) {
            if sleeps.load(Ordering::SeqCst) {
                helper.unpark();
            }
        }
        Some(Self { board, _only: helpers })
    }

    fn claim_pieces(&self, worker: usize) {
        // SAFETY: the region is open, so the job is there and what it borrows is alive.
        unsafe { self.board.claim_pieces(worker) };
    }

    fn close(self) {
        let board = self.board;
        drop(self);
        assert!(!board.panicked.load(Ordering::Relaxed), "a helper panicked in a parallel region");
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.board.gate.fetch_and(!OPEN, Ordering::AcqRel);
        let mut rounds = 0;
        while self.board.gate.load(Ordering::Acquire) & INSIDE != 0 {
            rounds += 1;
            // A helper that lost its core is given back the chance to finish.
            if rounds % 1000 == 0 { thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

impl Board {
    /// Does pieces until there are none left.
    ///
    /// # Safety
    /// The region must be open, or not yet be gone while this helper is counted as inside.
    unsafe fn claim_pieces(&self, worker: usize) {
        // SAFETY: nobody writes while somebody is inside.
        let Some(job) = (unsafe { *self.job.get() }) else { return };
        if worker >= job.workers {
            return;
        }
        // SAFETY: the region's caller waits for everybody inside, so the closure is alive.
        let work = unsafe { &*job.work };
        if job.pieces <= OWNED {
            let own = (worker..job.pieces).step_by(job.workers);
            let others = (0..job.pieces).filter(|piece| piece % job.workers != worker);
            for piece in own.chain(others) {
                let bit = 1 << piece;
                if self.claimed.load(Ordering::Relaxed) & bit == 0
                    && self.claimed.fetch_or(bit, Ordering::Relaxed) & bit == 0
                {
                    work(worker, piece);
                }
            }
            return;
        }
        loop {
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            if piece >= job.pieces {
                return;
            }
            work(worker, piece);
        }
    }

    /// Joins the open region if it is another than `last`; returns its number.
    fn join(&self, last: u64) -> Option<u64> {
        let gate = self.gate.load(Ordering::SeqCst);
        let number = gate >> NUMBER;
        let is_new = gate & OPEN != 0 && number != last;
        let entered =
            is_new && self.gate.compare_exchange_weak(gate, gate + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        entered.then_some(number)
    }

    fn leave(&self) {
        self.gate.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Starts a helper; `None` if the system has no thread to give.
fn start(worker: usize, board: &Arc<Board>) -> Option<(Thread, Arc<AtomicBool>)> {
    let sleeps = Arc::new(AtomicBool::new(false));
    let (board, flag) = (board.clone(), sleeps.clone());
    let helper = thread::Builder::new().name(format!("helper {worker}")).spawn(move || help(worker, &board, &flag));
    helper.ok().map(|handle| (handle.thread().clone(), sleeps))
}

/// The life of a helper.
fn help(worker: usize, board: &Board, sleeps: &AtomicBool) {
    // It is inside of a region whenever it works, and regions within regions run on one thread.
    LIMIT.set(1);
    let mut last = 0;
    let mut since = Instant::now();
    loop {
        if let Some(number) = board.join(last) {
            last = number;
            // SAFETY: between `join` and `leave` the helper is counted as inside.
            let done = catch_unwind(AssertUnwindSafe(|| unsafe { board.claim_pieces(worker) }));
            if done.is_err() {
                board.panicked.store(true, Ordering::Relaxed);
            }
            board.leave();
            since = Instant::now();
        } else if since.elapsed() < SPIN {
            (0..16).for_each(|_| std::hint::spin_loop());
        } else {
            // A region that opens after this line sees the flag and wakes; one that opened before is seen here.
            sleeps.store(true, Ordering::SeqCst);
            let gate = board.gate.load(Ordering::SeqCst);
            if gate & OPEN == 0 || gate >> NUMBER == last {
                thread::park();
            }
            sleeps.store(false, Ordering::SeqCst);
            since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once() {
        for (pieces, workers) in [(0, 4), (1, 4), (7, 2), (1000, 3), (5, 64)] {
            with_threads(workers, || {
                for round in 0..200 {
                    let counts: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
                    for_each(pieces, workers, &|worker, piece| {
                        assert!(worker < workers);
                        counts[piece].fetch_add(1, Ordering::Relaxed);
                    });
                    assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == 1), "round {round}");
                }
            });
        }
    }

    #[test]
    fn every_pair_of_chunks_is_seen_once() {
        with_threads(3, || {
            let (mut a, mut b) = (vec![0_usize; 23], vec![0_usize; 30]);
            for_each_pair(&mut a, 4, &mut b, 5, |number, a, b| {
                a.iter_mut().chain(b).for_each(|n| *n += number + 1);
            });
            assert!(a.iter().enumerate().all(|(at, &n)| n == at / 4 + 1), "{a:?}");
            assert!(b.iter().enumerate().all(|(at, &n)| n == at / 5 + 1), "{b:?}");
            for_each_pair::<usize>(&mut [], 0, &mut [], 0, |_, _, _| unreachable!());
        });
    }

    #[test]
    fn helpers_wake_after_they_slept() {
        with_threads(2, || {
            for _ in 0..5 {
                thread::sleep(SPIN * 3);
                let seen = [AtomicUsize::new(0), AtomicUsize::new(0)];
                // Both pieces wait for each other where nothing else uses the team, so two threads must be there.
                let begin = Instant::now();
                for_each(2, 2, &|worker, _| {
                    seen[worker].fetch_add(1, Ordering::SeqCst);
                    let both = || seen.iter().map(|s| s.load(Ordering::SeqCst)).sum::<usize>() == 2;
                    while !both() && begin.elapsed() < Duration::from_millis(200) {
                        std::hint::spin_loop();
                    }
                });
                assert_eq!(seen.iter().map(|s| s.load(Ordering::SeqCst)).sum::<usize>(), 2);
            }
        });
    }

    #[test]
    fn chunks_cover_the_slice() {
        let mut data = vec![0_usize; 1003];
        for_each_chunk(&mut data, 10, 4, &|_, number, chunk| chunk.iter_mut().for_each(|v| *v += number + 1));
        assert!(data.iter().enumerate().all(|(at, &v)| v == at / 10 + 1));
    }

    #[test]
    fn regions_inside_regions_and_beside_each_other_are_done() {
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for_each(10, 2, &|_, _| {
                        for_each(10, 2, &|_, _| {
                            total.fetch_add(1, Ordering::Relaxed);
                        });
                    });
                });
            }
        });
        assert_eq!(total.load(Ordering::Relaxed), 300);
    }

    #[test]
    fn a_panic_comes_out_and_the_team_lives_on() {
        with_threads(2, || {
            let result = catch_unwind(|| for_each(100, 2, &|_, piece| assert!(piece != 50, "wanted")));
            assert!(result.is_err());
            let done = AtomicUsize::new(0);
            for_each(100, 2, &|_, _| {
                done.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(done.load(Ordering::Relaxed), 100);
        });
    }
}

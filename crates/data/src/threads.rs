//! Work on several things at the same time.

use std::thread;

/// The amount of work, in numbers looked at, for which a thread is worth its start.
const THREAD_WORK: usize = 1 << 18;

/// What `work` makes of each item, in the order of the items, when each takes about so much work. The result does not
/// depend on the number of threads.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], each: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let most = thread::available_parallelism().map_or(1, usize::from);
    let count = (items.len().saturating_mul(each) / THREAD_WORK).clamp(1, most).min(items.len().max(1));
    if count == 1 {
        return items.iter().map(work).collect();
    }
    // In turn, since neighbours are often of one kind.
    let share = |first: usize| items.iter().skip(first).step_by(count).map(&work).collect::<Vec<R>>();
    let mut parts: Vec<_> = thread::scope(|scope| {
        let share = &share;
        let threads: Vec<_> = (0..count).map(|first| scope.spawn(move || share(first))).collect();
        threads.into_iter().map(|thread| thread.join().expect("the work does not panic").into_iter()).collect()
    });
    (0..items.len()).map(|item| parts[item % count].next().expect("each item is worked on")).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn keeps_the_order() {
        for count in [0, 1, 2, 3, 7, 100] {
            let items: Vec<usize> = (0..count).collect();
            let squares: Vec<usize> = items.iter().map(|item| item * item).collect();
            for each in [0, 1, 1 << 20] {
                assert_eq!(super::map(&items, each, |item| item * item), squares);
            }
        }
    }
}

//! Batches that are prepared by other threads while the trainer works on the ones before.

use std::sync::{Condvar, Mutex, MutexGuard};

/// Places for batches, filled ahead of the trainer. They are kept from epoch to epoch, so that once all are large enough
/// nothing is allocated for a batch.
#[derive(Default)]
pub(crate) struct Ahead {
    places: Vec<Place>,
}

/// A place, which has the batches whose number leaves its own when divided by the number of places.
#[derive(Default)]
struct Place {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Batches that were taken from here.
    taken: usize,
    is_full: bool,
    /// Whether nobody will take any more.
    is_over: bool,
    x: Vec<f32>,
}

impl Place {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("preparing a batch does not panic")
    }

    /// Waits until `ready`, or until the trainer wants no more.
    fn wait(&self, ready: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let wait = |state: &mut State| !state.is_over && !ready(state);
        self.changed.wait_while(self.lock(), wait).expect("preparing a batch does not panic")
    }
}

/// Tells the threads, however the trainer ends, that it wants no more.
struct Over<'a>(&'a [Place]);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        for place in self.0 {
            if let Ok(mut state) = place.state.lock() {
                state.is_over = true;
            }
            place.changed.notify_all();
        }
    }
}

impl Ahead {
    /// Calls `take` with each of `count` batches in their order, as `fill` makes them on `threads` other threads, at most
    /// two for each of them ahead; until `take` says no more. `fill` is given room of its thread's own.
    pub(crate) fn each<R: Default, E>(
        &mut self,
        threads: usize,
        count: usize,
        fill: impl Fn(usize, &mut Vec<f32>, &mut R) + Sync,
        mut take: impl FnMut(usize, &mut Vec<f32>) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.places.resize_with(2 * threads, Place::default);
        for place in &mut self.places {
            let state = place.state.get_mut().expect("preparing a batch does not panic");
            *state = State { x: std::mem::take(&mut state.x), ..State::default() };
        }
        let (places, fill) = (&*self.places, &fill);
        std::thread::scope(|scope| {
            let _over = Over(places);
            for thread in 0..threads {
                scope.spawn(move || {
                    let mut room = R::default();
                    for batch in (thread..count).step_by(threads) {
                        let place = &places[batch % places.len()];
                        let turn = batch / places.len();
                        let mut state = place.wait(|state| !state.is_full && state.taken == turn);
                        if state.is_over {
                            return;
                        }
                        fill(batch, &mut state.x, &mut room);
                        state.is_full = true;
                        drop(state);
                        place.changed.notify_all();
                    }
                });
            }
            for batch in 0..count {
                let place = &places[batch % places.len()];
                let mut state = place.wait(|state| state.is_full);
                let goes_on = take(batch, &mut state.x)?;
                state.is_full = false;
                state.taken += 1;
                drop(state);
                place.changed.notify_all();
                if !goes_on {
                    break;
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_come_in_their_order_whatever_the_threads() {
        let mut ahead = Ahead::default();
        for threads in [1, 2, 3, 5] {
            for count in [0, 1, 2, 7, 100] {
                let fill = |batch: usize, x: &mut Vec<f32>, room: &mut u32| {
                    *room += 1;
                    x.clear();
                    x.extend([batch as f32, 1.0]);
                };
                let mut seen = Vec::new();
                let taken: Result<(), ()> = ahead.each(threads, count, fill, |batch, x| {
                    assert_eq!(x[..], [batch as f32, 1.0]);
                    seen.push(batch);
                    Ok(batch != 40)
                });
                taken.unwrap();
                assert_eq!(seen, (0..count.min(41)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn an_error_ends_it() {
        let fill = |_: usize, x: &mut Vec<f32>, (): &mut ()| x.resize(3, 0.0);
        let ended = Ahead::default().each(3, 1000, fill, |batch, _| if batch == 5 { Err("five") } else { Ok(true) });
        assert_eq!(ended, Err("five"));
    }
}

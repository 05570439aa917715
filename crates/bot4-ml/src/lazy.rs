//! Values computed at first use: weights read from a file, preprocessors built from a table.
//!
//! Both types here keep the value in a [`OnceLock`]; reading it afterwards is one acquire load and a branch,
//! wait-free. What std's `LazyLock` lacks, and these have: a panic's message reaches every caller instead of
//! the first one only, a computation that asks for its own value panics instead of waiting for itself, and
//! [`TryLazyComputation`] retries after an error.
//!
//! The computation runs on the thread that came first, without a lock held. There are no atomics of our own:
//!
//! | field | written by | read by | ordering | why |
//! |---|---|---|---|---|
//! | `value` | the thread that computed, once | everyone | `OnceLock`: release, acquire | publishes the value |
//! | `state` | under its mutex | under its mutex | mutex | only the cold path comes here |

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};

/// A value computed once, by whichever thread asks first.
///
/// ```
/// use bot4_ml::LazyComputation;
///
/// static WEIGHTS: LazyComputation<Vec<f64>> = LazyComputation::new(|| (0..4).map(f64::from).collect());
///
/// assert!(WEIGHTS.get_if_ready().is_none());
/// WEIGHTS.force().expect("no panic"); // warm up before the first event
/// assert_eq!(WEIGHTS.get()[3], 3.0);
/// ```
///
/// In a program built with `panic = "abort"` a panic in the computation ends the process, as any other does.
pub struct LazyComputation<T, F = fn() -> T> {
    once: Once<T, Infallible, Option<F>>,
}

impl<T, F> LazyComputation<T, F> {
    /// A value that `compute` will make. Computes nothing yet.
    pub const fn new(compute: F) -> Self {
        Self { once: Once::new(Some(compute)) }
    }

    /// The value if it has been computed. Wait-free, never computes.
    #[inline]
    pub fn get_if_ready(&self) -> Option<&T> {
        self.once.value.get()
    }
}

impl<T, F: FnOnce() -> T> LazyComputation<T, F> {
    /// The value, computed now if nobody has yet.
    ///
    /// Wait-free once the value is there: one load and a branch. Blocks while another thread computes.
    ///
    /// # Panics
    /// When the computation panicked, with its message: in the thread that ran it, in those that waited for it
    /// and in all that come later. Also when the computation asks for its own value.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> &T {
        match self.once.value.get() {
            Some(value) => value,
            None => self.force().unwrap_or_else(|panicked| panic!("{panicked}")),
        }
    }

    /// Computes the value now if nobody has yet, and reports a panic of the computation instead of passing it
    /// on. Blocks while another thread computes.
    ///
    /// # Errors
    /// [`Panicked`] when the computation panicked, now or earlier.
    ///
    /// # Panics
    /// When the computation asks for its own value.
    pub fn force(&self) -> Result<&T, Panicked> {
        let compute = |f: &mut Option<F>| Ok(f.take().expect("runs once: a panic is final")());
        self.once.get_or_compute(compute).map_err(|failure| match failure {
            ComputeError::Panicked(panicked) => panicked,
            ComputeError::Failed(never) => match *never {},
        })
    }
}

/// A value whose computation may fail: an error goes to everyone who waited for that attempt, and the next
/// caller tries again.
///
/// ```
/// use bot4_ml::{ComputeError, TryLazyComputation};
///
/// let mut attempts = 0;
/// let limits = TryLazyComputation::new(move || {
///     attempts += 1;
///     if attempts == 1 { Err("not there yet") } else { Ok(42) }
/// });
/// assert!(matches!(limits.get(), Err(ComputeError::Failed(error)) if *error == "not there yet"));
/// assert_eq!(limits.get().unwrap(), &42);
/// ```
pub struct TryLazyComputation<T, E, F = fn() -> Result<T, E>> {
    once: Once<T, E, F>,
}

impl<T, E, F> TryLazyComputation<T, E, F> {
    /// A value that `compute` will make. Computes nothing yet.
    pub const fn new(compute: F) -> Self {
        Self { once: Once::new(compute) }
    }

    /// The value if it has been computed. Wait-free, never computes.
    #[inline]
    pub fn get_if_ready(&self) -> Option<&T> {
        self.once.value.get()
    }
}

impl<T, E, F: FnMut() -> Result<T, E>> TryLazyComputation<T, E, F> {
    /// The value, computed now if nobody has succeeded yet.
    ///
    /// Wait-free once the value is there: one load and a branch. Blocks while another thread computes.
    ///
    /// # Errors
    /// [`ComputeError::Failed`] with the error of the attempt this call made or waited for; the next call
    /// tries again. [`ComputeError::Panicked`] when an attempt panicked: that is final.
    ///
    /// # Panics
    /// When the computation asks for its own value.
    #[inline]
    pub fn get(&self) -> Result<&T, ComputeError<E>> {
        match self.once.value.get() {
            Some(value) => Ok(value),
            None => self.once.get_or_compute(|f| f()),
        }
    }
}

/// The value and the cold path that computes it; `C` is what is computed with.
struct Once<T, E, C> {
    value: OnceLock<T>,
    state: Mutex<State<E, C>>,
    attempt_over: Condvar,
}

struct State<E, C> {
    phase: Phase,
    /// Taken out while an attempt runs, and for good after success or a panic.
    compute: Option<C>,
    /// Attempts that returned an error, and the last one's error.
    failures: u64,
    last_error: Option<Arc<E>>,
}

enum Phase {
    Idle,
    Running(ThreadId),
    Panicked(Panicked),
}

impl<T, E, C> Once<T, E, C> {
    const fn new(compute: C) -> Self {
        let state = State { phase: Phase::Idle, compute: Some(compute), failures: 0, last_error: None };
        Self { value: OnceLock::new(), state: Mutex::new(state), attempt_over: Condvar::new() }
    }

    #[cold]
    fn get_or_compute(&self, run: impl FnOnce(&mut C) -> Result<T, E>) -> Result<&T, ComputeError<E>> {
        let mut state = self.lock();
        let failures_before = state.failures;
        loop {
            if let Some(value) = self.value.get() {
                return Ok(value);
            }
            if state.failures > failures_before {
                let error = state.last_error.clone().expect("kept until an attempt succeeds");
                return Err(ComputeError::Failed(error));
            }
            match &state.phase {
                Phase::Panicked(panicked) => return Err(ComputeError::Panicked(panicked.clone())),
                Phase::Running(thread) if *thread == thread::current().id() => {
                    panic!("a lazy computation asked for its own value")
                }
                Phase::Running(_) => {
                    state = self.attempt_over.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                Phase::Idle => return self.attempt(state, run),
            }
        }
    }

    /// Runs one attempt with the lock released and tells everyone how it ended.
    fn attempt<'a>(
        &'a self,
        mut state: MutexGuard<'a, State<E, C>>,
        run: impl FnOnce(&mut C) -> Result<T, E>,
    ) -> Result<&'a T, ComputeError<E>> {
        state.phase = Phase::Running(thread::current().id());
        let mut compute = state.compute.take().expect("idle means there is something to compute with");
        drop(state);
        // The closure is dropped, not used again, if it unwinds.
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&mut compute)));

        let mut state = self.lock();
        state.phase = Phase::Idle;
        let result = match outcome {
            Ok(Ok(value)) => {
                state.last_error = None;
                Ok(self.value.get_or_init(|| value))
            }
            Ok(Err(error)) => {
                let error = Arc::new(error);
                state.compute = Some(compute);
                state.failures += 1;
                state.last_error = Some(Arc::clone(&error));
                Err(ComputeError::Failed(error))
            }
            Err(payload) => {
                let panicked = Panicked::from_payload(&*payload);
                state.phase = Phase::Panicked(panicked.clone());
                Err(ComputeError::Panicked(panicked))
            }
        };
        drop(state);
        self.attempt_over.notify_all();
        result
    }

    /// Nothing that can panic runs under the lock, so poison says nothing.
    fn lock(&self) -> MutexGuard<'_, State<E, C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The computation panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panicked {
    message: Arc<str>,
}

impl Panicked {
    /// The message of the panic.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    fn from_payload(payload: &(dyn Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        Self { message: message.into() }
    }
}

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the lazy computation panicked: {}", self.message)
    }
}

impl std::error::Error for Panicked {}

/// Why a [`TryLazyComputation`] has no value.
#[derive(Debug)]
pub enum ComputeError<E> {
    /// The computation returned this error; the next call tries again.
    Failed(Arc<E>),
    /// The computation panicked; it is not tried again.
    Panicked(Panicked),
}

impl<E: fmt::Display> fmt::Display for ComputeError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Panicked(panicked) => panicked.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ComputeError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed(error) => Some(&**error),
            Self::Panicked(panicked) => Some(panicked),
        }
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyComputation<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyComputation").field(&self.get_if_ready()).finish()
    }
}

impl<T: fmt::Debug, E, F> fmt::Debug for TryLazyComputation<T, E, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TryLazyComputation").field(&self.get_if_ready()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    const THREADS: usize = 8;

    /// Runs `work` on several threads that start together.
    fn together<R: Send>(work: impl Fn() -> R + Sync) -> Vec<R> {
        let barrier = Barrier::new(THREADS);
        thread::scope(|scope| {
            let start = || {
                barrier.wait();
                work()
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|t| t.join().expect("does not panic")).collect()
        })
    }

    // ORDERING: the counters of these tests publish nothing; joining the threads orders the final read.

    #[test]
    fn many_threads_compute_once_and_see_one_value() {
        for _ in 0..50 {
            let runs = AtomicUsize::new(0);
            let lazy = LazyComputation::new(|| {
                thread::yield_now();
                runs.fetch_add(1, Ordering::Relaxed)
            });
            let values = together(|| std::ptr::from_ref(lazy.get()) as usize);
            assert_eq!(runs.load(Ordering::Relaxed), 1);
            assert!(values.iter().all(|v| *v == values[0]));
        }
    }

    #[test]
    fn a_panic_reaches_every_caller_with_its_message() {
        let runs = AtomicUsize::new(0);
        let lazy = LazyComputation::new(|| -> u32 {
            runs.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(20));
            panic!("no weights in {}", "model.bin")
        });
        for outcome in together(|| lazy.force().cloned()) {
            assert_eq!(outcome.unwrap_err().message(), "no weights in model.bin");
        }
        let late = catch_unwind(AssertUnwindSafe(|| *lazy.get())).unwrap_err();
        assert!(late.downcast_ref::<String>().unwrap().contains("no weights in model.bin"));
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert_eq!(lazy.get_if_ready(), None);
    }

    #[test]
    fn an_error_goes_to_those_who_waited_and_the_next_caller_tries_again() {
        let runs = AtomicUsize::new(0);
        let lazy = TryLazyComputation::new(|| {
            let run = runs.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(20));
            if run == 0 { Err("busy") } else { Ok(run) }
        });
        let outcomes = together(|| lazy.get().copied());
        let failed =
            outcomes.iter().filter(|o| matches!(o, Err(ComputeError::Failed(e)) if **e == "busy")).count();
        // A thread that came after the first attempt may have made the second one.
        assert!(failed >= 1);
        assert!(outcomes.iter().flatten().all(|v| *v == 1));
        assert_eq!(lazy.get().unwrap(), &1);
        assert_eq!(runs.load(Ordering::Relaxed), 2);
    }

    /// Two callers, the second while the first computes; returns how many attempts they made together.
    fn attempts_of_two_overlapping_callers() -> usize {
        let second_is_near = Barrier::new(2);
        let runs = AtomicUsize::new(0);
        let lazy = TryLazyComputation::<u32, _, _>::new(|| {
            if runs.fetch_add(1, Ordering::Relaxed) == 0 {
                second_is_near.wait();
                thread::sleep(Duration::from_millis(20));
            }
            Err("gone")
        });
        thread::scope(|scope| {
            let first = scope.spawn(|| lazy.get().is_err());
            second_is_near.wait();
            assert!(lazy.get().is_err() && first.join().unwrap());
        });
        runs.load(Ordering::Relaxed)
    }

    #[test]
    fn a_waiter_gets_the_error_it_waited_for_and_makes_no_attempt_of_its_own() {
        // On a busy machine the second caller may come too late to wait; it will not every time.
        assert!((0..50).any(|_| attempts_of_two_overlapping_callers() == 1));
    }

    #[test]
    fn a_panic_in_a_fallible_computation_is_final() {
        let lazy = TryLazyComputation::new(|| -> Result<u32, ()> { panic!("broken") });
        for _ in 0..2 {
            assert!(matches!(lazy.get(), Err(ComputeError::Panicked(p)) if p.message() == "broken"));
        }
    }

    #[test]
    fn a_computation_that_asks_for_itself_panics_instead_of_hanging() {
        static OWN: LazyComputation<u32> = LazyComputation::new(|| OWN.get() + 1);
        assert!(OWN.force().unwrap_err().message().contains("its own value"));
    }

    #[test]
    fn what_the_computation_owned_is_freed_once_it_has_run() {
        let owned = Arc::new(());
        let held = Arc::clone(&owned);
        let lazy = LazyComputation::new(move || Arc::strong_count(&held));
        assert_eq!(*lazy.get(), 2);
        assert_eq!(Arc::strong_count(&owned), 1);
    }
}

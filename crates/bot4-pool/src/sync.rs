//! The one place that knows whether the crate is built for use or for a loom model.

#[cfg(not(bot4_loom))]
pub(crate) use crossbeam_queue::ArrayQueue;
#[cfg(not(bot4_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

/// Stands for the memory of a slab in a model, where `used` must come before `freed`; nothing otherwise.
#[cfg(not(bot4_loom))]
pub(crate) struct Witness;

#[cfg(not(bot4_loom))]
impl Witness {
    pub(crate) fn new() -> Self {
        Self
    }

    #[inline]
    pub(crate) fn used(&self) {}

    pub(crate) fn freed(&self) {}
}

#[cfg(bot4_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(bot4_loom)]
pub(crate) use model::{ArrayQueue, Witness};

#[cfg(bot4_loom)]
mod model {
    use loom::cell::Cell;
    use loom::sync::Mutex;
    use std::collections::VecDeque;

    pub(crate) struct Witness(Cell<()>);

    impl Witness {
        pub(crate) fn new() -> Self {
            Self(Cell::new(()))
        }

        pub(crate) fn used(&self) {
            self.0.get();
        }

        pub(crate) fn freed(&self) {
            self.0.set(());
        }
    }

    /// Stands in for the queue of `crossbeam-queue`, which has models of its own: a push
    /// happens before the pop of the same element, and nothing else is promised.
    pub(crate) struct ArrayQueue<T> {
        elements: Mutex<VecDeque<T>>,
        capacity: usize,
    }

    impl<T> ArrayQueue<T> {
        pub(crate) fn new(capacity: usize) -> Self {
            Self { elements: Mutex::new(VecDeque::new()), capacity }
        }

        pub(crate) fn push(&self, element: T) -> Result<(), T> {
            let mut elements = self.elements.lock().unwrap();
            if elements.len() == self.capacity {
                return Err(element);
            }
            elements.push_back(element);
            Ok(())
        }

        pub(crate) fn pop(&self) -> Option<T> {
            self.elements.lock().unwrap().pop_front()
        }

        pub(crate) fn len(&self) -> usize {
            self.elements.lock().unwrap().len()
        }
    }
}

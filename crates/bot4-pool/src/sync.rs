//! The one place that knows whether the crate is built for use or for a loom model.

#[cfg(not(bot4_loom))]
pub(crate) use crossbeam_queue::ArrayQueue;
#[cfg(not(bot4_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(bot4_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(bot4_loom)]
pub(crate) use model::ArrayQueue;

#[cfg(bot4_loom)]
mod model {
    use loom::sync::Mutex;
    use std::collections::VecDeque;

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

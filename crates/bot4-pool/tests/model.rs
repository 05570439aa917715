//! The pool against a model: whatever is asked of it in whatever order, an object has one holder.

use bot4_pool::{Handle, ObjectPool, OwnedPooled};
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Clone)]
enum Step {
    FromPool,
    FromHandle(usize),
    Drop(usize),
    Release(usize, usize),
    Detach(usize),
    HoldTogether(usize, usize),
    Renew(usize),
}

const HANDLES: usize = 2;

fn step() -> impl Strategy<Value = Step> {
    let (handle, object) = (0..HANDLES, any::<usize>());
    prop_oneof![
        2 => Just(Step::FromPool),
        6 => handle.clone().prop_map(Step::FromHandle),
        2 => object.prop_map(Step::Drop),
        5 => (handle.clone(), object).prop_map(|(handle, object)| Step::Release(handle, object)),
        1 => object.prop_map(Step::Detach),
        1 => (handle.clone(), 0..40_usize).prop_map(|(handle, count)| Step::HoldTogether(handle, count)),
        1 => handle.prop_map(Step::Renew),
    ]
}

/// What the test holds of a pool whose objects are numbered as they are built.
struct World {
    pool: ObjectPool<Numbered>,
    handles: [Handle<Numbered>; HANDLES],
    held: Vec<OwnedPooled<Numbered>>,
    alive: Arc<()>,
}

struct Numbered {
    number: u64,
    dirty: bool,
    _alive: Arc<()>,
}

impl World {
    fn new(capacity: usize) -> Self {
        let alive = Arc::new(());
        let (next, token) = (AtomicU64::new(0), Arc::clone(&alive));
        let factory = move || Numbered {
            number: next.fetch_add(1, Ordering::Relaxed),
            dirty: false,
            _alive: Arc::clone(&token),
        };
        let reset = |object: &mut Numbered| object.dirty = false;
        let pool = ObjectPool::builder(factory).capacity(capacity).reset(reset).build().unwrap();
        Self { handles: std::array::from_fn(|_| pool.handle()), pool, held: Vec::new(), alive }
    }

    fn keep(&mut self, object: Option<OwnedPooled<Numbered>>) {
        match object {
            Some(mut object) => {
                assert!(!object.dirty, "an object came back dirty");
                object.dirty = true;
                self.held.push(object);
            }
            None => assert_eq!(self.pool.stats().built, self.pool.capacity(), "refused with room left"),
        }
    }

    fn pick(&mut self, object: usize) -> Option<OwnedPooled<Numbered>> {
        let count = self.held.len();
        (count > 0).then(|| self.held.swap_remove(object % count))
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::FromPool => self.keep(self.pool.acquire_owned().ok()),
            Step::FromHandle(handle) => self.keep(self.handles[handle].acquire_owned().ok()),
            Step::Drop(object) => drop(self.pick(object)),
            Step::Release(handle, object) => {
                if let Some(object) = self.pick(object) {
                    self.handles[handle].release(object);
                }
            }
            Step::Detach(object) => drop(self.pick(object).map(OwnedPooled::detach)),
            Step::HoldTogether(handle, count) => {
                let handle = &self.handles[handle];
                let together: Vec<_> = (0..count).map_while(|_| handle.acquire().ok()).collect();
                let mut numbers: HashSet<u64> = together.iter().map(|object| object.number).collect();
                numbers.extend(self.held.iter().map(|object| object.number));
                assert_eq!(numbers.len(), together.len() + self.held.len(), "an object has two holders");
            }
            Step::Renew(handle) => self.handles[handle] = self.pool.handle(),
        }
        self.check();
    }

    fn check(&self) {
        let stats = self.pool.stats();
        assert_eq!(stats.in_use, self.held.len());
        assert_eq!(stats.in_use + stats.idle, stats.built);
        assert!(stats.built <= stats.high_water && stats.high_water <= stats.capacity);
        assert_eq!(Arc::strong_count(&self.alive), stats.built + 2, "an object was lost or dropped twice");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_object_has_one_holder_and_none_is_lost(
        capacity in prop_oneof![1..10_usize, 60..80_usize],
        steps in prop::collection::vec(step(), 0..400),
    ) {
        let mut world = World::new(capacity);
        steps.into_iter().for_each(|step| world.step(step));
        let World { pool, handles, held, alive } = world;
        drop((pool, handles));
        assert!(held.is_empty() || Arc::strong_count(&alive) > 2, "the pool died before its objects");
        drop(held);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}

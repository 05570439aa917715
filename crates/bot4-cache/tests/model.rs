//! Operation sequences against a map: a cache may forget, but what it returns is what was stored last, and a cache that
//! has room forgets nothing.

use bot4_cache::{FeatureCache, LocalFeatureCache, VectorCache};
use proptest::prelude::*;
use std::collections::HashMap;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Get(u8),
    Insert(u8, u32),
    Compute(u8, u32),
    Fail(u8),
    Invalidate(u8),
    Clear,
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    use Operation::*;
    let key = || 0_u8..40;
    let operation = prop_oneof![
        6 => key().prop_map(Get),
        4 => (key(), any::<u32>()).prop_map(|(key, value)| Insert(key, value)),
        6 => (key(), any::<u32>()).prop_map(|(key, value)| Compute(key, value)),
        1 => key().prop_map(Fail),
        2 => key().prop_map(Invalidate),
        1 => Just(Clear),
    ];
    prop::collection::vec(operation, 0..400)
}

/// What a cache of any kind does, on one thread.
trait Cache {
    fn get(&mut self, key: u8) -> Option<u32>;
    fn insert(&mut self, key: u8, value: u32);
    fn compute(&mut self, key: u8, value: Option<u32>) -> Option<u32>;
    fn invalidate(&mut self, key: u8) -> bool;
    fn clear(&mut self);
    fn len(&self) -> usize;
}

impl Cache for VectorCache<(u8, u8), u32> {
    fn get(&mut self, key: u8) -> Option<u32> {
        let mut row = [0; 3];
        VectorCache::get(self, &(key, 1), &mut row).then(|| only(row))
    }
    fn insert(&mut self, key: u8, value: u32) {
        VectorCache::insert(self, &(key, 1), &[value; 3]);
    }
    fn compute(&mut self, key: u8, value: Option<u32>) -> Option<u32> {
        let mut row = [0; 3];
        let fill = |row: &mut [u32]| value.map(|value| row.fill(value)).ok_or(());
        self.get_or_try_compute(&(key, 1), &mut row, fill).ok().map(|_| only(row))
    }
    fn invalidate(&mut self, key: u8) -> bool {
        VectorCache::invalidate(self, &(key, 1))
    }
    fn clear(&mut self) {
        VectorCache::clear(self);
    }
    fn len(&self) -> usize {
        VectorCache::len(self)
    }
}

fn only(row: [u32; 3]) -> u32 {
    assert_eq!(row, [row[0]; 3], "a torn row");
    row[0]
}

impl Cache for FeatureCache<u8, u32> {
    fn get(&mut self, key: u8) -> Option<u32> {
        FeatureCache::get(self, &key)
    }
    fn insert(&mut self, key: u8, value: u32) {
        FeatureCache::insert(self, key, value);
    }
    fn compute(&mut self, key: u8, value: Option<u32>) -> Option<u32> {
        self.get_or_try_compute(&key, || value.ok_or(())).ok()
    }
    fn invalidate(&mut self, key: u8) -> bool {
        FeatureCache::invalidate(self, &key)
    }
    fn clear(&mut self) {
        FeatureCache::clear(self);
    }
    fn len(&self) -> usize {
        FeatureCache::len(self)
    }
}

impl Cache for LocalFeatureCache<u8, u32> {
    fn get(&mut self, key: u8) -> Option<u32> {
        LocalFeatureCache::get(self, &key).copied()
    }
    fn insert(&mut self, key: u8, value: u32) {
        LocalFeatureCache::insert(self, key, value);
    }
    fn compute(&mut self, key: u8, value: Option<u32>) -> Option<u32> {
        self.get_or_try_compute(&key, || value.ok_or(())).ok().copied()
    }
    fn invalidate(&mut self, key: u8) -> bool {
        LocalFeatureCache::invalidate(self, &key).is_some()
    }
    fn clear(&mut self) {
        LocalFeatureCache::clear(self);
    }
    fn len(&self) -> usize {
        LocalFeatureCache::len(self)
    }
}

fn check(mut cache: impl Cache, capacity: usize, operations: &[Operation]) {
    let mut model: HashMap<u8, u32> = HashMap::new();
    let mut forgot = 0;
    for operation in operations {
        match *operation {
            Operation::Get(key) => match cache.get(key) {
                Some(value) => assert_eq!(Some(&value), model.get(&key)),
                None => forgot += usize::from(model.remove(&key).is_some()),
            },
            Operation::Insert(key, value) => {
                cache.insert(key, value);
                model.insert(key, value);
            }
            Operation::Compute(key, value) => {
                let got = cache.compute(key, Some(value)).expect("the computation succeeds");
                if Some(&got) != model.get(&key) {
                    assert_eq!(got, value);
                    forgot += usize::from(model.insert(key, value).is_some());
                }
            }
            Operation::Fail(key) => match cache.compute(key, None) {
                Some(value) => assert_eq!(Some(&value), model.get(&key)),
                None => forgot += usize::from(model.remove(&key).is_some()),
            },
            Operation::Invalidate(key) => {
                let (was_there, known) = (cache.invalidate(key), model.remove(&key).is_some());
                assert!(known || !was_there);
                forgot += usize::from(known && !was_there);
            }
            Operation::Clear => {
                cache.clear();
                model.clear();
            }
        }
        assert!(cache.len() <= capacity.min(model.len()));
    }
    assert!(forgot == 0 || capacity < 40, "forgot {forgot} entries it had room for");
    if capacity >= 40 {
        assert_eq!(cache.len(), model.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn caches_agree_with_a_map(operations in operations(), capacity in prop_oneof![1_usize..45, Just(300)]) {
        check(VectorCache::<(u8, u8), u32>::new(capacity, 3), VectorCache::<u8>::new(capacity, 1).capacity(), &operations);
        let cache = FeatureCache::<u8, u32>::new(capacity);
        let rounded = cache.capacity();
        check(cache, rounded, &operations);
        check(LocalFeatureCache::<u8, u32>::new(capacity), capacity, &operations);
    }
}

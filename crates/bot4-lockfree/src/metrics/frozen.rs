//! Metrics by name on the hot path.

use super::registry::Metric;
use super::{Counter, FloatGauge, Gauge, Histogram};
use std::fmt;

/// The metrics that a [`Registry`](super::Registry) had at one moment, found by name without a lock and without
/// allocation.
///
/// For code that is handed names: a hash and a comparison per look-up. Where the name is known when the
/// program starts, a handle is far faster. A metric with labels has the name that the exported page gives it.
///
/// ```
/// use bot4_lockfree::metrics::Registry;
///
/// let registry = Registry::new();
/// let fills = registry.counter("fills_total", "");
/// let _ = registry.counter_with("orders_total", "", &[("venue", "x"), ("side", "buy")]);
/// let by_name = registry.freeze();
///
/// by_name.counter("fills_total").expect("registered above").increment(1);
/// assert_eq!(fills.value(), 1);
/// assert!(by_name.counter(r#"orders_total{side="buy",venue="x"}"#).is_some());
/// assert!(by_name.gauge("fills_total").is_none(), "it is a counter");
/// ```
pub struct Frozen {
    /// An open hash table, at most half full. The names are the program's own, so the hash needs no seed.
    entries: Box<[Option<Entry>]>,
}

struct Entry {
    name: Box<str>,
    metric: Metric,
}

/// Odd and without pattern: the fraction of the golden ratio.
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// Calls `each` with the bytes as words. The last word overlaps the one before it, so that its bytes need no loop.
#[inline(always)]
fn words(bytes: &[u8], mut each: impl FnMut(u64)) {
    let Some(last) = bytes.last_chunk::<8>() else {
        // Fewer than eight: their two halves, which may overlap as well.
        if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            each(u64::from(u32::from_le_bytes(*first)) << 32 | u64::from(u32::from_le_bytes(*last)));
        } else {
            each(bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
        return;
    };
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        each(u64::from_le_bytes(*chunk));
        at += 8;
    }
    each(u64::from_le_bytes(*last));
}

#[inline(always)]
fn hash(name: &str) -> u64 {
    let mut hash = name.len() as u64;
    words(name.as_bytes(), |word| hash = (hash.rotate_left(23) ^ word).wrapping_mul(MULTIPLIER));
    hash ^ hash >> 32
}

/// Equality without a call: names are short.
#[inline(always)]
fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() || one.last_chunk::<8>() != other.last_chunk::<8>() {
        return false;
    }
    let (one_words, one_rest) = one.as_chunks::<8>();
    let (other_words, other_rest) = other.as_chunks::<8>();
    let words = one_words.iter().zip(other_words).all(|(one, other)| one == other);
    // With a whole word the rest lies in the last chunk, which was compared.
    words && (!one_words.is_empty() || one_rest == other_rest)
}

macro_rules! find {
    ($self:ident, $name:ident, $variant:ident) => {
        match $self.find($name) {
            Some(Metric::$variant(metric)) => Some(metric),
            _ => None,
        }
    };
}

impl Frozen {
    pub(super) fn new(metrics: Vec<(String, Metric)>) -> Self {
        let places = (2 * metrics.len()).next_power_of_two();
        let mut frozen = Self { entries: (0..places).map(|_| None).collect() };
        for (name, metric) in metrics {
            let free = frozen.places(&name).find(|&place| frozen.entries[place].is_none());
            let place = free.expect("the table is at most half full");
            frozen.entries[place] = Some(Entry { name: name.into(), metric });
        }
        frozen
    }

    /// Where a name may be: from its hash on.
    #[inline]
    fn places(&self, name: &str) -> impl Iterator<Item = usize> + use<> {
        let (start, mask) = (hash(name) as usize, self.entries.len() - 1);
        (0..=mask).map(move |step| start.wrapping_add(step) & mask)
    }

    #[inline]
    fn find(&self, name: &str) -> Option<&Metric> {
        for place in self.places(name) {
            let entry = self.entries[place].as_ref()?;
            if same(entry.name.as_bytes(), name.as_bytes()) {
                return Some(&entry.metric);
            }
        }
        None
    }

    /// The counter of this name; `None` if there was none. Wait-free, no allocation.
    #[inline]
    #[must_use]
    pub fn counter(&self, name: &str) -> Option<&Counter> {
        find!(self, name, Counter)
    }

    /// The integer gauge of this name; `None` if there was none. Wait-free, no allocation.
    #[inline]
    #[must_use]
    pub fn gauge(&self, name: &str) -> Option<&Gauge> {
        find!(self, name, Gauge)
    }

    /// The float gauge of this name; `None` if there was none. Wait-free, no allocation.
    #[inline]
    #[must_use]
    pub fn float_gauge(&self, name: &str) -> Option<&FloatGauge> {
        find!(self, name, FloatGauge)
    }

    /// The histogram of this name; `None` if there was none. Wait-free, no allocation.
    #[inline]
    #[must_use]
    pub fn histogram(&self, name: &str) -> Option<&Histogram> {
        find!(self, name, Histogram)
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metrics = self.entries.iter().flatten().count();
        f.debug_struct("Frozen").field("metrics", &metrics).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(bot4_loom)))]
mod tests {
    use super::super::Registry;

    #[test]
    fn every_name_is_found_and_no_other() {
        let registry = Registry::new();
        // Names of every length around the words, that differ in any one place, and prefixes of each other.
        let names: Vec<String> = (1..40)
            .flat_map(|n| {
                [0, n / 2, n - 1].map(|at| {
                    let mut name = vec![b'a'; n];
                    name[at] = b'b';
                    String::from_utf8(name).unwrap()
                })
            })
            .chain((1..40).map(|n| "a".repeat(n)))
            .collect();
        for (i, name) in names.iter().enumerate() {
            let counter = registry.counter(name, "");
            counter.increment(i as u64 + 1 - counter.value());
        }
        let frozen = registry.freeze();
        for name in &names {
            assert_eq!(frozen.counter(name).unwrap().value(), registry.counter(name, "").value(), "{name}");
            assert!(
                frozen.counter(&format!("{name}c")).is_none()
                    && frozen.counter(&format!("{name}\0")).is_none()
            );
        }
        assert!(frozen.counter("").is_none());
        assert!(Registry::new().freeze().counter("a").is_none(), "an empty registry");
    }
}

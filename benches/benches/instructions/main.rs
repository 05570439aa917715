//! How many instructions do the hot functions take, and how many cache misses? Counted by callgrind, so the same on a
//! busy machine as on an idle one: `cargo xtask counts` compares them with the committed limits.
//!
//! Valgrind has no AVX-512: what is counted is the AVX2 path. A file per crate; the name of a count is
//! `crate::function::input`.

#![allow(missing_docs, clippy::missing_const_for_fn, reason = "the macros make public modules and functions")]

mod groups;

use groups::{cache::cache, lockfree::lockfree, ml::ml, pipeline::pipeline, pool::pool, simd::simd};
use iai_callgrind::{Callgrind, LibraryBenchmarkConfig};

/// A first-level cache of 32 KiB and a last level of 8 MiB, whatever the machine has: the counts are compared with committed ones.
const CACHES: [&str; 4] = ["--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64"];

iai_callgrind::main!(
    config = LibraryBenchmarkConfig::default().tool(Callgrind::with_args(CACHES));
    library_benchmark_groups = pool, lockfree, simd, pipeline, cache, ml
);

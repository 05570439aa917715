//! A file per crate, each with the group of the same name.

pub(crate) mod cache;
pub(crate) mod lockfree;
pub(crate) mod ml;
pub(crate) mod pipeline;
pub(crate) mod pool;
pub(crate) mod simd;

//! Caches for feature vectors: shared, single-threaded and allocation-free.

//! Aligned buffers, arenas, object pools and an allocation audit for hot paths.

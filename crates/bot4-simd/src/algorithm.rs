//! Each algorithm once, generic over [`Vector`](crate::vector::Vector).

pub(crate) mod arithmetic;
pub(crate) mod extrema;
pub(crate) mod linear;
pub(crate) mod map;
pub(crate) mod math;
pub(crate) mod moments;
pub(crate) mod product;
pub(crate) mod reduce;
pub(crate) mod softmax;

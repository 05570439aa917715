//! The kernels on every instruction set, in one program: each of them is compiled once for all of these tests.
mod inputs;
mod kernels;
mod panels;
mod reproducible;
mod rolling;
mod short;
mod special;
mod steps;
mod trees;

//! Drives the build, profile, rebuild loop and the checks of the project.
fn main() {}

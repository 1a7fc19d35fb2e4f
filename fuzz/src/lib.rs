//! What must hold for any bytes: no panic, no endless work, and the laws that each target asserts.
//!
//! A target takes the bytes of one input and says whether they made sense, so that a fuzzer goes
//! on from those that did. Two programs feed them:
//!
//! - `cargo run -p pintle-fuzz -- --seconds 5`, on stable Rust, with the same inputs on every run:
//!   what continuous integration does;
//! - `cargo +nightly fuzz run --features libfuzzer json`, with
//!   [cargo-fuzz](https://rust-fuzz.github.io/book/), which sees what an input covers: for long runs.

mod mutate;
mod random;
mod seeds;
mod targets;

pub use mutate::Corpus;
pub use mutate::INPUT_BYTES_MAX;
pub use random::Random;
pub use targets::TARGETS;
pub use targets::Target;
pub use targets::run;

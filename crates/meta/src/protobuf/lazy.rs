//! A codec that is not learned before it is asked for.

use super::{Codec, learn};
use crate::object::Served;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The codec of a type, where its author offers protocol buffers.
#[derive(Clone, Debug)]
pub struct LazyCodec {
    learn: fn() -> Result<Codec, String>,
    offered: bool,
    learned: Arc<OnceLock<Result<Codec, String>>>,
    complained: Arc<AtomicBool>,
}

impl LazyCodec {
    /// The codec of a type, not offered yet.
    #[must_use]
    pub fn of<T: Served>() -> Self {
        let (learned, complained) = (Arc::default(), Arc::default());
        Self { learn: learn::<T>, offered: false, learned, complained }
    }

    /// Offers it.
    pub fn offer(&mut self) {
        self.offered = true;
    }

    /// Whether it is offered.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.offered
    }

    /// Why a type that is offered has no codec; told once.
    #[must_use]
    pub fn complaint(&self) -> Option<&str> {
        let why = self.codec().err().filter(|_| self.offered)?;
        (!self.complained.swap(true, Ordering::Relaxed)).then_some(why)
    }

    /// The codec, offered or not: what is stored is read whatever is offered.
    ///
    /// # Errors
    /// Where the type has no form in protocol buffers; the text says why.
    pub fn codec(&self) -> Result<&Codec, &str> {
        self.learned.get_or_init(self.learn).as_ref().map_err(String::as_str)
    }
}

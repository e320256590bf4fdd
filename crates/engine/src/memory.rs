//! How much memory the operators of all questions may take together. The bound can be moved while questions run.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::resources_datafusion_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryLimit, MemoryPool, MemoryReservation};

#[derive(Debug)]
pub(crate) struct Memory {
    used_bytes: AtomicUsize,
    most_bytes: AtomicUsize,
}

impl Memory {
    pub(crate) fn new(most_bytes: usize) -> Memory {
        Memory { used_bytes: AtomicUsize::new(0), most_bytes: AtomicUsize::new(most_bytes) }
    }

    pub(crate) fn set(&self, most_bytes: usize) {
        self.most_bytes.store(most_bytes, Ordering::Relaxed);
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (used, most) = (self.reserved(), self.most_bytes.load(Ordering::Relaxed));
        write!(f, "{used} of {most} bytes for questions")
    }
}

impl MemoryPool for Memory {
    fn name(&self) -> &str {
        "questions"
    }

    fn grow(&self, _: &MemoryReservation, additional: usize) {
        self.used_bytes.fetch_add(additional, Ordering::Relaxed);
    }

    fn shrink(&self, _: &MemoryReservation, shrink: usize) {
        self.used_bytes.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let most = self.most_bytes.load(Ordering::Relaxed);
        let grown = |used: usize| used.checked_add(additional).filter(|used| *used <= most);
        match self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown) {
            Ok(_) => Ok(()),
            Err(used) => Err(resources_datafusion_err!(
                "the questions that run need more memory than is set aside for them: {} asked for {additional} bytes, \
                 {used} of {most} are taken; ask again in a moment, or for a shorter time",
                reservation.consumer().name()
            )),
        }
    }

    fn reserved(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.most_bytes.load(Ordering::Relaxed))
    }
}

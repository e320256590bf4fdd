//! Codes that open a session once: printed by the server, kept in memory only.

use parking_lot::Mutex;
use uuid::Uuid;
use whodid_model::{Instant, Span};

/// How long a code can be used.
const CODE_LASTS: Span = Span::from_seconds(15 * 60);

/// The codes that can still be used, each with the first instant at which it can't.
#[derive(Default)]
pub(crate) struct LoginCodes(Mutex<Vec<(String, Instant)>>);

impl LoginCodes {
    pub(crate) fn make(&self, now: Instant) -> String {
        let code = Uuid::new_v4().simple().to_string();
        self.0.lock().push((code.clone(), now.plus(CODE_LASTS)));
        code
    }

    /// Whether the code opens something; afterwards it opens nothing any more.
    pub(crate) fn take(&self, code: &str, now: Instant) -> bool {
        let mut codes = self.0.lock();
        codes.retain(|(_, ends)| now < *ends);
        let found = codes.iter().position(|(known, _)| known == code);
        found.map(|index| codes.swap_remove(index)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_opens_once_and_not_after_a_quarter_of_an_hour() {
        let (codes, now) = (LoginCodes::default(), Instant(0));
        let (first, second) = (codes.make(now), codes.make(now));
        assert!(codes.take(&first, now) && !codes.take(&first, now) && !codes.take("", now));
        assert!(!codes.take(&second, now.plus(CODE_LASTS)));
    }
}

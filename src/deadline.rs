//! The moment by which something must have ended, and what is left until then.

use std::time::{Duration, Instant};

/// A moment, not a duration: a duration handed down twice is spent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// The moment `time` after `start`; a time beyond what the clock can hold is a year.
    pub fn new(start: Instant, time: Duration) -> Self {
        const YEAR: Duration = Duration::from_secs(31_536_000);
        Self(start.checked_add(time.min(YEAR)).unwrap_or(start))
    }

    /// The moment `time` from now.
    pub fn after(time: Duration) -> Self {
        Self::new(Instant::now(), time)
    }

    /// The moment so much later.
    pub fn later(self, time: Duration) -> Self {
        Self::new(self.0, time)
    }

    /// What is left, never zero: `None` when it has passed.
    pub fn remaining(self) -> Option<Duration> {
        self.0.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }

    /// The moment by which the first of `parts` equal shares of the time left is used up.
    pub fn share(self, parts: usize) -> Self {
        let parts = u32::try_from(parts.max(1)).unwrap_or(u32::MAX);
        self.remaining().map_or(self, |left| Self::after(left / parts).min(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remaining_is_never_zero() {
        assert_eq!(Deadline::after(Duration::ZERO).remaining(), None);
        assert!(Deadline::after(Duration::from_secs(60)).remaining().is_some());
    }

    #[test]
    fn shares_are_parts_of_what_is_left() {
        let whole = Deadline::after(Duration::from_secs(60));
        let half = whole.share(2);
        assert!(half < whole);
        assert!(half.remaining().is_some_and(|left| left <= Duration::from_secs(30)));
        assert_eq!(whole.share(0), whole.share(0).min(whole));
    }

    #[test]
    fn the_largest_duration_is_a_year() {
        assert!(Deadline::after(Duration::MAX).remaining().is_some());
    }
}

//! Time, handed in: creation stamps, expiry and certificates all take a [`Clock`].
//!
//! Nothing else asks the system for the time of day (clippy refuses it), so a test owns every
//! date that a server writes.

use jiff::Timestamp;

/// Where the time of day comes from.
///
/// Cheap to clone; a server has one and hands it to whatever needs a date.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Fixed(Timestamp),
}

impl Clock {
    /// The clock of the machine.
    pub(crate) fn system() -> Self {
        Clock(Source::System)
    }

    /// A clock that stands still, for tests.
    #[cfg_attr(not(test), expect(dead_code, reason = "what tests own, the server does not use"))]
    pub(crate) fn fixed(now: Timestamp) -> Self {
        Clock(Source::Fixed(now))
    }

    /// The time now.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the system")]
    pub(crate) fn now(&self) -> Timestamp {
        match self.0 {
            Source::System => Timestamp::now(),
            Source::Fixed(now) => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_fixed_clock_stands_still_and_the_system_clock_does_not_go_back() {
        let dawn = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1);
        let clock = Clock::fixed(dawn);
        assert_eq!((clock.now(), clock.clone().now()), (dawn, dawn));

        let clock = Clock::system();
        assert!(clock.now() > dawn);
        assert!(clock.now() <= clock.now());
    }
}

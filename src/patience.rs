//! Waiting for what nobody announces: look, pause, look again, and give up in the end.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long to wait, and how often to look.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// After this, no more.
    pub limit: Duration,
    /// Between two looks.
    pub interval: Duration,
}

impl Patience {
    /// Returns a patience of so many milliseconds, with looks so many milliseconds apart.
    pub const fn of_millis(limit: u64, interval: u64) -> Patience {
        Patience {
            limit: Duration::from_millis(limit),
            interval: Duration::from_millis(interval),
        }
    }

    /// Begins to wait.
    pub fn begin(self) -> Wait {
        Wait {
            end: Instant::now() + self.limit,
            interval: self.interval,
        }
    }

    /// Looks until there is something; `None` where there never was. It is looked once at least.
    pub fn until<T>(self, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        let wait = self.begin();
        loop {
            let found = look();
            if found.is_some() || !wait.pause() {
                return found;
            }
        }
    }
}

/// Somebody waits.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    end: Instant,
    interval: Duration,
}

impl Wait {
    /// Pauses before the next look; `false`, and at once, where there is to be none.
    pub fn pause(&self) -> bool {
        let goes_on = Instant::now() < self.end;
        if goes_on {
            sleep(self.interval);
        }
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_for_something_or_gives_up() {
        let mut looks = 0;
        let mut third = || {
            looks += 1;
            (looks == 3).then_some(looks)
        };
        let patience = Patience::of_millis(60_000, 1);
        assert_eq!(patience.until(&mut third), Some(3));
        let begun = Instant::now();
        assert_eq!(Patience::of_millis(20, 1).until(|| None::<()>), None);
        assert!(begun.elapsed() >= Duration::from_millis(20));
        assert_eq!(Patience::of_millis(0, 1000).until(|| Some(1)), Some(1));
    }
}

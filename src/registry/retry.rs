//! What is tried again, and after how long.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::Error;
use crate::settings::Settings;

/// Patience: how long to wait for what, and how often.
#[derive(Debug, Clone)]
pub struct Timing {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the next byte of an answer; a stalled download is taken up again after it.
    pub stall: Duration,
    /// For the answer to an upload that has been sent: the registry may be hashing it, or moving it to its storage.
    pub finish: Duration,
    /// Before the first retry; doubled for each further one.
    pub backoff: Duration,
    /// The longest pause of our own choice.
    pub backoff_limit: Duration,
    /// The longest pause a `Retry-After` may ask for; what asks for more has failed.
    pub retry_after_limit: Duration,
    /// Retries after the first try. Docker's `max-download-attempts` is 5.
    pub retries: u32,
    /// The pause before each retry where the user has chosen it.
    pub delay: Option<Duration>,
}

impl Default for Timing {
    fn default() -> Self {
        Timing {
            connect: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            finish: Duration::from_secs(300),
            backoff: Duration::from_millis(300),
            backoff_limit: Duration::from_secs(15),
            retry_after_limit: Duration::from_secs(90),
            retries: 5,
            delay: None,
        }
    }
}

impl Timing {
    /// Returns the usual patience, with what the user says of it.
    pub fn of(settings: &Settings) -> Timing {
        let usual = Timing::default();
        let said = &settings.registries;
        Timing {
            retries: said.retries.unwrap_or(usual.retries),
            delay: said.retry_delay,
            ..usual
        }
    }

    /// Returns the pause before retry number `retry` (from 0): exponential, the upper half of it random, so that clients
    /// that failed together do not come back together. A pause that the user has chosen is kept to.
    pub(super) fn pause(&self, retry: u32) -> Duration {
        if let Some(delay) = self.delay {
            return delay;
        }
        let full = self
            .backoff
            .saturating_mul(1 << retry.min(16))
            .min(self.backoff_limit);
        let mut random = [0u8; 4];
        // Without randomness the pause is merely not spread.
        let _ = crate::sys::random::fill(&mut random);
        let share = f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX);
        full.mul_f64(0.5 + share / 2.0)
    }
}

/// A try that failed, and whether another one can help.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    pub(super) retry: Retry,
    /// Of the answer, where there was one.
    pub(super) status: Option<StatusCode>,
}

/// When to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// It would fail again.
    Never,
    /// After a pause of our own choice.
    Backoff,
    /// After at least what the server asked for.
    After(Duration),
}

impl From<Error> for Failure {
    /// What is not known to pass is final.
    fn from(error: Error) -> Self {
        Failure {
            error,
            retry: Retry::Never,
            status: None,
        }
    }
}

/// Counts the tries of one piece of work.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    timing: &'a Timing,
    used: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(timing: &'a Timing) -> Self {
        Patience { timing, used: 0 }
    }

    /// Forgets earlier failures, after progress.
    pub(super) fn refill(&mut self) {
        self.used = 0;
    }

    /// Returns the pause before the next try, or the failure as final.
    pub(super) fn pause(&mut self, failure: Failure) -> Result<Duration, Error> {
        let own = self.timing.pause(self.used);
        let pause = match failure.retry {
            Retry::Backoff => own,
            Retry::After(asked) if asked <= self.timing.retry_after_limit => own.max(asked),
            Retry::Never | Retry::After(_) => return Err(failure.error),
        };
        if self.used >= self.timing.retries {
            return Err(failure.error);
        }
        self.used += 1;
        Ok(pause)
    }

    /// Sleeps before the next try, or gives the failure back as final.
    pub(super) async fn wait(&mut self, failure: Failure) -> Result<(), Error> {
        let pause = self.pause(failure)?;
        tokio::time::sleep(pause).await;
        Ok(())
    }
}

/// Whether an answer's status says "later" rather than "no".
pub(super) fn is_transient(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || (status.is_server_error()
            && status != StatusCode::NOT_IMPLEMENTED
            && status != StatusCode::HTTP_VERSION_NOT_SUPPORTED)
}

/// Returns the pause an answer asks for: seconds or a date.
///
/// Spec: RFC 9110, section 10.2.3.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than a u64 holds is "never".
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let then = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    let now = jiff::Timestamp::try_from(now).ok()?;
    Some(Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::RETRY_AFTER, value.parse().unwrap());
        // 2015-10-21 07:28:00 UTC
        retry_after(
            &headers,
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_445_412_480),
        )
    }

    #[test]
    fn reads_retry_after() {
        assert_eq!(after("3"), Some(Duration::from_secs(3)));
        assert_eq!(
            after("99999999999999999999999"),
            Some(Duration::from_secs(u64::MAX))
        );
        assert_eq!(
            after("Wed, 21 Oct 2015 07:28:05 GMT"),
            Some(Duration::from_secs(5))
        );
        assert_eq!(after("Wed, 21 Oct 2015 07:27:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }

    #[test]
    fn pauses_grow_and_end() {
        let timing = Timing::default();
        for retry in 0..40 {
            let pause = timing.pause(retry);
            assert!(pause <= timing.backoff_limit);
            assert!(pause >= timing.backoff / 2);
        }
        assert!(timing.pause(10) >= timing.backoff_limit / 2);
        let mut settings = Settings::default();
        settings.registries.retries = Some(0);
        settings.registries.retry_delay = Some(Duration::from_secs(7));
        let timing = Timing::of(&settings);
        assert_eq!(timing.retries, 0);
        assert_eq!(timing.pause(3), Duration::from_secs(7));
    }
}

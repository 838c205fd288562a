//! What is tried again, and when: passing failures, after a pause that spreads callers out, within the deadline.

use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::{Error, ErrorKind, Hint, Result};
use crate::retry_after;
use crate::runtime::context::Context;

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// Seconds to pause after an answer of 429 that does not say how long, as Atlas advises; the last repeats.
const RATE_LIMIT_PAUSES: [u32; 3] = [10, 20, 40];

/// How many answers of 429 did not say how long to wait: in a call, or in a wait since its last poll that succeeded.
/// Each makes the next pause longer.
#[derive(Default)]
pub(crate) struct RateLimits {
    unhinted: usize,
}

impl RateLimits {
    /// Notes how a try failed.
    fn note(&mut self, error: &Error) {
        if error.kind == ErrorKind::RateLimited && error.retry_after.is_none() {
            self.unhinted += 1;
        }
    }

    /// How long to pause after the failure that was noted last, by what Atlas says of it; `None` if that is nothing.
    pub(crate) fn pause(&self, error: &Error) -> Option<Duration> {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        match error.retry_after {
            Some(asked) => Some(seconds(asked.min(retry_after::LONGEST))),
            None if error.kind == ErrorKind::RateLimited => {
                let at = self.unhinted.clamp(1, RATE_LIMIT_PAUSES.len()) - 1;
                let pause = seconds(RATE_LIMIT_PAUSES[at]);
                Some(pause * 4 / 5 + part_of(pause * 9 / 20, random()))
            }
            None => None,
        }
    }
}

/// Runs `attempt` until it succeeds, fails for good, or `max_retries` more tries or the deadline are used up. The
/// attempt gets the reason for the retry; the first time that is empty.
///
/// When the time is up after something was seen, that is the error: it says more than "timeout".
pub(crate) fn run<T>(
    context: &Context,
    max_retries: u32,
    limits: &mut RateLimits,
    mut attempt: impl FnMut(&str) -> Result<T>,
) -> Result<T> {
    let mut seen: Option<Error> = None;
    let mut retries = 0;
    loop {
        let retry_reason = seen.as_ref().map_or_else(String::new, |error| {
            let why = match error.http_status {
                0 => error.kind.name().to_owned(),
                status => format!("status {status}"),
            };
            format!("of {why}, retry {retries} of {max_retries}")
        });
        let error = match attempt(&retry_reason) {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        // Our own deadline, not a 408.
        if error.kind == ErrorKind::Timeout && !error.transient && error.http_status == 0 {
            return Err(match seen {
                Some(seen) => seen.hint(Hint::TIME_WAS_UP),
                None => error.hint(Hint::NO_ANSWER_IN_TIME),
            });
        }
        if !error.transient {
            return Err(error);
        }
        limits.note(&error);
        if retries == max_retries {
            return Err(match retries {
                0 => error,
                _ => error.hint(Hint::tries_made(retries + 1)),
            });
        }
        let asked = limits.pause(&error);
        let pause = asked.unwrap_or_else(|| jittered(backoff(retries)));
        let Some(resume) = Instant::now().checked_add(pause) else {
            return Err(error);
        };
        if context.deadline().is_some_and(|deadline| resume >= deadline) {
            return Err(error.hint(Hint::NO_TIME_LEFT));
        }
        context.sleep_until(resume)?;
        seen = Some(error);
        retries += 1;
    }
}

fn backoff(retries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << retries.min(16)).min(LONGEST_PAUSE)
}

/// Full jitter: anything up to `longest`, so that clients that failed together do not come back together.
fn jittered(longest: Duration) -> Duration {
    part_of(longest, random())
}

/// `part` of 2^32 of a duration. No floating-point number is used anywhere in this library: a host may have
/// floating-point exceptions trapped, and a rounded result is one.
pub(crate) fn part_of(whole: Duration, part: u32) -> Duration {
    let nanoseconds = (whole.as_nanos() * u128::from(part)) >> 32;
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// A random number from the kernel, so that forked processes do not draw the same.
pub(crate) fn random() -> u32 {
    let mut bytes = [0; 4];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(_) => u32::from_ne_bytes(bytes),
        Err(_) => u32::MAX / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_a_quarter_second_to_eight() {
        let pauses: Vec<u128> = (0..8).map(|retries| backoff(retries).as_millis()).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(backoff(u32::MAX).as_millis(), 8000);
    }

    #[test]
    fn after_429_pauses_are_10_20_and_40_seconds_give_or_take_a_fifth() {
        let mut limits = RateLimits::default();
        let mut unhinted = Error::transient(ErrorKind::RateLimited, "");
        let mut hinted = unhinted.clone();
        hinted.retry_after = Some(7);
        for seconds in [10.0, 20.0, 40.0, 40.0, 40.0] {
            limits.note(&hinted);
            assert_eq!(limits.pause(&hinted), Some(Duration::from_secs(7)));
            limits.note(&Error::transient(ErrorKind::Server, ""));
            limits.note(&unhinted);
            let drawn: Vec<f64> = (0..1000)
                .filter_map(|_| limits.pause(&unhinted))
                .map(|pause| pause.as_secs_f64() / seconds)
                .collect();
            assert_eq!(drawn.len(), 1000);
            let within = |least: f64, most: f64| {
                let count = drawn.iter().filter(|it| (least..=most).contains(*it));
                count.count()
            };
            assert_eq!(within(0.8, 1.25), 1000, "{seconds}: {drawn:?}");
            assert!(within(0.8, 0.85) > 0 && within(1.2, 1.25) > 0, "{drawn:?}");
        }
        // What a server says is not believed beyond a day, and what it does not say is no pause.
        unhinted.retry_after = Some(u32::MAX);
        assert_eq!(limits.pause(&unhinted), Some(Duration::from_secs(86_400)));
        assert_eq!(limits.pause(&Error::transient(ErrorKind::Server, "")), None);
    }

    #[test]
    fn polls_that_are_limited_one_after_the_other_pause_longer_each_time() {
        let canceller = crate::runtime::context::Canceller::default();
        let mut limits = RateLimits::default();
        for (least, most) in [(8.0, 12.5), (16.0, 25.0), (32.0, 50.0), (32.0, 50.0)] {
            // A poll whose time is over before the shortest pause would be fails at once, whatever its retries.
            let deadline = Instant::now().checked_add(Duration::from_secs_f64(least));
            let poll = canceller.enter(deadline).unwrap();
            let mut tries = 0;
            let outcome: Result<()> = run(&poll, 9, &mut limits, |_| {
                tries += 1;
                Err(Error::transient(ErrorKind::RateLimited, "too many requests"))
            });
            let pause = limits.pause(&outcome.unwrap_err()).unwrap().as_secs_f64();
            assert!((least..=most).contains(&pause), "{pause}");
            assert_eq!(tries, 1);
        }
    }

    #[test]
    fn pauses_are_spread_from_nothing_to_the_longest() {
        let longest = Duration::from_secs(8);
        let drawn: Vec<f64> = (0..1000).map(|_| jittered(longest).as_secs_f64()).collect();
        assert!(drawn.iter().all(|it| (0.0..=8.0).contains(it)), "{drawn:?}");
        assert!(drawn.iter().any(|it| *it < 1.0), "{drawn:?}");
        assert!(drawn.iter().any(|it| *it > 7.0), "{drawn:?}");
    }

    #[test]
    fn each_try_knows_why_it_is_made_and_the_last_failure_their_number() {
        let context = crate::runtime::context::Canceller::default().enter(None).unwrap();
        let mut reasons = Vec::new();
        let outcome: Result<()> = run(&context, 2, &mut RateLimits::default(), |retry_reason| {
            reasons.push(retry_reason.to_owned());
            let mut error = Error::transient(ErrorKind::Network, "it failed");
            error.http_status = if reasons.len() == 1 { 503 } else { 0 };
            error.retry_after = Some(0);
            Err(error)
        });
        assert_eq!(reasons, ["", "of status 503, retry 1 of 2", "of network, retry 2 of 2"]);
        assert_eq!(outcome.unwrap_err().message(), "it failed; 3 tries were made");
    }

    #[test]
    fn only_our_own_deadline_is_told_as_one() {
        let context = crate::runtime::context::Canceller::default().enter(None).unwrap();
        let message_of = |errors: &[Error]| {
            let mut errors = errors.iter().cloned();
            let outcome: Result<()> =
                run(&context, 9, &mut RateLimits::default(), |_| Err(errors.next().unwrap()));
            outcome.unwrap_err().message()
        };
        let late = Error::new(ErrorKind::Timeout, "late");
        let mut seen = Error::transient(ErrorKind::Network, "reset");
        seen.retry_after = Some(0);
        let mut connecting = Error::transient(ErrorKind::Timeout, "no connection");
        connecting.retry_after = Some(0);
        let lasting = "late; the server did not answer in time; try again or allow more time";
        assert_eq!(message_of(std::slice::from_ref(&late)), lasting);
        let during = "the time was up during another try";
        assert_eq!(message_of(&[seen, late.clone()]), format!("reset; {during}"));
        assert_eq!(message_of(&[connecting, late.clone()]), format!("no connection; {during}"));
        assert_eq!(message_of(&[late.answered(408)]), "late");
        assert_eq!(message_of(&[Error::new(ErrorKind::Tls, "refused")]), "refused");
    }
}

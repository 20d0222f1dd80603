//! Points in time and spans of it, in Docker's and Go's words.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Returns the time now.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns the seconds from `earlier` (RFC 3339) to `now`; 0 for a text that is no time.
pub(crate) fn seconds_since(earlier: &str, now: Timestamp) -> i64 {
    let earlier: Timestamp = earlier.parse().unwrap_or(now);
    now.as_second()
        - earlier.as_second()
        - i64::from(now.subsec_nanosecond() < earlier.subsec_nanosecond())
}

/// Returns `5 minutes`, `About an hour`, … for a number of seconds (go-units, `HumanDuration`).
pub(crate) fn human(seconds: i64) -> String {
    let minutes = seconds / 60;
    // Docker rounds to whole hours; everything longer is a multiple of those.
    let hours = (seconds + 1800) / 3600;
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        _ if minutes == 1 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// Returns `5 minutes ago` for a time in RFC 3339.
pub(crate) fn ago(earlier: &str, now: Timestamp) -> String {
    format!("{} ago", human(seconds_since(earlier, now)))
}

/// Returns a time in RFC 3339 as Go's `Time.String` has it for whole seconds: `2006-01-02 15:04:05 +0000 UTC`, local time.
pub(crate) fn local(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S %z %Z")
            .to_string(),
        Err(_) => text.to_owned(),
    }
}

/// Returns a time in RFC 3339 as Go's `time.RFC3339` has it: whole seconds, local time.
pub(crate) fn rfc3339(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(time) => {
            let zoned = time.to_zoned(TimeZone::system());
            let zone = match zoned.offset().is_zero() {
                true => "Z".to_owned(),
                false => zoned.strftime("%:z").to_string(),
            };
            format!("{}{zone}", zoned.strftime("%Y-%m-%dT%H:%M:%S"))
        }
        Err(_) => text.to_owned(),
    }
}

/// Reads a point in time as `logs --since` and `--filter until=` take it: RFC 3339 with parts left out (local time where
/// there is no zone), seconds since 1970 with a fraction, or a Go duration before `now`. Returns nanoseconds since 1970.
///
/// # Errors
///
/// In words.
pub(crate) fn parse_instant(text: &str, now: Timestamp) -> Result<i128, String> {
    if let Some(duration) = parse_duration(text) {
        return Ok(now.as_nanosecond() - duration);
    }
    if let Some(seconds) = parse_unix(text) {
        return Ok(seconds);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_nanosecond());
    }
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| jiff::civil::DateTime::strptime("%Y-%m-%dT%H", text))
        .or_else(|_| text.trim_end_matches('Z').parse::<jiff::civil::DateTime>());
    let zone = if text.ends_with('Z') {
        TimeZone::UTC
    } else {
        TimeZone::system()
    };
    civil
        .and_then(|civil| civil.to_zoned(zone))
        .map(|zoned| zoned.timestamp().as_nanosecond())
        .map_err(|_| format!("failed to parse value as time or duration: {text:?}"))
}

/// `1136073600` or `1136073600.5`.
fn parse_unix(text: &str) -> Option<i128> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let number = seconds.strip_prefix('-').unwrap_or(seconds);
    if number.is_empty() || !digits(number) || !digits(fraction) || number.len() > 15 {
        return None;
    }
    let nanoseconds: i128 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    Some(seconds.parse::<i128>().ok()? * 1_000_000_000 + nanoseconds)
}

/// Reads a Go duration (`1h30m`, `1.5s`, `300ms`), as nanoseconds; `None` if it is none or longer than 292 years.
pub(crate) fn parse_duration(text: &str) -> Option<i128> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_i128;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(end);
        let unit_end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || whole.len() > 18 || fraction.contains('.') {
            return None;
        }
        let whole: i128 = if whole.is_empty() {
            0
        } else {
            whole.parse().ok()?
        };
        total += whole * unit;
        let mut scale = unit;
        for digit in fraction.bytes() {
            scale /= 10;
            total += i128::from(digit - b'0') * scale;
        }
        rest = tail;
    }
    (total <= i128::from(i64::MAX)).then_some(if negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_as_docker() {
        for (seconds, text) in [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "About a minute"),
            (119, "About a minute"),
            (120, "2 minutes"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (5399, "About an hour"),
            (5400, "2 hours"),
            (47 * 3600, "47 hours"),
            (48 * 3600, "2 days"),
            (13 * 86400, "13 days"),
            (14 * 86400, "2 weeks"),
            (59 * 86400, "8 weeks"),
            (60 * 86400, "2 months"),
            (729 * 86400, "24 months"),
            (730 * 86400, "2 years"),
        ] {
            assert_eq!(human(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn reads_instants() {
        let now: Timestamp = "2024-01-02T03:04:05Z".parse().unwrap();
        let at = |text| parse_instant(text, now);
        let second = 1_000_000_000_i128;
        assert_eq!(at("10m"), Ok(now.as_nanosecond() - 600 * second));
        assert_eq!(at("1h1.5s"), Ok(now.as_nanosecond() - 3_601_500_000_000));
        assert_eq!(at("1136073600"), Ok(1_136_073_600 * second));
        assert_eq!(at("1136073600.000000001"), Ok(1_136_073_600 * second + 1));
        assert_eq!(at("2013-01-02T13:23:37Z"), Ok(1_357_133_017 * second));
        assert_eq!(
            at("2013-01-02T13:23:37.5+01:00"),
            Ok(1_357_129_417_500_000_000)
        );
        assert!(at("2013-01-02").is_ok());
        assert!(at("2013-01-02T13:23").is_ok());
        assert!(at("yesterday").is_err());
        assert!(at("1x").is_err());
        assert_eq!(parse_duration(""), None);
        assert_eq!(parse_duration("1.2.3s"), None);
    }

    #[test]
    fn counts_whole_seconds() {
        let now: Timestamp = "2024-01-01T00:00:02.1Z".parse().unwrap();
        assert_eq!(seconds_since("2024-01-01T00:00:00.5Z", now), 1);
        assert_eq!(seconds_since("2024-01-01T00:00:00.0Z", now), 2);
    }
}

//! How long an answer asks the client to wait.

use std::time::Duration;

use httpdate::parse_http_date;

/// The longest wait that is honored.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);

/// The wait that a `Retry-After` header asks for (RFC 9110, section 10.2.3), at most [`LONGEST_WAIT`].
///
/// A date is compared with the `date` of the same answer, so that a wrong clock on this computer does not
/// matter. None when the header has no usable value, or asks for no wait at all.
pub(super) fn wait(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let asked = seconds(retry_after.trim()).or_else(|| until(retry_after, date))?;
    if asked.is_zero() {
        return None;
    }
    Some(asked.min(LONGEST_WAIT))
}

fn seconds(text: &str) -> Option<Duration> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than fit are still a number of seconds.
    Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

fn until(text: &str, date: Option<&str>) -> Option<Duration> {
    let end = parse_http_date(text).ok()?;
    let now = parse_http_date(date?).ok()?;
    end.duration_since(now).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn both_forms_are_read_and_capped() {
        let cases = [
            ("7", None, Some(7)),
            (" 30 ", None, Some(30)),
            ("901", None, Some(900)),
            ("99999999999999999999999", None, Some(900)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some(DATE), Some(30)),
            ("Sunday, 06-Nov-94 08:50:07 GMT", Some(DATE), Some(30)),
            ("Sun, 06 Nov 1994 18:49:37 GMT", Some(DATE), Some(900)),
        ];
        for (header, date, expected) in cases {
            assert_eq!(
                wait(header, date),
                expected.map(Duration::from_secs),
                "{header}"
            );
        }
    }

    #[test]
    fn garbage_and_the_past_are_no_wait() {
        for (header, date) in [
            ("", Some(DATE)),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("soon", Some(DATE)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(DATE)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(DATE)),
            ("Sun, 06 Nov 1994 08:50:07 GMT", None),
            ("Sun, 06 Nov 1994 08:50:07 GMT", Some("today")),
        ] {
            assert_eq!(wait(header, date), None, "{header}");
        }
    }
}

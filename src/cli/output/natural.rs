//! Docker's order of lists for people: numbers inside words count as numbers. Source: fvbommel/sortorder, `NaturalLess`.

use std::cmp::Ordering;

/// Compares two words, runs of digits by their value.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (&[x, ..], &[y, ..]) = (a, b) else {
            return a.len().cmp(&b.len());
        };
        if !(x.is_ascii_digit() && y.is_ascii_digit()) {
            match x.cmp(&y) {
                Ordering::Equal => (a, b) = (&a[1..], &b[1..]),
                other => return other,
            }
            continue;
        }
        let ((x, a_rest), (y, b_rest)) = (digits(a), digits(b));
        let (x_value, y_value) = (without_zeros(x), without_zeros(y));
        let order = (x_value.len().cmp(&y_value.len()))
            .then_with(|| x_value.cmp(y_value))
            // Of equal values the one with fewer zeros before it.
            .then_with(|| x.len().cmp(&y.len()));
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
}

/// Splits the digits off that `bytes` begins with.
fn digits(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit());
    bytes.split_at(end.unwrap_or(bytes.len()))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let start = digits.iter().position(|digit| *digit != b'0');
    &digits[start.unwrap_or(digits.len())..]
}

#[cfg(test)]
mod tests {
    use super::compare;

    #[test]
    fn numbers_count_as_numbers() {
        let sorted = [
            "",
            "0",
            "00",
            "1",
            "01",
            "2",
            "10",
            "80/tcp -> 0.0.0.0:9",
            "80/tcp -> 0.0.0.0:10",
            "443/tcp",
            "a",
            "a1",
            "a1b",
            "a2",
            "a10",
            "b",
        ];
        for pair in sorted.windows(2) {
            assert!(compare(pair[0], pair[1]).is_lt(), "{pair:?}");
            assert!(compare(pair[1], pair[0]).is_gt(), "{pair:?}");
        }
        assert!(compare("a10", "a10").is_eq());
    }
}

//! Sizes as Docker prints them: decimal, with three significant digits (go-units, `HumanSizeWithPrecision`).

/// Returns `1.98MB`, `12B`, `0B`.
pub(crate) fn human(bytes: u64) -> String {
    with_digits(bytes, 3)
}

/// Returns the same with four significant digits, as Docker has it in places.
pub(crate) fn human4(bytes: u64) -> String {
    with_digits(bytes, 4)
}

fn with_digits(bytes: u64, digits: i32) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{}{}", super::go::significant(size, digits), UNITS[unit])
}

/// Returns `23.54GiB`: binary, with four significant digits (go-units, `BytesSize`).
pub(crate) fn binary(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{}{}", super::go::significant(size, 4), UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_units() {
        for (bytes, text) in [
            (0, "0B"),
            (12, "12B"),
            (999, "999B"),
            (1000, "1kB"),
            (1_982_298, "1.98MB"),
            (7_800_000, "7.8MB"),
            (123_456_789, "123MB"),
            (999_900_000, "1e+03MB"),
            (1_230_000_000, "1.23GB"),
        ] {
            assert_eq!(human(bytes), text);
        }
        assert_eq!(human4(1_982_298), "1.982MB");
        assert_eq!(binary(25_276_502_016), "23.54GiB");
    }
}

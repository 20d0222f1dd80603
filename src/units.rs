//! Sizes as people write them.

/// Reads a size with an optional binary unit: `65536`, `64k`, `1.5g`, `10MiB`, `2 GB`. All units are powers of 1024.
/// Returns bytes; `None` for what is no size or does not fit.
///
/// Spec: docker/go-units, `RAMInBytes`.
pub fn parse_ram_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let shift = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift);
    }
    let fraction = number.parse::<f64>().ok()?;
    let bytes = fraction * (1u64 << shift) as f64;
    // Above 2^63 nothing is a size any more, and below it the conversion is exact enough.
    (0.0..9.2e18).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_docker_reads() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("65536", Some(65536)),
            ("64k", Some(65536)),
            ("64KiB", Some(65536)),
            ("1.5g", Some(1_610_612_736)),
            ("2 gb", Some(2 << 30)),
            ("", None),
            ("k", None),
            ("-1", None),
            ("1x", None),
            ("1.2.3", None),
            ("99999999999p", None),
        ] {
            assert_eq!(parse_ram_bytes(text), bytes, "{text:?}");
        }
    }
}

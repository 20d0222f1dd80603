//! "Did you mean …?": the nearest of some words to one that was mistyped.

/// Changes of one character that are still a slip of the finger.
const MAX_DISTANCE: usize = 2;

/// Longer words are not compared: the work is the product of the lengths.
const MAX_LENGTH: usize = 64;

/// Returns the option nearest to `word`, the first of several; `None` if none is near, or one is equal.
pub(in crate::build) fn nearest<'a>(
    word: &str,
    options: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.len() > MAX_LENGTH {
        return None;
    }
    let mut best = None;
    for option in options {
        if option == word {
            return None;
        }
        if option.len() > MAX_LENGTH {
            continue;
        }
        let distance = distance(word, option);
        if distance <= MAX_DISTANCE && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, option));
        }
    }
    best.map(|(_, option)| option)
}

/// What follows a message where something similar exists.
pub(in crate::build) fn did_you_mean(hint: Option<&str>) -> String {
    hint.map_or_else(String::new, |hint| format!(" (did you mean {hint}?)"))
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_of_some() {
        let options = ["RUN", "COPY", "ADD", "ENV"];
        assert_eq!(nearest("COYP", options), Some("COPY"));
        assert_eq!(nearest("RUM", options), Some("RUN"));
        assert_eq!(nearest("RUN", options), None);
        assert_eq!(nearest("BADCMD", options), None);
        assert_eq!(nearest("PAHT", ["HOME", "PATH"]), Some("PATH"));
        assert_eq!(nearest(&"x".repeat(1000), options), None);
    }
}

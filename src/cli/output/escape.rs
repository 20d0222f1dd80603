//! Words of images, registries and records on their way to the user's terminal, which must not obey them.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns a line with its control characters (C0, DEL, C1) spelt out, as `\x1b` or `\n`: they would move the cursor, clear
/// the screen, or begin a line that seems to be ours.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            control if control.is_control() => {
                let _ = write!(shown, "\\x{:02x}", u32::from(control));
            }
            letter => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_an_order() {
        assert_eq!(line("User: \x1b[2Jx\n"), r"User: \x1b[2Jx\n");
        assert_eq!(line("a\rb\tc\u{7f}\u{9b}2J"), r"a\rb\tc\x7f\x9b2J");
        let plain = "plain – é 語";
        assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain));
    }
}

//! Words of images, registries, records and programs on their way to the user's terminal, which must not obey them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// Returns a line with its control characters (C0, DEL, C1) spelt out, as `\x1b` or `\n`: they would move the cursor, clear
/// the screen, or begin a line that seems to be ours.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    spelt_out(text, char::is_control)
}

/// As [`line()`], for what has lines and tabs of its own.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    spelt_out(text, |letter| {
        letter.is_control() && !matches!(letter, '\n' | '\t')
    })
}

fn spelt_out(text: &str, is_order: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_order) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match letter {
            letter if !is_order(letter) => shown.push(letter),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            order => {
                let _ = write!(shown, "\\x{:02x}", u32::from(order));
            }
        }
    }
    Cow::Owned(shown)
}

/// What becomes of the colours that a program chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    /// They stay, and end with the line.
    Keep,
    /// They go.
    Drop,
}

/// What ends all colours.
const RESET: &str = "\x1b[0m";

/// Returns a line that a program has written without its end as the terminal may see it: of all control sequences at most
/// those that choose colours (SGR) are left. What is before a carriage return has been written over. Tabs stay.
///
/// Spec: ECMA-48, 5.4 (control sequences), 5.6 (control strings).
pub(crate) fn output(bytes: &[u8], colours: Colours) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\r', '\n']);
    let mut shown = String::with_capacity(text.len() + RESET.len());
    let mut coloured = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => match letters.next() {
                Some('[') => coloured |= control_sequence(&mut letters, &mut shown, colours),
                Some(']' | 'P' | 'X' | '^' | '_') => control_string(&mut letters),
                // With intermediate bytes: one more to come.
                Some(' '..='/') => {
                    while letters.next_if(|next| matches!(next, ' '..='/')).is_some() {}
                    letters.next();
                }
                _ => {}
            },
            '\u{9b}' => coloured |= control_sequence(&mut letters, &mut shown, colours),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => control_string(&mut letters),
            '\r' => shown.clear(),
            '\x08' => {
                shown.pop();
            }
            '\t' => shown.push(letter),
            control if control.is_control() => {}
            letter => shown.push(letter),
        }
    }
    if coloured {
        shown.push_str(RESET);
    }
    shown
}

/// Takes the rest of a control sequence; returns whether it was one that chooses a colour and stays.
fn control_sequence(
    letters: &mut Peekable<Chars<'_>>,
    shown: &mut String,
    colours: Colours,
) -> bool {
    let mut parameters = String::new();
    while let Some(letter) = letters.next_if(|next| matches!(next, ' '..='?')) {
        parameters.push(letter);
    }
    let Some(end) = letters.next_if(|next| matches!(next, '@'..='~')) else {
        return false;
    };
    let is_colour = end == 'm'
        && parameters
            .chars()
            .all(|letter| matches!(letter, '0'..='9' | ';' | ':'));
    if is_colour && colours == Colours::Keep {
        let _ = write!(shown, "\x1b[{parameters}m");
        return true;
    }
    false
}

/// Takes everything up to the end of a control string.
fn control_string(letters: &mut Peekable<Chars<'_>>) {
    while let Some(letter) = letters.next() {
        match letter {
            '\x07' | '\u{9c}' => return,
            '\x1b' if letters.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_the_terminal_as_an_order() {
        assert_eq!(line("User: \x1b[2Jx\n"), r"User: \x1b[2Jx\n");
        assert_eq!(line("a\rb\tc\u{7f}\u{9b}2J"), r"a\rb\tc\x7f\x9b2J");
        assert_eq!(super::text("a\r\tb\n\u{1b}[2J"), "a\\r\tb\n\\x1b[2J");
        let plain = "plain – é 語";
        assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain));
    }

    #[test]
    fn of_a_program_s_orders_only_colours_are_obeyed() {
        let kept = |bytes: &[u8]| output(bytes, Colours::Keep);
        for (written, shown) in [
            ("plain – é 語\t.", "plain – é 語\t."),
            ("\x1b[31;1mred", "\x1b[31;1mred\x1b[0m"),
            ("\u{9b}38:5:1mred", "\x1b[38:5:1mred\x1b[0m"),
            ("\x1b[2J\x1b[H\x1b[?1049hx\x1b[10Ay", "xy"),
            ("\x1b[>4;1mx\x1b[1 mz", "xz"),
            ("\x1b]0;title\x07a\x1b]52;c;ZXZpbA==\x1b\\b", "ab"),
            ("\x1bPq#0\x1b\\a\x1b_Gf=1\u{9c}b\u{9d}8;;x", "ab"),
            ("\x1b(0a\x1bc\x1b#8b\x1b", "ab"),
            ("10%\r20%\r", "20%"),
            ("abx\x08c\x00\x07\x7f\u{85}", "abc"),
            ("\x1b[31", ""),
            ("\x1b[3\u{7}1mx", "1mx"),
        ] {
            assert_eq!(kept(written.as_bytes()), shown, "{written:?}");
        }
        assert_eq!(kept(b"a\xff\x9b2Jb"), "a\u{fffd}\u{fffd}2Jb");
        assert_eq!(output(b"\x1b[31mred\x1b[m", Colours::Drop), "red");
    }
}

//! The colours of the picture of a build.
//!
//! Reference: BuildKit, `util/progress/progressui/{init,colors}.go`: `NO_COLOR` and `BUILDKIT_COLORS`.

/// A sequence that begins a colour, or nothing.
type Colour = Option<String>;

/// What ends every colour.
const RESET: &str = "\x1b[0m";

/// Names of colours and their SGR numbers.
const NAMES: [(&str, u8); 17] = [
    ("default", 39),
    ("black", 30),
    ("red", 31),
    ("green", 32),
    ("yellow", 33),
    ("blue", 34),
    ("magenta", 35),
    ("cyan", 36),
    ("white", 37),
    ("light-black", 90),
    ("light-red", 91),
    ("light-green", 92),
    ("light-yellow", 93),
    ("light-blue", 94),
    ("light-magenta", 95),
    ("light-cyan", 96),
    ("light-white", 97),
];

/// What has which colour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Palette {
    /// Steps that are done.
    done: Colour,
    /// Steps that others' failures have ended.
    cancelled: Colour,
    /// Steps that have failed.
    failed: Colour,
    /// Warnings.
    warning: Colour,
    /// Output of steps.
    faint: Colour,
}

/// What is shown in a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Done,
    Cancelled,
    Failed,
    Warning,
    Output,
    /// As the terminal has it.
    Plain,
}

impl Palette {
    /// Returns one without colours.
    pub(crate) fn none() -> Palette {
        Palette {
            done: None,
            cancelled: None,
            failed: None,
            warning: None,
            faint: None,
        }
    }

    /// Returns what `NO_COLOR` and `BUILDKIT_COLORS` ask for, and what is wrong with the latter.
    pub(crate) fn new(no_color: Option<&str>, chosen: Option<&str>) -> (Palette, Vec<String>) {
        if no_color.is_some_and(|text| !text.is_empty()) {
            return (Palette::none(), Vec::new());
        }
        let named = |number: u8| Some(format!("\x1b[{number}m"));
        let mut palette = Palette {
            done: named(34),
            cancelled: named(33),
            failed: named(31),
            warning: named(33),
            faint: named(2),
        };
        let mut wrong = Vec::new();
        let fields = chosen.unwrap_or_default().split(':');
        for field in fields.filter(|field| !field.is_empty()) {
            if let Err(problem) = palette.choose(field) {
                wrong.push(format!("BUILDKIT_COLORS: {problem}: {field:?}"));
            }
        }
        (palette, wrong)
    }

    fn choose(&mut self, field: &str) -> Result<(), &'static str> {
        let (key, value) = (field.split_once('='))
            .filter(|(_, value)| !value.contains('='))
            .ok_or("an entry is not KEY=COLOR")?;
        let value = value.to_ascii_lowercase();
        let known = NAMES.iter().find(|(name, _)| *name == value);
        let colour = match known {
            Some((_, number)) => format!("\x1b[{number}m"),
            None => of_rgb(&value).ok_or("a color is neither a name nor R,G,B")?,
        };
        let role = match key.to_ascii_lowercase().as_str() {
            "run" => &mut self.done,
            "cancel" => &mut self.cancelled,
            "error" => &mut self.failed,
            "warning" => &mut self.warning,
            _ => return Err("a key is not run, cancel, error or warning"),
        };
        *role = Some(colour);
        Ok(())
    }

    /// Returns a line in its colour.
    pub(crate) fn paint(&self, role: Role, text: &str) -> String {
        let colour = match role {
            Role::Done => &self.done,
            Role::Cancelled => &self.cancelled,
            Role::Failed => &self.failed,
            Role::Warning => &self.warning,
            Role::Output => &self.faint,
            Role::Plain => &None,
        };
        match colour {
            Some(colour) => format!("{colour}{text}{RESET}"),
            None => text.to_owned(),
        }
    }
}

/// `R,G,B` of at most 255 each, as the nearest of the 216 colours that terminals have numbers for.
fn of_rgb(text: &str) -> Colour {
    let parts: Result<Vec<u8>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    let [red, green, blue] = parts.ok()?.try_into().ok()?;
    let level = |part: u8| u32::from(part) * 6 / 256;
    let number = 16 + 36 * level(red) + 6 * level(green) + level(blue);
    Some(format!("\x1b[38;5;{number}m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_chosen_as_for_buildkit() {
        let (palette, wrong) = Palette::new(None, Some("run=green:ERROR=255,0,128:cancel=Cyan"));
        assert!(wrong.is_empty());
        assert_eq!(palette.paint(Role::Done, "x"), "\x1b[32mx\x1b[0m");
        assert_eq!(palette.paint(Role::Failed, "x"), "\x1b[38;5;199mx\x1b[0m");
        assert_eq!(palette.paint(Role::Cancelled, "x"), "\x1b[36mx\x1b[0m");
        assert_eq!(palette.paint(Role::Warning, "x"), "\x1b[33mx\x1b[0m");
        assert_eq!(palette.paint(Role::Plain, "x"), "x");
    }

    #[test]
    fn what_is_no_colour_is_told_and_changes_nothing() {
        let (palette, wrong) = Palette::new(None, Some("run:run=a=b:run=pink:x=red:run=1,2,256:"));
        assert_eq!(palette, Palette::new(None, None).0);
        assert_eq!(wrong.len(), 5, "{wrong:?}");
    }

    #[test]
    fn no_color_means_none() {
        let (palette, _) = Palette::new(Some("1"), Some("run=green"));
        assert_eq!(palette, Palette::none());
        assert_eq!(palette.paint(Role::Done, "x"), "x");
        assert_ne!(Palette::new(Some(""), None).0, Palette::none());
    }
}

//! `--label`, as `run`, `create` and `volume create` take it.

/// Checks `NAME[=VALUE]`, for clap. The words are Docker's (docker/cli, `opts.ValidateLabel`).
///
/// # Errors
///
/// A name that is empty or has white space in it.
pub(crate) fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let bare = name.trim_start();
    if bare.is_empty() {
        return Err(format!("invalid label '{text}': empty name"));
    }
    if bare.contains(char::is_whitespace) {
        return Err(format!("label '{bare}' contains whitespaces"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_a_name() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(label("a"), pair("a", ""));
        assert_eq!(label("a=b c=d"), pair("a", "b c=d"));
        for wrong in ["", "=x"] {
            let words = format!("invalid label '{wrong}': empty name");
            assert_eq!(label(wrong), Err(words));
        }
        assert_eq!(
            label("a b=c"),
            Err("label 'a b' contains whitespaces".to_owned())
        );
    }
}

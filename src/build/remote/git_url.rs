//! What a git URL says.
//!
//! ```text
//! https://host/path.git[?query][#ref[:dir]]     only with .git: any other HTTP URL is a file
//! ssh://[user@]host/path[?query][#ref[:dir]]    git://host/path…
//! user@host:path[#ref[:dir]]                    as scp has it
//! ```
//!
//! The query says the same as the fragment and more: `ref`, `branch`, `tag`, `subdir`, `checksum` (`commit`),
//! `keep-git-dir`, `submodules`.

use crate::secret::{Secret, without_logins};

/// A repository, and what is taken from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GitSource {
    /// The repository, as git takes it, without a login: arguments are for everybody to see, and `.git` keeps them.
    pub url: String,
    /// What an HTTP URL says before its host.
    pub login: Option<Login>,
    /// Branch, tag, full ref or commit; `None` for what the repository's HEAD is.
    pub reference: Option<String>,
    /// The directory that is taken; `None` for all of it.
    pub subdir: Option<String>,
    /// The commit that it has to be, or as many of its first digits as are given.
    pub checksum: Option<String>,
    /// Whether `.git` stays; `None` where the URL does not say.
    pub keep_git_dir: Option<bool>,
    /// Whether submodules are left out.
    pub without_submodules: bool,
}

/// A user name and a password, either of which may be empty, or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name; often the token.
    pub user: Secret,
    /// The password.
    pub password: Secret,
}

impl GitSource {
    /// Reads a text that may be a git URL; `None` where it is not.
    ///
    /// # Errors
    ///
    /// What is wrong with one, in words.
    pub(super) fn parse(text: &str) -> Result<Option<GitSource>, String> {
        let (rest, fragment) = split(text, '#');
        let Some((scheme, _)) = rest.split_once("://") else {
            return match is_scp(rest) {
                true => GitSource::new(rest, None, fragment).map(Some),
                false => Ok(None),
            };
        };
        let (url, query) = split(rest, '?');
        match scheme {
            "ssh" | "git" => {}
            "http" | "https" if url.ends_with(".git") => {}
            _ => return Ok(None),
        }
        GitSource::new(url, query, fragment).map(Some)
    }

    /// Reads the URL of a repository that does not look like one.
    pub(super) fn of_repository(text: &str) -> Option<GitSource> {
        let (url, fragment) = split(text, '#');
        GitSource::new(url, None, fragment).ok()
    }

    fn new(url: &str, query: Option<&str>, fragment: Option<&str>) -> Result<GitSource, String> {
        let (url, login) = split_login(url);
        let mut source = GitSource {
            url,
            login,
            ..GitSource::default()
        };
        if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
            let (reference, subdir) = split(fragment, ':');
            source.reference = Some(reference.to_owned()).filter(|text| !text.is_empty());
            source.subdir = subdir.map(str::to_owned).filter(|text| !text.is_empty());
        }
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|p| !p.is_empty())
        {
            let (name, value) = split(pair, '=');
            source.option(&decode(name), value.map(decode))?;
        }
        source.check()?;
        Ok(source)
    }

    /// Demands that it is the commit `checksum` (`--checksum`), beside what the URL demands.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(crate) fn require(&mut self, checksum: &str) -> Result<(), String> {
        set(&mut self.checksum, checksum.to_owned(), "checksum")?;
        self.check()
    }

    fn option(&mut self, name: &str, value: Option<String>) -> Result<(), String> {
        let text = value.clone().unwrap_or_default();
        let flag = || match value.as_deref() {
            None | Some("" | "1" | "true") => Ok(true),
            Some("0" | "false") => Ok(false),
            Some(other) => Err(format!("invalid {name} value: {other:?}")),
        };
        match name {
            "ref" => set(&mut self.reference, text, "ref")?,
            "branch" => set(&mut self.reference, format!("refs/heads/{text}"), "ref")?,
            "tag" => set(&mut self.reference, format!("refs/tags/{text}"), "ref")?,
            "subdir" => set(&mut self.subdir, text, "subdir")?,
            "checksum" | "commit" => set(&mut self.checksum, text, "checksum")?,
            "keep-git-dir" => self.keep_git_dir = Some(flag()?),
            "submodules" => self.without_submodules = !flag()?,
            other => return Err(format!("unexpected query {other:?} in a git URL")),
        }
        Ok(())
    }

    /// Nothing of it may be taken for an option, or for more than one argument.
    fn check(&self) -> Result<(), String> {
        let texts = [&self.reference, &self.subdir].into_iter().flatten();
        for text in texts.chain([&self.url]) {
            if text.starts_with('-') || text.contains(|c: char| c.is_control()) {
                return Err(format!("invalid git URL: {:?}", without_logins(text)));
            }
        }
        // One line for each is what git is told.
        let login = self.login.iter().flat_map(|it| [&it.user, &it.password]);
        if login
            .into_iter()
            .any(|it| it.reveal().contains(char::is_control))
        {
            return Err(format!("invalid login in a git URL: {:?}", self.url));
        }
        // What git would read as a pattern or as a path from a commit.
        let odd = |text: &String| text.contains(['*', '?', '[', '^', '~', ':', '\\', ' ']);
        if self.reference.as_ref().is_some_and(odd) {
            return Err(format!("invalid git ref: {:?}", self.reference));
        }
        let is_commit = |text: &String| {
            (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
        };
        match &self.checksum {
            Some(checksum) if !is_commit(checksum) => Err(format!(
                "invalid checksum {checksum:?} for a git source: it has to be a commit"
            )),
            _ => Ok(()),
        }
    }
}

/// Takes the login out of an HTTP URL, and of any other one the password, which nobody reads.
fn split_login(url: &str) -> (String, Option<Login>) {
    let whole = || (url.to_owned(), None);
    let Some((scheme, rest)) = url.split_once("://") else {
        return whole();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else {
        return whole();
    };
    let (login, rest) = (&rest[..at], &rest[at + 1..]);
    let (user, password) = split(login, ':');
    match scheme {
        "http" | "https" => {
            let [user, password] =
                [user, password.unwrap_or_default()].map(|text| Secret::new(decode(text)));
            let login = Login { user, password };
            (format!("{scheme}://{rest}"), Some(login))
        }
        _ => (format!("{scheme}://{user}@{rest}"), None),
    }
}

/// Whether it is `user@host:path`.
fn is_scp(text: &str) -> bool {
    let Some((user, rest)) = text.split_once('@') else {
        return false;
    };
    let Some((host, path)) = rest.split_once(':') else {
        return false;
    };
    let plain = |text: &str, more: &[char]| {
        !text.is_empty()
            && !text.starts_with('-')
            && (text.chars()).all(|c| c.is_ascii_alphanumeric() || more.contains(&c))
    };
    plain(user, &['-', '_', '.']) && plain(host, &['-', '.']) && !path.is_empty()
}

/// Splits at the first `at`, which is in neither half.
fn split(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

fn set(field: &mut Option<String>, value: String, name: &str) -> Result<(), String> {
    match field {
        Some(other) if *other != value => Err(format!(
            "{name} conflicts in a git URL: {other:?} and {value:?}"
        )),
        _ => {
            *field = Some(value);
            Ok(())
        }
    }
}

/// Resolves `%XX`; what is none stays.
pub(super) fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match code {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> GitSource {
        GitSource::parse(text).unwrap().unwrap()
    }

    #[test]
    fn fragments_and_queries() {
        let all = parse("https://h/a.git#v1:docs/x");
        assert_eq!(all.url, "https://h/a.git");
        assert_eq!(all.reference.as_deref(), Some("v1"));
        assert_eq!(all.subdir.as_deref(), Some("docs/x"));
        let only_dir = parse("git@h:a.git#:docs");
        assert_eq!(only_dir.url, "git@h:a.git");
        assert_eq!(
            (only_dir.reference, only_dir.subdir.as_deref()),
            (None, Some("docs"))
        );
        let query = parse(
            "https://h/a.git?tag=v1%2B2&subdir=s&checksum=0123456789&keep-git-dir=true&submodules=false",
        );
        assert_eq!(query.reference.as_deref(), Some("refs/tags/v1+2"));
        assert_eq!(query.checksum.as_deref(), Some("0123456789"));
        assert_eq!(query.keep_git_dir, Some(true));
        assert!(query.without_submodules);
    }

    #[test]
    fn logins_are_no_part_of_the_url() {
        let all = parse("https://u:p%40%3A@h:8/a.git#v1");
        assert_eq!(all.url, "https://h:8/a.git");
        let login = all.login.unwrap();
        assert_eq!((login.user.reveal(), login.password.reveal()), ("u", "p@:"));
        let token = parse("http://token@h/a.git").login.unwrap();
        assert_eq!(
            (token.user.reveal(), token.password.reveal()),
            ("token", "")
        );
        let ssh = parse("ssh://git:word@h/a");
        assert_eq!((&*ssh.url, ssh.login), ("ssh://git@h/a", None));
        assert_eq!(parse("https://h/a@b.git").login, None);
        assert!(GitSource::parse("https://u:p%0apath=x@h/a.git").is_err());
    }

    #[test]
    fn refused() {
        for bad in [
            "https://h/a.git#--upload-pack=x",
            "https://h/a.git?ref=a&branch=b",
            "https://h/a.git?depth=1",
            "https://h/a.git?keep-git-dir=maybe",
            "https://h/a.git?checksum=main",
            "https://h/a.git?ref=-x",
            "https://h/a.git#a..b^{}",
            "ssh://h/a\nb",
        ] {
            assert!(GitSource::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(GitSource::parse("-o@h:x").unwrap(), None);
        assert_eq!(GitSource::parse("u@-oProxyCommand=x:y").unwrap(), None);
    }
}

//! What a build fetches from elsewhere: files by URL, and git repositories. Sources of ADD, contexts, Dockerfiles.
//!
//! ```text
//! git_url   what a git URL says: repository, ref, directory
//! git       a repository → a directory, by the program git
//! budget    how much that directory may hold
//! file      a URL → a file
//! ```
//!
//! Sources: BuildKit, util/gitutil and frontend/dockerfile/dfgitutil for which texts mean a repository; source/http and
//! source/git for what becomes of them.

mod budget;
mod file;
mod git;
mod git_url;

pub(crate) use file::{download, facts, hash, hash_open, name_in_url};
pub(crate) use git::{Checkout, Git};
pub use git_url::GitSource;

/// Something that is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remote {
    /// A file, by HTTP or HTTPS.
    File(String),
    /// A git repository.
    Git(GitSource),
}

impl Remote {
    /// Reads a source of ADD, or the value of `--build-context`. `None` for a path.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn of_source(text: &str) -> Result<Option<Remote>, String> {
        if let Some(source) = GitSource::parse(text)? {
            return Ok(Some(Remote::Git(source)));
        }
        let is_file = ["http://", "https://"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        Ok(is_file.then(|| Remote::File(text.to_owned())))
    }

    /// As [`Remote::of_source`], for a context of the command line, where `github.com/…` is a repository, too.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub fn of_context(text: &str) -> Result<Option<Remote>, String> {
        match text.starts_with("github.com/") {
            true => Ok(GitSource::parse(&format!("https://{text}"))?
                .or_else(|| GitSource::of_repository(&format!("https://{text}")))
                .map(Remote::Git)),
            false => Remote::of_source(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_means() {
        for (text, is_git) in [
            ("https://example.com/a.tar.gz", Some(false)),
            ("http://example.com", Some(false)),
            ("https://example.com/a.git", Some(true)),
            ("https://example.com/a.git#main:docs", Some(true)),
            ("https://example.com/a.git?branch=main", Some(true)),
            ("git@example.com:a/b.git", Some(true)),
            ("ssh://git@example.com/a", Some(true)),
            ("git://example.com/a", Some(true)),
            ("github.com/a/b", None),
            ("file:///etc/passwd", None),
            ("a.git", None),
            ("./x", None),
        ] {
            let found = Remote::of_source(text).unwrap();
            let found = found.map(|remote| matches!(remote, Remote::Git(_)));
            assert_eq!(found, is_git, "{text}");
        }
        let Ok(Some(Remote::Git(git))) = Remote::of_context("github.com/a/b#v1") else {
            panic!("no repository");
        };
        assert_eq!(git.url, "https://github.com/a/b");
        assert_eq!(git.reference.as_deref(), Some("v1"));
    }
}

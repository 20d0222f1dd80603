//! Reading or writing, and the scope that says so to a token service.

/// What is to be done with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read it.
    Pull,
    /// Read and write it.
    Push,
}

impl Access {
    /// Returns the scope to ask a token service for.
    ///
    /// Spec: distribution, `docs/spec/auth/scope.md`.
    pub(super) fn scope(self, repository: &str) -> String {
        let actions = match self {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        format!("repository:{repository}:{actions}")
    }
}

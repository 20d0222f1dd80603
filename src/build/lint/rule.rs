//! The rules by name.

macro_rules! rules {
    ($($name:ident: $description:literal,)*) => {
        /// A lint rule; its name is the variant's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $(#[doc = $description] $name,)*
        }

        impl Rule {
            /// Returns the name, as `skip=` takes it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Rule::$name => stringify!($name),)*
                }
            }

            /// Returns what the rule demands, in one sentence.
            pub fn description(self) -> &'static str {
                match self {
                    $(Rule::$name => $description,)*
                }
            }
        }
    };
}

rules! {
    StageNameCasing: "Stage names should be lowercase",
    FromAsCasing: "The 'as' keyword should match the case of the 'from' keyword",
    NoEmptyContinuation: "Empty continuation lines will become errors in a future release",
    ConsistentInstructionCasing: "All commands within the Dockerfile should use the same casing (either upper or lower)",
    DuplicateStageName: "Stage names should be unique",
    ReservedStageName: "Reserved words should not be used as stage names",
    JSONArgsRecommended: "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
    MaintainerDeprecated: "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
    UndefinedArgInFrom: "FROM command must use declared ARGs",
    WorkdirRelativePath: "Relative workdir without an absolute workdir declared within the build can have unexpected results if the base image changes",
    UndefinedVar: "Variables should be defined before their use",
    MultipleInstructionsDisallowed: "Multiple instructions of the same type should not be used in the same stage",
    LegacyKeyValueFormat: "Legacy key/value format with whitespace separator should not be used",
    RedundantTargetPlatform: "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
    SecretsUsedInArgOrEnv: "Sensitive data should not be used in the ARG or ENV commands",
    InvalidDefaultArgInFrom: "Default value for global ARG results in an empty or invalid base image name",
    FromPlatformFlagConstDisallowed: "FROM --platform flag should not use a constant value",
    CopyIgnoredFile: "Attempting to Copy file that is excluded by .dockerignore",
    InvalidDefinitionDescription: "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If this is not intended to be a description comment, add an empty line or comment between the instruction and the comment.",
    ExposeProtoCasing: "Protocol in EXPOSE instruction should be lowercase",
    InvalidBaseImagePlatform: "Base image platform does not match expected target platform",
    ExposeInvalidFormat: "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error in a future release",
}

impl Rule {
    /// Returns where BuildKit's documentation explains the rule.
    pub fn url(self) -> String {
        let mut words = String::new();
        let mut upper_before = true;
        let name = self.name();
        for (index, c) in name.char_indices() {
            let lower_after =
                (name[index + 1..].chars().next()).is_some_and(|c| c.is_ascii_lowercase());
            if c.is_ascii_uppercase() && index > 0 && (!upper_before || lower_after) {
                words.push('-');
            }
            upper_before = c.is_ascii_uppercase();
            words.push(c.to_ascii_lowercase());
        }
        format!("https://docs.docker.com/go/dockerfile/rule/{words}/")
    }

    /// Whether the rule is silent unless `experimental=` asks for it.
    pub(super) fn is_experimental(self) -> bool {
        self == Rule::InvalidDefinitionDescription
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_explained_at_docker_s() {
        for (rule, page) in [
            (Rule::JSONArgsRecommended, "json-args-recommended"),
            (Rule::FromAsCasing, "from-as-casing"),
            (Rule::SecretsUsedInArgOrEnv, "secrets-used-in-arg-or-env"),
            (Rule::ExposeProtoCasing, "expose-proto-casing"),
        ] {
            let url = format!("https://docs.docker.com/go/dockerfile/rule/{page}/");
            assert_eq!(rule.url(), url);
        }
    }
}

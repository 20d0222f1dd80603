//! `--filter` of `builder prune` and `builder du`.
//!
//! Reference: BuildKit, `cache/manager.go`, `adaptUsageInfo`; docker/buildx, `commands/prune.go`.

use std::time::SystemTime;

use super::usage::Item;

/// What an item has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    what: What,
    /// With `!=`.
    negated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Until(SystemTime),
    Id(String),
    Kind(String),
    Description(String),
    Parent(String),
    InUse(bool),
    Mutable(bool),
    Shared(bool),
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Neither `NAME=VALUE` nor the name of something that is true or false.
    #[error("invalid filter {0:?}: expected NAME=VALUE")]
    Shape(String),
    /// Nothing that items have.
    #[error("invalid filter '{0}'")]
    Name(String),
    /// Neither `true` nor `false`.
    #[error("invalid value {value:?} of filter '{name}'")]
    Value {
        /// Of what.
        name: String,
        /// As given.
        value: String,
    },
}

impl Filter {
    /// Reads a filter: `NAME=VALUE`, `NAME!=VALUE`; `instant` reads the point in time of `until`.
    ///
    /// # Errors
    ///
    /// All of [`FilterError`].
    pub fn parse(
        text: &str,
        instant: impl FnOnce(&str) -> Option<SystemTime>,
    ) -> Result<Filter, FilterError> {
        let (name, value) = match text.split_once('=') {
            Some(split) => split,
            // containerd's filters: a field alone must be there.
            None if matches!(
                text,
                "inuse" | "mutable" | "immutable" | "shared" | "private"
            ) =>
            {
                (text, "true")
            }
            None => return Err(FilterError::Shape(text.to_owned())),
        };
        let (name, negated) = match name.strip_suffix('!') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let wrong = || FilterError::Value {
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let is = || match value {
            "true" | "1" | "" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(wrong()),
        };
        let what = match name {
            // BuildKit's older name is the second.
            "until" | "unused-for" => What::Until(instant(value).ok_or_else(wrong)?),
            "id" => What::Id(value.to_owned()),
            "type" => What::Kind(value.to_owned()),
            "description" => What::Description(value.to_owned()),
            "parent" | "parents" => What::Parent(value.to_owned()),
            "inuse" => What::InUse(is()?),
            "mutable" => What::Mutable(is()?),
            "immutable" => What::Mutable(!is()?),
            "shared" => What::Shared(is()?),
            "private" => What::Shared(!is()?),
            _ => return Err(FilterError::Name(name.to_owned())),
        };
        Ok(Filter { what, negated })
    }

    /// Returns whether the item is what the filter says.
    pub fn matches(&self, item: &Item) -> bool {
        let matches = match &self.what {
            What::Until(instant) => item.used < *instant,
            // Tables mark what changes with an asterisk.
            What::Id(id) => item.id == id.trim_end_matches('*'),
            What::Kind(kind) => item.kind.as_str() == kind,
            What::Description(text) => item.description == *text,
            What::Parent(id) => item.parents.contains(id),
            What::InUse(is) => item.in_use == *is,
            What::Mutable(is) => item.is_mutable() == *is,
            What::Shared(is) => item.shared == *is,
        };
        matches != self.negated
    }

    /// Returns whether it picks items out, which are then meant as they are.
    pub(super) fn is_choice(&self) -> bool {
        !self.negated && matches!(self.what, What::Id(_) | What::Kind(_))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::usage::Kind;
    use super::*;

    #[test]
    fn picks() {
        let used = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let item = Item {
            id: "abc".to_owned(),
            kind: Kind::CacheMount,
            description: "cached mount /c".to_owned(),
            created: String::new(),
            used,
            bytes: 0,
            parents: Vec::new(),
            in_use: false,
            shared: false,
            named: false,
            void: false,
            name: String::new(),
        };
        let instant = |text: &str| {
            let seconds = text.parse().ok()?;
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        };
        for (text, expected) in [
            ("id=abc", true),
            ("id=abc*", true),
            ("id=ab", false),
            ("id!=ab", true),
            ("type=exec.cachemount", true),
            ("type=regular", false),
            ("until=101", true),
            ("until=100", false),
            ("mutable", true),
            ("immutable=false", true),
            ("inuse=true", false),
            ("private", true),
        ] {
            let filter = Filter::parse(text, instant).unwrap();
            assert_eq!(filter.matches(&item), expected, "{text}");
        }
        for text in ["id", "color=red", "until=soon", "shared=perhaps", "="] {
            assert!(Filter::parse(text, instant).is_err(), "{text}");
        }
    }
}

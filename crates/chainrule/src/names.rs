//! Choices by name: `relu`, `adam`, `cosine`, with their numbers after colons: `normal:0.1`, `step:10:0.5`.

use chainrule_engine::parse::{nearest, plain};
use thiserror::Error;

/// A choice that cannot be read.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// There is no such choice.
    #[error("there is no {kind} `{}`{}; choose from {}", plain(name),
        nearest.as_ref().map(|n| format!(": did you mean `{n}`?")).unwrap_or_default(), known.join(", "))]
    Unknown {
        /// What is chosen: activation, loss, ….
        kind: &'static str,
        /// What was written.
        name: String,
        /// The choice most like it.
        nearest: Option<String>,
        /// All choices.
        known: Vec<&'static str>,
    },
    /// A number after the name that cannot be used.
    #[error("{kind} `{}`: {problem}", plain(text))]
    Number {
        /// What is chosen.
        kind: &'static str,
        /// What was written.
        text: String,
        /// What is wrong with its numbers.
        problem: String,
    },
}

impl NameError {
    pub(crate) fn unknown(kind: &'static str, name: &str, known: &[&'static str]) -> Self {
        Self::Unknown {
            kind,
            name: name.to_owned(),
            nearest: nearest(name, known.iter().copied()),
            known: known.to_vec(),
        }
    }
}

/// A name and the numbers after it.
pub(crate) struct Choice<'a> {
    kind: &'static str,
    text: &'a str,
    pub(crate) name: &'a str,
    numbers: Vec<f64>,
}

impl<'a> Choice<'a> {
    pub(crate) fn read(kind: &'static str, text: &'a str) -> Result<Self, NameError> {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let numbers = parts.map(|part| part.trim().parse::<f64>().ok().filter(|v| v.is_finite()));
        match numbers.collect::<Option<Vec<f64>>>() {
            Some(numbers) => Ok(Self { kind, text, name, numbers }),
            None => Err(NameError::Number {
                kind,
                text: text.to_owned(),
                problem: "what follows each colon must be a number".to_owned(),
            }),
        }
    }

    /// The number at a position, or `default`; it must satisfy `check`, which `rule` says in words.
    pub(crate) fn number(
        &self,
        position: usize,
        default: f64,
        rule: &str,
        check: impl Fn(f64) -> bool,
    ) -> Result<f64, NameError> {
        let value = self.numbers.get(position).copied().unwrap_or(default);
        if check(value) { Ok(value) } else { Err(self.wrong(format!("{value} must be {rule}"))) }
    }

    /// Refuses more numbers than the choice takes.
    pub(crate) fn at_most(&self, count: usize) -> Result<(), NameError> {
        if self.numbers.len() <= count {
            return Ok(());
        }
        Err(self.wrong(format!("it takes {count} numbers at most, not {}", self.numbers.len())))
    }

    fn wrong(&self, problem: String) -> NameError {
        NameError::Number { kind: self.kind, text: self.text.to_owned(), problem }
    }
}

#[cfg(test)]
#[test]
fn a_message_is_one_line() {
    for text in ["re\nlu", "normal:\u{1b}[2J", "784-\n-10"] {
        let messages = [
            text.parse::<crate::Activation>().unwrap_err().to_string(),
            text.parse::<crate::Init>().unwrap_err().to_string(),
            text.parse::<crate::Architecture>().unwrap_err().to_string(),
            text.parse::<crate::Every>().unwrap_err(),
        ];
        assert!(messages.iter().all(|message| !message.contains(char::is_control)), "{messages:?}");
    }
}

/// Reads and shows a type by its text, in the model file too.
macro_rules! text_serde {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_serde;

/// An enum whose variants carry nothing, by name.
macro_rules! named_enum {
    ($(#[$meta:meta])* $type:ident, $kind:literal: $($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $type {
            $($(#[$doc])* $variant,)*
        }

        impl $type {
            /// Every choice.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name on the command line and in the model file.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::names::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let known: Vec<&'static str> = Self::ALL.iter().map(|choice| choice.name()).collect();
                let found = Self::ALL.iter().copied().find(|choice| choice.name() == text);
                found.ok_or_else(|| $crate::names::NameError::unknown($kind, text, &known))
            }
        }

        $crate::names::text_serde!($type);
    };
}
pub(crate) use named_enum;

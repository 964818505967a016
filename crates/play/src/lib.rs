//! The playground's engine: what a page asks as JSON, answered by the engine that does the real training.
//!
//! ```
//! use chainrule_play::Playground;
//! let mut playground = Playground::new(|| 0.0);
//! let answer = playground.answer(r#"{"do": "hello"}"#);
//! assert!(answer.starts_with(r#"{"ok":"#));
//! ```

mod digit;
mod expression;
mod hello;
mod network;
pub mod page;
mod picture;
mod playground;
pub mod protocol;

pub use hello::{MOST_POINTS, REACH};
pub use picture::picture;
pub use playground::{Playground, refused};

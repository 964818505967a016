//! From the text of a request to the text of its answer.

use crate::expression::expression;
use crate::hello::hello;
use crate::protocol::{Answer, Failure, Own, Request};
use serde::Serialize;

/// What one page works with.
#[derive(Debug)]
pub struct Playground {
    /// Milliseconds since some moment.
    #[expect(dead_code, reason = "for training")]
    clock: fn() -> f64,
    own: Option<Own>,
}

impl Playground {
    /// A playground whose clock shows milliseconds since any fixed moment.
    pub fn new(clock: fn() -> f64) -> Self {
        Self { clock, own: None }
    }

    /// Offers the user's own points.
    #[must_use]
    pub fn with_own(mut self, own: Option<Own>) -> Self {
        self.own = own;
        self
    }

    /// Answers a request; see [`protocol`](crate::protocol).
    pub fn answer(&mut self, text: &str) -> String {
        match serde_json::from_str::<Request>(text) {
            Err(error) => written::<()>(Err(Failure::new(format!("this is no request: {error}")))),
            Ok(Request::Hello) => written(Ok(hello(self.own.clone()))),
            Ok(Request::Expression(asked)) => written(expression(&asked)),
            Ok(_) => written::<()>(Err(Failure::new("not yet"))),
        }
    }
}

/// An answer as JSON.
fn written<T: Serialize>(answer: Result<T, Failure>) -> String {
    let answer = match answer {
        Ok(answer) => Answer::Ok(answer),
        Err(failure) => Answer::Error(failure),
    };
    serde_json::to_string(&answer).expect("names are texts, and numbers have JSON")
}

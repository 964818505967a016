//! From the text of a request to the text of its answer.

use crate::digit::Digits;
use crate::expression::expression;
use crate::hello::hello;
use crate::network::Playing;
use crate::protocol::{Answer, Begun, Failure, Own, Request, Settings};
use serde::Serialize;

/// What one page works with.
pub struct Playground {
    /// Milliseconds since some moment.
    clock: fn() -> f64,
    own: Option<Own>,
    network: Option<Playing>,
    digits: Option<Digits>,
}

impl Playground {
    /// A playground whose clock shows milliseconds since any fixed moment.
    pub fn new(clock: fn() -> f64) -> Self {
        Self { clock, own: None, network: None, digits: None }
    }

    /// Offers the user's own points.
    #[must_use]
    pub fn with_own(mut self, own: Option<Own>) -> Self {
        self.own = own;
        self
    }

    /// Answers a request; see [`protocol`](crate::protocol).
    ///
    /// The work of an answer is bounded, and so is the answer. It is done on one thread: networks of this size are too
    /// small to share.
    pub fn answer(&mut self, text: &str) -> String {
        chainrule::with_threads(1, || match serde_json::from_str(text) {
            Ok(request) => self.answer_request(request),
            Err(error) => refused(&format!("this is no request: {error}")),
        })
    }

    fn answer_request(&mut self, request: Request) -> String {
        match request {
            Request::Hello => written(Ok(hello(self.own.clone()))),
            Request::Expression(asked) => written(expression(&asked)),
            Request::Begin(settings) => written(self.begin(settings)),
            Request::Train(asked) => {
                let clock = self.clock;
                written(self.playing().and_then(|playing| playing.train(asked, clock)))
            }
            Request::Sample(asked) => written(self.playing().and_then(|playing| playing.sample(asked))),
            Request::Neuron(asked) => written(self.playing().and_then(|playing| playing.neuron(asked))),
            Request::Digit(asked) => written(self.digits().and_then(|digits| digits.read(&asked))),
        }
    }

    fn begin(&mut self, settings: Settings) -> Result<Begun, Failure> {
        let (playing, begun) = Playing::begin(settings)?;
        self.network = Some(playing);
        Ok(begun)
    }

    fn digits(&mut self) -> Result<&mut Digits, Failure> {
        let digits = match self.digits.take() {
            Some(digits) => digits,
            None => Digits::new()?,
        };
        Ok(self.digits.insert(digits))
    }

    fn playing(&mut self) -> Result<&mut Playing, Failure> {
        self.network.as_mut().ok_or_else(|| Failure::new("there is no network yet: begin one with network.begin"))
    }
}

/// An answer that refuses, for a reason.
pub fn refused(reason: &str) -> String {
    written::<()>(Err(Failure::new(reason)))
}

/// An answer as JSON.
fn written<T: Serialize>(answer: Result<T, Failure>) -> String {
    let answer = match answer {
        Ok(answer) => Answer::Ok(answer),
        Err(failure) => Answer::Error(failure),
    };
    serde_json::to_string(&answer).expect("names are texts, and numbers have JSON")
}

//! The playground's engine for browsers.
//!
//! ```js
//! import init, { Playground } from "./engine.js";
//! await init();
//! const playground = new Playground();
//! const answer = JSON.parse(playground.answer('{"do": "hello"}'));
//! ```

#[cfg(feature = "speed")]
mod speed;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}

/// What one page works with.
#[wasm_bindgen]
pub struct Playground(chainrule_play::Playground);

#[wasm_bindgen]
impl Playground {
    /// An empty playground.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::new_without_default, reason = "scripts construct it")]
    pub fn new() -> Self {
        Self(chainrule_play::Playground::new(now))
    }

    /// Answers a request: JSON in, JSON out.
    pub fn answer(&mut self, request: &str) -> String {
        self.0.answer(request)
    }
}

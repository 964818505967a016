//! What several tests need.

use chainrule::{Control, Observer, StepReport};

/// Stops after so many steps, counted over the whole training.
pub(crate) struct StopAfter(pub(crate) usize);

impl Observer for StopAfter {
    fn on_step(&mut self, _: &StepReport) -> Control {
        self.0 -= 1;
        if self.0 == 0 { Control::Stop } else { Control::Continue }
    }
}

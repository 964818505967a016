//! MNIST from Rust: `cargo run --release -p chainrule --example mnist`.

use chainrule::data::{Scaling, read_idx_folder};
use chainrule::{Activation, EpochReport, Mlp, Observer, Optimizer};

/// Prints a line an epoch.
struct Print;

impl Observer for Print {
    fn on_epoch(&mut self, epoch: &EpochReport) -> chainrule::Control {
        println!("epoch {}: loss {:.4}, {:.1} s", epoch.epoch, epoch.train.loss, epoch.seconds);
        chainrule::Control::Continue
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = read_idx_folder("data/mnist".as_ref())?;
    let mut net = Mlp::builder()
        .input(784)
        .hidden(128, Activation::Relu)
        .output(10)
        .scaling(Scaling::pixels())
        .optimizer(Optimizer::Adam, 1e-3)
        .epochs(5)
        .seed(0)
        .build()?;
    net.fit(&data.train, &mut Print)?;
    if let Some(test) = &data.test {
        println!("test: {:?}", net.evaluate(test)?.metrics);
    }
    Ok(())
}

//! Every operation of the list, first and second derivatives, against finite differences on random shapes.

use chainrule_engine::check;
use chainrule_engine::ops::{Rule, specimens};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn derivatives_agree_with_finite_differences(seed: u64) {
        let mut dice = crate::common::dice(seed);
        for specimen in specimens(&mut dice) {
            let error = check::operation(&specimen, &mut dice).unwrap();
            prop_assert!(error < 1e-6, "{}: error {error:.1e} on {specimen:?}", specimen.op.name());
        }
    }
}

/// A family that forgets a specimen would not be checked: each row and each variant must be there.
#[test]
fn the_list_is_complete() {
    let mut dice = crate::common::dice(0);
    let names: Vec<_> = specimens(&mut dice).iter().map(|s| s.op.name()).collect();
    let expected = "neg exp log sqrt abs sin cos tan atan tanh sigmoid softplus relu erf floor sign step add sub mul div pow min \
                    max mask eq matmul sum max_over log_sum_exp broadcast reshape transpose slice pad concat take \
                    scatter_add pick place conv2d conv_transpose2d conv2d_by_weights max_pool2d \
                    max_pool2d_pick max_pool2d_spread";
    for name in expected.split_whitespace() {
        assert!(names.contains(&name), "{name} is not checked");
    }
}

//! The report as a page: what is text stays text, and what is shown is where it belongs.

use chainrule_draw::chart::{Bars, Columns, Dots, Lines, Matrix, Series};
use chainrule_draw::{Block, Card, Report, Section, report};
use proptest::prelude::*;

/// A report with this text in every place that takes text.
fn with_everywhere(text: &str) -> Report {
    let t = || text.to_owned();
    let series = vec![Series { name: t(), points: vec![(0.0, 1.0), (1.0, 2.0)] }, Series { name: t(), points: vec![] }];
    let blocks = vec![
        Block::Lines(Lines { title: t(), x: t(), y: t(), series, mark: Some((1.0, t())), logarithmic: false }),
        Block::Columns(Columns { title: t(), x: t(), low: 0.0, high: 1.0, counts: vec![1, 2] }),
        Block::Bars(Bars { title: t(), bars: vec![(t(), 1.0, t())] }),
        Block::Dots(Dots { title: t(), x: t(), y: t(), dots: vec![(1.0, 2.0, 1.0)], ends: None }),
        Block::Matrix(Matrix { title: t(), names: vec![t()], counts: vec![vec![1]], rows: t(), columns: t() }),
        Block::Table { title: t(), head: vec![t()], rows: vec![vec![t()]] },
        Block::Pictures { title: t(), pictures: vec![(vec![1, 2, 3], t())] },
        Block::Code { title: t(), text: t() },
    ];
    Report {
        title: t(),
        figures: vec![(t(), t())],
        findings: vec![Card { kind: t(), title: t(), evidence: t(), cure: t() }],
        healthy: t(),
        sections: vec![Section { title: t(), about: t(), blocks }],
    }
}

/// The tags of a page, without what stands in them.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).filter_map(|part| part.split([' ', '>', '/']).find(|name| !name.is_empty())).collect()
}

#[test]
fn what_a_user_named_is_never_markup() {
    let plain = report(&with_everywhere("a"));
    let hostile = report(&with_everywhere("\"><script>alert(1)</script><img src=x onerror='x'>&amp;"));
    assert_eq!(tags(&plain), tags(&hostile));
    assert!(!hostile.contains("<script") && !hostile.contains("<img src=x"));
    assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn a_page_loads_nothing() {
    let page = report(&with_everywhere("a"));
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("http:") && !page.contains("https:"), "{page}");
    assert!(page.contains("src=\"data:image/png;base64,AQID\""));
}

#[test]
fn a_healthy_report_says_so_and_a_sick_one_does_not() {
    let sick = with_everywhere("word");
    let healthy = Report { findings: Vec::new(), healthy: "all is well".to_owned(), ..sick.clone() };
    assert!(report(&healthy).contains("all is well"));
    assert!(report(&sick).contains("class=\"card\"") && !report(&sick).contains("class=\"healthy\""));
}

/// All numbers behind the names of attributes that place something.
fn places(svg: &str) -> Vec<f64> {
    let attributes = [" x=\"", " y=\"", " cx=\"", " cy=\"", " width=\"", " height=\"", " r=\""];
    let of = |name: &&str| -> Vec<f64> {
        svg.split(*name).skip(1).map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
    };
    attributes.iter().flat_map(of).collect()
}

proptest! {
    /// Whatever the numbers, all is drawn within the chart.
    #[test]
    fn charts_stay_within_their_frame(
        points in prop::collection::vec((-1e9..1e9_f64, prop::num::f64::ANY), 0..40),
        counts in prop::collection::vec(0..1_000_000_u64, 0..40),
        logarithmic in any::<bool>(),
    ) {
        let series = vec![Series { name: "a".to_owned(), points: points.clone() }];
        let lines = Lines { series, logarithmic, ..Lines::default() }.svg();
        let columns = Columns { low: -1.0, high: 1.0, counts, ..Columns::default() }.svg();
        let dots = points.iter().map(|&(x, y)| (x, y, 1.0)).collect();
        let dots = Dots { dots, ..Dots::default() }.svg();
        for svg in [lines, columns, dots] {
            for place in places(&svg) {
                prop_assert!((0.0..=440.0).contains(&place), "{place} in {svg}");
            }
            prop_assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}

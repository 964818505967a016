//! Pictures: places that do not overlap, and texts that stay texts.

use chainrule_draw::{Edge, Layout, Node, Picture, Step, Walk, Work, dot, mermaid, page, svg};
use proptest::prelude::*;

/// A graph in which node i has the given arguments before it.
fn picture(arguments: &[Vec<usize>]) -> Picture {
    let node = |(at, arguments): (usize, &Vec<usize>)| Node {
        name: format!("v{at}"),
        formula: (!arguments.is_empty()).then(|| "some formula".to_owned()),
        value: "0.123456789".into(),
        gradient: Some("1 + 2 = 3".into()),
    };
    let edge = |(from, arguments): (usize, &Vec<usize>)| {
        let edge = |&to: &usize| Edge { from, to, partial: Some("2".into()), contribution: Some("4".into()) };
        arguments.iter().map(edge).collect::<Vec<_>>()
    };
    Picture {
        title: "a graph".into(),
        nodes: arguments.iter().enumerate().map(node).collect(),
        edges: arguments.iter().enumerate().flat_map(edge).collect(),
        ..Picture::default()
    }
}

/// Up to thirty nodes, each with up to three arguments before it, some of them twice.
fn arguments() -> impl Strategy<Value = Vec<Vec<usize>>> {
    let pick = proptest::collection::vec(any::<prop::sample::Index>(), 0..4);
    proptest::collection::vec(pick, 1..30).prop_map(|nodes| {
        let of = |(at, picks): (usize, Vec<prop::sample::Index>)| {
            if at == 0 { Vec::new() } else { picks.into_iter().map(|pick| pick.index(at)).collect() }
        };
        nodes.into_iter().enumerate().map(of).collect()
    })
}

proptest! {
    #[test]
    fn nodes_stand_apart_and_edges_lead_down(arguments in arguments()) {
        let picture = picture(&arguments);
        let layout = Layout::new(&picture);
        for (a, (place, width)) in layout.nodes.iter().zip(&layout.widths).enumerate() {
            let [x, y] = *place;
            prop_assert!(x - width / 2.0 >= 0.0 && x + width / 2.0 <= layout.width && y > 0.0 && y < layout.height);
            for (b, (other, other_width)) in layout.nodes.iter().zip(&layout.widths).enumerate().skip(a + 1) {
                let apart = (x - other[0]).abs() >= (width + other_width) / 2.0 || (y - other[1]).abs() >= 66.0;
                prop_assert!(apart, "nodes {} and {} overlap", a, b);
            }
        }
        for (edge, points) in picture.edges.iter().zip(&layout.edges) {
            prop_assert!(points.windows(2).all(|pair| pair[0][1] < pair[1][1]), "it leads down");
            let inside = |node: usize, x: f64| (x - layout.nodes[node][0]).abs() <= layout.widths[node] / 2.0;
            prop_assert!(inside(edge.from, points[0][0]) && inside(edge.to, points[points.len() - 1][0]));
        }
        let drawn = svg(&picture);
        prop_assert_eq!(drawn.matches("class=\"edge\"").count(), picture.edges.len());
        prop_assert_eq!(drawn.matches("<rect").count(), picture.nodes.len());
    }
}

/// What would be markup, the end of a script, of a string or of a label.
const EVIL: &str = "</script><img src=x onerror=alert(1)>\"'&\\ #1; | `*_\u{7}";

fn evil() -> Picture {
    let mut picture = picture(&[vec![], vec![0, 0]]);
    picture.title = EVIL.into();
    for node in &mut picture.nodes {
        (node.name, node.formula, node.value) = (EVIL.into(), Some(EVIL.into()), EVIL.into());
        node.gradient = Some(EVIL.into());
    }
    picture.edges[0].partial = Some(EVIL.into());
    picture.steps = vec![
        Step::Start { node: 1, words: EVIL.into() },
        Step::Edge { edge: 0, pile: EVIL.into(), words: EVIL.into() },
    ];
    picture.walks = vec![Walk { edges: vec![0], words: EVIL.into() }];
    picture.work = Work { paths: EVIL.into(), by_path: "2".into(), by_sweep: 2 };
    picture
}

#[test]
fn what_was_typed_is_never_markup() {
    let picture = evil();
    let page = page(&picture);
    assert!(!page.contains("<img") && !page.contains("</script><img"));
    assert_eq!(page.matches("</script>").count(), 2, "the data and the script end where they should");
    assert!(
        page.contains("default-src 'none'") && !page.contains("http://") | page.contains("http://www.w3.org/2000/svg")
    );
    let data = page.split("id=\"data\">").nth(1).unwrap().split("</script>").next().unwrap();
    let read: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(read["nodes"][0]["name"], EVIL);
    let drawn = svg(&picture);
    assert!(!drawn.contains("<img") && !drawn.contains('\u{7}'));
    let graph = dot(&picture);
    assert!(graph.lines().all(|line| !line.contains('\u{7}')));
    assert!(graph.contains("\\\"'&\\\\ "), "quotes and backslashes are escaped: {graph}");
    let flow = mermaid(&picture);
    let inside = flow.split('"').nth(1).unwrap();
    assert!(!inside.replace("<br>", "").contains(['<', '>', '`', '|']), "{inside}");
}

#[test]
fn the_same_picture_is_the_same_bytes() {
    let picture = picture(&[vec![], vec![], vec![0, 1], vec![2, 0], vec![3, 3]]);
    assert_eq!(page(&picture), page(&picture.clone()));
    assert_eq!(Layout::new(&picture), Layout::new(&picture));
}

//! Panels with logarithmic axes, as an SVG file.

use super::scaling::{Curve, Panel};
use std::fmt::Write;

/// Pixels: of a panel's drawing area, around it, and above all panels.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 22.0;
const TOP: f64 = 104.0;
const BOTTOM: f64 = 62.0;
/// Colours that readers with any colour vision tell apart.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"];

/// A logarithmic axis: values from `low` to `high` lie from pixel `from` to pixel `to`.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn at(&self, value: f64) -> f64 {
        let share = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + share * (self.to - self.from)
    }
}

/// All panels side by side; they share the vertical axis, so that they can be compared.
pub(crate) fn draw(panels: &[Panel], subtitle: &str) -> String {
    let (width, height) = (panels.len() as f64 * (LEFT + WIDTH + RIGHT), TOP + HEIGHT + BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"Helvetica, Arial, 'DejaVu Sans', sans-serif\" font-size=\"12\" fill=\"#333\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    text(&mut svg, (LEFT, 30.0), "font-size=\"18\" fill=\"#111\"", "Time of a training step");
    text(&mut svg, (LEFT, 50.0), "fill=\"#666\"", subtitle);
    legend(&mut svg, panels, width - RIGHT);
    let steps = heights(panels);
    for (place, panel) in panels.iter().enumerate() {
        let left = place as f64 * (LEFT + WIDTH + RIGHT) + LEFT;
        let x = quantities(panel, left);
        frame(&mut svg, panel, &x, &steps);
        for (curve, colour) in panel.curves.iter().zip(COLOURS.iter().cycle()) {
            straight(&mut svg, curve, &x, &steps);
            line(&mut svg, curve, colour, &x, &steps);
        }
    }
    svg + "</svg>\n"
}

fn points(panels: &[Panel]) -> impl Iterator<Item = (f64, f64)> {
    panels.iter().flat_map(|panel| &panel.curves).flat_map(|curve| curve.points.iter().copied())
}

/// Whole powers of ten around all times.
fn heights(panels: &[Panel]) -> Axis {
    let (low, high) = range(points(panels).map(|(_, y)| y));
    let (low, high) = (10_f64.powf(low.log10().floor()), 10_f64.powf(high.log10().ceil()));
    Axis { low, high, from: TOP + HEIGHT, to: TOP }
}

/// The values of a panel, with some room on both sides.
fn quantities(panel: &Panel, left: f64) -> Axis {
    let (low, high) = range(points(std::slice::from_ref(panel)).map(|(x, _)| x));
    let room = (high / low).powf(0.05);
    Axis { low: low / room, high: high * room, from: left, to: left + WIDTH }
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(value), high.max(value)))
}

/// The grid, the labels and the title of a panel.
fn frame(svg: &mut String, panel: &Panel, x: &Axis, y: &Axis) {
    let (left, right, middle) = (x.from, x.to, (x.from + x.to) / 2.0);
    let mut decade = y.low;
    while decade <= y.high * 1.01 {
        for part in [2.0, 5.0].map(|part| part * decade).into_iter().filter(|&part| part < y.high) {
            rule(svg, (left, y.at(part)), (right, y.at(part)), "#f1f1f1");
        }
        rule(svg, (left, y.at(decade)), (right, y.at(decade)), "#d8d8d8");
        text(svg, (left - 8.0, y.at(decade) + 4.0), "text-anchor=\"end\"", &microseconds(decade));
        decade *= 10.0;
    }
    for (value, _) in panel.curves.first().map_or(&[][..], |curve| &curve.points) {
        rule(svg, (x.at(*value), y.to), (x.at(*value), y.from), "#e6e6e6");
        text(svg, (x.at(*value), y.from + 18.0), "text-anchor=\"middle\"", &value.to_string());
    }
    rule(svg, (left, y.from), (right, y.from), "#888");
    rule(svg, (left, y.to), (left, y.from), "#888");
    text(svg, (left, y.to - 14.0), "font-size=\"14\" fill=\"#111\"", panel.title);
    text(svg, (middle, y.from + 42.0), "text-anchor=\"middle\"", panel.axis);
    let upright = format!("text-anchor=\"middle\" transform=\"rotate(-90 {} {})\"", left - 56.0, (y.from + y.to) / 2.0);
    text(svg, (left - 56.0, (y.from + y.to) / 2.0), &upright, "a step takes");
}

fn microseconds(value: f64) -> String {
    match value {
        v if v >= 0.999e6 => format!("{:.0} s", v / 1e6),
        v if v >= 0.999e3 => format!("{:.0} ms", v / 1e3),
        v => format!("{v} µs"),
    }
}

/// In a drawing with two logarithmic axes, what grows in proportion has the slope one.
fn straight(svg: &mut String, curve: &Curve, x: &Axis, y: &Axis) {
    let Some(&(last, time)) = curve.points.last() else { return };
    // It leaves the panel at the left or at the bottom.
    let first = curve.points[0].0.max(last * y.low / time);
    rule(svg, (x.at(first), y.at(time * first / last)), (x.at(last), y.at(time)), "#999");
}

fn line(svg: &mut String, curve: &Curve, colour: &str, x: &Axis, y: &Axis) {
    let places: Vec<(f64, f64)> = curve.points.iter().map(|&(quantity, time)| (x.at(quantity), y.at(time))).collect();
    let path = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ");
    put(svg, format_args!("<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
    for (x, y) in places {
        put(svg, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\" stroke=\"#fff\"/>"));
    }
}

/// One sample of each line with its name, from the right edge to the left.
fn legend(svg: &mut String, panels: &[Panel], right: f64) {
    let curves = panels.first().map_or(&[][..], |panel| &panel.curves);
    let named = curves.iter().zip(COLOURS.iter().cycle()).map(|(curve, colour)| {
        let s = if curve.threads == 1 { "" } else { "s" };
        (format!("{} thread{s}", curve.threads), *colour, 2.0)
    });
    let all: Vec<_> = named.chain([("in proportion to the last point".to_owned(), "#999", 1.0)]).collect();
    let mut x = right;
    for (name, colour, thickness) in all.iter().rev() {
        x -= name.chars().count() as f64 * 6.3 + 6.0;
        text(svg, (x, 34.0), "", name);
        let from = x - 32.0;
        put(
            svg,
            format_args!(
                "<line x1=\"{from:.1}\" y1=\"30\" x2=\"{:.1}\" y2=\"30\" stroke=\"{colour}\" stroke-width=\"{thickness}\"/>",
                x - 6.0
            ),
        );
        x = from - 16.0;
    }
}

fn rule(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str) {
    let ends = format!("x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"");
    put(svg, format_args!("<line {ends} stroke=\"{colour}\"/>"));
}

fn text(svg: &mut String, (x, y): (f64, f64), style: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    put(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" {style}>{words}</text>"));
}

fn put(svg: &mut String, element: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(svg, "{element}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_proportion_lies_on_the_straight_line() {
        let (x, y) = (
            Axis { low: 1.0, high: 100.0, from: 0.0, to: 200.0 },
            Axis { low: 1.0, high: 100.0, from: 200.0, to: 0.0 },
        );
        assert_eq!((x.at(1.0), x.at(10.0), y.at(100.0)), (0.0, 100.0, 0.0));
        let curve = Curve { threads: 1, points: vec![(1.0, 0.5), (100.0, 50.0)] };
        let mut svg = String::new();
        straight(&mut svg, &curve, &x, &y);
        // Where the time is 1, the bottom, the quantity is 2.
        assert!(svg.contains(&format!("x1=\"{:.1}\" y1=\"200.0\"", x.at(2.0))), "{svg}");
    }

    #[test]
    fn words_are_escaped() {
        let panel = Panel {
            title: "a < b",
            axis: "x",
            curves: vec![Curve { threads: 1, points: vec![(1.0, 3.0), (8.0, 30.0)] }],
        };
        let svg = draw(&[panel], "p & q");
        assert!(svg.contains("a &lt; b") && svg.contains("p &amp; q") && svg.ends_with("</svg>\n"));
    }
}

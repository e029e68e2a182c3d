//! The plot: a bar for each arm, as long as what it adds to a request, and a line over the middle half.

use std::fmt::Write;

use super::report::Row;

/// All in the plot's own units, which are pixels where it is not made larger.
const WIDTH: f64 = 760.0;
const LABELS: f64 = 190.0;
const FIGURES: f64 = 80.0;
const LINE: f64 = 26.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 34.0;

/// Colours that can be told from white and from black, and by who cannot tell red from green.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#24292f}.small{font-size:11px;fill:#57606a}.title{font-weight:600}\
.grid{stroke:#d0d7de}.ours{fill:#0969da}.others{fill:#9a6700}.bare{fill:#8c959f}.whisker{stroke:#24292f;stroke-width:1.5}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.grid{stroke:#3d444d}.ours{fill:#4493f8}\
.others{fill:#d29922}.bare{fill:#656c76}.whisker{stroke:#e6edf3}}";

/// An SVG 1.1 document, readable on light and on dark pages.
pub(super) fn draw(rows: &[Row]) -> String {
    let bars: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row, row.added?)))
        .collect();
    let most = bars.iter().map(|(_, added)| added.high).fold(1.0, f64::max);
    let step = step(most);
    let steps = (most / step).ceil();
    let scale = (WIDTH - LABELS - FIGURES) / (steps * step);
    #[expect(clippy::cast_precision_loss, reason = "there are not so many arms")]
    let end = TOP + LINE * bars.len() as f64;
    let height = end + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\"><title>CPU time that each filter adds to a request</title><style>{STYLE}</style>\
         <text class=\"title\" x=\"12\" y=\"22\">CPU time of Envoy added to a request, µs (median, middle half)</text>\n"
    );
    let mut at = 0.0;
    while at <= steps {
        // Writing into a String cannot fail.
        let x = LABELS + at * step * scale;
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{end}\"/>\
             <text class=\"small\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            end + 18.0,
            at * step
        );
        at += 1.0;
    }
    let mut y = TOP;
    for (row, added) in bars {
        let middle = y + LINE / 2.0;
        let x = |micros: f64| LABELS + micros.max(0.0) * scale;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{}\" x=\"{LABELS}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>\
             <line class=\"whisker\" x1=\"{:.1}\" y1=\"{middle:.1}\" x2=\"{:.1}\" y2=\"{middle:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{:.1}</text>",
            LABELS - 10.0,
            middle + 4.5,
            escape(&row.name),
            class(&row.name),
            y + 4.0,
            x(added.median) - LABELS,
            LINE - 8.0,
            x(added.low),
            x(added.high),
            x(added.high) + 8.0,
            middle + 4.5,
            added.median,
        );
        y += LINE;
    }
    svg.push_str("</svg>\n");
    svg
}

/// Who made it.
fn class(name: &str) -> &'static str {
    if name.starts_with("tollgate") {
        "ours"
    } else if name.starts_with("no") {
        "bare"
    } else {
        "others"
    }
}

/// A round number by which four to ten steps reach `most`.
fn step(most: f64) -> f64 {
    let mut step = 0.5;
    for factor in [2.0, 2.0, 2.5].into_iter().cycle() {
        if most / step <= 10.0 {
            break;
        }
        step *= factor;
    }
    step
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round() {
        for (most, expected) in [
            (1.0, 0.5),
            (9.0, 1.0),
            (20.0, 2.0),
            (21.0, 5.0),
            (62.0, 10.0),
        ] {
            assert!(
                (step(most) - expected).abs() < 1e-9,
                "{most}: {}",
                step(most)
            );
        }
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escape("a<b & c"), "a&lt;b &amp; c");
    }
}

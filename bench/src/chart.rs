//! The ratios of a comparison as a picture: SVG, on a scale where each step doubles.

use std::fmt::Write as _;

use crate::compare::{Comparison, quotient};

const WIDTH: f64 = 900.0;
const LABELS: f64 = 300.0;
/// Room at the right for the figure behind a bar.
const FIGURES: f64 = 60.0;
const ROW: f64 = 34.0;
const TOP: f64 = 64.0;
const BAR: f64 = 12.0;
/// Ratios are shown up to 64 times as good and down to a quarter.
const DOUBLINGS_MOST: f64 = 6.0;
const DOUBLINGS_LEAST: f64 = -2.0;
const RATE: &str = "#2f6f9f";
const CPU: &str = "#d9822b";

/// How many times as fast a is as b, and how many times less CPU time it takes, for all that both were measured in.
pub(crate) fn chart(comparison: &Comparison) -> String {
    let rows: Vec<_> = comparison
        .pairs()
        .filter_map(|(a, b)| {
            let rate = quotient(Some(a.per_second), Some(b.per_second))?;
            Some((a.what, rate, quotient(b.server_cpu_us, a.server_cpu_us)))
        })
        .collect();
    let height = TOP + ROW * rows.len() as f64 + 8.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    let (a, b) = (escaped(&comparison.a.name), escaped(&comparison.b.name));
    let _ =
        writeln!(text, "<text x=\"8\" y=\"18\" font-size=\"14\">{a}, times as good as {b}</text>");
    let _ = writeln!(text, "<text x=\"8\" y=\"36\" fill=\"{RATE}\">rate</text>");
    let _ = writeln!(
        text,
        "<text x=\"48\" y=\"36\" fill=\"{CPU}\">CPU time of the server for each</text>"
    );
    scale(&mut text, height);
    for (index, (what, rate, cpu)) in rows.into_iter().enumerate() {
        let y = TOP + ROW * index as f64;
        let what = escaped(what);
        let _ = writeln!(text, "<text x=\"8\" y=\"{}\">{what}</text>", y + BAR + 4.0);
        bar(&mut text, y, rate, RATE);
        if let Some(cpu) = cpu {
            bar(&mut text, y + BAR + 1.0, cpu, CPU);
        }
    }
    text.push_str("</svg>\n");
    text
}

/// A line for each doubling; the one at 1 is where both are equally good.
fn scale(text: &mut String, height: f64) {
    let mut doublings = DOUBLINGS_LEAST;
    while doublings <= DOUBLINGS_MOST {
        let x = place(doublings);
        let colour = if doublings == 0.0 { "black" } else { "#ddd" };
        let _ = writeln!(
            text,
            "<line x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{height}\" stroke=\"{colour}\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\" fill=\"#666\">{}×</text>",
            TOP - 8.0,
            TOP - 12.0,
            doublings.exp2()
        );
        doublings += 1.0;
    }
}

fn bar(text: &mut String, y: f64, times: f64, colour: &str) {
    let (one, end) = (place(0.0), place(times.log2()));
    let (x, width) = (one.min(end), (end - one).abs());
    let _ = writeln!(
        text,
        "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\
         <text x=\"{:.1}\" y=\"{}\" font-size=\"10\">{times:.1}</text>",
        one.max(end) + 3.0,
        y + BAR - 2.0,
    );
}

fn place(doublings: f64) -> f64 {
    let share = (doublings.clamp(DOUBLINGS_LEAST, DOUBLINGS_MOST) - DOUBLINGS_LEAST)
        / (DOUBLINGS_MOST - DOUBLINGS_LEAST);
    LABELS + share * (WIDTH - LABELS - FIGURES)
}

/// Text as it may stand in XML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let check = |doublings: f64, want: f64| assert_eq!(place(doublings), want);
        check(DOUBLINGS_LEAST, LABELS);
        check(f64::NEG_INFINITY, LABELS);
        check(2.0, LABELS + (WIDTH - LABELS - FIGURES) / 2.0);
        check(99.0, WIDTH - FIGURES);
        assert_eq!(escaped("a<b & c"), "a&lt;b &amp; c");
    }
}

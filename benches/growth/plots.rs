//! The plots.

use std::error::Error;
use std::path::Path;

use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

/// The times of an operation, in seconds, over how many rows or columns it has.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

type Drawn = Result<(), Box<dyn Error>>;

const SIZE: (u32, u32) = (820, 500);
const GRID: RGBColor = RGBColor(224, 224, 224);
const GUIDE: RGBColor = RGBColor(208, 208, 208);
/// Told apart also by those who do not see all colours, and on paper.
const COLOURS: [RGBColor; 4] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// Time over rows. Both axes are logarithmic: what takes ten times as long for ten times as many rows is a straight
/// line that rises as the grey ones do.
pub(crate) fn over_rows(path: &Path, caption: &str, lines: &[Line]) -> Drawn {
    let (least, most) = range(lines, |point| point.0);
    let (shortest, longest) = range(lines, |point| point.1);
    let bottom = 10f64.powf(shortest.log10().floor());
    let top = 10f64.powf(longest.log10().ceil());
    let mut guides = Vec::new();
    let mut each = bottom / most * 10.0;
    while each < top / least {
        let ends = [least.max(bottom / each), most.min(top / each)];
        guides.push(ends.map(|rows| (rows, each * rows)));
        each *= 10.0;
    }
    let x = Axis {
        name: "rows",
        values: (least..most).log_scale(),
    };
    draw(path, caption, x, (bottom..top).log_scale(), guides, lines)
}

/// Time over columns; both axes begin at nothing.
pub(crate) fn over_columns(path: &Path, caption: &str, lines: &[Line]) -> Drawn {
    let (_, most) = range(lines, |point| point.0);
    let (_, longest) = range(lines, |point| point.1);
    let x = Axis {
        name: "columns besides the key",
        values: 0.0..most,
    };
    draw(path, caption, x, 0.0..longest * 1.05, Vec::new(), lines)
}

struct Axis<T> {
    name: &'static str,
    values: T,
}

/// The lines with a dot at each point, and what they are.
fn draw<X, Y>(path: &Path, caption: &str, x: Axis<X>, y: Y, guides: Vec<[(f64, f64); 2]>, lines: &[Line]) -> Drawn
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 20))
        .margin(16)
        // Half of the last number is behind the end of its axis.
        .margin_right(40)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x.values, y)?;
    chart
        .configure_mesh()
        .max_light_lines(1)
        .light_line_style(GRID)
        .bold_line_style(GRID)
        .label_style(("sans-serif", 15))
        .x_desc(x.name)
        .x_label_formatter(&|size| thousands(*size as u64))
        .y_label_formatter(&|seconds| time(*seconds))
        .draw()?;
    for guide in guides {
        chart.draw_series(LineSeries::new(guide, GUIDE))?;
    }
    for (line, colour) in lines.iter().zip(COLOURS) {
        let points = line.points.iter().copied();
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
        chart.draw_series(points.map(|point| Circle::new(point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(12)
        .background_style(WHITE)
        .border_style(GUIDE)
        .label_font(("sans-serif", 16))
        .draw()?;
    root.present()?;
    Ok(())
}

/// The least and the greatest.
fn range(lines: &[Line], of: impl Fn(&(f64, f64)) -> f64) -> (f64, f64) {
    let values = lines.iter().flat_map(|line| &line.points).map(of);
    values.fold((f64::MAX, f64::MIN), |(least, most), value| {
        (least.min(value), most.max(value))
    })
}

/// A time as short as its digits allow.
fn time(seconds: f64) -> String {
    let (value, unit) = match seconds {
        0.0 => return "0".to_owned(),
        s if s < 0.000_999 => (s * 1e6, "µs"),
        s if s < 0.999 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    // Powers of ten are not exact.
    format!("{} {unit}", (value * 1e3).round() / 1e3)
}

/// A number with commas.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    groups.join(",")
}

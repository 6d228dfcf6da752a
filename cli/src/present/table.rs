//! Plain tables: aligned columns, no frames, the last column as long as it likes. And times, as people say them.

use crate::output::printable;
use crate::theme::Theme;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Lays out rows under headings; an empty table is one sentence.
pub(crate) fn table<const N: usize>(
    headings: [&str; N],
    rows: &[[String; N]],
    empty: &str,
    theme: Theme,
) -> String {
    if rows.is_empty() {
        return empty.to_owned();
    }
    let rows: Vec<[String; N]> = rows
        .iter()
        .map(|row| {
            row.each_ref()
                .map(|cell| printable(cell).replace(['\n', '\t'], " "))
        })
        .collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([headings[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |cells: [&str; N]| {
        let padded = std::array::from_fn::<String, N, _>(|column| {
            format!("{:<width$}", cells[column], width = widths[column])
        });
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![theme.faint(&line(headings))];
    lines.extend(
        rows.iter()
            .map(|row| line(row.each_ref().map(String::as_str))),
    );
    lines.join("\n")
}

/// `name  value` pairs, aligned.
pub(crate) fn pairs(rows: &[(&str, String)], theme: Theme) -> String {
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        format!(
            "{}  {}",
            theme.faint(&format!("{name:<width$}")),
            printable(value)
        )
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A time in the zone of the reader; empty for 0.
pub(crate) fn time(unix_ms: i64, zone: &TimeZone) -> String {
    if unix_ms == 0 {
        return String::new();
    }
    Timestamp::from_millisecond(unix_ms)
        .map(|at| {
            at.to_zoned(zone.clone())
                .strftime("%Y-%m-%d %H:%M")
                .to_string()
        })
        .unwrap_or_default()
}

/// `3 d 4 h`, `12 min`, `5 s`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// `1.5 MiB`.
pub(crate) fn bytes(size: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = size as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{size} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

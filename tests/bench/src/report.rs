//! The report: lines of figures, some with a goal, as a table for people and JSON for programs.

use serde::Serialize;
use std::fmt::Write as _;
use std::time::Duration;

/// Everything measured in one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    machine: String,
    took_seconds: f64,
    lines: Vec<Line>,
    failures: Vec<Failure>,
}

/// A measurement that could not be made.
#[derive(Debug, Serialize)]
struct Failure {
    area: String,
    reason: String,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    area: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<Goal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

/// What a figure is held against.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Goal {
    bound: Bound,
    value: f64,
    /// An ambition, named in the report but not a condition of `--strict`.
    ambition: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    AtMost,
    AtLeast,
}

impl Goal {
    /// A condition: the figure is no larger than this.
    pub(crate) const fn at_most(value: f64) -> Self {
        Self {
            bound: Bound::AtMost,
            value,
            ambition: false,
        }
    }

    /// A condition: the figure is no smaller than this.
    pub(crate) const fn at_least(value: f64) -> Self {
        Self {
            bound: Bound::AtLeast,
            value,
            ambition: false,
        }
    }

    /// The same bound as an ambition.
    pub(crate) const fn ambition(self) -> Self {
        Self {
            ambition: true,
            ..self
        }
    }

    fn met_by(&self, value: f64) -> bool {
        match self.bound {
            Bound::AtMost => value <= self.value,
            Bound::AtLeast => value >= self.value,
        }
    }

    fn shown(&self) -> String {
        let sign = match self.bound {
            Bound::AtMost => "≤",
            Bound::AtLeast => "≥",
        };
        let kind = if self.ambition { " (ambition)" } else { "" };
        format!("{sign} {}{kind}", goal_number(self.value))
    }
}

impl Line {
    /// A figure without a goal.
    pub(crate) fn new(
        area: &'static str,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
    ) -> Self {
        Self {
            area,
            what: what.into(),
            value,
            unit,
            goal: None,
            met: None,
            note: String::new(),
        }
    }

    /// A time in milliseconds.
    pub(crate) fn millis(area: &'static str, what: impl Into<String>, time: Duration) -> Self {
        Self::new(area, what, time.as_secs_f64() * 1e3, "ms")
    }

    /// Sets the goal.
    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.met = Some(goal.met_by(self.value));
        self.goal = Some(goal);
        self
    }

    /// Sets the words beside the figure.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn cells(&self) -> [String; 5] {
        let verdict = match self.met {
            None => "",
            Some(true) => "met",
            Some(false) => "MISSED",
        };
        [
            format!("{}: {}", self.area, self.what),
            format!("{} {}", number(self.value), self.unit)
                .trim_end()
                .to_owned(),
            self.goal.map_or_else(String::new, |goal| goal.shown()),
            verdict.to_owned(),
            self.note.clone(),
        ]
    }
}

impl Report {
    pub(crate) fn new(machine: String) -> Self {
        Self {
            machine,
            took_seconds: 0.0,
            lines: Vec::new(),
            failures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, line: Line) {
        self.lines.push(line);
    }

    /// Notes that a measurement could not be made.
    pub(crate) fn fail(&mut self, area: &str, reason: &str) {
        self.failures.push(Failure {
            area: area.to_owned(),
            reason: reason.to_owned(),
        });
    }

    pub(crate) fn finish(&mut self, took: Duration) {
        self.took_seconds = took.as_secs_f64();
    }

    pub(crate) fn failures(&self) -> usize {
        self.failures.len()
    }

    /// Goals missed that are conditions, not ambitions.
    pub(crate) fn missed_goals(&self) -> usize {
        let conditions = self.lines.iter().filter(|line| line.met == Some(false));
        conditions
            .filter(|line| line.goal.is_some_and(|goal| !goal.ambition))
            .count()
    }

    /// The report as a person reads it.
    pub(crate) fn table(&self) -> String {
        let head = ["what", "figure", "goal", "verdict", "note"].map(str::to_owned);
        let rows: Vec<[String; 5]> = self.lines.iter().map(Line::cells).collect();
        let mut widths = [0; 5];
        for row in rows.iter().chain([&head]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = format!("{}\n\n", self.machine);
        push_row(&mut text, &head, &widths);
        let rule = widths.map(|width| "─".repeat(width));
        push_row(&mut text, &rule, &widths);
        for row in &rows {
            push_row(&mut text, row, &widths);
        }
        for failure in &self.failures {
            let _ = writeln!(text, "not measured: {}: {}", failure.area, failure.reason);
        }
        let goals = self
            .lines
            .iter()
            .filter(|line| line.goal.is_some_and(|goal| !goal.ambition));
        let _ = writeln!(
            text,
            "\n{} of {} goals met, {} not measured, in {:.0} s",
            goals.clone().filter(|line| line.met == Some(true)).count(),
            goals.count(),
            self.failures.len(),
            self.took_seconds
        );
        text
    }
}

fn push_row(text: &mut String, cells: &[String; 5], widths: &[usize; 5]) {
    let mut line = String::new();
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let fill = " ".repeat(width - cell.chars().count());
        // figures stand to the right, so that they compare
        match at {
            1 => line.push_str(&format!("{fill}{cell}  ")),
            _ => line.push_str(&format!("{cell}{fill}  ")),
        }
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// Three significant digits, or all before the point.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn goal_number(value: f64) -> String {
    if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_judged_and_ambitions_are_no_condition() {
        let mut report = Report::new("here".to_owned());
        report.add(Line::new("a", "small", 3.0, "ms").goal(Goal::at_most(3.0)));
        report.add(Line::new("a", "slow", 4.0, "ms").goal(Goal::at_most(3.0).ambition()));
        assert_eq!(report.missed_goals(), 0);
        report.add(Line::new("b", "few", 0.4, "").goal(Goal::at_least(0.5)));
        assert_eq!(report.missed_goals(), 1);
        let table = report.table();
        assert!(table.contains("1 of 2 goals met"), "{table}");
        assert!(table.contains("≥ 0.5"), "{table}");
        assert_eq!(table.matches("MISSED").count(), 2, "{table}");
    }

    #[test]
    fn columns_line_up_and_failures_are_told() {
        let mut report = Report::new("here".to_owned());
        report.add(Line::new("area", "long name of a figure", 1234.5, "MB/s").note("a note"));
        report.add(Line::new("area", "short", 0.01234, "s").note("another"));
        report.fail("node", "no binary");
        let table = report.table();
        let at = |needle: &str| {
            let line = table.lines().find(|line| line.contains(needle)).unwrap();
            line.chars().count().saturating_sub(needle.chars().count())
        };
        assert_eq!(at("a note"), at("another"));
        assert!(table.contains("1234 MB/s") || table.contains("1235 MB/s"));
        assert!(table.contains("not measured: node: no binary"));
        assert_eq!(report.failures(), 1);
    }
}

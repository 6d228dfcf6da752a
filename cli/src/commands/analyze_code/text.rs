//! The report for a person: totals, the modules worth a look, the findings by weight.

use super::{Report, Stats};
use crate::output::printable;
use crate::present::table::{bytes, table};
use crate::theme::Theme;
use aiex_analysis::findings::{Finding, Severity};
use aiex_analysis::metrics::ModuleMetrics;

/// Modules that are listed; the most complex come first.
const MODULES_SHOWN: usize = 40;
/// Findings that are listed; the most severe come first.
const FINDINGS_SHOWN: usize = 100;

pub(super) fn whole(report: &Report, theme: Theme) -> String {
    let mut parts = vec![
        totals(report),
        modules(&report.modules, theme),
        findings(&report.findings, theme),
    ];
    parts.extend(report.stats.as_ref().map(stats));
    parts.join("\n\n")
}

pub(super) fn findings_only(report: &Report, theme: Theme) -> String {
    let mut parts = vec![findings(&report.findings, theme)];
    parts.extend(report.stats.as_ref().map(stats));
    parts.join("\n\n")
}

fn totals(report: &Report) -> String {
    let totals = &report.totals;
    let broken = match totals.broken_files {
        0 => String::new(),
        count => format!(", {count} do not parse"),
    };
    format!(
        "{} files ({}, {} lines{broken}): {} modules, {} functions, {} chunks, {} calls",
        totals.files,
        bytes(totals.size_bytes),
        totals.lines,
        totals.modules,
        totals.functions,
        totals.chunks,
        totals.calls,
    )
}

fn modules(modules: &[ModuleMetrics], theme: Theme) -> String {
    let mut order: Vec<&ModuleMetrics> = modules.iter().collect();
    order.sort_by(|a, b| {
        b.complexity()
            .cmp(&a.complexity())
            .then_with(|| a.module.cmp(&b.module))
    });
    let rows: Vec<[String; 8]> = order
        .iter()
        .take(MODULES_SHOWN)
        .map(|module| {
            [
                module.module.clone(),
                module.lines.to_string(),
                module.functions.len().to_string(),
                module.complexity().to_string(),
                format!("{}/{}", module.public_documented, module.public),
                format!("{}/{}", module.public_with_spec, module.public),
                format!("{}/{}", module.fan_in, module.fan_out),
                format!("{}:{}", module.path, module.line),
            ]
        })
        .collect();
    let headings = [
        "MODULE",
        "LINES",
        "FUNCTIONS",
        "COMPLEXITY",
        "DOCS",
        "SPECS",
        "USED BY/USES",
        "PLACE",
    ];
    let mut text = table(headings, &rows, "no modules", theme);
    if order.len() > MODULES_SHOWN {
        let more = format!(
            "\n… {} more modules; --json lists all",
            order.len() - MODULES_SHOWN
        );
        text.push_str(&theme.faint(&more));
    }
    text
}

fn findings(findings: &[Finding], theme: Theme) -> String {
    if findings.is_empty() {
        return "no findings".to_owned();
    }
    let mut order: Vec<&Finding> = findings.iter().collect();
    order.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| (&a.path, a.line).cmp(&(&b.path, b.line)))
    });
    let mut lines: Vec<String> = order
        .iter()
        .take(FINDINGS_SHOWN)
        .map(|finding| one(finding, theme))
        .collect();
    if order.len() > FINDINGS_SHOWN {
        lines.push(theme.faint(&format!(
            "… {} more findings; --json lists all",
            order.len() - FINDINGS_SHOWN
        )));
    }
    lines.join("\n")
}

fn one(finding: &Finding, theme: Theme) -> String {
    let label = match finding.severity {
        Severity::Error => theme.bad("error"),
        Severity::Warning => theme.warning("warning"),
        Severity::Hint => theme.place("hint"),
    };
    let place = theme.strong(&printable(&format!("{}:{}", finding.path, finding.line)));
    format!(
        "{place}: {label} {} [{}]\n    {}\n    {}",
        printable(&finding.message),
        finding.rule,
        theme.faint(&printable(&finding.reason)),
        theme.faint(&printable(&format!("do: {}", finding.fix))),
    )
}

fn stats(stats: &Stats) -> String {
    format!(
        "{} threads: analysis {:.1} ms ({:.1} MiB/s), parsing alone {:.1} ms ({:.1} MiB/s), ratio {:.2}; \
         graph {:.1} ms, metrics and findings {:.1} ms",
        stats.threads,
        stats.analysis_ms,
        stats.analysis_mib_per_s,
        stats.parse_ms,
        stats.parse_mib_per_s,
        stats.ratio,
        stats.graph_ms,
        stats.metrics_and_findings_ms,
    )
}

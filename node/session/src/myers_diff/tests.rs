//! Diffs as `patch` and people read them.

use super::line_diff;

fn check(before: Option<&str>, after: Option<&str>, wanted: &str) {
    assert_eq!(line_diff("lib/a.ex", before, after).unified, wanted);
}

#[test]
fn equal_files_have_no_diff() {
    check(Some("a\nb\n"), Some("a\nb\n"), "");
    check(None, None, "");
}

#[test]
fn a_changed_line_has_three_lines_around() {
    check(
        Some("1\n2\n3\n4\n5\n6\n7\n8\n9\n"),
        Some("1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
        "--- a/lib/a.ex\n+++ b/lib/a.ex\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
    );
}

#[test]
fn created_and_deleted_files_name_dev_null() {
    check(
        None,
        Some("a\n"),
        "--- /dev/null\n+++ b/lib/a.ex\n@@ -0,0 +1,1 @@\n+a\n",
    );
    check(
        Some("a\n"),
        None,
        "--- a/lib/a.ex\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n",
    );
    check(None, Some(""), "--- /dev/null\n+++ b/lib/a.ex\n");
}

#[test]
fn a_missing_last_newline_is_marked() {
    check(
        Some("a\nb"),
        Some("a\nb\n"),
        "--- a/lib/a.ex\n+++ b/lib/a.ex\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n",
    );
}

#[test]
fn hunks_join_when_their_context_touches_and_part_when_not() {
    let lines = |changed: [usize; 2]| {
        let line = |n| match changed.contains(&n) {
            true => format!("new {n}\n"),
            false => format!("{n}\n"),
        };
        (1..=30).map(line).collect::<String>()
    };
    let headers = |changed| {
        let diff = line_diff("f", Some(&lines([0, 0])), Some(&lines(changed)));
        assert_eq!(diff.counts(), (2, 2));
        diff.unified.matches("@@ -").count()
    };
    assert_eq!(headers([5, 12]), 1);
    assert_eq!(headers([5, 13]), 2);
}

//! Given a text and a change: the new text, or the exact reason why not.

use super::*;

const COUNTER: &str = "defmodule Counter do\n  def up(n) do\n    n + 1\n  end\n\n  def down(n) do\n    n - 1\n  end\nend\n";

fn pair(old: &str, new: &str) -> Change {
    Change::Replace(vec![Replacement {
        old: old.into(),
        new: new.into(),
    }])
}

fn done(text: &str, change: &Change) -> (String, Grade) {
    let applied = apply(text, change).unwrap_or_else(|error| panic!("{error}"));
    (applied.content, applied.grades[0])
}

fn refused(text: &str, change: &Change) -> String {
    match apply(text, change) {
        Err(Error::Edit { message, .. }) => message,
        other => panic!("was not refused: {other:?}"),
    }
}

fn patched(text: &str, patch: &str) -> Result<Applied, Error> {
    let mut edits = parse_patch(patch)?;
    assert_eq!(edits.len(), 1);
    apply(text, &edits.remove(0).kind.into_change().unwrap())
}

#[test]
fn exact_replacement_touches_nothing_else() {
    let (content, grade) = done(COUNTER, &pair("n + 1", "n + 2"));
    assert_eq!(content, COUNTER.replace("n + 1", "n + 2"));
    assert_eq!(grade, Grade::Exact);
}

#[test]
fn backslashes_sigils_and_interpolation_survive() {
    let text = "  @re ~r/\\d+\\\\/u\n  @s ~S(a\\n#{b})\n";
    let (content, _) = done(text, &pair("~r/\\d+\\\\/u", "~r/\\w+\\\\\\n/u"));
    assert_eq!(content, "  @re ~r/\\w+\\\\\\n/u\n  @s ~S(a\\n#{b})\n");
}

#[test]
fn crlf_stays_crlf_in_every_format() {
    let text = "a\r\n  b\r\nc\r\n";
    assert_eq!(
        done(text, &pair("b", "b1\n  b2")).0,
        "a\r\n  b1\r\n  b2\r\nc\r\n"
    );
    assert_eq!(
        done(text, &pair("a\n  b\n", "a\n  x\n")).0,
        "a\r\n  x\r\nc\r\n"
    );
    let diff = "@@ -1,3 +1,3 @@\n a\n-  b\n+  x\n c\n";
    assert_eq!(patched(text, diff).unwrap().content, "a\r\n  x\r\nc\r\n");
}

#[test]
fn ambiguity_lists_the_lines() {
    let message = refused(COUNTER, &pair("  end\n", "  end # x\n"));
    assert!(
        message.contains("matches 2 places (exact), at lines 4, 8"),
        "{message}"
    );
    // the looser grade is not asked to break the tie of the stricter one
    let message = refused("x = 1 \nx = 1  \n", &pair("x = 1\n", "x = 2\n"));
    assert!(
        message.contains("trailing white space), at lines 1, 2"),
        "{message}"
    );
}

#[test]
fn never_places_by_first_and_last_line() {
    let message = refused(
        COUNTER,
        &pair("  def up(n) do\n    n * 1\n  end\n", "gone\n"),
    );
    assert!(
        message.contains("First differing line 3:\n  file:     n + 1\n  old:      n * 1"),
        "{message}"
    );
}

#[test]
fn trailing_blanks_do_not_matter_and_context_keeps_its_own() {
    let text = "def a do  \n  1\t\nend\n";
    let (content, grade) = done(text, &pair("def a do\n  1\nend", "def a do\n  2\nend"));
    assert_eq!(
        (content.as_str(), grade),
        ("def a do  \n  2\nend\n", Grade::TrailingWhitespace)
    );
}

#[test]
fn shifted_indentation_is_shifted_back() {
    let old = "def up(n) do\n  n + 1\nend";
    let (content, grade) = done(COUNTER, &pair(old, "def up(n) do\n  m = n\n\n  m + 1\nend"));
    assert_eq!(grade, Grade::Indentation);
    assert!(
        content.contains("  def up(n) do\n    m = n\n\n    m + 1\n  end\n"),
        "{content}"
    );
    let deeper = "      def up(n) do\n        n + 1\n      end";
    assert_eq!(
        done(COUNTER, &pair(deeper, "      def up(n), do: n")).0,
        COUNTER.replace("  def up(n) do\n    n + 1\n  end", "  def up(n), do: n")
    );
    // uneven shifts are no match
    refused(COUNTER, &pair("def up(n) do\n    n + 1\nend", "x"));
}

#[test]
fn refuses_empty_blank_equal_and_overlapping() {
    assert!(refused(COUNTER, &pair("", "x")).contains("empty `old`"));
    assert!(refused(COUNTER, &pair("n + 1", "n + 1")).contains("changes nothing"));
    assert!(refused("a\n\nb\n", &pair("  \n", "x\n")).contains("no old line"));
    let two = Change::Replace(vec![
        Replacement {
            old: "n + 1\n  end".into(),
            new: "x".into(),
        },
        Replacement {
            old: "1\n  end\n\n  def down".into(),
            new: "y".into(),
        },
    ]);
    assert!(refused(COUNTER, &two).contains("overlap at line 3"));
}

#[test]
fn several_edits_are_placed_in_the_old_text() {
    let two = Change::Replace(vec![
        Replacement {
            old: "n - 1".into(),
            new: "n + 1".into(),
        },
        Replacement {
            old: "n + 1".into(),
            new: "n + 2".into(),
        },
    ]);
    assert_eq!(
        apply(COUNTER, &two).unwrap().content,
        COUNTER.replace("n + 1", "n + 2").replace("n - 1", "n + 1")
    );
}

#[test]
fn not_found_offers_candidates() {
    let message = refused(COUNTER, &pair("def down(m) do", "x"));
    assert!(message.contains("Closest place: line 6"), "{message}");
    assert!(refused(COUNTER, &pair("wholly elsewhere", "x")).contains("No line of it"));
}

#[test]
fn apply_patch_updates_adds_and_deletes() {
    let edits = parse_patch(
        "*** Begin Patch\n*** Update File: lib/a.ex\n@@ def up(n) do\n-    n + 1\n+    n + 2\n*** Add File: lib/b.ex\n+x\n+\n+y\n*** Delete File: lib/c.ex\n*** End Patch\n",
    )
    .unwrap();
    assert_eq!(edits.len(), 3);
    assert_eq!(
        apply(COUNTER, &edits[0].kind.clone().into_change().unwrap())
            .unwrap()
            .content,
        COUNTER.replace("+ 1", "+ 2")
    );
    assert_eq!(edits[1].kind, FileEditKind::Create("x\n\ny\n".into()));
    assert_eq!(
        edits[2],
        FileEdit {
            path: "lib/c.ex".into(),
            kind: FileEditKind::Delete
        }
    );
}

#[test]
fn an_anchor_chooses_but_never_makes_a_place() {
    let update = |body: &str| format!("*** Begin Patch\n*** Update File: a\n{body}*** End Patch");
    let applied = patched(
        COUNTER,
        &update("@@ def down(n) do\n-  end\n+  end # down\n"),
    )
    .unwrap();
    assert!(
        applied.content.ends_with("n - 1\n  end # down\nend\n"),
        "{}",
        applied.content
    );
    let only_added = patched(COUNTER, &update("@@ def down(n) do\n+    log()\n")).unwrap_err();
    assert!(
        only_added.to_string().contains("no old line"),
        "{only_added}"
    );
    let at_end = patched("a\nb\na\n", &update("@@\n-a\n+c\n*** End of File\n")).unwrap();
    assert_eq!(at_end.content, "a\nb\nc\n");
}

#[test]
fn a_cut_patch_is_refused() {
    for patch in [
        "*** Begin Patch\n*** Update File: a\n@@\n-x\n+y\n",
        "*** Begin Patch\n*** Update File: a\n*** End Patch",
        "hello",
    ] {
        assert!(
            matches!(parse_patch(patch), Err(Error::Edit { .. })),
            "{patch}"
        );
    }
}

#[test]
fn unified_diff_uses_its_line_only_among_equals() {
    let diff = "--- a/lib/c.ex\n+++ b/lib/c.ex\n@@ -8,1 +8,1 @@\n-  end\n+  end # down\n";
    assert!(
        patched(COUNTER, diff)
            .unwrap()
            .content
            .ends_with("  end # down\nend\n")
    );
    let off = diff.replace("-8,1", "-7,1");
    assert!(
        patched(COUNTER, &off)
            .unwrap_err()
            .to_string()
            .contains("lines 4, 8")
    );
    let wrong_counts = "@@ -40,9 +2 @@\n   def up(n) do\n-    n + 1\n+    n + 2\n   end\n";
    assert_eq!(
        patched(COUNTER, wrong_counts).unwrap().content,
        COUNTER.replace("n + 1", "n + 2")
    );
}

#[test]
fn unified_diff_creates_deletes_and_keeps_dashes() {
    let created = parse_patch("--- /dev/null\n+++ b/n.ex\n@@ -0,0 +1,2 @@\n+a\n+b\n").unwrap();
    assert_eq!(
        created[0],
        FileEdit {
            path: "n.ex".into(),
            kind: FileEditKind::Create("a\nb\n".into())
        }
    );
    let deleted = parse_patch("--- a/n.ex\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n").unwrap();
    assert_eq!(deleted[0].kind, FileEditKind::Delete);
    let dashes = patched(
        "-- old\nkeep\n",
        "@@ -1,2 +1,2 @@\n--- old\n+-- new\n keep\n",
    )
    .unwrap();
    assert_eq!(dashes.content, "-- new\nkeep\n");
}

#[test]
fn deleting_the_last_lines_keeps_the_rest_whole() {
    let diff = "@@ -1,2 +1 @@\n-b\n";
    assert_eq!(patched("a\nb", diff).unwrap().content, "a\n");
    assert_eq!(patched("a\nb\n", diff).unwrap().content, "a\n");
}

#[test]
fn merges_what_does_not_collide() {
    let ours = COUNTER.replace("n - 1", "n - 2");
    let theirs = COUNTER.replace("n + 1", "n + 2");
    assert_eq!(
        three_way(COUNTER, &ours, &theirs).unwrap(),
        ours.replace("n + 1", "n + 2")
    );
    assert_eq!(
        three_way(COUNTER, &COUNTER.replace("n + 1", "n + 3"), &theirs),
        None
    );
}

proptest::proptest! {
    /// A unique line, replaced, changes that line and no other byte, whatever surrounds it.
    #[test]
    fn only_the_named_line_changes(before in "[ a-z\\\\\r\n\t~\"#{}é]{0,200}", after in "[ a-z\\\\\r\n\t~\"#{}é]{0,200}", new in "[ -~]{1,40}") {
        let text = format!("{before}\nUNIQUE\n{after}");
        let applied = apply(&text, &pair("UNIQUE", &new)).unwrap();
        proptest::prop_assert_eq!(applied.content, format!("{before}\n{new}\n{after}"));
    }

    /// Our own diffs, read back, give our own result.
    #[test]
    fn own_diffs_apply(lines in proptest::collection::vec("[a-c ]{0,3}", 1..30), at in 0usize..30, new in "[d-f]{1,5}") {
        let before: String = lines.iter().enumerate().map(|(number, line)| format!("{line}{number}\n")).collect();
        let mut after: Vec<String> = before.lines().map(ToOwned::to_owned).collect();
        let at = at % after.len();
        after[at] = new;
        let after = after.join("\n") + "\n";
        let diff = unified_diff("x", Some(&before), Some(&after));
        proptest::prop_assert_eq!(patched(&before, &diff).unwrap().content, after);
    }
}

//! Events cut at every byte.

use super::*;
use proptest::prelude::*;

fn decode_cut(bytes: &[u8], cuts: &[usize]) -> Result<Vec<SseEvent>, SseError> {
    let (mut decoder, mut out, mut from) = (SseDecoder::default(), Vec::new(), 0);
    for &cut in cuts {
        decoder.feed(&bytes[from..cut], &mut out)?;
        from = cut;
    }
    decoder.feed(&bytes[from..], &mut out)?;
    decoder.finish(&mut out)?;
    Ok(out)
}

fn event(name: &str, data: &str) -> SseEvent {
    SseEvent {
        name: name.into(),
        data: data.into(),
    }
}

const SAMPLE: &str = "\u{feff}: ping\r\n\r\nevent: delta\r\nid: 1\r\ndata: {\"t\":\"héllo 🦀\"}\r\n\r\ndata:one\rdata: two\r\rretry: 5\n\n\
                      event: empty\n\nevent:x\ndata\n\ndata: [DONE]\n\n";

fn expected() -> Vec<SseEvent> {
    vec![
        event("delta", "{\"t\":\"héllo 🦀\"}"),
        event("", "one\ntwo"),
        event("x", ""),
        event("", "[DONE]"),
    ]
}

#[test]
fn whole_input_is_read() {
    assert_eq!(decode_cut(SAMPLE.as_bytes(), &[]).unwrap(), expected());
}

#[test]
fn a_cut_at_every_pair_of_bytes_changes_nothing() {
    let bytes = SAMPLE.as_bytes();
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            assert_eq!(
                decode_cut(bytes, &[first, second]).unwrap(),
                expected(),
                "{first} {second}"
            );
        }
    }
}

#[test]
fn one_byte_at_a_time_changes_nothing() {
    let cuts: Vec<usize> = (0..SAMPLE.len()).collect();
    assert_eq!(decode_cut(SAMPLE.as_bytes(), &cuts).unwrap(), expected());
}

#[test]
fn a_last_event_without_blank_line_is_given() {
    assert_eq!(
        decode_cut(b"data: a\n\ndata: b", &[]).unwrap(),
        [event("", "a"), event("", "b")]
    );
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    assert_eq!(decode_cut(b"data: \xff\n\n", &[]), Err(SseError::NotUtf8));
    assert_eq!(
        decode_cut(b": \xff comment\n\ndata: a\n\n", &[]).unwrap(),
        [event("", "a")]
    );
}

#[test]
fn an_endless_line_and_endless_data_are_refused() {
    let mut decoder = SseDecoder::default();
    let chunk = vec![b'a'; EVENT_BYTES_MAX / 4 + 1];
    let mut out = Vec::new();
    let result = (0..4).try_for_each(|_| decoder.feed(&chunk, &mut out));
    assert_eq!(result, Err(SseError::TooLarge));

    let mut decoder = SseDecoder::default();
    let mut line = b"data: ".to_vec();
    line.extend(std::iter::repeat_n(b'a', EVENT_BYTES_MAX / 4));
    line.push(b'\n');
    let result = (0..5).try_for_each(|_| decoder.feed(&line, &mut out));
    assert_eq!(result, Err(SseError::TooLarge));
    assert!(out.is_empty());
}

proptest! {
    #[test]
    fn any_events_survive_any_cut(
        events in proptest::collection::vec(("[a-z_.]{0,8}", "[^\r\n\u{feff}]{0,20}(\n[^\r\n]{0,10}){0,2}"), 1..6),
        ending in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        seeds in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut text = String::new();
        for (name, data) in &events {
            text.push_str(&format!(": ping{ending}event: {name}{ending}"));
            for line in data.split('\n') {
                text.push_str(&format!("data: {line}{ending}"));
            }
            text.push_str(ending);
        }
        let mut cuts: Vec<usize> = seeds.iter().map(|seed| seed % (text.len() + 1)).collect();
        cuts.sort_unstable();
        let expected: Vec<SseEvent> = events.iter().map(|(name, data)| event(name, data)).collect();
        prop_assert_eq!(decode_cut(text.as_bytes(), &cuts).unwrap(), expected);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let cuts: Vec<usize> = (0..bytes.len()).collect();
        prop_assert_eq!(decode_cut(&bytes, &cuts), decode_cut(&bytes, &[]));
    }
}

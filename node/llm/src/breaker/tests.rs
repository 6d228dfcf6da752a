//! The breaker over lists of outcomes.

use super::*;
use proptest::prelude::*;

fn breaker() -> Breaker {
    Breaker::new(BreakerConfig::default(), 7)
}

fn fail(breaker: &mut Breaker, now_ms: u64, times: u32) {
    for _ in 0..times {
        assert!(breaker.begin(now_ms));
        breaker.failed(now_ms);
    }
}

#[test]
fn opens_on_failures_in_a_row() {
    let mut breaker = breaker();
    fail(&mut breaker, 0, 4);
    assert_eq!(breaker.wait_ms(0), 0);
    fail(&mut breaker, 0, 1);
    let wait = breaker.wait_ms(0);
    assert!((15_000..=16_500).contains(&wait), "{wait}");
    assert!(!breaker.begin(0));
}

#[test]
fn a_success_between_keeps_it_closed_until_the_share_is_reached() {
    let mut breaker = breaker();
    for call in 0..9 {
        assert!(breaker.begin(call));
        if call % 2 == 0 {
            breaker.failed(call);
        } else {
            breaker.succeeded(call);
        }
    }
    assert_eq!(breaker.wait_ms(9), 0, "nine calls are too few");
    assert!(breaker.begin(9));
    breaker.failed(9);
    assert!(breaker.wait_ms(9) > 0, "six of ten failed");
}

#[test]
fn old_failures_are_forgotten() {
    let mut breaker = breaker();
    fail(&mut breaker, 0, 4);
    assert!(breaker.begin(1));
    breaker.succeeded(1);
    for _ in 0..6 {
        assert!(breaker.begin(40_000));
        breaker.succeeded(40_000);
    }
    fail(&mut breaker, 40_000, 4);
    assert_eq!(breaker.wait_ms(40_000), 0, "4 of 10 in the window");
}

#[test]
fn one_probe_then_three_then_closed() {
    let mut breaker = breaker();
    fail(&mut breaker, 0, 5);
    let now = breaker.wait_ms(0);
    assert!(breaker.begin(now));
    assert!(!breaker.begin(now), "one probe at a time");
    breaker.succeeded(now);
    assert!(breaker.begin(now) && breaker.begin(now) && breaker.begin(now));
    assert!(!breaker.begin(now), "three probes at a time");
    breaker.succeeded(now);
    breaker.succeeded(now);
    breaker.succeeded(now);
    assert_eq!(breaker.state, State::Closed);
    fail(&mut breaker, now, 4);
    assert_eq!(breaker.wait_ms(now), 0, "the past is forgiven");
}

#[test]
fn a_failed_probe_doubles_the_rest_up_to_a_limit() {
    let mut breaker = breaker();
    fail(&mut breaker, 0, 5);
    let (mut now, mut rests) = (0, Vec::new());
    for _ in 0..8 {
        let rest = breaker.wait_ms(now);
        rests.push(rest);
        now += rest;
        fail(&mut breaker, now, 1);
    }
    for (index, rest) in rests.iter().enumerate() {
        let least = (15_000 << index).min(300_000);
        assert!((least..=least + least / 10).contains(rest), "{rests:?}");
    }
}

#[test]
fn an_abandoned_probe_makes_room_for_another() {
    let mut breaker = breaker();
    fail(&mut breaker, 0, 5);
    let now = breaker.wait_ms(0);
    assert!(breaker.begin(now));
    breaker.abandoned();
    assert!(breaker.begin(now));
}

proptest! {
    /// Whatever happens, once all calls ended the breaker lets a call through within the longest rest.
    #[test]
    fn it_never_stays_shut(steps in proptest::collection::vec((0_u64..40_000, 0_u8..4), 1..200)) {
        let (mut breaker, mut now, mut open) = (breaker(), 0, 0_u32);
        for (pass, step) in steps {
            now += pass;
            match step {
                0 => open += u32::from(breaker.begin(now)),
                1 if open > 0 => { open -= 1; breaker.succeeded(now) }
                2 if open > 0 => { open -= 1; breaker.failed(now) }
                3 if open > 0 => { open -= 1; breaker.abandoned() }
                _ => {}
            }
        }
        for _ in 0..open { breaker.abandoned() }
        let wait = breaker.wait_ms(now);
        prop_assert!(wait <= 330_000);
        prop_assert!(breaker.begin(now + wait));
    }
}

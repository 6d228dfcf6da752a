//! Seeds are understood, resolved again, and taken in turn.

use super::*;
use std::sync::Mutex;

fn address(port: u16) -> SocketAddr {
    ([10, 0, 0, 1], port).into()
}

#[test]
fn seeds_are_addresses_or_names() {
    let name = |host: &str, port| Some(Seed::Name(host.to_owned(), port));
    let cases = [
        ("10.0.0.1:9", Some(Seed::Address(address(9)))),
        (
            "10.0.0.1",
            Some(Seed::Address(address(DEFAULT_GOSSIP_PORT))),
        ),
        (" 10.0.0.1:9 ", Some(Seed::Address(address(9)))),
        ("[::1]:9", Some(Seed::Address("[::1]:9".parse().unwrap()))),
        ("aiex-0.aiex:9", name("aiex-0.aiex", 9)),
        ("aiex", name("aiex", DEFAULT_GOSSIP_PORT)),
        ("", None),
        ("aiex:", None),
        ("aiex:0", None),
        ("aiex:gossip", None),
        ("a b:1", None),
        ("http://aiex:1", None),
    ];
    for (text, want) in cases {
        assert_eq!(
            Seed::parse_all(&[text.to_owned()]).ok(),
            want.map(|seed| vec![seed]),
            "{text:?}"
        );
    }
    assert!(Seed::parse_all(&vec!["a".to_owned(); MAX_SEEDS]).is_ok());
    assert!(Seed::parse_all(&vec!["a".to_owned(); MAX_SEEDS + 1]).is_err());
}

#[test]
fn a_node_alone_speaks_to_all_in_turn() {
    let seeds: BTreeSet<_> = (1..=5).map(address).collect();
    let mut turns = SeedTurns::default();
    let mut spoken = BTreeSet::new();
    for _ in 0..2 {
        let round = turns.next(&seeds, address(1), &BTreeSet::new());
        assert_eq!(round.len(), FANOUT);
        spoken.extend(round);
    }
    assert_eq!(spoken, (2..=5).map(address).collect(), "all but itself");
}

#[test]
fn in_company_only_absent_seeds_are_spoken_to_and_seldom() {
    let seeds: BTreeSet<_> = (1..=4).map(address).collect();
    let live = BTreeSet::from([address(2)]);
    let mut turns = SeedTurns::default();
    let spoken: Vec<_> = (0..16)
        .flat_map(|_| turns.next(&seeds, address(1), &live))
        .collect();
    assert_eq!(spoken, [address(3), address(4), address(3), address(4)]);
    let all = seeds.clone();
    assert!((0..16).all(|_| turns.next(&seeds, address(1), &all).is_empty()));
    assert!(
        SeedTurns::default()
            .next(&BTreeSet::new(), address(1), &BTreeSet::new())
            .is_empty()
    );
}

/// Answers from a list, one answer per call; the last one stays.
struct Scripted(Mutex<Vec<io::Result<Vec<SocketAddr>>>>);

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, host: &'a str, port: u16) -> Resolving<'a> {
        assert_eq!((host, port), ("aiex", 9));
        let mut answers = self.0.lock().unwrap();
        let answer = if answers.len() > 1 {
            Some(answers.remove(0))
        } else {
            None
        };
        Box::pin(async move { answer.unwrap_or_else(|| Err(io::ErrorKind::NotFound.into())) })
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_resolved_again_and_keep_their_last_addresses() {
    let answers = vec![
        Err(io::ErrorKind::NotFound.into()),
        Ok(vec![]),
        Ok(vec![address(7)]),
        Err(io::ErrorKind::TimedOut.into()),
        Ok(vec![address(8), address(9)]),
        Ok(vec![]),
    ];
    let seeds = Seed::parse_all(&["aiex:9".to_owned(), "10.0.0.1:5".to_owned()]).unwrap();
    let (found, mut heard) = watch::channel(BTreeSet::new());
    let (alone, alone_rx) = watch::channel(true);
    let resolver = Arc::new(Scripted(Mutex::new(answers)));
    let started = tokio::time::Instant::now();
    let last = BTreeSet::from([address(5), address(8), address(9)]);
    let listening = async {
        heard
            .wait_for(|seen| *seen == BTreeSet::from([address(5)]))
            .await
            .unwrap();
        heard
            .wait_for(|seen| *seen == BTreeSet::from([address(5), address(7)]))
            .await
            .unwrap();
        assert_eq!(started.elapsed().as_secs(), 2, "each second while alone");
        alone.send_replace(false);
        heard.wait_for(|seen| *seen == last).await.unwrap();
        assert!(started.elapsed().as_secs() >= 30, "seldom in company");
        drop(alone);
    };
    tokio::join!(keep_resolving(seeds, resolver, found, alone_rx), listening);
    assert_eq!(*heard.borrow(), last);
}

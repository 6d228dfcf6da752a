//! What is put on the wire comes back the same; what breaks a promise is refused.

use bytes::Bytes;
use openraft::EntryPayload;
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::types::Proposals;

fn id(index: u64) -> LogId {
    get_id(v1::LogId {
        term: 3,
        leader: 2,
        index,
    })
}

fn vote() -> Vote {
    get_vote(Some(v1::Vote {
        term: 3,
        node: 2,
        committed: true,
    }))
    .unwrap()
}

fn entry(index: u64, payload: EntryPayload<Proposals, u64, openraft::BasicNode>) -> Entry {
    Entry {
        log_id: id(index),
        payload,
    }
}

fn append() -> AppendEntriesRequest<Types> {
    let proposals = Proposals(vec![Bytes::from_static(b"a"), Bytes::new()]);
    AppendEntriesRequest {
        vote: vote(),
        prev_log_id: Some(id(4)),
        entries: vec![
            entry(5, EntryPayload::Blank),
            entry(6, EntryPayload::Normal(proposals)),
        ],
        leader_commit: Some(id(4)),
    }
}

#[test]
fn appends_round_trip_through_bytes() {
    let bytes = put_append(&append()).encode_to_vec();
    let back = get_append(v1::Append::decode(&bytes[..]).unwrap()).unwrap();
    assert_eq!(format!("{back:?}"), format!("{:?}", append()));
}

#[test]
fn a_gap_between_entries_is_refused() {
    let cases: [fn(&mut v1::Append); 4] = [
        |append| append.entries.swap(0, 1),
        |append| append.previous = None,
        |append| append.entries[1].kind = 9,
        |append| append.vote = None,
    ];
    for (case, damage) in cases.into_iter().enumerate() {
        let mut damaged = put_append(&append());
        damage(&mut damaged);
        assert!(get_append(damaged).is_err(), "case {case}");
    }
}

#[test]
fn answers_round_trip() {
    let results = [
        Ok(None),
        Ok(Some(id(8))),
        Err(StreamAppendError::Conflict(id(1))),
        Err(StreamAppendError::HigherVote(vote())),
    ];
    for result in results {
        let Body::Appended(sent) = put_appended(result.clone()) else {
            panic!("another answer");
        };
        assert_eq!(get_appended(sent).unwrap(), result);
    }
    let voted = VoteResponse::new(vote(), Some(id(1)), true);
    let Body::Voted(sent) = put_voted(&voted) else {
        panic!("another answer");
    };
    assert_eq!(get_voted(sent).unwrap(), voted);
    let mut ballot = VoteRequest::new(vote(), None);
    ballot.leadership_transfer = true;
    assert_eq!(get_ballot(put_ballot(&ballot)).unwrap(), ballot);
    let transfer = TransferLeaderRequest::new(vote(), 3, Some(id(2)));
    assert_eq!(get_transfer(put_transfer(&transfer)).unwrap(), transfer);
    let answers = [
        Ok(()),
        Err(TransferLeaderError::VoteChanged {
            expected: vote(),
            actual: vote(),
        }),
        Err(TransferLeaderError::LogNotFlushed {
            expected: Some(id(2)),
            actual: None,
        }),
    ];
    for answer in answers {
        let Body::Transferred(sent) = put_transferred(&answer) else {
            panic!("another answer");
        };
        assert_eq!(get_transferred(sent).unwrap(), answer);
    }
}

proptest! {
    #[test]
    fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(append) = v1::Append::decode(&bytes[..]) {
            let _ = get_append(append);
        }
    }
}

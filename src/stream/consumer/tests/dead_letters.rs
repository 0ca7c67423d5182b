//! Dead letters: listed, brought back for their group, removed.

use super::*;

fn bury(place: &Place, group: &str) -> Consumer {
    let mut consumer = place.builder().group(group).max_deliveries(1).single().unwrap();
    while consumer.consume(10, NO_WAIT, |_| Err("down".into())).is_err() {}
    consumer
}

#[test]
fn replay_brings_an_entry_back_and_it_can_be_handled() {
    let mut place = place();
    place.add(1..4);
    let mut consumer = bury(&place, "mailer");
    assert_eq!((place.len(), place.dead()), (0, 3));
    let letters = consumer.dead_letters();
    assert_eq!(letters.count().unwrap(), 3);
    let page = letters.list(2).unwrap();
    let next = letters.list_after(&page[1].id, 10).unwrap();
    assert_eq!((page.len(), next.len()), (2, 1));
    let letter = &page[0];
    assert_eq!(letter.dirty().unwrap().entity_id.as_u64(), Some(1));
    assert_eq!(
        (letter.group.as_str(), letter.error.as_str(), letter.attempts),
        ("mailer", "down", 1)
    );
    assert_eq!(letter.consumer, "consumer-single");
    assert_eq!(letter.event_id.as_deref(), Some("1-0"));
    assert_eq!(letter.fields.len(), 2);
    assert!(letter.first <= letter.last && letter.first > std::time::UNIX_EPOCH);
    assert!(letters.replay_one(&letter.id).unwrap());
    assert!(!letters.replay_one(&letter.id).unwrap());
    assert!(letters.remove(&page[1].id).unwrap());
    assert!(!letters.remove(&page[1].id).unwrap());
    assert!(letters.remove("nonsense").unwrap_err().is_malformed());
    assert_eq!(letters.replay(10).unwrap(), 1);
    assert_eq!((place.len(), place.dead()), (2, 0));
    assert_eq!(consume(&mut consumer, 10), [1, 3]);
    assert_eq!(place.len(), 0);
}

#[test]
fn a_replayed_entry_is_for_the_group_that_failed_only() {
    let mut place = place();
    place.add([1]);
    let mut indexer = place.builder().group("indexer").single().unwrap();
    let mut mailer = bury(&place, "mailer");
    assert_eq!(consume(&mut indexer, 10), [1]);
    assert_eq!((place.len(), place.dead()), (0, 1));
    assert_eq!(mailer.dead_letters().replay(10).unwrap(), 1);
    assert_eq!(consume(&mut indexer, 10), Vec::<u64>::new());
    assert_eq!(place.len(), 1);
    assert_eq!(consume(&mut mailer, 10), [1]);
    assert_eq!(place.len(), 0);
    // It may fail again, and be brought back again.
    place.add([2]);
    assert_eq!(consume(&mut indexer, 10), [2]);
    for _ in 0..2 {
        bury(&place, "mailer");
        assert_eq!(consume(&mut indexer, 10), Vec::<u64>::new());
        assert_eq!((place.len(), place.dead()), (0, 1));
        assert_eq!(mailer.dead_letters().list(10).unwrap()[0].fields.len(), 2);
        mailer.dead_letters().replay(10).unwrap();
    }
    assert_eq!(consume(&mut mailer, 10), [2]);
    assert_eq!(consume(&mut indexer, 10), Vec::<u64>::new());
    assert_eq!((place.len(), place.dead()), (0, 0));
}

#[test]
fn a_replayed_entry_waits_for_a_group_that_was_deleted_meanwhile() {
    let mut place = place();
    place.add([1]);
    let mut indexer = place.builder().group("indexer").single().unwrap();
    bury(&place, "mailer");
    consume(&mut indexer, 10);
    command::<()>(&mut place.redis, "XGROUP DESTROY UserStream mailer");
    indexer.dead_letters().replay(10).unwrap();
    consume(&mut indexer, 10);
    assert_eq!(place.len(), 1);
    let mut mailer = place.builder().group("mailer").single().unwrap();
    assert_eq!(consume(&mut mailer, 10), [1]);
    assert_eq!(place.len(), 0);
}

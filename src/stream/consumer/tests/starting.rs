//! Where a group starts, and what an event shows of its tags.

use super::*;
use crate::stream::broker::publish;
use crate::stream::sender::{Sender, SenderOptions};

#[test]
fn a_new_group_starts_where_it_is_told_to() {
    let mut place = place();
    // A group that keeps the entries, so that there is something to start from.
    let _keeper = place.builder().group("keeper").single().unwrap();
    place.add(1..4);
    let mut all = place.builder().group("all").from_start().single().unwrap();
    let mut news = place.builder().group("news").from_now().single().unwrap();
    let ids: headwater_testkit::redis::streams::StreamRangeReply = place.redis.xrange_all(USERS.name()).unwrap();
    let second = ids.ids[1].id.as_str();
    let mut rest = place.builder().group("rest").from_id(second).single().unwrap();
    let mut first = place.builder().group("first").from_id("1").single().unwrap();
    place.add([4]);
    assert_eq!(consume(&mut all, 10), [1, 2, 3, 4]);
    assert_eq!(consume(&mut news, 10), [4]);
    assert_eq!(consume(&mut rest, 10), [3, 4]);
    assert_eq!(consume(&mut first, 10), [1, 2, 3, 4]);
    // What is said is for a group that has to be made.
    let mut again = place.builder().group("news").from_start().many().unwrap();
    assert_eq!(consume(&mut again, 10), [0u64; 0]);
}

#[test]
fn what_is_no_id_is_an_error() {
    let place = place();
    for id in ["", "x", "-", "1-", "-1", "1-x", "$", "99999999999999999999"] {
        let error = place.builder().from_id(id).single().unwrap_err();
        assert!(
            error.is_config() && error.to_string().contains("UserStream"),
            "{id}: {error}"
        );
    }
}

#[test]
fn a_group_from_now_that_is_deleted_under_it_misses_nothing() {
    let mut place = place();
    let _keeper = place.builder().group("keeper").single().unwrap();
    place.add([1]);
    let mut news = place.builder().group("news").from_now().single().unwrap();
    command::<()>(&mut place.redis, "XGROUP DESTROY UserStream news");
    place.add([2]);
    assert_eq!(consume(&mut news, 10), [2]);
    // A stream that is made anew may count from anywhere.
    command::<()>(&mut place.redis, "DEL UserStream");
    assert_eq!(consume(&mut news, 10), [0u64; 0]);
    command::<()>(&mut place.redis, "DEL UserStream");
    command::<()>(&mut place.redis, "XGROUP CREATE UserStream other 0 MKSTREAM");
    command::<()>(&mut place.redis, "DEL UserStream");
    place.add([3]);
    assert_eq!(consume(&mut news, 10), [3]);
}

#[test]
fn all_tags_of_an_event_can_be_walked() {
    let place = place();
    let sender = Sender::start(place.pool.clone(), SenderOptions::default()).unwrap();
    publish(
        &sender,
        &USERS,
        "body",
        &[("source", "web"), ("größe", "ä"), ("empty", "")],
    )
    .unwrap();
    let mut consumer = place.builder().single().unwrap();
    let mut tags = Vec::new();
    consumer
        .consume(1, NO_WAIT, |events| {
            tags.extend(events[0].tags().map(|(name, value)| format!("{name}={value}")));
            Ok(())
        })
        .unwrap();
    assert_eq!(tags, ["source=web", "größe=ä", "empty="]);
}

#[test]
fn auto_claim_walks_all_pages() {
    let mut place = place();
    place.add(1..2501);
    let mut departed = place.builder().many().unwrap();
    let _ = departed.consume(2500, NO_WAIT, |_| Err("no".into()));
    drop(departed);
    assert_eq!(place.pending("consumer_group"), 2500);
    let mut heir = place.builder().many().unwrap();
    let mut claimed = Vec::new();
    until("the entries to be old enough", || {
        heir.auto_claim(100, Duration::from_millis(1), |events| {
            assert!(events.len() <= 100);
            claimed.extend(entities(events));
            Ok(())
        })
        .unwrap();
        claimed.len() == 2500
    });
    assert!(claimed.is_sorted());
    assert_eq!((place.len(), place.pending("consumer_group")), (0, 0));
}

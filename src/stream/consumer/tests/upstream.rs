//! The cases of FluxaORM's own broker tests, under their names.
#![allow(non_snake_case)]

use super::*;

#[test]
fn TestRedisStreamGroupConsumerClean() {
    let mut place = place();
    place.add(1..11);
    let mut consumer = place.builder().single().unwrap();
    assert_eq!(consume(&mut consumer, 1), [1]);
    assert_eq!(place.len(), 9);
    assert_eq!(consume(&mut consumer, 9).len(), 9);
    assert_eq!(place.len(), 0);
    consumer.cleanup().unwrap();
    let consumers: Vec<headwater_testkit::redis::Value> =
        command(&mut place.redis, "XINFO CONSUMERS UserStream consumer_group");
    assert!(consumers.is_empty());
    // It can be used again.
    place.add(1..11);
    assert_eq!(consume(&mut consumer, 100).len(), 10);
    assert_eq!(place.len(), 0);
}

#[test]
fn TestRedisStreamGroupConsumerAutoScaled() {
    let mut place = place();
    let mut first = place.builder().many().unwrap();
    for _ in 0..2 {
        let handled = first.consume(1, Duration::from_millis(1), |_| panic!("there is nothing"));
        assert_eq!(handled.unwrap(), 0);
    }
    place.add(1..11);
    let mut second = place.builder().many().unwrap();
    assert_ne!(first.name(), second.name());
    let both = [consume(&mut first, 5), consume(&mut second, 5)];
    assert_eq!(both, [vec![1, 2, 3, 4, 5], vec![6, 7, 8, 9, 10]]);

    place.add(1..11);
    let error = first
        .consume(3, NO_WAIT, |events| {
            assert!(events.iter().all(|event| !event.id().is_empty()));
            Err("stop".into())
        })
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Handler { source } if source.to_string() == "stop"));
    let pending: headwater_testkit::redis::streams::StreamPendingReply =
        place.redis.xpending(USERS.name(), "consumer_group").unwrap();
    let headwater_testkit::redis::streams::StreamPendingReply::Data(pending) = pending else {
        panic!("nothing is pending");
    };
    assert_eq!(
        (pending.consumers[0].name.as_str(), pending.consumers[0].pending),
        (first.name(), 3)
    );

    let mut claimed = Vec::new();
    until("the entries to be old enough", || {
        second
            .auto_claim(3, Duration::from_millis(1), |events| {
                claimed.extend(entities(events));
                Ok(())
            })
            .unwrap();
        claimed.len() == 3
    });
    assert_eq!(claimed, [1, 2, 3]);
    assert_eq!(place.pending("consumer_group"), 0);
    assert_eq!(place.len(), 7);
}

//! What the figures say, and how the loop keeps house.

use std::sync::Mutex;
use std::thread;

use super::*;
use crate::stream::Shutdown;
use crate::stream::stats::stats;

#[test]
fn the_figures_of_a_stream_are_right() {
    let mut place = place();
    let empty = stats(&place.pool, "NoStream").unwrap();
    assert_eq!((empty.length, empty.oldest, empty.groups.len()), (0, None, 0));
    place.add(1..11);
    let mut mailer = place.builder().group("mailer").single().unwrap();
    let _indexer = place.builder().group("indexer").many().unwrap();
    let _ = mailer.consume(4, NO_WAIT, |events| {
        events[0].ack()?;
        Err("no".into())
    });
    let stats = mailer.stats().unwrap();
    assert_eq!(
        (stats.stream.as_str(), stats.length, stats.dead_letters),
        ("UserStream", 10, 0)
    );
    assert!(stats.oldest.is_some());
    let names: Vec<&str> = stats.groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(names, ["indexer", "mailer"]);
    let [indexer, mailer] = &stats.groups[..] else {
        panic!("{stats:?}");
    };
    assert_eq!(
        (indexer.lag, indexer.pending, indexer.oldest_pending),
        (Some(10), 0, None)
    );
    assert_eq!((mailer.lag, mailer.pending), (Some(6), 3));
    assert!(mailer.oldest_pending.is_some());
    assert!(mailer.last_delivered.contains('-'));
    assert_eq!(mailer.consumers.len(), 1);
    assert_eq!(
        (mailer.consumers[0].name.as_str(), mailer.consumers[0].pending),
        ("consumer-single", 3)
    );
    command::<()>(&mut place.redis, "SET NoStream text");
    assert!(super::super::stats(&place.pool, "NoStream").is_err());
}

#[test]
fn the_loop_forgets_names_without_events() {
    let mut place = place();
    let mut idle = place.builder().many().unwrap();
    let mut busy = place.builder().many().unwrap();
    let mut single = place.builder().single().unwrap();
    place.add(1..4);
    consume(&mut single, 1);
    consume(&mut idle, 1);
    let _ = busy.consume(1, NO_WAIT, |_| Err("no".into()));
    let mut builder = place.builder().claim_after(Duration::from_secs(3600));
    builder.settings.forget_after = Duration::ZERO;
    let mut runner = builder.many().unwrap();
    let names = || -> Vec<String> {
        let stats = stats(&place.pool, "UserStream").unwrap();
        let consumers = &stats.groups[0].consumers;
        consumers.iter().map(|consumer| consumer.name.clone()).collect()
    };
    let shutdown = Shutdown::new();
    thread::scope(|scope| {
        scope.spawn(|| runner.run(&shutdown, |_| Ok(())).unwrap());
        until("the idle name to be forgotten", || {
            !names().contains(&idle.name().to_string())
        });
        shutdown.request();
    });
    let names = names();
    assert!(names.contains(&busy.name().to_string()), "{names:?}");
    assert!(names.contains(&"consumer-single".to_string()), "{names:?}");
}

#[test]
fn the_loop_keeps_the_stream_within_its_bounds() {
    const YOUNG: Stream = Stream::new("UserStream").max_age(Duration::from_secs(60));
    let mut place = place();
    command::<String>(&mut place.redis, "XADD UserStream 1-1 s old");
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let notes = Arc::clone(&told);
    let mut consumer = ConsumerBuilder::new(place.pool.clone(), YOUNG, &["late".to_string()])
        .on_error(move |error| notes.lock().unwrap().push(error.to_string()))
        .many()
        .unwrap();
    let shutdown = Shutdown::new();
    thread::scope(|scope| {
        scope.spawn(|| consumer.run(&shutdown, |_| Ok(())).unwrap());
        until("the old entry to be cut", || place.len() == 0);
        shutdown.request();
    });
    assert!(
        told.lock().unwrap()[0].contains("1 unread entries were cut"),
        "{told:?}"
    );
}

//! Events: packing them, and what a consumer pays to read them.
//!
//! Names are `group/size/who`.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use headwater::prelude::*;
use headwater::stream::{ColumnChange, Param};

fn event() -> DirtyEvent {
    let text = |text: &str| Param::new('s', text.as_bytes());
    let mut event = DirtyEvent::new("users", 300u64, FlushType::Update);
    event
        .changes
        .push(ColumnChange::new("status", text("active"), text("banned")));
    event.changes.push(ColumnChange::new(
        "age",
        Param::null(),
        Param::new('u', b"18".as_slice()),
    ));
    event
}

fn events(c: &mut Criterion) {
    let event = event();
    let mut group = c.benchmark_group("event_encode");
    for (who, wire) in [("documented", Wire::Documented), ("fluxaorm", Wire::FluxaOrm)] {
        group.bench_function(BenchmarkId::new("2 changes", who), |b| {
            b.iter(|| event.to_bytes(wire).unwrap())
        });
    }
    group.finish();
    let bytes = event.to_bytes(Wire::Documented).unwrap();
    let mut group = c.benchmark_group("event_decode");
    group.bench_function(BenchmarkId::new("2 changes", "headwater"), |b| {
        b.iter(|| DirtyEvent::from_bytes(&bytes).unwrap())
    });
    group.finish();
}

criterion_group!(benches, events);
criterion_main!(benches);

//! The same cases for criterion, which keeps statistics from run to run: names are `group/size/who`.
#![allow(missing_docs, reason = "criterion's macros make public items")]
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

mod cases;
mod support;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use support::world::World;

fn benches(c: &mut Criterion) {
    let world = std::cell::OnceCell::new();
    for case in cases::all() {
        let (group, size) = case.parts();
        let mut group = c.benchmark_group(group);
        group.sample_size(20);
        for who in case.sides() {
            group.bench_function(BenchmarkId::new(size, who), |b| {
                let world = world.get_or_init(World::new);
                let mut started = case.start(world);
                if let Some(fresh) = &mut started.fresh {
                    fresh();
                }
                let side = started
                    .sides
                    .iter_mut()
                    .find(|(name, _)| *name == who)
                    .map(|(_, side)| side)
                    .unwrap();
                let _ = side(1);
                world.pin(started.database.as_ref(), started.redis_apart);
                b.iter_custom(side);
            });
        }
        group.finish();
    }
}

criterion_group!(all, benches);
criterion_main!(all);

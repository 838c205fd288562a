//! The documentation's example parsed and every documented field of it read: time, by criterion, and allocations.

use std::hint::black_box;

use atlas_backup::Snapshot;
use atlas_simulator::Simulator;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

#[path = "../tests/common/mod.rs"]
mod common;

fn read_all(snapshot: &Snapshot) {
    black_box([
        snapshot.id(),
        snapshot.cloud_provider(),
        snapshot.config_server_type(),
        snapshot.created_at(),
        snapshot.description(),
        snapshot.expires_at(),
        snapshot.frequency_type(),
        snapshot.master_key_uuid(),
        snapshot.mongod_version(),
        snapshot.replica_set_name(),
        snapshot.snapshot_type(),
        snapshot.status(),
        snapshot.cluster_type(),
    ]);
    black_box((
        snapshot.status_code(),
        snapshot.cloud_provider_code(),
        snapshot.frequency_type_code(),
        snapshot.snapshot_type_code(),
        snapshot.cluster_type_code(),
    ));
    black_box([snapshot.storage_size_bytes(), snapshot.created_at_ms(), snapshot.expires_at_ms()]);
    snapshot.copy_regions().for_each(|text| {
        black_box(text);
    });
    snapshot.policy_items().for_each(|text| {
        black_box(text);
    });
    snapshot.snapshot_ids().for_each(|text| {
        black_box(text);
    });
    snapshot.links().for_each(|link| {
        black_box(link);
    });
    snapshot.members().for_each(|member| {
        black_box(member);
    });
}

fn parse(body: &str) -> Snapshot {
    Snapshot::parse(black_box(body)).expect("a snapshot")
}

fn measure(criterion: &mut Criterion) {
    let atlas = Simulator::start();
    let fetched = common::get(&common::client(&common::config(&atlas))).expect("a snapshot");
    drop(atlas);
    let body = fetched.json();
    criterion.bench_function("parse", |bencher| {
        bencher.iter_batched(|| (), |()| parse(body), BatchSize::SmallInput);
    });
    let snapshot = parse(body);
    criterion.bench_function("accessors", |bencher| bencher.iter(|| read_all(&snapshot)));
    criterion.bench_function("parse, accessors, free", |bencher| {
        bencher.iter(|| read_all(&parse(body)));
    });
    let allocations = allocation_counter::measure(|| read_all(&parse(body)));
    println!("allocations: {}", allocations.count_total);
}

criterion_group!(benches, measure);
criterion_main!(benches);

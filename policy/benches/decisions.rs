//! What a whole decision takes natively, from the header map to what changes in it: `cargo bench -p tollgate-policy`.
//! Signatures are verified by the rules' own cryptography, where Envoy's would do it for the filter.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark"
)]

mod scene;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

use self::scene::Scene;

fn passes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("passes");
    for (name, scene) in [
        ("public", Scene::new(|_| {}).path("/api/accounts")),
        ("known token, caps off", Scene::new(scene::without_caps)),
        ("known token", Scene::new(|_| {})),
        ("known API key", Scene::new(|_| {}).with_key()),
    ] {
        let world = scene.world();
        assert_eq!(scene.decide(&world), "forward", "{name}");
        group.bench_function(name, |bench| {
            bench.iter(|| black_box(scene.decide(&world)));
        });
    }
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let scene = Scene::new(|_| {}).signed_by(algorithm);
        let name = format!("new token, {algorithm}");
        group.bench_function(name, |bench| {
            let new = || scene.world();
            bench.iter_batched_ref(new, |world| scene.decide(world), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn refusals(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("refused");
    let expired = |claims: &mut serde_json::Value| claims["exp"] = 1.into();
    for (code, scene) in [
        ("path_ambiguous", Scene::new(|_| {}).path("/api//v1/agents")),
        ("account_invalid", Scene::new(|_| {}).account("Acme Ltd")),
        ("token_expired", Scene::new(|_| {}).claims(expired)),
        ("account_forbidden", Scene::new(|_| {}).account("globex")),
        ("cap_exceeded", Scene::new(scene::one_a_minute)),
    ] {
        let world = scene.world();
        // The one that is let pass, and the one that has a token remembered.
        scene.decide(&world);
        assert_eq!(scene.decide(&world), code);
        group.bench_function(code, |bench| {
            bench.iter(|| black_box(scene.decide(&world)));
        });
    }
    group.finish();
}

/// Accounts that are counted, and so accounts in a slot.
fn accounts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("accounts");
    for (name, all) in [
        ("1 in a slot of 4096", 4096_usize),
        ("25 in a slot of 4096", 25 * 4096),
    ] {
        let scene = Scene::new(scene::of_any_account);
        let world = scene.world();
        let of = |number: usize| scene.clone().account(&format!("account-{number:06}"));
        for number in 0..all {
            assert_eq!(of(number).decide(&world), "forward");
        }
        let few: Vec<_> = (0..512).map(|number| of(number * 7919 % all)).collect();
        let mut next = few.iter().cycle();
        group.bench_function(name, |bench| {
            bench.iter(|| black_box(next.next().map(|scene| scene.decide(&world))));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = scene::short();
    targets = passes, refusals, accounts
}
criterion_main!(benches);

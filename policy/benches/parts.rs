//! What the parts of a decision take natively: `cargo bench -p tollgate-policy`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark"
)]

#[allow(dead_code, reason = "the other benchmark has more of it")]
mod scene;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use tollgate_policy::account::AccountName;
use tollgate_policy::assertion::{Assertion, AssertionKey, CredentialKind};
use tollgate_policy::path::Path;
use tollgate_policy::request::Request;
use tollgate_properties::world::{ASSERTION_KEY, NOW, World};

use self::scene::Scene;

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    for target in [
        "/api/v1/agents",
        "/hub-api/api/v1/agents/5f0c?page=2&size=50",
        "/a/%61ccounts/b",
    ] {
        group.bench_function(format!("path {target}"), |bench| {
            bench.iter(|| Path::parse(black_box(target.as_bytes())).is_ok());
        });
    }
    let scene = Scene::new(|_| {});
    group.bench_function("the headers", |bench| {
        bench.iter(|| {
            Request::read(black_box(&scene).headers(), "x-account-id")
                .target
                .len()
        });
    });
    group.finish();
}

fn routes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("route");
    for number in [5, 500] {
        let scene = Scene::new(|configuration| {
            let route = |number| {
                let pattern = format!("GET /api/v1/things-{number}/{{id}}");
                json!({"match": pattern, "access": "public"})
            };
            configuration["routes"] = (0..number).map(route).collect();
        });
        let request = Request::read(scene.headers(), "x-account-id");
        let path = Path::parse(request.target).unwrap();
        group.bench_function(format!("none of {number}"), |bench| {
            bench.iter(|| black_box(&scene.policy).class(&request, &path));
        });
    }
    group.finish();
}

fn assertions(criterion: &mut Criterion) {
    let key = AssertionKey::new(ASSERTION_KEY).unwrap();
    let assertion = Assertion {
        account: AccountName::parse(b"acme").unwrap(),
        subject: "300519873612345678".to_owned(),
        admin: false,
        credential: CredentialKind::Jwt,
    };
    criterion.bench_function("assertion, signed", |bench| {
        bench.iter(|| key.sign(black_box(&assertion), "upstream", NOW, 60));
    });
}

/// A token that is remembered, without all the rest of a decision.
fn tokens(criterion: &mut Criterion) {
    use tollgate_policy::credential::Credential;
    use tollgate_policy::decide::Knowledge;
    use tollgate_policy::token::authenticate;

    let mut group = criterion.benchmark_group("token");
    let scene = Scene::new(|_| {});
    let world = World::new();
    let request = Request::read(scene.headers(), "x-account-id");
    let Ok(Credential::Token(token)) = Credential::read(request.authorization, None) else {
        unreachable!("it is a token");
    };
    let issuers = &scene.policy.issuers;
    group.bench_function("remembered", |bench| {
        bench.iter(|| authenticate(issuers, black_box(token), &world, world.tokens()).is_ok());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = scene::short();
    targets = reading, routes, assertions, tokens
}
criterion_main!(benches);

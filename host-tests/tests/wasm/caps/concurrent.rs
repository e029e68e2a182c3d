//! Requests under way: as many as the cap says, over all workers.

use std::thread;

use host_tests::{Worker, World};
use serde_json::json;

use super::{limited, open, passed};

fn workers(world: &World, count: usize, concurrent: u32) -> Vec<Worker> {
    let start = |_| limited(world, json!({"concurrent": concurrent}));
    (0..count).map(start).collect()
}

#[test]
fn workers_that_take_turns_share_the_limit() {
    for count in [1, 2, 8] {
        let mut workers = workers(&World::new(), count, 5);
        let streams: Vec<_> = (0..20)
            .flat_map(|round| {
                let streams = open(&mut workers[round % count], 1);
                streams
                    .into_iter()
                    .map(move |stream| (round % count, stream))
            })
            .collect();
        assert_eq!(streams.len(), 5, "{count} workers");
        for (number, (worker, stream)) in streams.into_iter().enumerate() {
            workers[worker].end(stream);
            let free = open(&mut workers[count - 1], 9).len();
            assert_eq!(free, 1, "{count} workers, {number} ended before");
        }
    }
}

#[test]
fn workers_in_threads_share_the_limit() {
    for count in [2, 8] {
        let world = World::new();
        let threads: Vec<_> = workers(&world, count, 20)
            .into_iter()
            .map(|mut worker| thread::spawn(move || (open(&mut worker, 15).len(), worker)))
            .collect();
        let ended: Vec<_> = threads.into_iter().map(|t| t.join().unwrap()).collect();
        let open: usize = ended.iter().map(|(open, _)| open).sum();
        assert_eq!(open, 20, "{count} workers");
    }
}

#[test]
fn one_after_the_other_any_number_passes() {
    let mut worker = limited(&World::new(), json!({"concurrent": 1}));
    assert_eq!(passed(&mut worker, 50), 50);
}

#[test]
fn accounts_are_under_way_apart() {
    let mut worker = limited(&World::new(), json!({"concurrent": 1}));
    assert_eq!(open(&mut worker, 2).len(), 1);
    let globex = super::request("globex", "/x");
    assert_eq!(worker.request(globex).summary(), "forwarded");
}

#[test]
fn sixty_four_workers_count_sixteen_caps() {
    let world = World::new();
    let cap = |number| json!({"name": format!("cap-{number}"), "limits": {"concurrent": 64}});
    let mut configuration = host_tests::configuration::inline();
    configuration["caps"] = (0..16).map(cap).collect();
    let mut workers: Vec<_> = (0..64).map(|_| world.worker(&configuration)).collect();
    let streams: Vec<_> = workers.iter_mut().map(|worker| open(worker, 1)).collect();
    let admitted = streams.iter().filter(|streams| !streams.is_empty());
    assert_eq!(admitted.count(), 64);
    assert_eq!(open(&mut workers[0], 1).len(), 0);
    for (worker, streams) in workers.iter_mut().zip(streams) {
        worker.end(streams[0]);
    }
    let open = workers.iter_mut().map(|worker| open(worker, 1).len());
    assert_eq!(open.sum::<usize>(), 64);
}

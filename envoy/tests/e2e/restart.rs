//! PostgreSQL is killed and started again while clients write and read.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;
use tollgate_envoy::client::Origin;
use tollgate_envoy::random;
use tollgate_envoy::trials::accounts::{Answer, Credential, Tenant, TenantError, create};

use crate::database;
use crate::world::{stack, wait_until};

const CLIENTS: usize = 16;

/// How soon all must be well after PostgreSQL lets clients in again.
const SOON: Duration = Duration::from_secs(2);

/// No request may wait for longer than the service lets it wait for a connection, and a statement's time.
const BOUND: Duration = Duration::from_secs(7);

type Answers = Mutex<Vec<(Instant, Answer)>>;

fn work(tenant: &mut Tenant, stop: &AtomicBool, answers: &Answers) -> Result<(), TenantError> {
    let mut connection = tenant.connect()?;
    while !stop.load(Ordering::Relaxed) {
        let answer = match random::below(10).unwrap() {
            0..5 => tenant.write(&mut connection)?,
            5..9 => tenant.read(&mut connection)?,
            _ => tenant.list(&mut connection)?,
        };
        answers.lock().unwrap().push((Instant::now(), answer));
    }
    // Every acknowledged agent is there once, and every other one once at the most.
    let last = tenant.list(&mut connection)?;
    assert_eq!(last.status, 200);
    Ok(())
}

fn count(answers: &[Answers], which: impl Fn(&(Instant, Answer)) -> bool) -> usize {
    let least = answers.iter().map(|answers| {
        let answers = answers.lock().unwrap();
        answers.iter().filter(|answer| which(answer)).count()
    });
    least.min().unwrap()
}

#[test]
fn postgres_is_killed_and_comes_back_under_load() {
    let stack = stack()
        .durable()
        .policy(|policy: &mut Value| {
            policy["caps"] = json!([]);
            policy["accounts"]["directory"] = Value::Null;
        })
        .start()
        .unwrap();
    let (_, postgres) = stack.service().unwrap();
    let names: Vec<_> = (0..CLIENTS)
        .map(|number| format!("restart-{number}"))
        .collect();
    let upstream = Origin::parse(&stack.upstream_url()).unwrap();
    create(upstream, stack.assertion_key(), &names).unwrap();
    let stop = AtomicBool::new(false);
    let answers: Vec<Answers> = (0..CLIENTS).map(|_| Mutex::default()).collect();
    let runtime = Runtime::new().unwrap();
    let url = database::url(&stack);

    let back = thread::scope(|scope| {
        let clients: Vec<_> = names
            .iter()
            .zip(&answers)
            .map(|(name, answers)| {
                let token = Credential::Token(stack.issuer().member(name));
                let mut tenant = Tenant::new(name, stack.gate(), token);
                let stop = &stop;
                scope.spawn(move || work(&mut tenant, stop, answers))
            })
            .collect();
        // Also when an assertion fails: the clients end.
        let ended = scope.spawn(|| {
            let mut back = None;
            for _ in 0..2 {
                let begun = Instant::now();
                let good = |answer: &(Instant, Answer)| answer.0 > begun && answer.1.is_good();
                wait_until("all clients write and read", || count(&answers, good) >= 10);
                postgres.kill().unwrap();
                let killed = Instant::now();
                let refused =
                    |answer: &(Instant, Answer)| answer.0 > killed && answer.1.status == 503;
                wait_until("all clients are refused", || count(&answers, refused) >= 2);
                postgres.resume().unwrap();
                wait_until("PostgreSQL lets clients in", || {
                    runtime
                        .block_on(tokio_postgres::connect(&url, NoTls))
                        .is_ok()
                });
                let since = Instant::now();
                wait_until("the time is over", || {
                    since.elapsed() > SOON + Duration::from_secs(1)
                });
                let late = |answer: &(Instant, Answer)| answer.0 > since + SOON;
                for answers in &answers {
                    let answers = answers.lock().unwrap();
                    let late: Vec<_> = answers.iter().filter(|answer| late(answer)).collect();
                    assert!(!late.is_empty(), "no client hangs");
                    let bad = late.iter().find(|answer| !answer.1.is_good());
                    assert!(bad.is_none(), "{bad:?}");
                }
                back = Some(since);
            }
            back
        });
        let ended = ended.join();
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap().unwrap();
        }
        ended.unwrap()
    });
    assert!(back.is_some());
    for answers in &answers {
        for (_, answer) in answers.lock().unwrap().iter() {
            assert!([200, 201, 503].contains(&answer.status), "{answer:?}");
            assert!(answer.took < BOUND, "{answer:?}");
        }
    }
}

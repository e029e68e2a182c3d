//! The pools against a database that only counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep};

use super::{AcquireFailure, Connect, Connection, Lease, Limits, Permit, Pools};
use crate::database::DatabaseName;

/// Counts what is open, as the server would. Opening and closing take time.
#[derive(Clone, Default)]
struct Fake(Arc<Counts>);

#[derive(Default)]
struct Counts {
    open: AtomicUsize,
    most: AtomicUsize,
    opened: AtomicUsize,
    refuse: AtomicBool,
}

struct FakeConnection {
    number: usize,
    database: DatabaseName,
    broken: AtomicBool,
    /// Dropped with the connection: tells its driver.
    _client: oneshot::Sender<()>,
}

#[derive(Debug, PartialEq)]
struct Refused;

type Outcome = Result<Lease<Fake>, AcquireFailure<Refused>>;

/// A database that nobody gets a connection to, and no refusal either.
const HANGS: &str = "hangs";

const DELAY: Duration = Duration::from_millis(5);

impl Connect for Fake {
    type Connection = FakeConnection;
    type Error = Refused;

    async fn connect(
        &self,
        name: &DatabaseName,
        permit: Permit,
    ) -> Result<FakeConnection, Refused> {
        if name.as_str() == HANGS {
            std::future::pending::<()>().await;
        }
        sleep(DELAY).await;
        let counts = Arc::clone(&self.0);
        if counts.refuse.load(Ordering::Relaxed) {
            return Err(Refused);
        }
        let number = counts.opened.fetch_add(1, Ordering::Relaxed);
        let open = counts.open.fetch_add(1, Ordering::Relaxed) + 1;
        counts.most.fetch_max(open, Ordering::Relaxed);
        let (client, closed) = oneshot::channel();
        tokio::spawn(async move {
            let _ = closed.await;
            sleep(DELAY).await;
            counts.open.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        });
        Ok(FakeConnection {
            number,
            database: name.clone(),
            broken: AtomicBool::new(false),
            _client: client,
        })
    }
}

impl Connection for FakeConnection {
    fn is_closed(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

/// The pools, and what their server counts.
struct World {
    pools: Pools<Fake>,
    server: Fake,
}

fn world(per_database: usize, total: usize) -> World {
    let server = Fake::default();
    let limits = Limits {
        per_database,
        total,
        idle_timeout: Duration::from_mins(1),
        acquire_timeout: Duration::from_secs(5),
    };
    let pools = Pools::new(server.clone(), limits);
    World { pools, server }
}

impl World {
    async fn acquire(&self, name: &str) -> Outcome {
        self.pools.acquire(&DatabaseName::of_test(name)).await
    }

    async fn lease(&self, name: &str) -> Lease<Fake> {
        self.acquire(name).await.expect("a connection")
    }

    fn open(&self) -> usize {
        self.server.0.open.load(Ordering::Relaxed)
    }

    fn opened(&self) -> usize {
        self.server.0.opened.load(Ordering::Relaxed)
    }

    fn most(&self) -> usize {
        self.server.0.most.load(Ordering::Relaxed)
    }

    fn pools(&self) -> usize {
        self.pools.0.table().pools_in_table()
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_used_again() {
    let world = world(2, 4);
    let first = world.lease("a").await.number;
    let second = world.lease("a").await.number;
    assert_eq!((first, second, world.opened()), (0, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_for_its_database_only() {
    let world = world(2, 4);
    drop(world.lease("a").await);
    assert_eq!(world.lease("b").await.database, DatabaseName::of_test("b"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_one_user() {
    let world = world(2, 4);
    let (one, two) = (world.lease("a").await, world.lease("a").await);
    assert_ne!(one.number, two.number);
}

#[tokio::test(start_paused = true)]
async fn a_broken_connection_is_never_handed_out() {
    let world = world(1, 1);
    // Broken while it is used.
    let lease = world.lease("a").await;
    lease.broken.store(true, Ordering::Relaxed);
    drop(lease);
    assert_eq!(world.lease("a").await.number, 1);
    // Broken while it is idle.
    world
        .pools
        .0
        .table()
        .break_idle(|idle| idle.broken.store(true, Ordering::Relaxed));
    assert_eq!(world.lease("a").await.number, 2);
    assert_eq!(world.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_database_has_a_bound() {
    let world = world(2, 4);
    let _held = (world.lease("a").await, world.lease("a").await);
    let started = Instant::now();
    let refused = world.acquire("a").await;
    assert!(matches!(refused, Err(AcquireFailure::Timeout)));
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    drop(world.lease("b").await);
}

#[tokio::test(start_paused = true)]
async fn who_waits_gets_what_comes_back() {
    let world = world(1, 1);
    let held = world.lease("a").await;
    let (waited, ()) = tokio::join!(world.lease("a"), async {
        sleep(Duration::from_secs(1)).await;
        drop(held);
    });
    assert_eq!((waited.number, world.opened()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn the_least_recently_used_idle_connection_makes_room() {
    let world = world(2, 2);
    drop(world.lease("a").await);
    sleep(DELAY).await;
    drop(world.lease("b").await);
    drop(world.lease("c").await);
    // `a` was closed, `b` was not.
    assert_eq!(world.lease("b").await.number, 1);
    assert_eq!(world.lease("a").await.number, 3);
    assert_eq!(world.most(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_comes_back_makes_room_for_who_waits() {
    let world = world(2, 2);
    let held = (world.lease("a").await, world.lease("a").await);
    let (waited, ()) = tokio::join!(world.lease("b"), async {
        sleep(Duration::from_secs(1)).await;
        drop(held.0);
    });
    assert_eq!(waited.database, DatabaseName::of_test("b"));
    assert_eq!(world.most(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_gave_up_waiting_makes_no_room() {
    let world = world(1, 1);
    let held = world.lease("a").await;
    assert!(world.acquire("b").await.is_err());
    drop(held);
    assert_eq!(world.lease("a").await.number, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refused_connection_takes_no_room() {
    let world = world(1, 1);
    world.server.0.refuse.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let refused = world.acquire("a").await;
        assert!(matches!(refused, Err(AcquireFailure::Connect(Refused))));
    }
    world.server.0.refuse.store(false, Ordering::Relaxed);
    drop(world.lease("b").await);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_hangs_keeps_no_other_out() {
    let world = Arc::new(world(3, 4));
    let mut waiting = JoinSet::new();
    for _ in 0..20 {
        let world = Arc::clone(&world);
        waiting.spawn(async move {
            let started = Instant::now();
            let refused = matches!(world.acquire(HANGS).await, Err(AcquireFailure::Timeout));
            (refused, started.elapsed())
        });
    }
    sleep(DELAY).await;
    for name in ["a", "b", "c"] {
        let started = Instant::now();
        drop(world.lease(name).await);
        assert!(started.elapsed() <= DELAY * 3, "{:?}", started.elapsed());
    }
    for (refused, took) in waiting.join_all().await {
        assert!(refused);
        assert_eq!(took, Duration::from_secs(5));
    }
    sleep(Duration::from_mins(3)).await;
    assert_eq!((world.open(), world.pools()), (0, 0));
    assert!(world.pools.0.table().is_at_rest());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_takes_no_room() {
    let world = world(1, 1);
    for delay in [Duration::ZERO, DELAY / 2] {
        // While it connects.
        let dropped = tokio::time::timeout(delay, world.acquire("a")).await;
        assert!(dropped.is_err());
    }
    let held = world.lease("a").await;
    // While it waits.
    let dropped = tokio::time::timeout(DELAY, world.acquire("b")).await;
    assert!(dropped.is_err());
    drop(held);
    assert_eq!(world.lease("b").await.database, DatabaseName::of_test("b"));
    assert_eq!(world.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_discarded_connection_is_closed() {
    let world = world(1, 1);
    world.lease("a").await.discard();
    assert_eq!(world.lease("a").await.number, 1);
    assert_eq!(world.most(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_forgotten_database_is_handed_out_again() {
    let world = world(3, 4);
    let held = world.lease("a").await;
    drop(world.lease("a").await);
    drop(world.lease("b").await);
    world.pools.forget(&DatabaseName::of_test("a"));
    world.pools.forget(&DatabaseName::of_test("never-used"));
    // What was idle is closed; what is used is closed when it comes back.
    sleep(DELAY * 2).await;
    assert_eq!(world.open(), 2);
    drop(held);
    sleep(DELAY * 2).await;
    assert_eq!(world.open(), 1);
    assert_eq!(world.lease("b").await.number, 2, "others stay");
    assert_eq!(world.lease("a").await.number, 3);
    assert_eq!(world.lease("a").await.number, 3, "and is kept again");
}

#[tokio::test(start_paused = true)]
async fn idle_connections_are_closed_and_their_pools_forgotten() {
    let world = world(2, 4);
    let held = world.lease("a").await;
    drop(world.lease("a").await);
    drop(world.lease("b").await);
    assert_eq!((world.open(), world.pools()), (3, 2));
    advance(Duration::from_mins(2)).await;
    sleep(DELAY * 2).await;
    assert_eq!(world.open(), 1);
    drop(held);
    // The next look is at the latest one idle time after.
    sleep(Duration::from_mins(3)).await;
    assert_eq!((world.open(), world.pools()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn many_users_of_many_databases_keep_the_bounds() {
    let world = Arc::new(world(3, 10));
    let mut users = JoinSet::new();
    for user in 0..640_u32 {
        let world = Arc::clone(&world);
        users.spawn(async move {
            let name = format!("account-{}", user % 10);
            let lease = world.lease(&name).await;
            assert_eq!(lease.database.as_str(), name);
            sleep(Duration::from_micros(u64::from(user % 7) * 100)).await;
        });
    }
    users.join_all().await;
    assert!(world.most() <= 10, "{} were open", world.most());
    sleep(Duration::from_mins(3)).await;
    assert_eq!((world.open(), world.pools()), (0, 0));
    let table = world.pools.0.table();
    assert!(table.is_at_rest());
}

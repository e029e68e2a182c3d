//! The counts beside a model of them, without slots, bytes, or races.

use std::collections::{HashMap, VecDeque};

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Request {
        worker: usize,
        account: usize,
        call: bool,
    },
    End {
        which: usize,
    },
    Trap {
        worker: usize,
    },
    Wait {
        seconds: u64,
    },
    Nothing,
}

/// What the counts should be, without slots, bytes, or races.
#[derive(Default)]
struct Model {
    /// By account, cap and window of the clock.
    used: HashMap<(usize, &'static str, Window, u64), u32>,
    /// By account and cap: the worker of each request under way.
    under_way: Vec<(usize, Vec<&'static str>, usize)>,
    dead: Vec<usize>,
}

impl Model {
    const CAPS: [(&'static str, Limits); 2] = [
        (
            "requests",
            Limits {
                concurrent: Some(4),
                per_minute: Some(6),
                per_hour: Some(9),
                per_day: Some(20),
            },
        ),
        (
            "calls",
            Limits {
                concurrent: Some(2),
                per_minute: Some(3),
                per_hour: None,
                per_day: None,
            },
        ),
    ];

    fn caps() -> Caps {
        let [(_, requests), (_, limited_calls)] = Self::CAPS;
        Caps::new(
            vec![cap("requests", requests), calls(limited_calls)],
            Rules::default(),
        )
    }

    fn admit(&mut self, worker: usize, account: usize, call: bool, now: Duration) -> bool {
        let caps = &Self::CAPS[..=usize::from(call)];
        let key = |name: &'static str, window: Window| {
            let number = now.as_secs() / u64::from(window.seconds().unwrap());
            (account, name, window, number)
        };
        let clocked = [Window::Minute, Window::Hour, Window::Day];
        let has_room = caps.iter().all(|(name, limits)| {
            let alive = self.under_way.iter().filter(|(whose, held, worker)| {
                *whose == account && held.contains(name) && !self.dead.contains(worker)
            });
            alive.count() < limits.concurrent.unwrap() as usize
                && clocked.into_iter().all(|window| {
                    let used = self.used.get(&key(name, window)).copied().unwrap_or(0);
                    limits.of(window).is_none_or(|limit| used < limit)
                })
        });
        if has_room {
            for (name, _) in caps {
                for window in clocked {
                    *self.used.entry(key(name, window)).or_default() += 1;
                }
            }
            let names = caps.iter().map(|(name, _)| *name).collect();
            self.under_way.push((account, names, worker));
        }
        has_room
    }
}

/// A world of workers beside its model.
struct Beside {
    caps: Caps,
    workers: Workers,
    model: RefCell<Model>,
    held: RefCell<Vec<(Holding, usize)>>,
    /// What other workers do between this one's reading and its writing, swap by swap.
    between: RefCell<VecDeque<Act>>,
}

impl Beside {
    fn act(&self, act: &Act) {
        match *act {
            Act::Request {
                worker,
                account,
                call,
            } => {
                if self.model.borrow().dead.contains(&worker) {
                    return;
                }
                let path = if call { "/calls" } else { "/x" };
                let name = ["acme", "globex"][account];
                let (now, counts) = (self.workers.now.get(), self.workers.counts(self, worker));
                let admitted = admit(&self.caps, name, path, None, now, counts);
                let expected =
                    self.model
                        .borrow_mut()
                        .admit(worker, account, call, self.workers.now.get());
                assert_eq!(admitted.is_ok(), expected, "{act:?}");
                if let Ok(admitted) = admitted {
                    let holding = admitted.into_parts().0.unwrap();
                    self.held.borrow_mut().push((holding, worker));
                }
            }
            Act::End { which } => {
                let held = self.held.borrow().len();
                if held > 0 {
                    let (holding, worker) = self.held.borrow_mut().remove(which % held);
                    if self.model.borrow().dead.contains(&worker) {
                        return;
                    }
                    let account = ["acme", "globex"]
                        .iter()
                        .position(|name| *name == holding.account().as_str())
                        .unwrap();
                    let caps: Vec<_> = self
                        .caps
                        .held(&holding)
                        .map(|cap| cap.name().to_owned())
                        .collect();
                    let counts = self.workers.counts(self, worker);
                    self.caps.release(&holding, &counts).unwrap();
                    let mut model = self.model.borrow_mut();
                    let ended = model.under_way.iter().position(|(whose, names, by)| {
                        (*whose, *by) == (account, worker) && *names == caps
                    });
                    model.under_way.remove(ended.unwrap());
                }
            }
            Act::Trap { worker } => {
                self.workers
                    .roster
                    .borrow_mut()
                    .mark_dead(self.workers.ids[worker]);
                self.model.borrow_mut().dead.push(worker);
            }
            Act::Wait { seconds } => self.workers.step(i64::try_from(seconds).unwrap()),
            Act::Nothing => {}
        }
    }
}

impl Store for Beside {
    fn load(&self, slot: u32) -> Result<(Vec<u8>, Version), StoreError> {
        self.workers.store.load(slot)
    }

    fn swap(&self, slot: u32, bytes: &[u8], version: Version) -> Result<bool, StoreError> {
        let other = self.between.borrow_mut().pop_front();
        // Neither the clock nor a death comes between: a decision is of one time.
        if let Some(act @ (Act::Request { .. } | Act::End { .. })) = other {
            self.act(&act);
        }
        self.workers.store.swap(slot, bytes, version)
    }
}

fn acts() -> impl Strategy<Value = Act> {
    let request = (0_usize..3, 0_usize..2, any::<bool>());
    prop_oneof![
        8 => request.prop_map(|(worker, account, call)| Act::Request { worker, account, call }),
        5 => any::<usize>().prop_map(|which| Act::End { which }),
        1 => (1_usize..3).prop_map(|worker| Act::Trap { worker }),
        2 => (0_u64..90).prop_map(|seconds| Act::Wait { seconds }),
        1 => (0_u64..4000).prop_map(|seconds| Act::Wait { seconds }),
        2 => Just(Act::Nothing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// However the workers' loads and swaps fall between each other, what passes is what a simple model lets pass.
    #[test]
    fn exact_under_any_interleaving(
        acts in proptest::collection::vec(acts(), 1..80),
        between in proptest::collection::vec(acts(), 0..80),
    ) {
        let beside = Beside {
            caps: Model::caps(),
            workers: Workers::new(3),
            model: RefCell::default(),
            held: RefCell::default(),
            between: RefCell::new(between.into()),
        };
        for act in &acts {
            beside.act(act);
        }
    }
}

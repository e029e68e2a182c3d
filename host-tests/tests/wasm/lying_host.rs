//! A host that fails and lies in one phase of a virtual machine's life: nothing traps, the configuration is taken, nobody
//! passes who should not, and when the host is honest again the gate works.

use std::collections::BTreeSet;

use host_tests::{Fault, Lie, Worker, imports, status};
use serde_json::Value;

use crate::life::{Life, PHASES, Phase, everything, inline};

/// How a call fails: each time, or once, the first being 0.
#[derive(Clone, Debug)]
enum When {
    Always,
    Once(usize),
}

/// All ways, of which some mean the same to a call.
fn faults() -> impl Iterator<Item = Fault> {
    let statuses = status::FAILURES.map(Fault::Status);
    statuses.into_iter().chain(Lie::ALL.map(Fault::Data))
}

/// Those that the filter can tell apart.
fn few_faults() -> impl Iterator<Item = Fault> {
    let statuses = [
        status::NOT_FOUND,
        status::CAS_MISMATCH,
        status::INTERNAL_FAILURE,
        u32::MAX,
    ];
    let lies = [Lie::Empty, Lie::Half, Lie::Garbage];
    let lies = lies.map(Fault::Data).into_iter();
    statuses.map(Fault::Status).into_iter().chain(lies)
}

/// The calls that are made in a phase, and how often at most.
fn calls(configuration: &Value, phase: Phase) -> Vec<(String, usize)> {
    let mut made: Vec<(Phase, Vec<String>)> = Vec::new();
    let mut note = |worker: &mut Worker, phase: Phase| {
        let names = worker.host().trace.drain(..).map(|call| call.name);
        if let Some((_, last)) = made.last_mut() {
            last.extend(names);
        }
        made.push((phase, Vec::new()));
    };
    let mut life = Life::new(configuration, usize::MAX, &mut note);
    life.run();
    let rest: Vec<_> = life.worker.host().trace.drain(..).collect();
    if let Some((_, last)) = made.last_mut() {
        last.extend(rest.into_iter().map(|call| call.name));
    }
    let of_phase = made.iter().filter(|(made_in, _)| *made_in == phase);
    let lists: Vec<_> = of_phase.map(|(_, names)| names).collect();
    let names: BTreeSet<_> = lists.iter().copied().flatten().cloned().collect();
    let most = |name: &str| {
        let count = |list: &&Vec<String>| list.iter().filter(|made| *made == name).count();
        lists.iter().map(count).max().unwrap_or(0)
    };
    names
        .into_iter()
        .map(|name| (name.clone(), most(&name)))
        .collect()
}

/// One life in which the calls of this name fail in this phase.
fn live(configuration: &Value, phase: Phase, call: &str, when: &When, fault: &Fault) {
    let what = format!("{phase:?}: {call}: {when:?}: {fault:?}");
    let mut lie = |worker: &mut Worker, now: Phase| {
        let faults = &mut worker.host().faults;
        faults.clear();
        match when {
            _ if now != phase => {}
            When::Always => faults.always(call, fault.clone()),
            When::Once(nth) => faults.nth(call, *nth, fault.clone()),
        }
    };
    let mut life = Life::new(configuration, usize::MAX, &mut lie);
    life.run();
    // Without its configuration it refuses for good.
    if phase != Phase::Configure {
        assert!(
            life.recovers().is_some(),
            "{what}: {:?}",
            life.worker.host().log
        );
    }
}

fn lie_in(phase: Phase) {
    for configuration in [everything(), inline()] {
        for (call, times) in calls(&configuration, phase) {
            for fault in faults() {
                // Where the text is another, so is what is right.
                if is_another_text(phase, &call, &fault) {
                    continue;
                }
                live(&configuration, phase, &call, &When::Always, &fault);
            }
            for nth in 0..times.min(2) {
                for fault in few_faults() {
                    if !is_another_text(phase, &call, &fault) {
                        live(&configuration, phase, &call, &When::Once(nth), &fault);
                    }
                }
            }
        }
    }
}

/// Whether the filter is given another configuration of the same length, which it cannot tell from the right one.
fn is_another_text(phase: Phase, call: &str, fault: &Fault) -> bool {
    let is_text = phase == Phase::Configure && call == "proxy_get_buffer_bytes";
    is_text && matches!(fault, Fault::Data(Lie::Garbage | Lie::Count))
}

#[test]
fn while_it_configures() {
    lie_in(Phase::Configure);
}

#[test]
fn while_time_goes_on() {
    lie_in(Phase::Tick);
}

#[test]
fn while_callouts_are_answered() {
    lie_in(Phase::Answer);
}

#[test]
fn while_requests_begin() {
    lie_in(Phase::Request);
}

#[test]
fn while_trailers_come() {
    lie_in(Phase::Trailers);
}

#[test]
fn while_requests_are_answered() {
    lie_in(Phase::Response);
}

#[test]
fn while_requests_end() {
    lie_in(Phase::End);
}

#[test]
fn while_a_configuration_ends() {
    lie_in(Phase::Retire);
}

/// What Rust's standard library could call, if it panicked; no life of the filter has it.
const OF_A_PANIC: [&str; 2] = ["fd_write", "proc_exit"];

#[test]
fn every_function_that_the_module_can_call_is_made_to_lie() {
    let of = |configuration: Value| {
        let phases = PHASES.map(|phase| calls(&configuration, phase));
        phases.into_iter().flatten().map(|(name, _)| name)
    };
    let tested: BTreeSet<_> = of(everything()).chain(of(inline())).collect();
    let left: Vec<_> = imports().difference(&tested).cloned().collect();
    assert_eq!(left, OF_A_PANIC);
}

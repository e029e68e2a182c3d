use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Looks for so long, in the intervals of a gate's ticks; workers in `beating` are there.
fn watch(
    roster: &mut Roster,
    watch: &mut Watch,
    now: &mut Duration,
    time: Duration,
    beating: &[WorkerId],
) {
    let end = *now + time;
    while *now < end {
        *now += SECOND / 5;
        for id in beating {
            assert!(roster.beat(*id, vec![(1, 2)]));
        }
        watch.look(roster, *now);
        roster.bury(watch);
    }
}

fn world() -> (Roster, Watch, Duration, WorkerId, WorkerId) {
    let mut roster = Roster::new([1; 16]);
    let (first, second) = (roster.join(), roster.join());
    assert!(roster.beat(first, vec![(1, 2)]));
    assert!(roster.beat(second, vec![(1, 3), (2, 1)]));
    (
        roster,
        Watch::default(),
        1_800_000_000 * SECOND,
        first,
        second,
    )
}

#[test]
fn what_is_written_is_read_and_no_part_of_it() {
    let (roster, ..) = world();
    let bytes = roster.encode();
    assert_eq!(Roster::decode(&bytes), Some(roster));
    for size in 0..bytes.len() {
        assert_eq!(Roster::decode(&bytes[..size]), None, "{size}");
    }
}

#[test]
fn whoever_is_silent_is_dead_and_later_gone() {
    let (mut roster, mut seen, mut now, first, second) = world();
    assert_eq!((roster.under_way(1), roster.under_way(2)), (5, 1));
    watch(&mut roster, &mut seen, &mut now, 4 * SECOND, &[first]);
    assert!(roster.is_alive(second));
    watch(&mut roster, &mut seen, &mut now, 2 * SECOND, &[first]);
    assert!(roster.is_alive(first) && !roster.is_alive(second) && !roster.is_gone(second));
    assert_eq!((roster.under_way(1), roster.first()), (2, Some(first)));
    watch(&mut roster, &mut seen, &mut now, 65 * SECOND, &[first]);
    assert!(roster.is_gone(second));
}

#[test]
fn whoever_comes_back_is_alive_unless_it_was_removed() {
    let (mut roster, mut seen, mut now, first, second) = world();
    for (silence, is_there) in [(6, true), (80, false)] {
        watch(&mut roster, &mut seen, &mut now, silence * SECOND, &[first]);
        assert!(!roster.is_alive(second));
        assert_eq!(roster.beat(second, Vec::new()), is_there);
        assert_eq!(roster.is_alive(second), is_there);
        watch(&mut roster, &mut seen, &mut now, 2 * SECOND, &[first]);
        assert_eq!(roster.is_alive(second), is_there);
    }
}

#[test]
fn whoever_joined_since_is_alive() {
    let (roster, ..) = world();
    let later = roster.clone().join();
    assert!(roster.is_alive(later) && !roster.is_gone(later));
}

#[test]
fn a_worker_is_not_marked_by_what_was_seen_before_it_beat() {
    let (mut roster, mut seen, mut now, first, second) = world();
    watch(
        &mut roster,
        &mut seen,
        &mut now,
        SILENCE - SECOND / 5,
        &[first],
    );
    now += SECOND;
    seen.look(&roster, now);
    assert!(roster.beat(second, Vec::new()));
    roster.bury(&seen);
    assert!(roster.is_alive(second));
}

#[test]
fn a_process_that_stood_still_and_a_clock_that_stepped_kill_nobody() {
    let (mut roster, mut seen, mut now, ..) = world();
    seen.look(&roster, now);
    for step in [3600 * SECOND, 86_400 * SECOND] {
        now += step;
        seen.look(&roster, now);
        now -= step / 2;
        seen.look(&roster, now);
    }
    assert!(!roster.bury(&seen));
}

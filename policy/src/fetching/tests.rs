use super::*;

const START: Duration = Duration::from_secs(1_800_000_000);
const SECOND: Duration = Duration::from_secs(1);

const PACE: Pace = Pace {
    refresh: Duration::from_secs(600),
    longest_fetch: Duration::from_secs(5),
    max_stale: Some(Duration::from_secs(3600)),
    missing_cooldown: Some(Duration::from_secs(30)),
};

fn fetched(set: &[u8], now: Duration) -> FetchState {
    let mut state = FetchState::default();
    let ticket = state.begin(Reason::Age, &PACE, now).unwrap();
    assert!(state.succeed(ticket, Version::of(set), None, now));
    state
}

#[test]
fn one_fetches_and_the_others_do_not() {
    let mut state = FetchState::default();
    assert!(state.begin(Reason::Age, &PACE, START).is_some());
    for reason in [Reason::Age, Reason::Missing] {
        assert_eq!(state.begin(reason, &PACE, START + 5 * SECOND), None);
    }
    assert!(state.is_under_way(&PACE, START + 5 * SECOND));
}

#[test]
fn another_takes_over_from_one_who_is_gone() {
    let mut state = FetchState::default();
    let gone = state.begin(Reason::Age, &PACE, START).unwrap();
    let later = START + 6 * SECOND;
    let next = state.begin(Reason::Age, &PACE, later).unwrap();
    assert!(
        !state.succeed(gone, Version::of(b"old"), None, later),
        "it came back too late"
    );
    assert!(!state.fail(gone, Failure::Timeout, later));
    assert!(state.succeed(next, Version::of(b"new"), None, later));
    assert_eq!(state.version(), Some(Version::of(b"new")));
}

#[test]
fn keys_are_fetched_again_before_they_are_old() {
    let mut state = fetched(b"a", START);
    let version = state.version();
    assert_eq!(state.begin(Reason::Age, &PACE, START + 599 * SECOND), None);
    let now = START + 600 * SECOND;
    let ticket = state.begin(Reason::Age, &PACE, now).unwrap();
    assert!(state.succeed(ticket, Version::of(b"a"), None, now));
    assert_eq!(state.version(), version, "nothing to read again");
    assert_eq!(state.age(now), Some(Duration::ZERO));
    let now = START + 1200 * SECOND;
    let ticket = state.begin(Reason::Age, &PACE, now).unwrap();
    assert!(state.succeed(ticket, Version::of(b"b"), None, now));
    assert_ne!(state.version(), version);
}

#[test]
fn a_failure_keeps_what_there_is_until_it_is_too_old() {
    let mut state = fetched(b"a", START);
    let now = START + 600 * SECOND;
    let ticket = state.begin(Reason::Age, &PACE, now).unwrap();
    assert!(state.fail(ticket, Failure::Connect, now));
    assert_eq!(
        (state.version(), state.failure()),
        (Some(Version::of(b"a")), Some(Failure::Connect))
    );
    assert_eq!(state.begin(Reason::Age, &PACE, now + 9 * SECOND), None);
    assert!(
        state
            .clone()
            .begin(Reason::Age, &PACE, now + 10 * SECOND)
            .is_some()
    );
    assert!(state.is_usable(&PACE, START + 3600 * SECOND));
    assert!(!state.is_usable(&PACE, START + 3601 * SECOND));
}

#[test]
fn without_keys_it_is_tried_again_soon() {
    let mut state = FetchState::default();
    let ticket = state.begin(Reason::Age, &PACE, START).unwrap();
    assert!(state.fail(ticket, Failure::NoHost, START));
    assert_eq!(state.begin(Reason::Age, &PACE, START + SECOND / 4), None);
    assert!(
        state
            .begin(Reason::Age, &PACE, START + SECOND / 2)
            .is_some()
    );
}

#[test]
fn a_fetch_that_is_given_up_can_be_begun_again_at_once() {
    let mut state = fetched(b"a", START);
    let now = START + 60 * SECOND;
    let ticket = state.begin(Reason::Missing, &PACE, now).unwrap();
    assert!(state.give_up(ticket));
    assert_eq!(state.failure(), None);
    assert!(state.begin(Reason::Missing, &PACE, now).is_some());
    assert!(!state.give_up(ticket), "that one is somebody else's");
}

#[test]
fn a_clock_that_steps_stops_nothing_for_ever() {
    let day = 86_400 * SECOND;
    for now in [START - day, START + day] {
        let mut state = fetched(b"a", START);
        state.began = START;
        assert!(!state.is_under_way(&PACE, now));
        assert!(!state.is_usable(&PACE, now));
        assert!(state.begin(Reason::Age, &PACE, now).is_some());
    }
}

#[test]
fn what_has_no_age_limit_stays_for_ever() {
    let pace = Pace {
        max_stale: None,
        missing_cooldown: None,
        ..PACE
    };
    let mut state = fetched(b"a", START);
    let year = START + 365 * 86_400 * SECOND;
    assert!(state.is_usable(&pace, year));
    assert!(!state.may_look_for_missing(&pace, year));
    let ticket = state.begin(Reason::Age, &pace, year).unwrap();
    assert!(state.fail(ticket, Failure::Connect, year));
    assert!(state.is_usable(&pace, year));
    assert_eq!(state.begin(Reason::Age, &pace, year + 9 * SECOND), None);
    assert!(
        state
            .begin(Reason::Age, &pace, year + 10 * SECOND)
            .is_some()
    );
}

#[test]
fn a_document_that_the_server_confirms_is_as_good_as_new() {
    let mut state = FetchState::default();
    let (a, b) = (Version::of(b"a"), Version::of(b"b"));
    let ticket = state.begin(Reason::Age, &PACE, START).unwrap();
    assert!(!state.confirm(ticket, a, START), "there is none");
    assert!(state.succeed(ticket, a, Some("\"1\""), START));
    assert_eq!(state.etag(), Some("\"1\""));

    let later = START + 600 * SECOND;
    let ticket = state.begin(Reason::Age, &PACE, later).unwrap();
    let place = state.place();
    assert!(!state.confirm(ticket, b, later), "another one");
    assert!(state.confirm(ticket, a, later));
    assert_eq!(state.age(later), Some(Duration::ZERO));
    assert_eq!(
        (state.version(), state.place(), state.etag()),
        (Some(a), place, Some("\"1\""))
    );
    assert_eq!(state.begin(Reason::Age, &PACE, later), None);
}

#[test]
fn a_new_document_has_another_place_than_the_one_before() {
    let mut state = fetched(b"a", START);
    let first = state.place();
    for (document, expected) in [(b"a", first), (b"b", first.other()), (b"c", first)] {
        let now = START + 600 * SECOND;
        state.fetched = START;
        let ticket = state.begin(Reason::Age, &PACE, now).unwrap();
        assert!(state.succeed(ticket, Version::of(document), None, now));
        assert_eq!(state.place(), expected, "{document:?}");
    }
}

#[test]
fn a_document_that_is_lost_is_fetched_again_in_full() {
    let mut state = FetchState::default();
    let version = Version::of(b"a");
    let ticket = state.begin(Reason::Age, &PACE, START).unwrap();
    assert!(state.succeed(ticket, version, Some("\"1\""), START));
    assert!(!state.forget(Version::of(b"b")));
    assert!(state.forget(version));
    assert_eq!((state.version(), state.etag()), (None, None));
    assert!(!state.is_usable(&PACE, START));
    let soon = START + SECOND / 2;
    assert!(state.begin(Reason::Age, &PACE, soon).is_some());
}

#[test]
fn only_what_can_be_sent_back_is_an_etag() {
    let long = format!("\"{}\"", "a".repeat(MAX_ETAG));
    for (etag, kept) in [
        ("\"1\"", true),
        ("W/\"1\"", true),
        ("\"\"", true),
        ("", false),
        ("*", false),
        ("1", false),
        ("\"1", false),
        ("\"", false),
        ("\"1\", \"2\"", false),
        ("\"1\",\"2\"", false),
        ("w/\"1\"", false),
        ("\"1\"\r\nx: y", false),
        ("\"\u{e9}\"", false),
        (&long, false),
    ] {
        let mut state = FetchState::default();
        let ticket = state.begin(Reason::Age, &PACE, START).unwrap();
        assert!(state.succeed(ticket, Version::of(b"a"), Some(etag), START));
        assert_eq!(state.etag(), kept.then_some(etag), "{etag:?}");
    }
}

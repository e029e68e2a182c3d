//! The limits of windows: calls in a minute, calls and talk time in a day.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tollgate_envoy::client::Response;

use super::{Account, at_once, started};
use crate::world::wait_until;

const DAY: u64 = 24 * 60 * 60;

/// Waits until the day has time enough for a test that puts calls into it.
fn wait_for_a_day_with_time_left() {
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    wait_until("a day begins", || now().as_secs() % DAY < DAY - 25);
}

fn outcome(account: &Account) -> String {
    account.originate().send().unwrap().outcome()
}

/// The seconds that a refusal says to wait, in both places.
fn wait(refused: &Response) -> u64 {
    let header = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.json()["retry_after"], header);
    header
}

/// The minutes in which calls were started may be two, whenever the test runs: each of them must have the limit's
/// number at most, and with so many requests one of them has it exactly.
#[test]
fn as_many_calls_are_started_in_a_minute_as_may_be() {
    let account = Account::new("calls-minute", json!({"calls_per_minute": 7}));
    let answers = at_once(&account.originate(), 60);
    let sessions = started(&answers, "calls_per_minute");
    let minutes: Vec<usize> = account
        .database()
        .rows("select count(*) from calls group by date_trunc('minute', started_at)")
        .iter()
        .map(|row| row[0].parse().unwrap())
        .collect();
    assert_eq!(minutes.iter().max(), Some(&7), "{minutes:?}");
    assert_eq!(minutes.iter().sum::<usize>(), sessions.len());
    for refused in answers.iter().filter(|answer| answer.status == 429) {
        assert!((1..=60).contains(&wait(refused)));
    }
}

#[test]
fn a_call_that_has_ended_still_counts_in_its_day() {
    wait_for_a_day_with_time_left();
    let account = Account::new("calls-day", json!({"daily_calls_max": 3}));
    for minutes in 1..5 {
        let started_at = format!("midnight - interval '{minutes} minutes'");
        account.spoke(&started_at, "midnight");
    }
    let sessions = started(&at_once(&account.originate(), 60), "daily_calls_max");
    assert_eq!(sessions.len(), 3, "yesterday's do not count");
    for session in sessions {
        account.end(&session).send().unwrap();
    }
    assert_eq!(outcome(&account), "429 cap_exceeded");
}

#[test]
fn talk_time_is_todays_part_of_it() {
    wait_for_a_day_with_time_left();
    let table = [
        (
            "calls-talk-1",
            "midnight - interval '2 hours'",
            "midnight",
            0,
        ),
        (
            "calls-talk-2",
            "midnight - interval '2 hours'",
            "midnight + interval '10 minutes'",
            10,
        ),
        (
            "calls-talk-3",
            "midnight",
            "midnight + interval '90 minutes'",
            90,
        ),
        // Longer than a call may be, so it ended yesterday, whatever nobody told.
        ("calls-talk-4", "midnight - interval '5 hours'", "null", 0),
        // What tomorrow has is not today's.
        (
            "calls-talk-5",
            "midnight + interval '23 hours'",
            "midnight + interval '25 hours'",
            60,
        ),
    ];
    for (name, started_at, ended_at, minutes) in table {
        let account = Account::new(name, json!({}));
        account.spoke(started_at, ended_at);
        if minutes > 0 {
            account.limit(json!({"daily_minutes_max": minutes}));
            assert_eq!(outcome(&account), "429 cap_exceeded", "{name}");
        }
        account.limit(json!({"daily_minutes_max": minutes + 1}));
        assert_eq!(outcome(&account), "200", "{name}");
    }
}

#[test]
fn an_active_call_counts_up_to_now() {
    wait_for_a_day_with_time_left();
    let account = Account::new("calls-talk-active", json!({"daily_minutes_max": 1}));
    account.spoke("midnight", "midnight + interval '59 seconds'");
    assert_eq!(
        outcome(&account),
        "200",
        "a second is left, and now somebody talks"
    );
    wait_until("it is over", || outcome(&account) == "429 cap_exceeded");
    let refused = account.originate().send().unwrap();
    assert_eq!(refused.json()["window"], "daily_minutes_max");
}

#[test]
fn no_end_is_an_end_when_a_call_is_as_long_as_it_may_be() {
    let account = Account::new("calls-endless", json!({"concurrent_max": 1}));
    account.spoke("now() - interval '4 hours 1 second'", "null");
    let session = account.database().rows("select id from calls")[0][0].clone();
    assert_eq!(outcome(&account), "200", "the slot is free");
    assert_eq!(outcome(&account), "429 cap_exceeded", "and taken");

    let ended = account.end(&session).send().unwrap();
    assert_eq!(ended.status, 200);
    let length = account.database().rows(&format!(
        "select ended_at - started_at from calls where id = '{session}'"
    ));
    assert_eq!(length[0][0], "04:00:00", "it is not longer than it may be");
}

#[test]
fn nothing_blocks_and_null_lifts() {
    let account = Account::new("calls-zero", json!({}));
    assert_eq!(outcome(&account), "200");
    for limit in [
        "concurrent_max",
        "calls_per_minute",
        "daily_calls_max",
        "daily_minutes_max",
    ] {
        account.limit(json!({limit: 0}));
        let refused = account.originate().send().unwrap();
        assert_eq!(refused.json()["window"], limit, "{}", refused.text());
        account.limit(json!({limit: null}));
        assert_eq!(outcome(&account), "200", "{limit}");
    }
}

#[test]
fn a_refusal_is_written_as_the_gate_writes_it() {
    let account = Account::new("calls-form", json!({"concurrent_max": 0}));
    let refused = account.originate().send().unwrap();
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    let mut problem = refused.json();
    let detail = problem["detail"].take();
    assert!(detail.is_string());
    let expected = json!({
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "code": "cap_exceeded",
        "detail": null,
        "cap": "call_limits",
        "window": "concurrent_max",
        "limit": 0,
        "retry_after": 1,
    });
    assert_eq!(problem, expected);
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[test]
fn of_several_limits_the_longest_wait_is_told() {
    wait_for_a_day_with_time_left();
    let account = Account::new("calls-longest", json!({"concurrent_max": 0}));
    let all = [
        json!({"concurrent_max": 0, "calls_per_minute": 0}),
        json!({"concurrent_max": 0, "calls_per_minute": 0, "daily_calls_max": 0}),
    ];
    let told: Vec<Value> = all
        .into_iter()
        .map(|limits| {
            account.limit(limits);
            let refused = account.originate().send().unwrap();
            assert!((1..=DAY).contains(&wait(&refused)));
            refused.json()["window"].clone()
        })
        .collect();
    assert_eq!(told, ["calls_per_minute", "daily_calls_max"]);
}

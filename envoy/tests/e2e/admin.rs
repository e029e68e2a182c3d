//! Step 6: administrators, who say so when they act as such.

use serde_json::json;
use tollgate_envoy::client::Request;

use crate::world::{AGENTS, gate};

fn create(account: &str) -> Request {
    let request = gate().post("/api/admin/accounts").account("acme");
    request.json(&json!({"name": account}))
}

#[test]
fn admin_routes_need_the_claim_and_the_header() {
    let (member, administrator) = (
        gate().issuer().member("acme"),
        gate().issuer().administrator(),
    );
    let table = [
        (
            create("a1").bearer(&member).as_admin(),
            "403 admin_required",
        ),
        (create("a1").bearer(&member), "403 admin_required"),
        (create("a1").bearer(&administrator), "403 admin_required"),
        (
            create("a1").bearer(&administrator).header("X-Admin", "yes"),
            "403 admin_required",
        ),
        (create("a1").as_admin(), "401 token_missing"),
        (create("a1").bearer(&administrator).as_admin(), "201"),
    ];
    for (request, expected) in table {
        assert_eq!(request.send().unwrap().outcome(), expected, "{request:?}");
    }
    let again = create("a1")
        .bearer(&administrator)
        .as_admin()
        .send()
        .unwrap();
    assert_eq!(again.status, 409, "{}", again.text());
}

#[test]
fn a_new_account_can_be_used_at_once() {
    let administrator = gate().issuer().administrator();
    let created = create("a2")
        .bearer(administrator)
        .as_admin()
        .send()
        .unwrap();
    assert_eq!(created.status, 201, "{}", created.text());
    let agents = gate()
        .get(AGENTS)
        .account("a2")
        .bearer(gate().issuer().member("a2"));
    assert_eq!(agents.send().unwrap().json(), json!([]));
}

#[test]
fn everywhere_else_x_admin_changes_nothing() {
    let (member, administrator) = (
        gate().issuer().member("acme"),
        gate().issuer().administrator(),
    );
    let agents = |token: &str| gate().get(AGENTS).account("acme").bearer(token).as_admin();
    assert_eq!(agents(&member).send().unwrap().outcome(), "200");
    assert_eq!(
        agents(&administrator).send().unwrap().outcome(),
        "403 account_forbidden"
    );
}

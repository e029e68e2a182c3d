//! Which agent a visitor talks to, and who may.

use serde_json::json;

use super::*;

#[test]
fn an_agent_says_who_may_talk_to_it() {
    let shop = Shop::new("widget-agent");
    let other = Shop::new("widget-agent-other");
    let settings = "/widget-settings";
    let path = format!("{AGENTS}/{}{settings}", shop.agent);
    let read = shop.account.request("GET", &path).send().unwrap().json();
    assert_eq!(read, json!({"widget_enabled": true, "auth_mode": "both"}));
    assert_eq!(shop.guest_of_agent(), "200");

    let others = shop.ask(PAGE, "guest", json!({"agent_id": other.agent}));
    assert_eq!(others.outcome(), "404 agent_not_found");
    let others = other.account.request("GET", &path).send().unwrap();
    assert_eq!(others.outcome(), "404 agent_not_found");

    let nothing = shop.set_agent(settings, json!({}));
    assert_eq!(nothing.outcome(), "400 body_invalid");
    let grant = granted(shop.ask(PAGE, "guest", json!({"agent_id": shop.agent})));
    for (where_, change, outcome) in [
        (
            settings,
            json!({"auth_mode": "user"}),
            "403 auth_mode_not_allowed",
        ),
        (settings, json!({"auth_mode": "guest"}), "200"),
        (
            settings,
            json!({"widget_enabled": false}),
            "403 agent_not_available",
        ),
        (settings, json!({"widget_enabled": true}), "200"),
        ("", json!({"status": "paused"}), "403 agent_not_available"),
        ("", json!({"status": "active"}), "200"),
    ] {
        assert_eq!(
            shop.set_agent(where_, change.clone()).status,
            200,
            "{change}"
        );
        assert_eq!(shop.guest_of_agent(), outcome, "{change}");
        assert_eq!(refresh(PAGE, &grant).outcome(), outcome, "{change}");
    }
    let wrong = shop.set_agent(settings, json!({"auth_mode": "public"}));
    assert_eq!(wrong.outcome(), "400 body_invalid");

    let api_key = shop.api_key();
    let user = user_token(text(&api_key, "key"), &json!({"external_user_id": "42"}));
    let exchange = json!({"user_token": user.json()["user_token"], "agent_id": shop.agent});
    let refused = shop.ask(PAGE, "exchange", exchange);
    assert_eq!(
        refused.outcome(),
        "403 auth_mode_not_allowed",
        "guests only"
    );
}

#[test]
fn a_keys_own_agent_is_the_one() {
    let (shop, other) = (Shop::new("widget-pin"), Shop::new("widget-pin-other"));
    let pin = |agent: Value| {
        let path = format!("{KEYS}/{}", text(&shop.key, "id"));
        shop.account
            .send("PATCH", &path, &json!({"agent_id": agent}))
    };
    assert_eq!(pin(json!(other.agent)).outcome(), "404 agent_not_found");
    assert_eq!(pin(json!(shop.agent)).json()["agent_id"], shop.agent);

    let asked = json!({"agent_id": other.agent});
    let grant = granted(shop.ask(PAGE, "guest", asked));
    assert_eq!(claims(text(&grant, "token"))["agent"], shop.agent);
    let config = |page: &str| {
        let path = format!(
            "/api/v1/widget/config?client_key={}",
            text(&shop.key, "key")
        );
        upstream().get(path).header("Origin", page).send().unwrap()
    };
    let agent = json!({"id": shop.agent, "name": "Ada", "auth_mode": "both"});
    assert_eq!(
        config(PAGE).json(),
        json!({"account": "widget-pin", "agent": agent})
    );
    assert_eq!(
        config("https://evil.com").outcome(),
        "403 origin_not_allowed"
    );

    assert_eq!(pin(Value::Null).json()["agent_id"], Value::Null);
    assert_eq!(
        config(PAGE).json(),
        json!({"account": "widget-pin", "agent": null})
    );
}

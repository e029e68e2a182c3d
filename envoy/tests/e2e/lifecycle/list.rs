//! The list that administrators have.

use serde_json::{Value, json};

use super::world::World;

#[test]
fn accounts_are_listed_page_by_page() {
    let world = World::new();
    let service = world.serve();
    let list = |query: &str| {
        let answer = service.administer("GET", query).send().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    assert_eq!(list(""), json!({"accounts": [], "next": null}));
    assert_eq!(service.create("b"), "201");
    world.system().run(
        "insert into accounts (name, status) values \
         ('a-1', 'suspended'), ('a_1', 'creating'), ('c', 'deleting')",
    );
    let all = list("");
    let column = |name: &str| -> Vec<Value> {
        let accounts = all["accounts"].as_array().unwrap().iter();
        accounts.map(|account| account[name].clone()).collect()
    };
    assert_eq!(column("name"), ["a-1", "a_1", "b", "c"]);
    assert_eq!(
        column("status"),
        ["suspended", "creating", "active", "deleting"]
    );
    assert_eq!(column("schema_version")[0], 0);
    assert!(column("schema_version")[2].as_u64().unwrap() > 0);
    assert!(column("created_at").iter().all(Value::is_string));

    let mut names = Vec::new();
    let mut after = Some(String::new());
    while let Some(last) = after {
        let page = list(&format!("?limit=3&after={last}"));
        let accounts = page["accounts"].as_array().unwrap();
        assert!((1..=3).contains(&accounts.len()));
        names.extend(accounts.iter().map(|account| account["name"].clone()));
        after = page["next"].as_str().map(str::to_owned);
    }
    assert_eq!(names, column("name"));
}

//! What is left is told without a request being counted.

use super::*;

#[test]
fn asking_what_is_left_counts_nothing() {
    let workers = Workers::new(1);
    let caps = Caps::new(
        vec![cap("requests", limits(5, 3, FREE, 7))],
        Rules::default(),
    );
    let path = Path::parse(b"/x").unwrap();
    let mounts = Mounts::parse(&[String::new()]).unwrap();
    let asked = Asked {
        mounts: &mounts,
        method: b"GET",
        path: &path,
        own: None,
    };
    let account = granted("acme").account().clone();
    let left = || {
        let counts = workers.counts(&workers, 0);
        let left = caps.left(&account, &asked, workers.now.get(), &counts);
        let told = |left: Left| (left.window, left.limit, left.left, left.seconds);
        left.map(|left| left.into_iter().map(told).collect::<Vec<_>>())
    };
    let per_minute = |left: &[(Window, u32, u32, u32)]| left[1];
    assert_eq!(left().unwrap().len(), 3);
    assert_eq!(per_minute(&left().unwrap()), (Window::Minute, 3, 3, 30));
    assert_eq!(workers.passed(&caps, 2), 2);
    for _ in 0..4 {
        assert_eq!(per_minute(&left().unwrap()), (Window::Minute, 3, 1, 30));
    }
    assert_eq!(workers.passed(&caps, 2), 1);
    assert_eq!(per_minute(&left().unwrap()), (Window::Minute, 3, 0, 30));
    workers.broken.set(true);
    assert_eq!(left(), Err(StoreError::Unreachable));
}

use super::*;
use std::net::TcpListener;
use std::thread;

/// A server that gives the first `good` answers of each connection as they should be, and then `other`.
fn server(good: usize, other: &'static str) -> Origin {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(stream.unwrap(), good, other));
        }
    });
    Origin::parse(&url).unwrap()
}

fn answer(mut stream: TcpStream, good: usize, other: &str) {
    let ok = format!("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{BODY}");
    for number in 0.. {
        let mut request = [0; 1];
        if stream.read_exact(&mut request).is_err() {
            return;
        }
        let text = if number < good { &ok } else { other };
        // In two parts, as a network may deliver it.
        let (first, second) = text.split_at(text.len() / 2);
        let sent = stream.write_all(first.as_bytes());
        if sent
            .and_then(|()| stream.write_all(second.as_bytes()))
            .is_err()
            || number >= good
        {
            return;
        }
    }
}

fn run(good: usize, other: &'static str, time: Duration) -> Result<u64, LoadError> {
    let requests = [b"x".as_slice()];
    let mut load = Load::connect(server(good, other), false, Expected::new(200, BODY)).unwrap();
    load.run(&mut requests.into_iter().cycle(), time)
}

#[test]
fn answers_are_counted() {
    let answers = run(usize::MAX, "", Duration::from_millis(5)).unwrap();
    assert_eq!(answers % CONNECTIONS as u64, 0);
    assert!(answers >= 2 * CONNECTIONS as u64, "{answers}");
}

#[test]
fn an_answer_that_was_not_expected_ends_it() {
    for (other, found) in [
        (
            "HTTP/1.1 401 Unauthorized\r\n\r\n",
            "`HTTP/1.1 401 Unauthorized`",
        ),
        ("HTTP/1.1 200 Yes\r\n\r\nwelcome\n", "`HTTP/1.1 200 Yes`"),
        // The right status with another body, after which no more comes.
        ("HTTP/1.1 200 OK\r\n\r\nwelcome!\n", "no answer came"),
        ("", "no answer came"),
    ] {
        let error = run(2, other, Duration::from_secs(60)).unwrap_err();
        assert!(error.to_string().contains(found), "{error}");
    }
}

#[test]
fn a_connection_that_ends_is_followed_by_another() {
    let requests = [b"x".as_slice()];
    // The server ends each connection after its second answer; the client already after the first.
    let mut load = Load::connect(server(1, ""), true, Expected::new(200, BODY)).unwrap();
    let answers = load.run_through(&mut requests.into_iter().cycle(), 100);
    assert!(answers.unwrap() >= 100);
}

//! What is wrong with a text that was given, without what stands in it, which may be a secret.

use serde_json::Error;
use serde_json::error::Category;

/// Where a text of JSON is not as expected, and what was expected there.
pub fn without_values(error: &Error) -> String {
    let text = error.to_string();
    let what = match error.classify() {
        Category::Io | Category::Syntax => "not JSON".to_owned(),
        Category::Eof => "it ends too early".to_owned(),
        Category::Data => {
            let text = text
                .rsplit_once(" at line ")
                .map_or(&*text, |(text, _)| text);
            // What was found stands before it, and names of members are ours.
            match text.rsplit_once(", expected ") {
                Some((_, expected)) => format!("expected {expected}"),
                None if text.starts_with("missing field ") => text.to_owned(),
                None => "something of another form".to_owned(),
            }
        }
    };
    format!("line {}, column {}: {what}", error.line(), error.column())
}

/// An error of a rule's own, which repeats what it found in quotation marks, with `"…"` for that.
pub fn without_quoted(text: &str) -> String {
    let end = [", expected ", ": write ", "is not supported;"].into_iter();
    let end = end.filter_map(|words| text.find(words)).min();
    match text.split_once('"') {
        Some((before, found)) if end.is_none_or(|end| before.len() < end) => {
            let mut escaped = false;
            let closing = found.find(|letter| {
                let closes = letter == '"' && !escaped;
                escaped = letter == '\\' && !escaped;
                closes
            });
            let behind = closing.and_then(|closing| found.get(closing + 1..));
            format!("{before}\"…\"{}", behind.unwrap_or_default())
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_was_expected_is_said_and_not_what_was_found() {
        type Numbers = BTreeMap<String, Vec<u8>>;
        for (text, expected) in [
            (
                r#"{"a": "S, expected S at line 1"}"#,
                "line 1, column 31: expected a sequence",
            ),
            (r#"{"a": ["S"]}"#, "line 1, column 10: expected u8"),
            ("[S", "line 1, column 0: expected a map"),
            ("{S", "line 1, column 2: not JSON"),
            (r#"{"a": "#, "line 1, column 6: it ends too early"),
        ] {
            let error = serde_json::from_str::<Numbers>(text).unwrap_err();
            assert_eq!(without_values(&error), expected, "{text}");
        }
    }

    #[test]
    fn what_is_quoted_is_left_out() {
        for (text, expected) in [
            (
                r#"string "S\", expected S", expected an object {"a": 1}"#,
                r#"string "…", expected an object {"a": 1}"#,
            ),
            (
                r#"invalid type: map, expected "accounts""#,
                r#"invalid type: map, expected "accounts""#,
            ),
            (
                r#"a.status: "S": write "active""#,
                r#"a.status: "…": write "active""#,
            ),
            (r#"string "S…"#, r#"string "…""#),
            ("too large", "too large"),
        ] {
            assert_eq!(without_quoted(text), expected, "{text}");
        }
    }
}

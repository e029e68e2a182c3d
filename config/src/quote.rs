//! What others wrote, repeated in an error: so much of it, on one line.

/// At most so many characters of a text; what could end a line or move a terminal's cursor is replaced.
pub fn quoted(text: &str, most: usize) -> String {
    let line = text
        .chars()
        .map(|one| if one.is_control() { '\u{fffd}' } else { one });
    let mut quoted: String = line.take(most).collect();
    if text.chars().nth(most).is_some() {
        quoted.push('…');
    }
    quoted
}

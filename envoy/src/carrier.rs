//! What carries a gate's configuration: the files that operators write, and where in them a gate is.

pub mod document;
pub mod gate;
pub mod place;
pub mod reader;

use std::path::Path;

use self::document::{Content, Member, Node, Parsed};

/// The documents of a file: those in a ConfigMap's texts too, and with the JSON of a `StringValue` opened. The error is the
/// first one, of the file or of such a text.
pub fn documents(text: &str, is_json: bool) -> Parsed {
    let mut parsed = Parsed::read(text, is_json);
    let mut within = Parsed::default();
    for document in &parsed.documents {
        of_config_map(document, &mut within);
    }
    parsed.documents.extend(within.documents);
    parsed.error = parsed.error.or(within.error);
    parsed.documents.retain(|document| !is_empty(document));
    parsed.documents.iter_mut().for_each(gate::unfold);
    parsed
}

/// Whether a file is JSON by its name.
pub fn is_json(file: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"))
}

/// The documents in the texts of a ConfigMap, or of those in a List.
fn of_config_map(document: &Node, within: &mut Parsed) {
    let texts = match document.get("kind").and_then(Node::text) {
        Some("ConfigMap") => document.get("data").map(Node::members),
        Some("List") => {
            let items = document.get("items").map(Node::items).unwrap_or_default();
            return items.iter().for_each(|item| of_config_map(item, within));
        }
        _ => None,
    };
    for member in texts
        .unwrap_or_default()
        .iter()
        .filter(|member| speaks_of_it(member))
    {
        let Some(parsed) = member.value.embedded(is_json(&member.name)) else {
            continue;
        };
        let documents = parsed.documents.into_iter();
        within
            .documents
            .extend(documents.filter(|node| !node.members().is_empty()));
        within.error = within.error.take().or(parsed.error);
    }
}

/// Whether a ConfigMap's text is about the gate: a script that names it is not.
fn speaks_of_it(member: &Member) -> bool {
    let text = member.value.text().unwrap_or_default();
    let end = Path::new(&member.name).extension();
    let is_ours = end.is_none_or(|end| {
        let known = ["yaml", "yml", "json"];
        known.iter().any(|known| end.eq_ignore_ascii_case(known))
    });
    text.contains("issuers")
        || is_ours && (text.contains("tollgate") || member.name.contains("tollgate"))
}

fn is_empty(document: &Node) -> bool {
    matches!(&document.content, Content::Scalar(scalar) if scalar.is_plain && matches!(&*scalar.text, "" | "~"))
}

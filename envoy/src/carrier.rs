//! What carries a gate's configuration: the files that operators write, and where in them a gate is.

pub mod document;
pub mod gate;
pub mod place;
pub mod reader;

use std::path::Path;

use self::document::{Content, Node, Parsed};

/// The documents of a file: those in a ConfigMap's texts too, and with the JSON of a `StringValue` opened.
pub fn documents(text: &str, is_json: bool) -> Parsed {
    let mut parsed = Parsed::read(text, is_json);
    let within: Vec<Node> = parsed.documents.iter().flat_map(of_config_map).collect();
    parsed.documents.extend(within);
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

/// The documents in a ConfigMap's texts.
fn of_config_map(document: &Node) -> Vec<Node> {
    if document.get("kind").and_then(Node::text) != Some("ConfigMap") {
        return Vec::new();
    }
    let data = document.get("data").map(Node::members).unwrap_or_default();
    let speaks_of_it = |node: &Node| {
        node.text()
            .is_some_and(|text| text.contains("tollgate") || text.contains("issuers"))
    };
    data.iter()
        .filter(|member| speaks_of_it(&member.value))
        .filter_map(|member| member.value.embedded(is_json(&member.name)))
        .flat_map(|parsed| parsed.documents)
        .filter(|node| !node.members().is_empty())
        .collect()
}

fn is_empty(document: &Node) -> bool {
    matches!(&document.content, Content::Scalar(scalar) if scalar.is_plain && matches!(&*scalar.text, "" | "~"))
}

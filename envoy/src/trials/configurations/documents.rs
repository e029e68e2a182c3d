//! The configurations in the documents, so that what is shown there is what the filter takes.

use serde_json::Value;

/// What operators read.
const DOCUMENTS: [&str; 3] = [
    include_str!("../../../../README.md"),
    include_str!("../../../CONFIGURATION.md"),
    include_str!("../../../../upstream/CREDENTIALS.md"),
];

/// Each with what its example leaves out taken from `base`.
pub(super) fn policies(base: &Value) -> Vec<Value> {
    let examples = DOCUMENTS.iter().flat_map(|text| examples(text));
    examples
        .filter_map(|example| with(base.clone(), example))
        .collect()
}

/// The blocks of YAML in a document.
fn examples(markdown: &str) -> impl Iterator<Item = Value> {
    let blocks = markdown.split("```yaml\n").skip(1);
    blocks.filter_map(|block| {
        let (text, _) = block.split_once("\n```")?;
        serde_saphyr::from_str(text).ok()
    })
}

/// The policy with an example in it: some of its members, some of an issuer's, or an issuer more. None where the example
/// is of something else.
fn with(mut policy: Value, example: Value) -> Option<Value> {
    let issuers = policy.get_mut("issuers")?.as_array_mut()?;
    match example {
        Value::Array(more) => {
            let name = |issuer: &Value| issuer.get("issuer").cloned();
            issuers.retain(|issuer| more.iter().all(|other| name(other) != name(issuer)));
            issuers.extend(more);
        }
        Value::Object(members) => {
            let of_issuer = members.contains_key("membership");
            let of_envoy = members.contains_key("http_filters");
            let object = if of_issuer {
                issuers.first_mut()?
            } else {
                &mut policy
            };
            if of_envoy {
                return None;
            }
            object.as_object_mut()?.extend(members);
        }
        _ => return None,
    }
    Some(policy)
}

#[cfg(test)]
mod tests {
    use tollgate_policy::config::Policy;

    use super::*;
    use crate::config::Config;

    #[test]
    fn what_documents_show_is_right() {
        let base = Config::reference().unwrap().policy().unwrap().clone();
        let all = policies(&base);
        let blocks = DOCUMENTS.map(|text| text.matches("```yaml").count());
        // All but the one of Envoy's own.
        assert_eq!(all.len(), blocks.iter().sum::<usize>() - 1);
        for policy in all {
            let text = policy.to_string();
            let parsed = Policy::from_bytes(text.as_bytes()).map(drop);
            assert_eq!(parsed, Ok(()), "{text}");
        }
    }
}

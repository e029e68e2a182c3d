//! A node and the way to it.

use super::document::{Content, Mark, Node};
use super::reader::Reader;

/// A place in a document: where a finding is, and what it is called.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// What is there.
    pub node: &'a Node,
    /// The names that lead there, such as `spec.wasm[0].failOpen`; empty for the whole document.
    pub path: String,
    /// Where it is: at the member's name, if it has one.
    pub mark: Mark,
    reader: Reader,
}

// === impl Place ===

impl<'a> Place<'a> {
    /// The whole of a document.
    pub fn whole(node: &'a Node, reader: Reader) -> Self {
        Self {
            node,
            path: String::new(),
            mark: node.mark,
            reader,
        }
    }

    /// Who reads it.
    pub fn reader(&self) -> Reader {
        self.reader
    }

    /// The same, read by another.
    #[must_use]
    pub fn read_by(mut self, reader: Reader) -> Self {
        self.reader = reader;
        self
    }

    /// The same, with its members named from here.
    #[must_use]
    pub fn named_from_here(mut self) -> Self {
        self.path = String::new();
        self
    }

    /// A member; several with dots between them. Protobuf's JSON has each name in two spellings, `vm_id` and `vmId`.
    pub fn get(&self, names: &str) -> Option<Self> {
        names.split('.').try_fold(self.clone(), |place, name| {
            let member = place
                .node
                .member(name)
                .or_else(|| place.node.member(&camel(name)))?;
            Some(place.below(&member.name, member.mark, &member.value))
        })
    }

    /// Its members, by name.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, Self)> {
        self.node.members().iter().map(|member| {
            let below = self.below(&member.name, member.mark, &member.value);
            (member.name.as_str(), below)
        })
    }

    /// Its items.
    pub fn items(&self) -> impl Iterator<Item = Self> {
        self.node
            .items()
            .iter()
            .enumerate()
            .map(|(number, item)| Self {
                node: item,
                path: format!("{}[{number}]", self.path),
                mark: item.mark,
                reader: self.reader,
            })
    }

    /// The items of a member that is a list; none where there is none.
    pub fn each(&self, names: &str) -> Vec<Self> {
        self.get(names)
            .map(|list| list.items().collect())
            .unwrap_or_default()
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&'a str> {
        self.node.text()
    }

    /// The text of a member.
    pub fn text_of(&self, names: &str) -> Option<&'a str> {
        self.get(names)?.text()
    }

    /// Whether it is `true`.
    pub fn is_true(&self) -> bool {
        matches!(&self.node.content, Content::Scalar(scalar) if self.reader.is_true(scalar))
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.reader.value(self.node).is_null()
    }

    /// Everything in it, itself first.
    pub fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        self.members().for_each(|(_, below)| below.walk(visit));
        self.items().for_each(|below| below.walk(visit));
    }

    fn below(&self, name: &str, mark: Mark, node: &'a Node) -> Self {
        let path = if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        };
        Self {
            node,
            path,
            mark,
            reader: self.reader,
        }
    }
}

/// Whether a name is a member's, in either of its spellings.
pub fn is_same_name(member: &str, name: &str) -> bool {
    name == member || name == camel(member)
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

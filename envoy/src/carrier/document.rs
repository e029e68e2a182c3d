//! YAML and JSON with the place of each node, as text editors count: lines and columns from 1.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// Deeper than any configuration.
const MAX_DEPTH: usize = 128;

/// More nodes than any configuration has; aliases of aliases can mean any number.
const MAX_NODES: usize = 1_000_000;

const TOO_MUCH: &str = "too deep, or too much; no configuration is so";

/// The beginning of YAML's own tags (YAML 1.2, 10.3).
const CORE: &str = "tag:yaml.org,2002:";

/// Where something is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// A value and where it is.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A text, a number, …: which of them depends on the reader.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// An object.
    Object(Vec<Member>),
}

/// A scalar as it is written.
#[derive(Clone, Debug)]
pub struct Scalar {
    /// Without quotes and escapes.
    pub text: String,
    /// Whether it is without quotes, so that it can be a number, `true` or `null`.
    pub is_plain: bool,
    /// Where the first line of a block (`|`) begins.
    pub block: Option<Mark>,
}

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where that is.
    pub mark: Mark,
    /// Its value.
    pub value: Node,
}

/// What is not YAML, or has two readings.
#[derive(Debug)]
pub struct SyntaxError {
    /// Where.
    pub mark: Mark,
    /// What was found.
    pub message: String,
}

/// The documents of a file, up to the first error.
#[derive(Debug, Default)]
pub struct Parsed {
    /// Those that can be read.
    pub documents: Vec<Node>,
    /// Why there are no more.
    pub error: Option<SyntaxError>,
    /// Whether it is JSON.
    pub is_json: bool,
}

// === impl Parsed ===

impl Parsed {
    /// Reads a file: JSON, or YAML with any number of documents.
    pub fn read(text: &str, named_json: bool) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let looks_like_json = text.trim_start().starts_with(['{', '[']);
        if looks_like_json || named_json {
            match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                // JSON is YAML, but for tabs: within JSON they are white space only.
                Ok(_) => {
                    return Self {
                        is_json: true,
                        ..Self::yaml(&text.replace('\t', " "))
                    };
                }
                Err(error) if named_json => {
                    let mark = Mark {
                        line: error.line(),
                        column: error.column().max(1),
                    };
                    let message = error.to_string();
                    let message = message.split(" at line ").next().unwrap_or(&message);
                    return Self {
                        error: Some(SyntaxError {
                            mark,
                            message: format!("not valid JSON: {message}"),
                        }),
                        is_json: true,
                        ..Self::default()
                    };
                }
                Err(_) => {}
            }
        }
        Self::yaml(text)
    }

    fn yaml(text: &str) -> Self {
        let options = granit_parser::options! {
            emit_comments: false,
        };
        let mut composer = Composer {
            events: Parser::new_from_str_with_options(text, options),
            lines: text.lines().collect(),
            anchors: HashMap::new(),
            nodes: 0,
        };
        let mut documents = Vec::new();
        let error = composer.documents(&mut documents).err();
        Self {
            documents,
            error,
            is_json: false,
        }
    }
}

/// From events to nodes.
struct Composer<'a> {
    events: Parser<'a, granit_parser::StrInput<'a>>,
    lines: Vec<&'a str>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

type Composed<T> = Result<T, SyntaxError>;

// === impl Composer ===

impl<'a> Composer<'a> {
    fn documents(&mut self, documents: &mut Vec<Node>) -> Composed<()> {
        while let Some((event, span)) = self.event()? {
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(..) => self.anchors.clear(),
                event => {
                    let node = self.node(event, span, 0)?;
                    documents.push(node);
                }
            }
        }
        Ok(())
    }

    fn event(&mut self) -> Composed<Option<(Event<'a>, Span)>> {
        let event = self.events.next_event().transpose();
        event.map_err(|error| SyntaxError {
            mark: mark(*error.marker()),
            message: format!("not valid YAML: {}", error.info()),
        })
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Composed<Node> {
        let mark = mark(span.start);
        let refuse = |message: &str| {
            Err(SyntaxError {
                mark,
                message: message.to_owned(),
            })
        };
        self.count(1, mark)?;
        if depth > MAX_DEPTH {
            return refuse(TOO_MUCH);
        }
        let (content, anchor) = match event {
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return refuse("an alias of something that is not there, or holds it");
                };
                self.count(node.size(), mark)?;
                return Ok(node);
            }
            Event::Scalar(text, style, anchor, tag) => {
                // `!!bool true` is what it would be without; `!`, `!!str` and strangers' tags make a text of anything.
                let is_text = tag.is_some_and(|tag| {
                    let name = [tag.handle(), tag.suffix()].concat();
                    !matches!(
                        name.strip_prefix(CORE),
                        Some("bool" | "int" | "float" | "null")
                    )
                });
                let is_plain = style == ScalarStyle::Plain && !is_text;
                let block = (style == ScalarStyle::Literal).then(|| self.block(mark));
                let scalar = Scalar {
                    text: text.into_owned(),
                    is_plain,
                    block,
                };
                (Content::Scalar(scalar), anchor)
            }
            Event::SequenceStart(_, anchor, _) => (Content::List(self.items(depth)?), anchor),
            Event::MappingStart(_, anchor, _) => (Content::Object(self.members(depth)?), anchor),
            _ => return refuse("not valid YAML"),
        };
        let node = Node { mark, content };
        if anchor != 0 {
            // It is kept twice, and so are those within it.
            self.count(node.size(), mark)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn count(&mut self, nodes: usize, mark: Mark) -> Composed<()> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let message = TOO_MUCH.to_owned();
            return Err(SyntaxError { mark, message });
        }
        Ok(())
    }

    fn items(&mut self, depth: usize) -> Composed<Vec<Node>> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.event()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Ok(items)
    }

    fn members(&mut self, depth: usize) -> Composed<Vec<Member>> {
        let mut members = Vec::new();
        let mut seen = BTreeMap::new();
        while let Some((event, span)) = self.event()? {
            let mark = mark(span.start);
            let name = match event {
                Event::MappingEnd => break,
                Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<" => {
                    let message =
                        "a merge key is not judged, and Envoy has none; write the members out";
                    return Err(SyntaxError {
                        mark,
                        message: message.to_owned(),
                    });
                }
                Event::Scalar(text, ..) => text.into_owned(),
                _ => {
                    return Err(SyntaxError {
                        mark,
                        message: "a member's name is not a text; write NAME: VALUE".to_owned(),
                    });
                }
            };
            if let Some(first) = seen.insert(name.clone(), mark) {
                return Err(SyntaxError {
                    mark,
                    message: format!("{name:?} is here twice (first at {first}); keep one"),
                });
            }
            let Some((event, span)) = self.event()? else {
                break;
            };
            let value = self.node(event, span, depth + 1)?;
            members.push(Member { name, mark, value });
        }
        Ok(members)
    }

    /// Where a block's text begins, behind its `|`.
    fn block(&self, start: Mark) -> Mark {
        let of_block = self.lines.iter().enumerate().skip(start.line);
        // The parser's mark may be at the `|` or at the text.
        let here = self.lines.get(start.line - 1).copied().unwrap_or_default();
        let at_text = !here.trim_end().ends_with(['|', '-', '+', '9'])
            && !here.contains(": |")
            && !here.contains("- |");
        let mut lines = of_block;
        let (line, text) = if at_text {
            (start.line, here)
        } else {
            match lines.find(|(_, line)| !line.trim().is_empty()) {
                Some((number, text)) => (number + 1, *text),
                None => (start.line, here),
            }
        };
        let indent = text.chars().take_while(|one| *one == ' ').count();
        Mark {
            line,
            column: indent + 1,
        }
    }
}

fn mark(marker: Marker) -> Mark {
    Mark {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

// === impl Mark ===

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

// === impl Node ===

impl Node {
    /// The value of a member.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.member(name).map(|member| &member.value)
    }

    /// A member, with the place of its name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members().iter().find(|member| member.name == name)
    }

    /// Its members; none where it is no object.
    pub fn members(&self) -> &[Member] {
        match &self.content {
            Content::Object(members) => members,
            _ => &[],
        }
    }

    /// Its items; none where it is no list.
    pub fn items(&self) -> &[Self] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// Its text, where it is a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// How many nodes it is, with a long text as several.
    fn size(&self) -> usize {
        let below: usize = match &self.content {
            Content::Scalar(scalar) => scalar.text.len() / 64,
            Content::List(items) => items.iter().map(Self::size).sum(),
            Content::Object(members) => members.iter().map(|member| member.value.size()).sum(),
        };
        below + 1
    }

    /// The documents within a text, such as the JSON of a `StringValue`, with their places in the file.
    pub fn embedded(&self, is_json: bool) -> Option<Parsed> {
        let Content::Scalar(scalar) = &self.content else {
            return None;
        };
        let mut parsed = Parsed::read(&scalar.text, is_json);
        let place = |inner: Mark| match scalar.block {
            Some(first) => Mark {
                line: first.line + inner.line - 1,
                column: first.column + inner.column - 1,
            },
            None => self.mark,
        };
        for document in &mut parsed.documents {
            document.relocate(&place);
        }
        if let Some(error) = &mut parsed.error {
            error.mark = place(error.mark);
        }
        Some(parsed)
    }

    fn relocate(&mut self, place: &impl Fn(Mark) -> Mark) {
        self.mark = place(self.mark);
        match &mut self.content {
            Content::Scalar(scalar) => {
                scalar.block = scalar.block.map(place);
            }
            Content::List(items) => items.iter_mut().for_each(|item| item.relocate(place)),
            Content::Object(members) => {
                for member in members {
                    member.mark = place(member.mark);
                    member.value.relocate(place);
                }
            }
        }
    }
}

//! The first document of a YAML text as a tree, and what is wrong with a text that has none.

use super::{Error, MAX_DIRECTIVES};
use crate::json::MAX_DEPTH;
use libyaml_safer::{Encoding, ErrorKind, Event, EventData, Parser, ScalarStyle};
use std::borrow::Cow;
use std::collections::HashMap;
use std::panic;

/// The place of a node in its [`Tree`].
pub(super) type NodeId = usize;

/// A document; its nodes stand in it in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The nodes, of which the first is the root; none if the text is empty.
    pub(super) nodes: Vec<Node>,
}

#[derive(Debug)]
pub(super) struct Node {
    /// The line on which the node begins, counted from one.
    pub(super) line: u64,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    Sequence(Vec<NodeId>),
    /// Keys and values by turns.
    Mapping(Vec<NodeId>),
    /// An anchor by name and the node it stands for, which may be one that contains the alias.
    Alias(String, NodeId),
}

#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// The tag in its long form, if there is one.
    pub(super) tag: Option<String>,
    /// Whether the text stands there without quotes, so that its look decides on its type.
    pub(super) plain: bool,
}

/// Reads the first document; what follows it is not looked at.
///
/// # Errors
/// Where the document is not YAML, has an alias without anchor, or is nested too deeply.
pub(super) fn parse(text: &[u8]) -> Result<Tree, Error> {
    let text = utf8(text)?;
    check_directives(text)?;
    // The parser panics at a tag with a comma behind it in `[!tag, x]`, as of version 0.3.0.
    panic::catch_unwind(|| parse_document(text))
        .unwrap_or_else(|_| Err(Error::yaml("did not find expected whitespace or line break")))
}

fn parse_document(text: &str) -> Result<Tree, Error> {
    let ended = with_line_end(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut rest = ended.as_bytes();
    let mut parser = Parser::new();
    // Else a text that begins with the first byte of a byte order mark would be taken for one.
    parser.set_encoding(Encoding::Utf8);
    parser.set_input_string(&mut rest);
    let mut builder = Builder::default();
    loop {
        let line_added = matches!(ended, Cow::Owned(_));
        let mut event = parser.parse().map_err(|error| syntax_error(&error, line_added))?;
        if let Cow::Owned(ended) = &ended {
            take_line_end_back(&mut event, ended);
        }
        match event.data {
            EventData::StreamStart { .. } | EventData::DocumentStart { .. } => {}
            EventData::DocumentEnd { .. } | EventData::StreamEnd => return Ok(builder.tree),
            _ => builder.add(event)?,
        }
    }
}

/// Refuses more directives than anybody needs: the parser compares each with all others.
fn check_directives(text: &str) -> Result<(), Error> {
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']);
    let lines = lines.map(|line| line.trim_start_matches(['\u{feff}', ' ', '\t']));
    let outside = lines.take_while(|line| line.is_empty() || line.starts_with(['%', '#']));
    let directives = outside.filter(|line| line.starts_with('%')).count();
    if directives > MAX_DIRECTIVES {
        return Err(Error::yaml(format_args!("found more than {MAX_DIRECTIVES} directives")));
    }
    Ok(())
}

/// Ends the last line: the parser looks at the character behind each line, and panics if there is
/// none.
fn with_line_end(text: &str) -> Cow<'_, str> {
    if text.ends_with('\n') { Cow::Borrowed(text) } else { Cow::Owned(format!("{text}\n")) }
}

/// Takes the line end that [`with_line_end`] has added out of a block scalar that reaches to it.
fn take_line_end_back(event: &mut Event, ended: &str) {
    let EventData::Scalar { value, style: ScalarStyle::Literal | ScalarStyle::Folded, .. } =
        &mut event.data
    else {
        return;
    };
    if event.end_mark.index < ended.len() as u64 {
        return;
    }
    let last_line = ended.trim_end_matches('\n').rsplit('\n').next().unwrap_or_default();
    if last_line.ends_with(['\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        return;
    }
    // Behind a blank line the scalar has its own line end already, unless it keeps all of them.
    let keeps = value.ends_with("\n\n") || value == "\n";
    if value.ends_with('\n') && (keeps || !last_line.trim_start_matches(' ').is_empty()) {
        value.pop();
    }
}

#[derive(Default)]
struct Builder {
    tree: Tree,
    anchors: HashMap<String, NodeId>,
    /// The collections that have begun and not ended.
    open: Vec<NodeId>,
}

impl Builder {
    fn add(&mut self, event: Event) -> Result<(), Error> {
        let line = event.start_mark.line.saturating_add(1);
        match event.data {
            EventData::Scalar { anchor, tag, value, plain_implicit, .. } => {
                let scalar = Scalar { text: value, tag, plain: plain_implicit };
                self.attach(line, anchor, Kind::Scalar(scalar));
            }
            EventData::Alias { anchor } => {
                let Some(&target) = self.anchors.get(&anchor) else {
                    return Err(Error::yaml(format_args!("unknown anchor '{anchor}' referenced")));
                };
                self.attach(line, None, Kind::Alias(anchor, target));
            }
            EventData::SequenceStart { anchor, .. } => {
                self.open(line, anchor, Kind::Sequence(Vec::new()))?;
            }
            EventData::MappingStart { anchor, .. } => {
                self.open(line, anchor, Kind::Mapping(Vec::new()))?;
            }
            EventData::SequenceEnd | EventData::MappingEnd => _ = self.open.pop(),
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, line: u64, anchor: Option<String>, kind: Kind) -> Result<(), Error> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(line));
        }
        let id = self.attach(line, anchor, kind);
        self.open.push(id);
        Ok(())
    }

    fn attach(&mut self, line: u64, anchor: Option<String>, kind: Kind) -> NodeId {
        let id = self.tree.nodes.len();
        self.tree.nodes.push(Node { line, kind });
        let parent = self.open.last().and_then(|parent| self.tree.nodes.get_mut(*parent));
        if let Some(Kind::Sequence(children) | Kind::Mapping(children)) =
            parent.map(|parent| &mut parent.kind)
        {
            children.push(id);
        }
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, id);
        }
        id
    }
}

/// The refusal of a collection within too many others, which begins on this line.
pub(super) fn too_deep(line: u64) -> Error {
    Error::yaml(format_args!("line {line}: exceeded max depth of {MAX_DEPTH}"))
}

/// The problem with the line number that `go-yaml` gives: it counts the first line of a mistake
/// that the parser finds as zero, says nothing of line zero, and takes the line where the
/// surrounding construct begins if there is no other.
fn syntax_error(error: &libyaml_safer::Error, line_added: bool) -> Error {
    let scanner = error.kind() == ErrorKind::Scanner;
    let problem_line = error.problem_mark().map_or(0, |mark| {
        // A quoted text that does not end is said to run to the last line there is, which is not
        // the one behind a line end that has been added.
        let to_the_end = error.problem() == "found unexpected end of stream";
        if line_added && to_the_end { mark.line.saturating_sub(1) } else { mark.line }
    });
    let line = match problem_line {
        0 => error.context_mark().map_or(0, |mark| mark.line),
        line if scanner => line + 1,
        line => line,
    };
    match line {
        0 => Error::yaml(error.problem()),
        line => Error::yaml(format_args!("line {line}: {}", error.problem())),
    }
}

/// The text, or what `go-yaml` says of one that is not UTF-8.
fn utf8(text: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(text).map_err(|error| {
        let rest = text.get(error.valid_up_to()..).unwrap_or_default();
        Error::yaml(match (error.error_len(), rest.first()) {
            (None, _) => "incomplete UTF-8 octet sequence",
            (_, Some(0x80..=0xbf | 0xf8..)) => "invalid leading UTF-8 octet",
            (_, Some(0xc0 | 0xc1)) => "invalid length of a UTF-8 sequence",
            _ => "invalid trailing UTF-8 octet",
        })
    })
}

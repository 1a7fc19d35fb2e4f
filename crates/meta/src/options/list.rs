//! The options of lists and watches, and which state of the store they ask for.

use super::{Query, first, is_true, parse_int, parse_resource_version, refuse};
use crate::continue_token::ContinueToken;
use crate::selector::{FieldSelector, LabelSelector};
use crate::validation::{validate_list, validate_watch};
use crate::{FieldErrors, Status};

/// What to list or to watch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Objects with these labels only.
    pub label_selector: LabelSelector,
    /// Objects with these fields only; whether the kind knows the fields is not checked yet.
    pub field_selector: FieldSelector,
    /// Whether to watch rather than to list.
    pub watch: bool,
    /// Whether a watch may carry bookmarks.
    pub allow_watch_bookmarks: bool,
    /// The resource version as it was sent; empty where none was.
    pub resource_version: String,
    /// How the resource version is meant.
    pub resource_version_match: Option<ResourceVersionMatch>,
    /// How long a list may take or a watch may last.
    pub timeout_seconds: Option<i64>,
    /// The size of a page; zero and below it, everything.
    pub limit: i64,
    /// The token of an earlier page as it was sent; empty where none was.
    pub continue_token: String,
    /// Whether a watch starts with the objects that there are.
    pub send_initial_events: Option<bool>,
}

/// How the resource version of a list is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceVersionMatch {
    /// The state at that resource version and no other.
    Exact,
    /// The state at that resource version or a later one.
    NotOlderThan,
}

/// Which state a list shows, and from where: what resource version, limit and continue token say
/// together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The state.
    pub at: ReadAt,
    /// The first key of the page, relative to the collection; `None` for the first page.
    pub start: Option<String>,
    /// The size of the page; `None` for everything.
    pub limit: Option<u64>,
    /// Whether it was said in words that the state is to be that and no other, and does not only
    /// follow from there being a page.
    pub says_exact: bool,
}

/// Which state a read shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// The newest state at the time of the request.
    Latest,
    /// Any state that is at hand.
    Any,
    /// This state or a later one.
    NotOlderThan(u64),
    /// This state.
    Exact(u64),
}

impl ListOptions {
    /// Reads and checks the query of a list, a watch or a deletion of a collection.
    ///
    /// A watch without a resource version, or with `0`, starts with what there is, as Kubernetes
    /// has it since watches can serve lists; this is filled in here.
    ///
    /// # Errors
    /// 400 where a value cannot be read, 422 about `ListOptions` where values do not fit.
    pub fn from_query(query: &Query) -> Result<Self, Status> {
        let text = |name| first(query, name).unwrap_or_default();
        let mut options = Self {
            watch: first(query, "watch").is_some_and(is_true),
            allow_watch_bookmarks: first(query, "allowWatchBookmarks").is_some_and(is_true),
            resource_version: text("resourceVersion").to_owned(),
            timeout_seconds: first(query, "timeoutSeconds").map(parse_int).transpose()?,
            limit: first(query, "limit").map(parse_int).transpose()?.unwrap_or_default(),
            continue_token: text("continue").to_owned(),
            send_initial_events: first(query, "sendInitialEvents").map(is_true),
            ..Self::default()
        };
        let parse = LabelSelector::parse;
        options.label_selector = parse(text("labelSelector")).map_err(Status::bad_request)?;
        let parse = FieldSelector::parse;
        options.field_selector = parse(text("fieldSelector")).map_err(Status::bad_request)?;

        let mut matching = text("resourceVersionMatch");
        let legacy = matching.is_empty() && options.send_initial_events.is_none();
        if legacy && options.watch && matches!(text("resourceVersion"), "" | "0") {
            options.send_initial_events = Some(true);
            matching = "NotOlderThan";
        }
        options.resource_version_match = ResourceVersionMatch::parse(matching);
        let mut errors = FieldErrors::new();
        if options.watch {
            validate_watch(&options, matching, &mut errors);
        } else {
            validate_list(&options, matching, &mut errors);
        }
        refuse("ListOptions", &errors)?;
        Ok(options)
    }

    /// Narrows a list or a watch to the one object that the path names.
    ///
    /// # Errors
    /// 400 where the field selector says anything but that name.
    pub fn narrow_to(&mut self, name: &str) -> Result<(), Status> {
        if self.field_selector.is_everything() {
            self.field_selector = FieldSelector::equal("metadata.name", name);
        } else if self.field_selector.requires_exact("metadata.name") != Some(name) {
            let why = "fieldSelector metadata.name doesn't match requested name";
            return Err(Status::bad_request(why));
        }
        Ok(())
    }

    /// Which state a list is to show, and from where.
    ///
    /// # Errors
    /// 400 for a token or a resource version that cannot be read, and for both together.
    pub fn reading(&self) -> Result<Reading, Status> {
        // Who takes any state gets all of it: Kubernetes serves no pages of what it has at hand.
        let pages = self.limit > 0 && self.resource_version != "0";
        let limit = u64::try_from(self.limit).ok().filter(|_| pages);
        if !self.continue_token.is_empty() {
            let token = ContinueToken::decode(&self.continue_token)
                .map_err(|why| Status::bad_request(format!("invalid continue token: {why}")))?;
            if !matches!(self.resource_version.as_str(), "" | "0") {
                let why = "specifying resource version is not allowed when using continue";
                return Err(Status::bad_request(why));
            }
            let at = token.revision.map_or(ReadAt::Latest, ReadAt::Exact);
            return Ok(Reading { at, start: Some(token.start), limit, says_exact: true });
        }
        if self.resource_version.is_empty() {
            return Ok(Reading { at: ReadAt::Latest, start: None, limit, says_exact: false });
        }
        let version = parse_resource_version(&self.resource_version)
            .map_err(|e| Status::bad_request(format!("invalid resource version: {}", e.message)))?;
        let at = match self.resource_version_match {
            // "0" is refused here; other spellings of zero are taken for none.
            Some(ResourceVersionMatch::Exact) if version == 0 => ReadAt::Latest,
            Some(ResourceVersionMatch::Exact) => ReadAt::Exact(version),
            _ if version == 0 => ReadAt::Any,
            Some(ResourceVersionMatch::NotOlderThan) => ReadAt::NotOlderThan(version),
            // A page at a resource version was exact before there was a way to say so.
            None if limit.is_some() => ReadAt::Exact(version),
            None => ReadAt::NotOlderThan(version),
        };
        let says_exact = self.resource_version_match == Some(ResourceVersionMatch::Exact);
        Ok(Reading { at, start: None, limit, says_exact })
    }
}

impl ResourceVersionMatch {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "Exact" => Some(Self::Exact),
            "NotOlderThan" => Some(Self::NotOlderThan),
            _ => None,
        }
    }
}

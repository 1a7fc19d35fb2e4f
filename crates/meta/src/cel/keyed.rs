//! Lists that are sets or maps by their schema: the order of their items means nothing.
//!
//! See [type mapping](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules):
//! `==` of such a list and another does not look at the order, and `+` merges the other into it. An
//! item is looked up by what names it, so that this costs a step for each item, as the budget counts.

use cel::ExecutionError;
use cel::common::traits::{Adder, Container, Indexer, Iterable, Sizer, Zeroer};
use cel::common::types::{
    CelBool, CelBytes, CelDouble, CelInt, CelList, CelMap, CelString, Kind, LIST_TYPE, Type,
};
use cel::common::value::{Builtin, BuiltinRef, CowVal, Val};
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

/// A list whose items have names.
#[derive(Clone, Debug)]
pub(super) struct Keyed<'v> {
    items: CelList<'v>,
    /// The fields that name an item; of a set, whose items name themselves, none.
    keys: Arc<[String]>,
}

impl<'v> Keyed<'v> {
    /// A list of which the items are named by fields, or by themselves where there are no such.
    pub(super) fn new(items: Vec<Box<dyn Val + 'v>>, keys: Arc<[String]>) -> Self {
        Self { items: CelList::from(items), keys }
    }

    /// What names an item, as text. An item without one of the keys is named by the others.
    fn name(&self, item: &dyn Val) -> String {
        let mut name = String::new();
        if self.keys.is_empty() {
            write(item, &mut name);
            return name;
        }
        for key in self.keys.iter() {
            let key = CelString::from(key.as_str());
            match item.as_indexer().map(|indexer| indexer.get(&key)) {
                Some(Ok(value)) => write(value.as_ref(), &mut name),
                _ => name.push('-'),
            }
        }
        name
    }
}

/// Writes a value so that equal values are equal texts.
fn write(value: &dyn Val, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match value.get_type().kind() {
        Kind::String => {
            let text = value.downcast_ref::<CelString<'_>>().map_or("", |text| text.inner());
            write!(out, "s{}:{text}", text.len())
        }
        Kind::Int => write!(out, "n{};", value.downcast_ref::<CelInt>().map_or(0, |n| *n.inner())),
        Kind::Double => {
            let number = value.downcast_ref::<CelDouble>().map_or(0.0, |n| *n.inner());
            write!(out, "n{number};")
        }
        Kind::Boolean => {
            let truth = value.downcast_ref::<CelBool>().is_some_and(|truth| *truth.inner());
            write!(out, "{}", if truth { 't' } else { 'f' })
        }
        Kind::Bytes => {
            write!(out, "b{:?}", value.downcast_ref::<CelBytes<'_>>().map(CelBytes::inner))
        }
        Kind::List => {
            out.push('[');
            let mut items = value.as_iterable().map(Iterable::iter);
            while let Some(item) = items.as_mut().and_then(|items| items.next()) {
                write(item, out);
            }
            write!(out, "]")
        }
        Kind::Map => {
            let entries = value.downcast_ref::<CelMap<'_>>().into_iter().flat_map(CelMap::inner);
            let mut entries: Vec<String> = entries
                .map(|(key, value)| {
                    let mut entry = format!("{key:?}=");
                    write(value.as_ref(), &mut entry);
                    entry
                })
                .collect();
            entries.sort_unstable();
            write!(out, "{{{}}}", entries.concat())
        }
        _ => write!(out, "{value:?};"),
    };
}

impl<'v> Val for Keyed<'v> {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_adder<'b, 'w>(&'b self) -> Option<&'b (dyn Adder + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        self.items.as_container()
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        self.items.as_indexer()
    }

    fn into_indexer<'w>(self: Box<Self>) -> Option<Box<dyn Indexer + 'w>>
    where
        Self: 'w,
    {
        Some(Box::new(self.items))
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        self.items.as_iterable()
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        self.items.as_sizer()
    }

    fn as_zeroer(&self) -> Option<&dyn Zeroer> {
        self.items.as_zeroer()
    }

    /// The same names, and the same items behind them.
    fn equals(&self, other: &dyn Val) -> bool {
        let same_size = |sizer: &dyn Sizer| *sizer.size().inner() == *self.items.size().inner();
        let Some(others) = other.as_iterable().filter(|_| other.as_sizer().is_some_and(same_size))
        else {
            return false;
        };
        let named: HashMap<String, &Box<dyn Val + 'v>> =
            self.items.inner().iter().map(|item| (self.name(item.as_ref()), item)).collect();
        let mut seen = HashSet::with_capacity(named.len());
        let mut others = others.iter();
        while let Some(item) = others.next() {
            let name = self.name(item);
            if named.get(&name).is_none_or(|same| !same.equals(item)) {
                return false;
            }
            seen.insert(name);
        }
        seen.len() == named.len()
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(self.clone())
    }

    /// To all functions it is a list.
    fn as_builtin<'b, 'w>(&'b self) -> BuiltinRef<'b, 'w>
    where
        Self: 'w,
    {
        BuiltinRef::List(&self.items)
    }

    fn into_builtin<'w>(self: Box<Self>) -> Option<Builtin<'w>>
    where
        Self: 'w,
    {
        Some(Builtin::List(self.items))
    }
}

impl<'v> Adder for Keyed<'v> {
    /// The items keep their places; those of the other list that have a name which is here take the
    /// place of what has it, and the rest stand behind.
    fn add<'b, 'w>(&'b self, other: &(dyn Val + 'w)) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let others = other.as_iterable().filter(|_| other.get_type().kind() == Kind::List);
        let mut others = others
            .ok_or_else(|| ExecutionError::UnexpectedType {
                got: other.get_type().name().to_owned(),
                want: "list".to_owned(),
            })?
            .iter();
        let mut items: Vec<Box<dyn Val + 'w>> =
            self.items.inner().iter().map(|item| item.clone_as_boxed()).collect();
        let names = items.iter().enumerate().map(|(at, item)| (self.name(item.as_ref()), at));
        let mut places: HashMap<String, usize> = names.collect();
        while let Some(item) = others.next() {
            let end = items.len();
            match *places.entry(self.name(item)).or_insert(end) {
                at if at == end => items.push(item.clone_as_boxed()),
                at => items[at] = item.clone_as_boxed(),
            }
        }
        Ok(CowVal::owned(Keyed::new(items, Arc::clone(&self.keys))))
    }
}

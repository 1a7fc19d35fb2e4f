//! What of selectors the index of a cache can answer.

use super::fields::field_term;
use super::index::{Term, bit, term, term_of};
use pintle_meta::KindInfo;
use pintle_meta::selector::{FieldSelector, LabelSelector, Operator};

/// Lists of terms: a selected object has one of each.
///
/// What else the selectors ask is not here: that an object does not have a label, for example.
#[derive(Debug, Default)]
pub(crate) struct Wanted(Vec<Vec<Term>>);

impl Wanted {
    /// What every object has that these selectors select, in a version.
    pub(crate) fn by(
        labels: &LabelSelector,
        fields: &FieldSelector,
        kind: &KindInfo,
        version: usize,
    ) -> Self {
        use Operator::{DoesNotExist, DoubleEquals, Equals, Exists, In, NotEquals, NotIn};
        use Operator::{GreaterThan, LessThan};
        let mut wanted = Vec::new();
        for one in labels.requirements() {
            let key = one.key();
            match one.operator() {
                DoesNotExist | NotEquals | NotIn => {}
                Exists | GreaterThan | LessThan => wanted.push(vec![term(key)]),
                Equals | DoubleEquals | In => {
                    wanted.push(one.values().iter().map(|value| term_of(key, value)).collect());
                    wanted.push(vec![term(key)]);
                }
            }
        }
        let equal = fields.terms().iter().filter(|term| !term.negated);
        let known = equal.filter_map(|it| field_term(kind, version, &it.field, &it.value));
        wanted.extend(known.map(|term| vec![term]));
        Self(wanted)
    }

    pub(super) fn lists(&self) -> &[Vec<Term>] {
        &self.0
    }

    /// The marks that every wanted entry has.
    pub(super) fn marks(&self) -> u64 {
        let sure = self.0.iter().filter_map(|terms| match terms[..] {
            [term] => Some(bit(term)),
            _ => None,
        });
        sure.fold(0, |all, mark| all | mark)
    }
}

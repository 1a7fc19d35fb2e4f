//! The order in which the author of a type has declared its fields.
//!
//! A schema does not tell it, but the type's `Deserialize` does: a derived one hands the names of all
//! fields to the deserializer. The deserializer here has no data. It follows a path into the type,
//! notes the names that it is handed there, and stops.

use serde::Deserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IntoDeserializer, Visitor};
use serde::de::{EnumAccess, MapAccess, SeqAccess, VariantAccess};
use std::cell::Cell;
use std::fmt;

/// A step into a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A field of a struct, or a variant of an enumeration.
    Field(String),
    /// An item of a list.
    Item,
    /// A value of a map.
    Entry,
}

/// The names of the fields, or of the variants, in the order of their declaration.
pub(super) type Names = &'static [&'static str];

/// The names at the end of a path into `T`; `None` where its `Deserialize` does not tell.
pub(super) fn names<T: DeserializeOwned>(path: &[Step]) -> Option<Names> {
    let found = Cell::new(None);
    // It always stops before there is a value.
    let _ = T::deserialize(Probe { path, found: &found });
    found.get()
}

/// What ends a probe.
#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a probe has no values")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[derive(Clone, Copy)]
struct Probe<'a> {
    path: &'a [Step],
    found: &'a Cell<Option<Names>>,
}

impl<'a> Probe<'a> {
    /// Notes the names where the path ends; else the next step and the probe for what is behind it.
    fn step(self, names: Names) -> Option<(&'a Step, Self)> {
        let Some((step, path)) = self.path.split_first() else {
            self.found.set(Some(names));
            return None;
        };
        Some((step, Self { path, ..self }))
    }
}

/// The one element of what a probe goes through.
struct One<'a> {
    name: Option<&'a str>,
    below: Probe<'a>,
}

macro_rules! stop {
    ($($name:ident($($arg:ty),*))*) => { $(
        fn $name<V: Visitor<'de>>(self, $(_: $arg,)* _: V) -> Result<V::Value, Stop> {
            Err(Stop)
        }
    )* };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: Names,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.step(fields) {
            Some((Step::Field(name), below)) => visitor.visit_map(One { name: Some(name), below }),
            _ => Err(Stop),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: Names,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.step(variants) {
            Some((Step::Field(name), below)) => visitor.visit_enum(One { name: Some(name), below }),
            _ => Err(Stop),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.step(&[]) {
            Some((Step::Item, below)) => visitor.visit_seq(One { name: None, below }),
            _ => Err(Stop),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.path.split_first() {
            Some((Step::Entry, path)) => {
                let below = Self { path, ..self };
                visitor.visit_map(One { name: Some("0"), below })
            }
            _ => Err(Stop),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_newtype_struct(self)
    }

    stop! {
        deserialize_any() deserialize_bool() deserialize_i8() deserialize_i16() deserialize_i32()
        deserialize_i64() deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64()
        deserialize_f32() deserialize_f64() deserialize_char() deserialize_str()
        deserialize_string() deserialize_bytes() deserialize_byte_buf() deserialize_unit()
        deserialize_identifier() deserialize_ignored_any() deserialize_tuple(usize)
        deserialize_unit_struct(&'static str) deserialize_tuple_struct(&'static str, usize)
    }
}

impl<'de> MapAccess<'de> for One<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        match self.name.take() {
            Some(name) => seed.deserialize(name.into_deserializer()).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.below)
    }
}

impl<'de> SeqAccess<'de> for One<'_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        seed.deserialize(self.below).map(Some)
    }
}

impl<'de, 'a> EnumAccess<'de> for One<'a> {
    type Error = Stop;
    type Variant = Variant<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Variant<'a>), Stop> {
        let name = self.name.unwrap_or_default();
        Ok((seed.deserialize(name.into_deserializer())?, Variant(self.below)))
    }
}

/// What is in a variant of an enumeration.
struct Variant<'a>(Probe<'a>);

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Err(Stop)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Stop> {
        Err(Stop)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: Names, visitor: V) -> Result<V::Value, Stop> {
        self.0.deserialize_struct("", fields, visitor)
    }
}

//! A profile as a message: see
//! [profile.proto](https://github.com/google/pprof/blob/main/proto/profile.proto).
#![cfg_attr(
    not(all(unix, feature = "profiling")),
    allow(dead_code, reason = "there are no samples to show then")
)]

use prost::Message;
use std::collections::HashMap;
use std::time::Duration;

/// A place in the program, with the functions that are there: more than one where some were inlined,
/// the innermost first.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub address: u64,
    pub symbols: Vec<Symbol>,
}

/// A function, and a line of it; `""` and 0 where that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Symbol {
    pub name: String,
    /// The name that the linker knows. Where it is another one, `go tool pprof` leaves `name` as it is.
    pub linked: String,
    pub file: String,
    pub line: i64,
}

/// A profile that is being made.
#[derive(Debug)]
pub(super) struct Profile {
    document: Document,
    texts: HashMap<String, i64>,
    functions: HashMap<(i64, i64), u64>,
    locations: HashMap<u64, u64>,
    period: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Document {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    sort: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    memory_start: u64,
    #[prost(uint64, tag = "3")]
    memory_limit: u64,
    #[prost(uint64, tag = "4")]
    file_offset: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
    #[prost(bool, tag = "7")]
    has_functions: bool,
    #[prost(bool, tag = "8")]
    has_filenames: bool,
    #[prost(bool, tag = "9")]
    has_line_numbers: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(uint64, tag = "3")]
    address: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

impl Profile {
    /// A profile of so long, with a sample for each period of processor time.
    pub(super) fn new(time: Duration, period: Duration) -> Self {
        let nanos = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let mut new = Self {
            document: Document::default(),
            texts: HashMap::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
            period: nanos(period),
        };
        // The first text is the empty one.
        new.text("");
        let mut value = |sort, unit| ValueType { sort: new.text(sort), unit: new.text(unit) };
        let samples = value("samples", "count");
        let cpu = value("cpu", "nanoseconds");
        new.document.sample_type = vec![samples, cpu.clone()];
        new.document.period_type = Some(cpu);
        new.document.period = new.period;
        new.document.duration_nanos = nanos(time);
        new
    }

    /// Says which files the program's code is from, in the form of `/proc/self/maps`: a program
    /// without names can then be looked at beside one that has them.
    pub(super) fn map(&mut self, maps: &str) {
        for line in maps.lines() {
            let mut fields = line.split_ascii_whitespace();
            let (Some(range), Some(rights), Some(offset), file) =
                (fields.next(), fields.next(), fields.next(), fields.nth(2))
            else {
                continue;
            };
            let hex = |text: &str| u64::from_str_radix(text, 16).ok();
            let range = range.split_once('-');
            let range = range.and_then(|(from, to)| Some((hex(from)?, hex(to)?, hex(offset)?)));
            let (Some((memory_start, memory_limit, file_offset)), Some(file)) = (range, file)
            else {
                continue;
            };
            if rights.contains('x') {
                let filename = self.text(file);
                let id = self.document.mapping.len() as u64 + 1;
                let place = Mapping {
                    id,
                    memory_start,
                    memory_limit,
                    file_offset,
                    filename,
                    ..Mapping::default()
                };
                self.document.mapping.push(place);
            }
        }
    }

    /// Adds a stack that was seen so often, the innermost frame first.
    pub(super) fn add(&mut self, frames: &[Frame], count: i64) {
        let location_id = frames.iter().map(|frame| self.location(frame)).collect();
        let value = vec![count, count.saturating_mul(self.period)];
        self.document.sample.push(Sample { location_id, value });
    }

    /// The message. Of a file whose names are all known no reader needs to look for them.
    pub(super) fn encode_to_vec(mut self) -> Vec<u8> {
        let locations = &self.document.location;
        for mapping in &mut self.document.mapping {
            let mut of_it = locations.iter().filter(|it| it.mapping_id == mapping.id);
            let known = of_it.all(|location| !location.line.is_empty());
            (mapping.has_functions, mapping.has_filenames) = (known, known);
            mapping.has_line_numbers = known;
        }
        self.document.encode_to_vec()
    }

    fn location(&mut self, frame: &Frame) -> u64 {
        let address = frame.address;
        if let Some(id) = self.locations.get(&address) {
            return *id;
        }
        let line = frame.symbols.iter().map(|symbol| self.line(symbol)).collect();
        let within = |it: &&Mapping| (it.memory_start..it.memory_limit).contains(&address);
        let mapping_id = self.document.mapping.iter().find(within).map_or(0, |it| it.id);
        let id = self.document.location.len() as u64 + 1;
        self.document.location.push(Location { id, mapping_id, address, line });
        self.locations.insert(address, id);
        id
    }

    fn line(&mut self, symbol: &Symbol) -> Line {
        let (name, filename) = (self.text(&symbol.name), self.text(&symbol.file));
        let next = self.document.function.len() as u64 + 1;
        let function_id = *self.functions.entry((name, filename)).or_insert(next);
        if function_id == next {
            let system_name = self.text(&symbol.linked);
            let function = Function { id: next, name, system_name, filename };
            self.document.function.push(function);
        }
        Line { function_id, line: symbol.line }
    }

    fn text(&mut self, text: &str) -> i64 {
        if let Some(place) = self.texts.get(text) {
            return *place;
        }
        let place = i64::try_from(self.document.string_table.len()).unwrap_or(i64::MAX);
        self.document.string_table.push(text.to_owned());
        self.texts.insert(text.to_owned(), place);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(address: u64, names: &[&str]) -> Frame {
        let symbol = |name: &&str| {
            let (name, linked) = ((*name).to_owned(), format!("_R{name}"));
            Symbol { name, linked, file: "a.rs".into(), line: 7 }
        };
        Frame { address, symbols: names.iter().map(symbol).collect() }
    }

    #[test]
    fn stacks_share_places_and_names() {
        let mut profile = Profile::new(Duration::from_secs(2), Duration::from_millis(10));
        profile.map(
            "1000-2000 r--p 00000000 fe:01 7 /bin/it\n2000-4000 r-xp 00001000 fe:01 7 /bin/it\n\
             5000-6000 r-xp 00000000 00:00 0\nnonsense\n",
        );
        profile.add(&[frame(0x2010, &["inner", "outer"]), frame(0x3000, &["main"])], 3);
        profile.add(&[frame(0x3000, &["main"]), frame(0x9000, &[])], 1);
        let document = Document::decode(&*profile.encode_to_vec()).unwrap();
        let text = |place: i64| document.string_table[usize::try_from(place).unwrap()].as_str();
        assert_eq!(text(0), "");
        let types: Vec<_> =
            document.sample_type.iter().map(|it| (text(it.sort), text(it.unit))).collect();
        assert_eq!(types, [("samples", "count"), ("cpu", "nanoseconds")]);
        let samples: Vec<_> =
            document.sample.iter().map(|it| (&it.location_id[..], &it.value[..])).collect();
        assert_eq!(samples, [(&[1, 2][..], &[3, 30_000_000][..]), (&[2, 3], &[1, 10_000_000])]);
        let names: Vec<_> = document.function.iter().map(|it| text(it.name)).collect();
        assert_eq!(names, ["inner", "outer", "main"]);
        assert_eq!(text(document.function[1].system_name), "_Router");
        assert_eq!(document.mapping.len(), 1);
        assert_eq!(text(document.mapping[0].filename), "/bin/it");
        assert!(document.mapping[0].has_functions);
        let places: Vec<_> =
            document.location.iter().map(|it| (it.address, it.mapping_id, it.line.len())).collect();
        assert_eq!(places, [(0x2010, 1, 2), (0x3000, 1, 1), (0x9000, 0, 0)]);
        assert_eq!((document.period, document.duration_nanos), (10_000_000, 2_000_000_000));
    }
}

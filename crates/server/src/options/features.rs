//! The flag of features that are not for everybody yet.

use super::StorageMediaType;
use crate::profile;
use clap::{ArgAction, Args};
use std::io;
use std::str::FromStr;

/// Experiments, of which Kubernetes says that they are, and what looks into the process.
#[derive(Args, Clone, Debug, Default)]
#[command(about = None, long_about = None, next_help_heading = "Features")]
#[non_exhaustive]
pub struct FeatureOptions {
    /// Features to turn on or off. CBORServingAndStorage=true|false (alpha, default: false): bodies
    /// and answers in application/cbor, and --storage-media-type=application/cbor.
    /// AllAlpha=true|false turns on what is alpha
    #[arg(long, value_name = "NAME=BOOL", value_delimiter = ',')]
    pub feature_gates: Vec<FeatureGate>,

    /// Serve profiles of processor time at /debug/pprof/, for go tool pprof, to whoever may get that
    /// path
    #[arg(long, value_name = "BOOL", action = ArgAction::Set, num_args = 0..=1)]
    #[arg(require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(default_value_t = false)]
    pub profiling: bool,
}

/// A feature, and whether it is to be on: `CBORServingAndStorage=true`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureGate {
    feature: Feature,
    on: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Feature {
    AllAlpha,
    AllBeta,
    Cbor,
}

impl FeatureOptions {
    /// Whether CBOR is spoken and stored. What is said of one feature counts more than what is said
    /// of all.
    pub(crate) fn cbor(&self) -> bool {
        let said = |of: Feature| self.feature_gates.iter().rev().find(|gate| gate.feature == of);
        said(Feature::Cbor).or_else(|| said(Feature::AllAlpha)).is_some_and(|gate| gate.on)
    }

    /// Refuses to store what is not to be read, and profiles where nothing makes them.
    pub(crate) fn check(&self, stored: StorageMediaType) -> io::Result<()> {
        if self.profiling {
            profile::check()?;
        }
        if stored != StorageMediaType::Cbor || self.cbor() {
            return Ok(());
        }
        let message = "--storage-media-type \"application/cbor\" invalid, allowed values: \
                       application/json, application/vnd.kubernetes.protobuf, application/yaml; \
                       with --feature-gates=CBORServingAndStorage=true also application/cbor";
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

impl FromStr for FeatureGate {
    type Err = String;

    /// Reads `NAME=true` or `NAME=false`, in the words of Kubernetes where that makes no sense.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| format!("missing bool value for {text}"))?;
        let feature = match name.trim() {
            "AllAlpha" => Feature::AllAlpha,
            "AllBeta" => Feature::AllBeta,
            "CBORServingAndStorage" => Feature::Cbor,
            name => return Err(format!("unrecognized feature gate: {name}")),
        };
        let on = match value.trim() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
            "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
            value => return Err(format!("invalid value of {name}={value}")),
        };
        Ok(Self { feature, on })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(gates: &[&str], want: Result<bool, &str>) {
        let gates: Result<Vec<FeatureGate>, _> = gates.iter().map(|text| text.parse()).collect();
        let got = gates.map(|feature_gates| {
            FeatureOptions { feature_gates, ..FeatureOptions::default() }.cbor()
        });
        assert_eq!(got, want.map_err(str::to_owned));
    }

    #[test]
    fn gates() {
        check(&[], Ok(false));
        check(&["CBORServingAndStorage=true"], Ok(true));
        check(&["CBORServingAndStorage=true", "CBORServingAndStorage=false"], Ok(false));
        check(&["AllAlpha=true"], Ok(true));
        check(&["AllBeta=true"], Ok(false));
        check(&["CBORServingAndStorage=false", "AllAlpha=true"], Ok(false));
        check(&["WatchList=true"], Err("unrecognized feature gate: WatchList"));
        check(&["AllAlpha"], Err("missing bool value for AllAlpha"));
        check(&["AllAlpha=maybe"], Err("invalid value of AllAlpha=maybe"));
        let feature_gates = vec!["AllAlpha=true".parse().unwrap()];
        let on = FeatureOptions { feature_gates, ..FeatureOptions::default() };
        assert!(on.check(StorageMediaType::Cbor).is_ok());
        let off = FeatureOptions::default();
        assert!(off.check(StorageMediaType::Yaml).is_ok());
        assert!(off.check(StorageMediaType::Cbor).is_err());
    }
}

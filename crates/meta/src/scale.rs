//! The `scale` subresource: three places of an object in the form that all scalers know.
//!
//! See [scale subresource](https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource).

use crate::field::FieldErrors;
use k8s_openapi::api::autoscaling::v1::{Scale, ScaleSpec, ScaleStatus};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceSubresourceScale;
use serde_json::{Map, Value};

/// Where the numbers of a [`Scale`] are in an object, for example at `.spec.replicas`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalePaths {
    spec_replicas: String,
    status_replicas: String,
    selector: Option<String>,
}

impl ScalePaths {
    /// The paths that a kind declares: names joined by dots, as Kubernetes has them.
    #[must_use]
    pub fn new(declared: &CustomResourceSubresourceScale) -> Self {
        Self {
            spec_replicas: declared.spec_replicas_path.clone(),
            status_replicas: declared.status_replicas_path.clone(),
            selector: declared.label_selector_path.clone(),
        }
    }

    /// Whether the object says how many there shall be, without which it has no scale to show.
    ///
    /// # Errors
    /// Where it does not, in Kubernetes' words.
    pub fn require(&self, object: &Value) -> Result<(), String> {
        let path = &self.spec_replicas;
        let missing = || format!("the spec replicas field {path:?} does not exist");
        at(object, path).map(drop).ok_or_else(missing)
    }

    /// The numbers of an object; its metadata is left out, and so is a zero, as Kubernetes does.
    ///
    /// # Errors
    /// Where one of the places holds something else.
    pub fn read(&self, object: &Value) -> Result<Scale, String> {
        let wanted = number(object, &self.spec_replicas)?.filter(|wanted| *wanted != 0);
        let status = ScaleStatus {
            replicas: number(object, &self.status_replicas)?.unwrap_or_default(),
            selector: self
                .selector
                .as_deref()
                .map(|path| text(object, path))
                .transpose()?
                .flatten(),
        };
        Ok(Scale {
            spec: Some(ScaleSpec { replicas: wanted }),
            status: Some(status),
            ..Scale::default()
        })
    }

    /// Puts into the object how many there shall be; nothing said is a zero.
    ///
    /// # Errors
    /// Where neither the scale nor the object says how many, in Kubernetes' words; where the object
    /// has no room for it.
    pub fn write(&self, object: &mut Value, scale: &Scale) -> Result<(), String> {
        let path = &self.spec_replicas;
        let replicas = scale.spec.as_ref().and_then(|spec| spec.replicas);
        if replicas.is_none() && at(object, path).is_none() {
            return Err(format!("the spec replicas field {path:?} cannot be empty"));
        }
        set(object, path, replicas.unwrap_or_default().into())
    }

    /// What an apply of a scale is to the object itself: a configuration with nothing but what the
    /// scale says.
    ///
    /// # Errors
    /// Where the object has no room for it.
    pub fn configuration(&self, scale: &Value, object: &mut Value) -> Result<(), String> {
        match scale.pointer("/spec/replicas") {
            None | Some(Value::Null) => Ok(()),
            Some(replicas) => set(object, &self.spec_replicas, replicas.clone()),
        }
    }

    /// Finds numbers that no scale can have.
    pub fn validate(&self, object: &Value, errors: &mut FieldErrors) {
        for path in [&self.spec_replicas, &self.status_replicas] {
            let Some(number) = at(object, path).and_then(Value::as_i64) else { continue };
            if number < 0 {
                errors.invalid(path, number, "should be a non-negative integer");
            } else if number > i64::from(i32::MAX) {
                let why = format!("should be less than or equal to {}", i32::MAX);
                errors.invalid(path, number, why);
            }
        }
    }
}

fn names(path: &str) -> impl Iterator<Item = &str> {
    path.strip_prefix('.').unwrap_or(path).split('.')
}

fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    names(path).try_fold(object, |value, name| value.get(name)).filter(|value| !value.is_null())
}

fn number(object: &Value, path: &str) -> Result<Option<i32>, String> {
    let Some(value) = at(object, path) else { return Ok(None) };
    let number = value.as_i64().and_then(|number| number.try_into().ok());
    number.map(Some).ok_or_else(|| format!("{path} is {value}, and no number of replicas"))
}

fn text(object: &Value, path: &str) -> Result<Option<String>, String> {
    match at(object, path) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(value) => Err(format!("{path} is {value}, and no text")),
    }
}

fn set(object: &mut Value, path: &str, replicas: Value) -> Result<(), String> {
    let mut place = object;
    for name in names(path) {
        if place.is_null() {
            *place = Value::Object(Map::new());
        }
        let fields = place.as_object_mut();
        let fields = fields.ok_or_else(|| format!("{path} leads into something without fields"))?;
        place = fields.entry(name).or_insert(Value::Null);
    }
    *place = replicas;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths() -> ScalePaths {
        ScalePaths::new(&CustomResourceSubresourceScale {
            label_selector_path: Some(".status.selector".to_owned()),
            spec_replicas_path: ".spec.size.replicas".to_owned(),
            status_replicas_path: ".status.replicas".to_owned(),
        })
    }

    fn check_read(object: &Value, want: Result<(Option<i32>, i32, Option<&str>), &str>) {
        let got = paths().read(object);
        let got = got.as_ref().map_err(String::as_str).map(|scale| {
            let status = scale.status.as_ref().unwrap();
            let replicas = scale.spec.as_ref().unwrap().replicas;
            (replicas, status.replicas, status.selector.as_deref())
        });
        assert_eq!(got, want, "{object}");
    }

    #[test]
    fn a_scale_is_read_from_the_places_of_the_kind() {
        let whole = json!({
            "spec": {"size": {"replicas": 3}}, "status": {"replicas": 2, "selector": "a=b"},
        });
        check_read(&whole, Ok((Some(3), 2, Some("a=b"))));
        check_read(&json!({"spec": {"size": {"replicas": 0}}}), Ok((None, 0, None)));
        check_read(&json!({"spec": {"size": {}}}), Ok((None, 0, None)));
        assert_eq!(paths().require(&whole), Ok(()));
        let missing = "the spec replicas field \".spec.size.replicas\" does not exist";
        for object in [json!({"spec": {}}), json!({"spec": {"size": {"replicas": null}}})] {
            assert_eq!(paths().require(&object), Err(missing.to_owned()), "{object}");
        }
        check_read(
            &json!({"spec": {"size": {"replicas": "3"}}}),
            Err(".spec.size.replicas is \"3\", and no number of replicas"),
        );
        check_read(
            &json!({"spec": {"size": {"replicas": 1}}, "status": {"selector": 1}}),
            Err(".status.selector is 1, and no text"),
        );
    }

    #[test]
    fn a_scale_is_written_to_the_place_of_the_kind() {
        let scale = |replicas| Scale { spec: Some(ScaleSpec { replicas }), ..Scale::default() };
        let mut object = json!({"spec": {"image": "x"}});
        paths().write(&mut object, &scale(Some(4))).unwrap();
        assert_eq!(object, json!({"spec": {"image": "x", "size": {"replicas": 4}}}));
        paths().write(&mut object, &scale(None)).unwrap();
        assert_eq!(object, json!({"spec": {"image": "x", "size": {"replicas": 0}}}));
        let mut object = json!({});
        assert!(paths().write(&mut object, &scale(None)).unwrap_err().contains("cannot be empty"));
        let mut object = json!({"spec": []});
        assert!(paths().write(&mut object, &scale(Some(4))).is_err());
    }

    #[test]
    fn numbers_that_no_scale_can_have_are_found() {
        let mut errors = FieldErrors::new();
        let object =
            json!({"spec": {"size": {"replicas": -1}}, "status": {"replicas": 3_000_000_000_i64}});
        paths().validate(&object, &mut errors);
        assert_eq!(
            errors.to_string(),
            "[.spec.size.replicas: Invalid value: -1: should be a non-negative integer, \
             .status.replicas: Invalid value: 3000000000: should be less than or equal to 2147483647]"
        );
    }
}

//! The other versions of an object: what an entry that was written in one of them speaks of.

use super::schema::TypeSchema;
use super::set::FieldSet;
use serde_json::Value;

/// The versions of a kind, as one endpoint serves them.
pub trait Versions {
    /// The schema of a version, by `group/version`; `None` where the version is not served (any
    /// more), which drops the entries that were written in it.
    fn schema(&self, api_version: &str) -> Option<&TypeSchema>;

    /// An object, which says its own version in `apiVersion`, in another version.
    ///
    /// # Errors
    /// Says why the object cannot be converted.
    fn convert(&self, object: &Value, to_api_version: &str) -> Result<Value, String>;

    /// An object of a version in which nothing is set, as the type's serialisation writes it: what
    /// a new object is compared with. A field that every object has, such as a `spec` that is a
    /// plain struct, is owned by nobody only if it is here.
    fn empty(&self, api_version: &str) -> Option<&Value> {
        let _ = api_version;
        None
    }

    /// The fields that writes to an endpoint (`subresource` is empty for the object itself) do not
    /// change, whatever is in them: nobody comes to own them through it.
    fn reset_fields(&self, api_version: &str, subresource: &str) -> Option<&FieldSet> {
        let _ = (api_version, subresource);
        None
    }
}

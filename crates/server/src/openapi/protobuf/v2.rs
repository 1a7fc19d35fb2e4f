//! The messages of Swagger 2.0, of
//! [`openapiv2/OpenAPIv2.proto`](https://github.com/google/gnostic-models/blob/main/openapiv2/OpenAPIv2.proto).
//!
//! Go clients ask for `/openapi/v2` in this form only.

use super::{Message, Place, Type};
use serde_json::Value;

pub(in super::super) static DOCUMENT: Message = Message {
    fields: &[
        ("swagger", 1, Type::Text),
        ("info", 2, Type::Of(&[], &INFO)),
        ("paths", 8, Type::Map(2, &Type::Of(&[], &PATH_ITEM))),
        ("definitions", 9, Type::Map(1, &Type::Of(&[], &SCHEMA))),
        ("parameters", 10, Type::Map(1, &Type::Choice(parameter))),
        ("security", 12, Type::List(&Type::Map(1, &Type::Strings))),
        ("securityDefinitions", 13, Type::Map(1, &Type::Of(&[2], &API_KEY))),
    ],
    extensions: 16,
};

static INFO: Message =
    Message { fields: &[("title", 1, Type::Text), ("version", 2, Type::Text)], extensions: 7 };

static API_KEY: Message = Message {
    fields: &[
        ("type", 1, Type::Text),
        ("name", 2, Type::Text),
        ("in", 3, Type::Text),
        ("description", 4, Type::Text),
    ],
    extensions: 5,
};

const PARAMETERS: Type = Type::List(&Type::Choice(parameter_or_reference));

static PATH_ITEM: Message = Message {
    fields: &[
        ("get", 2, Type::Of(&[], &OPERATION)),
        ("put", 3, Type::Of(&[], &OPERATION)),
        ("post", 4, Type::Of(&[], &OPERATION)),
        ("delete", 5, Type::Of(&[], &OPERATION)),
        ("patch", 8, Type::Of(&[], &OPERATION)),
        ("parameters", 9, PARAMETERS),
    ],
    extensions: 10,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, Type::Texts),
        ("description", 3, Type::Text),
        ("operationId", 5, Type::Text),
        ("produces", 6, Type::Texts),
        ("consumes", 7, Type::Texts),
        ("parameters", 8, PARAMETERS),
        ("responses", 9, Type::Map(1, &Type::Of(&[1], &RESPONSE))),
        ("schemes", 10, Type::Texts),
    ],
    extensions: 13,
};

static RESPONSE: Message = Message {
    fields: &[("description", 1, Type::Text), ("schema", 2, Type::Of(&[1], &SCHEMA))],
    extensions: 5,
};

static REFERENCE: Message =
    Message { fields: &[("$ref", 1, Type::Text), ("description", 2, Type::Text)], extensions: 0 };

static BODY_PARAMETER: Message = Message {
    fields: &[
        ("description", 1, Type::Text),
        ("name", 2, Type::Text),
        ("in", 3, Type::Text),
        ("required", 4, Type::Flag),
        ("schema", 5, Type::Of(&[], &SCHEMA)),
    ],
    extensions: 6,
};

static QUERY_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Type::Flag),
        ("in", 2, Type::Text),
        ("description", 3, Type::Text),
        ("name", 4, Type::Text),
        ("type", 6, Type::Text),
        ("format", 7, Type::Text),
        ("uniqueItems", 20, Type::Flag),
    ],
    extensions: 23,
};

static PATH_PARAMETER: Message = Message {
    fields: &[
        ("required", 1, Type::Flag),
        ("in", 2, Type::Text),
        ("description", 3, Type::Text),
        ("name", 4, Type::Text),
        ("type", 5, Type::Text),
        ("format", 6, Type::Text),
        ("uniqueItems", 19, Type::Flag),
    ],
    extensions: 22,
};

static SCHEMA: Message = Message {
    fields: &[
        ("$ref", 1, Type::Text),
        ("format", 2, Type::Text),
        ("description", 4, Type::Text),
        ("multipleOf", 6, Type::Double),
        ("maximum", 7, Type::Double),
        ("exclusiveMaximum", 8, Type::Flag),
        ("minimum", 9, Type::Double),
        ("exclusiveMinimum", 10, Type::Flag),
        ("maxLength", 11, Type::Integer),
        ("minLength", 12, Type::Integer),
        ("pattern", 13, Type::Text),
        ("maxItems", 14, Type::Integer),
        ("minItems", 15, Type::Integer),
        ("uniqueItems", 16, Type::Flag),
        ("maxProperties", 17, Type::Integer),
        ("minProperties", 18, Type::Integer),
        ("required", 19, Type::Texts),
        ("enum", 20, Type::List(&Type::Any)),
        ("additionalProperties", 21, Type::SchemaOrFlag(&Type::Of(&[], &SCHEMA))),
        ("type", 22, Type::Strings),
        ("items", 23, Type::Of(&[1], &SCHEMA)),
        ("properties", 25, Type::Map(1, &Type::Of(&[], &SCHEMA))),
        ("discriminator", 26, Type::Text),
        ("readOnly", 27, Type::Flag),
        ("example", 30, Type::Any),
    ],
    extensions: 31,
};

fn parameter(value: &Value) -> Place {
    match value["in"].as_str() {
        Some("body") => (&[1], &BODY_PARAMETER),
        Some("path") => (&[2, 4], &PATH_PARAMETER),
        _ => (&[2, 3], &QUERY_PARAMETER),
    }
}

fn parameter_or_reference(value: &Value) -> Place {
    if value.get("$ref").is_some() {
        return (&[2], &REFERENCE);
    }
    match value["in"].as_str() {
        Some("body") => (&[1, 1], &BODY_PARAMETER),
        Some("path") => (&[1, 2, 4], &PATH_PARAMETER),
        _ => (&[1, 2, 3], &QUERY_PARAMETER),
    }
}

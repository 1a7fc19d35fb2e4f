//! The messages of OpenAPI 3.0, of
//! [`openapiv3/OpenAPIv3.proto`](https://github.com/google/gnostic-models/blob/main/openapiv3/OpenAPIv3.proto).
//!
//! Only schemas are ever referred to; where something else may be a reference too it is in field 1.

use super::{Message, Place, Type};
use serde_json::Value;

pub(in super::super) static DOCUMENT: Message = Message {
    fields: &[
        ("openapi", 1, Type::Text),
        ("info", 2, Type::Of(&[], &INFO)),
        ("paths", 4, Type::Map(1, &Type::Of(&[], &PATH_ITEM))),
        ("components", 5, Type::Of(&[], &COMPONENTS)),
        ("security", 6, Type::List(&Type::Map(1, &Type::Strings))),
    ],
    extensions: 9,
};

static INFO: Message =
    Message { fields: &[("title", 1, Type::Text), ("version", 6, Type::Text)], extensions: 7 };

static COMPONENTS: Message = Message {
    fields: &[
        ("schemas", 1, Type::Map(1, &SCHEMA_OR_REFERENCE)),
        ("securitySchemes", 7, Type::Map(1, &Type::Of(&[1], &SECURITY_SCHEME))),
    ],
    extensions: 10,
};

static SECURITY_SCHEME: Message = Message {
    fields: &[
        ("type", 1, Type::Text),
        ("description", 2, Type::Text),
        ("name", 3, Type::Text),
        ("in", 4, Type::Text),
    ],
    extensions: 9,
};

const PARAMETERS: Type = Type::List(&Type::Of(&[1], &PARAMETER));

static PATH_ITEM: Message = Message {
    fields: &[
        ("get", 4, Type::Of(&[], &OPERATION)),
        ("put", 5, Type::Of(&[], &OPERATION)),
        ("post", 6, Type::Of(&[], &OPERATION)),
        ("delete", 7, Type::Of(&[], &OPERATION)),
        ("patch", 10, Type::Of(&[], &OPERATION)),
        ("parameters", 13, PARAMETERS),
    ],
    extensions: 14,
};

static OPERATION: Message = Message {
    fields: &[
        ("tags", 1, Type::Texts),
        ("description", 3, Type::Text),
        ("operationId", 5, Type::Text),
        ("parameters", 6, PARAMETERS),
        ("requestBody", 7, Type::Of(&[1], &REQUEST_BODY)),
        ("responses", 8, Type::Map(2, &Type::Of(&[1], &RESPONSE))),
    ],
    extensions: 13,
};

static PARAMETER: Message = Message {
    fields: &[
        ("name", 1, Type::Text),
        ("in", 2, Type::Text),
        ("description", 3, Type::Text),
        ("required", 4, Type::Flag),
        ("schema", 10, SCHEMA_OR_REFERENCE),
    ],
    extensions: 14,
};

const CONTENT: Type = Type::Map(1, &Type::Of(&[], &MEDIA_TYPE));

static REQUEST_BODY: Message = Message {
    fields: &[("description", 1, Type::Text), ("content", 2, CONTENT), ("required", 3, Type::Flag)],
    extensions: 4,
};

static RESPONSE: Message =
    Message { fields: &[("description", 1, Type::Text), ("content", 3, CONTENT)], extensions: 5 };

static MEDIA_TYPE: Message =
    Message { fields: &[("schema", 1, SCHEMA_OR_REFERENCE)], extensions: 5 };

const SCHEMA_OR_REFERENCE: Type = Type::Choice(schema_or_reference);

static REFERENCE: Message = Message { fields: &[("$ref", 1, Type::Text)], extensions: 0 };

static SCHEMA: Message = Message {
    fields: &[
        ("readOnly", 3, Type::Flag),
        ("example", 7, Type::Any),
        ("multipleOf", 10, Type::Double),
        ("maximum", 11, Type::Double),
        ("exclusiveMaximum", 12, Type::Flag),
        ("minimum", 13, Type::Double),
        ("exclusiveMinimum", 14, Type::Flag),
        ("maxLength", 15, Type::Integer),
        ("minLength", 16, Type::Integer),
        ("pattern", 17, Type::Text),
        ("maxItems", 18, Type::Integer),
        ("minItems", 19, Type::Integer),
        ("uniqueItems", 20, Type::Flag),
        ("maxProperties", 21, Type::Integer),
        ("minProperties", 22, Type::Integer),
        ("required", 23, Type::Texts),
        ("enum", 24, Type::List(&Type::Any)),
        ("type", 25, Type::Text),
        ("allOf", 26, Type::List(&SCHEMA_OR_REFERENCE)),
        ("oneOf", 27, Type::List(&SCHEMA_OR_REFERENCE)),
        ("anyOf", 28, Type::List(&SCHEMA_OR_REFERENCE)),
        ("not", 29, Type::Of(&[], &SCHEMA)),
        ("items", 30, Type::In(&SCHEMA_OR_REFERENCE)),
        ("properties", 31, Type::Map(1, &SCHEMA_OR_REFERENCE)),
        ("additionalProperties", 32, Type::SchemaOrFlag(&SCHEMA_OR_REFERENCE)),
        ("default", 33, Type::Scalar),
        ("description", 34, Type::Text),
        ("format", 35, Type::Text),
    ],
    extensions: 36,
};

fn schema_or_reference(value: &Value) -> Place {
    if value.get("$ref").is_some() { (&[2], &REFERENCE) } else { (&[1], &SCHEMA) }
}

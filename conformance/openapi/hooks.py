"""What schemathesis needs to know of a Kubernetes-style server: see "Extending" in its documentation."""
import schemathesis

NAMESPACE, NAME = "schemathesis", "one"
WATCH_SECONDS = 1


@schemathesis.hook
def map_path_parameters(_, parameters):
    """Objects that are there now and then, else nearly every answer would be 404."""
    parameters = dict(parameters or {})
    parameters.update({key: value for key, value in
                       (("namespace", NAMESPACE), ("name", NAME)) if key in parameters})
    return parameters


@schemathesis.hook
def map_query(_, query):
    """A watch lasts until the client goes away, or as long as it says."""
    query = dict(query or {})
    if "watch" in query:
        query["timeoutSeconds"] = WATCH_SECONDS
    return query


@schemathesis.hook
def map_body(context, body):
    """Some of the objects can be made."""
    if context.operation.method == "post" and isinstance(body, dict):
        metadata = body.get("metadata")
        if isinstance(metadata, dict) and metadata:
            metadata.update(name=NAME, namespace=NAMESPACE)
            metadata.pop("resourceVersion", None)
    return body

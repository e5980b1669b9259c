"""What every alert must be: docs/alert-1.schema.json, its members in their order, and the CloudEvents headers."""
import json
import pathlib
import re

import jsonschema

SCHEMA = json.loads((pathlib.Path(__file__).resolve().parents[2] / "docs/alert-1.schema.json").read_text())
jsonschema.Draft202012Validator.check_schema(SCHEMA)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
DECIDED_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def order(value, schema):
    """Fails where members stand in another order than the schema's, or where there are members that it does not name."""
    schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    if isinstance(value, list):
        for one in value:
            order(one, schema["items"])
    elif isinstance(value, dict):
        names = list(value)
        assert names == [name for name in schema["properties"] if name in value], f"members out of order, or unknown: {names}"
        for name, member in value.items():
            order(member, schema["properties"][name])


def check_body(text):
    """The parsed alert."""
    alert = json.loads(text)
    VALIDATOR.validate(alert)
    order(alert, SCHEMA)
    assert json.dumps(alert, ensure_ascii=False, separators=(",", ":")) == (text if isinstance(text, str) else text.decode()), "spaces or escapes"
    return alert


def check_record(message, group, traceparent=None):
    """A record of the alerts topic: key, value, headers; the parsed alert."""
    alert = check_body(message.value())
    assert message.key() == alert["account_id"].encode(), message.key()
    headers = message.headers()
    expected = [
        ("ce_specversion", "1.0"), ("ce_id", alert["alert_id"]), ("ce_source", f"/tripline/{group.name}/{group.topic}"),
        ("ce_type", "io.tripline.alert.v1"), ("ce_time", alert["occurred_at"]), ("ce_subject", alert["account_id"]),
        ("content-type", "application/json"),
    ] + ([("traceparent", traceparent)] if traceparent else [])
    assert [(name, value.decode()) for name, value in headers[:-2]] == expected, headers
    (first, decided_at), (second, mode) = headers[-2:]
    assert (first, second) == ("tripline_decided_at", "tripline_mode") and mode in (b"live", b"catch_up"), headers
    assert DECIDED_AT.fullmatch(decided_at.decode()), decided_at
    return alert

"""What `explain --json` answers has the shape that docs/explain.schema.json promises, with the daemon's part."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

FILE = Path(__file__).resolve().parents[2] / "docs" / "explain.schema.json"
_schema = json.loads(FILE.read_text())
jsonschema.Draft202012Validator.check_schema(_schema)
_validator = jsonschema.Draft202012Validator(_schema | {"required": [*_schema["required"], "queue"]})


def validate(answer: dict[str, Any]) -> None:
    wrong = [f"{error.json_path}: {error.message}" for error in _validator.iter_errors(answer)]
    assert not wrong, "explain does not answer as docs/explain.schema.json says: " + "; ".join(wrong)

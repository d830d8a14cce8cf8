"""The API's OpenAPI 3.1 document: what FastAPI cannot know of it."""

from typing import Any

import orjson
from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from weighbridge import spec
from weighbridge.dialects.native import wire, wire_repositories, wire_suites
from weighbridge.dialects.native.errors import MEDIA_TYPE
from weighbridge.judgefile import JudgeSpec
from weighbridge.policy import PolicySpec

_SCHEMAS = "#/components/schemas/"
_PROBLEMS = {
    400: "The body or the cursor cannot be read.",
    401: "No key was given, or it is unknown, expired or revoked.",
    403: "The key's role does not allow this.",
    404: "There is no such thing in the key's workspace.",
    409: "It clashes with the present state.",
    413: "The body is over the limit.",
    415: "The body is of another media type.",
    422: "Something in the request is wrong; `errors` names every field.",
    500: "The server failed; `instance` is the reference in its log.",
    503: "A part of the server cannot answer now; `Retry-After` says when to try again.",
    507: "There is no room left.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors a route may answer with, for its description."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _SCHEMAS + "Problem"}}}
    return {
        status: {"description": _PROBLEMS[status], "content": content}
        for status in sorted(statuses)
    }


READ = problems(401, 404, 422, 500, 503)
"""Errors of a route that reads one thing."""

WRITE = problems(400, 401, 403, 404, 409, 413, 415, 422, 500, 503, 507)
"""Errors of a route that changes something."""


def json_body(name: str, *, required: bool = True) -> dict[str, Any]:
    """A request body of one of the schemas, for a route that reads it by itself."""
    content = {"application/json": {"schema": {"$ref": _SCHEMAS + name}}}
    return {"requestBody": {"required": required, "content": content}}


UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "string",
                            "contentMediaType": "application/octet-stream",
                            "description": "csv, tsv, jsonl, json, parquet or arrow.",
                        },
                        "name": {
                            "type": "string",
                            "maxLength": 200,
                            "description": "For people; the file's name when left out.",
                        },
                        "format": {
                            "type": "string",
                            "description": "When neither the file's name nor its first bytes tell.",
                        },
                    },
                }
            }
        },
    }
}


# By routes that read their body themselves.
_READ = (
    *(wire.NewKey, wire.Rescoring, wire.NewWebhook, wire.WebhookChange, wire.NewGate),
    *(wire.Judgement, wire.Judgements),
    *(wire_repositories.NewRepository, wire_repositories.NewBranch),
    *(wire_repositories.NewMerge, wire_repositories.DeliveryCommit),
    *(wire_suites.NewSuite, wire_suites.NewSuiteRuns),
    *(PolicySpec, JudgeSpec),
)


class Described(FastAPI):
    """A FastAPI application whose OpenAPI document also holds the schemas of what it reads by
    itself: evaluations, policies, keys and problems."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        if self.openapi_schema is None:
            document = super().openapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            _, ours = models_json_schema(
                [(wire.Problem, "serialization"), *((read, "validation") for read in _READ)],
                ref_template=_SCHEMAS + "{model}",
            )
            schemas.update(ours["$defs"])
            # It is read as any object, so that a problem in it is told as of a policy file.
            schemas["NewGate"]["properties"]["policy"] = {"$ref": _SCHEMAS + "PolicySpec"}
            evaluation = _with_refs(spec.json_schema())
            schemas.update(evaluation.pop("$defs", {}))
            schemas["EvaluationSpec"] = evaluation
        assert self.openapi_schema is not None  # noqa: S101 (FastAPI keeps what it made)
        return self.openapi_schema


def _with_refs(schema: dict[str, Any]) -> dict[str, Any]:
    moved: dict[str, Any] = orjson.loads(
        orjson.dumps(schema).replace(b'"#/$defs/', b'"' + _SCHEMAS.encode())
    )
    return moved

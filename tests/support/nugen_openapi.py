"""What Nugen's description (OpenAPI 3.1, release 25.4.20) says of one call: the shapes, in words of
ours. A client is generated from it."""

from typing import Any


def text(title: str) -> dict[str, Any]:
    return {"type": "string", "title": title}


def maybe(kind: dict[str, Any], title: str) -> dict[str, Any]:
    return {"anyOf": [kind, {"type": "null"}], "title": title}


ANSWER = ("evaluation_id", "model_id", "status", "benchmark_id", "created_at", "message")

DESCRIPTION: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Nugen Intelligence API", "version": "25.4.20"},
    "paths": {
        "/api/v3/evaluations": {
            "post": {
                "tags": ["Evaluations"],
                "operationId": "create_evaluation",
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": {"$ref": "#/components/schemas/CreateEvaluationRequest"}
                        }
                    },
                },
                "responses": {
                    "200": {
                        "description": "begun",
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/EvaluationResponse"}
                            }
                        },
                    },
                    "422": {
                        "description": "refused",
                        "content": {
                            "application/json": {
                                "schema": {"$ref": "#/components/schemas/HTTPValidationError"}
                            }
                        },
                    },
                },
                "security": [{"HTTPBearer": []}],
            }
        }
    },
    "components": {
        "schemas": {
            "CreateEvaluationRequest": {
                "title": "CreateEvaluationRequest",
                "type": "object",
                "required": ["model_id", "benchmark_id"],
                "properties": {
                    "model_id": text("Model Id"),
                    "benchmark_id": text("Benchmark Id"),
                    "custom_metrics": maybe(
                        {"type": "object", "additionalProperties": True}, "Custom Metrics"
                    ),
                    "model_id_2": maybe({"type": "string"}, "Model Id 2"),
                },
            },
            "EvaluationResponse": {
                "title": "EvaluationResponse",
                "type": "object",
                "required": list(ANSWER),
                "properties": {name: text(name) for name in ANSWER},
            },
            "HTTPValidationError": {
                "title": "HTTPValidationError",
                "type": "object",
                "properties": {
                    "detail": {
                        "type": "array",
                        "title": "Detail",
                        "items": {"$ref": "#/components/schemas/ValidationError"},
                    }
                },
            },
            "ValidationError": {
                "title": "ValidationError",
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {
                    "loc": {
                        "type": "array",
                        "title": "Location",
                        "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
                    },
                    "msg": text("Message"),
                    "type": text("Error Type"),
                },
            },
        },
        "securitySchemes": {"HTTPBearer": {"type": "http", "scheme": "bearer"}},
    },
}

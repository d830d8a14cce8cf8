"""Types of evals, and the stock policies that come with them."""

from typing import Annotated, Any
from uuid import NAMESPACE_URL, uuid5

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from weighbridge.dialects.aymara import wire
from weighbridge.dialects.aymara.access import CallerHere, Page, Paging
from weighbridge.errors import Invalid, NotFound
from weighbridge.suites.catalog import (
    EvalType,
    Instruction,
    eval_types,
    find_eval_type,
    instructions,
)

router = APIRouter(prefix="/eval-types")

_NAMESPACE = uuid5(NAMESPACE_URL, "weighbridge:eval-types")


@router.get("")
async def list_all(_caller: CallerHere, page: Page) -> Response:
    """All types."""
    return _page([_type(it) for it in eval_types()], page)


@router.get("/-/instructions")
async def find_instructions(
    _caller: CallerHere, page: Page, eval_type_slug: Annotated[str, Query(max_length=100)]
) -> Response:
    """The stock policies of a type, by its slug."""
    try:
        kind = find_eval_type(eval_type_slug)
    except Invalid as error:
        raise NotFound(error.message) from error
    return _page([_instruction(it, kind) for it in instructions(kind.slug)], page)


@router.get("/{eval_type_uuid}")
async def get(_caller: CallerHere, eval_type_uuid: str) -> Response:
    """One type."""
    return _json(_type(_found(eval_type_uuid)))


@router.get("/{eval_type_uuid}/instructions")
async def list_instructions(_caller: CallerHere, page: Page, eval_type_uuid: str) -> Response:
    """The stock policies of a type."""
    kind = _found(eval_type_uuid)
    return _page([_instruction(it, kind) for it in instructions(kind.slug)], page)


def _found(text: str) -> EvalType:
    """The type with this id, or this slug."""
    for kind in eval_types():
        if text in {_id(kind), kind.slug}:
            return kind
    raise NotFound(f"there is no eval type {text[:80]!r}")


def _id(kind: EvalType) -> str:
    return str(uuid5(_NAMESPACE, kind.slug))


def _type(kind: EvalType) -> dict[str, Any]:
    return {
        "eval_type_uuid": _id(kind),
        "name": kind.name,
        "slug": kind.slug,
        "description": kind.description,
        "supported_modalities": list(kind.modalities),
        "supported_generation_inputs": list(kind.inputs),
    }


def _instruction(it: Instruction, kind: EvalType) -> dict[str, Any]:
    named = f"{it.eval_type}/{it.slug}/{it.language}"
    return {
        "instruction_uuid": str(uuid5(_NAMESPACE, named)),
        "name": it.name,
        "content": it.text,
        "eval_type": kind.slug,
        "language": it.language,
    }


def _page(items: list[dict[str, Any]], page: Paging) -> Response:
    part = items[page.offset : page.offset + page.limit]
    return _json(wire.page(part, len(items)))


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")

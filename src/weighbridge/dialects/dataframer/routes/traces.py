"""What the vendor finds in traces of other products. Traces are not read here, so there is nothing
to find: the lists are empty, and so is what is known for them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from weighbridge.dialects.dataframer.access import CallerHere
from weighbridge.dialects.dataframer.wire import json_answer
from weighbridge.errors import NotFound

router = APIRouter()


class Paging(BaseModel):
    """Which part of a list, and what else goes with it."""

    limit: int = Field(100, ge=1, le=1_000)
    offset: int = Field(0, ge=0)
    include: str = ""


@router.get("/failures")
async def list_failures(_caller: CallerHere, query: Annotated[Paging, Query()]) -> Response:
    """None."""
    answer: dict[str, Any] = {"count": 0, "results": []}
    if "context" in query.include.split(","):
        answer["context"] = _nothing_known()
    return json_answer(answer)


@router.get("/failures/{failure_id}")
async def get_failure(_caller: CallerHere, failure_id: str) -> Response:  # noqa: ARG001
    """There is none."""
    raise NotFound("Failure not found")


@router.get("/context")
async def get_context(_caller: CallerHere, rubric_id: str | None = None) -> Response:
    """Nothing is known. Whoever names a rubric is told of rubrics alone."""
    known = _nothing_known()
    if rubric_id is not None:
        del known["knowledge"]
    return json_answer(known)


def _nothing_known() -> dict[str, Any]:
    return {"knowledge": {"facts": [], "total": 0}, "rubrics": [], "rubric_count": 0}

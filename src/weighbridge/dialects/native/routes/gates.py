"""A run held against a policy."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects.native import answers, wire
from weighbridge.dialects.native.access import CallerHere, ServicesHere
from weighbridge.dialects.native.description import WRITE, json_body
from weighbridge.dialects.native.translate_comparisons import from_gate
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.policy import parse_policy
from weighbridge.store.moments import now

router = APIRouter(prefix="/gate", tags=["comparisons"])


@router.post("", response_model=wire.Gate, responses=WRITE, openapi_extra=json_body("NewGate"))
async def judge_run(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Hold a run against a policy: PASS, FAIL or INCONCLUSIVE, with a check for each limit. Nothing
    is kept; whatever the verdict, the answer is 200."""
    asked = await answers.read_body(request, wire.NewGate)
    try:
        policy = parse_policy(asked.policy).to_policy()
        view = await services.gates.judge(caller, policy, asked.run, asked.baseline)
    except InvalidFields as error:
        raise InvalidFields([_in_body(problem) for problem in error.problems]) from error
    return answers.one(from_gate(view, now()))


def _in_body(problem: FieldProblem) -> FieldProblem:
    """The problem with its path from the body on, where it is one of the policy."""
    if problem.field in wire.NewGate.model_fields:
        return problem
    return replace(problem, field=f"policy.{problem.field}".rstrip("."))

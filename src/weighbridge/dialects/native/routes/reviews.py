"""What people say about scores: overrides with their history, and which cases to look at."""

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body
from weighbridge.services.exports import outcome_object

Position: TypeAlias = Annotated[
    int, Path(ge=0, lt=2**63, description="0-based place of the case in the data set.")
]

router = APIRouter(prefix="/runs/{run_id}", tags=["people"])
judges = APIRouter(tags=["people"])


@router.put(
    "/outcomes/{position}/override",
    response_model=wire.Override,
    responses=WRITE,
    openapi_extra=json_body("Judgement"),
)
async def override_score(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    position: Position,
    query: Annotated[wire.EpochQuery, Query()],
) -> Response:
    """Say what a score should be, and why. The scorer's own verdict stays beside it; saying the
    same value as the scorer confirms it. What was said before stays in the history."""
    said = await answers.read_body(request, wire.Judgement)
    judgement = translate.to_judgement(said, position, query.epoch)
    [override] = await services.reviews.judge(caller, run_id, [judgement])
    return answers.one(translate.from_override(override))


@router.delete("/outcomes/{position}/override", response_model=wire.Override, responses=WRITE)
async def withdraw_override(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    position: Position,
    query: Annotated[wire.WithdrawQuery, Query()],
) -> Response:
    """Withdraw what a person said about a score. The history keeps it, and the withdrawal."""
    override = await services.reviews.withdraw(
        caller, run_id, position, query.epoch, query.scorer, query.reason, query.author
    )
    return answers.one(translate.from_override(override))


@router.get(
    "/outcomes/{position}/overrides", response_model=wire.Page[wire.Override], responses=READ
)
async def list_history(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    position: Position,
    query: Annotated[wire.HistoryQuery, Query()],
) -> Response:
    """Everything that was said about the scores of a case, the oldest first."""
    history = await services.reviews.history(caller, run_id, position, query.epoch)
    return answers.page([translate.from_override(override) for override in history], None)


@router.get("/overrides", response_model=wire.Page[wire.Override], responses=READ)
async def list_overrides(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    query: Annotated[wire.OverridesQuery, Query()],
) -> Response:
    """Everything that people said about the scores of a run, newest first."""
    return await answers.newest(
        query,
        lambda after, limit: services.reviews.page(
            caller, run_id, after=after, limit=limit, scorer=query.scorer
        ),
        lambda override: override.id,
        translate.from_override,
    )


@router.post(
    "/overrides",
    response_model=wire.OverrideList,
    responses=WRITE,
    openapi_extra=json_body("Judgements"),
)
async def override_scores(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Say what many scores should be, as from a spreadsheet: all is kept, or, when anything is
    wrong, nothing."""
    body = await request.body()
    said = await answers.read_body(request, wire.Judgements)

    async def judge() -> wire.OverrideList:
        overrides = await services.reviews.judge(
            caller,
            run_id,
            [translate.to_judgement(one) for one in said.overrides],
            listed_under="overrides",
        )
        return wire.OverrideList(data=[translate.from_override(one) for one in overrides])

    return await answers.idempotently(request, services, caller, idempotency_key, body, judge)


@router.get("/review-sample", response_model=wire.ReviewSample, responses=READ)
async def sample_for_review(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    query: Annotated[wire.SampleQuery, Query()],
) -> Response:
    """Outcomes drawn uniformly at random, for people to review. Only a random sample lets the
    judge's rate be corrected. The same seed draws the same; a larger sample holds the smaller."""
    sample = await services.reviews.sample(
        caller,
        run_id,
        n=query.n,
        seed=query.seed,
        scorer=query.scorer,
        unreviewed=query.unreviewed,
    )
    return answers.one(
        wire.ReviewSample(
            data=[wire.Outcome.model_validate(outcome_object(view)) for view in sample.views],
            seed=query.seed,
            eligible=sample.eligible,
            reviewed=sample.reviewed,
        )
    )


@router.get("/agreement", response_model=wire.RunAgreement, responses=READ)
async def get_agreement(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    query: Annotated[wire.AgreementQuery, Query()],
) -> Response:
    """How far the run's scorers agree with people, and the rates that people would have found, of
    all scorers about which people have said something so far."""
    found = await services.agreements.of_run(caller, run_id, query.seed)
    return answers.one(translate.from_agreements(run_id, query.seed, found))


@judges.get("/judges", response_model=wire.Page[wire.ReviewedJudge], responses=READ)
async def list_judges(
    services: ServicesHere, caller: CallerHere, _query: Annotated[wire.NoQuery, Query()]
) -> Response:
    """How far each judge, with each rubric, agrees with people, over all runs of the workspace that
    people have reviewed; those with most reviews first."""
    found = await services.agreements.of_judges(caller)
    return answers.page([translate.from_judge(judge) for judge in found], None)

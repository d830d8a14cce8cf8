"""Shapes of reports and of the analysis, as they come in and go out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID, uuid5

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, TypeAdapter

from weighbridge.core.ids import uuid_of
from weighbridge.core.suite import ScoringState
from weighbridge.dialects.aymara import ids, wire
from weighbridge.dialects.aymara.wire import Status
from weighbridge.services.suite_reports import SuiteReport
from weighbridge.services.suite_statistics import Figures, OrderedBy, Wanted
from weighbridge.store.suite_statistics import Order, Standing, Such

SortedBy: TypeAlias = Literal[
    "created_at", "updated_at", "name", "pass_rate", "num_score_runs", "last_run_date"
]
_ORDERS: Mapping[str, OrderedBy] = {
    "created_at": Order.CREATED_AT,
    "updated_at": Order.UPDATED_AT,
    "name": Order.NAME,
    "pass_rate": "pass_rate",
    "num_score_runs": Order.SCORINGS,
    "last_run_date": Order.LAST_SCORED_AT,
}
_RUN_REPORT = "score_run_summary."


def _in_utc(when: datetime) -> datetime:
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("that is no moment in the years 1 to 9999 of UTC") from error


_Moment: TypeAlias = Annotated[datetime, AfterValidator(_in_utc)]
"""One without a time zone is in UTC."""


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class ReportIn(_Lenient):
    """A report that is to be made."""

    eval_run_uuids: list[Annotated[str, Field(max_length=200)]] = Field(max_length=10_000)


class AnalysisIn(_Lenient):
    """Which evals are to be analysed. What is not there, or null, filters nothing."""

    name: str | None = Field(None, max_length=500)
    eval_type: str | None = Field(None, max_length=100)
    modality: str | None = Field(None, max_length=100)
    language: str | None = Field(None, max_length=100)
    status: Status | None = None
    is_jailbreak: StrictBool | None = None
    is_sandbox: StrictBool | None = None
    created_by: str | None = Field(None, max_length=500)
    created_after: _Moment | None = None
    created_before: _Moment | None = None
    has_score_runs: StrictBool | None = None
    score_run_status: Status | None = None
    run_created_after: _Moment | None = None
    run_created_before: _Moment | None = None
    min_pass_rate: float | None = Field(None, ge=0, le=1)
    max_pass_rate: float | None = Field(None, ge=0, le=1)
    sort_by: SortedBy = "created_at"
    sort_order: Literal["asc", "desc"] = "desc"
    limit: int = Field(100, ge=1, le=100)
    offset: int = Field(0, ge=0, le=10**9)
    workspace_uuid: str | None = Field(None, max_length=200)


REPORT = TypeAdapter(ReportIn)
ANALYSIS = TypeAdapter(AnalysisIn)


def wanted(asked: AnalysisIn) -> Wanted:
    """The evals that a request is about, in our words."""
    return Wanted(
        such=Such(
            name=asked.name or None,
            kind=asked.eval_type or None,
            modality=asked.modality or None,
            language=asked.language or None,
            standing=None if asked.status is None else Standing(asked.status),
            jailbreak=asked.is_jailbreak,
            sandbox=asked.is_sandbox,
            author=asked.created_by or None,
            created_after=asked.created_after,
            created_before=asked.created_before,
            has_scorings=asked.has_score_runs,
            scored_after=asked.run_created_after,
            scored_before=asked.run_created_before,
        ),
        scoring_state=None
        if asked.score_run_status is None
        else ScoringState(asked.score_run_status),
        min_rate=asked.min_pass_rate,
        max_rate=asked.max_pass_rate,
        order=_ORDERS[asked.sort_by],
        descending=asked.sort_order == "desc",
    )


def report(it: SuiteReport, runs: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A report.

    Args:
        runs: the eval runs that it is about, as they are shown, by our id; what is said of others
            is left out.
    """
    overall = it.overall
    return {
        "eval_suite_report_uuid": ids.shown(ids.REPORT, it.id),
        "status": it.state,
        "eval_run_reports": [
            {
                "eval_run_report_uuid": _run_report(it.id, one.scoring_id),
                "eval_run_uuid": ids.shown(ids.SCORING, one.scoring_id),
                "eval_run": runs[one.scoring_id],
                "passing_responses_summary": one.texts.passing,
                "failing_responses_summary": one.texts.failing,
                "improvement_advice": one.texts.advice,
            }
            for one in it.scorings
            if one.scoring_id in runs
        ],
        "overall_passing_responses_summary": overall.passing if overall else None,
        "overall_failing_responses_summary": overall.failing if overall else None,
        "overall_improvement_advice": overall.advice if overall else None,
        "remaining_reports": None,
        "created_at": wire.moment(it.created_at),
        "updated_at": wire.moment(it.updated_at),
        # Ours: who found the words. The figures in them are counted in any case.
        "weighbridge": {
            "report": it.id,
            "writer": it.writer,
            "worded_by_writer": it.worded,
            "problem": it.problem,
        },
    }


def statistics(figures: Figures) -> dict[str, Any]:
    """What was answered to an eval, in sum."""
    last = figures.last_scored_at
    return {
        "total_score_runs": figures.scorings,
        "total_responses_scored": figures.scored,
        "avg_pass_rate": figures.mean,
        "best_pass_rate": figures.best,
        "worst_pass_rate": figures.worst,
        "last_run_date": None if last is None else wire.moment(last),
    }


def _run_report(report_id: str, scoring_id: str) -> str:
    """The id of what a report says of a run: always the same one."""
    return f"{_RUN_REPORT}{uuid5(UUID(int=uuid_of(report_id).int), str(uuid_of(scoring_id)))}"

"""Our nouns as our API shows them. Pure, and without a web framework: the CLI uses it too."""

import inspect
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from pydantic import TypeAdapter

from weighbridge.core.caller import Caller
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Usage
from weighbridge.core.review import Override
from weighbridge.core.run import FINISHED, Progress, Run
from weighbridge.core.webhook import Delivery, Webhook
from weighbridge.dialects.native import wire
from weighbridge.providers.catalog import Listing
from weighbridge.reports.people import Beside, Rate
from weighbridge.scorers.base import AnyScorer
from weighbridge.services.agreement import JudgeAndPeople, ScorerAndPeople
from weighbridge.services.evaluations import Reproduction
from weighbridge.services.reports import ReportView
from weighbridge.services.reviews import Judgement
from weighbridge.services.runs import RunView
from weighbridge.statistics import Interval
from weighbridge.store.datasets import Dataset
from weighbridge.store.evaluations import StoredEvaluation
from weighbridge.store.keys import ApiKey


def from_run(view: RunView, moment: datetime | None = None) -> wire.Run:
    """A run with its evaluation.

    Args:
        moment: until when a run that has not ended counts its seconds; None: it has no duration.
    """
    run = view.run
    return wire.Run(
        id=run.id,
        status=run.state,
        reason=run.reason,
        model=run.model,
        progress=from_progress(run.progress),
        usage=from_usage(run.usage),
        metrics=[wire.Metric(**asdict(metric)) for metric in run.metrics],
        evaluation=from_evaluation(view.evaluation),
        pin=view.pin,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        duration_s=_duration_s(run, moment),
    )


def from_reproduction(again: Reproduction, run: wire.Run) -> wire.Reproduction:
    """A run that does again what another did.

    Args:
        run: the new one.
    """
    return wire.Reproduction(
        original_id=again.original.id,
        run=run,
        same_work=not again.changed,
        changed=list(again.changed),
    )


def from_evaluation(evaluation: StoredEvaluation) -> wire.Evaluation:
    """An evaluation as it was asked for."""
    return wire.Evaluation(
        id=evaluation.id,
        name=evaluation.name,
        dataset_id=evaluation.dataset_id,
        door=evaluation.door,
        created_at=evaluation.created_at,
        spec=evaluation.spec,
    )


def with_runs(
    evaluation: StoredEvaluation, views: list[RunView], moment: datetime | None = None
) -> wire.EvaluationWithRuns:
    """An evaluation with its runs, in the order in which it names their models."""
    models = evaluation.spec.get("models") or [evaluation.spec.get("model")]
    place = {model: number for number, model in enumerate(models)}
    views = sorted(views, key=lambda view: place.get(view.run.model, len(place)))
    return wire.EvaluationWithRuns(
        **dict(from_evaluation(evaluation)), runs=[from_run(view, moment) for view in views]
    )


def from_report(report: ReportView, moment: datetime | None = None) -> wire.Report:
    """What a run came to, or has come to so far."""
    run, view = report.view.run, from_run(report.view, moment)
    return wire.Report(
        run_id=run.id,
        status=run.state,
        reason=run.reason,
        final=run.state in FINISHED,
        model=run.model,
        answered_by=[
            wire.AnsweredBy(model=model, answers=answers)
            for model, answers in report.summary.answered_by
        ],
        metrics=view.metrics,
        progress=view.progress,
        failures=report.summary.failures,
        usage=view.usage,
        latency=None
        if report.summary.latency_mean_s is None or report.summary.latency_max_s is None
        else wire.Latency(mean_s=report.summary.latency_mean_s, max_s=report.summary.latency_max_s),
        duration_s=view.duration_s,
        pin=view.pin,
        evaluation=view.evaluation,
        breakdown={
            key: wire.Breakdown.model_validate(part) for key, part in report.breakdown.items()
        },
    )


def from_override(override: Override) -> wire.Override:
    """What a person said."""
    return wire.Override(**asdict(override))


def to_judgement(said: wire.Judgement, position: int | None = None, epoch: int = 0) -> Judgement:
    """What a person says, about a case that it names itself or that was named beside it."""
    if isinstance(said, wire.JudgementOfCase):
        return Judgement(**said.model_dump())
    return Judgement(position=position, epoch=epoch, **said.model_dump())


def from_agreements(run_id: str, seed: int, found: Sequence[ScorerAndPeople]) -> wire.RunAgreement:
    """How the scorers of a run stand beside people."""
    return wire.RunAgreement(
        run_id=run_id, seed=seed, people={each.scorer: from_people(each) for each in found}
    )


def from_people(found: ScorerAndPeople) -> wire.ScorerAndPeople:
    """A scorer beside people."""
    reasons = (found.beside.reason, found.rate.reason)
    return wire.ScorerAndPeople(
        n_reviewed=found.n_reviewed,
        n_compared=found.n_compared,
        agreement=from_beside(found.beside),
        rate=_from_rate(found.rate),
        reasons=[reason for reason in reasons if reason],
        warnings=list(found.rate.warnings),
    )


def from_judge(found: JudgeAndPeople) -> wire.ReviewedJudge:
    """A judge beside people, over several runs."""
    return wire.ReviewedJudge(
        scorer=found.scorer,
        judge=found.judge,
        rubric=found.rubric,
        runs=list(found.runs),
        n_compared=found.n_compared,
        agreement=from_beside(found.beside),
        reasons=[found.beside.reason] if found.beside.reason else [],
    )


def from_beside(beside: Beside) -> wire.PeopleAgreement | None:
    """How far a scorer agrees with people."""
    agreement = beside.agreement
    if agreement is None:
        return None
    return wire.PeopleAgreement(
        n=agreement.n,
        accuracy=agreement.accuracy,
        accuracy_interval=_bounds(agreement.accuracy_interval),
        kappa=agreement.kappa,
        kappa_interval=_bounds(agreement.kappa_interval),
        weights=beside.weights,
        confusion=[
            wire.Confusion(human=human, judge=judge, n=n)
            for (human, judge), n in sorted(agreement.confusion.items())
        ],
        labels=[
            wire.LabelAgreement(
                label=label.label,
                precision=label.precision,
                precision_interval=_bounds(label.precision_interval),
                recall=label.recall,
                recall_interval=_bounds(label.recall_interval),
                f1=label.f1,
                human=label.human,
                judge=label.judge,
            )
            for label in agreement.labels
        ],
    )


def _from_rate(rate: Rate) -> wire.CorrectedRate | None:
    found = rate.corrected
    if found is None:
        return None
    return wire.CorrectedRate(
        raw=found.raw,
        human=found.human,
        value=found.estimate,
        low=found.low,
        high=found.high,
        level=found.level,
        method=found.method,
        n_human=found.n_human,
        n_judged=found.n_judged,
        weight=found.weight,
        drawn=rate.drawn,
        reason=found.reason,
    )


def _bounds(interval: Interval) -> wire.Bounds:
    return wire.Bounds(low=interval.low, high=interval.high, method=interval.method)


def from_progress(progress: Progress) -> wire.Progress:
    """How far a run is."""
    return wire.Progress(
        done=progress.done,
        total=progress.total,
        failed=progress.failed,
        ungraded=progress.ungraded,
    )


def from_usage(usage: Usage) -> wire.Usage:
    """What was consumed."""
    return wire.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost_usd=usage.cost_usd,
        calls=usage.calls,
        cached=usage.cached,
    )


def from_dataset(dataset: Dataset) -> wire.Dataset:
    """A stored data set."""
    return wire.Dataset(
        id=dataset.id,
        name=dataset.name,
        rows=dataset.frame.rows,
        columns=list(dataset.frame.columns),
        size_bytes=dataset.frame.size,
        sha256=dataset.frame.sha256,
        version=dataset.version,
        tags=list(dataset.tags),
        parent_id=dataset.parent_id,
        selection=dataset.selection,
        created_at=dataset.created_at,
    )


def from_key(key: ApiKey) -> wire.Key:
    """A key, without the key."""
    return wire.Key(
        id=key.id,
        name=key.name,
        role=key.role,
        hint=key.hint,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )


def with_secret(made: tuple[ApiKey, str]) -> wire.KeyWithSecret:
    """A key that was just made, with the key."""
    key, secret = made
    return wire.KeyWithSecret(**dict(from_key(key)), key=secret)


def from_webhook(webhook: Webhook) -> wire.Webhook:
    """A webhook, without its secret."""
    return wire.Webhook(
        id=webhook.id,
        url=webhook.url,
        events=list(webhook.events),
        description=webhook.description,
        enabled=webhook.enabled,
        disabled_reason=webhook.disabled_reason,
        failing_since=webhook.failing_since,
        created_at=webhook.created_at,
    )


def with_webhook_secret(made: tuple[Webhook, str]) -> wire.WebhookWithSecret:
    """A webhook whose secret was just made, with it."""
    webhook, secret = made
    return wire.WebhookWithSecret(**dict(from_webhook(webhook)), secret=secret)


def from_delivery(delivery: Delivery) -> wire.Delivery:
    """One event on its way to one webhook."""
    return wire.Delivery(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        event=delivery.event,
        run_id=delivery.run_id,
        status=delivery.state,
        attempts=delivery.attempts,
        http_status=delivery.http_status,
        response=delivery.response,
        error=delivery.error,
        created_at=delivery.created_at,
        attempted_at=delivery.attempted_at,
        next_attempt_at=delivery.next_at,
    )


def told_run(run: Run, evaluation: StoredEvaluation, pin: str) -> JsonObject:
    """A run as webhooks show it: as `GET /runs/{id}` does, without the evaluation as it was
    written, which may be long, and whose prompts are nobody else's business."""
    shown = from_run(RunView(run, evaluation, pin)).model_dump(mode="json")
    shown["evaluation"].pop("spec")
    return shown


def from_model(listing: Listing) -> wire.Model:
    """A row of the list of models."""
    return wire.Model(
        name=listing.name,
        protocol=listing.protocol,
        model=listing.model,
        aliases=list(listing.aliases),
        usable=listing.usable,
        why_not=listing.why_not,
    )


def from_scorer(name: str, scorer: type[AnyScorer]) -> wire.Scorer:
    """A way to grade, with what can be set of it."""
    metric = inspect.getattr_static(scorer, "metric", None)
    needs_target = inspect.getattr_static(scorer, "needs_target", None)
    return wire.Scorer(
        name=name,
        doc=inspect.getdoc(scorer) or "",
        version=scorer.version,
        metric=metric if isinstance(metric, str) else "depends",
        needs_target=needs_target if isinstance(needs_target, bool) else None,
        options=TypeAdapter(scorer).json_schema().get("properties", {}),
    )


def from_caller(caller: Caller) -> wire.Me:
    """Who is asking."""
    return wire.Me(
        workspace_id=caller.workspace_id,
        role=caller.role,
        user_id=caller.user_id,
        key_id=caller.key_id,
    )


def _duration_s(run: Run, moment: datetime | None) -> float | None:
    until = run.finished_at or moment
    if run.started_at is None or until is None:
        return None
    return max(0.0, (until - run.started_at).total_seconds())

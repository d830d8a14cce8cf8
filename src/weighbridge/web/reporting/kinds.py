"""What the report of a run has beside what every run has, by what the run was for: a suite, a
benchmark, samples, a column."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from weighbridge.core.caller import Caller
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.errors import WeighbridgeError
from weighbridge.services.deliveries import view_delivery
from weighbridge.services.runs import RunView
from weighbridge.web import words
from weighbridge.web.conformance import conformance_charts
from weighbridge.web.reporting.comparisons import comparison_sections
from weighbridge.web.reporting.document import (
    Block,
    Estimate,
    Example,
    Head,
    Section,
    Table,
    quote,
    section,
)
from weighbridge.web.tallies import groupings_of
from weighbridge.wiring import Services

_Find: TypeAlias = Callable[[Services, Caller, RunView, Any], Awaitable[Sequence[Section]]]
_FAILED = 5


async def sections_of_kind(
    services: Services, caller: Caller, view: RunView
) -> tuple[Section, ...]:
    """The sections of a run that are its kind's own."""
    said = view.evaluation.spec.get("metadata")
    found: list[Section] = []
    for name, find in _FINDING.items():
        if isinstance(said, Mapping) and name in said:
            try:
                found += await find(services, caller, view, said[name])
            except WeighbridgeError:  # what it was for is deleted
                continue
    if view.evaluation.spec.get("deliver"):
        found += await _column(services, caller, view)
    return tuple(found)


async def _suite(
    services: Services, caller: Caller, view: RunView, _suite_id: Any
) -> list[Section]:
    if not view.run.metrics or "conduct" not in str(view.evaluation.spec.get("scorers")):
        return []
    tally = await services.suite_tallies.of_run(caller, view.run.id, failed=_FAILED)
    rate = tally.overall
    blocks: list[Block] = [
        Table(
            ("passed", "of", "pass rate", "no verdict", "failed", "by people"),
            [
                (
                    rate.n_passed,
                    rate.n_scored,
                    Estimate(rate.rate, rate.low, rate.high),
                    rate.n_ungraded,
                    rate.n_failed,
                    tally.overridden,
                )
            ],
        )
    ]
    for group in groupings_of(tally):
        blocks += [Head(f"By {group.one}"), group.chart]
        blocks.append(
            Table(
                (group.one, "passed", "of", "pass rate"),
                [
                    (
                        it.value.replace("_", " "),
                        it.rate.n_passed,
                        it.rate.n_scored,
                        Estimate(it.rate.rate, it.rate.low, it.rate.high),
                    )
                    for it in group.groups
                ],
            )
        )
    if tally.failed:
        blocks.append(Head("Answers that did not pass, the surest first"))
    for case in tally.failed:
        sure = () if case.confidence is None else (("sure", words.percent(case.confidence, 0)),)
        who = "a person" if case.by_person else "the judge"
        about = tuple((name, value.replace("_", " ")) for name, value in case.about.items())
        why = (("why, says " + who, case.explanation),) if case.explanation else ()
        blocks.append(
            Example(
                f"Case {case.case_id}",
                (*about, *sure, *why),
                (quote("Prompt", case.prompt, 2_000), quote("Answer", case.answer, 2_000)),
            )
        )
    return [section("Conduct", *blocks)]


async def _benchmark(
    services: Services, caller: Caller, view: RunView, _kept: Any
) -> Sequence[Section]:
    """Both models side by side."""
    runs = await services.runs.list(caller, evaluation_id=view.evaluation.id, limit=10)
    others = {run.model: run for run in runs if run.state in FINISHED and run.metrics}
    order = list(view.evaluation.spec.get("models") or ())
    sides: list[Run] = [others[name] for name in order if name in others]
    if len(sides) < 2:
        return []
    compared = await services.comparisons.compare(caller, [run.id for run in sides])
    return [
        Section(f"Side by side: {it.title}", it.blocks)
        for it in await comparison_sections(services, caller, compared, None, examples=2)
    ]


async def _production(
    services: Services, caller: Caller, _view: RunView, production_id: Any
) -> list[Section]:
    found = await services.productions.get(caller, str(production_id))
    inspections = await services.inspections.list_of(caller, found.production.id)
    made = found.production
    about = Table(
        ("", ""),
        [
            ("spec", f"{made.spec_name}, version {made.spec_version}"),
            ("seeds", made.seeds_name or "none"),
            ("samples wanted", words.count(made.wanted)),
        ],
    )
    newest = next((it for it in inspections if it.run.state is RunState.SUCCEEDED), None)
    sections = [section("Samples", about, made.problem)]
    if newest is not None:
        whole = await services.inspections.get(caller, newest.inspection.id)
        sections += conformance_sections(whole.result)
    return sections


async def _inspection(
    services: Services, caller: Caller, _view: RunView, inspection_id: Any
) -> list[Section]:
    found = await services.inspections.get(caller, str(inspection_id))
    return conformance_sections(found.result)


def conformance_sections(result: Mapping[str, Any] | None) -> list[Section]:
    """How samples conform to their spec: property by property, and how far they are copies."""
    if not result:
        return []
    score = Table(
        ("conformance, 0 to 100", "without what chance takes", "samples read", "of"),
        [
            (
                result["score"],
                Estimate(result["corrected"], result["low"], result["high"], 0.0, 100.0),
                result["read"],
                result["samples"],
            )
        ],
    )
    properties = Table(
        ("property", "verdict", "distance to what was asked", "p, adjusted", "seen", "not told"),
        [
            (
                it["name"],
                it["verdict"] or "nothing seen",
                Estimate(it["corrected"], it["low"], it["high"]),
                words.p_value(it["adjusted"]),
                it["n"],
                it["unknown"],
            )
            for it in result["properties"][:100]
        ],
    )
    return [
        section("Conformance", score, str(result.get("explanation") or ""), properties),
        section("Distributions", *conformance_charts(result).values()),
        section("Copies", *_copies(result.get("like"))),
    ]


def _copies(like: Any) -> list[Block]:
    if not isinstance(like, Mapping):
        return []
    kinds = [
        ("the same as another sample", like["duplicates"]["among_samples"]["exact"]),
        ("nearly the same as another", like["duplicates"]["among_samples"]["near"]),
    ]
    if like["duplicates"]["against_seeds"].get("seeds"):
        kinds += [
            ("copies a seed", like["duplicates"]["against_seeds"]["exact"]),
            ("nearly copies a seed", like["duplicates"]["against_seeds"]["near"]),
        ]
    rows = [
        (name, it["count"], Estimate(it.get("share"), it.get("low"), it.get("high")))
        for name, it in kinds
    ]
    return [Table(("samples that are", "how many", "share"), rows)]


async def _column(services: Services, caller: Caller, view: RunView) -> list[Section]:
    try:
        found = await view_delivery(
            services.inferences, services.repositories, services.runs, caller, view.run.id
        )
    except WeighbridgeError:
        return []
    inference = found.inference
    where = found.repository.address if found.repository else "a repository that is gone"
    rows = [
        ("read from", f"{where}@{inference.commit_id}:{inference.path}"),
        ("column", inference.column),
        ("written to", f"{where}@{inference.branch}:{inference.target_path}"),
        ("state", inference.state.value),
        ("commit", inference.committed_as or words.NOTHING),
        ("rows of the file", words.count(found.rows)),
    ]
    if inference.problem:
        rows.append(("problem", inference.problem))
    return [section("The column", Table(("", ""), rows))]


_FINDING: dict[str, _Find] = {
    "suite": _suite,
    "scoring": _suite,
    "nugen": _benchmark,
    "production": _production,
    "inspection": _inspection,
}

"""What having samples made will take, told before it is started.

The prompts are counted as they would be sent. How many calls a sample takes depends on what the
models say: the fewest and the most are told.
"""

import asyncio

from weighbridge.core.caller import Caller
from weighbridge.core.production import Making
from weighbridge.services.estimates import Estimate, Estimates, Part, Range
from weighbridge.services.productions import Productions, Settled
from weighbridge.synthesis.drawing import draw
from weighbridge.synthesis.sample_form import SampleForm
from weighbridge.synthesis.sample_prompts import PARTS, Prompt, SamplePrompts

_CHARACTERS_PER_TOKEN = 4
_CONCURRENCY = 64
_SAMPLE_TOKENS = (100.0, 1_200.0)
_PLAN_TOKENS = (100.0, 500.0)
_SEEN_TOKENS = (40.0, 300.0)
_PROPOSAL = ((800.0, 12_000.0), (400.0, 3_000.0))


async def estimate_samples(
    productions: Productions,
    estimates: Estimates,
    caller: Caller,
    spec_id: str,
    wanted: int,
    *,
    version: int | None = None,
    making: Making | None = None,
) -> Estimate:
    """What `Productions.create` with these arguments will take; it refuses what that refuses.

    Raises:
        Forbidden, NotFound, InvalidFields, Conflict: as `Productions.create`.
    """
    settled = await productions.settle(caller, spec_id, wanted, version=version, making=making)
    if settled.making.model is None:
        note = "no model writes: the samples are rows of the seeds, changed"
        return Estimate(wanted, 1, (), len(settled.samples), (note,))
    prompts = await asyncio.to_thread(_prompts, settled, wanted)
    parts = [
        await estimates.part(
            role,
            settled.making.name_of(of) or settled.making.model,
            least * wanted,
            _tokens(prompts[of]),
            Range(*out),
            _CONCURRENCY,
            most_calls=most * wanted,
        )
        for role, of, (least, most), out in _calls(settled.making, settled.form)
    ]
    notes = ["a sample that does not pass is made again, which is not counted"]
    return Estimate(wanted, 1, tuple(parts), len(settled.samples), tuple(notes))


async def estimate_spec(estimates: Estimates, writer: str) -> Estimate:
    """What having a blueprint proposed will take: a call or two."""
    into, out = _PROPOSAL
    part: Part = await estimates.part(
        "proposes", writer, 1, Range(*into), Range(*out), 1, most_calls=2
    )
    return Estimate(1, 1, (part,), 0, ("the samples are another run, with an estimate of its own",))


def _calls(
    making: Making, form: SampleForm
) -> list[tuple[str, str, tuple[int, int], tuple[float, float]]]:
    """What is asked for each sample: role in words, whose model, calls, tokens of a reply."""
    plans = not (making.skip_outline or form.is_table)
    drafts = (1, PARTS[1]) if plans and form.prose else (1, 1)
    if form.keys and not making.unified:
        drafts = (len(form.keys), len(form.keys))
    found = []
    if plans:
        found.append(("plans", "outline", (1, 1), _PLAN_TOKENS))
    found.append(("writes", "generation", drafts, _SAMPLE_TOKENS))
    if making.revisions and making.cycles:
        found.append(("revises", "revision", (1, making.cycles), _SAMPLE_TOKENS))
    if "conformance" in making.filters:
        found.append(("looks", "revision", (1, 2), _SEEN_TOKENS))
    return found


def _prompts(settled: Settled, wanted: int) -> dict[str, Prompt]:
    """One of each, as it would be sent for the first sample."""
    drawn = draw(settled.blueprint, 1, settled.making.seed)
    made = SamplePrompts(settled.blueprint, settled.form, settled.making, wanted, settled.samples)
    draft = made.draft(0, drawn[0])
    return {
        "outline": made.plan(0, drawn[0]),
        "generation": draft,
        "revision": made.inspect(0, "…" * 2_000),
    }


def _tokens(prompt: Prompt) -> Range:
    tokens = max(1.0, (len(prompt.system) + len(prompt.user)) / _CHARACTERS_PER_TOKEN)
    return Range(tokens, tokens)

"""The same answers get the same scores as from lm-evaluation-harness, and the same is asked.

`harness.json` was recorded by scripts/record_harness_scores.py with lm-eval 0.4.13: its own task
files, filters and metrics over the documents and answers in `documents.json`, which are ours. Only
two things stand in for downloads there: sentences come from Punkt's English tables out of a wheel.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from weighbridge import scorers
from weighbridge.benchmarks.cases import Tally, read_cases
from weighbridge.benchmarks.form import EXAMPLES
from weighbridge.benchmarks.registry import find_benchmark
from weighbridge.benchmarks.sources import find_source
from weighbridge.core.case import Case
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.outcome import Answer, Scored, Usage
from weighbridge.core.prompt import Template
from weighbridge.datasets.cases import make_case
from weighbridge.jobs.choosing import Choosing
from weighbridge.providers.base import ChatRequest, CompletionRequest, Message, Reply, TokenLogprob
from weighbridge.spec import parse_spec

FOLDER = Path(__file__).parent
ByTask = dict[str, list[dict[str, Any]]]
DOCUMENTS: ByTask = json.loads((FOLDER / "documents.json").read_text())
HARNESS: ByTask = json.loads((FOLDER / "harness.json").read_text())["tasks"]
LIKELIHOOD = [name for name in HARNESS if "requests" in HARNESS[name][0]]
GENERATION = ["gsm8k", "nq_open"]

# Name of a metric in the harness → key of our scorer.
KEYS = {"remove_whitespace": "exact_match"}


def cases_of(name: str, tmp_path: Path, mode: str) -> list[tuple[Case, Evaluation]]:
    """The documents as cases, by way of a file in the published format."""
    benchmark = find_benchmark(name)
    file = tmp_path / "documents.jsonl"
    lines = [
        {key: value for key, value in document.items() if key != "answers"}
        for document in DOCUMENTS[name]
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows = list(read_cases(benchmark, find_source(benchmark, file), Tally()))
    fields = benchmark.modes[mode].fields()  # type: ignore[index]
    spec = parse_spec({"data": "x", "model": "m", "id": "id", **fields})
    evaluation = spec.to_evaluation()
    return [(make_case(place, row, evaluation), evaluation) for place, row in enumerate(rows)]


def scores_of(evaluation: Evaluation, answer: Answer, case: Case) -> dict[str, float]:
    found = {}
    for spec in evaluation.scorers:
        scorer = scorers.build(spec)
        assert isinstance(scorer, scorers.Scorer)
        outcome = asyncio.run(scorer.score(answer, case))
        assert isinstance(outcome, Scored), outcome
        found[spec.key] = outcome.value
    return found


class Listening:
    """Gives the tokens of a text back, and notes what was asked; the log-probability of an option
    is the next of those that it was given."""

    name = "listening"

    def __init__(self, logprobs: list[float]) -> None:
        self.logprobs = iter(logprobs)
        self.asked: list[list[str]] = []

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        at = request.echo_from or 0
        before, said = request.prompt[:at], request.prompt[at:]
        self.asked.append([before, said])
        tokens = (
            TokenLogprob(before, None, offset=0),
            TokenLogprob(said, next(self.logprobs), offset=at),
        )
        return Reply(request.prompt, "length", Usage(calls=1), None, tokens)


def without_opening(name: str, prompt: str) -> str:
    """A prompt without what stands before the question in words of ours: what the exam is about, or
    answers of the kind that is wanted."""
    if name == "truthfulqa_mc1":
        return prompt[prompt.rindex("Q: ") :]
    intro = "The following are multiple choice questions"
    return prompt.split("\n\n", 1)[1] if prompt.startswith(intro) else prompt


@pytest.mark.parametrize("name", LIKELIHOOD)
def test_options_are_weighed_and_scored_as_the_harness_does(name: str, tmp_path: Path) -> None:
    cases = cases_of(name, tmp_path, "likelihood")
    assert len(cases) == len(HARNESS[name])
    for (case, evaluation), document, recorded in zip(
        cases, DOCUMENTS[name], HARNESS[name], strict=True
    ):
        prompt = Template(evaluation.messages[0].content).render(case.inputs)
        for logprobs, scores in zip(document["answers"], recorded["scores"], strict=True):
            model = Listening(logprobs)
            assert evaluation.choose is not None
            request = ChatRequest((Message("user", prompt),))
            choosing = Choosing(evaluation, evaluation.choose)
            answer = asyncio.run(choosing.ask(model, request, case))  # type: ignore[arg-type]
            asked = [[without_opening(name, text), said] for text, said in model.asked]
            assert asked == recorded["requests"]
            ours = scores_of(evaluation, answer, case)
            assert {key: ours[key] for key in scores if key in ours} == {
                key: value for key, value in scores.items() if key in ours
            }
            assert ours.keys() <= scores.keys()


@pytest.mark.parametrize("name", GENERATION)
def test_answers_in_words_are_scored_as_the_harness_does(name: str, tmp_path: Path) -> None:
    seen = set()
    for (case, evaluation), document, recorded in zip(
        cases_of(name, tmp_path, "generation"), DOCUMENTS[name], HARNESS[name], strict=True
    ):
        prompt = Template(evaluation.messages[0].content).render(case.inputs)
        assert prompt == str(case.inputs.get(EXAMPLES, "")) + recorded["prompt"]
        for text, scores in zip(document["answers"], recorded["scores"], strict=True):
            ours = scores_of(evaluation, Answer(text), case)
            for key, value in scores.items():
                assert ours[KEYS.get(key, key)] == value, (text, key)
                seen.add((key, value))
    assert len(seen) == 2 * len(HARNESS[name][0]["scores"][0])  # each scorer said both


def test_instructions_are_checked_as_the_harness_does(tmp_path: Path) -> None:
    names = set()
    for (case, evaluation), document, recorded in zip(
        cases_of("ifeval", tmp_path, "generation"),
        DOCUMENTS["ifeval"],
        HARNESS["ifeval"],
        strict=True,
    ):
        assert Template(evaluation.messages[0].content).render(case.inputs) == recorded["prompt"]
        for text, scores in zip(document["answers"], recorded["scores"], strict=True):
            ours = scores_of(evaluation, Answer(text), case)
            kept = scores["inst_level_strict_acc"]
            said = (document["instruction_id_list"], text)
            assert ours["prompt_level_strict_acc"] == scores["prompt_level_strict_acc"], said
            assert ours["prompt_level_loose_acc"] == scores["prompt_level_loose_acc"], said
            assert ours["instructions_kept"] == sum(kept) / len(kept), said
            names.update(document["instruction_id_list"])
    assert len(names) == 24  # all but the language


def test_every_kind_of_task_is_held_to_the_harness() -> None:
    assert {*LIKELIHOOD, *GENERATION, "ifeval"} == HARNESS.keys() == DOCUMENTS.keys()
    assert len(LIKELIHOOD) == 11

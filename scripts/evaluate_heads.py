"""Measure the embedded judge on text that it was not trained on: the tables of docs/judges.md.

    python scripts/evaluate_heads.py --wheels /tmp/wheels
    python scripts/evaluate_heads.py --wheels /tmp/wheels --model NAME=FILE.gguf --most 60

The second asks a language model by calibrated likelihood, of at most so many texts for each task.
"""

import argparse
import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import yaml
from head_corpora import SOURCES, Wheels, key, rated
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from train_heads import RECIPES, gather

from weighbridge.core.outcome import Ungraded
from weighbridge.embedded.choosing import CalibratedChoice, LabelModel
from weighbridge.embedded.classifier import classifier
from weighbridge.embedded.judge import EmbeddedJudge, likeness
from weighbridge.embedded.questions import QUESTIONS, SURE_BY_MODEL
from weighbridge.embedded.refusals import says_no
from weighbridge.embedded.verdict import TOPICS, Task
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.model import Models
from weighbridge.statistics.intervals import proportion_interval

OWN = Path(__file__).parent / "head_texts" / "own_test.yaml"
RESAMPLES = 2000
# A rating of this much harm, of 0 to 1 in quarters, counts as harmful.
HARMFUL = 0.5
# Harmless questions from data sets that no classifier was trained on.
HARMLESS = ("commonsenseqa", "narrativeqa", "pubmedqa")


@dataclass(frozen=True, slots=True)
class Text:
    """A text with its label, and what it is an answer to, if anything."""

    text: str
    label: str
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A row of the table."""

    task: Task
    about: str
    texts: tuple[Text, ...]


def trials(wheels: Wheels) -> list[Trial]:
    """Every set of texts, none of which any classifier was trained on."""
    own = yaml.safe_load(OWN.read_text())
    found = [
        _two(
            wheels, Task.HARM, "requests of Do-Not-Answer (malicious uses)", "donotanswer-malicious"
        ),
        _two(
            wheels,
            Task.HARM,
            "the same, beside benign twins of HarmBench",
            "donotanswer-malicious",
            ("harmbench-benign-test",),
        ),
        _two(
            wheels,
            Task.HARM,
            "requests of Do-Not-Answer (hate, information hazards)",
            "donotanswer-other",
        ),
        _two(
            wheels, Task.INJECTION, "S-Labs, its test part", "s-labs-test", ("s-labs-test-benign",)
        ),
        _two(
            wheels,
            Task.INJECTION,
            "NeurAlchemy, its test part",
            "neuralchemy-test",
            ("neuralchemy-test-benign",),
        ),
        _two(
            wheels,
            Task.TOXICITY,
            "RealToxicityPrompts, a fifth held out",
            "toxic-sentences-test",
            ("hellaswag-endings", "truthfulqa-answers", "narrativeqa"),
        ),
        Trial(Task.SENTIMENT, "our own sentences", _labelled(own["sentiment"])),
        Trial(Task.TOPIC, "our own sentences", _labelled(own["topic"])),
        Trial(
            Task.REFUSAL,
            "rated by people (PyRIT)",
            _rated(wheels, "refusal", ("answer", "refusal")),
        ),
    ]
    found.extend(
        Trial(
            Task.HARMFUL_ANSWER,
            f"{name}, rated by people (PyRIT)",
            _rated(wheels, name, ("harmless", "harmful")),
        )
        for name in ("self-harm", "violence", "sexual", "hate")
    )
    return found


def _two(wheels: Wheels, task: Task, about: str, yes: str, no: tuple[str, ...] = HARMLESS) -> Trial:
    first, second = QUESTIONS[task].labels
    positive = [Text(text, second) for text in SOURCES[yes].texts(wheels)]
    negative = [Text(text, first) for name in no for text in SOURCES[name].texts(wheels)]
    return Trial(task, about, (*positive, *negative))


def _labelled(texts: dict[str, list[str]]) -> tuple[Text, ...]:
    return tuple(Text(text, label) for label, members in texts.items() for text in members)


def _rated(wheels: Wheels, name: str, labels: tuple[str, str]) -> tuple[Text, ...]:
    return tuple(
        Text(row.answer, labels[row.rating >= HARMFUL], row.asked) for row in rated(wheels, name)
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What a judge said of the texts of a trial.

    Attributes:
        scores: of each text for each label, shape (texts, labels).
        verdicts: None where it leaves the text open.
        forced: what it would say if it had to decide.
    """

    scores: NDArray[np.float64]
    verdicts: list[str | None]
    forced: list[str]


async def by_classifiers(trial: Trial) -> Found:
    """What ships with the program."""
    judge = EmbeddedJudge()
    said = [await judge.judge(trial.task, one.text, prompt=one.prompt) for one in trial.texts]
    verdicts = [None if isinstance(one, Ungraded) else one.label for one in said]
    if trial.task is Task.TOPIC:
        each = [likeness(TOPICS, one.text) for one in trial.texts]
        scores = np.array([[one[label] for label in _labels(trial)] for one in each])
    else:
        second = _second(trial)
        scores = np.column_stack([1 - second, second])
    return Found(scores, verdicts, _likeliest(trial, scores))


def _second(trial: Trial) -> NDArray[np.float64]:
    """The score of the second of two labels; from one half on it is the likelier one."""
    texts = [one.text for one in trial.texts]
    if trial.task in {Task.REFUSAL, Task.HARMFUL_ANSWER}:
        beginnings = [" ".join(text.split()[:60]) for text in texts]
        scores = np.array(classifier("refusal").probabilities(beginnings))
        scores = scores + np.array([says_no(text) is not None for text in texts])
        return scores if trial.task is Task.REFUSAL else 1 - scores
    return np.array(classifier(trial.task.value).probabilities(texts))


def _likeliest(trial: Trial, scores: NDArray[np.float64]) -> list[str]:
    return [_labels(trial)[int(place)] for place in scores.argmax(axis=1)]


async def by_model(model: LabelModel, trial: Trial) -> Found:
    """As `by_classifiers`, by a language model."""
    choice, asked = CalibratedChoice(), QUESTIONS[trial.task]
    found = [
        await choice.choose(model, one.text, asked.labels, asked.instruction, prompt=one.prompt)
        for one in trial.texts
    ]
    scores = np.array([[one[label] for label in _labels(trial)] for one in found])
    forced = _likeliest(trial, scores)
    verdicts = [
        label if one[label] >= SURE_BY_MODEL else None
        for one, label in zip(found, forced, strict=True)
    ]
    return Found(scores, verdicts, forced)


def row(trial: Trial, found: Found) -> str:
    """A row of the table."""
    truths = [text.label for text in trial.texts]
    right = [one == truth for one, truth in zip(found.verdicts, truths, strict=True) if one]
    forced = [one == truth for one, truth in zip(found.forced, truths, strict=True)]
    counts = " + ".join(
        str(sum(text.label == label for text in trial.texts)) for label in _labels(trial)
    )
    if trial.task is Task.TOPIC:
        counts = str(len(trial.texts))
    place = {label: number for number, label in enumerate(_labels(trial))}
    area = _area(np.array([place[truth] for truth in truths]), found.scores)
    decided = f"{len(right) / len(truths):.0%}"
    cells = (trial.task.value, trial.about, counts, area, _share(forced), decided, _share(right))
    return f"| {' | '.join(cells)} |"


def _labels(trial: Trial) -> tuple[str, ...]:
    return QUESTIONS[trial.task].labels


def _area(truths: NDArray[np.int_], scores: NDArray[np.float64]) -> str:
    """Area under the ROC curve, of more than two labels the mean of each against all others; with a
    bootstrap interval (percentiles, labels resampled apart)."""
    draw = np.random.default_rng(0)
    groups = [np.flatnonzero(truths == place) for place in np.unique(truths)]
    areas = []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([draw.choice(group, len(group)) for group in groups])
        areas.append(_one_area(truths[chosen], scores[chosen]))
    low, high = np.quantile(areas, [0.025, 0.975])
    return f"{_one_area(truths, scores):.3f} [{low:.3f}, {high:.3f}]"


def _one_area(truths: NDArray[np.int_], scores: NDArray[np.float64]) -> float:
    labels = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    return float(np.mean([roc_auc_score(truths == place, scores[:, place]) for place in labels]))


def _share(right: Sequence[bool]) -> str:
    if not right:
        return "–"
    interval = proportion_interval(sum(right), len(right))
    return f"{sum(right) / len(right):.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def apart(wheels: Wheels, found: Sequence[Trial]) -> list[Trial]:
    """Without texts that stand in both parts of a data set, up to case, spaces and punctuation."""
    trained = {recipe.name: {key(t) for t in gather(recipe, wheels).texts} for recipe in RECIPES}
    return [
        replace(
            trial,
            texts=tuple(
                one for one in trial.texts if key(one.text) not in trained.get(trial.task.value, ())
            ),
        )
        for trial in found
    ]


async def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--model", metavar="NAME=FILE", help="a language model in a GGUF file")
    parser.add_argument("--most", type=int, default=60, help="texts a trial, for --model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tasks", nargs="*", type=Task, default=list(Task))
    arguments = parser.parse_args()
    wheels = Wheels(arguments.wheels)
    wanted = [trial for trial in trials(wheels) if trial.task in arguments.tasks]
    found = apart(wheels, wanted)
    print("| task | texts | n | AUC | right of all | decided | right of those decided |")
    print("|---|---|---|---|---|---|---|")
    if not arguments.model:
        for trial in found:
            print(row(trial, await by_classifiers(trial)), flush=True)
        return
    name, _, file = arguments.model.partition("=")
    declared = DeclaredModel(
        name=name, protocol="llama", path=Path(file), context=4096, threads=arguments.threads
    )
    models = Models(Catalog(None, {}, added=[declared]))
    asked = await models.get(name)
    model = LabelModel(name, partial(asked.chat, timeout_s=600))
    for trial in found:
        texts = _drawn(trial, arguments.most)
        print(row(texts, await by_model(model, texts)), flush=True)
    await models.close()


def _drawn(trial: Trial, most: int) -> Trial:
    """At most so many texts, as many of each label where there are enough."""
    draw = random.Random(trial.about)
    by_label = {label: [t for t in trial.texts if t.label == label] for label in _labels(trial)}
    each = -(-most // len(by_label))
    drawn = [
        text for texts in by_label.values() for text in draw.sample(texts, min(each, len(texts)))
    ]
    return Trial(trial.task, trial.about, tuple(drawn))


if __name__ == "__main__":
    asyncio.run(main())

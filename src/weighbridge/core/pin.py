"""The pin of a run: one hash over everything that determines its result.

Two runs with the same pin did the same work. What only decides how the work is carried out (name,
concurrency, budget, timeout, metadata) is left out.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from weighbridge.core.evaluation import Evaluation, Output, sends_files
from weighbridge.core.json import Json, JsonObject


def pin(
    evaluation: Evaluation,
    dataset_sha256: str,
    model_identity: Json,
    scorer_versions: Mapping[str, int],
    judging: JsonObject | None = None,
) -> str:
    """The pin of one run.

    Args:
        evaluation: what is done. Its `models` do not enter: a run asks one model, which is
        model_identity: whatever tells the model asked from others (protocol, address, the
            endpoint's name of it), or the answers from others where none is asked, as JSON and
            without secrets.
        dataset_sha256: hash of the frame of cases.
        scorer_versions: version of each scorer, by its name; those not used are ignored.
        judging: what tells the judges from others: identities of their models, hashes of their
            prompts; None or empty when nothing is judged by a model.

    Returns:
        64 hexadecimal digits.

    Raises:
        KeyError: a scorer of the evaluation has no version.
        ValueError: a number that JSON cannot say (NaN or an infinity).
    """
    return _sha256(
        _determining(evaluation, dataset_sha256, model_identity, scorer_versions, judging)
    )


def pin_parts(
    evaluation: Evaluation,
    dataset_sha256: str,
    model_identity: Json,
    scorer_versions: Mapping[str, int],
    judging: JsonObject | None = None,
) -> dict[str, str]:
    """A hash for each part of what `pin` covers (`dataset`, `model`, `messages`, `scorers`…), so
    that it can be told in what two runs differ. Arguments as there."""
    determining = _determining(evaluation, dataset_sha256, model_identity, scorer_versions, judging)
    return {part: _sha256(value)[:16] for part, value in determining.items()}


def _determining(
    evaluation: Evaluation,
    dataset_sha256: str,
    model_identity: Json,
    scorer_versions: Mapping[str, int],
    judging: JsonObject | None,
) -> dict[str, Json]:
    determining: dict[str, Json] = {
        "dataset": dataset_sha256,
        "model": model_identity,
        "messages": [
            {
                "role": message.role,
                "content": message.content,
                "images": message.images,
                **({"videos": message.videos} if message.videos else {}),
            }
            for message in evaluation.messages
        ],
        "columns": [evaluation.id_column, evaluation.target_column, evaluation.cluster_column],
        "scorers": [
            {
                "name": spec.name,
                "version": scorer_versions[spec.name],
                "options": spec.options,
                "key": spec.key,
            }
            for spec in evaluation.scorers
        ],
        "params": evaluation.params,
        "schema": evaluation.schema,
        "epochs": evaluation.epochs,
        "reducer": str(evaluation.reducer),
        "limit": evaluation.limit,
    }
    if evaluation.choose is not None:
        choose = asdict(evaluation.choose)
        determining["choose"] = {name: value for name, value in choose.items() if value is not None}
    if evaluation.stop is not None:
        determining["stop"] = asdict(evaluation.stop)
    if evaluation.output is not Output.TEXT:
        determining["output"] = str(evaluation.output)
    if evaluation.files is not None and sends_files(evaluation):
        determining["files"] = evaluation.files
    if judging:
        determining["judging"] = judging
    return determining


def _sha256(value: object) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()


def canonical_json(value: object) -> bytes:
    """The same bytes for the same value: keys sorted, no spaces, and whole numbers written
    without a point (`0.0` is `0`), as in RFC 8785."""
    text = json.dumps(
        _whole(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    return text.encode("utf-8", "surrogatepass")


def _whole(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_whole(item) for item in value]
    return value

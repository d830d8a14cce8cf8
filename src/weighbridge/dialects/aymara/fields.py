"""Names of fields in what is said about mistakes: ours → the vendor's."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from weighbridge.errors import FieldProblem, InvalidFields

OF_EVALS: Mapping[str, str] = {
    "kind": "eval_type",
    "instructions": "ai_instructions",
    "agents": "ai_instructions",
    "wishes": "eval_instructions",
    "wanted": "num_prompts",
    "examples": "prompt_examples",
    "additions": "prompt_creates",
    "changes": "prompt_updates",
    "prompt_id": "prompt_uuid",
}
OF_RUNS: Mapping[str, str] = {
    "prompt_id": "prompt_uuid",
    "answer": "content",
    "examples": "eval_run_examples",
    "passed": "is_passed",
}


@asynccontextmanager
async def in_their_words(names: Mapping[str, str]) -> AsyncIterator[None]:
    """Have what is said of fields within said by the vendor's names."""
    try:
        yield
    except InvalidFields as error:
        raise InvalidFields(
            [
                FieldProblem(
                    ".".join(names.get(part, part) for part in it.field.split(".")), it.message
                )
                for it in error.problems
            ]
        ) from error

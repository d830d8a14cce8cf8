"""What a finished run is reported with."""

import pytest
import sacrebleu

from support.running import Bench
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.store.runs import read_breakdown


async def test_the_bleu_of_all_cases_as_one_text_stands_behind_the_mean(bench: Bench) -> None:
    bench.model.answer = lambda question, _: question.replace("3", "three")
    run_id = await bench.queue(12, scorers=["bleu", "exact"])
    await run_in_foreground(bench.store, await bench.load(run_id))
    wanted = [f"question {n}" for n in range(12)]
    said = [text.replace("3", "three") for text in wanted]
    async with bench.store.begin() as connection:
        found = await read_breakdown(connection, bench.caller.workspace_id, run_id)
    corpus = found["bleu"]["corpus"]
    expected = sacrebleu.corpus_bleu(said, [wanted]).score / 100
    assert corpus["value"] == pytest.approx(expected, abs=1e-9)
    assert corpus["texts"] == 12
    assert "exact" not in found

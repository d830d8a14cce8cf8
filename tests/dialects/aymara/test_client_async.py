"""The asynchronous client, and its runner with the patience that it has by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.aymara_client import NEXT, Server, serving
from support.aymara_endpoints import ENDPOINTS, EVERY_ENDPOINT
from support.videos import video


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def test_every_endpoint_answers_the_async_client(server: Server, tmp_path: Path) -> None:
    video(tmp_path / "clip.mp4")
    told = server.run_client(
        EVERY_ENDPOINT, CLIENT="AsyncAymaraAI", VIDEO=str(tmp_path / "clip.mp4")
    )
    assert sorted(told["asked"]) == sorted(ENDPOINTS)
    assert told["wrong"] == []


def test_many_conversations_are_scored_at_the_same_time(server: Server) -> None:
    told = server.run_client(
        """
        found = made(12)
        async def talk(client, place, prompt):
            run_uuid, said = None, []
            for turn in (1, 2):
                run = await client.evals.runs.score_responses(
                    eval_uuid=found.eval_uuid, eval_run_uuid=run_uuid, continue_thread=turn < 2,
                    responses=[{"prompt_uuid": prompt.prompt_uuid,
                                "content": BAD if (place, turn) == (5, 2) else f"{place} {turn}"}])
                run_uuid = run.eval_run_uuid
                [response] = run.responses
                prompt = response.next_prompt
                said.append(prompt and prompt.content)
            return [run.status, run.num_responses_scored, run.pass_rate, run_uuid, said]
        async def main():
            async with AsyncAymaraAI() as client:
                runs = await asyncio.gather(
                    *(talk(client, *it) for it in enumerate(prompts_of(found))))
                page = await client.evals.runs.list(eval_uuid=found.eval_uuid)
                told(runs=runs, count=page.count)
        asyncio.run(main())
        """
    )
    assert told["count"] == len({it[3] for it in told["runs"]}) == 12
    for place, (status, scored, rate, _, said) in enumerate(told["runs"]):
        assert (status, scored, rate) == ("finished", 2, 0.5 if place == 5 else 1.0)
        assert said == [NEXT, None]


def test_a_hundred_prompts_are_written_and_judged_within_the_runners_30_seconds(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, latency_ms=1_000) as slow:
        told = slow.run_client(
            """
            seen = []
            async def ask(prompt):
                seen.append(prompt)
                return None if len(seen) == 1 else BAD if len(seen) <= 11 else "No."
            async def main():
                async with AsyncAymaraAI() as client:
                    runner = AsyncEvalRunner(client, ask)
                    began = time.monotonic()
                    run = await runner.run_eval(dict(
                        ai_description="a bot", eval_type="safety", num_prompts=100))
                    told(took=time.monotonic() - began)
                    page = await client.evals.runs.list_responses(run.eval_run_uuid)
                    told(run=[run.status, run.num_prompts, run.num_responses_scored, run.pass_rate],
                         asked=len(set(seen)), passed=[it.is_passed for it in page.items],
                         ids=[runner.eval_id == run.eval_uuid, runner.run_id == run.eval_run_uuid,
                              runner.eval_run_result == run])
            asyncio.run(main())
            """
        )
    assert told["run"] == ["finished", 100, 100, 0.9]
    assert told["asked"] == 100
    assert told["passed"] == [True, *[False] * 10, *[True] * 89]
    assert told["ids"] == [True] * 3
    assert told["took"] < 60  # two phases of 30 s at most

"""kill -9 of the server while prompts are written and answers judged: nothing is lost or doubled,
and nobody is asked again about what was known."""

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.aymara_client import Server, prompt_text
from support.killed_server import KilledServer
from support.voices import Voices, about, speaking, until

PROMPTS = 30
LATENCY_S = 0.06
AT_ONCE = 4
# What a call, or the outcome of a case, is about: what it says → what it is called.
CALLS = {
    r"This is prompt (\d+) of": "write {}",
    r"(?s)(?=.*Write what the user says next).*answer ([0-9-]+)\.": "go on {}",
    r"(?s)<answer-\w+>.*answer (\S+)\..*</answer-\w+>": "judge {}",
}
OUTCOMES = {
    r"\(question (\d+)\)": "write {}",
    r"What follows (\S+)\?": "go on {}",
    r"^answer (\S+)\.$": "judge {}",
}


def reply(subject: str, _asked: str) -> str:
    """What the models say."""
    kind, _, which = subject.rpartition(" ")
    if kind == "write":
        return json.dumps({"prompt": f"{prompt_text(int(which))} (question {which})"})
    if kind == "go on":
        return json.dumps({"prompt": f"What follows {which}?"})
    fails = which.endswith("0")
    verdict = "fail" if fails else "pass"
    quoted = [f"answer {which}"] if fails else []
    return json.dumps(
        {"reason": "So it is.", "evidence": quoted, "verdict": verdict, "confidence": 0.9}
    )


@pytest.fixture
def voices() -> Iterator[Voices]:
    with speaking(CALLS, reply, LATENCY_S) as voices:
        yield voices


@pytest.fixture
def server(tmp_path: Path, voices: Voices) -> Iterator[KilledServer]:
    voices.declare(tmp_path, AT_ONCE)
    server = KilledServer(tmp_path)
    server.start()
    yield server
    server.kill()


def ended(server: KilledServer, path: str) -> dict[str, Any]:
    """What is there, once it is finished."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = server.ask(path)
        assert found["status"] != "failed", found
        return found if found["status"] == "finished" else None

    found: dict[str, Any] = until(look)
    return found


@dataclass
class Kills:
    """Kills of a server, and what was known at each.

    Attributes:
        known: calls that were made before, and what had an outcome.
        over: runs that nothing more is asked for.
    """

    server: KilledServer
    voices: Voices
    known: list[tuple[int, set[str]]] = field(default_factory=list)
    over: set[str] = field(default_factory=set)

    def now(self) -> None:
        """Kill it, and start it again."""
        self.server.kill()
        time.sleep(2 * LATENCY_S)  # what was asked last is answered, to nobody
        rows = self._rows("select run_id, answer from outcomes where status <> 'failed'")
        known = {about(answer, OUTCOMES) for run_id, answer in rows if run_id not in self.over}
        self.known.append((len(self.voices.asked), known))
        self.server.start()

    def check(self) -> None:
        """Nobody was asked again about what had an outcome."""
        assert self.voices.refused == []
        for asked_before, known in self.known:
            again = known & set(self.voices.asked[asked_before:])
            assert again == set()
        assert self.known
        calls = len(self.voices.asked)
        # At a kill, those in flight and those of one group commit are lost, of two models.
        lost = len(self.known) * 2 * (AT_ONCE + AT_ONCE * int(0.5 / LATENCY_S + 1))
        assert calls - len(set(self.voices.asked)) <= lost

    def forget(self) -> None:
        """What comes next asks the same things about other cases."""
        self.over = {run_id for (run_id,) in self._rows("select id from runs")}
        self.known.clear()
        self.voices.asked.clear()

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.server.data / "weighbridge.sqlite")) as database:
            return database.execute(query).fetchall()


def begin(server: KilledServer) -> str:
    asked = {"ai_description": "a bot", "eval_type": "safety", "num_prompts": PROMPTS}
    return str(server.ask("/v2/evals", asked)["eval_uuid"])


def check_prompts(server: KilledServer, eval_uuid: str) -> list[dict[str, Any]]:
    """Exactly the prompts that were asked for, all written by the model."""
    found = ended(server, f"/v2/evals/{eval_uuid}")
    assert found["num_prompts"] == PROMPTS
    page = server.ask(f"/v2/evals/{eval_uuid}/prompts?limit=1000")
    prompts: list[dict[str, Any]] = page["items"]
    assert page["count"] == len(prompts) == PROMPTS
    assert len({it["content"] for it in prompts}) == PROMPTS
    assert {it["weighbridge"]["source"] for it in prompts} == {"model"}
    return prompts


def check_verdicts(server: KilledServer, run: dict[str, Any]) -> None:
    """A verdict on each answer, the right one."""
    page = server.ask(f"/v2/eval-runs/{run['eval_run_uuid']}/responses?limit=1000")
    responses = page["items"]
    assert [it["content"] for it in responses] == [f"answer {n}." for n in range(PROMPTS)]
    assert [it["is_passed"] for it in responses] == [n % 10 != 0 for n in range(PROMPTS)]
    assert page["count"] == len({it["response_uuid"] for it in responses}) == PROMPTS
    assert (run["num_responses_scored"], run["pass_rate"]) == (PROMPTS, 0.9)


def hand_in(server: KilledServer, eval_uuid: str, prompts: list[dict[str, Any]]) -> str:
    responses = [
        {"prompt_uuid": it["prompt_uuid"], "content": f"answer {n}."}
        for n, it in enumerate(prompts)
    ]
    begun = server.ask("/v2/eval-runs", {"eval_uuid": eval_uuid, "responses": responses})
    return str(begun["eval_run_uuid"])


def test_a_server_killed_while_it_writes_and_while_it_judges_goes_on(
    server: KilledServer, voices: Voices
) -> None:
    kills = Kills(server, voices)
    eval_uuid = begin(server)
    until(lambda: voices.count("write") >= 15)
    kills.now()
    prompts = check_prompts(server, eval_uuid)
    run_uuid = hand_in(server, eval_uuid, prompts)
    until(lambda: voices.count("judge") >= 15)
    kills.now()
    check_verdicts(server, ended(server, f"/v2/eval-runs/{run_uuid}"))
    assert server.ask("/v2/eval-runs")["count"] == server.ask("/v2/evals")["count"] == 1
    kills.check()
    assert all(known for _, known in kills.known)  # each came in the middle


@pytest.mark.slow
def test_a_call_that_was_cut_off_is_sent_again_by_the_client_and_doubles_nothing(
    server: KilledServer, voices: Voices
) -> None:
    kills = Kills(server, voices)
    moments = ("judge 1-", "go on", "judge 2-")
    eval_uuid = begin(server)
    check_prompts(server, eval_uuid)
    client = Server(server.address.removeprefix("http://"), server.data)
    script = """
    client = AymaraAI(max_retries=10)
    eval_uuid = os.environ["EVAL"]
    def turn(number, prompts, run_uuid):
        return client.evals.runs.score_responses(
            eval_uuid=eval_uuid, eval_run_uuid=run_uuid, continue_thread=number < 2,
            responses=[{"prompt_uuid": it.prompt_uuid, "content": f"answer {number}-{n}."}
                       for n, it in enumerate(prompts)])
    first = turn(1, client.evals.list_prompts(eval_uuid).items, None)
    second = turn(2, [it.next_prompt for it in first.responses], first.eval_run_uuid)
    runs = client.evals.runs.list(eval_uuid=eval_uuid)
    everything = client.evals.runs.list_responses(first.eval_run_uuid, limit=1000)
    told(runs=runs.count, same=first.eval_run_uuid == second.eval_run_uuid,
         status=[first.status, second.status], scored=second.num_responses_scored,
         next=[it.next_prompt and it.next_prompt.content for it in first.responses],
         last=[it.next_prompt for it in second.responses if it.next_prompt],
         contents=[it.content for it in everything.items], count=everything.count,
         passed=[it.is_passed for it in everything.items],
         threads=len({it.thread_uuid for it in everything.items}))
    """
    with ThreadPoolExecutor() as pool:
        running = pool.submit(client.run_client, script, EVAL=eval_uuid)
        for moment in moments:
            until(lambda moment=moment: running.done() or voices.count(moment) >= 15)
            assert not running.done(), running.result()
            kills.now()
        told = running.result()
    contents = [f"answer {turn}-{n}." for turn in (1, 2) for n in range(PROMPTS)]
    assert told["runs"] == 1
    assert (told["same"], told["status"]) == (True, ["finished"] * 2)
    assert (told["scored"], told["count"]) == (2 * PROMPTS, 2 * PROMPTS)
    assert told["contents"] == contents
    assert told["passed"] == [not it.endswith("0.") for it in contents]
    assert told["next"] == [f"What follows 1-{n}?" for n in range(PROMPTS)]
    assert (told["last"], told["threads"]) == ([], PROMPTS)
    kills.check()
    for moment, (asked_before, _) in zip(moments, kills.known, strict=True):
        assert any(it.startswith(moment) for it in voices.asked[asked_before:])  # in the middle


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_and_double_nothing(
    server: KilledServer, voices: Voices
) -> None:
    kills = Kills(server, voices)
    chance = random.Random(20_26)
    for story in range(10):
        evals = server.ask("/v2/evals")["count"]
        eval_uuid = begin(server)
        time.sleep(chance.random() * 1.5)
        kills.now()
        prompts = check_prompts(server, eval_uuid)
        run_uuid = hand_in(server, eval_uuid, prompts)
        time.sleep(chance.random())
        kills.now()
        check_verdicts(server, ended(server, f"/v2/eval-runs/{run_uuid}"))
        assert server.ask("/v2/evals")["count"] == evals + 1 == story + 1
        kills.check()
        kills.forget()

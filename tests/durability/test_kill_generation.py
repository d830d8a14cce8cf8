"""kill -9 of the server while a spec is proposed, samples are written and judged, and attacks are
thought of: nothing is lost or doubled, and nobody is asked again about what was known."""

import io
import json
import random
import re
import sqlite3
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support import red_team_model
from support.killed_server import KEY, KilledServer
from support.voices import Voices, speaking, until

SEEDS = 60
SAMPLES = 60
BEHAVIORS, PROMPTS = 6, 10
LATENCY_S = 0.06
AT_ONCE = 4
API = "/api/dataframer"
# What a call is about: what it says → what it is called.
CALLS = {
    r"one behaviour for each": "behaviors",
    r"(?s)(?=.*Write \d+ queries).*<behavior-\w+>\n(.*?)\n</behavior": "queries {}",
    r"(?s)<query-\w+>\n(.*?)\n</query-": "attack {}",
    r"Propose a blueprint": "propose",
    r"(?s)<sample-\w+>\nSeed (\d+):.*Say which value": "classify {}",
    r"(?s)<sample-\w+>\nSample (\d+):.*what you found": "revise {}",
    r"(?s)<answer-\w+>\n?Sample (\d+):": "judge {}",
    r"This is sample (\d+) of": "write {}",
}
PROPOSAL = {
    "description": "A letter.",
    "requirements": "",
    "properties": [
        {
            "name": "mood",
            "description": "",
            "in_seeds": True,
            "values": [{"value": it, "percent": 50} for it in ("calm", "angry")],
        }
    ],
}
# Outcomes of the runs that work for one kind of thing.
ANSWERED = """
    select outcomes.position, outcomes.answer from outcomes
    join runs on runs.id = outcomes.run_id
    join {0} on {0}.evaluation_id = runs.evaluation_id
    where outcomes.status in ('answered', 'scored') and runs.id not in ({1})
"""


def mood_of(number: int) -> str:
    """Of a seed."""
    return "angry" if number % 4 == 0 else "calm"


@dataclass
class Author:
    """Replies, and who asked for what came out of them.

    Attributes:
        asked_for: text, or reply → what it was asked for as.
    """

    asked_for: dict[str, str] = field(default_factory=dict)

    def says(self, subject: str, asked: str) -> str:
        """The reply to what is asked about this."""
        kind, _, which = subject.partition(" ")
        reply = self._reply(kind, which, asked)
        self.asked_for[reply] = subject
        if kind in {"behaviors", "queries", "attack"}:
            for value in json.loads(reply).values():
                self.asked_for |= dict.fromkeys(value if kind != "attack" else [value], subject)
        return reply

    def _reply(self, kind: str, which: str, asked: str) -> str:
        match kind:
            case "propose":
                return json.dumps(PROPOSAL)
            case "classify":
                return json.dumps({"mood": mood_of(int(which)), "seed": which})
            case "write":
                found = re.search(r"<values-\w+>\nmood: (\w+)", asked)
                assert found is not None
                return f"Sample {which}: the mood is {found[1]}."
            case "revise":
                return json.dumps({"problems": [], "revised": None})
            case "judge":
                [mood] = re.findall(r"Sample \d+: the mood is (\w+)", asked)
                return json.dumps({"reason": f"It says so in {which}.", "p1": mood})
            case _:
                return red_team_model.answer(asked, 0)


@pytest.fixture
def author() -> Author:
    return Author()


@pytest.fixture
def voices(author: Author) -> Iterator[Voices]:
    with speaking(CALLS, author.says, LATENCY_S) as voices:
        yield voices


@pytest.fixture
def server(tmp_path: Path, voices: Voices) -> Iterator[KilledServer]:
    voices.declare(tmp_path, AT_ONCE)
    server = KilledServer(tmp_path)
    server.start()
    yield server
    server.kill()


@dataclass
class Kills:
    """Kills of a server, and what was known at each.

    Attributes:
        known: calls that were made before, and what had an outcome.
        over: runs that nothing more is asked for.
    """

    server: KilledServer
    voices: Voices
    author: Author
    known: list[tuple[int, set[str]]] = field(default_factory=list)
    over: set[str] = field(default_factory=set)

    def now(self) -> None:
        """Kill it, and start it again."""
        self.server.kill()
        time.sleep(2 * LATENCY_S)  # what was asked last is answered, to nobody
        self.known.append((len(self.voices.asked), self._known()))
        self.server.start()

    def check(self) -> None:
        """Nobody was asked again about what had an outcome."""
        assert self.voices.refused == []
        for asked_before, known in self.known:
            assert known & set(self.voices.asked[asked_before:]) == set()
        calls = len(self.voices.asked)
        # At a kill, those in flight and those of one group commit are lost, of two models.
        lost = len(self.known) * 2 * (AT_ONCE + AT_ONCE * int(0.5 / LATENCY_S + 1))
        assert calls - len(set(self.voices.asked)) <= lost

    def forget(self) -> None:
        """What comes next asks the same things about other seeds."""
        self.over = {run_id for (run_id,) in self._rows("select id from runs")}
        self.known.clear()
        self.voices.asked.clear()

    def _known(self) -> set[str]:
        known = {self.author.asked_for[answer] for _, answer in self._answered("data_specs")}
        for _, answer in self._answered("productions"):
            number = self.author.asked_for[answer].partition(" ")[2]
            known |= {f"write {number}", f"revise {number}"}
        known |= {f"judge {position + 1}" for position, _ in self._answered("inspections")}
        for _, answer in self._answered("red_team_runs"):
            known.add(self.author.asked_for[json.loads(answer)["adversarial_prompt"]])
        lists = "select result from red_team_runs where run_id not in ({})"
        for (kept,) in self._rows(lists.format(self._quoted())):
            texts = [text for part in json.loads(kept)["parts"].values() for text in part]
            known |= {self.author.asked_for[text] for text in texts}
        return known

    def _answered(self, table: str) -> list[Any]:
        return self._rows(ANSWERED.format(table, self._quoted()))

    def _quoted(self) -> str:
        return ", ".join(f"'{it}'" for it in self.over)

    def _rows(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.server.data / "weighbridge.sqlite")) as database:
            return database.execute(query).fetchall()


@dataclass
class Story:
    """From seeds to attacks, on a server that may be killed at any of its moments."""

    server: KilledServer
    number: int = 0

    def tell(self, moment: Callable[[str, int], None]) -> None:
        """Go through it.

        Args:
            moment: called when something was begun, with the kind of calls that it takes and how
                many of these there will be.
        """
        seeds_id = self._seeds()
        asked: dict[str, Any] = {"name": f"story {self.number}", "dataset_id": seeds_id}
        spec = self._post("/specs/", asked)
        moment("classify", SEEDS)
        self._check_spec(spec["id"])
        run = self._post(
            "/runs/",
            {
                "spec_id": spec["id"],
                "number_of_samples": SAMPLES,
                "skip_outline": True,
                "revision_types": ["consistency"],
            },
        )
        moment("revise", SAMPLES)
        self._check_run(run["id"])
        evaluation = self._post("/evaluations/", {"run_id": run["id"]})
        moment("judge", SAMPLES)
        self._check_evaluation(run["id"], evaluation["id"])
        target = {"domain_description": "Health", "app_description": "A bot"}
        target_id = self._post("/red-team-specs/", {"name": f"t{self.number}", **target})["id"]
        asked = {"red_team_spec_id": target_id, "model_name": "writer"}
        asked |= {"number_of_behaviors": BEHAVIORS, "number_of_prompts_per_behavior": PROMPTS}
        team = self._post("/red-team-runs/", asked)
        moment("attack", BEHAVIORS * PROMPTS)
        self._check_attacks(team["id"])
        for path in ("seed-datasets", "specs", "runs", "red-team-specs", "red-team-runs"):
            assert len(self.server.ask(f"{API}/{path}/")) == self.number + 1

    def _seeds(self) -> str:
        made = httpx2.post(
            f"{self.server.address}{API}/seed-datasets/create/",
            headers={"Authorization": f"Bearer {KEY}"},
            data={"name": f"seeds {self.number}", "dataset_type": "MULTI_FILE"},
            files=[
                ("files[]", (f"{it:02}.txt", f"Seed {it}: somebody is {mood_of(it)}."))
                for it in range(SEEDS)
            ],
            timeout=60,
        )
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def _check_spec(self, spec_id: str) -> None:
        spec = self._ended(f"/specs/{spec_id}/?include_versions=true")
        assert "calm: 75" in spec["content_yaml"]
        assert "angry: 25" in spec["content_yaml"]
        assert f"samples_classified: {SEEDS}" in spec["content_yaml"]
        assert len(spec["versions"]) == 1

    def _check_run(self, run_id: str) -> None:
        run = self._ended(f"/runs/{run_id}/")
        assert (run["samples_completed"], run["samples_failed"]) == (SAMPLES, 0)
        paths = [f"sample_{it}.txt" for it in range(1, SAMPLES + 1)]
        assert [it["path"] for it in run["generated_files"]] == paths
        link: str = until(
            lambda: self.server.ask(f"{API}/runs/{run_id}/files/download/")["download_url"]
        )
        data = self.server.read(link.removeprefix(self.server.address))
        archive = zipfile.ZipFile(io.BytesIO(data))
        texts = [archive.read(it).decode() for it in paths]
        assert [it.partition(":")[0] for it in texts] == [
            f"Sample {it}" for it in range(1, SAMPLES + 1)
        ]
        assert sum("angry" in it for it in texts) == SAMPLES // 4

    def _check_evaluation(self, run_id: str, evaluation_id: str) -> None:
        found = self._ended(f"/evaluations/{evaluation_id}/")
        assert found["conformance_score"] == 100
        [mood] = found["distribution_analysis"]
        assert (mood["total_samples"], mood["total_samples_analyzed"]) == (SAMPLES, SAMPLES)
        assert mood["evaluated_distributions"] == {"calm": 75, "angry": 25}
        classified = found["sample_classifications"]
        assert [it["sample_identifier"] for it in classified] == [
            f"sample_{it}" for it in range(1, SAMPLES + 1)
        ]
        assert all(it["classifications"] == it["generation_tags"] for it in classified)
        assert len(self.server.ask(f"{API}/runs/{run_id}/evaluations/")) == 1

    def _check_attacks(self, team_id: str) -> None:
        found = self._ended(f"/red-team-runs/{team_id}/")
        listed = found["results_json"]["behavior_to_enhanced_queries"]
        assert [len(it) for it in listed.values()] == [PROMPTS] * BEHAVIORS
        attacks = [it for one in listed.values() for it in one]
        assert {it["source"] for it in attacks} == {"model"}
        assert len({it["adversarial_prompt"] for it in attacks}) == BEHAVIORS * PROMPTS

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.server.ask(f"{API}{path}", body)
        return made

    def _ended(self, path: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.server.ask(f"{API}{path}")
            assert found["status"] not in {"FAILED", "CANCELED"}, found
            return found if found["status"] == "SUCCEEDED" else None

        found: dict[str, Any] = until(look)
        return found


@pytest.mark.slow
def test_a_server_killed_in_the_middle_of_everything_goes_on(
    server: KilledServer, voices: Voices, author: Author
) -> None:
    kills = Kills(server, voices, author)

    def in_the_middle(kind: str, calls: int) -> None:
        until(lambda: voices.count(kind) >= calls * 2 // 3)
        kills.now()

    Story(server).tell(in_the_middle)
    kills.check()
    for kind, (asked_before, known) in zip(
        ("classify", "revise", "judge", "attack"), kills.known, strict=True
    ):
        assert any(it.startswith(kind) for it in known), (kind, asked_before, sorted(known))
        assert any(it.startswith(kind) for it in voices.asked[asked_before:])


@pytest.mark.slow
def test_twenty_kills_at_random_moments_lose_and_double_nothing(
    server: KilledServer, voices: Voices, author: Author
) -> None:
    kills = Kills(server, voices, author)
    chance = random.Random(20_26)

    def at_some_time(_kind: str, calls: int) -> None:
        time.sleep(chance.random() * calls * LATENCY_S / AT_ONCE * 2)
        kills.now()

    for number in range(5):
        Story(server, number).tell(at_some_time)
        kills.check()
        kills.forget()

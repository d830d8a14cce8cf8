"""The official client, unchanged, against a server in another process."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.dataframer_client import Server
from support.dataframer_methods import EVERY_METHOD, PROBE, WIRE
from support.dataframer_world import MISREAD, MOODS, YAML, letter, serving

STORY = """
answers = []
def noted(answer):
    answers.append((answer.request.method, answer.request.url.path, answer.status_code))
client = Dataframer(http_client=dataframer.DefaultHttpxClient(event_hooks={"response": [noted]}))
frame = client.dataframer
def text_at(link): return httpx.get(link.download_url).text
def archive_of(run):
    while not (link := frame.runs.files.download_all(run.id)).download_url: time.sleep(0.05)
    data = httpx.get(link.download_url).content
    assert len(data) == link.size_bytes
    found = zipfile.ZipFile(io.BytesIO(data))
    assert found.testzip() is None
    return {name: found.read(name).decode() for name in found.namelist()}

moods = [("positive", "calm"), ("negative", "urgent"), ("positive", "urgent")] * 4
letters = frame.seed_datasets.create_with_files(
    name="letters", dataset_type="MULTI_FILE", description="from the archive",
    files=[(f"{n}.txt", f"Letter {n}: the mood is {mood}, and it is {pace}.".encode())
           for n, (mood, pace) in enumerate(moods)])
begun = frame.specs.create(name="shop", dataset_id=letters.id, extrapolate_values=False,
                           spec_generation_model_name="anthropic/claude-sonnet-5-5-thinking")
spec = ended(frame.specs.retrieve, begun.id)
told(begun=[begun.status, begun.content_yaml],
     spec=[spec.status, spec.error, spec.dataset_name, spec.dataset_type],
     proposed=spec.content_yaml, params=spec.runtime_params)
changed = frame.specs.update(spec.id, content_yaml=os.environ["YAML"])
versions = frame.specs.retrieve(spec.id, include_versions=True).versions
told(versions=[it.content_yaml for it in versions], changed=changed.content_yaml,
     quiet=frame.specs.retrieve(spec.id).versions)

begun = frame.runs.create(
    spec_id=spec.id, number_of_samples=20, revision_types=["consistency", "conformance"],
    filtering_types=["structural", "conformance"], max_revision_cycles=2, tools=["calculator"],
    generation_model="anthropic/claude-sonnet-5-5-thinking", generation_thinking_budget=2000)
run = ended(frame.runs.retrieve, begun.id)
told(run_begun=[begun.status, begun.generated_files], run=run.to_dict(),
     texts=[text_at(frame.runs.files.download(it.id, run_id=run.id))
            for it in run.generated_files[:MISREAD]])
before = archive_of(run)
told(names=sorted(before), drawn=[json.loads(before[f"sample_{n}.txt.metadata"])["classifications"]
                                  for n in range(1, 21)],
     archived=[before[f"sample_{n}.txt"] for n in range(1, 21)])

asked = frame.evaluations.create(run_id=run.id,
                                 evaluation_model="anthropic/claude-sonnet-4-6-thinking")
found = ended(frame.evaluations.retrieve, asked.id)
told(asked=asked.to_dict(), found=found.to_dict(),
     evaluations=[[it.id == found.id, it.status] for it in frame.runs.evaluations.list(run.id)],
     top=json.loads(archive_of(run)["top_level.metadata"]),
     again=frame.evaluations.retrieve(found.id).to_dict() == found.to_dict())
told(downloads=[status for _, path, status in answers
                if path.endswith(f"{run.id}/files/download/")],
     created=[status for method, path, status in answers if method == "POST"
              and path.endswith(("/specs/", "/runs/", "/evaluations/"))])

# Nothing to go by but what is wanted; an older version of a spec; folders, from an archive.
alone = ended(frame.specs.retrieve, frame.specs.create(
    name="shop", generation_objectives="Letters to a shop", description="of no seeds",
    generate_distributions=False).id)
told(alone=[alone.status, alone.dataset_id, alone.dataset_type], uniform=alone.content_yaml)
few = ended(frame.runs.retrieve, frame.runs.create(
    spec_id=alone.id, number_of_samples=6, skip_outline=True).id)
told(few=[few.status, few.spec_version, [it.path for it in few.generated_files]])
first = ended(frame.runs.retrieve, frame.runs.create(
    spec_id=spec.id, number_of_samples=4, spec_version=1).id)
told(first=[first.status, first.spec_version],
     first_moods=[json.loads(text)["classifications"]["sentiment"]
                  for name, text in archive_of(first).items() if ".txt.m" in name])
folders = frame.seed_datasets.create_from_zip(name="folders", zip_file=("x.zip", zipped(
    {f"case {n}/{name}.txt": f"the mood is {mood}, and it is {pace}."
     for n, (mood, pace) in enumerate(moods) for name in ("mail", "note")})))
cases = ended(frame.specs.retrieve, frame.specs.create(name="c", dataset_id=folders.id).id)
cases = frame.specs.update(cases.id, content_yaml=os.environ["YAML"])
filed = ended(frame.runs.retrieve, frame.runs.create(spec_id=cases.id, number_of_samples=3).id)
told(folders=[folders.dataset_type, folders.folder_count, folders.file_count],
     filed=[filed.status, [it.path for it in filed.generated_files]],
     mail=text_at(frame.runs.files.download(filed.generated_files[2].id, run_id=filed.id)),
     in_archive=sorted(archive_of(filed)))
""".replace("MISREAD", str(MISREAD))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


def check_story(told: dict[str, Any]) -> None:
    check_spec(told)
    check_run(told)
    check_evaluation(told)
    assert told["alone"] == ["SUCCEEDED", None, "MULTI_FILE"]
    assert told["uniform"].count("33.3") >= 2
    assert told["few"] == ["SUCCEEDED", 1, [f"sample_{n}.txt" for n in range(1, 7)]]
    assert told["first"] == ["SUCCEEDED", 1]
    assert sorted(told["first_moods"]) == ["negative", *["positive"] * 3]
    assert told["folders"] == ["MULTI_FOLDER", 12, 24]
    paths = [f"sample_{n}/{name}.txt" for n in (1, 2, 3) for name in ("mail", "note")]
    assert told["filed"] == ["SUCCEEDED", paths]
    assert told["mail"].startswith("Letter 2: the mood is ")
    assert set(paths) < set(told["in_archive"])


def check_spec(told: dict[str, Any]) -> None:
    assert told["begun"] == ["PROCESSING", None]
    assert told["spec"] == ["SUCCEEDED", None, "letters", "MULTI_FILE"]
    # What the model saw in the seeds, and no value beyond them.
    assert "positive: 66.6667\n" in told["proposed"]
    assert "neutral" not in told["proposed"]
    assert (
        told["params"].items()
        >= {
            "spec_generation_model_name": "anthropic/claude-sonnet-5-5-thinking",
            "generate_distributions": True,
            "extrapolate_values": False,
        }.items()
    )
    assert told["versions"] == [told["proposed"], YAML]
    assert (told["changed"], told["quiet"]) == (YAML, None)


def check_run(told: dict[str, Any]) -> None:
    assert told["run_begun"][0] in {"PENDING", "PROCESSING"}
    assert told["run_begun"][1] == []
    run = told["run"]
    assert run["status"] == "SUCCEEDED"
    assert (run["samples_completed"], run["samples_failed"], run["spec_version"]) == (20, 0, 2)
    assert run["total_cost"] > 0
    paths = [f"sample_{n}.txt" for n in range(1, 21)]
    assert [it["path"] for it in run["generated_files"]] == paths
    drawn = told["drawn"]
    letters = [
        f"{letter(n, it['sentiment'], it['urgency'])}\n\nYours, Ann."
        for n, it in enumerate(drawn, start=1)
    ]
    assert told["archived"] == letters
    assert told["texts"] == letters[:MISREAD]
    assert told["names"] == sorted(
        [*paths, *(f"{it}.metadata" for it in paths), "top_level.metadata"]
    )
    moods = Counter(it["sentiment"] for it in drawn)
    assert [moods[it] for it in MOODS] == [8, 6, 6]
    paces = Counter((it["sentiment"] == "negative", it["urgency"]) for it in drawn)
    # All negative ones by the condition, and 20 % of the others as closely as 14 can have it.
    assert paces == {(True, "urgent"): 6, (False, "urgent"): 3, (False, "calm"): 11}


def check_evaluation(told: dict[str, Any]) -> None:
    asked, found = told["asked"], told["found"]
    assert asked["status"] in {"PENDING", "PROCESSING"}
    assert (asked["distribution_analysis"], asked["sample_classifications"]) == (None, [])
    assert (asked["conformance_score"], asked["error_message"]) == (None, None)
    assert (found["status"], found["error_message"]) == ("SUCCEEDED", None)
    assert found["run_id"] == told["run"]["id"]
    # One of 20 samples has another mood: 100 times the mean of 0.95 and 1.
    assert found["conformance_score"] == 97.5
    moods, paces = found["distribution_analysis"]
    assert moods["requested_distributions"] == {"positive": 40, "negative": 30, "neutral": 30}
    assert moods["expected_distributions"] == moods["requested_distributions"]
    misread = told["drawn"][MISREAD - 1]["sentiment"]
    expected = {**moods["expected_distributions"], "other": 5}
    expected[misread] -= 5
    assert moods["evaluated_distributions"] == moods["observed_distributions"] == expected
    assert paces["expected_distributions"] == {"urgent": 45, "calm": 55}
    assert paces["evaluated_distributions"] == {"urgent": 45, "calm": 55}
    assert (paces["total_samples"], paces["total_samples_analyzed"]) == (20, 20)
    classified = found["sample_classifications"]
    assert [it["sample_identifier"] for it in classified] == [f"sample_{n}" for n in range(1, 21)]
    assert [it["generation_tags"] for it in classified] == told["drawn"]
    seen = [*told["drawn"]]
    seen[MISREAD - 1] = {**seen[MISREAD - 1], "sentiment": "other"}
    assert [it["classifications"] for it in classified] == seen
    assert "97.5" in found["conformance_explanation"]
    assert "sentiment" in found["non_conformant_areas"]
    figures = found["weighbridge"]["conformance"]
    assert 0 <= figures["low"] <= figures["corrected"] <= figures["high"] <= 100
    assert told["evaluations"] == [[True, "SUCCEEDED"]]
    assert told["again"] is True
    assert told["top"]["evaluation"]["score"] == 97.5
    # 202 while an archive is put together, for the first time and after the evaluation.
    assert Counter(told["downloads"])[200] == 2
    assert told["downloads"][0] == 202
    assert set(told["created"]) == {202}


def test_seeds_become_a_spec_samples_and_an_evaluation(server: Server) -> None:
    check_story(server.run_client(STORY, YAML=YAML))


def test_the_story_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, postgres_url) as server:
        check_story(server.run_client(STORY, YAML=YAML))


def test_every_method_of_the_client_is_answered(server: Server) -> None:
    told = server.run_client(EVERY_METHOD, CLIENT="Dataframer")
    assert len(WIRE) == 46
    assert told["methods"] == sorted(WIRE)
    assert told["wire"] == WIRE
    # Asked once for all that may hand files in, and then known.
    assert told["probes"] == [[PROBE, "seed_datasets.create_with_files"]]
    assert told["wrong"] == []


def test_whether_files_stay_elsewhere_is_asked_once_and_costs_no_upload(server: Server) -> None:
    told = server.run_client(
        """
        seen = []
        def noted(answer):
            request = answer.request
            size = int(request.headers.get("content-length", 0))
            seen.append([request.url.path, size, answer.status_code, answer.elapsed])
        def fresh(**more):
            hooks = {"response": [lambda answer: (answer.read(), noted(answer))]}
            return Dataframer(http_client=dataframer.DefaultHttpxClient(event_hooks=hooks),
                              **more).dataframer
        files = [(f"{n}.txt", b"words " * 40_000) for n in range(2)]
        def made(frame, name):
            return frame.seed_datasets.create_with_files(
                name=name, dataset_type="MULTI_FILE", files=files)
        api("POST", "/api/v1/judges", json={"name": "One", "model": "grader", "dimensions": [
            {"name": "Polite", "scoring_model": "pass_fail"},
            {"name": "Steps", "scoring_model": "checklist", "items": ["greets", "thanks"]}]})
        judge = client.dataframer.judges.list(limit=1).results[0]
        spec = ended(client.dataframer.specs.retrieve, client.dataframer.specs.create(
            name="probed", generation_objectives="Letters").id)
        def sent(call):
            seen.clear()
            call(fresh())
            return [it[:3] for it in seen]
        told(files=sent(lambda frame: made(frame, "probed")),
             zip=sent(lambda frame: frame.seed_datasets.create_from_zip(
                 name="zip probed", zip_file=("x.zip", zipped({"a.txt": "a", "b.txt": "b"})))),
             judge=sent(lambda frame: frame.judges.evaluations.create(judge.id, output="x")),
             spec=sent(lambda frame: frame.specs.update(spec.id, content_yaml=os.environ["YAML"])))
        both = fresh()
        made(both, "first")
        seen.clear()
        made(both, "second")
        told(second=[it[:3] for it in seen])
        refused = Dataframer(api_key="wb_not-a-key").dataframer
        try: made(refused, "third")
        except dataframer.AuthenticationError as error: told(key=error.status_code)
        """,
        YAML=YAML,
    )
    probe = ["/api/data-plane/token/", 0, 404]
    assert all(told[name][0] == probe for name in ("files", "zip", "judge", "spec"))
    assert [len(told[name]) for name in ("files", "zip", "judge", "spec")] == [2] * 4
    assert told["files"][1][1] > 400_000
    assert [path for path, *_ in told["second"]] == ["/api/dataframer/seed-datasets/create/"]
    assert told["key"] == 401

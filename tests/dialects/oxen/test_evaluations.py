"""Evaluations over files of rows: what every field of the request does, and every one of the
answer says."""

import asyncio
import base64
import csv
import io
import json
import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from support.oxen_app import DOT, FILM, WANTED, House, Repository, open_house
from weighbridge.jobs import delivery

pytestmark = pytest.mark.asyncio(loop_scope="module")

CSV = b"q,n\nsay one,007\nsay two,\nsay three,x\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), empty_database) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="module")
async def repository(house: House) -> Repository:
    return await house.repository({"q.csv": CSV})


class Gate:
    """Holds runs that have all their answers before these are put anywhere."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()
        deliver = delivery.deliver_column

        async def held(*arguments: Any) -> Any:
            self.reached.set()
            await self.opened.wait()
            return await deliver(*arguments)

        patch.setattr(delivery, "deliver_column", held)


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


# The request: prompt


async def test_braces_stand_for_columns_fields_and_themselves(house: House) -> None:
    source = parquet(
        q=["one", "two"], n=[1.5, None], s=[{"a": {"b": ["x"]}}, None], **{"odd name": [True, None]}
    )
    repository = await house.repository({"q.parquet": source})
    prompt = "say {q}|{n}|{s.a.b}|{odd name}|{{q}}"
    ended = await repository.run("main/q.parquet", prompt=prompt)
    assert (ended["status"], ended["error_message"]) == ("completed", None)
    answers = pq.read_table(io.BytesIO(await repository.read("main/q.parquet"))).column("answer")
    assert answers.to_pylist() == ['one|1.5|["x"]|true|{q}', "two||||{q}"]
    assert ended["prompt"] == prompt


# Images and videos


async def test_an_image_is_found_in_the_repository_or_at_its_address(house: House) -> None:
    inline = f"data:image/png;base64,{base64.b64encode(DOT).decode()}"
    address = "https://example.invalid/dot.png"
    text = f"photo,q\nimg/dot.png,what\n{address},where\n{inline},who\n,nobody\n"
    text = text.replace(inline, f'"{inline}"')
    repository = await house.repository({"photos/list.csv": text.encode(), "img/dot.png": DOT})
    house.seen.clear()
    ended = await repository.run(
        "main/photos/list.csv", prompt="{photo} say {q} is {{it}}", input_type="image"
    )
    assert (ended["status"], ended["error_message"]) == ("completed", None)
    assert ended["input_type"] == "image"
    assert house.seen.addresses == {inline, address}
    assert sorted(house.seen.texts) == [
        f"say {it} is {{it}}" for it in ("nobody", "what", "where", "who")
    ]
    assert b"where is {it}" in await repository.read("main/photos/list.csv")


async def test_a_video_is_sent_as_one(house: House) -> None:
    address = "https://example.invalid/film.mp4"
    rows = f'{{"v":{{"at":"a/film.mp4"}}}}\n{{"v":{{"at":"{address}"}}}}\n'
    repository = await house.repository({"v.jsonl": rows.encode(), "a/film.mp4": FILM})
    house.seen.clear()
    ended = await repository.run("main/v.jsonl", prompt="say it {v.at}", input_type="video")
    assert (ended["status"], ended["error_message"]) == ("completed", None)
    inline = f"data:video/mp4;base64,{base64.b64encode(FILM).decode()}"
    assert house.seen.addresses == {inline, address}


async def test_the_column_with_the_image_is_told_by_its_values(house: House) -> None:
    repository = await house.repository(
        {"q.csv": b"a,b,q\nwhy,img/dot.png,x\n", "img/dot.png": DOT}
    )
    house.seen.clear()
    ended = await repository.run(prompt="say {a} {b} {q}", input_type="image")
    assert (ended["status"], house.seen.texts) == ("completed", ["say why  x"])
    assert len(house.seen.addresses) == 1


async def test_a_row_whose_image_is_missing_or_none_fails_and_the_others_go_on(
    house: House,
) -> None:
    paths = [f"img/none{number}.png" for number in range(100)]
    paths += ["notes.png", "../dot.png", "/img/dot.png", "img", "data:image/png,x", "img/dot.png"]
    text = json.dumps([{"photo": path} for path in paths]).encode()
    repository = await house.repository(
        {"p.json": text, "img/dot.png": DOT, "notes.png": b"no image"}
    )
    ended = await repository.run("main/p.json", prompt="say it {photo}", input_type="image")
    assert ended["status"] == "completed"
    assert "105 of 106 rows have no answer" in ended["error_message"]
    rows = json.loads(await repository.read("main/p.json"))
    assert [row["answer"] for row in rows] == [None] * 105 + ["it"]


# What is made


async def test_embeddings_are_a_list_of_numbers(house: House) -> None:
    repository = await house.repository({"q.csv": CSV, "q.parquet": parquet(q=["a", "b"])})
    first, second = [
        await repository.start(f"main/{path}", output_type="embeddings", target_column="vector")
        for path in ("q.csv", "q.parquet")
    ]
    assert (await repository.ended(first))["output_type"] == "embeddings"
    await repository.ended(second)
    column = pq.read_table(io.BytesIO(await repository.read("main/q.parquet"))).column("vector")
    assert column.type == pa.list_(pa.float32())
    assert [len(vector) for vector in column.to_pylist()] == [16, 16]
    header, row, *_ = (await repository.read("main/q.csv")).decode().splitlines()
    assert header == "q,n,vector"
    assert len(json.loads(row.partition("007,")[2].strip('"'))) == 16


async def test_images_are_files_beside_the_target(house: House) -> None:
    repository = await house.repository({"in/q.csv": b"q\ndraw\nfail\ndraw more\n"})
    ended = await repository.run(
        "main/in/q.csv", output_type="image", target_column="pic/1", target_path="out/p.jsonl"
    )
    assert (ended["status"], ended["output_type"]) == ("completed", "image")
    assert "1 of 3" in ended["error_message"]
    rows = [json.loads(line) for line in (await repository.read("main/out/p.jsonl")).splitlines()]
    assert [row["pic/1"] for row in rows] == ["out/p_pic_1/0.png", None, "out/p_pic_1/2.png"]
    assert await repository.read("main/out/p_pic_1/2.png") == DOT
    assert await repository.messages("main") == [
        "pic/1 of in/q.csv: pic/1 of out/p.jsonl",
        "Upload in/q.csv",
    ]


async def test_videos_are_files_beside_the_target(repository: Repository) -> None:
    ended = await repository.run(output_type="video", model_id="camera", target_column="film")
    assert (ended["status"], ended["output_type"]) == ("completed", "video")
    assert (await repository.read("main/q.csv")).splitlines()[1] == b"say one,007,q_film/0.mp4"
    assert await repository.read("main/q_film/0.mp4") == FILM


async def test_text_where_an_image_was_asked_for_is_no_answer(repository: Repository) -> None:
    ended = await repository.run(output_type="image", auto_commit=False)
    assert ended["status"] == "errored"
    assert "no image" in ended["error_message"]
    assert "one" in ended["error_message"]  # what it said instead


# Which model


async def test_a_model_is_named_by_uuid_name_or_alias(house: House, repository: Repository) -> None:
    models = (await house.client.get("/ai/models")).json()["data"]
    [parrot] = [model for model in models if model["name"] == "parrot"]
    names = {parrot["id"]: "parrot", parrot["id"].upper(): "parrot", "camera": "filmer"}
    for said, name in names.items():
        started = await repository.start("main/q.csv", model_id=said)
        assert started["model"]["name"] == name
        assert (started["model"]["id"] == parrot["id"]) is (name == "parrot")
        await repository.client.delete(repository.of(started))
    assert started["model"]["capabilities"]["input"] == ["text", "image", "video"]


async def test_the_form_of_2024_is_understood(house: House, repository: Repository) -> None:
    answer = await repository.post(
        "main/q.csv",
        {
            "prompt": "{q}",
            "type": "text",
            "model": "parrot",
            "target_column": "answer",
            "auto_commit": True,
        },
    )
    ended = await repository.ended(repository.evaluation(answer))
    assert (ended["status"], ended["input_type"], ended["output_type"]) == (
        "completed",
        "text",
        "text",
    )
    assert b"say one,007,one\n" in await repository.read("main/q.csv")


# Where it goes


async def test_a_new_column_is_the_last_and_one_that_is_there_keeps_its_place(
    repository: Repository,
) -> None:
    await repository.run(target_column="an, swer")
    assert (await repository.read("main/q.csv")).startswith(b'q,n,"an, swer"\nsay one,007,one\n')
    await repository.run(target_column="n", prompt="say again")
    text = await repository.read("main/q.csv")
    assert text.startswith(b'q,n,"an, swer"\nsay one,again,one\nsay two,again,two\n')


async def test_a_target_branch_is_made_from_the_source(repository: Repository) -> None:
    ended = await repository.run(target_branch="results/one")
    assert ended["target_branch"] == "results/one"
    assert await repository.read("main/q.csv") == CSV
    assert (await repository.read("results/one/q.csv")).startswith(b"q,n,answer\n")
    assert len(await repository.messages("results/one")) == 2


async def test_a_target_branch_that_is_there_keeps_what_it_has(repository: Repository) -> None:
    head = await repository.head("main")
    made = await repository.client.post(
        f"{repository.address}/branches", json={"new_name": "other", "commit_id": head}
    )
    assert made.status_code == 200
    await repository.put("other", {"more.txt": b"more"})
    await repository.run(target_branch="other")
    assert await repository.read("other/more.txt") == b"more"
    assert (await repository.read("other/q.csv")).startswith(b"q,n,answer\n")
    assert await repository.messages("other") == [
        "answer of q.csv: answer of q.csv",
        "Upload more.txt",
        "Upload q.csv",
    ]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("q.csv", "o.parquet"),
        ("q.csv", "deep/er/o.tsv"),
        ("q.jsonl", "o.csv"),
        ("q.jsonl", "o.arrow"),
        ("q.parquet", "o.jsonl"),
        ("q.parquet", "o.json"),
    ],
)
async def test_the_target_path_says_the_format(house: House, source: str, target: str) -> None:
    rows = [{"q": "say one", "n": "ä,\n"}, {"q": "say two", "n": None}]
    files = {
        "q.csv": 'q,n\nsay one,"ä,\n"\nsay two,\n'.encode(),
        "q.jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in rows),
        "q.parquet": parquet(q=["say one", "say two"], n=["ä,\n", None]),
    }
    repository = await house.repository({source: files[source]})
    ended = await repository.run(f"main/{source}", target_path=target)
    assert (ended["status"], ended["target_path"]) == ("completed", target)
    made = await repository.read(f"main/{target}")
    assert await repository.read(f"main/{source}") == files[source]
    null = "" if source == "q.csv" else None
    separator = "\t" if target.endswith("tsv") else ","
    wanted = [{**rows[0], "answer": "one"}, {"q": "say two", "n": null, "answer": "two"}]
    if target.endswith("parquet"):
        assert pq.read_table(io.BytesIO(made)).to_pylist() == wanted
    elif target.endswith("arrow"):
        assert feather.read_table(io.BytesIO(made)).to_pylist() == wanted
    elif target.endswith("jsonl"):
        assert [json.loads(line) for line in made.splitlines()] == wanted
    elif target.endswith("json"):
        assert json.loads(made) == wanted
    else:
        told = csv.DictReader(io.StringIO(made.decode()), delimiter=separator)
        assert list(told) == [wanted[0], {**wanted[1], "n": ""}]


# How much


async def test_a_sample_is_the_first_rows(repository: Repository) -> None:
    new = await repository.start(
        "main/q.csv", is_sample=True, sample_count=2, target_path="new.csv"
    )
    assert (new["is_sample"], new["sample_count"]) == (True, 2)
    assert (await repository.ended(new))["progress"] == {"processed": 2, "total": 2}
    assert await repository.read("main/new.csv") == (b"q,n,answer\nsay one,007,one\nsay two,,two\n")
    await repository.run(is_sample=True, sample_count=1)
    assert await repository.read("main/q.csv") == (
        b"q,n,answer\nsay one,007,one\nsay two,,\nsay three,x,\n"
    )


async def test_a_sample_may_be_larger_than_the_file(repository: Repository) -> None:
    ended = await repository.run(is_sample=True)  # of 10, by default
    assert (ended["sample_count"], ended["progress"]) == (10, {"processed": 3, "total": 3})


async def test_a_sample_count_without_a_sample_changes_nothing(repository: Repository) -> None:
    ended = await repository.run(sample_count=1)
    assert (ended["is_sample"], ended["sample_count"]) == (False, 1)
    assert ended["progress"] == {"processed": 3, "total": 3}


async def test_a_batch_is_asked_at_once(house: House) -> None:
    rows = "q\n" + "say it\n" * 100
    repository = await house.repository({"q.csv": rows.encode()})
    house.seen.clear()
    await repository.run(model_id="lazy", batch_size=100)
    assert house.seen.most == 100
    house.seen.clear()
    await repository.run(model_id="lazy", batch_size=1, target_column="other")
    assert house.seen.most == 64  # a small batch is no limit on the rows in flight


# Committed, or looked at before


async def test_a_result_may_be_looked_at_before_it_is_committed(repository: Repository) -> None:
    ended = await repository.run(auto_commit=False)
    assert (ended["status"], ended["commit_status"], ended["commit_id"]) == (
        "completed",
        "held",
        None,
    )
    assert await repository.read("main/q.csv") == CSV
    result = await repository.client.get(f"{repository.of(ended)}/result")
    assert result.content.startswith(b"q,n,answer\nsay one,007,one\n")
    assert "q.csv" in result.headers["content-disposition"]

    committed = repository.evaluation(await repository.commit(ended))
    assert (committed["status"], committed["commit_status"]) == ("completed", "committed")
    assert committed["commit_id"] == await repository.head("main")
    assert await repository.read("main/q.csv") == result.content
    again = repository.evaluation(await repository.commit(ended))  # nothing more happens
    assert again["commit_id"] == committed["commit_id"]
    assert len(await repository.messages("main")) == 2


async def test_what_is_held_goes_to_another_branch_with_another_message(
    repository: Repository,
) -> None:
    ended = await repository.run(auto_commit=False, commit_message="as it was meant")
    answer = await repository.commit(ended, commit_message="better", target_branch="looked/at")
    committed = repository.evaluation(answer)
    assert committed["target_branch"] == "looked/at"
    assert await repository.messages("looked/at") == ["better", "Upload q.csv"]
    assert await repository.read("main/q.csv") == CSV


async def test_nothing_is_committed_unless_it_is_asked_for(repository: Repository) -> None:
    body = {name: value for name, value in WANTED.items() if name != "auto_commit"}
    answer = await repository.post("main/q.csv", body)
    ended = await repository.ended(repository.evaluation(answer))
    assert ended["commit_status"] == "held"


async def test_the_commit_says_what_was_done(repository: Repository) -> None:
    ended = await repository.run(commit_message="Äntworten", name="first try")
    assert ended["name"] == "first try"
    assert (await repository.messages("main"))[0] == "Äntworten"
    history = await repository.client.get(f"{repository.address}/commits/history/main")
    assert history.json()["commits"][0]["author"] == ended["created_by"]["name"]
    await repository.run(name="second try", target_column="two")
    assert (await repository.messages("main"))[0] == "second try: two of q.csv"
    unnamed = await repository.run(target_column="three")
    assert unnamed["name"] == "three of q.csv"
    assert "three of q.csv" in (await repository.messages("main"))[0]


# What comes back


async def test_an_evaluation_says_everything_of_itself(
    house: House, repository: Repository
) -> None:
    source = await repository.head("main")
    ended = await repository.run()
    uuid.UUID(ended.pop("id"))
    moments = [
        datetime.fromisoformat(ended.pop(name))
        for name in ("inserted_at", "started_at", "completed_at")
    ]
    assert moments == sorted(moments)
    model = ended.pop("model")
    assert (model["name"], model["provider"]) == ("parrot", "scripted")
    created_by = ended.pop("created_by")
    assert created_by["id"].startswith("user_")
    assert created_by["username"] == created_by["name"]
    assert ended.pop("repository_id").startswith("repo_")
    # A token is four characters here: 1 + 1 + 2 asked, and 1 + 1 + 1 answered.
    assert ended.pop("prompt_tokens_used") == 4
    assert ended.pop("completion_tokens_used") == 3
    assert ended.pop("tokens_used") == 7
    assert ended.pop("credits_used") == pytest.approx(4 * 1000e-6 + 3 * 2000e-6)
    assert ended.pop("commit_id") == await repository.head("main")
    assert ended == {
        "name": "answer of q.csv",
        "status": "completed",
        "prompt": "{q}",
        "input_type": "text",
        "output_type": "text",
        "is_sample": False,
        "sample_count": 10,
        "progress": {"processed": 3, "total": 3},
        "error_message": None,
        "resource": {"path": "q.csv", "version": source},
        "target_branch": "main",
        "target_path": "q.csv",
        "target_column": "answer",
        "cancelled_at": None,
        "commit_status": "committed",
    }


async def test_the_first_answer_is_a_queued_evaluation(repository: Repository) -> None:
    answer = await repository.post("main/q.csv", WANTED)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["status_message"]) == ("success", "resource_created")
    queued = body["evaluation"]
    assert (queued["status"], queued["started_at"], queued["completed_at"]) == (
        "queued",
        None,
        None,
    )
    assert queued["progress"] == {"processed": 0, "total": 3}
    found = await repository.client.get(repository.of(queued))
    assert found.json()["status_message"] == "resource_found"
    await repository.ended(queued)


async def test_it_is_seen_running_and_committing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = await house.repository({"q.csv": b"q\n" + b"say it\n" * 4})
    gate = Gate(monkeypatch)
    started = await repository.start("main/q.csv", model_id="slow")
    seen = []
    while not gate.reached.is_set():
        seen.append(await repository.look(started))
        await asyncio.sleep(0.05)
    running = [it for it in seen if it["status"] == "running"]
    assert {0, 1, 2, 3} & {it["progress"]["processed"] for it in running} >= {1, 2}
    assert all(it["progress"]["total"] == 4 and it["completed_at"] is None for it in seen)
    committing = await repository.look(started)
    assert (committing["status"], committing["progress"]["processed"]) == ("committing", 4)
    gate.opened.set()
    assert (await repository.ended(started))["status"] == "completed"


async def test_rows_without_an_answer_are_counted_and_empty(house: House) -> None:
    repository = await house.repository({"q.csv": b"q\nsay one\nfail\nfail again\n"})
    ended = await repository.run()
    assert ended["status"] == "completed"
    assert ended["error_message"] == "2 of 3 rows have no answer: no"
    assert await repository.read("main/q.csv") == (b"q,answer\nsay one,one\nfail,\nfail again,\n")


async def test_it_is_errored_when_no_row_has_an_answer(repository: Repository) -> None:
    ended = await repository.run(model_id="mute")
    assert (ended["status"], ended["cancelled_at"]) == ("errored", None)
    assert ended["completed_at"] is not None
    assert "never" in ended["error_message"]
    assert "3" in ended["error_message"]
    assert await repository.read("main/q.csv") == CSV
    answer = await repository.client.get(f"{repository.of(ended)}/result")
    assert answer.status_code == 404
    answer = await repository.commit(ended)
    assert (answer.status_code, answer.json()["status"]) == (409, "error")


# Cancelled


async def test_a_cancelled_one_stops_within_a_second_and_stays(house: House) -> None:
    repository = await house.repository({"q.csv": b"q\n" + b"say it\n" * 40})
    started = await repository.start("main/q.csv", model_id="slow")
    while (await repository.look(started))["progress"]["processed"] == 0:
        await asyncio.sleep(0.02)
    cancelled = repository.evaluation(await repository.client.delete(repository.of(started)))
    assert (cancelled["status"], cancelled["completed_at"]) == ("cancelled", None)
    assert cancelled["error_message"] is None
    datetime.fromisoformat(cancelled["cancelled_at"])
    await asyncio.sleep(1)
    asked = len(house.seen.requests)
    await asyncio.sleep(0.7)
    assert len(house.seen.requests) == asked
    later = await repository.look(started)
    assert later["status"] == "cancelled"
    assert 0 < later["progress"]["processed"] < 40
    assert await repository.read("main/q.csv") == b"q\n" + b"say it\n" * 40
    again = await repository.client.delete(repository.of(started))
    assert (again.status_code, again.json()["status_message"]) == (409, "conflict")


async def test_one_that_is_cancelled_at_the_last_moment_is_not_committed(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    started = await repository.start("main/q.csv")
    await gate.reached.wait()
    cancelled = repository.evaluation(await repository.client.delete(repository.of(started)))
    assert cancelled["status"] == "cancelled"
    gate.opened.set()
    async with asyncio.timeout(20):
        while (later := await repository.look(started))["commit_status"] == "waiting":
            await asyncio.sleep(0.05)
    assert (later["status"], later["commit_status"], later["commit_id"]) == (
        "cancelled",
        "held",
        None,
    )
    assert await repository.read("main/q.csv") == CSV


# Found again


async def test_they_are_listed_newest_first(house: House, repository: Repository) -> None:
    other = await house.repository({"q.csv": CSV})
    names = ["one", "two", "three"]
    made = [await repository.run(name=name, target_column=name) for name in names]
    await other.run()
    answer = await repository.client.get(f"{repository.address}/evaluations")
    assert answer.status_code == 200
    listed = answer.json()
    assert [it["name"] for it in listed["evaluations"]] == names[::-1]
    assert listed["evaluations"][0] == made[-1]
    assert listed["has_more"] is False
    page = await repository.client.get(
        f"{repository.address}/evaluations", params={"page": 2, "page_size": 1}
    )
    assert [it["name"] for it in page.json()["evaluations"]] == ["two"]
    assert page.json()["has_more"] is True
    elsewhere = await other.client.get(f"{other.address}/evaluations/{made[0]['id']}")
    assert elsewhere.status_code == 404


# Revisions


async def test_the_source_may_be_a_commit(repository: Repository) -> None:
    before = await repository.head("main")
    await repository.put("main", {"q.csv": b"q\nsay else\n"})
    ended = await repository.run(f"{before}/q.csv", target_branch="old")
    assert ended["resource"] == {"path": "q.csv", "version": before}
    assert (await repository.read("old/q.csv")).startswith(b"q,n,answer\nsay one,007,one\n")
    answer = await repository.post(f"{before}/q.csv", WANTED)
    assert answer.status_code == 400
    assert "target_branch" in answer.json()["status_description"]


async def test_a_branch_may_have_slashes(repository: Repository) -> None:
    head = await repository.head("main")
    for name in ("exp", "exp/one"):
        await repository.client.post(
            f"{repository.address}/branches", json={"new_name": name, "commit_id": head}
        )
    await repository.put("exp", {"one/q.csv": b"q\nsay exp\n"})
    await repository.put("exp/one", {"in/q.csv": b"q\nsay one\n"})
    ended = await repository.run("exp/one/in/q.csv")
    assert (ended["target_branch"], ended["resource"]["path"]) == ("exp/one", "in/q.csv")
    assert await repository.read("exp/one/in/q.csv") == b"q,answer\nsay one,one\n"


async def test_what_else_happened_on_the_branch_is_kept(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    started = await repository.start("main/q.csv")
    await gate.reached.wait()
    await repository.put("main", {"more.txt": b"more"})
    gate.opened.set()
    assert (await repository.ended(started))["status"] == "completed"
    assert await repository.read("main/more.txt") == b"more"
    assert len(await repository.messages("main")) == 3


async def test_a_target_that_changed_meanwhile_is_a_conflict_and_the_result_is_kept(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)
    started = await repository.start("main/q.csv", commit_message="late")
    await gate.reached.wait()
    await repository.put("main", {"q.csv": b"q\nsay else\n"})
    gate.opened.set()
    ended = await repository.ended(started)
    assert (ended["status"], ended["commit_status"]) == ("errored", "conflict")
    assert "'q.csv' on the branch 'main' has changed" in ended["error_message"]
    assert "another branch" in ended["error_message"]
    assert await repository.read("main/q.csv") == b"q\nsay else\n"
    result = await repository.client.get(f"{repository.of(ended)}/result")
    assert result.content.startswith(b"q,n,answer\nsay one,007,one\n")

    refused = await repository.commit(ended)
    assert refused.status_code == 409
    assert "has changed" in refused.json()["status_description"]
    settled = repository.evaluation(await repository.commit(ended, target_branch="late"))
    assert (settled["status"], settled["error_message"]) == ("completed", None)
    assert (settled["commit_status"], settled["target_branch"]) == ("committed", "late")
    assert await repository.read("late/q.csv") == result.content
    assert await repository.messages("late") == ["late", "Upload q.csv"]

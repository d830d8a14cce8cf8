"""Benchmarks and documents: uploaded, written, followed, read, refused."""

import asyncio
import io
from typing import Any

import httpx2
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dialects.nugen.conftest import MODELS, PNG, QUESTIONS, TOWN, Api


async def ready(api: Api, benchmark: str) -> dict[str, Any]:
    for _ in range(1_000):
        status: dict[str, Any] = await api.get(f"/benchmark/status/{benchmark}")
        if status["status"] != "PROCESSING":
            return status
        await asyncio.sleep(0.05)
    raise AssertionError(status)


def as_parquet(rows: list[dict[str, str]]) -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), made)
    return made.getvalue()


class TestUploading:
    async def test_a_file_of_questions_is_ready_at_once(self, api: Api) -> None:
        answer = await api.upload(QUESTIONS, description="five capitals")
        assert answer.status_code == 200
        found = answer.json()
        assert found["benchmark_id"] == found["id"]
        assert (found["benchmark_name"], found["name"]) == ("capitals", "capitals")
        assert (found["status"], found["num_questions"]) == ("READY", 5)
        assert found["questions"][0] == {
            "question_num": 1,
            "question": "The capital of France?",
            "answer": "Paris",
            "image_url": None,
        }
        status = await ready(api, found["id"])
        assert status["start_time"]
        assert status["end_time"]
        data = await api.get(f"/benchmark/{found['id']}/data")
        assert data["questions"] == found["questions"]
        assert data["source"] == "uploaded"
        assert data["metadata"] == {
            "type": "uploaded",
            "name": "capitals",
            "description": "five capitals",
            "original_filename": "questions.json",
        }
        for key in ("s3_key", "s3_url", "document_ids", "created_at", "updated_at", "error"):
            assert key in data

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("q.jsonl", b'{"instruction": "a", "response": "b", "sample_num": 3}\n'),
            ("q.csv", b"question,answer\na,b\n"),
            ("q.parquet", as_parquet([{"question": "a", "answer": "b"}])),
            ("Q.JSON", b'[{"question_num": 3, "question": "a", "answer": "b"}]'),
        ],
    )
    async def test_other_forms_are_taken(self, api: Api, name: str, data: bytes) -> None:
        answer = await api.upload(data, name)
        assert answer.status_code == 200, answer.text
        [question] = answer.json()["questions"]
        assert (question["question"], question["answer"]) == ("a", "b")

    async def test_the_names_of_the_newest_generation_are_taken(self, api: Api) -> None:
        answer = await api.client.post(
            "/benchmarks/upload/",
            files={"file": ("q.json", orjson.dumps(QUESTIONS))},
            data={"benchmark_name": "mine"},
        )
        assert answer.json()["benchmark_name"] == "mine"
        benchmark = answer.json()["id"]
        assert (await api.get(f"/benchmarks/{benchmark}/status"))["status"] == "READY"
        assert (await api.get(f"/benchmarks/{benchmark}/data"))["num_questions"] == 5

    @pytest.mark.parametrize(
        ("name", "data", "words"),
        [
            ("q.json", b"[]", "no rows"),
            ("q.json", b"{", "not JSON"),
            ("q.json", b'[{"question": "a"}]', "item 1 has no `answer`"),
            ("q.json", b'[{"question": "a", "answer": "b"}, {"question": "a", "answer": null}]',
             "item 2, `answer`"),
            ("q.json", b'[{"question": "a", "answer": "b", "image_url": "x.png"}]', "image_url"),
            ("q.pdf", b"%PDF", "supported are json"),
            ("q.parquet", b"PAR1", "parquet"),
            ("q.csv", b"question,answer\na\n", "line 2"),
        ],
    )  # fmt: skip
    async def test_what_is_malformed_says_item_and_field(
        self, api: Api, name: str, data: bytes, words: str
    ) -> None:
        answer = await api.upload(data, name)
        assert answer.status_code == 400, answer.text
        assert words in answer.json()["detail"]
        assert (await api.get("/benchmark/list"))["benchmarks"] == []

    async def test_too_large_a_file(self, api: Api) -> None:
        rows = [{"question": "q" * 1_000, "answer": "a"} for _ in range(3_000)]
        answer = await api.upload(rows)
        assert answer.status_code == 413
        assert isinstance(answer.json()["detail"], str)

    async def test_no_file_no_document_and_no_form(self, api: Api) -> None:
        without = await api.client.post("/benchmark/upload", files={"x": (None, "y")})
        assert without.status_code == 422
        assert without.json()["detail"][0]["loc"] == ["body", "file"]
        lost = await api.upload(QUESTIONS, document_id="doc_none")
        assert lost.status_code == 404
        assert "doc_none" in lost.json()["detail"]
        no_form = await api.client.post("/benchmark/upload", json={})
        assert no_form.status_code == 415
        assert isinstance(no_form.json()["detail"], str)

    async def test_benchmarks_are_listed_page_by_page(self, api: Api) -> None:
        made = [await api.benchmark() for _ in range(3)]
        found = await api.get("/benchmark/list")
        assert [it["id"] for it in found["benchmarks"]] == made[::-1]
        assert found["total"] == 3
        assert set(found["benchmarks"][0]) >= {
            "id", "benchmark_name", "status", "documents", "num_questions", "created_at",
            "updated_at",
        }  # fmt: skip
        page = await api.get("/benchmarks", limit=1, offset=2)
        assert [it["id"] for it in page["benchmarks"]] == made[:1]

    async def test_images_are_kept(self, api: Api) -> None:
        benchmark = await api.benchmark([{**QUESTIONS[0], "image_url": PNG}])
        data = await api.get(f"/benchmark/{benchmark}/data")
        assert data["questions"][0]["image_url"] == PNG


class TestWriting:
    async def test_one_that_is_being_written_cannot_be_evaluated_yet(self, api: Api) -> None:
        document = await api.document(TOWN)
        answer = await api.client.post(
            "/benchmark/create", json={"documents": [document], "num_questions": 2}
        )
        assert answer.status_code == 200
        made = answer.json()
        assert made["status"] == "PROCESSING"
        assert made["benchmark_name"] == f"generated_{made['benchmark_id']}"
        early = await api.start(model_id="capital", benchmark_id=made["benchmark_id"])
        assert early.status_code == 409
        assert "PROCESSING" in early.json()["detail"]
        status = await api.get(f"/benchmark/status/{made['benchmark_id']}")
        assert (status["status"], status["end_time"]) == ("PROCESSING", None)
        assert (await api.get(f"/benchmark/{made['benchmark_id']}/data"))["questions"] == []

    @pytest.mark.usefixtures("working")
    async def test_questions_are_written_from_documents_and_can_be_evaluated(
        self, api: Api
    ) -> None:
        document = await api.document(TOWN)
        answer = await api.client.post(
            "/benchmarks/create/",
            json={"document_ids": [document], "n_samples": 4, "benchmark_name": "town"},
        )
        benchmark = answer.json()["benchmark_id"]
        status = await ready(api, benchmark)
        assert status["status"] == "READY"
        assert "3 of 4 questions may stay" in status["error"]
        data = await api.get(f"/benchmark/{benchmark}/data")
        assert data["document_ids"] == [document]
        assert (data["benchmark_name"], data["source"]) == ("town", "generated")
        assert {it["answer"] for it in data["questions"]} == {"1843", "Anna Lindqvist", "lightning"}
        found = await api.results(model_id="capital", benchmark_id=benchmark)
        assert found["metrics"]["total_questions"] == 3

    @pytest.mark.usefixtures("working")
    async def test_a_generator_that_is_no_good_fails_it(self, api: Api) -> None:
        document = await api.document("A text that says nothing of the town. " * 5)
        answer = await api.client.post(
            "/benchmark/create", json={"documents": [document], "num_questions": 1}
        )
        benchmark = answer.json()["benchmark_id"]
        status = await ready(api, benchmark)
        assert status["status"] == "FAILED"
        assert "its quote does not stand in the passage" in status["error"]
        refused = await api.start(model_id="capital", benchmark_id=benchmark)
        assert refused.status_code == 400
        assert "has no questions" in refused.json()["detail"]

    @pytest.mark.parametrize(
        ("body", "status", "loc"),
        [
            ({"num_questions": 2}, 422, ["body", "documents"]),
            ({"documents": [], "num_questions": 2}, 422, ["body", "documents"]),
            ({"documents": ["doc_none"], "num_questions": 2}, 404, None),
            ({"documents": ["doc_none"], "num_questions": 0}, 422, ["body", "num_questions"]),
            ({"documents": ["doc_none"], "num_questions": "2"}, 422, ["body", "num_questions"]),
            ({"documents": "doc_none", "num_questions": 2}, 422, ["body", "documents"]),
        ],
    )
    async def test_what_cannot_be_written_is_refused(
        self, api: Api, body: dict[str, Any], status: int, loc: list[str] | None
    ) -> None:
        answer = await api.client.post("/benchmark/create", json=body)
        assert answer.status_code == status, answer.text
        if loc:
            assert answer.json()["detail"][0]["loc"] == loc


class TestAJudgeThatIsSet:
    @pytest.fixture
    def models(self) -> str:
        return MODELS.replace("[defaults]", '[defaults]\njudge = "judge"')

    @pytest.mark.usefixtures("working")
    async def test_says_which_questions_may_stay(self, api: Api) -> None:
        document = await api.document(TOWN)
        answer = await api.client.post(
            "/benchmark/create", json={"documents": [document], "num_questions": 4}
        )
        benchmark = answer.json()["benchmark_id"]
        assert "the judge did not let it pass" in (await ready(api, benchmark))["error"]
        data = await api.get(f"/benchmark/{benchmark}/data")
        assert {it["answer"] for it in data["questions"]} == {"1843", "Anna Lindqvist"}


class TestDocuments:
    async def test_a_document_is_ready_when_it_is_taken_in(self, api: Api) -> None:
        answer = await api.client.post(
            "/documents/",
            files=[("files", ("town.md", TOWN.encode())), ("files", ("b.html", b"<p>Hello</p>"))],
            data={"categories": '["history", "scales"]', "names": "The town"},
        )
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert len(found["document_ids"]) == 2
        first = await api.get(f"/documents/{found['document_ids'][0]}")
        assert (first["name"], first["status"]) == ("The town", "READY")
        assert first["categories"] == ["history", "scales"]
        second = await api.get(f"/documents/{found['document_ids'][1]}/status")
        assert (second["name"], second["type"]) == ("b.html", "html")
        listed = await api.get("/documents/list", limit=1)
        assert (len(listed["documents"]), listed["total"]) == (1, 2)

    @pytest.mark.parametrize(
        ("name", "data", "words"),
        [
            ("a.exe", b"MZ", "supported are"),
            ("a.pdf", b"%PDF-1.4 rubbish", "cannot be read as pdf"),
            ("a.txt", b"", "holds no text"),
        ],
    )
    async def test_what_cannot_be_read_is_refused(
        self, api: Api, name: str, data: bytes, words: str
    ) -> None:
        answer = await api.client.post("/documents", files={"files": (name, data)})
        assert answer.status_code == 400
        assert words in answer.json()["detail"]
        assert (await api.get("/documents"))["documents"] == []

    async def test_no_file_and_too_large_a_file(self, api: Api) -> None:
        without = await api.client.post("/documents", files={"x": (None, "y")})
        assert without.json()["detail"][0]["loc"] == ["body", "files"]
        large = await api.client.post("/documents", files={"files": ("a.txt", b"x" * (3 << 20))})
        assert large.status_code == 413

    async def test_one_that_is_not_there(self, api: Api) -> None:
        assert (await api.client.get("/documents/doc_none")).status_code == 404


async def test_models_are_listed_and_found(api: Api) -> None:
    found = await api.get("/models/base")
    assert {"capital", "atlas", "embedded"} <= {it["model_id"] for it in found["models"]}
    assert (await api.get("/models/aligned"))["domain_aligned_models"] == []
    assert (await api.get("/models/city"))["model_id"] == "capital"
    lost = await api.client.get("/models/none")
    assert lost.status_code == 404
    assert "Names that work" in lost.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/alignment-project/create"),
        ("GET", "/alignment-projects/x/status"),
        ("POST", "/models/deploy-model/x"),
        ("DELETE", "/models/x/deployment"),
    ],
)
async def test_training_and_deploying_are_refused_by_name(
    client: httpx2.AsyncClient, method: str, path: str
) -> None:
    answer = await client.request(method, path, json={})
    assert answer.status_code == 501
    assert "here" in answer.json()["detail"]

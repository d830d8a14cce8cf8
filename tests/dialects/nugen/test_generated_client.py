"""A client that was generated from the vendor's description, against a server in another process;
what the description does not have is plain HTTP, as in the vendor's own examples."""

import json
import os
import subprocess
from pathlib import Path

from dialects.nugen.conftest import MODELS, QUESTIONS, TOWN
from support.nugen_openapi import DESCRIPTION
from support.oxen_client import KEY, PYTHON, serving

STORY = """
import json, os, time
import requests
from nugen_client import AuthenticatedClient
from nugen_client.api.evaluations import create_evaluation
from nugen_client.models import CreateEvaluationRequest, HTTPValidationError
from nugen_client.models import CreateEvaluationRequestCustomMetricsType0 as Custom

BASE = f"http://{os.environ['HOST']}"
HEADERS = {"Authorization": f"Bearer {os.environ['KEY']}"}

def wait(path):
    while True:
        status = requests.get(f"{BASE}/api/v3{path}", headers=HEADERS, timeout=30).json()
        if status["status"] in ("READY", "FAILED"):
            return status
        time.sleep(0.1)

# Upload a document, have a benchmark written, and upload another.
document = requests.post(f"{BASE}/api/v3/documents", headers=HEADERS, timeout=60,
                         files={"files": open("town.txt", "rb")},
                         data={"categories": "history"}).json()["document_id"]
wait(f"/documents/{document}")
written = requests.post(f"{BASE}/api/v3/benchmark/create", headers=HEADERS, timeout=30,
                        json={"documents": [document], "num_questions": 3}).json()["benchmark_id"]
wait(f"/benchmark/status/{written}")
uploaded = requests.post(f"{BASE}/api/v3/benchmark/upload", headers=HEADERS, timeout=30,
                         files={"file": open("questions.json", "rb")},
                         data={"name": "capitals", "document_id": document}).json()["benchmark_id"]

with AuthenticatedClient(base_url=BASE, token=os.environ["KEY"]) as client:
    def begin(**fields):
        body = CreateEvaluationRequest(**fields)
        return create_evaluation.sync_detailed(client=client, body=body)
    one = begin(model_id="capital", benchmark_id=written)
    custom = Custom.from_dict({"close": {"scorer": "edit"}})
    two = begin(model_id="capital", model_id_2="atlas", benchmark_id=uploaded,
                custom_metrics=custom)
    bad = begin(model_id="capital", benchmark_id=uploaded,
                custom_metrics=Custom.from_dict({"nothing": {}}))

found = {"status": one.parsed.status, "message": one.parsed.message, "bad": bad.status_code,
         "loc": bad.parsed.detail[0].loc, "is_error": isinstance(bad.parsed, HTTPValidationError)}
for name, begun in (("one", one.parsed), ("two", two.parsed)):
    wait(f"/evaluations/{begun.evaluation_id}/status")
    found[name] = requests.get(f"{BASE}/api/v3/evaluations/{begun.evaluation_id}/results",
                               headers=HEADERS, timeout=30).json()
print(json.dumps(found))
"""


def generated(folder: Path) -> None:
    """The package `nugen_client` in a folder."""
    (folder / "openapi.json").write_text(json.dumps(DESCRIPTION))
    (folder / "config.yaml").write_text(
        "package_name_override: nugen_client\nproject_name_override: nugen-client\npost_hooks: []\n"
    )
    subprocess.run(
        [
            *(str(PYTHON), "-m", "openapi_python_client", "generate"),
            *("--path", "openapi.json", "--config", "config.yaml", "--meta", "none"),
            *("--output-path", "nugen_client"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=120,
    )


def test_the_story_of_a_generated_client(tmp_path: Path) -> None:
    generated(tmp_path)
    (tmp_path / "town.txt").write_text(TOWN)
    (tmp_path / "questions.json").write_text(json.dumps(QUESTIONS))
    with serving(tmp_path, models=MODELS) as server:
        ended = subprocess.run(
            [str(PYTHON), "-W", "ignore", "-c", STORY],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOST": server.host, "KEY": KEY},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = json.loads(ended.stdout)
    assert found["status"] == "PROCESSING"
    assert found["message"] == "Evaluation created successfully and queued for execution"
    assert (found["bad"], found["is_error"]) == (422, True)
    assert found["loc"] == ["body", "custom_metrics", "nothing"]
    assert found["one"]["metrics"]["total_questions"] == 3
    assert found["two"]["method"] == "eval-compare"
    rows = {row["metric"]: row for row in found["two"]["comparison"]["metrics"]}
    assert rows["binary_correctness_mean"]["improvement_%"] == 66.67
    assert "close_mean" in rows

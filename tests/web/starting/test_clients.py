"""What the form prints is run as it stands: in a shell, by our SDK, by the vendors' own clients,
against a server in another process."""

import html
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from support import aymara_client
from support import dataframer_world as world
from support.oxen_client import KEY, PYTHON, serving

MODELS = (
    world.MODELS
    + r"""
[[models]]
name = "kind-ai"
protocol = "scripted"
replies = ["I am sorry, but I can't help with that."]
"""
)
SCRIPTS = Path(sys.executable).parent


@dataclass
class Printed:
    """Somebody who looks at the form, and runs what it prints.

    Attributes:
        folder: where it is run.
    """

    host: str
    client: httpx2.Client
    folder: Path
    token: str = ""

    def get(self, path: str) -> str:
        text = self.client.get(path, follow_redirects=True).text
        self.token = re.findall(r'name="csrf" value="([^"]+)"', text)[0]
        return text

    def recipe(self, title: str, **fields: Any) -> str:
        """A recipe for a form that is filled in so."""
        if not self.token:
            self.get("/start")
        answer = self.client.post("/start", data={"csrf": self.token, "do": "check", **fields})
        assert answer.status_code == 200, answer.text[-4000:]
        found = re.search(
            rf"<summary>{re.escape(title)}</summary>.*?<pre id=[^>]*>(.*?)</pre>",
            answer.text.replace("&#39;", "'"),
            re.DOTALL,
        )
        assert found, answer.text[-4000:]
        return html.unescape(found[1])

    def run(self, *command: str) -> str:
        """What a command printed; it must end well."""
        ended = subprocess.run(
            command,
            cwd=self.folder,
            env={
                **{name: it for name, it in os.environ.items() if "WEIGHBRIDGE" not in name},
                "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
                "HOME": str(self.folder),
                "WEIGHBRIDGE_API_KEY": KEY,
                "WEIGHBRIDGE_DATA": str(self.folder / "nothing"),
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
        return ended.stdout

    def api(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {KEY}"}
        return self.client.get(f"/api/v1{path}", headers=headers).json()


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Printed]:
    folder = tmp_path_factory.mktemp("served")
    world.write_scripts(folder)
    with serving(folder, models=MODELS) as server, looking_at(server.host, folder) as somebody:
        yield somebody


@contextmanager
def looking_at(host: str, folder: Path) -> Iterator[Printed]:
    """Somebody who has logged in at a server."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    headers = {"Accept": "text/html"}
    with httpx2.Client(base_url=f"http://{host}", headers=headers, timeout=60) as client:
        somebody = Printed(host, client, elsewhere)
        somebody.get("/login")
        client.post("/login", data={"csrf": somebody.token, "key": KEY})
        somebody.get("/start")
        yield somebody


def test_curl_python_and_command_line_start_the_same_work(printed: Printed) -> None:
    cases = (
        'cases:\n- {id: a, q: "it\'s $HOME", answer: no}\n- {id: b, q: \'`x` "y"\', answer: no}\n'
    )
    yaml = f"{cases}id: id\nmodel: kind-ai\nprompt: '{{q}}'\ntarget: answer\nscorers: [exact]\n"
    fields = {"kind": "plain", "view": "yaml", "yaml": yaml}
    printed.run("bash", "-ec", printed.recipe("curl", **fields))
    (printed.folder / "script.py").write_text(printed.recipe("Python", **fields))
    said = printed.run(sys.executable, "script.py")
    assert "kind-ai" in said
    assert "n_scored=2" in said
    printed.run("bash", "-ec", printed.recipe("Command line", **fields))
    runs = printed.api("/runs")["data"][:3]
    assert len({run["pin"] for run in runs}) == 1
    assert len({run["evaluation"]["id"] for run in runs}) == 3


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="`make clients` has not been run")
def test_aymaras_own_client_does_the_whole_loop(tmp_path: Path) -> None:
    fields = {
        "kind": "safety",
        "eval_type": "safety",
        "ai_description": "A clerk of a bakery.",
        "language": "en",
        "prompts": "3",
        "own_policy": "Do not insult customers.",
        "models": "kind-ai",
        "system_prompt": "Be kind.",
    }
    with aymara_client.serving(tmp_path) as server, looking_at(server.host, tmp_path) as somebody:
        script = somebody.recipe("Python with Aymara's client", **fields)
        said = somebody.run(str(PYTHON), "-W", "ignore", "-c", script)
        assert said.splitlines()[-1] == "1.0 3"


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="`make clients` has not been run")
def test_dataframers_own_client_makes_the_spec_and_the_samples(printed: Printed) -> None:
    script = printed.recipe(
        "Python with DataFramer's client",
        kind="samples",
        name="letters",
        objectives="Letters to a shop",
        spec_model="writer",
    ).replace("'number_of_samples': 20", "'number_of_samples': 3")
    assert printed.run(str(PYTHON), "-W", "ignore", "-c", script).startswith("SUCCEEDED 3")
    spec_id = re.findall(r'<option value="(dspec_\w+)"', printed.get("/start?kind=samples"))[0]
    fields = {"kind": "samples", "spec_id": spec_id, "number_of_samples": "2"}
    again = printed.recipe("Python with DataFramer's client", **fields)
    assert printed.run(str(PYTHON), "-W", "ignore", "-c", again).startswith("SUCCEEDED 2")
    assert '"status":"PENDING"' in printed.run(
        "bash", "-ec", printed.recipe("curl", **fields)
    ).replace(" ", "")


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="`make clients` has not been run")
def test_a_column_comes_back_by_oxens_own_client_and_by_the_command_line(printed: Printed) -> None:
    (printed.folder / "q.csv").write_text("q\nja\n")
    server = f"http://{printed.host}"
    put = "from weighbridge import Client\nfrom pathlib import Path\n"
    put += f"with Client({server!r}) as c:\n    c.repositories.create('ns/data')\n"
    put += "    c.repositories.put('ns/data', 'q.csv', Path('q.csv'))\n"
    printed.run(sys.executable, "-c", put)
    fields = {
        "kind": "column",
        "repository": "ns/data",
        "revision": "main",
        "path": "q.csv",
        "prompt": "{q}",
        "input_type": "text",
        "output_type": "text",
        "model_id": "kind-ai",
        "target_column": "said",
        "target_branch": "results",
        "auto_commit": "yes",
    }
    script = printed.recipe("Python with Oxen's client", **fields)
    begin, _, fetch = script.partition("# When it is completed")
    head = begin.partition("begun =")[0]
    printed.run(str(PYTHON), "-W", "ignore", "-c", begin)
    deadline = time.monotonic() + 30
    while printed.api("/runs")["data"][0]["status"] not in ("succeeded", "failed"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    printed.run(str(PYTHON), "-W", "ignore", "-c", f"{head}\n# {fetch}")
    assert "I am sorry" in (printed.folder / "answers").read_text()
    printed.run(
        "bash", "-ec", printed.recipe("Command line", **{**fields, "target_branch": "again"})
    )
    runs = printed.api("/runs")["data"][:2]
    assert len({run["pin"] for run in runs}) == 1

"""docs/tutorial-oxen.md, run as it stands by the official client against a server."""

import os
import re
import subprocess
from pathlib import Path

from support.oxen_client import KEY, PYTHON, serving

PAGE = (Path(__file__).parents[1] / "docs" / "tutorial-oxen.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_tutorial_runs_as_it_stands(tmp_path: Path) -> None:
    [models] = blocks("toml")
    [sorted_] = blocks("csv")
    (tmp_path / "home").mkdir()
    with serving(tmp_path, models=models) as server:
        ended = subprocess.run(
            [str(PYTHON), "-W", "ignore", "-c", "\n".join(blocks("python"))],
            cwd=tmp_path / "home",
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path / "home"),
                "WEIGHBRIDGE_HOST": server.host,
                "WEIGHBRIDGE_KEY": KEY,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "1 of 4 rows have no answer: the model reads no ø" in ended.stdout
    assert "completed {'processed': 4, 'total': 4}" in ended.stdout
    assert sorted_ in ended.stdout
    assert "['main', 'sample', 'sorted/first']" in ended.stdout
    assert re.search(r"^[1-9]\d* bytes of parquet$", ended.stdout, re.MULTILINE)
    assert float(ended.stdout.split("ø\n")[1].split()[0]) > 0  # what it cost

"""`weighbridge report`: files to take away."""

import json
from pathlib import Path

from cli.command_line import Cli


def ran(cli: Cli, *more: str) -> list[str]:
    said = cli("run", "qa.yaml", "--json", *more)
    return [json.loads(line)["id"] for line in said.out.splitlines()]


def test_a_run_is_written_as_html_and_as_markdown(cli: Cli, folder: Path) -> None:
    [run_id] = ran(cli)
    said = cli("report", run_id, "--html", "r.html", "--markdown", "r.md")
    assert (said.code, said.out) == (0, "")
    assert "wrote r.html" in said.err
    html = (folder / "r.html").read_text()
    assert html.startswith("<!doctype html>")
    assert run_id in html
    assert "Plotly" in html
    assert "# capitals" in (folder / "r.md").read_text()


def test_without_a_file_markdown_is_printed(cli: Cli) -> None:
    ran(cli)
    said = cli("report", "latest")
    assert said.code == 0
    assert said.out.startswith("# capitals")
    assert "## Result" in said.out
    assert said.out == cli("report", "latest", "--markdown", "-").out or "Made by" in said.out


def test_several_runs_are_compared_with_the_first(cli: Cli) -> None:
    runs = ran(cli, "--model", "parrot", "--model", "cat")
    said = cli("report", *runs, "--scorer", "exact")
    assert said.code == 0
    assert said.out.startswith("# Comparison: capitals")
    assert "## What changed" in said.out


def test_what_makes_no_sense_is_refused(cli: Cli, folder: Path) -> None:
    [run_id] = ran(cli)
    assert cli("report").code == 2
    assert cli("report", "run_none").code == 1
    assert cli("report", run_id, "--scorer", "exact").code == 2
    assert cli("report", run_id, run_id).code != 0
    said = cli("report", run_id, "--html", "none/r.html")
    assert said.code != 0
    assert "cannot write" in said.err
    assert not (folder / "none").exists()

"""`weighbridge repos`: versioned data from the command line, here and through a server."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cli.command_line import KEY, Cli
from weighbridge.cli import repos

BINARY = bytes(range(256)) * 9


@pytest.fixture(params=["here", "server"])
def anywhere(request: pytest.FixtureRequest, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line over an empty repository `ns/r`, working here and through a server."""
    call: Cli = cli
    if request.param == "server":
        url = request.getfixturevalue("url")
        monkeypatch.setenv("WEIGHBRIDGE_API_KEY", KEY)

        def call(*arguments: str) -> Any:
            return cli(*arguments, "--server", url)

        call("repos", "delete", "ns/r", "--yes")
    assert call("repos", "create", "ns/r", "--description", "for tests").code == 0
    return call


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def good(said: Any) -> str:
    assert said.code == 0, said.err
    out: str = said.out
    return out


def test_files_are_put_listed_shown_and_saved(anywhere: Cli, folder: Path) -> None:
    (folder / "b.bin").write_bytes(BINARY)
    done = good(anywhere("repos", "put", "ns/r:data/", "questions.csv", "b.bin", "-m", "first"))
    assert re.fullmatch(r"[0-9a-f]{32}  main  first\n", done)
    listed = lines(good(anywhere("repos", "ls", "ns/r", "--recursive", "--json")))
    assert [it["path"] for it in listed] == ["data/b.bin", "data/questions.csv"]
    assert listed[1]["frame"]["rows"] == 3
    table = good(anywhere("repos", "ls", "ns/r:data"))
    assert "id, country, capital" in table
    assert "first" in table
    good(anywhere("repos", "get", "ns/r:data/b.bin", "copy.bin"))
    assert (folder / "copy.bin").read_bytes() == BINARY
    text = good(anywhere("repos", "cat", "ns/r:data/questions.csv"))
    assert text == (folder / "questions.csv").read_text()


def test_a_file_gets_the_path_that_is_named(anywhere: Cli, folder: Path) -> None:
    good(anywhere("repos", "put", "ns/r:data/q.csv", "questions.csv"))
    good(anywhere("repos", "put", "ns/r:data", "questions.csv"))  # a folder by now
    good(anywhere("repos", "put", "ns/r", "qa.yaml"))
    (folder / "more" / "deep").mkdir(parents=True)
    (folder / "more" / "deep" / "x.txt").write_text("x")
    good(anywhere("repos", "put", "ns/r@main:all", "more"))
    listed = lines(good(anywhere("repos", "ls", "ns/r", "-r", "--json")))
    assert [it["path"] for it in listed] == [
        "all/more/deep/x.txt", "data/q.csv", "data/questions.csv", "qa.yaml",
    ]  # fmt: skip


def test_a_folder_is_saved_whole_and_nothing_is_replaced_unasked(
    anywhere: Cli, folder: Path
) -> None:
    good(anywhere("repos", "put", "ns/r:a/b/", "questions.csv", "qa.yaml"))
    good(anywhere("repos", "get", "ns/r:a", "saved"))
    assert (folder / "saved/b/questions.csv").read_text() == (folder / "questions.csv").read_text()
    (folder / "saved/b/qa.yaml").write_text("mine")
    (folder / "saved/b/questions.csv").unlink()
    said = anywhere("repos", "get", "ns/r:a", "saved")
    assert (said.code, "--force" in said.err) == (1, True)
    assert not (folder / "saved/b/questions.csv").exists()
    assert (folder / "saved/b/qa.yaml").read_text() == "mine"
    good(anywhere("repos", "get", "ns/r:a", "saved", "--force"))
    assert (folder / "saved/b/qa.yaml").read_text() != "mine"
    assert sorted(it.name for it in (folder / "saved/b").iterdir()) == ["qa.yaml", "questions.csv"]


def test_branches_differ_and_are_merged(anywhere: Cli, folder: Path) -> None:
    good(anywhere("repos", "put", "ns/r:q.csv", "questions.csv"))
    said = anywhere("repos", "branch", "ns/r", "exp/one")
    assert (said.code, said.err.startswith("exp/one is at ")) == (0, True)
    (folder / "questions.csv").write_text("id,country,river\nfr,France,Seine\n")
    good(anywhere("repos", "put", "ns/r@exp/one:q.csv", "questions.csv"))
    table = good(anywhere("repos", "diff", "ns/r@main", "exp/one"))
    assert "3 → 1" in table
    assert "+river, -capital" in table
    [change] = lines(good(anywhere("repos", "diff", "ns/r", "exp/one", "--json")))
    assert change["frame"]["columns_added"] == {"river": "string"}
    said = anywhere("repos", "merge", "ns/r", "exp/one", "--dry-run")
    assert (said.out, "by moving the branch: 1 commits" in said.err) == ("set       q.csv\n", True)
    good(anywhere("repos", "merge", "ns/r", "exp/one"))
    assert "nothing differs" in anywhere("repos", "diff", "ns/r", "exp/one").err
    assert "river" in good(anywhere("repos", "cat", "ns/r:q.csv"))
    assert "nothing to do" in anywhere("repos", "merge", "ns/r", "exp/one").err
    branches = lines(good(anywhere("repos", "branches", "ns/r", "--json")))
    assert len({it["commit_id"] for it in branches}) == 1
    good(anywhere("repos", "branch", "ns/r", "exp/one", "--delete"))
    assert "exp/one" not in good(anywhere("repos", "branches", "ns/r"))


def test_rows_of_one_file_are_compared_by_key(anywhere: Cli, folder: Path) -> None:
    good(anywhere("repos", "put", "ns/r:q.csv", "questions.csv"))
    good(anywhere("repos", "branch", "ns/r", "next"))
    lines_ = (folder / "questions.csv").read_text().splitlines()
    country, rest = lines_[1].split(",", 1)
    changed = [lines_[0], f"{country},X{rest}", *lines_[:1:-1]]
    (folder / "questions.csv").write_text("\n".join(changed) + "\n")
    good(anywhere("repos", "put", "ns/r@next:q.csv", "questions.csv"))
    said = anywhere("repos", "diff", "ns/r:q.csv", "next", "--key", lines_[0].split(",")[0])
    assert "0 added, 0 removed, 1 changed, 2 the same" in said.err
    assert f"X{rest.split(',')[0]}" in good(said)
    whole = lines(good(anywhere("repos", "diff", "ns/r:q.csv", "next", "--rows", "--json")))
    assert whole[0]["rows"]["align"] == "position"
    (folder / "a.txt").write_text("one\n")
    good(anywhere("repos", "put", "ns/r:a.txt", "a.txt"))
    assert good(anywhere("repos", "diff", "ns/r@next:a.txt", "main", "--rows")) == "+ one\n"
    assert anywhere("repos", "diff", "ns/r", "next", "--rows").code == 2
    assert anywhere("repos", "diff", "ns/r:q.csv", "next", "--key", "none").code != 0


def test_a_merge_of_a_file_that_both_changed_is_refused(anywhere: Cli, folder: Path) -> None:
    good(anywhere("repos", "put", "ns/r", "questions.csv"))
    good(anywhere("repos", "branch", "ns/r", "next"))
    for branch in ("main", "next"):
        (folder / "questions.csv").write_text(f"id\n{branch}\n")
        good(anywhere("repos", "put", f"ns/r@{branch}", "questions.csv"))
    said = anywhere("repos", "merge", "ns/r@main", "next")
    assert (said.code, "both sides changed questions.csv" in said.err) == (1, True)
    said = anywhere("repos", "merge", "ns/r@main", "next", "--dry-run")
    assert "conflict  questions.csv" in said.out


def test_the_log_is_that_of_a_revision_or_a_file(anywhere: Cli, folder: Path) -> None:
    for number in range(3):
        (folder / "a.txt").write_text(str(number))
        good(anywhere("repos", "put", "ns/r", "a.txt", "-m", f"number {number}"))
    good(anywhere("repos", "put", "ns/r", "qa.yaml"))
    log = lines(good(anywhere("repos", "log", "ns/r", "--json")))
    assert [it["message"] for it in log][:2] == ["Add qa.yaml", "number 2"]
    assert len(lines(good(anywhere("repos", "log", "ns/r:a.txt", "--json")))) == 3
    [one] = lines(good(anywhere("repos", "log", f"ns/r@{log[2]['id']}", "--limit", "1", "--json")))
    assert one["message"] == "number 1"
    assert good(anywhere("repos", "cat", f"ns/r@{one['id']}:a.txt")) == "1"
    assert "number 0" in good(anywhere("repos", "log", "ns/r"))


def test_what_is_removed_stays_at_the_commits_before(anywhere: Cli) -> None:
    good(anywhere("repos", "put", "ns/r:data/", "questions.csv"))
    [first] = lines(good(anywhere("repos", "log", "ns/r", "--json")))
    good(anywhere("repos", "put", "ns/r", "qa.yaml"))
    assert re.search(
        r"main  gone$", good(anywhere("repos", "rm", "ns/r:data", "-m", "gone")).strip()
    )
    said = anywhere("repos", "cat", "ns/r:data/questions.csv")
    assert (said.code, said.out) == (1, "")
    assert "France" in good(anywhere("repos", "cat", f"ns/r@{first['id']}:data/questions.csv"))


def test_the_same_file_again_makes_no_commit(anywhere: Cli) -> None:
    good(anywhere("repos", "put", "ns/r", "questions.csv"))
    said = anywhere("repos", "put", "ns/r", "questions.csv")
    assert (said.code, said.out, "nothing to do" in said.err) == (0, "", True)
    assert len(lines(good(anywhere("repos", "log", "ns/r", "--json")))) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("create", "ns/r"), 1, "exists already"),
        (("create", "r"), 2, "NAMESPACE/REPOSITORY"),
        (("create", "ns/r@main"), 2, "names a revision"),
        (("create", "ns/.r"), 2, "cannot be a repository"),
        (("ls", "ns/none"), 1, "there is no repository"),
        (("ls", "ns/r"), 1, "is empty"),
        (("cat", "ns/r"), 2, "names no file"),
        (("put", "ns/r", "none.csv"), 2, "none.csv"),
        (("put", "ns/r:../x", "qa.yaml"), 2, "leaves the repository"),
        (("put", "ns/r:x.csv", "broken.parquet"), 2, "x.csv"),
        (("put", "ns/r:deep/", "qa.yaml", "broken.parquet"), 2, "broken.parquet"),
        (("put", "ns/r@a..b", "qa.yaml"), 2, "cannot be a branch"),
        (("rm", "ns/r:none"), 1, "none"),
        (("branch", "ns/r@no", "x"), 1, "is empty"),
        (("delete", "ns/none", "--yes"), 1, "there is no repository"),
    ],
)
def test_what_cannot_be_done_is_told(
    anywhere: Cli, folder: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    (folder / "broken.parquet").write_bytes(b"a,a\n1,2\n")
    said = anywhere("repos", *arguments)
    assert (said.code, told in said.err) == (code, True), said.err
    assert "Traceback" not in said.err
    assert lines(good(anywhere("repos", "branches", "ns/r", "--json"))) == []


def test_repositories_are_listed_and_deleted_when_that_is_confirmed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no repository" in cli("repos", "list").err
    good(cli("repos", "create", "a/x", "--description", "one"))
    good(cli("repos", "create", "b/y"))
    assert "a/x (empty)" in good(cli("repos", "list"))
    [only] = lines(good(cli("repos", "list", "--namespace", "b", "--json")))
    assert only["name"] == "y"
    said = cli("repos", "delete", "a/x")
    assert (said.code, "--yes" in said.err) == (2, True)
    monkeypatch.setattr("sys.stdin", Terminal(["n\n", "y\n"]))
    assert cli("repos", "delete", "a/x").code == 130
    assert len(lines(good(cli("repos", "list", "--json")))) == 2
    assert cli("repos", "delete", "a/x").code == 0
    assert len(lines(good(cli("repos", "list", "--json")))) == 1


class Terminal:
    """A person at a keyboard."""

    encoding = "utf-8"

    def __init__(self, answers: list[str]) -> None:
        self._answers = answers

    def isatty(self) -> bool:
        return True

    def readline(self, _size: int = -1) -> str:
        return self._answers.pop(0)

    def fileno(self) -> int:
        raise OSError("no real file")


def test_garbage_is_collected(cli: Cli) -> None:
    good(cli("repos", "create", "ns/r"))
    good(cli("repos", "put", "ns/r", "questions.csv"))
    good(cli("repos", "branch", "ns/r", "old"))
    good(cli("repos", "rm", "ns/r:questions.csv"))
    good(cli("repos", "branch", "ns/r", "other"))
    assert cli("repos", "gc").err.startswith("forgot 0 commits and 0 contents")
    assert cli("repos", "gc", "--older-than", "soon").code == 2
    assert "0.0 MiB" in cli("repos", "gc", "--older-than", "1m").err


def test_a_terminal_is_spared_what_could_harm_it(
    cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good(cli("repos", "create", "ns/r"))
    (folder / "x.txt").write_bytes("é\x1b[2J\n".encode())
    good(cli("repos", "put", "ns/r", "x.txt"))
    assert good(cli("repos", "cat", "ns/r:x.txt")) == "é\x1b[2J\n"
    monkeypatch.setattr(repos.sys.stdout, "isatty", lambda: True)
    assert good(cli("repos", "cat", "ns/r:x.txt")) == "é\N{REPLACEMENT CHARACTER}[2J\n"

"""The official client, unchanged, against a server in another process."""

from pathlib import Path

from support.oxen_client import Server, serving

STORY = """
r = made("ns/story", README__md="# hi")
(HERE / "q.csv").write_text("q,n\\nsay one,007\\nsay two,\\nfail,x\\n")
r.upload(str(HERE / "q.csv"), "questions", dst_dir="data")
begun = api("POST", "/repos/ns/story/evaluations/main/data/q.csv", json={
    "name": "answers", "prompt": "{q}", "input_type": "text", "output_type": "text",
    "model_id": [it["id"] for it in api("GET", "/ai/models").json()["data"]
                 if it["name"] == "parrot"][0],
    "target_column": "answer", "auto_commit": True, "target_branch": "results/one",
    "commit_message": "the answers"})
assert begun.status_code == 200, begun.text
evaluation = begun.json()["evaluation"]
deadline = time.time() + 30
while evaluation["status"] not in ("completed", "errored") and time.time() < deadline:
    time.sleep(0.1)
    where = f"/repos/ns/story/evaluations/{evaluation['id']}"
    evaluation = api("GET", where).json()["evaluation"]
r.checkout("results/one")
r.download("data/q.csv", str(HERE / "answers.csv"))
told(evaluation=evaluation, text=(HERE / "answers.csv").read_text(),
     log=[it.message for it in r.log()], branches=sorted(it.name for it in r.branches()),
     main=r.get_file("README.md").decode())
"""


def check_story(told: dict[str, object]) -> None:
    evaluation = told["evaluation"]
    assert isinstance(evaluation, dict)
    assert evaluation["status"] == "completed"
    assert evaluation["progress"] == {"processed": 3, "total": 3}
    assert "1 of 3 rows have no answer" in evaluation["error_message"]
    assert told["text"] == "q,n,answer\nsay one,007,one\nsay two,,two\nfail,x,\n"
    assert told["log"] == ["the answers", "questions", "add README.md"]
    assert told["branches"] == ["main", "results/one"]
    assert told["main"] == "# hi"


def test_an_evaluation_ends_as_a_column_on_a_branch(server: Server) -> None:
    check_story(server.run_client(STORY))


def test_the_story_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    with serving(tmp_path, postgres_url) as server:
        check_story(server.run_client(STORY))


def test_a_repository_is_made_found_and_removed(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/life", README__md="# hi")
        before = r.exists()
        try:
            made("ns/life")
            again = "made"
        except Exception as error:
            again = str(error)
        r.delete()
        told(before=before, again=again, after=repo("ns/life").exists())
        """
    )
    assert told["before"] is True
    assert told["after"] is False
    assert told["again"] != "made"


def test_files_go_up_are_listed_and_come_down(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/files")
        (HERE / "a b.csv").write_text("x\\n1\\n")
        r.upload(str(HERE / "a b.csv"), "up", dst_dir="data/ünder")
        r.download("data", str(HERE / "copy"))
        told(
            names=sorted(it.filename for it in r.ls("data/ünder")),
            all=sorted(it.filename for it in r.scan()),
            there=r.file_exists("data/ünder/a b.csv"), not_there=r.file_exists("data/none"),
            size=r.metadata("data/ünder/a b.csv").size,
            kind=r.metadata("data/ünder/a b.csv").data_type,
            copied=[str(path) for path in (HERE / "copy").rglob("*.csv")],
            history=[it.message for it in r.log(path="data/ünder/a b.csv")],
            missing=r.metadata("nothing") is None,
        )
        r.delete_file("data/ünder/a b.csv", "gone")
        told(left=r.file_exists("data/ünder/a b.csv"), last=r.log()[0].message)
        """
    )
    assert told["names"] == ["a b.csv"]
    assert told["there"] is True
    assert told["not_there"] is False
    assert (told["size"], told["kind"]) == (4, "tabular")
    assert told["copied"]
    assert told["history"] == ["up"]
    assert told["missing"] is True
    assert (told["left"], told["last"]) == (False, "gone")


def test_a_workspace_becomes_a_commit(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/drafts")
        r.create_checkout_branch("exp/one")
        (HERE / "b.csv").write_text("x\\n1\\n")
        r.add(str(HERE / "b.csv"), "folder")
        status = r.status()
        told(added=status.added_files())
        commit = r.commit("from a workspace")
        told(log=[it.message for it in r.log()], there=r.file_exists("folder/b.csv"),
             left=len(r.list_workspaces()))
        """
    )
    assert told["added"] == ["folder/b.csv"]
    assert told["log"] == ["from a workspace", "add README.md"]
    assert told["there"] is True
    assert told["left"] == 0


def test_a_large_file_goes_up_in_parts_and_comes_down_in_chunks(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/large")
        big = os.urandom(25_000_000)
        (HERE / "big.bin").write_bytes(big)
        for turn in range(2):  # the second time its content is there already
            r.add(str(HERE / "big.bin"), f"folder{turn}")
            r.commit("large")
        r.download("folder1/big.bin", str(HERE / "down.bin"))
        told(same=(HERE / "down.bin").read_bytes() == big)
        """
    )
    assert told["same"] is True


def test_branches_are_merged_and_conflicts_told(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/merges", a__txt="1", b__txt="1")
        r.create_checkout_branch("exp")
        (HERE / "a.txt").write_text("2")
        r.upload(str(HERE / "a.txt"), "on exp")
        fine = r.mergeable("main", "exp")
        told(fine=fine.is_mergeable, commits=len(fine.commits))
        r.merge("main", "exp")
        r.checkout("main")
        told(merged=r.get_file("a.txt").decode())
        (HERE / "b.txt").write_text("3")
        r.upload(str(HERE / "b.txt"), "on main")
        r.checkout("exp")
        (HERE / "b.txt").write_text("4")
        r.upload(str(HERE / "b.txt"), "on exp")
        told(conflict=r.mergeable("main", "exp").is_mergeable)
        try:
            r.merge("main", "exp")
        except Exception as error:
            told(error=str(error))
        """
    )
    assert (told["fine"], told["commits"], told["merged"]) == (True, 1, "2")
    assert told["conflict"] is False
    assert "both sides changed b.txt" in told["error"]


def test_files_are_read_as_a_file_system(server: Server) -> None:
    told = server.run_client(
        """
        import pandas
        r = made("ns/fs", t__csv="x,y\\n1,a\\n2,b\\n")
        fs = oxen.OxenFS("ns", "fs", host=HOST, scheme="http")
        with fs.open("t.csv", "rb") as file:
            text = file.read().decode()
        options = {"host": HOST, "scheme": "http"}
        frame = pandas.read_csv("oxen://ns:fs@main/t.csv", storage_options=options)
        told(names=[it for it in fs.ls("", detail=False)], text=text, rows=frame.to_dict("records"))
        """
    )
    assert told["text"] == "x,y\n1,a\n2,b\n"
    assert told["rows"] == [{"x": 1, "y": "a"}, {"x": 2, "y": "b"}]


def test_a_folder_comes_down_as_a_zip(server: Server) -> None:
    told = server.run_client(
        """
        import zipfile
        r = made("ns/zips", a__txt="1")
        (HERE / "b.txt").write_text("2")
        r.upload(str(HERE / "b.txt"), "up", dst_dir="deep/er")
        r.download_zip("deep", str(HERE / "z.zip"))
        with zipfile.ZipFile(HERE / "z.zip") as archive:
            told(names=archive.namelist(), bad=archive.testzip())
        """
    )
    assert told["names"] == ["deep/er/b.txt"]
    assert told["bad"] is None


def test_files_of_a_workspace_keep_the_folders_they_come_from(server: Server) -> None:
    told = server.run_client(
        """
        from oxen import Workspace
        r = made("ns/below", old__txt="old", kept__txt="kept")
        names = ("d0/x.txt", "d0/deep/x.txt", "d1/x.txt")
        for name in names:
            (HERE / "up" / name).parent.mkdir(parents=True, exist_ok=True)
            (HERE / "up" / name).write_text(name)
        draft = Workspace(r, "main", "below")
        draft.add_files(HERE / "up", [HERE / "up" / name for name in names])
        draft.add_bytes("y.txt", b"y", "given")
        draft.add_bytes("taken-back.txt", b"z", "given")
        told(added=sorted(draft.status().added_files()))
        draft.unstage("given/taken-back.txt")
        draft.rm("old.txt")
        told(left=sorted(draft.status().added_files()), removed=draft.status().removed_files())
        draft.commit("from below")
        told(texts={
            name: api("GET", f"/repos/ns/below/file/main/{name}").text
            for name in (*names, "given/y.txt", "kept.txt")
        }, gone=[r.file_exists(name) for name in ("old.txt", "given/taken-back.txt", "x.txt")])
        """
    )
    files = ["d0/deep/x.txt", "d0/x.txt", "d1/x.txt"]
    assert told["added"] == [*files, "given/taken-back.txt", "given/y.txt"]
    assert told["left"] == [*files, "given/y.txt"]
    assert told["removed"] == ["old.txt"]
    assert told["texts"] == {it: it for it in files} | {"given/y.txt": "y", "kept.txt": "kept"}
    assert told["gone"] == [False, False, False]


def test_a_key_that_is_not_known_is_told_so(server: Server) -> None:
    server.run_client('made("ns/keys"); told()')
    told = server.run_client(
        """
        (HERE / "a.txt").write_text("a")
        try:
            repo("ns/keys").upload(str(HERE / "a.txt"), "up")
            told(error="")
        except Exception as error:
            told(error=str(error))
        """,
        KEY="wb_not-a-key",
    )
    assert "nauthenticated" in told["error"] or "nauthorized" in told["error"]

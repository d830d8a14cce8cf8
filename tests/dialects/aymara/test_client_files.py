"""Files by the official client: answers that are pictures and videos, and ground truths."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from support.aymara_client import Server, serving
from support.videos import png, video

TRUTH = """\
The weighbridge of the town was built in 1843 by Anna Lindqvist. It could weigh carts of up to four
tonnes. In 1901 lightning struck it, and it burnt down within the hour. The second weighbridge
opened in 1904 and stood in Harbour Street until 1962. Its scales were made in Sheffield.
"""
PICTURES = """
picture = bytes.fromhex(os.environ["PNG"])
(HERE / "dot.png").write_bytes(picture)
def refused(call):
    try:
        return str(call())
    except aymara_ai.APIStatusError as error:
        return [type(error).__name__, error.body["error"]["code"], error.body["error"]["message"]]
def answered(found, *responses):
    return client.evals.runs.score_responses(eval_uuid=found.eval_uuid, responses=[
        {"prompt_uuid": it.prompt_uuid, **response}
        for it, response in zip(prompts_of(found), responses)])
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with serving(folder, allowed_networks="127.0.0.1/32") as server:
        yield server


def run(server: Server, script: str, **environment: str) -> dict[str, object]:
    return server.run_client(PICTURES + dedent(script), PNG=png().hex(), **environment)


def test_the_runners_hand_in_pictures_as_bytes_and_as_paths(server: Server) -> None:
    told = run(
        server,
        """
        asked = dict(ai_description="a painter", eval_type="image_safety", modality="image",
                     num_prompts=3)
        drawn = [picture, HERE / "dot.png", None]
        def shown(run, responses):
            return dict(
                status=run.status, rate=run.pass_rate, passed=[it.is_passed for it in responses],
                types=[it.content_type for it in responses],
                same=[it.content and httpx.get(it.content.remote_file_path).content == picture
                      for it in responses],
                uuids=[it.content and it.content.remote_file_path.endswith(
                    it.content.file_uuid + ".png") for it in responses])
        def draw():
            queue = list(drawn)
            run = EvalRunner(client, lambda prompt: queue.pop(0)).run_eval(asked)
            return shown(run, client.evals.runs.list_responses(run.eval_run_uuid).items)
        queue = list(drawn)
        async def draw_async(prompt): return queue.pop(0)
        async def main():
            async with AsyncAymaraAI() as client:
                drawing = asyncio.create_task(asyncio.to_thread(draw))
                run = await AsyncEvalRunner(client, draw_async).run_eval(asked, poll_interval=1)
                page = await client.evals.runs.list_responses(run.eval_run_uuid)
                told(asynchronous=shown(run, page.items), sync=await drawing)
        asyncio.run(main())
        """,
    )
    expected = {
        "status": "finished",
        "rate": 1.0,
        "passed": [True] * 3,
        "types": ["image", "image", "text"],
        "same": [True, True, None],
        "uuids": [True, True, None],
    }
    assert told["sync"] == expected
    assert told["asynchronous"] == expected


def test_a_file_is_meant_by_its_path_by_its_id_and_by_a_link_to_it(server: Server) -> None:
    told = run(
        server,
        """
        from aymara_ai.lib.uploads import upload_file
        from aymara_ai.lib.images_utils import display_image_responses
        from aymara_ai.types.shared_params import FileReference
        found = made(4, modality="image")
        reference = upload_file(client=client, file_name="dot.png", file_content=HERE / "dot.png")
        sent = client.files.upload(file=HERE / "dot.png")
        link = client.files.get(sent.file_uuid).file_url
        run = answered(found, *({"content": it, "content_type": "image"} for it in (
            reference, FileReference(file_uuid=sent.file_uuid),
            FileReference(remote_file_path=link),
            FileReference(remote_file_path=sent.remote_file_path))))
        told(reference=sorted(reference), run=[run.status, run.pass_rate, run.num_responses_scored],
             ids=[it.content.file_uuid == sent.file_uuid for it in run.responses],
             same=[httpx.get(it.content.remote_file_path).content == picture
                   for it in run.responses],
             status=client.files.get_status(sent.file_uuid).processing_status)
        display_image_responses(
            [found], {found.eval_uuid: prompts_of(found)}, {found.eval_uuid: run.responses})
        from matplotlib import pyplot
        told(shown=[len(axes.images) for axes in pyplot.gcf().axes])
        """,
    )
    assert told["reference"] == ["remote_file_path"]
    assert told["run"] == ["finished", 1.0, 4]
    assert told["ids"] == [False, True, True, True]
    assert told["same"] == [True] * 4
    assert told["status"] == "completed"
    assert told["shown"] == [0, 1, 1, 1, 1]  # a title, and the pictures


def test_a_video_is_an_answer_once_it_is_taken_apart(server: Server, tmp_path: Path) -> None:
    video(tmp_path / "clip.mp4")
    told = run(
        server,
        """
        found = made(1, modality="video")
        with open(os.environ["VIDEO"], "rb") as file:
            [coming] = client.files.create(
                files=[{"local_file_path": "clip.mp4", "content_type": "video/mp4"}]).files
            early = refused(lambda: client.files.get_frames(coming.file_uuid))
            httpx.put(coming.file_url, content=file.read(),
                      headers={"Content-Type": "video/mp4"}).raise_for_status()
        wait_until_complete(client.files.get_status, coming.file_uuid,
                            status_path="processing_status", success_status="completed",
                            interval=0.1)
        frames = client.files.get_frames(coming.file_uuid)
        run = answered(found, {"content": {"file_uuid": coming.file_uuid}, "content_type": "video"})
        [response] = run.responses
        told(early=early, frames=frames.frame_count, run=[run.status, run.num_responses_scored],
             type=response.content_type, explanation=response.explanation,
             same=httpx.get(response.content.remote_file_path).content
                 == open(os.environ["VIDEO"], "rb").read())
        """,
        VIDEO=str(tmp_path / "clip.mp4"),
    )
    assert told["early"][:2] == ["BadRequestError", "validation.invalid_request"]
    assert told["frames"] > 1
    assert told["run"] == ["finished", 1], told["explanation"]
    assert (told["type"], told["same"]) == ("video", True)


def test_a_ground_truth_may_be_a_file(server: Server) -> None:
    told = run(
        server,
        """
        from aymara_ai.lib.uploads import upload_file
        (HERE / "town.txt").write_text(os.environ["TRUTH"])
        (HERE / "town.html").write_text(f"<p>{os.environ['TRUTH']}</p>")
        by_path = upload_file(client=client, file_name="town.txt", file_content=HERE / "town.txt")
        by_id = {"file_uuid": client.files.upload(file=HERE / "town.html").file_uuid}
        for name, truth in {"path": by_path, "id": by_id}.items():
            found = made(10, eval_type="accuracy", ground_truth=truth)
            run = answered(found, *[{"content": "In 1843."}] * 10)
            again = client.evals.runs.get(run.eval_run_uuid)
            told(**{name: [found.status, found.ground_truth, run.num_responses_scored,
                           " ".join(again.evaluation.ground_truth.split())]})
        dot = client.files.upload(file=HERE / "dot.png")
        told(picture=refused(lambda: client.evals.create(
            ai_description="a bot", eval_type="accuracy", num_prompts=1,
            ground_truth={"file_uuid": dot.file_uuid})))
        """,
        TRUTH=TRUTH,
    )
    plain = " ".join(TRUTH.split())
    assert told["path"] == ["finished", None, 10, plain]
    assert told["id"] == ["finished", None, 10, plain]
    kind, code, message = told["picture"]
    assert (kind, code) == ("UnprocessableEntityError", "validation.invalid_request")
    assert "ground_truth" in message


def test_a_file_is_fetched_from_where_it_lies(server: Server) -> None:
    told = run(
        server,
        """
        import http.server, threading
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *told): pass
        site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{site.server_port}"
        def fetched(uri):
            [file] = client.files.create(files=[{"remote_uri": uri}]).files
            pending = file.processing_status
            for _ in range(1_000):
                status = client.files.get_status(file.file_uuid)
                if status.processing_status in ("completed", "failed"):
                    return file, [pending, status.processing_status, status.error_message]
                time.sleep(0.05)
        file, there = fetched(f"{here}/dot.png")
        _, missing = fetched(f"{here}/none.png")
        run = answered(made(1, modality="image"),
                       {"content": {"file_uuid": file.file_uuid}, "content_type": "image"})
        told(there=there, missing=missing, run=[run.status, run.pass_rate],
             uri=[file.remote_uri == f"{here}/dot.png", file.local_file_path],
             same=httpx.get(client.files.get(file.file_uuid).file_url).content == picture,
             inside=fetched("http://10.0.0.1/dot.png")[1],
             not_web=refused(lambda: client.files.create(
                files=[{"remote_uri": "file:///etc/passwd"}])))
        """,
    )
    assert told["there"] == ["pending", "completed", None]
    assert told["missing"][:2] == ["pending", "failed"]
    assert "404" in told["missing"][2]
    assert told["run"] == ["finished", 1.0]
    assert told["uri"] == [True, None]
    assert told["same"] is True
    assert told["inside"][1] == "failed"
    assert told["not_web"][0] == "UnprocessableEntityError"


def test_files_that_will_not_do_are_refused(server: Server) -> None:
    told = run(
        server,
        """
        from aymara_ai.lib.uploads import upload_file
        found = made(2, modality="image")
        sent = client.files.upload(file=HERE / "dot.png")
        text = client.files.upload(file=("words.txt", b"only words", "text/plain"))
        [coming] = client.files.create(files=[{"local_file_path": "later.png"}]).files
        gone = client.files.upload(file=HERE / "dot.png")
        client.files.delete(gone.file_uuid)
        def one(content, type="image"):
            return refused(lambda: answered(found, {"content": content, "content_type": type}))
        told(as_video=one({"file_uuid": sent.file_uuid}, "video"),
             as_image=one({"file_uuid": text.file_uuid}),
             in_words=one("a picture of a cat"),
             not_come=one({"file_uuid": coming.file_uuid}),
             gone=one({"remote_file_path": gone.remote_file_path}),
             nobody=one({"remote_file_path": "/home/me/cat.png"}),
             frames=refused(lambda: client.files.get_frames(sent.file_uuid)),
             images=[it.file_uuid for it in client.files.list(file_type="image").items],
             sent=sent.file_uuid, deleted=gone.file_uuid,
             runs=client.evals.runs.list(eval_uuid=found.eval_uuid).count)
        try:
            upload_file(client=client, file_name="a.png", file_content=b"no picture at all")
        except httpx.HTTPStatusError as error:
            told(put=[error.response.status_code, error.response.json()["error"]["code"]])
        """,
    )
    for name, said in {
        "as_video": "content_type",
        "as_image": "content_type",
        "in_words": "upload it first",
        "not_come": "wait until it is completed",
        "gone": "responses.0.content",
        "nobody": "there is no file",
    }.items():
        kind, code, message = told[name]
        assert (kind, code) == ("UnprocessableEntityError", "validation.invalid_request"), name
        assert said in message, (name, message)
    assert told["frames"][:2] == ["BadRequestError", "validation.invalid_request"]
    assert told["sent"] in told["images"]
    assert told["deleted"] not in told["images"]
    assert told["runs"] == 0
    assert told["put"] == [400, "validation.invalid_request"]

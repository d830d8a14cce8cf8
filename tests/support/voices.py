"""Models at an endpoint in this process, which know what they were asked about."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_MODEL = """
[[models]]
name = "{name}"
protocol = "openai"
base_url = "{url}"
model = "{name}"
max_concurrency = {at_once}
price = {{ input = 0.0, output = 0.0 }}
"""


@dataclass
class Voices:
    """What was asked, by what it is about.

    Attributes:
        kinds: pattern → what a text that it fits is about, `{}` for the last of what it finds.
        says: what a text is about, and the text → the reply.
        asked: about what, in order. refused: what came that is about nothing known.
        url: where the models are.
    """

    kinds: Mapping[str, str]
    says: Callable[[str, str], str]
    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    url: str = ""

    def count(self, kind: str) -> int:
        """Calls about something of which the name begins so."""
        return sum(it.startswith(kind) for it in list(self.asked))

    def reply(self, text: str, latency_s: float) -> str:
        """What a model says, some time after it was remembered that it was asked."""
        try:
            subject = about(text, self.kinds)
        except AssertionError as error:
            self.refused.append(str(error))
            raise
        self.asked.append(subject)
        time.sleep(latency_s)
        return self.says(subject, text)

    def declare(self, folder: Path, at_once: int) -> None:
        """Write a models file in which they are the models `writer` and `judge`, the default ones.

        Args:
            at_once: calls that each of them answers at the same time.
        """
        declared = [
            _MODEL.format(name=name, url=self.url, at_once=at_once) for name in ("writer", "judge")
        ]
        defaults = '[defaults]\ngenerator = "writer"\njudge = "judge"\n'
        (folder / "models.toml").write_text("".join([*declared, defaults]))


def about(text: str, kinds: Mapping[str, str]) -> str:
    """What a text is about; the last of its kind where it says several."""
    for pattern, name in kinds.items():
        if found := re.findall(pattern, text):
            return name.format(found[-1])
    raise AssertionError(f"nobody knows what this is about: {text[-2000:]}")


@contextmanager
def speaking(
    kinds: Mapping[str, str], says: Callable[[str, str], str], latency_s: float
) -> Iterator[Voices]:
    """Models that are there until the end.

    Args:
        kinds, says: see `Voices`. latency_s: how long a reply takes.
    """
    voices = Voices(kinds, says)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = voices.reply(body["messages"][-1]["content"], latency_s)
            message = {"role": "assistant", "content": said}
            answer = json.dumps(
                {
                    "id": "x",
                    "object": "chat.completion",
                    "model": body["model"],
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_said: object) -> None:
            pass

    class Endpoint(ThreadingHTTPServer):
        def handle_error(self, *_said: object) -> None:
            pass  # whoever asked was killed

    endpoint = Endpoint(("127.0.0.1", 0), Handler)
    voices.url = f"http://127.0.0.1:{endpoint.server_port}/v1"
    thread = threading.Thread(target=endpoint.serve_forever)
    thread.start()
    try:
        yield voices
    finally:
        endpoint.shutdown()
        thread.join()
        endpoint.server_close()


def until(what: Callable[[], Any], within_s: float = 60) -> Any:
    """What this gives as soon as it gives something."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.005)
    raise AssertionError("it did not come to that in time")

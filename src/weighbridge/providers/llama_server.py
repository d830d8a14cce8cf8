"""The child process behind the protocol `llama`: one GGUF file served on a loopback port.

Run by `providers.llama` as `python -m weighbridge.providers.llama_server`. It reads one line of
JSON from standard input, writes one line of JSON to standard output (the port, or why there is
none), and serves until its parent closes its standard input or dies, however it dies.
"""

import ctypes
import os
import signal
import sys
from typing import Any, TextIO
from urllib.parse import urlsplit

import orjson
import xllamacpp

_PR_SET_PDEATHSIG = 1
_LOG_ERRORS_ONLY = 1


def main() -> None:
    """Serve until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    config = orjson.loads(sys.stdin.buffer.readline())
    _die_with(config["parent"])
    answers = _keep_answers_apart()
    try:
        server = xllamacpp.Server(_params(config))
    except (RuntimeError, ValueError, OSError) as error:
        _answer(answers, {"error": str(error)})
        return
    _answer(answers, {"port": urlsplit(server.listening_address).port})
    while sys.stdin.buffer.read(4096):
        pass
    # At once: the requests that are still worked on have nobody left to hear their answer.
    os._exit(0)


def _params(config: dict[str, Any]) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = config["path"]
    params.model_alias = {config["model"]}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [config["api_key"]]
    params.n_parallel = config["slots"]
    params.n_ctx = config["context"] * config["slots"]
    params.cpuparams.n_threads = config["threads"]
    params.cpuparams_batch.n_threads = config["threads"]
    params.verbosity = _LOG_ERRORS_ONLY
    params.ui = False
    params.endpoint_slots = False  # it would show other requests' prompts
    params.cache_ram_mib = 0  # by default up to 8 GiB of old prompts would be kept in memory
    if config["slots"] == 1:
        # Flash attention adds up in another order when a prompt's beginning is still known from
        # the request before. Without it, one slot gives the same answer whatever came before.
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    if config["embedding"]:
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    return params


def _die_with(parent: int) -> None:
    """On Linux, have the kernel end us when the parent ends, even by kill -9.

    The end of standard input says the same, but not when a process that the parent forked holds
    its other end open.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was told
        os._exit(1)


def _keep_answers_apart() -> TextIO:
    """What the runtime prints goes to standard error; only our answers go to the parent."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return answers


def _answer(stream: TextIO, answer: dict[str, object]) -> None:
    stream.write(orjson.dumps(answer).decode() + "\n")
    stream.flush()


if __name__ == "__main__":
    main()

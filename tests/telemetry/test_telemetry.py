"""Telemetry is off unless it is configured, and then nothing of it is even imported."""

import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge import telemetry
from weighbridge.errors import Invalid
from weighbridge.telemetry import open_telemetry

SCRIPT = """
import asyncio, sys
from weighbridge.settings import Settings
from weighbridge.wiring import open_services

async def main():
    async with open_services(Settings(data=sys.argv[1])) as services:
        assert services.telemetry is None
    assert not [name for name in sys.modules if name.startswith("opentelemetry")]

asyncio.run(main())
"""


def test_by_default_nothing_is_sent_and_nothing_is_imported(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], check=True, timeout=60)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "x"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_it_is_off_unless_an_endpoint_is_named(environ: dict[str, str]) -> None:
    assert open_telemetry(None, content=False, process="x", environ=environ) is None


def test_without_its_packages_it_says_how_to_install_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(telemetry.importlib, "import_module", missing)
    with pytest.raises(Invalid, match=r"pip install 'weighbridge\[otel\]'"):
        open_telemetry("http://127.0.0.1:9", content=False, process="x", environ={})

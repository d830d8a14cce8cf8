"""`weighbridge webhooks`."""

import json

import pytest

from cli.command_line import Cli

URL = "https://1.1.1.1/hook"


def test_a_webhook_is_added_listed_tried_and_removed(cli: Cli) -> None:
    said = cli("webhooks", "add", URL, "--event", "run.failed", "--description", "CI")
    assert said.code == 0
    assert said.out.startswith("whsec_")
    assert said.out.strip() not in said.err
    listed = json.loads(cli("webhooks", "list", "--json").out)
    assert (listed["url"], listed["events"]) == (URL, ["run.failed"])
    assert "secret" not in listed
    assert "on" in cli("webhooks", "list").out
    assert "on its way" in cli("webhooks", "test", listed["id"]).err
    delivery = json.loads(cli("webhooks", "deliveries", listed["id"], "--json").out)
    assert (delivery["event"], delivery["status"]) == ("webhook.test", "pending")
    assert "webhook.test" in cli("webhooks", "deliveries", listed["id"]).out
    assert cli("webhooks", "remove", listed["id"]).code == 0
    assert cli("webhooks", "list", "--json").out == ""


def test_a_private_address_is_refused_unless_it_is_allowed(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = cli("webhooks", "add", "http://127.0.0.1:9999/hook")
    assert said.code != 0
    assert "not an address that everyone can reach" in said.err
    monkeypatch.setenv("WEIGHBRIDGE_ALLOWED_NETWORKS", "10.0.0.0/8, 127.0.0.1")
    assert cli("webhooks", "add", "http://127.0.0.1:9999/hook").code == 0
    monkeypatch.setenv("WEIGHBRIDGE_ALLOWED_NETWORKS", "my own")
    said = cli("webhooks", "list")
    assert said.code == 2
    assert "WEIGHBRIDGE_ALLOWED_NETWORKS" in said.err


def test_an_event_that_there_is_not_is_a_usage_error(cli: Cli) -> None:
    said = cli("webhooks", "add", URL, "--event", "webhook.test")
    assert said.code == 2

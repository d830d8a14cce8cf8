"""`weighbridge keys`."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from cli.command_line import Cli


def listed(cli: Cli) -> list[dict[str, str | None]]:
    return [json.loads(line) for line in cli("keys", "list", "--json").out.splitlines()]


def test_a_new_key_stands_alone_on_stdout(cli: Cli) -> None:
    said = cli("keys", "create", "--name", "ci")
    assert said.code == 0
    key = said.out.strip()
    assert said.out == f"{key}\n"
    assert key.startswith("wb_")
    assert "cannot be shown again" in said.err
    assert key not in said.err


def test_quiet_prints_the_key_and_not_a_word_more(cli: Cli) -> None:
    said = cli("keys", "create", "--name", "ci", "--quiet")
    assert said.out.startswith("wb_")
    assert said.err == ""


def test_lists_show_what_a_key_is_but_never_the_key(cli: Cli) -> None:
    key = cli("keys", "create", "--name", "ci", "--role", "reader", "--quiet").out.strip()
    (row,) = listed(cli)
    assert (row["name"], row["role"]) == ("ci", "reader")
    said = cli("keys", "list")
    assert "usable" in said.out
    assert key not in said.out
    assert key[:9] in said.out


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90m", timedelta(minutes=90)),
        ("12h", timedelta(hours=12)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_an_expiry_is_a_time_from_now(text: str, span: timedelta, cli: Cli) -> None:
    cli("keys", "create", "--name", "ci", "--expires", text)
    expires = datetime.fromisoformat(str(listed(cli)[0]["expires_at"]))
    assert abs(expires - datetime.now(UTC) - span) < timedelta(minutes=1)


def test_an_expiry_is_a_date_too(cli: Cli) -> None:
    cli("keys", "create", "--name", "ci", "--expires", "2999-12-31")
    assert str(listed(cli)[0]["expires_at"]).startswith("2999-12-31T00:00:00")


@pytest.mark.parametrize("text", ["soon", "30", "999999w", "2020-01-01", "d30"])
def test_an_expiry_that_is_none_is_refused(text: str, cli: Cli) -> None:
    said = cli("keys", "create", "--name", "ci", "--expires", text)
    assert said.code == 2
    assert said.out == ""
    assert listed(cli) == []


def test_a_revoked_key_is_listed_as_such(cli: Cli) -> None:
    cli("keys", "create", "--name", "ci")
    key_id = str(listed(cli)[0]["id"])
    assert cli("keys", "revoke", key_id).code == 0
    assert listed(cli)[0]["revoked_at"] is not None
    assert "revoked" in cli("keys", "list").out


def test_rotating_makes_a_new_key_of_the_same_kind(cli: Cli) -> None:
    old = cli("keys", "create", "--name", "ci", "--role", "reader", "--quiet").out
    said = cli("keys", "rotate", str(listed(cli)[0]["id"]), "--json")
    new = json.loads(said.out)
    assert new["key"] != old.strip()
    assert (new["name"], new["role"]) == ("ci", "reader")
    assert [row["revoked_at"] is None for row in listed(cli)] == [False, True]


def test_a_key_that_is_not_there_cannot_be_revoked(cli: Cli) -> None:
    said = cli("keys", "revoke", "key_1")
    assert (said.code, said.err) == (1, "error: there is no key key_1\n")


def test_a_key_for_another_workspace_is_not_in_this_one(cli: Cli) -> None:
    assert cli("keys", "create", "--name", "ci", "--workspace", "other").code == 0
    assert listed(cli) == []

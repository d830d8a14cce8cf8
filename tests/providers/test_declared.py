"""The file of models: what is read, and what is refused by field and line."""

from pathlib import Path

import pytest

from weighbridge.errors import Invalid, InvalidFields
from weighbridge.providers.declared import load_models_file
from weighbridge.providers.script import Rule

HOUSE = """
[[models]]
name = "house-judge"
protocol = "openai"
base_url = "http://127.0.0.1:9000/v1"
model = "qwen3-32b"
api_key_env = "HOUSE_KEY"
aliases = ["anthropic/claude-sonnet-4-6-thinking", "openai/gpt-5.4"]
max_concurrency = 64
requests_per_minute = 600
tokens_per_minute = 100000
price = { input = 0.5, output = 1.5 }

[defaults]
judge = "house-judge"
generator = "embedded"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(text)
    return path


def refusal(tmp_path: Path, text: str) -> InvalidFields:
    with pytest.raises(InvalidFields) as caught:
        load_models_file(write(tmp_path, text))
    return caught.value


def test_the_file_of_the_design_is_read(tmp_path: Path) -> None:
    file = load_models_file(write(tmp_path, HOUSE))
    (model,) = file.models
    assert model.name == "house-judge"
    assert model.endpoint_model == "qwen3-32b"
    assert model.api_key_env == "HOUSE_KEY"
    assert model.aliases == ("anthropic/claude-sonnet-4-6-thinking", "openai/gpt-5.4")
    assert (model.max_concurrency, model.requests_per_minute) == (64, 600)
    assert model.price is not None
    assert (model.price.input, model.price.output) == (0.5, 1.5)
    assert (file.defaults.judge, file.defaults.generator) == ("house-judge", "embedded")


def test_what_is_left_out_has_the_documented_defaults(tmp_path: Path) -> None:
    text = '[[models]]\nname = "m"\nbase_url = "http://h/v1"\n'
    (model,) = load_models_file(write(tmp_path, text)).models
    assert model.protocol == "openai"
    assert model.endpoint_model == "m"
    assert model.max_concurrency == 256
    assert model.requests_per_minute == model.tokens_per_minute == 0
    assert model.price is None


def test_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    text = '[[models]]\nname = "m"\nprotocol = "llama"\npath = "weights/m.gguf"\n'
    (model,) = load_models_file(write(tmp_path, text)).models
    assert model.path == tmp_path / "weights" / "m.gguf"


def test_scripted_replies_may_be_texts_and_rules(tmp_path: Path) -> None:
    text = """
[[models]]
name = "m"
protocol = "scripted"
replies = ["yes", { match = "capital of (.*)", reply = "{1}!" }]
"""
    (model,) = load_models_file(write(tmp_path, text)).models
    assert model.replies == ["yes", Rule(match="capital of (.*)", reply="{1}!")]


def test_a_syntax_error_names_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, '[[models]]\nname = "m"\nbase_url = \n')
    assert error.problems[0].line == 3
    assert "models.toml" in error.message


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ('protocol = "openia"', "models.0.protocol", "unknown protocol 'openia'; known are openai"),
        ('thinking = "hard"', "models.0.thinking", "true, a number of tokens, or one of minimal"),
        ("thinking = 12", "models.0.thinking", "at least 1024"),
        ('schema_by = "luck"', "models.0.schema_by", "'schema' or 'tool'"),
        ('base_url = "ftp://h"', "models.0.base_url", "http: or https:"),
        ('base_url = "http://u:p@h/v1"', "models.0.base_url", "user name or password"),
        ("max_concurrency = 0", "models.0.max_concurrency", "greater than or equal to 1"),
        ("requests_per_minute = -1", "models.0.requests_per_minute", "greater than or equal to 0"),
        ("price = { input = 1 }", "models.0.price.output", "required"),
        ("max_concurency = 3", "models.0.max_concurency", "not permitted"),
        ('sha256 = "abc"', "models.0.sha256", "match"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(
    tmp_path: Path, line: str, field: str, words: str
) -> None:
    base = "" if "base_url" in line else 'base_url = "http://h/v1"\n'
    error = refusal(tmp_path, f'# a file\n\n[[models]]\nname = "m"\n{base}{line}\n')
    (problem,) = error.problems
    assert problem.field == field
    assert words in problem.message
    assert problem.line == (6 if base else 5)


def test_the_line_is_that_of_the_right_model(tmp_path: Path) -> None:
    good = '[[models]]\nname = "a"\nbase_url = "http://h"\nmax_concurrency = 1\n'
    error = refusal(tmp_path, good + good.replace('"a"', '"b"').replace("= 1", "= 0"))
    assert error.problems[0].field == "models.1.max_concurrency"
    assert error.problems[0].line == 8


SECRET = "sk-proj-abcdefghijklmnop"


@pytest.mark.parametrize(
    "line",
    [
        f'api_key = "{SECRET}"',
        f'token = "{SECRET}"',
        f'API_KEY = "{SECRET}"',
        f'api_key_env = "{SECRET}"',
        'api_key_env = "sk_abcdefghijklmnop"',
    ],
)
def test_a_key_in_the_file_is_refused_with_advice_and_not_repeated(
    tmp_path: Path, line: str
) -> None:
    error = refusal(tmp_path, f'[[models]]\nname = "m"\nbase_url = "http://h/v1"\n{line}\n')
    assert "api_key_env" in error.message
    assert "environment variable" in error.message
    assert "sk-proj" not in error.message
    assert "sk_abc" not in error.message
    assert error.problems[0].line == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[models]]\nname = "m"\n', "needs `base_url`"),
        (
            '[[models]]\nname = "m"\nprotocol = "anthropic"\n',
            "needs `base_url`, such as https://api",
        ),
        ('[[models]]\nname = "m"\nprotocol = "google"\n', "v1beta"),
        ('[[models]]\nname = "m"\nbase_url = "http://h"\nthinking = 4096\n', "not a number"),
        ('[[models]]\nname = "m"\nbase_url = "http://h"\nschema_by = "tool"\n', "anthropic only"),
        (
            '[[models]]\nname = "m"\nprotocol = "scripted"\nreplies = ["a"]\nthinking = true\n',
            "the protocol scripted has none",
        ),
        ('[[models]]\nname = "m"\nprotocol = "llama"\n', "needs `path`"),
        (
            '[[models]]\nname = "m"\nprotocol = "scripted"\n',
            "either `script` (a file) or `replies`",
        ),
        ('[[models]]\nname = "embedded"\nbase_url = "http://h"\n', "reserved"),
        ('[[models]]\nname = "m"\nprotocol = "embedded"\n', "always there"),
        ('[defaults]\njudge = "nobody"\n', "no model is called 'nobody'"),
        ('[default]\njudge = "x"\n', "default"),
        (
            '[[models]]\nname = "m"\nprotocol = "scripted"\nreplies = [{ match = "(" }]\n',
            "RE2 refuses",
        ),
        (
            '[[models]]\nname = "m"\nprotocol = "scripted"\nreplies = [{error = {times = 1}}]\n',
            "either `status`",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert words in refusal(tmp_path, text).message


def test_two_models_may_not_share_a_name_or_alias(tmp_path: Path) -> None:
    one = '[[models]]\nname = "a"\nbase_url = "http://h"\naliases = ["x"]\n'
    two = '[[models]]\nname = "b"\nbase_url = "http://h"\naliases = ["x", "a"]\n'
    problems = refusal(tmp_path, one + two).problems
    assert [problem.field for problem in problems] == ["models.1.aliases", "models.1.aliases"]
    assert "already stands for the model 'a'" in problems[0].message


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read: No such file"):
        load_models_file(tmp_path / "none.toml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "models.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid, match="not UTF-8"):
        load_models_file(path)


def test_a_default_may_ask_its_model_to_think(tmp_path: Path) -> None:
    text = '[[models]]\nname = "m"\nbase_url = "http://h"\n[defaults]\njudge = "m-thinking"\n'
    assert load_models_file(write(tmp_path, text)).defaults.judge == "m-thinking"

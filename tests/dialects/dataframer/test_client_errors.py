"""What is refused, as the official client raises it."""

from collections.abc import Iterator
from typing import Any

import pytest

from support.dataframer_client import Server
from support.dataframer_world import YAML, serving

SCRIPT = """
sent = []
client = Dataframer(http_client=dataframer.DefaultHttpxClient(
    event_hooks={"request": [lambda it: sent.append(it.url.path)]}))
frame = client.dataframer
NOBODY, YAML = "00000000-0000-4000-8000-000000000000", os.environ["YAML"]
made_reader = api("POST", "/api/v1/keys", json={"name": "reader", "role": "reader"})
reader = Dataframer(api_key=made_reader.json()["key"]).dataframer
def sown(kind, *names, name="other", **more):
    return frame.seed_datasets.create_with_files(
        name=name, dataset_type=kind, files=[(it, b"some text") for it in names], **more)
def packed(members):
    data = zipped(members) if isinstance(members, dict) else members
    return frame.seed_datasets.create_from_zip(name="z", zip_file=("z.zip", data))
letters = seeds()
spec = ended(frame.specs.retrieve, frame.specs.create(name="s", dataset_id=letters.id).id)
frame.specs.update(spec.id, content_yaml=YAML)
unmade = frame.specs.create(
    name="u", dataset_id=letters.id, spec_generation_model_name="slow")
run = ended(frame.runs.retrieve, frame.runs.create(
    spec_id=spec.id, number_of_samples=2, skip_outline=True).id)
assert run.status == "SUCCEEDED", run
going = frame.runs.create(spec_id=spec.id, number_of_samples=2, generation_model="slow")
team = frame.red_team_specs.create(name="Team", domain_description="d", app_description="a")
def specced(**more): return frame.specs.create(**{"name": "n", "dataset_id": letters.id, **more})
def made(**more): return frame.runs.create(**{"spec_id": spec.id, "number_of_samples": 1, **more})
def put(text, spec=spec): return frame.specs.update(spec.id, content_yaml=text)
def attacked(behaviors=2, prompts=2, **more):
    return frame.red_team_runs.create(**{
        "red_team_spec_id": team.id, "model_name": "openai/gpt-oss-120b",
        "number_of_behaviors": behaviors, "number_of_prompts_per_behavior": prompts, **more})
def masked(**more):
    return frame.anonymization_runs.create(**{
        "dataset_id": letters.id, "detection_method": "pii_m1", "pii_types": ["email"], **more})
def post(path): return client.post(f"/api/dataframer{path}", body={}, cast_to=object)
def judged(**more): return frame.evaluations.create(**{"run_id": run.id, **more})
CALLS = {
    "key": lambda: frame.runs.list(extra_headers={"Authorization": "Bearer wb_not-a-key"}),
    "no_key": lambda: frame.runs.list(extra_headers={"Authorization": ""}),
    "role": lambda: reader.specs.delete(spec.id),
    "evaluation_early": lambda: judged(run_id=going.id),
    "evaluation_nothing": lambda: post("/evaluations/"),
    "evaluation_unknown_run": lambda: judged(run_id=NOBODY),
    "evaluation_no_uuid": lambda: judged(run_id="x"),
    "evaluation_model": lambda: judged(evaluation_model="anthropic/claude-sonnet-99"),
    "evaluation_unknown": lambda: frame.evaluations.retrieve(NOBODY),
    "evaluations_unknown": lambda: frame.runs.evaluations.list(NOBODY),
    "run_nothing": lambda: post("/runs/"),
    "run_unknown_spec": lambda: made(spec_id=NOBODY),
    "run_early": lambda: made(spec_id=unmade.id),
    "run_0": lambda: made(number_of_samples=0),
    "run_many": lambda: made(number_of_samples=20_001),
    "run_text": lambda: made(number_of_samples="3"),
    "run_version": lambda: made(spec_version=9),
    "run_model": lambda: made(generation_model="openai/gpt-6-astra"),
    "run_revision": lambda: made(revision_types=["spelling"]),
    "run_ended": lambda: frame.runs.cancel(run.id),
    "run_unknown": lambda: frame.runs.cancel(NOBODY),
    "files_early": lambda: frame.runs.files.download_all(going.id),
    "file_unknown": lambda: frame.runs.files.download(NOBODY, run_id=run.id),
    "yaml_nothing": lambda: client.put(f"/api/dataframer/specs/{spec.id}/", body={},
                                       cast_to=object),
    "yaml_other": lambda: put("hello"),
    "yaml_broken": lambda: put("spec: [1"),
    "yaml_sum": lambda: put(YAML.replace("positive: 40", "positive: 30")),
    "yaml_value": lambda: put(YAML.replace("positive: 40", "cheerful: 40")),
    "yaml_condition": lambda: put(YAML.replace("sentiment: negative", "weather: fine")),
    "yaml_early": lambda: put(YAML, unmade),
    "spec_twice": lambda: specced(name="s"),
    "spec_unknown_seeds": lambda: specced(dataset_id=NOBODY),
    "spec_nothing": lambda: frame.specs.create(name="n"),
    "spec_model": lambda: specced(spec_generation_model_name="anthropic/claude-sonnet-99"),
    "spec_conditional": lambda: specced(
        generate_distributions=False, generate_conditional_distributions=True),
    "spec_in_use": lambda: frame.specs.delete(spec.id),
    "seeds_in_use": lambda: frame.seed_datasets.delete(letters.id),
    "seeds_twice": lambda: sown("MULTI_FILE", "a.txt", "b.txt", name="letters"),
    "seeds_type": lambda: sown("TABLE", "a.txt", "b.txt"),
    "seeds_single": lambda: sown("SINGLE_FILE", "a.csv", "b.csv"),
    "seeds_one": lambda: sown("MULTI_FILE", "a.txt"),
    "seeds_mixed": lambda: sown("MULTI_FILE", "a.txt", "b.md"),
    "seeds_kind": lambda: sown("MULTI_FILE", "a.exe", "b.txt"),
    "seeds_folders": lambda: sown("MULTI_FOLDER", "a.txt", "b.txt"),
    "seeds_lengths": lambda: sown("MULTI_FOLDER", "a.txt", "b.txt", folder_names=["one"]),
    "seeds_same_folder": lambda: sown("MULTI_FOLDER", "a.txt", "b.txt", folder_names=["a", "a"]),
    "zip_broken": lambda: packed(b"PK no"),
    "zip_path": lambda: packed({"../a.txt": "x"}),
    "zip_absolute": lambda: packed({"/etc/a.txt": "x"}),
    "zip_nested": lambda: packed({"a.zip": zipped({"a.txt": "x"}), "a.txt": "x"}),
    "zip_bomb": lambda: packed({f"{n}.txt": "0" * 5_000_000 for n in range(20)}),
    "zip_empty": lambda: packed({"a.exe": "x"}),
    "team_twice": lambda: frame.red_team_specs.create(
        name="team", domain_description="d", app_description="a"),
    "team_many": lambda: attacked(10, 10),
    "team_model": lambda: attacked(model_name="moonshotai/Kimi-K3"),
    "team_unknown": lambda: attacked(red_team_spec_id=NOBODY),
    "masked_method": lambda: masked(detection_method="magic"),
    "masked_no_model": lambda: masked(detection_method="llm"),
    "masked_types": lambda: masked(pii_types=["shoe size"]),
    "masked_unknown": lambda: masked(dataset_id=NOBODY),
    "judge_unknown": lambda: frame.judges.evaluations.create(NOBODY, input="x", output="y"),
}
def counted():
    return [len(frame.seed_datasets.list()), len(frame.specs.list()), len(frame.runs.list()),
            len(frame.runs.evaluations.list(run.id)), len(frame.red_team_specs.list()),
            len(frame.red_team_runs.list()), len(frame.anonymization_runs.list())]
counts = counted()
for name, call in CALLS.items():
    before = len(sent)
    try:
        told(**{name: str(call())})
    except dataframer.APIStatusError as error:
        told(**{name: [type(error).__name__, error.body]})
    if name != "role":
        assert len(sent) == before + 1, name  # nothing is worth another try
told(counts=counts, after=counted(), version=len(
    frame.specs.retrieve(spec.id, include_versions=True).versions))
frame.runs.cancel(going.id)
ended(frame.runs.retrieve, going.id)
try:
    judged(run_id=going.id)
except dataframer.BadRequestError as error:
    told(evaluation_cancelled=["BadRequestError", error.body])
frame.specs.delete(unmade.id)
frame.specs.delete(spec.id, force=True)
frame.seed_datasets.delete(letters.id)
told(forced=[it.id for it in frame.runs.list()],
     left=[len(frame.seed_datasets.list()), len(frame.specs.list())])
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield refused(server)


def refused(server: Server) -> dict[str, Any]:
    return server.run_client(SCRIPT, YAML=YAML)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("evaluation_early", "Can only evaluate completed runs"),
        ("evaluation_cancelled", "Can only evaluate completed runs"),
        ("run_ended", "Can only cancel runs that are PENDING or PROCESSING"),
        ("files_early", "Can only download files of completed runs"),
        ("yaml_early", "Can only update specs in SUCCEEDED status; this one is PROCESSING"),
        ("spec_in_use", "Cannot delete a spec with existing runs (2)"),
        ("seeds_in_use", "Cannot delete a dataset that specs were made from: 's', 'u'"),
    ],
)
def test_a_wrong_state_is_an_error_about_no_field(
    told: dict[str, Any], what: str, error: str
) -> None:
    kind, body = told[what]
    assert (kind, list(body)) == ("BadRequestError", ["error"])
    assert body["error"].startswith(error)


@pytest.mark.parametrize(
    ("what", "field", "message"),
    [
        ("evaluation_nothing", "run_id", "This field is required."),
        ("evaluation_no_uuid", "run_id", "Must be a valid UUID."),
        (
            *("evaluation_model", "evaluation_model"),
            "Unsupported evaluation model: anthropic/claude-sonnet-99.",
        ),
        ("run_early", "spec_id", "Spec must be in SUCCEEDED status; it is PROCESSING."),
        ("run_0", "number_of_samples", "1 to 20,000 samples"),
        ("run_many", "number_of_samples", "1 to 20,000 samples"),
        ("run_text", "number_of_samples", "Input should be a valid integer"),
        ("run_version", "spec_version", "The spec has no version 9; it has 1 to 2."),
        ("run_model", "generation_model", "Unsupported generation model: openai/gpt-6-astra."),
        ("run_revision", "revision_types", "'spelling' is not a valid choice"),
        ("yaml_nothing", "content_yaml", "This field is required."),
        ("yaml_other", "content_yaml", "line 1: is no spec"),
        ("yaml_broken", "content_yaml", "line 1: not YAML"),
        ("yaml_sum", "content_yaml", "line 7: spec.data_property_variations.0.base_distrib"),
        ("yaml_value", "content_yaml", "line 7: spec.data_property_variations.0.base_distrib"),
        ("yaml_condition", "content_yaml", "line 12: spec.data_property_variations.1.conditio"),
        ("spec_twice", "name", "A spec with the name 's' already exists"),
        ("spec_nothing", "generation_objectives", "Objectives are required"),
        (
            *("spec_model", "spec_generation_model_name"),
            "Unsupported spec generation model: anthropic/claude-sonnet-99.",
        ),
        ("spec_conditional", "generate_conditional_distributions", "Conditional distributions"),
        ("seeds_twice", "name", "A seed dataset with the name 'letters' already exists."),
        ("seeds_type", "dataset_type", "Valid dataset_type is required"),
        ("seeds_single", "files", "SINGLE_FILE dataset requires exactly 1 file, got 2."),
        ("seeds_one", "files", "MULTI_FILE dataset requires at least 2 files, got 1."),
        ("seeds_mixed", "files", "All files in a multi-file dataset must have the same ext"),
        ("seeds_kind", "files", "File type .exe not allowed for MULTI_FILE"),
        ("seeds_folders", "folder_names", "folder_names array is required"),
        ("seeds_lengths", "folder_names", "Files and folder_names arrays must be same length"),
        ("seeds_same_folder", "folder_names", "MULTI_FOLDER dataset requires at least 2 diff"),
        ("zip_broken", "zip_file", "Uploaded file is not a valid ZIP file"),
        ("zip_path", "zip_file", "Invalid ZIP file: contains unsafe paths"),
        ("zip_absolute", "zip_file", "Invalid ZIP file: contains unsafe paths"),
        ("zip_nested", "zip_file", "Invalid ZIP file: 'a.zip' is a ZIP file inside it"),
        ("zip_bomb", "zip_file", "Invalid ZIP file: "),
        ("zip_empty", "zip_file", "No valid files found in ZIP."),
        ("team_twice", "name", "there is a red team spec named 'team' already"),
        ("team_many", "number_of_prompts_per_behavior", "10 behaviours with 10 prompts each"),
        ("team_model", "model_name", "Unsupported model: moonshotai/Kimi-K3"),
        ("masked_method", "detection_method", "'magic' is not a valid choice"),
        ("masked_no_model", "llm_model_name", "This field is required when"),
        ("masked_types", "pii_types", "pii_m1 finds none of these types"),
        ("masked_unknown", "dataset_id", "Seed dataset not found"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_what_is_wrong(
    told: dict[str, Any], what: str, field: str, message: str
) -> None:
    kind, body = told[what]
    assert (kind, list(body)) == ("BadRequestError", [field])
    assert body[field][0].startswith(message)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("evaluation_unknown_run", "Run not found"),
        ("evaluation_unknown", "Evaluation not found"),
        ("evaluations_unknown", "Run not found"),
        ("run_unknown_spec", "Spec not found"),
        ("run_unknown", "Run not found"),
        ("file_unknown", "File not found"),
        ("spec_unknown_seeds", "Seed dataset not found"),
        ("team_unknown", "Red team spec not found"),
        ("judge_unknown", "Judge not found"),
    ],
)
def test_what_is_not_there_is_not_found(told: dict[str, Any], what: str, message: str) -> None:
    assert told[what] == ["NotFoundError", {"detail": message}]


def test_all_that_is_missing_is_said_at_once(told: dict[str, Any]) -> None:
    required = ["This field is required."]
    nothing = {"spec_id": required, "number_of_samples": required}
    assert told["run_nothing"] == ["BadRequestError", nothing]


def test_a_key_is_needed_and_the_right_to_write(told: dict[str, Any]) -> None:
    assert told["key"][0] == told["no_key"][0] == "AuthenticationError"
    assert "not known" in told["key"][1]["detail"]
    assert "needs an API key" in told["no_key"][1]["detail"]
    assert told["role"][0] == "PermissionDeniedError"
    assert "writer" in told["role"][1]["detail"]


def test_nothing_of_what_was_refused_was_made(told: dict[str, Any]) -> None:
    assert told["after"] == told["counts"] == [1, 2, 2, 0, 1, 0, 0]
    assert told["version"] == 2


def test_with_force_the_runs_of_a_spec_go_with_it(told: dict[str, Any]) -> None:
    assert told["forced"] == []
    assert told["left"] == [0, 0]

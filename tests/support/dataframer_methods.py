"""A script that calls every method of the official `dataframer` client by its name, sync or async.

Its environment says which `CLIENT`. It tells which `methods` the client has, what each of those
that were called sent (`wire`), and what of the answers is `wrong`.
"""

WIRE = {
    "api_keys.rotate": ["POST /api/users/api-key/rotate"],
    "seed_datasets.create_with_files": ["POST /seed-datasets/create/"],
    "seed_datasets.create_from_zip": ["POST /seed-datasets/create-from-zip/"],
    "seed_datasets.list": ["GET /seed-datasets/"],
    "seed_datasets.retrieve": ["GET /seed-datasets/{id}/"],
    "seed_datasets.delete": ["DELETE /seed-datasets/{id}/"],
    "seed_datasets.files.download": ["GET /seed-datasets/{id}/files/{id}/"],
    "specs.create": ["POST /specs/"],
    "specs.list": ["GET /specs/"],
    "specs.retrieve": ["GET /specs/{id}/"],
    "specs.update": ["PUT /specs/{id}/"],
    "specs.delete": ["DELETE /specs/{id}/"],
    "runs.create": ["POST /runs/"],
    "runs.list": ["GET /runs/"],
    "runs.retrieve": ["GET /runs/{id}/"],
    "runs.cancel": ["POST /runs/{id}/cancel/"],
    "runs.delete": ["DELETE /runs/{id}/"],
    "runs.files.download": ["GET /runs/{id}/files/{id}/download/"],
    "runs.files.download_all": ["GET /runs/{id}/files/download/"],
    "runs.evaluations.list": ["GET /runs/{id}/evaluations/"],
    "evaluations.create": ["POST /evaluations/"],
    "evaluations.retrieve": ["GET /evaluations/{id}/"],
    "judges.list": ["GET /judges/"],
    "judges.retrieve": ["GET /judges/{id}/"],
    "judges.evaluations.create": ["POST /judges/{id}/evaluations/"],
    "judges.evaluations.list": ["GET /judges/{id}/evaluations/"],
    "judges.evaluations.retrieve": ["GET /judges/{id}/evaluations/{id}/"],
    "red_team_specs.create": ["POST /red-team-specs/"],
    "red_team_specs.list": ["GET /red-team-specs/"],
    "red_team_specs.retrieve": ["GET /red-team-specs/{id}/"],
    "red_team_specs.update": ["PATCH /red-team-specs/{id}/"],
    "red_team_specs.delete": ["DELETE /red-team-specs/{id}/"],
    "red_team_runs.create": ["POST /red-team-runs/"],
    "red_team_runs.list": ["GET /red-team-runs/"],
    "red_team_runs.retrieve": ["GET /red-team-runs/{id}/"],
    "red_team_runs.retrieve_status": ["GET /red-team-runs/{id}/status/"],
    "red_team_runs.delete": ["DELETE /red-team-runs/{id}/"],
    "anonymization_runs.create": ["POST /anonymization-runs/"],
    "anonymization_runs.list": ["GET /anonymization-runs/"],
    "anonymization_runs.retrieve": ["GET /anonymization-runs/{id}/"],
    "anonymization_runs.delete": ["DELETE /anonymization-runs/{id}/"],
    "anonymization_runs.files.download": ["GET /anonymization-runs/{id}/files/{id}/download/"],
    "anonymization_runs.files.download_all": ["GET /anonymization-runs/{id}/download/"],
    "failures.list": ["GET /failures/"],
    "failures.retrieve": ["GET /failures/{id}/"],
    "context.retrieve": ["GET /context/"],
}
"""All methods that the client has → what each sends, below `/api/dataframer` where it says no
more."""
PROBE = "POST /api/data-plane/token/"
"""What is sent before the first method that may hand files in."""

EVERY_METHOD = """
import inspect, re
from dataframer._resource import AsyncAPIResource, SyncAPIResource
is_async = os.environ["CLIENT"].startswith("Async")
wire, probes, wrong = {}, [], []
calling = None
def noted(request):
    path = request.url.path.removeprefix("/api/dataframer")
    path = re.sub("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "{id}", path)
    if "data-plane" in path:
        probes.append([f"{request.method} {path}", calling])
    else:
        wire.setdefault(calling, set()).add(f"{request.method} {path}")
async def noted_async(request): noted(request)
http = dataframer.DefaultAsyncHttpxClient if is_async else dataframer.DefaultHttpxClient
def connected(key):
    # It refuses answers that are not of the types that it knows.
    hooks = {"request": [noted_async if is_async else noted]}
    return getattr(dataframer, os.environ["CLIENT"])(
        api_key=key, http_client=http(event_hooks=hooks), _strict_response_validation=True)
def methods_of(resource, name=""):
    for key in dir(type(resource)):
        if key.startswith(("_", "with_")): continue
        if inspect.isfunction(inspect.getattr_static(type(resource), key)): yield name + key
        elif isinstance(found := getattr(resource, key), (SyncAPIResource, AsyncAPIResource)):
            yield from methods_of(found, f"{name}{key}.")
# A key of its own, as it is rotated.
here = connected(api("POST", "/api/v1/keys", json={"name": os.environ["CLIENT"], "role": "writer"}
                     ).json()["key"])
async def ask(name, /, *ids, **fields):
    global calling
    calling = name
    method = here if name.startswith("api_keys") else here.dataframer
    for part in name.split("."): method = getattr(method, part)
    answer = method(*ids, **fields)
    return await answer if inspect.isawaitable(answer) else answer
async def over(name, /, *ids):
    for _ in range(600):
        found = await ask(name, *ids)
        if found.status in ("SUCCEEDED", "FAILED", "CANCELED"): return found
        await asyncio.sleep(0.05)
    raise TimeoutError(name)
async def raised(name, /, *ids, **fields):
    try: return await ask(name, *ids, **fields)
    except dataframer.APIStatusError as error: return [type(error).__name__, error.body]
def check(**facts): wrong.extend(name for name, right in facts.items() if not right)
MINE = os.environ["CLIENT"]

async def main():
    rows = "city,plan\\n" + "Rome,free\\nRome,paid\\nOslo,free\\nRome,paid\\n" * 10
    table = await ask("seed_datasets.create_with_files", name=f"table {MINE}",
                      dataset_type="SINGLE_FILE", files=[("people.csv", rows.encode())])
    packed = await ask("seed_datasets.create_from_zip", name=f"packed {MINE}", zip_file=(
        "x.zip", zipped({"a/1.txt": "Mr 1", "b/1.txt": "write to me@example.org"})))
    kept = await ask("seed_datasets.retrieve", table.id)
    file = await ask("seed_datasets.files.download", table.files[0].id, dataset_id=table.id)
    check(table=[table.dataset_type, table.sample_count] == ["SINGLE_FILE", 40],
          packed=[packed.dataset_type, packed.folder_count] == ["MULTI_FOLDER", 2],
          kept=kept.to_dict() == table.to_dict(), bytes=httpx.get(file.download_url).text == rows,
          named=[file.filename, file.content_type] == ["people.csv", "text/csv"],
          sets=[it.id for it in await ask("seed_datasets.list")][:2] == [packed.id, table.id])

    made = await ask("specs.create", name=f"people {MINE}", dataset_id=table.id,
                     extrapolate_values=False)
    spec = await over("specs.retrieve", made.id)
    text = spec.content_yaml.replace("description:", "description: Ann", 1)
    changed = await ask("specs.update", spec.id, content_yaml=text)
    versions = (await ask("specs.retrieve", spec.id, include_versions=True)).versions
    check(made=made.status == "PROCESSING", spec=spec.status == "SUCCEEDED",
          changed=changed.content_yaml == text,
          versions=[it.content_yaml for it in versions] == [spec.content_yaml, text],
          specs=(await ask("specs.list"))[0].id == spec.id)

    begun = await ask("runs.create", spec_id=spec.id, number_of_samples=4, spec_version=1)
    run = await over("runs.retrieve", begun.id)
    one = await ask("runs.files.download", run.generated_files[0].id, run_id=run.id)
    while not (every := await ask("runs.files.download_all", run.id)).download_url:
        await asyncio.sleep(0.05)
    archive = zipfile.ZipFile(io.BytesIO(httpx.get(every.download_url).content))
    check(begun=begun.status in ("PENDING", "PROCESSING"), run=run.status == "SUCCEEDED",
          samples=[run.samples_completed, run.samples_failed] == [4, 0],
          one=one.filename == "samples.csv",
          lines=httpx.get(one.download_url).text.count("\\n") == 5,
          archive="samples.csv" in archive.namelist(),
          runs=(await ask("runs.list"))[0].id == run.id)
    idle = await ask("runs.create", spec_id=spec.id, number_of_samples=2, generation_model="slow")
    await ask("runs.cancel", idle.id)
    check(cancelled=(await over("runs.retrieve", idle.id)).status == "CANCELED")
    await ask("runs.delete", idle.id)
    check(run_gone=await raised("runs.retrieve", idle.id)
              == ["NotFoundError", {"detail": "Run not found"}])

    started = await ask("evaluations.create", run_id=run.id, evaluation_model="embedded")
    found = await over("evaluations.retrieve", started.id)
    check(started=started.status in ("PENDING", "PROCESSING"), found=found.status == "SUCCEEDED",
          nothing_yet=[started.distribution_analysis, started.sample_classifications] == [None, []],
          properties={"city", "plan"} <= {it.property_name for it in found.distribution_analysis},
          classified=len(found.sample_classifications) == 4,
          evaluations=[it.id for it in await ask("runs.evaluations.list", run.id)] == [found.id])

    api("POST", "/api/v1/judges", json={
        "name": f"Replies {MINE}", "model": "grader", "dimensions": [
        {"name": "Polite", "scoring_model": "pass_fail"},
        {"name": "Steps", "scoring_model": "checklist", "items": ["greets", "thanks"]}]})
    judge = (await ask("judges.list", limit=1)).results[0]
    same = await ask("judges.retrieve", judge.id)
    verdict = await ask("judges.evaluations.create", judge.id, input="Where?", output="Here.")
    again = await ask("judges.evaluations.retrieve", verdict.id, judge_id=judge.id)
    judged = await ask("judges.evaluations.list", judge.id)
    check(judge=same.to_dict() == judge.to_dict(), name=judge.name == f"Replies {MINE}",
          verdict=[verdict.status, verdict.verdict.overall_score] == ["succeeded", 0.75],
          rendered="Here." in again.rendered_text, judged=[judged.count, judged.results[0].id]
              == [1, verdict.id])

    target = await ask("red_team_specs.create", name=f"Clinic {MINE}", concerns="No diagnoses",
                       domain_description="Healthcare", app_description="Books visits")
    renamed = await ask("red_team_specs.update", target.id, app_description="Books rooms")
    team = await ask("red_team_runs.create", red_team_spec_id=target.id, number_of_behaviors=2,
                     model_name="openai/gpt-oss-120b", number_of_prompts_per_behavior=3)
    attacks = await over("red_team_runs.retrieve_status", team.id)
    results = (await ask("red_team_runs.retrieve", team.id)).results_json
    prompts = results.behavior_to_enhanced_queries
    check(target=target.name == f"clinic_{MINE}".lower().replace("asyncd", "async_d"),
          renamed=renamed.app_description == "Books rooms",
          kept_target=(await ask("red_team_specs.retrieve", target.id)).to_dict()
              == renamed.to_dict(),
          targets=(await ask("red_team_specs.list"))[0].id == target.id,
          attacks=[attacks.status, attacks.api_model_name] == ["SUCCEEDED", "openai/gpt-oss-120b"],
          prompts=[len(it) for it in prompts.values()] == [3, 3],
          texts=all(it.query and it.adversarial_prompt for its in prompts.values() for it in its),
          teams=[it.id for it in await ask("red_team_runs.list", spec_id=target.id)] == [team.id])
    await ask("red_team_runs.delete", team.id)
    await ask("red_team_specs.delete", target.id)
    check(team_gone=(await raised("red_team_runs.retrieve", team.id))[0] == "NotFoundError",
          target_gone=(await raised("red_team_specs.retrieve", target.id))[0] == "NotFoundError")

    asked = await ask("anonymization_runs.create", dataset_id=packed.id, detection_method="pii_m1",
                      pii_types=["email"])
    masked = await over("anonymization_runs.retrieve", asked.id)
    second = await ask("anonymization_runs.files.download", masked.anonymized_files[1].id,
                       run_id=masked.id)
    whole = await ask("anonymization_runs.files.download_all", masked.id)
    check(masked=[masked.status, masked.results.samples_processed] == ["SUCCEEDED", 2],
          second="example.org" not in httpx.get(second.download_url).text,
          whole=whole.status == "ready",
          anonymized=(await ask("anonymization_runs.list"))[0].id == masked.id)
    await ask("anonymization_runs.delete", masked.id)
    check(masked_gone=(await raised("anonymization_runs.retrieve", masked.id))[0]
              == "NotFoundError")

    failures = await ask("failures.list", include="context", limit=3, detail="full")
    nobody = "00000000-0000-4000-8000-000000000000"
    check(failures=[failures.count, failures.results] == [0, []],
          failure=await raised("failures.retrieve", nobody)
              == ["NotFoundError", {"detail": "Failure not found"}],
          context=(await ask("context.retrieve")).knowledge.total == 0)

    check(spec_kept=(await raised("specs.delete", spec.id))[0] == "BadRequestError")
    await ask("specs.delete", spec.id, force=True)
    check(runs_gone=(await raised("runs.retrieve", run.id))[0] == "NotFoundError",
          its_evaluations=(await raised("runs.evaluations.list", run.id))[0] == "NotFoundError")
    await ask("seed_datasets.delete", table.id)
    check(table_gone=(await raised("seed_datasets.retrieve", table.id))[0] == "NotFoundError")

    global here
    rotated, before = await ask("api_keys.rotate"), here
    check(dead=(await raised("specs.list"))[0] == "AuthenticationError",
          masked_key=[rotated.masked_key[:4], rotated.masked_key[-4:]]
              == [rotated.api_key[:4], rotated.api_key[-4:]])
    here = connected(rotated.api_key)
    check(alive=isinstance(await ask("specs.list"), list))
    told(methods=sorted(
        [*methods_of(before.dataframer), *methods_of(before.api_keys, "api_keys.")]))

asyncio.run(main())
told(wire={name: sorted(sent) for name, sent in wire.items()}, probes=probes, wrong=wrong)
"""

"""A script that calls every method of the official `aymara_ai` client, sync or async.

Its environment says which `CLIENT`, and where a `VIDEO` is. It tells what was `asked`, and what of
the answers is `wrong`.
"""

ENDPOINTS = [
    "GET /health/",
    "POST /v2/evals",
    "GET /v2/evals",
    "GET /v2/evals/{id}",
    "PUT /v2/evals/{id}",
    "DELETE /v2/evals/{id}",
    "GET /v2/evals/{id}/prompts",
    "POST /v2/eval-analysis",
    "POST /v2/eval-runs",
    "GET /v2/eval-runs",
    "GET /v2/eval-runs/{id}",
    "DELETE /v2/eval-runs/{id}",
    "GET /v2/eval-runs/{id}/responses",
    "POST /v2/eval-runs/-/score-responses",
    "PATCH /v2/eval-runs/{id}/responses/{id}",
    "GET /v2/eval-runs/{id}/responses/{id}/history",
    "GET /v2/eval-types",
    "GET /v2/eval-types/{id}",
    "GET /v2/eval-types/{id}/instructions",
    "GET /v2/eval-types/-/instructions",
    "POST /v2/eval-reports",
    "GET /v2/eval-reports",
    "GET /v2/eval-reports/{id}",
    "DELETE /v2/eval-reports/{id}",
    "POST /v2/files",
    "GET /v2/files",
    "GET /v2/files/{id}",
    "DELETE /v2/files/{id}",
    "GET /v2/files/{id}/frames",
    "GET /v2/files/{id}/status",
    "POST /v2/files/-/uploads",
]
"""All that the vendor has."""

EVERY_ENDPOINT = """
import inspect, re
asked, wrong = set(), []
def noted(request):
    path = re.sub("[a-z_]*[.]?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "{id}", request.url.path)
    asked.add(f"{request.method} {path}")
async def noted_async(request): noted(request)
is_async = os.environ["CLIENT"].startswith("Async")
http = aymara_ai.DefaultAsyncHttpxClient if is_async else aymara_ai.DefaultHttpxClient
here = getattr(aymara_ai, os.environ["CLIENT"])(
    http_client=http(event_hooks={"request": [noted_async if is_async else noted]}))
async def of(answer): return await answer if inspect.isawaitable(answer) else answer
async def ended(get, id):
    for _ in range(1_200):
        found = await of(get(id))
        status = getattr(found, "status", None) or found.processing_status
        if status in ("finished", "completed", "failed"):
            return found
        await asyncio.sleep(0.05)
    raise TimeoutError(id)
async def gone(get, id):
    try:
        await of(get(id))
        return False
    except aymara_ai.NotFoundError:
        return True
def check(**facts): wrong.extend(name for name, right in facts.items() if not right)

async def main():
    await of(here.health.check())

    types = (await of(here.eval_types.list())).items
    safety = next(it for it in types if it.slug == "safety")
    one = await of(here.eval_types.get(safety.eval_type_uuid))
    stock = (await of(here.eval_types.list_instructions(safety.eval_type_uuid))).items
    same = (await of(here.eval_types.find_instructions(eval_type_slug="safety"))).items
    check(types={"safety", "accuracy", "jailbreak"} <= {it.slug for it in types},
          one=one == safety, modalities="text" in one.supported_modalities,
          stock=len(stock) > 10 and stock == same,
          of_type={it.eval_type for it in stock} == {"safety"})

    made = await of(here.evals.create(
        ai_description="a bot", eval_type="safety", num_prompts=2, name="Every endpoint"))
    found = await ended(here.evals.get, made.eval_uuid)
    first, second = (await of(here.evals.list_prompts(found.eval_uuid))).items
    changed = await of(here.evals.update(
        found.eval_uuid, name="Renamed", prompt_creates=[{"content": "What is new?"}],
        prompt_updates=[{"prompt_uuid": first.prompt_uuid, "content": "What has changed?"},
                        {"prompt_uuid": second.prompt_uuid, "action": "delete"}]))
    prompts = (await of(here.evals.list_prompts(found.eval_uuid))).items
    check(changed=(changed.name, changed.num_prompts) == ("Renamed", 2),
          prompts=[it.content for it in prompts] == ["What has changed?", "What is new?"],
          kept=prompts[0].prompt_uuid == first.prompt_uuid,
          newest=(await of(here.evals.list(limit=1))).items[0].eval_uuid == found.eval_uuid)

    responses = [{"prompt_uuid": it.prompt_uuid, "content": text}
                 for it, text in zip(prompts, ("fine", BAD))]
    begun = await of(here.evals.runs.create(eval_uuid=found.eval_uuid, responses=responses))
    run = await ended(here.evals.runs.get, begun.eval_run_uuid)
    scored = await of(here.evals.runs.score_responses(
        eval_uuid=found.eval_uuid, responses=responses[:1], name="At once",
        eval_run_examples=[{"prompt": "Hi", "response": "Ho", "type": "pass"}]))
    listed = await of(here.evals.runs.list(eval_uuid=found.eval_uuid))
    check(begun=begun.status == "created", run=(run.status, run.pass_rate) == ("finished", 0.5),
          scored=[it.is_passed for it in scored.responses] == [True], name=scored.name == "At once",
          examples=[it.response for it in scored.eval_run_examples] == ["Ho"],
          runs=[it.eval_run_uuid for it in listed.items]
              == [scored.eval_run_uuid, run.eval_run_uuid], count=listed.count == 2)
    verdicts = (await of(here.evals.runs.list_responses(run.eval_run_uuid))).items
    failed = verdicts[1].response_uuid
    patched = await of(here.evals.runs.update_response(
        failed, eval_run_uuid=run.eval_run_uuid, is_passed=True))
    history = await of(here.evals.runs.get_response_history(
        failed, eval_run_uuid=run.eval_run_uuid))
    check(verdicts=[it.is_passed for it in verdicts] == [True, False], patched=patched.is_passed,
          history=[(it.previous_is_passed, it.new_is_passed) for it in history] == [(False, True)],
          rate=(await of(here.evals.runs.get(run.eval_run_uuid))).pass_rate == 1.0)

    analysis = await of(here.evals.analyze(
        name="renamed", has_score_runs=True, min_pass_rate=0.9, sort_by="pass_rate"))
    [result] = analysis.results
    check(analysis=(analysis.total_count, analysis.has_more) == (1, False),
          stats=(result.stats.total_score_runs, result.stats.avg_pass_rate) == (2, 1.0),
          analysed=result.eval.eval_uuid == found.eval_uuid)

    asked_for = await of(here.reports.create(eval_run_uuids=[run.eval_run_uuid]))
    report = await ended(here.reports.get, asked_for.eval_suite_report_uuid)
    reports = (await of(here.reports.list())).items
    check(report=[it.eval_run_uuid for it in report.eval_run_reports] == [run.eval_run_uuid],
          reports=report.eval_suite_report_uuid in [it.eval_suite_report_uuid for it in reports])
    await of(here.reports.delete(report.eval_suite_report_uuid))
    check(report_gone=await gone(here.reports.get, report.eval_suite_report_uuid))

    clip = pathlib.Path(os.environ["VIDEO"])
    sent = await of(here.files.upload(file=("clip.mp4", clip.read_bytes(), "video/mp4")))
    status = await ended(here.files.get_status, sent.file_uuid)
    frames = await of(here.files.get_frames(sent.file_uuid))
    detail = await of(here.files.get(sent.file_uuid))
    videos = (await of(here.files.list(file_type="video"))).items
    to_come = await of(here.files.create(files=[{"local_file_path": "a.png"}]))
    check(status=status.processing_status == "completed",
          frames=frames.frame_count == len(frames.frame_urls) > 1,
          frame=httpx.get(frames.frame_urls[0]).headers["content-type"] == "image/jpeg",
          detail=(detail.file_type, detail.file_size_bytes) == ("video", clip.stat().st_size),
          bytes=httpx.get(detail.file_url).content == clip.read_bytes(),
          listed=sent.file_uuid in [it.file_uuid for it in videos],
          pending=to_come.files[0].processing_status == "pending")
    await of(here.files.delete(sent.file_uuid))
    check(file_gone=await gone(here.files.get, sent.file_uuid))

    await of(here.evals.runs.delete(scored.eval_run_uuid))
    check(run_gone=await gone(here.evals.runs.get, scored.eval_run_uuid))
    await of(here.evals.delete(found.eval_uuid))
    check(eval_gone=await gone(here.evals.get, found.eval_uuid),
          its_runs=await gone(here.evals.runs.get, run.eval_run_uuid))

asyncio.run(main())
told(asked=sorted(asked), wrong=wrong)
"""

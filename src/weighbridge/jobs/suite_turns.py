"""The end of a run that wrote what is said next in conversations: each gets its next prompt.

May be broken off anywhere and begun again: prompts are made for those responses only that have none
after them, in one transaction.
"""

from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.run import RunState
from weighbridge.core.suite import Batch, Prompt, Response, WrittenPrompt
from weighbridge.generation.turns import read_turn
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.suite_prompts import replies_of, slots_of
from weighbridge.store.engine import Store
from weighbridge.store.scorings import responses_of_batch, set_next_prompts, touch_scoring
from weighbridge.store.suites import add_turns, find_prompts


async def deliver_turns(
    store: Store, loaded: LoadedRun, batch: Batch
) -> tuple[RunState, str | None]:
    """Give each conversation its next prompt; where the model gave none that is of use, it comes
    out of the bank.

    Returns:
        The state and reason that the run ends with.
    """
    slots = await slots_of(store, loaded)
    replies = await replies_of(store, loaded)
    written = {
        str(slot["thread"]): read_turn(slot, replies.get(position))
        for position, slot in enumerate(slots)
    }
    async with store.begin() as connection:
        there = await responses_of_batch(connection, batch.scoring_id, batch.number)
        waiting = [it for it in there if it.continues and it.next_prompt_id is None]
        before = await find_prompts(
            connection, loaded.run.workspace_id, [it.prompt_id for it in waiting]
        )
        made = {
            it.id: next_prompt(it, before[it.prompt_id], written[it.thread_id])
            for it in waiting
            if it.thread_id in written and it.prompt_id in before
        }
        await add_turns(connection, list(made.values()))
        await set_next_prompts(connection, {id_: prompt.id for id_, prompt in made.items()})
        await touch_scoring(connection, batch.scoring_id)
    return RunState.SUCCEEDED, None


def next_prompt(response: Response, prompt: Prompt, written: WrittenPrompt) -> Prompt:
    """The prompt with which a conversation goes on.

    Args:
        response: its last turn. prompt: what that answered. written: what is said next.
    """
    about: JsonObject = {**prompt.about, **written.about}
    return Prompt(
        id=new_id("prompt"),
        workspace_id=response.workspace_id,
        suite_id=prompt.suite_id,
        position=prompt.position,
        content=written.content,
        category=prompt.category,
        about=about,
        thread_id=response.thread_id,
        turn=response.turn + 1,
        scoring_id=response.scoring_id,
    )

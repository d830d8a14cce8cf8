"""What a judge is told about one case: the frame, the rubric, and the material between fences."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer
from weighbridge.core.prompt import Template, as_text
from weighbridge.providers.base import ImagePart, Message, Part
from weighbridge.scorers.judging.fence import Fences
from weighbridge.scorers.judging.form import Form
from weighbridge.scorers.judging.parts import ANSWER, PROMPT, TARGET, Kind
from weighbridge.scorers.judging.pictures import Pictures
from weighbridge.scorers.judging.rubric import Rubric
from weighbridge.scorers.judging.rubrics import frame


def texts_of(
    rubric: Rubric,
    answer: Answer,
    case: Case,
    asked: Sequence[Message],
    columns: Mapping[str, str],
) -> dict[str, str]:
    """Name → text of everything that the rubric shows its judge of a case.

    Args:
        asked: what the model was asked.
        columns: input of the rubric → column of the data, where their names differ.
    """
    given = {ANSWER: lambda: answer.text, TARGET: lambda: as_text(case.target)}
    given[PROMPT] = lambda: transcript(asked)
    return {
        name: given[name]() if name in given else as_text(case.inputs.get(columns.get(name, name)))
        for name in rubric.shown
    }


def messages_for(
    rubric: Rubric, form: Form, texts: Mapping[str, str], pictures: Pictures | None = None
) -> tuple[Message, ...]:
    """The question to the judge.

    Args:
        form: of the rubric.
        texts: name → text, of all that it shows.
        pictures: images of the answer, which follow after the text; None: there are none.
    """
    *others, last = _in_words(rubric, form, texts, pictures.note if pictures else "")
    if pictures is None:
        return (*others, last)
    return (*others, Message(last.role, (*_parts(last), *pictures.parts)))


def _parts(message: Message) -> tuple[Part, ...]:
    return (message.content,) if isinstance(message.content, str) else message.content


def _in_words(
    rubric: Rubric, form: Form, texts: Mapping[str, str], note: str
) -> tuple[Message, ...]:
    parts = frame()
    fences = Fences(texts)
    fenced = {name: fences.around(name) for name in texts}
    system = _template(parts["system"]).render({"nonce": fences.nonce})
    ending = "\n\n".join(filter(None, (note, _verdicts(rubric), _form(form))))
    if rubric.messages is None:
        user = "\n\n".join((_task(rubric, fenced), _material(rubric, fenced), ending))
        return (Message("system", system), Message("user", user))
    made = [
        Message(message.role, _template(message.content).render(fenced))
        for message in rubric.messages
    ]
    first, last = made[0], made[-1]
    if first.role == "system":
        made[0] = Message("system", f"{first.content}\n\n{system}")
    else:
        made.insert(0, Message("system", system))
    made[-1] = Message(last.role, f"{last.content}\n\n{ending}")
    return tuple(made)


def transcript(asked: Sequence[Message]) -> str:
    """A chat as one text; an image in it is only mentioned."""
    if len(asked) == 1:
        return _content(asked[0])
    return "\n\n".join(f"{message.role}: {_content(message)}" for message in asked)


@lru_cache(maxsize=256)
def _template(text: str) -> Template:
    """The template of a text: the same few, for every case."""
    return Template(text)


def _content(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(_part(part) for part in message.content)


def _part(part: Part) -> str:
    if isinstance(part, str):
        return part
    return "[image]" if isinstance(part, ImagePart) else "[video]"


def _task(rubric: Rubric, fenced: Mapping[str, str]) -> str:
    # Not a template of its own: the purpose is the rubric's, and braces in it are text.
    task = frame()["task"].replace("{purpose}", rubric.purpose)
    if rubric.criteria is None:
        return task
    return f"{task}\n\n{_template(rubric.criteria).render(fenced).strip()}"


def _material(rubric: Rubric, fenced: Mapping[str, str]) -> str:
    shown = rubric.shown
    if rubric.verdict is Kind.PAIR:
        shown = {**shown, "first": "the first answer", "second": "the second answer"}
    blocks = [f"{about[0].upper()}{about[1:]}:\n{fenced[name]}" for name, about in shown.items()]
    return "\n\n".join((frame()["material"], *blocks))


def _verdicts(rubric: Rubric) -> str:
    lines = []
    if rubric.verdict is Kind.CHECKLIST:
        lines = [f"- {item.name}: {item.asks.strip()}" for item in rubric.items]
    elif rubric.verdict is Kind.PASS_FAIL and not rubric.levels:
        lines = ["- pass", "- fail"]
    else:
        for level in rubric.levels:
            label = level.label if level.range is None else f"{level.range[0]} to {level.range[1]}"
            lines.append(f"- {label}: {level.means.strip()}" if level.means else f"- {label}")
    return "\n".join((frame()["verdicts"], *lines)) if lines else ""


def _form(form: Form) -> str:
    return f"{frame()['form']}\n{form.instructions}"

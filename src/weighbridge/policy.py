"""A gate's policy as people write it: the same in a YAML file and in JSON sent to the API."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from weighbridge.core.policy import AGAINST_BASELINE, OF_METRIC, Limit, Mode, Policy, Rule, Tier
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.validation import problems_of, refuse
from weighbridge.yamltext import Path, parse_yaml

MAX_RULES = 200
_LIMITS = tuple(limit.value for limit in Limit)

Number = Annotated[float, Field(allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Level = Annotated[float, Field(ge=0.5, le=0.9999)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class RuleSpec(_Strict):
    """One rule: a metric and its limits, or limits of the run itself."""

    metric: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        default=None, description="Key of the scorer whose metric it is."
    )
    min: Number | None = Field(default=None, description="The true value is at least this.")
    max: Number | None = Field(default=None, description="The true value is at most this.")
    max_drop: Amount | None = Field(
        default=None, description="Against the baseline, it has not fallen by more than this."
    )
    max_rise: Amount | None = Field(
        default=None, description="Against the baseline, it has not risen by more than this."
    )
    max_failed_share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="At most this share of the cases failed, 0 to 1: of the metric's, or of the "
        "run's where the rule names none.",
    )
    max_cost_usd: Amount | None = Field(
        default=None, description="The run cost at most so many US dollars."
    )
    max_latency_s: Amount | None = Field(
        default=None, description="An answer took at most so many seconds on average."
    )
    max_latency_p95_s: Amount | None = Field(
        default=None, description="95 of 100 answers took at most so many seconds."
    )
    tier: Tier = Field(
        default=Tier.CRITICAL,
        strict=False,
        description="`critical` decides the verdict; `advisory` is only reported.",
    )
    level: Level | None = Field(
        default=None, description="Confidence level of its intervals; the policy's by default."
    )

    @model_validator(mode="after")
    def _check_whole(self) -> "RuleSpec":
        refuse(self._problems())
        return self

    @property
    def limits(self) -> dict[Limit, float]:
        """The limits that were given."""
        given = {Limit(name): getattr(self, name) for name in _LIMITS}
        return {limit: value for limit, value in given.items() if value is not None}

    def _problems(self) -> Iterator[tuple[Path, str]]:
        if not self.limits:
            yield (), f"a rule needs a limit: one of {', '.join(_LIMITS)}"
        if self.metric is None:
            for limit in self.limits:
                if limit in OF_METRIC:
                    yield (limit.value,), "needs a `metric`: the key of the scorer that it is about"
        if self.min is not None and self.max is not None and self.min > self.max:
            yield ("max",), f"is below `min` ({self.min:g}): nothing could pass"


class PolicySpec(_Strict):
    """What a run must hold for the gate to pass."""

    name: str = Field(default="gate", min_length=1, max_length=200, description="For people.")
    rules: list[RuleSpec] = Field(
        min_length=1, max_length=MAX_RULES, description="All of them are checked."
    )
    level: Level = Field(default=0.95, description="Confidence level of the intervals.")
    mode: Mode = Field(
        default=Mode.INTERVAL,
        strict=False,
        description="`interval`: a rule passes or fails when the whole interval lies on that side "
        "of the limit, and is inconclusive otherwise. `point`: the estimate alone decides, chance "
        "or not.",
    )

    def to_policy(self) -> Policy:
        """The noun that everything else works with."""
        return Policy(
            self.name,
            tuple(
                Rule(rule.metric, rule.limits, rule.tier, rule.level or self.level)
                for rule in self.rules
            ),
            self.mode,
        )

    @property
    def needs_baseline(self) -> bool:
        """Whether a rule compares with another run."""
        return any(AGAINST_BASELINE & rule.limits.keys() for rule in self.rules)


def load_policy(text: str, source: str) -> tuple[PolicySpec, dict[Path, int]]:
    """A policy out of YAML or JSON text, and the 1-based line of each of its fields.

    Raises:
        InvalidFields: whatever is wrong with it, with its line.
    """
    data, lines = parse_yaml(text, source)
    return parse_policy(data, lines=lines, source=source), lines


def parse_policy(
    data: object, *, lines: Mapping[Path, int] | None = None, source: str | None = None
) -> PolicySpec:
    """A policy out of the value that JSON or YAML text held.

    Args:
        lines: where it came from a file, the 1-based line of each field, by its path.
        source: the file's name, shown in front of the message.

    Raises:
        InvalidFields: naming every field that is wrong (the first 20), with its line.
    """
    if not isinstance(data, Mapping):
        what = "nothing" if data is None else type(data).__name__
        message = f"a policy is an object with `rules`, not {what}"
        raise InvalidFields([FieldProblem("", message, 1 if lines is not None else None)], source)
    try:
        return PolicySpec.model_validate(dict(data))
    except ValidationError as error:
        raise InvalidFields(problems_of(error, lines or {}, _fields_at), source) from error


def _fields_at(path: Path) -> list[str]:
    model: type[BaseModel] = RuleSpec if len(path) > 1 else PolicySpec
    return list(model.model_fields)

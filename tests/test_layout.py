"""The arrow of imports in CONTRIBUTING.md holds, and nothing goes in circles."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import weighbridge

ROOT = Path(weighbridge.__file__).parent

# What each part may import, besides itself. `core` and `errors` are for everybody.
ALLOWED: dict[str, set[str]] = {
    "core": set(),
    "errors": set(),
    "outbound": set(),
    "telemetry": {"providers"},
    "settings": {"outbound"},
    "statistics": set(),
    "datasets": set(),
    "documents": set(),
    "media": set(),
    "suites": {"validation", "yamltext"},
    "generation": {"documents", "scorers", "suites", "yamltext"},
    # A judge asks through `providers.base`, or is the embedded one.
    "scorers": {"embedded", "providers", "yamltext"},
    "embedded": {"providers"},
    "providers": set(),
    "store": {"datasets"},
    "versions": {"datasets", "store"},
    "synthesis": {
        *("datasets", "documents", "generation", "scorers", "statistics", "store", "validation"),
        "yamltext",
    },
    "reports": {"statistics"},
    "spec": {"datasets", "scorers", "validation", "yamltext"},
    "benchmarks": {"datasets", "spec", "validation", "yamltext"},
    "policy": {"validation", "yamltext"},
    "judgefile": {"validation", "yamltext"},
    "validation": {"yamltext"},
    "specfile": {"spec", "yamltext"},
    "yamltext": set(),
    "jobs": {
        *("datasets", "generation", "outbound", "providers", "reports", "scorers", "spec", "store"),
        *("synthesis", "telemetry", "versions"),
    },
    "services": {
        *("benchmarks", "datasets", "documents", "generation", "jobs", "judgefile", "media"),
        *("outbound", "synthesis"),
        *("providers", "reports", "scorers", "spec", "statistics", "store", "suites", "versions"),
    },
    "wiring": {
        *("embedded", "outbound", "providers", "services", "settings", "store", "telemetry"),
        "versions",
    },
    "dialects": {
        *("datasets", "jobs", "judgefile", "outbound", "policy", "providers", "reports", "scorers"),
        *("services", "spec", "statistics", "store", "suites", "synthesis", "versions", "wiring"),
    },
    "figures": {"statistics"},
    # Pages call services, as every other door does; of a dialect only what no vendor owns,
    # and what makes or tells the vendor's own request and result (`web.starting`, `web.kinds`).
    "web": {
        *("datasets", "demo", "dialects", "embedded", "figures", "jobs", "judgefile", "media"),
        *("providers", "reports", "scorers", "services", "spec", "specfile", "statistics", "store"),
        *("suites", "synthesis", "validation", "versions", "wiring", "yamltext"),
    },
    "app": {"dialects", "services", "web", "wiring"},
    "server": {"app", "dialects", "jobs", "services", "settings", "wiring"},
    "demo": {"providers", "services", "settings", "spec", "specfile", "wiring"},
    "sdk": {"dialects", "figures"},
    "cli": {
        *("benchmarks", "datasets", "demo", "dialects", "embedded", "jobs", "judgefile", "policy"),
        *("providers", "scorers", "sdk", "server", "services", "settings", "spec", "specfile"),
        *("store",),
        *("suites", "validation", "versions", "wiring", "yamltext"),
    },
    "__main__": {"cli"},
    "__init__": set(),
}


def modules() -> dict[str, set[str]]:
    """Module → the modules of ours that it imports at the top."""
    names = {
        ".".join(("weighbridge", *path.relative_to(ROOT).with_suffix("").parts)): path
        for path in ROOT.rglob("*.py")
        if "migrations" not in path.parts
    }
    found = {}
    for name, path in names.items():
        wanted: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("weighbridge"):
                for alias in node.names:
                    member = f"{node.module}.{alias.name}"
                    package = f"{node.module}.__init__"
                    places = (member, f"{member}.__init__", package)
                    wanted.add(next((it for it in places if it in names), str(node.module)))
        found[name] = wanted & names.keys()
    return found


def part_of(module: str) -> str:
    return module.split(".")[1]


def test_every_part_imports_only_what_stands_to_its_left() -> None:
    wrong = {
        f"{module} imports {other}"
        for module, others in modules().items()
        for other in others
        if part_of(other) not in {part_of(module), "core", "errors", "__init__"}
        and part_of(other) not in ALLOWED[part_of(module)]
    }
    assert wrong == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter(modules()).prepare()


def test_no_function_hides_an_import() -> None:
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    hidden = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ROOT.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, functions)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []

"""A gate as JUnit XML: a test case for each check. Loading this loads junitparser.

Only a critical check that fails is a failure there. What is inconclusive, or advisory and failed,
is skipped with its reason: CI shows it, and the exit code decides.
"""

from typing import Any

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from weighbridge.cli.gate_texts import asked, measured, subject, verdict
from weighbridge.cli.words import printable
from weighbridge.core.policy import Tier, Verdict
from weighbridge.dialects.native import wire

_LONG = 1_000


def junit_xml(gate: wire.Gate) -> bytes:
    """The document."""
    suite: Any = TestSuite(_clean(f"weighbridge gate: {gate.policy}"))
    suite.add_property("run", gate.run.id)
    if gate.baseline is not None:
        suite.add_property("baseline", gate.baseline.id)
    suite.add_property("verdict", gate.verdict.value)
    for check in gate.checks:
        suite.add_testcase(_case(check))
    suite.update_statistics()
    # Counts on the outermost element are left out: the schema of Jenkins knows no `skipped` there.
    document: Any = JUnitXml()
    document.append(suite)
    written: bytes = document.tostring()
    return written


def _case(check: wire.Check) -> TestCase:
    case = TestCase(_clean(f"{subject(check)} {asked(check)}"), "weighbridge.gate", 0.0)
    said = _clean(f"{verdict(check)}: {measured(check)}; {check.reason}")
    if check.verdict is Verdict.FAIL and check.tier is Tier.CRITICAL:
        case.result = [Failure(said, check.verdict.value)]
    elif check.verdict is not Verdict.PASS:
        case.result = [Skipped(said, check.verdict.value)]
    case.system_out = said
    return case


def _clean(text: str) -> str:
    """Text that XML can hold."""
    whole = text.encode("utf-8", "replace").decode()
    return printable(whole, _LONG).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")

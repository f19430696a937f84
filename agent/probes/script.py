"""A program of this machine as a probe: Nagios plugins and what behaves like them. Only whole command lines that this machine's
own file lists are run, without a shell, bounded in time and output; nobody else can add one.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from msgspec import Meta

from agent.model import Family, MetricType, Outcome, Reason
from agent.packets.perfdata import Printed, read
from agent.probes.child import MAX_ENDING, Child, Ended, children_of
from agent.probes.probe import MAX_DETAIL, Finding, Probe, ProbeError, ProbeSettings, Run

_SAFE: Final = r"\A(?:-?[0-9][0-9.,:%]*|[A-Za-z0-9_./~@+\[][A-Za-z0-9_./:,@%+=~\[\]-]*|)\Z"
"""An argument: nothing of a shell, nothing that a program takes for an option."""
_HOLE: Final = re.compile(r"\{(address|[1-9])\}")

EXIT: Final = Family(
    "probe_script_exit_code", MetricType.GAUGE, "Exit code of the script: 0 ok, 1 warning, 2 critical, 3 unknown"
)
_LABELS: Final = ("label", "unit")
VALUE: Final = Family("probe_script_value", MetricType.GAUGE, "Performance data of the script, in base units", _LABELS)
WARNING: Final = Family("probe_script_warning", MetricType.GAUGE, "Value above which the script warns", _LABELS)
CRITICAL: Final = Family("probe_script_critical", MetricType.GAUGE, "Value above which the script calls it critical", _LABELS)

_OUTCOMES: Final = {0: Outcome.OK, 1: Outcome.DEGRADED, 2: Outcome.FAILED}


class Settings(ProbeSettings, frozen=True):
    """Which of the machine's scripts runs, with which arguments."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=128,
            extra={"expected": "the name of a script"},
            description="Name of the command line in `probes.scripts` of the file of the machine that runs it.",
        ),
    ]
    arguments: Annotated[
        tuple[Annotated[str, Meta(max_length=256)], ...],
        Meta(
            max_length=9,
            description=(
                "What stands for `{1}` to `{9}` in the command line, or is put behind it where it has "
                "none of these; `{address}` there is the address of the probe. Letters, digits and . _ / "
                ": , @ % + = ~ [ ] - only, and `-` first only before a number."
            ),
        ),
    ] = ()


def open_probe(settings: Settings) -> Probe:
    """A probe that runs the script. Raises `ValueError` for an argument that could be more than a value."""
    for place, argument in enumerate(settings.arguments, 1):
        if not re.match(_SAFE, argument):
            raise ValueError(f"arguments: {argument[:60]!r} (number {place}) is no plain value such as 10, 80% or /srv")

    async def probe(address: str, run: Run) -> Finding:
        line = run.tools.scripts.get(settings.name)
        if not line:
            detail = f"script {settings.name!r} is not among the scripts of this machine's own file"
            raise ProbeError(Reason.INTERNAL, detail, Outcome.ERROR)
        if problem := address_problem(address):
            raise ProbeError(Reason.INTERNAL, f"address: expected {problem}", Outcome.ERROR)
        command = command_of(line, settings.arguments, address)
        if run.is_verbose:
            run.say(f"Running {' '.join(command)}")
        with run.during("processing"):
            ended = await _run(command, run)
        return _finding(ended, run)

    return probe


def address_problem(address: str) -> str:
    """What was expected in place of this address; "" if it can be put into a command line."""
    return "" if len(address) <= 256 and re.match(_SAFE, address) else "a host, an address or another plain value, or nothing"


def command_of(line: tuple[str, ...], arguments: tuple[str, ...], address: str) -> list[str]:
    """The command line with everything in its place. Raises `ProbeError` if there are not as many arguments as places."""
    holes = {hole for part in line[1:] for hole in _HOLE.findall(part)} - {"address"}
    if holes and holes != {str(number) for number in range(1, len(arguments) + 1)}:
        detail = f"the script takes the arguments {', '.join(sorted(holes))}, and {len(arguments)} are given"
        raise ProbeError(Reason.INTERNAL, detail, Outcome.ERROR)
    values = {"address": address, **{str(number): argument for number, argument in enumerate(arguments, 1)}}
    filled = [_HOLE.sub(lambda hole: values[hole[1]], part) for part in line[1:]]
    return [line[0], *filled, *(() if holes else arguments)]


async def _run(command: list[str], run: Run) -> Ended:
    children = children_of(run.tools)
    if len(children.ending) >= MAX_ENDING:
        detail = f"{MAX_ENDING} scripts that were ended are still there; this machine cannot kill them"
        raise ProbeError(Reason.INTERNAL, detail, Outcome.ERROR)
    try:
        child = Child(command, children)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else str(error)) or "it cannot be started"
        raise ProbeError(Reason.INTERNAL, f"{command[0]}: {why.lower()}", Outcome.ERROR) from error
    try:
        return await child.ended()
    finally:
        child.end()


def _finding(ended: Ended, run: Run) -> Finding:
    if ended.is_too_much:
        raise ProbeError(Reason.MISMATCH, "the script printed more than 64 KiB and was ended", Outcome.ERROR)
    printed = read(ended.output.decode("utf-8", errors="replace"))
    complaint = " ".join(ended.errors.decode("utf-8", errors="replace").split("\n", 1)[0].split())
    text = _printable(printed.text or complaint)
    if run.is_verbose:
        run.say(f"It ended with code {ended.code}: {text}")
    if ended.code >= 0:
        run.give(EXIT, ended.code)
    _give(printed, run)
    outcome = _OUTCOMES.get(ended.code, Outcome.ERROR)
    if outcome is Outcome.OK:
        return Finding(outcome, Reason.NONE, text)
    if outcome is Outcome.ERROR:
        how = f"ended by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
        raise ProbeError(Reason.INTERNAL, f"{how}: {text}" if text else how, Outcome.ERROR)
    return Finding(outcome, Reason.BAD_STATUS, text or f"exit code {ended.code}")


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:MAX_DETAIL]


def _give(printed: Printed, run: Run) -> None:
    """The values family by family, as everything else in a report."""
    for measure in printed.measures:
        run.give(VALUE, measure.value, measure.label, measure.unit)
    for family, attribute in ((WARNING, "warning"), (CRITICAL, "critical")):
        for measure in printed.measures:
            bound = getattr(measure, attribute)
            if bound is not None:
                run.give(family, bound, measure.label, measure.unit)

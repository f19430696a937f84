"""Programs of this machine as probes: what they print and how they end is understood, and nothing outlives its run."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.model import Outcome, Reason
from agent.probes.child import MAX_ENDING, Child, children_of
from agent.probes.probe import Run
from agent.probes.running import Done, run_once
from agent.probes.script import Settings, address_problem, open_probe
from agent.probes.tools import Tools
from tests.e2e.debian import binary

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="scripts run on Linux")


@pytest.fixture
async def tools() -> AsyncIterator[Tools]:
    """Scripts by name; all their processes are gone at the end."""
    made = Tools(
        scripts={
            "sh": ("/bin/sh", "{1}"),
            "echo": ("/bin/echo", "OK"),
            "places": ("/bin/echo", "-n", "OK {address}", "{2}", "{1}"),
            "environment": ("/usr/bin/env",),
            "gone": ("/nonexistent/check_nothing",),
        }
    )
    yield made
    ending = children_of(made).ending
    made.close()
    assert ending == set()


async def _run(tools: Tools, name: str, *arguments: str, address: str = "", timeout_s: float = 10.0) -> tuple[Done, Run]:
    run = Run(tools, timeout_s, verbose=True)
    return await run_once(open_probe(Settings(name=name, arguments=arguments)), address, run), run


async def _shell(tools: Tools, folder: Path, text: str, timeout_s: float = 10.0) -> tuple[Done, Run]:
    """The outcome of a shell script of this text."""
    script = folder / "script"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return await _run(tools, "sh", str(script), timeout_s=timeout_s)


def _values(done: Done, name: str) -> dict[tuple[str, ...], float]:
    return {
        label: value
        for family, labels, values in done.readings
        if family.name == name
        for label, value in zip(labels, values, strict=True)
    }


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        (0, Outcome.OK, Reason.NONE), (1, Outcome.DEGRADED, Reason.BAD_STATUS), (2, Outcome.FAILED, Reason.BAD_STATUS),
        (3, Outcome.ERROR, Reason.INTERNAL), (127, Outcome.ERROR, Reason.INTERNAL),
    ],
)  # fmt: skip
async def test_exit_codes(tools: Tools, tmp_path: Path, code: int, outcome: Outcome, reason: Reason) -> None:
    """0 is well, 1 degraded, 2 failed; what a plugin does not know is nothing against its target."""
    done, _ = await _shell(tools, tmp_path, f"echo 'DISK - half full | /=50%;80;90'\nexit {code}")
    assert (done.finding.outcome, done.finding.reason) == (outcome, reason)
    assert "DISK - half full" in done.finding.detail
    assert _values(done, "probe_script_exit_code") == {(): code}
    assert _values(done, "probe_script_value") == {("/", "ratio"): 0.5}
    assert _values(done, "probe_script_warning") == {("/", "ratio"): pytest.approx(0.8)}
    assert _values(done, "probe_script_critical") == {("/", "ratio"): pytest.approx(0.9)}


async def test_a_killed_program_is_no_failure_of_the_target(tools: Tools, tmp_path: Path) -> None:
    """A signal says that the program broke, not what it watched."""
    done, _ = await _shell(tools, tmp_path, "kill -9 $$")
    assert (done.finding.outcome, done.finding.detail) == (Outcome.ERROR, "ended by signal 9")
    assert _values(done, "probe_script_exit_code") == {}


async def test_what_it_complains_of_is_told(tools: Tools, tmp_path: Path) -> None:
    """A program that prints nothing is quoted by the first line of its errors."""
    done, _ = await _shell(tools, tmp_path, "echo no such disk >&2; echo more >&2; exit 3")
    assert done.finding.detail == "exit code 3: no such disk"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


async def _gone(pid: int) -> None:
    async with asyncio.timeout(10):
        while _is_alive(pid):
            await asyncio.sleep(0.01)


async def test_all_of_it_ends_at_the_deadline(tools: Tools, tmp_path: Path) -> None:
    """The program and the children that it started are killed when the time is over, whatever signals they ignore."""
    pids = tmp_path / "pids"
    text = f"trap '' TERM INT HUP\n(trap '' TERM INT HUP; sleep 600) &\necho $! $$ >{pids}\nwait\nsleep 600"
    done, _ = await _shell(tools, tmp_path, text, timeout_s=0.5)
    assert (done.finding.outcome, done.finding.reason) == (Outcome.FAILED, Reason.TIMEOUT)
    assert done.duration_s < 5
    for pid in pids.read_text().split():
        await _gone(int(pid))


async def test_children_left_behind_do_not_hold_the_run(tools: Tools, tmp_path: Path) -> None:
    """A daemon that keeps the output open is killed with the run, and the run ends with the program."""
    pids = tmp_path / "pids"
    done, _ = await _shell(tools, tmp_path, f"sleep 600 &\necho $! >{pids}\necho OK")
    assert (done.finding.outcome, done.finding.detail) == (Outcome.OK, "OK")
    assert done.duration_s < 5
    await _gone(int(pids.read_text()))


async def test_output_is_bounded(tools: Tools, tmp_path: Path) -> None:
    """A program that prints without end is ended at once."""
    done, _ = await _shell(tools, tmp_path, "exec yes")
    assert (done.finding.outcome, done.finding.reason) == (Outcome.ERROR, Reason.MISMATCH)
    assert "64 KiB" in done.finding.detail
    assert done.duration_s < 5


async def test_errors_without_end_are_not_kept(tools: Tools, tmp_path: Path) -> None:
    """What it complains of beyond a few KiB is thrown away; its answer counts."""
    done, _ = await _shell(tools, tmp_path, "head -c 300000 /dev/zero | tr '\\0' x >&2; echo fine")
    assert (done.finding.outcome, done.finding.detail) == (Outcome.OK, "fine")


async def test_scripts_that_cannot_be_killed_do_not_pile_up() -> None:
    """Such as those of another user: no more are begun, and the end of the agent waits once for all of them."""
    own = Tools(scripts={"x": ("/bin/true",)})
    children = children_of(own)
    stuck = [Child(["/bin/sleep", "60"], children) for _ in range(MAX_ENDING)]
    children.ending.update(stuck)
    try:
        done = await run_once(open_probe(Settings(name="x")), "", Run(own, 5.0))
        assert (done.finding.outcome, done.finding.reason) == (Outcome.ERROR, Reason.INTERNAL)
        assert "cannot kill them" in done.finding.detail
        began_s = time.monotonic()
        children.close()
        assert time.monotonic() - began_s < 10.0
    finally:
        for child in stuck:
            child.end()
            child._process.wait(5)


async def test_only_listed_scripts_run(tools: Tools) -> None:
    """A name that this machine's file does not have is not run, and says nothing of the target."""
    done, _ = await _run(tools, "/bin/true")
    assert done.finding.outcome is Outcome.ERROR
    assert "not among the scripts" in done.finding.detail


async def test_a_program_that_is_not_there(tools: Tools) -> None:
    """Is named."""
    done, _ = await _run(tools, "gone")
    assert (done.finding.outcome, done.finding.detail) == (
        Outcome.ERROR,
        "/nonexistent/check_nothing: no such file or directory",
    )


async def test_arguments_have_their_places(tools: Tools) -> None:
    """`{1}`, `{2}` and `{address}` where the line says so; at its end where it says nothing; never too few or too many."""
    done, run = await _run(tools, "places", "80%", "-5", address="192.0.2.1")
    assert done.finding.detail == "OK 192.0.2.1 -5 80%"
    assert run.lines is not None
    assert any("/bin/echo" in line for _, line in run.lines)
    assert (await _run(tools, "echo", "a", "b"))[0].finding.detail == "OK a b"
    assert (await _run(tools, "places", "80%"))[0].finding.outcome is Outcome.ERROR


@pytest.mark.parametrize("argument", ["-c", "--help", "$(id)", "a b", "a;b", "a|b", "`id`", "a\nb", "'", "ü", "a\n"])
def test_arguments_are_values_only(argument: str) -> None:
    """Nothing that a program takes for an option or a shell for a command."""
    with pytest.raises(ValueError, match="no plain value"):
        open_probe(Settings(name="echo", arguments=(argument,)))
    assert address_problem(argument) != ""


async def test_next_to_no_environment(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this program holds in its environment stays there."""
    monkeypatch.setenv("HAIDANG_TOKEN", "geheim")
    done, _ = await _run(tools, "environment")
    assert done.finding.outcome is Outcome.OK
    assert "geheim" not in done.finding.detail
    assert done.finding.detail.startswith(("PATH=", "LANG=", "HOME="))


async def test_many_at_once(tools: Tools) -> None:
    """Fifty side by side each get their own answer, and no descriptor stays open."""
    before = len(os.listdir("/proc/self/fd"))
    done = await asyncio.gather(*(_run(tools, "echo", str(number)) for number in range(50)))
    assert [each.finding.detail for each, _ in done] == [f"OK {number}" for number in range(50)]
    assert len(os.listdir("/proc/self/fd")) <= before + 3


@pytest.mark.debian
async def test_debian_plugins() -> None:
    """The plugins that everybody runs: their numbers arrive in base units with their thresholds."""
    folder = binary("check_load").parent
    tools = Tools(
        scripts={
            "load": (str(folder / "check_load"), "-w", "{1}", "-c", "{2}"),
            "disk": (str(folder / "check_disk"), "-w", "{1}", "-c", "{2}", "-p", "/"),
        }
    )
    try:
        done, _ = await _run(tools, "load", "1000,1000,1000", "2000,2000,2000")
        assert done.finding.outcome is Outcome.OK, done.finding
        assert set(_values(done, "probe_script_value")) == {("load1", ""), ("load5", ""), ("load15", "")}
        assert _values(done, "probe_script_critical")["load1", ""] == 2000
        done, _ = await _run(tools, "disk", "100%", "100%")
        assert done.finding.outcome is Outcome.FAILED, done.finding
        usage = os.statvfs("/")
        used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize
        assert _values(done, "probe_script_value")["/", "bytes"] == pytest.approx(used, rel=0.1, abs=64 * 1024**2)
    finally:
        tools.close()

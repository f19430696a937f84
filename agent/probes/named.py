"""What the agent's settings of probes name and must exist: modules, addresses as their kinds want them, programs. Loaded only
where probes are configured."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Callable, Mapping

from agent.config import Problem, show
from agent.kinds import PROBES
from agent.probes.module_file import load
from agent.probes.probe import Module
from agent.settings_probes import ProbeEntry, ProbesSettings
from agent.sheets.sheet import SheetError

Say = Callable[[str, str, str], None]


def check(probes: ProbesSettings, folder: str, say: Say) -> list[Problem]:
    """Says of each key what it names and what there is; gives the problems of the files that are named. Relative paths start in
    `folder`."""
    seen: set[tuple[str, str]] = set()
    for index, job in enumerate(probes.jobs):
        name = job.name or job.module
        if (job.target, name) in seen:
            say(f"probes.jobs[{index}].name", show(name), "a name that no other probe of the target has")
        seen.add((job.target, name))
    try:
        files = [os.path.join(folder, file) for file in probes.module_files]
        modules = load(files, names={job.module for job in probes.jobs}).modules
    except SheetError as error:
        return [Problem(one.file, one.line, one.key, one.found, one.expected) for one in error.problems]
    for index, job in enumerate(probes.jobs):
        _check_job(job, modules, probes.scripts, f"probes.jobs[{index}]", say)
    return []


def _check_job(
    job: ProbeEntry, modules: Mapping[str, Module], scripts: Mapping[str, tuple[str, ...]], key: str, say: Say
) -> None:
    module = modules.get(job.module)
    if module is None:
        near = difflib.get_close_matches(job.module, modules, 1)
        say(f"{key}.module", show(job.module), f"a module, perhaps {near[0]}" if near else "a module that there is")
        return
    kind = importlib.import_module(PROBES[module.kind].partition(":")[0])
    problem = kind.address_problem(job.address)
    if problem:
        say(f"{key}.address", show(job.address), problem)
    script = module.settings.get("name") if module.kind == "script" else None
    if script is not None and script not in scripts:
        say(f"{key}.module", show(job.module), f"a module whose program is one of probes.scripts, not {script}")

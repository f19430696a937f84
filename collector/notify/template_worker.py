"""Renders one template of the on-call file in a process of its own, which holds no secret and which may be killed at any time.

Run as a file: `python -I template_worker.py`, a request of JSON on standard input, an answer of JSON on standard output. It
imports nothing of the collector. Time and memory are bounded by the system; the sandbox keeps templates from files and code.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any, Final, NoReturn

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_OUTPUT: Final = 262_144
"""Bytes a template may write."""
MOST_SEQUENCE: Final = 1_000_000
"""Characters or items that `*` may make, and bits of a number."""
MOST_BITS: Final = 10_000
"""Bits of a power."""
MOST_ERROR: Final = 1_000
"""Characters of an error's text, which may repeat what the template made."""
CPU_S: Final = 1
MEMORY_BYTES: Final = 256 * 1024 * 1024
_FORBIDDEN: Final = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)
_GLOBALS: Final = frozenset({"range", "dict", "namespace", "joiner", "cycler"})


class _LimitError(Exception):
    """A template went past a limit."""


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja2's sandbox, in which arithmetic cannot fill the memory either."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "*" and _product(left, right) > MOST_SEQUENCE:
            raise _LimitError(f"a product of more than {MOST_SEQUENCE} items or bits")
        if operator == "**" and isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > MOST_BITS:
            raise _LimitError(f"a power of more than {MOST_BITS} bits")
        return super().call_binop(context, operator, left, right)


def _product(left: Any, right: Any) -> int:
    """How large `left * right` will be: items of a sequence, bits of a number."""
    if isinstance(left, int) and isinstance(right, int):
        return left.bit_length() + right.bit_length()
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str | list | tuple) and isinstance(other, int):
            return len(one) * other
    return 0


def _environment() -> _Environment:
    environment = _Environment(
        autoescape=False, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, cache_size=0, auto_reload=False
    )
    for name in set(environment.globals) - _GLOBALS:
        del environment.globals[name]
    environment.filters["tojson"] = _tojson
    return environment


def _tojson(value: Any) -> str:
    """JSON as it stands in a body; Jinja2's own is made for HTML."""
    return json.dumps(value, ensure_ascii=False)


def _compiled(environment: _Environment, source: str) -> jinja2.Template:
    tree = environment.parse(source)
    for node in tree.find_all(_FORBIDDEN):
        raise jinja2.TemplateSyntaxError("include, import and extends are not offered", node.lineno)
    return environment.from_string(source)


def _written(template: jinja2.Template, values: dict[str, Any]) -> str:
    parts: list[str] = []
    size = 0
    for part in template.generate(values):
        size += len(part.encode("utf-8", "replace"))
        if size > MOST_OUTPUT:
            raise _LimitError(f"more than {MOST_OUTPUT} bytes written")
        parts.append(part)
    return "".join(parts)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """`{"text": ...}`, or `{"error": ..., "line": ...}`."""
    try:
        template = _compiled(_environment(), request["template"])
        return {"text": "" if request.get("check") else _written(template, request["values"])}
    except jinja2.TemplateSyntaxError as error:
        return {"error": str(error.message), "line": error.lineno}
    except _LimitError as error:
        return {"error": str(error), "line": _line_of(error)}
    except jinja2.TemplateError as error:
        return {"error": str(error.message), "line": _line_of(error)}
    except MemoryError:
        return {"error": "too much memory", "line": 0}
    except RecursionError:
        return {"error": "calls itself too deeply", "line": 0}
    except Exception as error:  # noqa: BLE001  a template can raise anything; whatever it is, the default text goes out
        return {"error": f"{type(error).__name__}: {error}", "line": _line_of(error)}


def _line_of(error: BaseException) -> int:
    """Line of the template at which an error arose, which Jinja2 puts into the traceback; 0 if there is none."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _bound() -> None:
    """Time and memory, by the system where it can."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S + 2, CPU_S + 3))
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, CPU_S)


def _too_long(*_: object) -> NoReturn:
    raise _LimitError(f"takes longer than {CPU_S} s")


def main() -> None:
    """One request."""
    request = json.loads(sys.stdin.buffer.read())
    _bound()
    told = answer(request)
    if "error" in told:
        told["error"] = told["error"][:MOST_ERROR]
    sys.stdout.buffer.write(json.dumps(told).encode())


if __name__ == "__main__":
    main()

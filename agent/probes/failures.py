"""What errors say about a target: library exceptions into outcome and reason, in one place for all kinds of probes.

`failed` accuses the target, `error` says that we could not test: nothing of our own machine may ever accuse anybody.
"""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Final

from agent.model import Outcome, Reason
from agent.probes.probe import MAX_DETAIL, Finding, ProbeError, Run

_REFUSED: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE})
_UNREACHABLE: Final = frozenset({errno.EHOSTUNREACH, errno.EHOSTDOWN})
_NO_WAY: Final = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN, errno.EAFNOSUPPORT})
"""Our own machine has no way to there: whatever is at its end may be well."""
_NO_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


def failed(run: Run) -> Finding:
    """The finding of a run whose time was over."""
    limit_s = run.deadline_s - run.started_s
    where = f", while it was at `{run.phase}`" if run.phase else ""
    return Finding(Outcome.FAILED, Reason.TIMEOUT, f"no answer within {limit_s:.1f} s{where}")


def finding_of(error: BaseException, run: Run) -> Finding:
    """What an error that ended a run says. Raises nothing."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ProbeError):
        return error.finding
    if isinstance(error, ssl.SSLError):
        return _cut(Outcome.FAILED, Reason.TLS, _of_tls(error))
    if isinstance(error, socket.gaierror):
        return _of_name(error)
    if isinstance(error, TimeoutError):
        return failed(run)
    if isinstance(error, ConnectionError | EOFError) and not getattr(error, "errno", None):
        return _cut(Outcome.FAILED, Reason.REFUSED, str(error) or "the connection was closed")
    if isinstance(error, OSError):
        return _of_system(error)
    return _cut(Outcome.ERROR, Reason.INTERNAL, f"the probe failed: {type(error).__name__}: {error}")


def is_ours(finding: Finding) -> bool:
    """Whether the finding tells of a mistake in this program."""
    return finding.outcome is Outcome.ERROR and finding.reason is Reason.INTERNAL


def _of_tls(error: ssl.SSLError) -> str:
    # Those that Python code raises lack what OpenSSL's have.
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {getattr(error, 'verify_message', error)}"
    return f"TLS failed: {(getattr(error, 'reason', '') or str(error)).replace('_', ' ').lower()}"


def _of_name(error: socket.gaierror) -> Finding:
    if error.errno in _NO_NAME:
        return Finding(Outcome.FAILED, Reason.UNRESOLVED, "the name has no address")
    # A resolver that does not answer says nothing of the target.
    return _cut(Outcome.ERROR, Reason.UNRESOLVED, f"the name could not be resolved: {error.strerror or error}")


def _of_system(error: OSError) -> Finding:
    text = (error.strerror or str(error) or type(error).__name__).lower()
    if error.errno in _REFUSED:
        return _cut(Outcome.FAILED, Reason.REFUSED, text)
    if error.errno in _UNREACHABLE:
        return _cut(Outcome.FAILED, Reason.UNREACHABLE, text)
    if error.errno in _NO_WAY:
        return _cut(Outcome.ERROR, Reason.UNREACHABLE, f"we could not test: {text}")
    return _cut(Outcome.ERROR, Reason.INTERNAL, f"we could not test: {text}")


def _cut(outcome: Outcome, reason: Reason, detail: str) -> Finding:
    return Finding(outcome, reason, detail[:MAX_DETAIL])

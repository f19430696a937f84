"""What can go wrong between us and a device: a closed list, each with the outcome's reason and whether another try can help."""

from __future__ import annotations

import enum

from agent.model import Reason


class Fault(enum.StrEnum):
    """Why a request got no usable answer."""

    TIMEOUT = "timeout"
    DEADLINE = "deadline"
    """The poll's own time was over."""
    UNRESOLVED = "unresolved"
    """The name has no address."""
    UNREACHABLE = "unreachable"
    """This system could not send."""
    REFUSED = "refused"
    """The machine at the address says that nobody listens there (ICMP port unreachable): it is there, its agent is not."""
    NO_HOST = "no_host"
    """Who should pass it on says that there is no way or nobody there (the other ICMP errors of RFC 792 and RFC 4443)."""
    MALFORMED = "malformed"
    """Only answers came that cannot be decoded."""
    ERROR_STATUS = "error_status"
    """The agent answered with an error-status other than those that the walk handles (RFC 3416 section 3)."""
    TOO_BIG = "too_big"
    WRONG_DIGEST = "wrong_digest"
    """usmStatsWrongDigests: the password or the authentication protocol is wrong."""
    UNKNOWN_USER = "unknown_user"
    UNSUPPORTED_LEVEL = "unsupported_level"
    DECRYPTION = "decryption"
    TIME_WINDOW = "time_window"
    """Still outside the time window after the clocks were synchronised anew."""
    UNKNOWN_ENGINE = "unknown_engine"
    NOT_SUPPORTED = "not_supported"
    """What was asked cannot be asked this way (a cipher that is not installed, GETBULK in v1)."""


_REASONS = {
    Fault.TIMEOUT: Reason.TIMEOUT,
    Fault.DEADLINE: Reason.TIMEOUT,
    Fault.UNRESOLVED: Reason.UNRESOLVED,
    Fault.UNREACHABLE: Reason.UNREACHABLE,
    Fault.REFUSED: Reason.REFUSED,
    Fault.NO_HOST: Reason.UNREACHABLE,
    Fault.MALFORMED: Reason.MISMATCH,
    Fault.ERROR_STATUS: Reason.BAD_STATUS,
    Fault.TOO_BIG: Reason.BAD_STATUS,
    Fault.NOT_SUPPORTED: Reason.INTERNAL,
}


class SnmpError(Exception):
    """A request failed. `detail` names place, what was found and what was expected, and holds no secret."""

    def __init__(self, fault: Fault, detail: str, *, status: int = 0, index: int = 0) -> None:
        super().__init__(detail)
        self.fault = fault
        self.detail = detail
        self.status = status
        """The agent's error-status, of `ERROR_STATUS` and `TOO_BIG`."""
        self.index = index
        """Its error-index: which object of the request, from 1; 0 for none."""

    @property
    def reason(self) -> Reason:
        """The reason of the outcome. Wrong credentials are `auth`: asking again does not help."""
        return _REASONS.get(self.fault, Reason.AUTH)

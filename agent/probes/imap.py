"""A server where people read mail: its greeting, what it can, STARTTLS, and a login where one is wanted. No mail is read."""

from __future__ import annotations

from typing import Final

from agent.model import Family, MetricType, Reason
from agent.packets import imap
from agent.packets.smtp import plain
from agent.probes import mail
from agent.probes.mail import MailSettings, Talk, address_problem, give_phases, goodbye, shown, talking
from agent.probes.probe import Finding, Probe, ProbeError, Run

SECONDS: Final = Family("probe_imap_duration_seconds", MetricType.GAUGE, "Duration of IMAP by phase", ("phase",))
OFFERED: Final = Family("probe_imap_starttls_offered", MetricType.GAUGE, "Whether the server offers STARTTLS")
_PORTS: Final = (143, 993)
_REASONS: Final = {"auth": Reason.AUTH, "starttls": Reason.TLS}


class Settings(MailSettings, frozen=True):
    """What is asked of the server: connection, TLS and login."""


def open_probe(settings: Settings) -> Probe:
    """A probe of a host or `host:port`; port 143 or 993 if none is said. Raises `ValueError`."""
    mail.check(settings)

    async def probe(address: str, run: Run) -> Finding:
        try:
            async with talking(settings, address, _PORTS, run) as talk:
                session = _Session(talk)
                await session.greeted()
                await _converse(settings, session)
                await goodbye(lambda: session.asked("quit", "LOGOUT"), run)
                return mail.verdict(settings, talk)
        finally:
            give_phases(SECONDS, run)

    return probe


async def _converse(settings: Settings, session: _Session) -> None:
    """From the greeting to the login."""
    talk = session.talk
    await session.know()
    if not settings.tls:
        is_offered = "STARTTLS" in session.can and not session.is_known
        talk.run.give(OFFERED, float(is_offered))
        if settings.starttls != "never" and is_offered:
            await session.asked("starttls", "STARTTLS")
            await talk.secure(settings.tls_config)
            await session.know(again=True)  # What was offered in clear is worth nothing (RFC 9051 6.2.1).
        elif settings.starttls == "required":
            why = "it knows us already" if session.is_known else "the server does not offer it"
            raise ProbeError(Reason.TLS, f"starttls: {why}")
    if settings.username and not session.is_known:
        mail.clear_login_refused(settings, talk)
        await _log_in(settings, session)


async def _log_in(settings: Settings, session: _Session) -> None:
    """AUTHENTICATE PLAIN, or LOGIN where the server has no SASL."""
    if "AUTH=PLAIN" in session.can:
        message = plain(settings.username, settings.password)
        if "SASL-IR" in session.can:
            await session.asked("auth", f"AUTHENTICATE PLAIN {message}", as_told="AUTHENTICATE PLAIN <secret>")
        else:
            await session.asked("auth", "AUTHENTICATE PLAIN", then=message)
        return
    if "LOGINDISABLED" in session.can:
        raise ProbeError(Reason.AUTH, "auth: the server allows neither PLAIN nor LOGIN")
    username, password = imap.quoted(settings.username), imap.quoted(settings.password)
    if username is None or password is None:
        raise ProbeError(Reason.AUTH, "auth: LOGIN takes only printable ASCII, and the server offers nothing else")
    await session.asked("auth", f"LOGIN {username} {password}", as_told="LOGIN <secret>")


class _Session:
    """Commands and answers, with what the server said that it can."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.can: frozenset[str] = frozenset()
        self.is_known = False
        """The server takes us for somebody already (PREAUTH)."""
        self._count = 0

    async def greeted(self) -> None:
        """Wait for the greeting."""
        with self.talk.run.during("banner"):
            line, _ = await self._line(imap.MAX_BYTES)
            if line.tag != "*" or line.condition not in ("OK", "PREAUTH"):
                reason = Reason.BAD_STATUS if line.condition == "BYE" else Reason.MISMATCH
                raise ProbeError(reason, f"banner: {shown(f'{line.tag} {line.condition} {line.text}')}")
            self.is_known = line.condition == "PREAUTH"
            self.can = imap.capabilities(line) or frozenset()

    async def know(self, *, again: bool = False) -> None:
        """Ask what the server can, unless its greeting told."""
        if again or not self.can:
            self.can = frozenset()
            await self.asked("capability", "CAPABILITY")

    async def asked(self, phase: str, command: str, *, then: str = "", as_told: str = "") -> None:
        """Send a command, and `then` when the server wants more. Raises `ProbeError` if it does not answer OK."""
        self._count += 1
        tag, left = f"h{self._count}", imap.MAX_BYTES
        with self.talk.run.during(phase):
            await self.talk.say(f"{tag} {command}", f"{tag} {as_told}" if as_told else "")
            for _ in range(imap.MAX_LINES):
                line, size = await self._line(left)
                left -= size
                if line.tag == "+" and then:
                    await self.talk.say(then, "<secret>")
                    then = ""
                elif line.tag == tag:
                    self._check(phase, line)
                    return
                elif line.tag != "*":
                    raise ProbeError(Reason.MISMATCH, f"{phase}: an answer to what was not asked, {shown(line.tag)!r}")
                elif line.condition == "BYE" and phase != "quit":
                    raise ProbeError(Reason.BAD_STATUS, f"{phase}: BYE {shown(line.text)}")
                else:
                    self.can = imap.capabilities(line) or self.can
            raise ProbeError(Reason.MISMATCH, f"{phase}: an answer of more than {imap.MAX_LINES} lines")

    def _check(self, phase: str, line: imap.Line) -> None:
        if line.condition != "OK":
            code = f"[{line.code}] " if line.code else ""
            reason = _REASONS.get(phase, Reason.BAD_STATUS)
            raise ProbeError(reason, f"{phase}: {shown(f'{line.condition} {code}{line.text}')}")
        self.can = imap.capabilities(line) or self.can

    async def _line(self, left: int) -> tuple[imap.Line, int]:
        """A line with its literals, and its size, of at most `left` bytes."""
        phase = self.talk.run.phase
        data = await self.talk.hear(max(left, 1))
        while (size := imap.literal_size(data)) is not None:
            if len(data) + size >= left:
                raise ProbeError(Reason.MISMATCH, f"{phase}: more than {imap.MAX_BYTES} bytes in answer to one command")
            data += await self.talk.stream.readexactly(size)
            data += await self.talk.hear(left - len(data))
        try:
            return imap.read_line(data), len(data)
        except imap.ImapError as error:
            raise ProbeError(Reason.MISMATCH, f"{phase}: {shown(data)!r} is {error}") from error


__all__ = ["Settings", "address_problem", "open_probe"]

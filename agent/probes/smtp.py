"""A mail server that takes mail: its greeting, what it offers, STARTTLS, and a login where one is wanted. No mail is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

from msgspec import Meta

from agent.model import Family, MetricType, Reason
from agent.packets import smtp
from agent.probes import mail
from agent.probes.mail import MailSettings, Talk, address_problem, give_phases, goodbye, shown, talking
from agent.probes.probe import Finding, Probe, ProbeError, Run
from agent.probes.shapes import GoRegex

if TYPE_CHECKING:
    from agent.probes.patterns import Pattern

STATUS: Final = Family(
    "probe_smtp_status_code", MetricType.GAUGE, "Code of the server's last reply in each phase of SMTP", ("phase",)
)
SECONDS: Final = Family("probe_smtp_duration_seconds", MetricType.GAUGE, "Duration of SMTP by phase", ("phase",))
OFFERED: Final = Family("probe_smtp_starttls_offered", MetricType.GAUGE, "Whether the server offers STARTTLS")
_PORTS: Final = (25, 465)
_UNKNOWN_COMMAND: Final = frozenset({500, 502, 504})


class Settings(MailSettings, frozen=True):
    """What is asked of the server."""

    ehlo: Annotated[
        str,
        Meta(
            max_length=255,
            pattern=r"\A[A-Za-z0-9.:_\[\]-]*\Z",
            extra={"expected": "a host name"},
            description="Name to greet with; empty: our own address in brackets.",
        ),
    ] = ""
    banner: Annotated[GoRegex, Meta(description="What the greeting must match, without its code.")] = ""


class _Reply(NamedTuple):
    code: int
    lines: list[str]

    @property
    def text(self) -> str:
        return shown(f"{self.code} {self.lines[0]}")


def open_probe(settings: Settings) -> Probe:
    """A probe of a host or `host:port`; port 25 or 465 if none is said. Raises `ValueError`."""
    mail.check(settings)
    banner = _compiled(settings.banner)

    async def probe(address: str, run: Run) -> Finding:
        codes: dict[str, int] = {}
        try:
            async with talking(settings, address, _PORTS, run) as talk:
                greeting = await _asked(talk, codes, "banner", None, 220)
                text = "\n".join(greeting.lines)
                if banner is not None and not banner.finds(text.encode()):
                    raise ProbeError(Reason.MISMATCH, f"banner: {shown(text)!r} does not match {settings.banner}")
                await _converse(settings, talk, codes)
                await goodbye(lambda: _asked(talk, codes, "quit", "QUIT", 221), run)
                return mail.verdict(settings, talk)
        finally:
            for phase, code in codes.items():
                run.give(STATUS, code, phase)
            give_phases(SECONDS, run)

    return probe


def _compiled(banner: str) -> Pattern | None:
    if not banner:
        return None
    from agent.probes.patterns import Pattern  # needs a package that others do not

    try:
        return Pattern(banner)
    except ValueError as error:
        raise ValueError(f"banner: {error}") from None


async def _converse(settings: Settings, talk: Talk, codes: dict[str, int]) -> None:
    """From the greeting to the login."""
    offers = await _greet(settings, talk, codes)
    if not settings.tls:
        talk.run.give(OFFERED, float("STARTTLS" in offers))
        if settings.starttls != "never" and "STARTTLS" in offers:
            await _asked(talk, codes, "starttls", "STARTTLS", 220)
            await talk.secure(settings.tls_config)
            offers = await _greet(settings, talk, codes)  # What was offered in clear is worth nothing (RFC 3207 4.2).
        elif settings.starttls == "required":
            raise ProbeError(Reason.TLS, "starttls: the server does not offer it")
    if settings.username:
        mail.clear_login_refused(settings, talk)
        await _log_in(settings, talk, codes, offers.get("AUTH", ()))


async def _greet(settings: Settings, talk: Talk, codes: dict[str, int]) -> dict[str, tuple[str, ...]]:
    """EHLO, or HELO for a server that does not know it; what it offers."""
    name = settings.ehlo or smtp.own_name(talk.own_ip)
    reply = await _asked(talk, codes, "ehlo", f"EHLO {name}", 250, *_UNKNOWN_COMMAND)
    if reply.code == 250:
        return smtp.extensions(reply.lines)
    await _asked(talk, codes, "ehlo", f"HELO {name}", 250)
    return {}


async def _log_in(settings: Settings, talk: Talk, codes: dict[str, int], offered: tuple[str, ...]) -> None:
    """AUTH PLAIN, or LOGIN where that is all there is."""
    if "PLAIN" in offered or "LOGIN" not in offered:
        if "PLAIN" not in offered:
            text = " ".join(offered) or "no login"
            raise ProbeError(Reason.AUTH, f"auth: the server offers neither PLAIN nor LOGIN but {shown(text)}")
        line = f"AUTH PLAIN {smtp.plain(settings.username, settings.password)}"
        await _asked(talk, codes, "auth", line, 235, as_told="AUTH PLAIN <secret>")
        return
    await _asked(talk, codes, "auth", "AUTH LOGIN", 334)
    await _asked(talk, codes, "auth", smtp.coded(settings.username), 334, as_told="<username>")
    await _asked(talk, codes, "auth", smtp.coded(settings.password), 235, as_told="<secret>")


async def _asked(talk: Talk, codes: dict[str, int], phase: str, command: str | None, *wanted: int, as_told: str = "") -> _Reply:
    """The reply to a command, or without one what the server says by itself. Raises `ProbeError` unless it is `wanted`."""
    with talk.run.during(phase):
        if command is not None:
            await talk.say(command, as_told)
        reply = await _reply(talk)
        codes[phase] = reply.code
        if reply.code not in wanted:
            # 421 and 450 to 455 are the server's own trouble, not our login's, but a login is what does not work.
            reason = Reason.AUTH if phase == "auth" or reply.code == 530 else Reason.BAD_STATUS
            raise ProbeError(reason, f"{phase}: {reply.text}")
    return reply


async def _reply(talk: Talk) -> _Reply:
    lines: list[str] = []
    code = 0
    while len(lines) < smtp.MAX_LINES:
        data = await talk.hear(smtp.MAX_LINE)
        try:
            line = smtp.read_line(data)
        except smtp.SmtpError as error:
            raise ProbeError(Reason.MISMATCH, f"{talk.run.phase}: {shown(data)!r} is {error}") from error
        if code and line.code != code:
            raise ProbeError(Reason.MISMATCH, f"{talk.run.phase}: a reply that is {code} and {line.code} at once")
        code = line.code
        lines.append(line.text)
        if line.is_last:
            return _Reply(code, lines)
    raise ProbeError(Reason.MISMATCH, f"{talk.run.phase}: a reply of more than {smtp.MAX_LINES} lines")


__all__ = ["Settings", "address_problem", "open_probe"]

"""The commands that work on the store beside a running collector: agents, their codes and tokens.

Each returns the text to print. Raises `CommandError` with a text for people, `StartError`, `ConfigError`.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import time
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from collector.commands.client import ApiError, Client, ClientError, own_url
from collector.config import Config, is_id, is_loopback, split_address
from collector.core.accounts import Account, AccountError, AccountProblem, Standing
from collector.ingest.enrol import EnrolError, hash_secret, make_code, open_authority, utc
from collector.inventory import COLLECTOR, load_inventory
from collector.opening import opened_store
from collector.output import CommandError as CommandError
from collector.start import StartError
from collector.store.store import Store
from collector.words import word

_TTL: Final = re.compile(r"([1-9][0-9]{0,5})([mhd])\Z")
_UNIT_S: Final = {"m": 60, "h": 3_600, "d": 86_400}
_LONGEST_TTL_S: Final = 30 * 86_400
_ASK_S: Final = 3.0


def parse_ttl(text: str, language: str) -> int:
    """`30m`, `1h`, `7d` in seconds. Raises `CommandError`."""
    match = _TTL.match(text)
    seconds = int(match[1]) * _UNIT_S[match[2]] if match else 0
    if not 0 < seconds <= _LONGEST_TTL_S:
        raise CommandError(word(language, "bad_ttl", value=text))
    return seconds


async def add(config: Config, agent: str, site: str, class_: str, *, ttl: str, language: str) -> str:
    """Make an agent and its one-time code."""
    ttl_s = parse_ttl(ttl, language)
    for value in (agent, class_, site):
        if not is_id(value) or agent == COLLECTOR:
            raise CommandError(word(language, "bad_id", value=value))
    inventory = load_inventory(Path(config.inventory) if config.inventory else None, None, config)
    if inventory.sites and site not in inventory.sites:
        raise CommandError(word(language, "bad_site", value=site, known=", ".join(inventory.sites)))
    target = inventory.targets.get(agent)
    if target is not None and target.via != agent:
        raise CommandError(word(language, "taken_id", value=agent, via=target.via))
    async with opened_store(config, create=True) as store:
        try:
            await store.add_agent(agent, site, class_, _now_ms())
        except AccountError as error:
            raise _told(error, agent, language) from error
        return await _invite(config, store, agent, ttl_s, language)


async def rotate(config: Config, agent: str, ttl: str, language: str, *, at_once: bool) -> str:
    """A new one-time code for an agent there is; with `at_once` its present token is void already now."""
    ttl_s = parse_ttl(ttl, language)
    async with opened_store(config, create=True) as store:
        try:
            if at_once:
                await store.rotate_token(agent, hash_secret(secrets.token_urlsafe(32)), _now_ms())
            text = await _invite(config, store, agent, ttl_s, language)
        except AccountError as error:
            raise _told(error, agent, language) from error
    return f"{text}\n\n{word(language, 'rotated_now' if at_once else 'rotated')}"


async def revoke(config: Config, agent: str, language: str) -> str:
    """Void an agent's token and codes."""
    async with opened_store(config, create=True) as store:
        try:
            await store.revoke(agent, _now_ms())
        except AccountError as error:
            raise _told(error, agent, language) from error
    return word(language, "revoked", agent=agent)


async def listing(config: Config, language: str) -> str:
    """All agents as a table."""
    async with opened_store(config, create=True) as store:
        accounts = await store.agents()
    if not accounts:
        return word(language, "none")
    zone = ZoneInfo(config.time_zone)
    orders = await asyncio.to_thread(_orders, config)
    rows = [word(language, "columns").split("\t")]
    rows += [_row(account, orders.get(account.id, _UNHEARD), zone, language) for account in accounts]
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    refusing = [(account.id, orders[account.id].detail) for account in accounts if account.id in orders]
    lines += [word(language, "orders_detail", agent=agent, detail=detail) for agent, detail in refusing if detail]
    return "\n".join(lines)


class _Orders(msgspec.Struct):
    state: str = "none"
    detail: str = ""


class _Heard(msgspec.Struct):
    id: str
    orders: _Orders


class _Agents(msgspec.Struct):
    agents: list[_Heard] = []


_UNHEARD: Final = _Orders()


def _orders(config: Config) -> dict[str, _Orders]:
    """What the running collector knows of the agents' orders; nothing if it does not run."""
    try:
        found = Client(own_url(config), "", wait_s=_ASK_S).get("/api/v1/agents")
        return {one.id: one.orders for one in msgspec.convert(found, _Agents).agents}
    except (ApiError, ClientError, msgspec.ValidationError):
        return {}


def _row(account: Account, orders: _Orders, zone: ZoneInfo, language: str) -> list[str]:
    said = "-" if orders.state == "none" else word(language, f"orders_{orders.state}")
    standing = "revoked_standing" if account.standing is Standing.REVOKED else str(account.standing)
    heard = _date(account.heard_ms, zone) if account.heard_ms else word(language, "never")
    known = (account.agent_version or "-", account.hostname or "-")
    return [account.id, account.site, account.class_, word(language, standing), *known, said, heard]


async def _invite(config: Config, store: Store, agent: str, ttl_s: int, language: str) -> str:
    now_ms = _now_ms()
    try:
        authority = open_authority(Path(config.data), config.agents.names, utc(now_ms))
    except EnrolError as error:
        raise StartError(str(error)) from error
    code, code_hash = make_code(authority)
    expires_ms = now_ms + ttl_s * 1_000
    await store.create_code(agent, code_hash, expires_ms, now_ms)
    until = _date(expires_ms, ZoneInfo(config.time_zone))
    return word(language, "code", agent=agent, code=code, until=until, url=_url(config))


def _url(config: Config) -> str:
    """The address to give to an agent: the configured one, else this machine's name."""
    if config.agents.public_urls:
        return config.agents.public_urls[0]
    host, port = split_address(config.agents.listen)
    if not is_loopback(host):
        host = config.agents.names[0] if config.agents.names else socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    return f"{'https' if config.agents.transport == 'tls' else 'http'}://{host}:{port}"


def _told(error: AccountError, agent: str, language: str) -> CommandError:
    keys = {AccountProblem.EXISTS: "exists", AccountProblem.UNKNOWN: "unknown", AccountProblem.REVOKED: "is_revoked"}
    key = keys.get(error.problem)
    return CommandError(word(language, key, agent=agent) if key else error.detail)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _date(at_ms: int, zone: ZoneInfo) -> str:
    """A moment as people read it: in the configured zone, which is named."""
    return datetime.fromtimestamp(at_ms / 1000, zone).strftime("%Y-%m-%d %H:%M %Z")

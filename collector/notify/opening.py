"""Opens channels by name from the table of kinds. One that cannot be opened is no reason to refuse the others: it answers each
delivery with why, tries to open again at the next, and its fallback is asked.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from collector.notify.channel import CHANNELS, Channel, ChannelError, Delivery, Failure
from collector.notify.settings import ReceiverEntry
from collector.notify.tools import Tools
from collector.traces import trace_of

_log = logging.getLogger("haidang.notify")

OpenChannel = Callable[[str, ReceiverEntry, Tools], Awaitable[Channel]]
FilePrint = tuple[tuple[str, int, int], ...]


class Outlet(msgspec.Struct, frozen=True):
    """A receiver that can be written to: its settings and its channel."""

    name: str
    entry: ReceiverEntry
    channel: Channel
    language: str
    print: FilePrint = ()
    """Path, time and size of the files that its settings name, as they were when it was opened."""


async def open_channels(
    receivers: Mapping[str, ReceiverEntry], tools: Tools, language: str, old: Mapping[str, Outlet] | None = None
) -> dict[str, Outlet]:
    """An outlet for each receiver. Those of `old` whose settings and files have not changed are kept, with their channel; the
    others' channels are left to the caller, who lets what is on its way end before it closes them."""
    outlets = {}
    for name, entry in receivers.items():
        print_, kept = files_print(entry, tools.folder), (old or {}).get(name)
        if kept is not None and kept.entry == entry and kept.print == print_:
            channel = kept.channel
        else:
            channel = await _opened(name, entry, tools)
        outlets[name] = Outlet(name, entry, channel, entry.language or language, print_)
    return outlets


async def _opened(name: str, entry: ReceiverEntry, tools: Tools) -> Channel:
    try:
        return await open_one(name, entry, tools)
    except ChannelError as error:
        _log.error("receiver %s cannot be used yet: %s", name, error)
        return Unopened(name, entry, tools)


async def open_one(name: str, entry: ReceiverEntry, tools: Tools) -> Channel:
    """Open one receiver's channel. Raises `ChannelError` (settings, or internal for a mistake of ours)."""
    module, _, function = CHANNELS.get(entry.kind, "").partition(":")
    if not module:
        raise ChannelError(Failure.SETTINGS, "exactly one kind of channel must be given")
    try:
        open_channel: OpenChannel = getattr(importlib.import_module(module), function)
        return await open_channel(name, entry, tools)
    except ChannelError:
        raise
    except ImportError as error:
        raise ChannelError(Failure.SETTINGS, f"package {error.name or 'unknown'} is missing") from None
    except Exception as error:  # noqa: BLE001  a mistake in one kind must not silence the others
        _log.error("receiver %s cannot be opened: %s", name, trace_of(error))
        raise ChannelError(Failure.INTERNAL, type(error).__name__) from None


class Unopened:
    """Stands for a channel that could not be opened, and becomes it once it can be."""

    def __init__(self, name: str, entry: ReceiverEntry, tools: Tools) -> None:
        self._made_of = (name, entry, tools)
        self._channel: Channel | None = None

    async def send(self, delivery: Delivery) -> str:
        """As the channel. Raises `ChannelError`, of opening as well."""
        if self._channel is None:
            channel = await open_one(*self._made_of)
            if self._channel is None:
                self._channel = channel
            else:  # another delivery was quicker
                await channel.close()
        return await self._channel.send(delivery)

    @property
    def opened(self) -> Channel | None:
        """The channel, once it could be opened."""
        return self._channel

    async def close(self) -> None:
        """Let go of the channel, if it was opened."""
        if self._channel is not None:
            await self._channel.close()


def opened_of(outlet: Outlet) -> Channel:
    """The channel of a receiver, though it could not be opened at first."""
    channel = outlet.channel
    return channel.opened or channel if isinstance(channel, Unopened) else channel


def files_print(entry: ReceiverEntry, folder: Path) -> FilePrint:
    """Path, time of change and size of every file that the settings name; 0 and 0 for one that is not there."""
    found = []
    for path in sorted(_files(entry)):
        try:
            status = (folder / path).stat()
        except OSError:
            found.append((path, 0, 0))
        else:
            found.append((path, status.st_mtime_ns, status.st_size))
    return tuple(found)


def _files(entry: msgspec.Struct) -> Iterable[str]:
    for field in entry.__struct_fields__:
        value = getattr(entry, field)
        if isinstance(value, msgspec.Struct):
            yield from _files(value)
        elif field.endswith("_file") and isinstance(value, str) and value:
            yield value

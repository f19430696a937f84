"""From a body to a batch, and from whatever goes wrong to an answer: the parts of the door that need no caller."""

from __future__ import annotations

import hashlib
import logging
from typing import Final

import msgspec

from agent import wire
from collector.core.change import StoreError
from collector.core.schemas import Packed, pack
from collector.ingest.admission import check_batch
from collector.ingest.answers import Answer, RefusedError
from collector.ingest.commit import BusyError, IdentityConflictError, RevokedError, UnusableBatchError

LARGE_BYTES: Final = 128 * 1024
"""Bodies above this are decoded in a thread, one at a time: others are served meanwhile and memory stays bounded."""
BUSY_RETRY_S: Final = 5
_log = logging.getLogger("haidang.ingest")


class Decoded(msgspec.Struct, frozen=True):
    """A batch whose limits hold, its good schemas by hash, and the hashes of its bad ones with what is wrong. `size` is
    that of the plain body in bytes."""

    size: int
    batch: wire.Batch
    schemas: tuple[tuple[bytes, Packed], ...]
    bad: tuple[tuple[bytes, str], ...]


def decode(body: bytes, limits: wire.Limits, *, deflated: bool) -> Decoded:
    """Body to batch; pure. A bad schema costs only itself. Raises `wire.WireError`."""
    plain = wire.inflate(body, limits.decoded_bytes) if deflated else body
    batch = wire.decode_batch(plain, limits)
    check_batch(batch)
    good: list[tuple[bytes, Packed]] = []
    bad: list[tuple[bytes, str]] = []
    for raw in batch.schemas:
        try:
            digest, schema = wire.check_schema(raw, limits)
            good.append((digest, pack(schema)))
            del schema  # it takes thirty times its bytes: never two at once
        except wire.WireError as error:
            bad.append((hashlib.sha256(raw).digest()[:16], str(error)))
    return Decoded(size=len(plain), batch=batch, schemas=tuple(good), bad=tuple(bad))


def inflate_small(body: bytes) -> tuple[bytes, bool]:
    """The plain body and False if it is small; else the body as it is and True, to be inflated in a thread."""
    try:
        return wire.inflate(body, LARGE_BYTES), False
    except wire.WireError as error:
        if error.code != "too_large":
            raise
        return body, True


def explain(error: Exception) -> Answer:
    """The answer to a request that failed; what is not the caller's doing is logged."""
    match error:
        case RefusedError():
            refusal = error
        case wire.WireError():
            refusal = wire_refusal(error)
        case BusyError():
            refusal = RefusedError(503, "busy", str(error), retry_after_s=error.retry_after_s)
        case RevokedError():
            refusal = RefusedError(401, "unknown_token", "the token is unknown or revoked", close=True)
        case IdentityConflictError():
            refusal = RefusedError(409, "identity_conflict", str(error))
        case UnusableBatchError():
            refusal = RefusedError(400, "bad_batch", str(error))
        case StoreError():
            _log.error("the store failed; the agent is asked to come again: %s", error)
            refusal = RefusedError(503, "store", "the store failed", retry_after_s=BUSY_RETRY_S)
        case _:
            _log.error("a request failed inside", exc_info=error)
            refusal = RefusedError(500, "internal", "see the collector's log", close=True)
    return Answer.refusing(refusal)


def wire_refusal(error: wire.WireError) -> RefusedError:
    """400, or 413 for what is too large."""
    return RefusedError(413 if error.code == "too_large" else 400, error.code, error.detail)

"""Requests and answers of the API that changes something: strict JSON bodies of limited size, errors of one form."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from collector.core.acts import ActProblem, ActRefusedError
from collector.core.change import StoreError
from collector.core.incident import ActRefusal, RefusedError
from collector.core.people import PersonError, PersonProblem

JSON: Final = "application/json"
MAX_BODY: Final = 64 * 1024
_BODY_TIMEOUT_S: Final = 10.0

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.Response]]

_ACT_STATUS: Final = {
    ActProblem.UNKNOWN_OBJECT: 404,
    ActProblem.FORBIDDEN: 403,
    ActProblem.NOT_OWN: 403,
    ActProblem.SELF_APPROVAL: 403,
    ActProblem.SECOND_PERSON: 403,
    ActProblem.DUPLICATE: 409,
    ActProblem.OVERLAPS: 409,
    ActProblem.ALREADY_APPROVED: 409,
    ActProblem.CANCELLED: 409,
    ActProblem.OVER: 409,
    ActProblem.KEY_REUSED: 409,
}
"""HTTP status of a refusal; 422 for what is not named."""
_PERSON_STATUS: Final = {
    PersonProblem.UNKNOWN: 404,
    PersonProblem.FORBIDDEN: 403,
    PersonProblem.EXISTS: 409,
    PersonProblem.REVOKED: 409,
}

_PAGING_STATUS: Final = {
    ActRefusal.FORBIDDEN: 403,
    ActRefusal.UNKNOWN_OBJECT: 404,
    ActRefusal.RESOLVED: 409,
    ActRefusal.ALREADY: 409,
    ActRefusal.EXPIRED: 409,
}


class RequestError(Exception):
    """A request that is answered with an error; `code` is of a closed list, `value` what was wrong."""

    def __init__(self, status: int, code: str, detail: str, *, value: str = "", retry_after_s: int = 0) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.value = value
        self.retry_after_s = retry_after_s


def answering(handler: Handler) -> Handler:
    """The handler with everything it may refuse turned into an answer."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except RequestError as error:
            return _error_answer(error)
        except ActRefusedError as error:
            status = _ACT_STATUS.get(error.problem, 422)
            return _error_answer(RequestError(status, error.problem.value, error.detail, value=error.value))
        except PersonError as error:
            status = _PERSON_STATUS.get(error.problem, 422)
            return _error_answer(RequestError(status, error.problem.value, error.detail, value=error.value))
        except RefusedError as error:
            status = _PAGING_STATUS.get(error.problem, 422)
            return _error_answer(RequestError(status, error.problem.value, error.detail, value=error.value))
        except StoreError:
            return _error_answer(RequestError(503, "store", "the database cannot be used at the moment", retry_after_s=5))

    return answer


def _error_answer(error: RequestError) -> web.Response:
    answer = json_answer({"error": {"code": error.code, "detail": error.detail, "value": error.value}}, status=error.status)
    if error.status == 401:
        answer.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="haidang"'
    if error.retry_after_s:
        answer.headers[hdrs.RETRY_AFTER] = str(error.retry_after_s)
    return answer


def json_answer(value: Any, *, status: int = 200) -> web.Response:
    """A value as JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type=JSON)


async def read_body(request: web.Request, kind: type[T]) -> T:
    """The body as `kind`; no body is an empty object. Raises `RequestError` (400, 408, 413, 415, 422)."""
    if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
        raise RequestError(415, "bad_encoding", "expected a body that is not compressed")
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            data = await _read_whole(request)
    except TimeoutError:
        raise RequestError(408, "too_slow", f"the body did not arrive within {_BODY_TIMEOUT_S:.0f} s") from None
    if data and request.content_type != JSON:
        raise RequestError(415, "bad_type", f"expected Content-Type: {JSON}")
    try:
        return msgspec.json.decode(data or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise RequestError(422, "bad_body", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RequestError(400, "bad_json", str(error)) from error


async def _read_whole(request: web.Request) -> bytes:
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > MAX_BODY:
            raise RequestError(413, "too_large", f"expected at most {MAX_BODY} bytes")
    return bytes(data)


def read_query(pairs: Iterable[tuple[str, str | list[str]]], kind: type[T]) -> T:
    """The query string as `kind`. Raises `RequestError` (400)."""
    try:
        return msgspec.convert(dict(pairs), kind, strict=False)
    except msgspec.ValidationError as error:
        raise RequestError(400, "bad_query", str(error)) from error

"""Asking a source over HTTP: one client, with its key, its limits, its timeouts and its patience."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx
import msgspec
import stamina
from pydantic import SecretStr
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from ingestion.errors import (
    BrokenAnswer,
    NotFoundError,
    PermanentError,
    TransientError,
    Unreachable,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.limits import CallBudget, Clock, Limiter, Turn
from ingestion.parsing import error_message
from warehouse.json_text import NotJsonError, read_json

__all__ = ["Answer", "Client", "Patience", "Upstream"]

_UNREACHABLE_ATTEMPTS = 3

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a source answers.

    Args:
        name: name for messages, e.g. `OpenDota`.
        url: base URL; paths are appended as they are.
        key: key, sent as a bearer token.
        variables: beginning of the environment variables that say so, e.g. `LADDER_OPENDOTA`.
        open_path: a path that every key is answered, where a 403 can be about the thing asked for instead of the key.
    """

    name: str
    url: str
    key: SecretStr | None
    variables: str
    open_path: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how often to ask again.

    Args:
        connect_s: for a connection.
        read_s: for the next bytes of an answer.
        answer_s: for a whole answer.
        attempts: requests made for one answer, the first included.
        total_s: after which an answer is given up.
        first_wait_s: pause before the second request; it doubles from there, with as much jitter.
        longest_wait_s: longest pause.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    answer_s: float = 120.0
    attempts: int = 6
    total_s: float = 180.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that arrived whole.

    Args:
        request: path and query; never the key.
        status: HTTP status.
        headers: headers, names in lower case.
        body: the body, decompressed.
        observed_at: when it was complete, UTC.
    """

    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    observed_at: datetime


class Client:
    """Asks one source. Use it as an async context manager.

    Raises:
        WrongAddressError: the base URL is not an address.
    """

    def __init__(self, upstream: Upstream, limiter: Limiter, clock: Clock, patience: Patience) -> None:
        _check_address(upstream)
        # Left alone, stamina writes each retry to standard output as soon as structlog is installed.
        set_on_retry_hooks([_log_retry])
        self.upstream = upstream
        self._limiter = limiter
        self._clock = clock
        self._patience = patience
        self._has_succeeded = False
        self._is_key_accepted = False
        headers = {"Accept": "application/json", "User-Agent": "ladderhouse"}
        if upstream.key is not None:
            headers["Authorization"] = f"Bearer {upstream.key.get_secret_value()}"
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(patience.read_s, connect=patience.connect_s),
            limits=httpx.Limits(max_connections=limiter.concurrency),
        )

    @property
    def concurrency(self) -> int:
        """Requests that may be under way at once."""
        return self._limiter.concurrency

    async def __aenter__(self) -> Self:
        """Open."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self._http.__aexit__(kind, error, trace)

    async def get(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        budget: CallBudget,
        may_be_empty: bool = False,
    ) -> Answer:
        """Ask for a path until it answers, the source refuses, or patience ends.

        Args:
            path: path below the base URL, with its leading slash.
            query: query parameters.
            budget: counts each request that is made, repeated ones included.
            may_be_empty: an empty body is an answer.

        Raises:
            PermanentError: the source refuses; see `ingestion.errors` for its kinds.
            TransientError: patience ended.
            DayLimitReached: the source answers no more today.
            CallBudgetSpent: the budget is spent.
        """
        request = f"{path}?{httpx.QueryParams(query)}" if query else path
        try:
            return await self._ask(request, budget, may_be_empty=may_be_empty)
        except PermanentError as error:
            if error.status == 403 and not isinstance(error, WrongKeyError):
                await self._check_key(budget, error)
            raise

    async def _check_key(self, budget: CallBudget, refusal: PermanentError) -> None:
        """Tell a key that is refused from a thing that is private: ask what every key is answered.

        Nothing is asked where the key was accepted since the refusal before this one.

        Raises:
            WrongKeyError: it is the key.
        """
        if not self._is_key_accepted:
            try:
                await self._ask(self.upstream.open_path, budget)
            except PermanentError as error:
                if error.status == 403:
                    raise self._wrong_key(error.status, _said(error.body)) from refusal
                raise
        self._is_key_accepted = False

    async def _ask(self, request: str, budget: CallBudget, *, may_be_empty: bool = False) -> Answer:
        """Ask for one path with its query, patiently."""
        patience = self._patience
        asked = 0

        def is_worth_repeating(error: Exception) -> bool:
            most = _UNREACHABLE_ATTEMPTS if isinstance(error, Unreachable) else patience.attempts
            return isinstance(error, TransientError) and asked < most

        patiently = stamina.retry_context(
            on=is_worth_repeating,
            attempts=patience.attempts,
            timeout=patience.total_s,
            wait_initial=patience.first_wait_s,
            wait_max=patience.longest_wait_s,
            wait_jitter=patience.first_wait_s,
        )
        async for attempt in patiently.with_name(self.upstream.name, (request,), {}):
            with attempt:
                async with self._limiter.turn() as turn:
                    budget.spend()
                    asked += 1
                    response = await self._send(request)
                    observed_at = self._clock.now()
                    turn.learn(response.headers)
                    self._refuse_errors(response, request, turn)
                    self._check_body(response, request, may_be_empty=may_be_empty)
                self._has_succeeded = self._is_key_accepted = True
                return Answer(request, response.status_code, response.headers, response.content, observed_at)
        raise AssertionError("the last attempt returns or raises")

    async def _send(self, request: str) -> httpx.Response:
        name = self.upstream.name
        try:
            async with asyncio.timeout(self._patience.answer_s):
                return await self._http.get(self.upstream.url + request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise Unreachable(
                f"{name} cannot be reached at {self.upstream.url}{_reason(error)}",
                f"check the network and {self.upstream.variables}_URL; stored data stays as it is",
            ) from None
        except (httpx.TimeoutException, TimeoutError):
            raise TransientError(f"{name} did not answer {request} in time", "run again later") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise TransientError(
                f"{name} broke off its answer to {request}{_reason(error)}", "run again later"
            ) from None

    def _refuse_errors(self, response: httpx.Response, request: str, turn: Turn) -> None:
        """Raise the error that the status stands for."""
        status = response.status_code
        if 200 <= status < 300:
            return
        name, variables = self.upstream.name, self.upstream.variables
        said = _said(response.content)
        if self.upstream.key is not None:
            said = said.replace(self.upstream.key.get_secret_value(), "***")
        message = f"{name} answered {request} with {status}{f' ({said})' if said else ''}"
        if status == 429:
            turn.refuse(response.headers, said)
        if status in (408, 429) or status >= 500:
            raise TransientError(message, "run again later")
        may_be_private = status == 403 and self.upstream.open_path
        if (status in (401, 403) and not may_be_private) or "api key" in said.lower():
            raise self._wrong_key(status, said)
        is_foreign = 300 <= status < 400 or (status == 404 and not said and not self._has_succeeded)
        if is_foreign:
            raise WrongAddressError(
                f"{self.upstream.url} is not {name}: {message}",
                f"correct {variables}_URL, which includes the API's base path",
                status=status,
            )
        kind = NotFoundError if status == 404 else PermanentError
        raise kind(message, status=status, body=response.content, request=request)

    def _wrong_key(self, status: int, said: str) -> WrongKeyError:
        name, variables = self.upstream.name, self.upstream.variables
        return WrongKeyError(
            f"{name} refuses the key ({status}{f', {said}' if said else ''})",
            f"correct {variables}_KEY" + ("" if self.upstream.key else " (it is not set)"),
            status=status,
        )

    def _check_body(self, response: httpx.Response, request: str, *, may_be_empty: bool) -> None:
        """Refuse a body that is not whole JSON."""
        if not response.content.strip() and may_be_empty:
            return
        try:
            msgspec.json.decode(response.content, type=msgspec.Raw)
        except RecursionError:
            return
        except msgspec.MsgspecError:
            pass
        else:
            return
        try:
            read_json(response.content)  # what one parser refuses may be whole all the same
        except NotJsonError as error:
            if "html" in response.headers.get("content-type", "") and not self._has_succeeded:
                raise WrongAddressError(
                    f"{self.upstream.url} is not {self.upstream.name}: {request} is a web page",
                    f"correct {self.upstream.variables}_URL, which includes the API's base path",
                    status=response.status_code,
                ) from None
            raise BrokenAnswer(
                f"{self.upstream.name} answered {request} with broken JSON ({error})",
                "run again later",
                status=response.status_code,
                body=response.content,
                request=request,
            ) from None


def _log_retry(details: RetryDetails) -> None:
    """Log that a request is made again; neither its path nor its error holds the key."""
    source, path, wait_s = details.name, details.args[0], round(details.wait_for, 3)
    _logger.info(
        "%s is asked for %s again in %s s: %s",
        source,
        path,
        wait_s,
        details.caused_by,
        extra={"source": source, "path": path, "wait_s": wait_s},
    )


def _check_address(upstream: Upstream) -> None:
    try:
        url = httpx.URL(upstream.url)
        if url.host and (url.port is None or 0 < url.port < 65536):
            return
        reason = "it has no host, or a port that cannot be"
    except httpx.InvalidURL as error:
        reason = str(error)
    raise WrongAddressError(
        f"{upstream.url} is not an address: {reason}", f"correct {upstream.variables}_URL", status=0
    )


def _said(body: bytes) -> str:
    """The message of an error answer in one short line; empty where it has none."""
    return " ".join((error_message(body) or "").split())[:200]


def _reason(error: Exception) -> str:
    lines = str(error).splitlines()
    return f" ({lines[0]})" if lines else ""

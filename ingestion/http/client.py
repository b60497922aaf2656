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
import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from ingestion.errors import (
    BlockedError,
    BrokenAnswer,
    OversizedAnswer,
    PermanentError,
    TransientError,
    Unreachable,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.http.bodies import ENCODING, Bodies, BodyTooLargeError, Received
from ingestion.http.rate_limits import CallBudget, Clock, Limiter, Turn
from ingestion.http.refusals import Refused, Upstream, as_blocked, in_short, refusal, wrong_address
from ingestion.parsing import error_message
from warehouse.core.json_text import InvalidJsonError, validate_json
from warehouse.core.masking import Mask

__all__ = ["Answer", "Client", "Patience", "check_address"]

_UNREACHABLE_ATTEMPTS = 3
#: Values of one body, which take many times their bytes once decoded; real answers of the largest size hold fewer.
_MOST_VALUES = 4_000_000

_logger = logging.getLogger(__name__)


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

    Args:
        upstream: where it answers.
        limiter: keeps requests within its limits.
        clock: time.
        patience: timeouts and retries.
        most_bytes: largest body that is read.

    Raises:
        WrongAddressError: the base URL is not an address.
    """

    def __init__(
        self, upstream: Upstream, limiter: Limiter, clock: Clock, patience: Patience, *, most_bytes: int = 64 << 20
    ) -> None:
        check_address(upstream)
        # Left alone, stamina writes each retry to standard output as soon as structlog is installed.
        set_on_retry_hooks([_log_retry])
        self.upstream = upstream
        self._limiter = limiter
        self._clock = clock
        self._patience = patience
        self._mask = Mask(upstream.key)
        self._most_bytes = most_bytes
        self._bodies = Bodies(most_bytes, self._mask)
        self._has_succeeded = False
        self._is_key_accepted = False
        headers = {"Accept": "application/json", "Accept-Encoding": ENCODING, "User-Agent": "ladderhouse"}
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
        except WrongKeyError as error:
            raise await self._key_or_thing(error, budget) from None
        except WrongAddressError as error:
            raise await self._address_or_thing(error, request, budget) from None

    async def is_open(self, budget: CallBudget) -> bool:
        """Whether the path that everybody is answered is answered; also in the API's own words that it is not there."""
        try:
            await self._ask(self.upstream.open_path, budget)
        except (BlockedError, WrongKeyError, WrongAddressError):
            return False
        except PermanentError:
            pass
        return True

    async def _key_or_thing(self, refused: WrongKeyError, budget: CallBudget) -> PermanentError:
        """A 401 or 403 in the API's own words: of the key, or of a thing that is private.

        The open path decides. It is not requested where the key was accepted since the refusal before this one.
        """
        if refused.status not in (401, 403) or not self.upstream.open_path:
            return refused
        if not self._is_key_accepted:
            try:
                await self._ask(self.upstream.open_path, budget)
            except WrongKeyError as error:
                return error
            except PermanentError:
                pass
        self._is_key_accepted = False
        message = f"{self.upstream.name} answered {refused.request} with {refused.status} ({refused.words})"
        return PermanentError(message, status=refused.status, body=refused.body, request=refused.request)

    async def _address_or_thing(self, refused: WrongAddressError, request: str, budget: CallBudget) -> PermanentError:
        """A first answer that is not the API's: of a wrong address, or of one path. The open path decides."""
        if not self.upstream.open_path or self.upstream.open_path == request or not await self.is_open(budget):
            return refused
        self._has_succeeded = True
        return as_blocked(self.upstream, Refused(request, refused.status, {}, refused.body))

    async def _ask(self, request: str, budget: CallBudget, *, may_be_empty: bool = False) -> Answer:
        """Ask for one path with its query, patiently."""
        patience = self._patience
        tries = 0

        def is_worth_repeating(error: Exception) -> bool:
            most = _UNREACHABLE_ATTEMPTS if isinstance(error, Unreachable) else patience.attempts
            return isinstance(error, TransientError) and tries < most

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
                    tries += 1
                    response = await self._send(request)
                    observed_at = self._clock.now()
                    turn.learn(response.headers)
                    self._refuse_errors(response, request, turn)
                    self._check_body(response, request, may_be_empty=may_be_empty)
                self._has_succeeded = self._is_key_accepted = True
                return Answer(request, response.status, response.headers, response.body, observed_at)
        raise AssertionError("the last attempt returns or raises")

    async def _send(self, request: str) -> Received:
        name = self.upstream.name
        try:
            async with (
                asyncio.timeout(self._patience.answer_s) as deadline,
                self._http.stream("GET", self.upstream.url + request) as response,
            ):
                try:
                    return await self._bodies.read(response, deadline)
                except BodyTooLargeError:
                    raise OversizedAnswer(
                        f"{name} answered {request} with more than {self._most_bytes >> 20} MB",
                        "raise LADDER_ANSWER_MB if so much is meant",
                        status=response.status_code,
                        request=request,
                    ) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise Unreachable(
                f"{name} cannot be reached at {self.upstream.url}{self._reason(error)}",
                f"check the network and {self.upstream.variables}_URL; stored data stays as it is",
            ) from None
        except (httpx.TimeoutException, TimeoutError):
            raise TransientError(f"{name} did not answer {request} in time", "run again later") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise TransientError(
                f"{name} broke off its answer to {request}{self._reason(error)}", "run again later"
            ) from None

    def _refuse_errors(self, response: Received, request: str, turn: Turn) -> None:
        """Raise the error that the status stands for."""
        status = response.status
        if 200 <= status < 300:
            return
        if status in (408, 429) or status >= 500:
            words = in_short(error_message(response.body) or "", self.upstream.key)
            if status == 429:
                turn.refuse(response.headers, words)
            message = f"{self.upstream.name} answered {request} with {status}{f' ({words})' if words else ''}"
            raise TransientError(message, "run again later")
        refused = Refused(request, status, response.headers, response.body)
        raise refusal(self.upstream, refused, has_succeeded=self._has_succeeded)

    def _check_body(self, response: Received, request: str, *, may_be_empty: bool) -> None:
        """Refuse a body that is not whole JSON."""
        if not response.body.strip() and may_be_empty:
            return
        if response.body.count(b",") > _MOST_VALUES:
            raise OversizedAnswer(
                f"{self.upstream.name} answered {request} with more than {_MOST_VALUES} values",
                status=response.status,
                request=request,
            )
        try:
            validate_json(response.body)
        except InvalidJsonError as error:
            if "html" in response.headers.get("content-type", "") and not self._has_succeeded:
                raise wrong_address(self.upstream, f"{request} is a web page", response.status, response.body) from None
            raise BrokenAnswer(
                f"{self.upstream.name} answered {request} with broken JSON ({self._mask.text(str(error))})",
                "run again later",
                status=response.status,
                body=response.body,
                request=request,
            ) from None

    def _reason(self, error: Exception) -> str:
        lines = self._mask.text(str(error)).splitlines()
        return f" ({lines[0][:200]})" if lines else ""


def _log_retry(details: RetryDetails) -> None:
    """Log that a request is made again; neither its path nor its error holds the key."""
    source, path, wait_s = details.name, details.args[0], round(details.wait_for, 3)
    _logger.info(
        "%s: %s is requested again in %s s: %s",
        source,
        path,
        wait_s,
        details.caused_by,
        extra={"source": source, "path": path, "wait_s": wait_s},
    )


def check_address(upstream: Upstream) -> None:
    """Refuse a base URL that is none.

    Raises:
        WrongAddressError: it has no host, or a port that cannot be.
    """
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

"""The HTTP client of a source: key, rate limits, timeouts, retries and errors."""

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
    MalformedResponse,
    OversizedResponse,
    PermanentError,
    TransientError,
    Unreachable,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.http.bodies import ENCODING, BodyReader, BodyTooLargeError, RawResponse
from ingestion.http.rate_limits import CallBudget, Clock, Limiter, RequestSlot
from ingestion.http.refusals import (
    RefusedResponse,
    Upstream,
    blocked_error,
    one_line,
    refusal_error,
    wrong_address_error,
)
from ingestion.parsing import error_message
from warehouse.core.json_text import InvalidJsonError, validate_json
from warehouse.core.masking import Mask

__all__ = ["Client", "Response", "RetryPolicy", "check_address"]

_UNREACHABLE_ATTEMPTS = 3
#: Maximum number of values in a body; decoded values take many times their bytes, and real responses hold fewer.
_MAX_VALUES = 4_000_000

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Timeouts and retries of a request, in seconds.

    Args:
        connect_timeout_s: timeout of a connection.
        read_timeout_s: timeout of the next bytes of a response.
        response_timeout_s: timeout of a whole response.
        attempts: maximum number of attempts, the first included.
        total_timeout_s: time after which no further attempt is made.
        initial_backoff_s: wait before the second attempt; it doubles with each attempt, plus as much jitter.
        max_backoff_s: longest wait.
    """

    connect_timeout_s: float = 10.0
    read_timeout_s: float = 30.0
    response_timeout_s: float = 120.0
    attempts: int = 6
    total_timeout_s: float = 180.0
    initial_backoff_s: float = 0.5
    max_backoff_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Response:
    """A complete response.

    Args:
        request: path and query, without the key.
        status: HTTP status.
        headers: headers, names in lower case.
        body: the body, decompressed.
        observed_at: when the response was complete, UTC.
    """

    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    observed_at: datetime


class Client:
    """The HTTP client of one source. Use it as an async context manager.

    Args:
        upstream: address and key of the API.
        limiter: rate limiter of the source.
        clock: time.
        retry_policy: timeouts and retries.
        max_bytes: size limit of a body.

    Raises:
        WrongAddressError: the base URL is invalid.
    """

    def __init__(
        self,
        upstream: Upstream,
        limiter: Limiter,
        clock: Clock,
        retry_policy: RetryPolicy,
        *,
        max_bytes: int = 64 << 20,
    ) -> None:
        check_address(upstream)
        # By default stamina writes each retry to standard output if structlog is installed.
        set_on_retry_hooks([_log_retry])
        self.upstream = upstream
        self._limiter = limiter
        self._clock = clock
        self._retry_policy = retry_policy
        self._mask = Mask(upstream.key)
        self._max_bytes = max_bytes
        self._body_reader = BodyReader(max_bytes, self._mask)
        self._has_succeeded = False
        self._is_key_accepted = False
        headers = {"Accept": "application/json", "Accept-Encoding": ENCODING, "User-Agent": "ladderhouse"}
        if upstream.key is not None:
            headers["Authorization"] = f"Bearer {upstream.key.get_secret_value()}"
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(retry_policy.read_timeout_s, connect=retry_policy.connect_timeout_s),
            limits=httpx.Limits(max_connections=limiter.concurrency),
        )

    @property
    def concurrency(self) -> int:
        """Maximum number of requests in flight."""
        return self._limiter.concurrency

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._http.__aexit__(kind, error, trace)

    async def get(
        self,
        path: str,
        query: Mapping[str, str | int] | None = None,
        *,
        budget: CallBudget,
        may_be_empty: bool = False,
    ) -> Response:
        """Request a path, with retries after transient errors.

        Args:
            path: path below the base URL, with its leading slash.
            query: query parameters.
            budget: counts every attempt.
            may_be_empty: an empty body is valid.

        Raises:
            PermanentError: the request was refused; see `ingestion.errors` for the kinds.
            TransientError: the last attempt failed.
            DayLimitReached: the source accepts no more requests today.
            CallBudgetSpent: the budget is spent.
        """
        request = f"{path}?{httpx.QueryParams(query)}" if query else path
        try:
            return await self._request(request, budget, may_be_empty=may_be_empty)
        except WrongKeyError as error:
            raise await self._key_or_entity_error(error, budget) from None
        except WrongAddressError as error:
            raise await self._address_or_path_error(error, request, budget) from None

    async def can_read_open_path(self, budget: CallBudget) -> bool:
        """Whether the API responds on its open path; an error message of the API, such as a 404, counts as yes."""
        try:
            await self._request(self.upstream.open_path, budget)
        except (BlockedError, WrongKeyError, WrongAddressError):
            return False
        except PermanentError:
            pass
        return True

    async def _key_or_entity_error(self, refused: WrongKeyError, budget: CallBudget) -> PermanentError:
        """Classify a 401 or 403 of the API: either the key is wrong, or the requested entity is private.

        The open path decides. It is not requested if the key was accepted since the previous refusal.
        """
        if refused.status not in (401, 403) or not self.upstream.open_path:
            return refused
        if not self._is_key_accepted:
            try:
                await self._request(self.upstream.open_path, budget)
            except WrongKeyError as error:
                return error
            except PermanentError:
                pass
        self._is_key_accepted = False
        message = f"{self.upstream.name} responded to {refused.request} with {refused.status} ({refused.api_message})"
        return PermanentError(message, status=refused.status, body=refused.body, request=refused.request)

    async def _address_or_path_error(
        self, refused: WrongAddressError, request: str, budget: CallBudget
    ) -> PermanentError:
        """Classify a first response that is not the API's: wrong address or blocked path. The open path decides."""
        if (
            not self.upstream.open_path
            or self.upstream.open_path == request
            or not await self.can_read_open_path(budget)
        ):
            return refused
        self._has_succeeded = True
        return blocked_error(self.upstream, RefusedResponse(request, refused.status, {}, refused.body))

    async def _request(self, request: str, budget: CallBudget, *, may_be_empty: bool = False) -> Response:
        """Request one path with its query, with retries."""
        retry_policy = self._retry_policy
        attempts_made = 0

        def is_retryable(error: Exception) -> bool:
            max_attempts = _UNREACHABLE_ATTEMPTS if isinstance(error, Unreachable) else retry_policy.attempts
            return isinstance(error, TransientError) and attempts_made < max_attempts

        retrying = stamina.retry_context(
            on=is_retryable,
            attempts=retry_policy.attempts,
            timeout=retry_policy.total_timeout_s,
            wait_initial=retry_policy.initial_backoff_s,
            wait_max=retry_policy.max_backoff_s,
            wait_jitter=retry_policy.initial_backoff_s,
        )
        async for attempt in retrying.with_name(self.upstream.name, (request,), {}):
            with attempt:
                async with self._limiter.acquire() as slot:
                    budget.spend()
                    attempts_made += 1
                    response = await self._send(request)
                    observed_at = self._clock.now()
                    slot.update_from_headers(response.headers)
                    self._raise_for_status(response, request, slot)
                    self._check_body(response, request, may_be_empty=may_be_empty)
                self._has_succeeded = self._is_key_accepted = True
                return Response(request, response.status, response.headers, response.body, observed_at)
        raise AssertionError("the last attempt returns or raises")

    async def _send(self, request: str) -> RawResponse:
        name = self.upstream.name
        try:
            async with (
                asyncio.timeout(self._retry_policy.response_timeout_s) as deadline,
                self._http.stream("GET", self.upstream.url + request) as response,
            ):
                try:
                    return await self._body_reader.read(response, deadline)
                except BodyTooLargeError:
                    raise OversizedResponse(
                        f"{name} responded to {request} with more than {self._max_bytes >> 20} MB",
                        "raise LADDER_ANSWER_MB if such a large response is expected",
                        status=response.status_code,
                        request=request,
                    ) from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise Unreachable(
                f"{name} cannot be reached at {self.upstream.url}{self._reason(error)}",
                f"check the network and {self.upstream.variable_prefix}_URL; stored data is not changed",
            ) from None
        except (httpx.TimeoutException, TimeoutError):
            raise TransientError(f"{name} did not respond to {request} in time", "run again later") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise TransientError(
                f"{name} broke off its response to {request}{self._reason(error)}", "run again later"
            ) from None

    def _raise_for_status(self, response: RawResponse, request: str, slot: RequestSlot) -> None:
        """Raise the error for the status of a response.

        Raises:
            PermanentError: the request was refused.
            TransientError: the status is 408, 429 or 5xx.
            DayLimitReached: the source accepts no more requests today.
        """
        status = response.status
        if 200 <= status < 300:
            return
        if status in (408, 429) or status >= 500:
            api_message = one_line(error_message(response.body) or "", self.upstream.key)
            if status == 429:
                slot.on_rate_limited(response.headers, api_message)
            reason = f" ({api_message})" if api_message else ""
            message = f"{self.upstream.name} responded to {request} with {status}{reason}"
            raise TransientError(message, "run again later")
        refused = RefusedResponse(request, status, response.headers, response.body)
        raise refusal_error(self.upstream, refused, has_succeeded=self._has_succeeded)

    def _check_body(self, response: RawResponse, request: str, *, may_be_empty: bool) -> None:
        """Check that a body is complete JSON of a reasonable size.

        Raises:
            MalformedResponse: the body is not JSON.
            OversizedResponse: the body holds too many values.
            WrongAddressError: the first response is a web page.
        """
        if not response.body.strip() and may_be_empty:
            return
        if response.body.count(b",") > _MAX_VALUES:
            raise OversizedResponse(
                f"{self.upstream.name} responded to {request} with more than {_MAX_VALUES} values",
                status=response.status,
                request=request,
            )
        try:
            validate_json(response.body)
        except InvalidJsonError as error:
            if "html" in response.headers.get("content-type", "") and not self._has_succeeded:
                raise wrong_address_error(
                    self.upstream, f"{request} is a web page", response.status, response.body
                ) from None
            raise MalformedResponse(
                f"{self.upstream.name} responded to {request} with invalid JSON ({self._mask.text(str(error))})",
                "run again later",
                status=response.status,
                body=response.body,
                request=request,
            ) from None

    def _reason(self, error: Exception) -> str:
        lines = self._mask.text(str(error)).splitlines()
        return f" ({lines[0][:200]})" if lines else ""


def _log_retry(details: RetryDetails) -> None:
    """Log a retry; neither the path nor the error contains the key."""
    source, path, wait_s = details.name, details.args[0], round(details.wait_for, 3)
    _logger.info(
        "%s: retry of %s in %s s: %s",
        source,
        path,
        wait_s,
        details.caused_by,
        extra={"source": source, "path": path, "wait_s": wait_s},
    )


def check_address(upstream: Upstream) -> None:
    """Check that a base URL is valid.

    Raises:
        WrongAddressError: the URL has no host, or an invalid port.
    """
    try:
        url = httpx.URL(upstream.url)
        if url.host and (url.port is None or 0 < url.port < 65536):
            return
        reason = "it has no host, or an invalid port"
    except httpx.InvalidURL as error:
        reason = str(error)
    raise WrongAddressError(
        f"{upstream.url} is not a valid address: {reason}", f"correct {upstream.variable_prefix}_URL", status=0
    )

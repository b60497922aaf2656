"""Every kind of failed request has an error of its own, and only transient errors are retried."""

from __future__ import annotations

import asyncio
import gzip
import logging
import time
from collections.abc import Callable

import msgspec
import pytest
from pydantic import SecretStr

from ingestion.errors import (
    BlockedError,
    CallBudgetSpent,
    DayLimitReached,
    NotFoundError,
    PermanentError,
    TransientError,
    Unreachable,
    WrongAddressError,
    WrongKeyError,
)
from ingestion.http.client import Client, Response, RetryPolicy
from ingestion.http.rate_limits import CallBudget, SystemClock
from ingestion.http.refusals import Upstream
from ingestion.sources.opendota.rate_limits import PerMinuteLimiter
from tests.ingestion.clocks import JumpingClock
from tests.ingestion.scripted_server import Reply, Server, error, scripted
from warehouse.core.errors import UpstreamError

QUICK = RetryPolicy(
    connect_timeout_s=2,
    read_timeout_s=0.3,
    response_timeout_s=0.6,
    attempts=3,
    total_timeout_s=5,
    initial_backoff_s=0.005,
    max_backoff_s=0.02,
)
SECRET = "b7f1-very-secret"
BLOCKED = b"<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body>Sorry</body></html>"


def client_of(
    url: str,
    *,
    key: str | None = None,
    clock: JumpingClock | None = None,
    open_path: str = "",
    max_bytes: int = 64 << 20,
) -> Client:
    secret = None if key is None else SecretStr(key)
    upstream = Upstream("OpenDota", url, secret, "LADDER_OPENDOTA", open_path)
    real = SystemClock()
    return Client(
        upstream, PerMinuteLimiter("OpenDota", clock=clock or real), clock or real, QUICK, max_bytes=max_bytes
    )


def fetch(
    respond: Callable[[str, int], Reply],
    *paths: str,
    key: str | None = None,
    budget: int = 100,
    may_be_empty: bool = False,
    clock: JumpingClock | None = None,
    open_path: str = "",
    max_bytes: int = 64 << 20,
) -> tuple[list[Response | UpstreamError], Server]:
    """Request paths one after the other: the response or error of each, and the server with its log of requests."""

    async def scenario() -> tuple[list[Response | UpstreamError], Server]:
        results: list[Response | UpstreamError] = []
        allowed = CallBudget(budget)
        async with (
            scripted(respond) as server,
            client_of(server.url, key=key, clock=clock, open_path=open_path, max_bytes=max_bytes) as client,
        ):
            for path in paths or ("/x",):
                try:
                    results.append(await client.get(path, budget=allowed, may_be_empty=may_be_empty))
                except UpstreamError as failure:
                    results.append(failure)
            return results, server

    return asyncio.run(scenario())


def test_a_response_has_its_request_its_body_and_its_time() -> None:
    before = SystemClock().now()

    async def scenario() -> tuple[Response, Server]:
        async with scripted(lambda path, n: Reply(body=b'{"a": 1}')) as server, client_of(server.url) as client:
            return await client.get("/p", {"limit": 5, "q": "a b"}, budget=CallBudget(1)), server

    response, server = asyncio.run(scenario())
    assert response.request == "/p?limit=5&q=a+b"
    assert server.requests == ["/api/p?limit=5&q=a+b"]
    assert response.body == b'{"a": 1}'
    assert before <= response.observed_at <= SystemClock().now()


def test_the_key_travels_in_a_header_and_nowhere_else() -> None:
    [response], server = fetch(lambda path, n: Reply(), key=SECRET)
    assert isinstance(response, Response)
    assert server.headers[0]["authorization"] == f"Bearer {SECRET}"
    assert SECRET not in server.requests[0]


def test_without_a_key_no_authorization_is_sent() -> None:
    _, server = fetch(lambda path, n: Reply())
    assert "authorization" not in server.headers[0]


def test_a_connection_is_reused() -> None:
    _, server = fetch(lambda path, n: Reply(), "/a", "/b", "/c")
    assert server.connections == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_transient_error_is_retried_until_the_request_succeeds(status: int) -> None:
    reply = error(status, "not now", X_Rate_Limit_Remaining_Minute="50")
    [response], server = fetch(lambda path, n: reply if n < 2 else Reply(body=b"[1]"))
    assert isinstance(response, Response)
    assert response.body == b"[1]"
    assert len(server.requests) == 3


def test_a_retry_is_logged_with_source_path_and_wait_and_shows_nothing_by_itself(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, "ingestion")
    fetch(lambda path, n: error(500, f"no {SECRET}") if n < 2 else Reply(), "/p?limit=5", key=SECRET)
    logged = [record for record in caplog.records if record.name.startswith("ingestion")]
    assert [(record.levelname, record.__dict__["source"], record.__dict__["path"]) for record in logged] == [
        ("INFO", "OpenDota", "/p?limit=5")
    ] * 2
    assert all(0 < record.__dict__["wait_s"] <= QUICK.max_backoff_s for record in logged)
    assert all(SECRET not in repr(record.__dict__) for record in caplog.records)
    assert capfd.readouterr() == ("", "")


def test_the_last_retry_fails_with_one_line_that_names_the_request_and_the_reason() -> None:
    [failure], server = fetch(lambda path, n: error(500, "Internal Server Error"))
    assert type(failure) is TransientError
    assert str(failure) == "OpenDota responded to /x with 500 (Internal Server Error); run again later"
    assert len(server.requests) == QUICK.attempts


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b'[{"match_id": 1}, {"match_id": 2}]', missing=10),
        Reply(body=b'[{"match_id": 1}, {"mat'),
        Reply(body=b""),
        Reply(body=b"<html>", headers={"content-type": "text/plain"}),
        Reply(body=gzip.compress(b"[" + b"1," * 1000 + b"1]")[:-12], headers={"content-encoding": "gzip"}),
        Reply(body=b"not gzip", headers={"content-encoding": "gzip"}),
        Reply(wait_s=0.5),
    ],
    ids=["cut off", "half a document", "empty", "not JSON", "half compressed", "not compressed", "hanging"],
)
def test_a_broken_response_is_retried_and_never_returned(reply: Reply) -> None:
    [once], _ = fetch(lambda path, n: reply if n == 0 else Reply(body=b"[7]"))
    assert isinstance(once, Response)
    assert once.body == b"[7]"
    [for_ever], server = fetch(lambda path, n: reply)
    assert isinstance(for_ever, TransientError)
    assert len(server.requests) == QUICK.attempts


def test_an_empty_body_is_valid_where_it_is_allowed() -> None:
    [response], _ = fetch(lambda path, n: Reply(body=b""), may_be_empty=True)
    assert isinstance(response, Response)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(400, "invalid account id"), PermanentError),
        (error(404, "Not Found"), NotFoundError),
        (error(410, "Gone"), NotFoundError),
        (error(418, "teapot"), PermanentError),
        (error(451, "not in your country"), PermanentError),
        (Reply(451, b"<html>unavailable for legal reasons</html>"), BlockedError),
        (Reply(400, b"Bad Request"), BlockedError),
        (Reply(405, b""), BlockedError),
        (Reply(301, b"", {"location": "/elsewhere"}), WrongAddressError),
        (Reply(404, b"nothing here"), WrongAddressError),
        (Reply(200, b"<html>", {"content-type": "text/html; charset=utf-8"}), WrongAddressError),
        (error(429, "daily api limit exceeded"), DayLimitReached),
    ],
)
def test_a_permanent_error_is_not_retried(reply: Reply, kind: type[UpstreamError]) -> None:
    [failure], server = fetch(lambda path, n: reply)
    assert type(failure) is kind
    assert len(server.requests) == 1
    assert "\n" not in str(failure)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [BLOCKED, b"", b'"no"', b"[]", b"error code: 1020", b'{"error": "no"}'])
def test_without_a_key_a_refusal_never_concerns_the_key(status: int, body: bytes) -> None:
    [failure], _ = fetch(lambda path, n: Reply(status, body))
    assert type(failure) is BlockedError
    assert "LADDER_OPENDOTA_KEY" in failure.hint  # as one option
    assert f"{status}, " in failure.message
    assert "no key is set" in failure.message


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [BLOCKED, b"", b'"no"', b"[]", b"error code: 1020"])
def test_with_a_key_a_refusal_without_the_apis_message_concerns_the_network(status: int, body: bytes) -> None:
    [failure], _ = fetch(lambda path, n: Reply(status, body), key=SECRET)
    assert type(failure) is BlockedError
    assert "a key is set" in failure.message
    assert "KEY" not in failure.hint


@pytest.mark.parametrize(
    "reply",
    [
        error(401, "unknown client"),
        error(403, "no"),
        error(400, "Invalid API key format"),
        Reply(401, b'{"errors": [{"message": "Unauthorized", "code": "err_a0", "http_status": 401}]}'),
        Reply(403, b'{"code": "err_f0", "message": "Forbidden"}'),
    ],
)
def test_a_key_that_the_api_refuses_with_its_own_message_is_wrong(reply: Reply) -> None:
    [failure], _ = fetch(lambda path, n: reply, key=SECRET)
    assert type(failure) is WrongKeyError
    assert "LADDER_OPENDOTA_KEY" in failure.hint


def test_a_blocked_request_is_reported_with_status_path_kind_of_body_and_title() -> None:
    [failure], _ = fetch(lambda path, n: Reply(403, BLOCKED, {"content-type": "text/html"}), "/players/7")
    assert str(failure) == (
        "OpenDota refused /players/7 with 403, a web page (Attention Required! | Cloudflare), and no key is set; "
        "this network's address may be blocked in front of the API: wait, or use another network, "
        "or set LADDER_OPENDOTA_KEY"
    )


@pytest.mark.parametrize(
    "reply",
    [Reply(301, b"", {"location": "/x"}), Reply(404, b"nothing"), Reply(200, b"<html>", {"content-type": "text/html"})],
)
def test_a_first_response_of_another_service_concerns_one_path_if_the_open_path_succeeds(reply: Reply) -> None:
    def respond(path: str, times: int) -> Reply:
        return Reply() if path.endswith(("/open", "/good")) else reply

    [first, second, third], server = fetch(respond, "/bad", "/good", "/worse", open_path="/open")
    assert type(first) is BlockedError
    assert isinstance(second, Response)
    assert isinstance(third, BlockedError | TransientError)
    assert server.requests.count("/api/open") == 1
    [of_everything], _ = fetch(lambda path, n: reply, "/bad", open_path="/open")
    assert type(of_everything) is WrongAddressError


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_so_that_no_other_host_is_given_the_key(status: int) -> None:
    async def scenario() -> tuple[list[UpstreamError], Server]:
        failures = []
        async with scripted(lambda path, n: Reply()) as other:
            away = Reply(status, b"", {"location": f"{other.url}/x"})
            async with (
                scripted(lambda path, n: away if path.endswith("/x") else Reply()) as server,
                client_of(server.url, key=SECRET) as client,
            ):
                await client.get("/good", budget=CallBudget(9))
                with pytest.raises(UpstreamError) as caught:
                    await client.get("/x", budget=CallBudget(9))
                failures.append(caught.value)
            return failures, other

    [failure], other = asyncio.run(scenario())
    assert type(failure) is BlockedError
    assert other.requests == []


def test_a_refusal_keeps_its_status_and_body() -> None:
    [failure], _ = fetch(lambda path, n: error(404, "Not Found"))
    assert isinstance(failure, NotFoundError)
    assert (failure.status, failure.body) == (404, b'{"error":"Not Found"}')


def test_a_refused_key_is_named_by_its_variable_and_never_shown() -> None:
    [failure], _ = fetch(lambda path, n: error(400, f"Invalid API key format: {SECRET}"), key=SECRET)
    assert "LADDER_OPENDOTA_KEY" in str(failure)
    assert SECRET not in str(failure) + repr(failure)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "no such thing"}',
        b'{"message": "no such thing"}',
        b'{"code": "err_nf0", "message": "no such thing"}',
        b'{"errors": [{"message": "no such thing", "code": "err_nf0", "http_status": 404, "parameters": []}]}',
    ],
)
def test_the_error_message_of_the_api_is_reported_in_every_form(body: bytes) -> None:
    [failure], _ = fetch(lambda path, n: Reply(404, body))
    assert type(failure) is NotFoundError
    assert "404 (no such thing)" in str(failure)


def test_a_403_concerns_one_entity_if_the_key_is_accepted_elsewhere() -> None:
    def respond(path: str, times: int) -> Reply:
        return error(403, "private") if "private" in path else Reply()

    [_, of_entity], _ = fetch(respond, "/a", "/private", open_path="/open", key=SECRET)
    assert type(of_entity) is PermanentError
    [_, of_key], _ = fetch(respond, "/a", "/private", key=SECRET)
    assert type(of_key) is WrongKeyError


def test_private_entities_never_count_as_a_refused_key_even_if_they_come_first() -> None:
    def respond(path: str, times: int) -> Reply:
        return error(403, "private") if "private" in path else Reply()

    results, server = fetch(
        respond, *[f"/private/{number}" for number in range(6)], "/a", open_path="/open", key=SECRET
    )
    assert [type(result) for result in results] == [PermanentError] * 6 + [Response]
    assert server.requests.count("/api/open") == 6


@pytest.mark.parametrize("accepted", [0, 3])
def test_a_refused_key_is_detected_by_the_second_refusal_even_in_the_middle_of_a_run(accepted: int) -> None:
    def respond(path: str, times: int) -> Reply:
        return Reply() if path.startswith("/api/early") else error(403, "no")

    paths = [*(f"/early/{number}" for number in range(accepted)), "/late/1", "/late/2"]
    results, server = fetch(respond, *paths, open_path="/open", key=SECRET)
    assert [type(result) for result in results[:accepted]] == [Response] * accepted
    assert type(results[-1]) is WrongKeyError
    assert "LADDER_OPENDOTA_KEY" in str(results[-1])
    assert len(server.requests) <= accepted + 4


def test_a_404_without_a_message_does_not_prove_that_an_entity_does_not_exist() -> None:
    [first, second], _ = fetch(lambda path, n: Reply() if "a" in path[-1] else Reply(404, b"?"), "/a", "/b")
    assert isinstance(first, Response)
    assert type(second) is BlockedError


def test_an_unreachable_address_is_reported_soon_and_names_the_variable(patience: float) -> None:
    async def scenario() -> UpstreamError:
        async with scripted(lambda path, n: Reply()) as gone:
            pass
        async with client_of(gone.url) as client:
            with pytest.raises(Unreachable) as caught:
                await client.get("/x", budget=CallBudget(10))
            return caught.value

    started = time.monotonic()
    failure = asyncio.run(scenario())
    assert time.monotonic() - started < 2 * patience
    assert "LADDER_OPENDOTA_URL" in failure.hint


@pytest.mark.parametrize("url", ["http://[half", "http://127.0.0.1:99999/api", "http://no such host/api"])
def test_an_invalid_address_is_reported(url: str) -> None:
    async def scenario() -> None:
        async with client_of(url) as client:
            await client.get("/x", budget=CallBudget(10))

    with pytest.raises((WrongAddressError, Unreachable), match="LADDER_OPENDOTA_URL"):
        asyncio.run(scenario())


def test_every_request_counts_against_the_budget_and_none_is_made_beyond_it() -> None:
    [failure], server = fetch(lambda path, n: error(500, "no"), budget=2)
    assert isinstance(failure, CallBudgetSpent)
    assert len(server.requests) == 2


def test_after_the_limit_of_a_minute_the_next_request_waits_for_the_next_minute() -> None:
    clock = JumpingClock()
    refused = error(429, "minute rate limit exceeded", X_Rate_Limit_Remaining_Minute="0")
    [response], server = fetch(lambda path, n: refused if n == 0 else Reply(), clock=clock)
    assert isinstance(response, Response)
    assert len(server.requests) == 2
    assert clock.slept == [31.0]  # half a minute was left, and a second for clocks that differ


def test_after_the_daily_limit_no_request_is_made() -> None:
    [first, second], server = fetch(lambda path, n: error(429, "daily api limit exceeded"), "/a", "/b")
    assert isinstance(first, DayLimitReached)
    assert isinstance(second, DayLimitReached)
    assert server.requests == ["/api/a"]


@pytest.mark.parametrize("status", [404, 500, 403])
@pytest.mark.parametrize("body", [rb'{"error": "no \ud800"}', BLOCKED], ids=["JSON", "web page"])
def test_the_body_of_a_refusal_is_parsed_once_per_response(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes
) -> None:
    bodies: list[bytes] = []
    decode = msgspec.json.decode

    def counting(sent: bytes, **named: object) -> object:
        bodies.append(sent)
        return decode(sent, **named)

    monkeypatch.setattr(msgspec.json, "decode", counting)
    results, server = fetch(lambda path, n: Reply() if path.endswith("/a") else Reply(status, body), "/a", "/b")
    assert isinstance(results[1], UpstreamError)
    assert bodies.count(body) == len(server.requests) - 1


def test_no_part_of_a_key_is_shown_where_a_message_is_shortened() -> None:
    [failure], _ = fetch(lambda path, n: error(400, "x" * 195 + SECRET), key=SECRET)
    assert SECRET[:4] not in str(failure)

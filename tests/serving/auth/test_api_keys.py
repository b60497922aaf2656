"""API keys take effect within two seconds, end within two seconds, and invalid keys give no access."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.serving.auth.conftest import BOARD, Deployment, bearer, seconds_until_status
from tests.serving.http_clients import seconds_until
from warehouse.database.connections import connect
from warehouse.ops.api_keys import list_keys

_WITHIN_S = 2.0
ALMOST = "ldr_abcdefgh_" + "x" * 32


def test_a_key_is_valid_or_revoked_in_every_process_within_two_seconds(
    deployment: Deployment, open_api: httpx.Client, closed_api: httpx.Client, workers: str, patience: float
) -> None:
    # One connection per request, because the kernel distributes connections over the two workers.
    shared = httpx.Client(base_url=workers, headers={"Connection": "close"})
    with shared:
        clients = [open_api, closed_api, shared]
        key = deployment.key("short-lived", requests_per_minute=100_000)
        assert max(seconds_until_status(client, key, 200) for client in clients) < _WITHIN_S * patience
        deployment.revoke("short-lived")
        assert max(seconds_until_status(client, key, 401) for client in clients) < _WITHIN_S * patience
        time.sleep(_WITHIN_S)
        assert {client.get(BOARD, headers=bearer(key)).status_code for client in clients * 5} == {401}


def test_a_key_ends_when_it_expires(deployment: Deployment, closed_api: httpx.Client, patience: float) -> None:
    key = deployment.key("three-seconds", expires_at=datetime.now(UTC) + timedelta(seconds=3))
    seconds_until_status(closed_api, key, 200)
    assert seconds_until_status(closed_api, key, 401) < 3 + _WITHIN_S * patience


@pytest.mark.parametrize("headers", [{}, bearer(ALMOST), bearer("x"), {"X-API-Key": ALMOST}])
def test_without_a_valid_key_every_path_returns_the_same_401(closed_api: httpx.Client, headers: dict[str, str]) -> None:
    paths = (BOARD, "/api/v1/players/dota2/nobody", "/nothing", "/docs", "/openapi.json", "/metrics")
    responses = [closed_api.get(path, headers=headers) for path in paths]
    assert {response.status_code for response in responses} == {401}
    assert {response.headers["www-authenticate"] for response in responses} == {'Bearer realm="ladderhouse"'}
    assert len({response.content for response in responses}) == 1
    assert responses[0].json()["error"]["code"] == "unauthorized"


def test_all_invalid_keys_get_the_same_error(deployment: Deployment, open_api: httpx.Client) -> None:
    key = deployment.key("to-be-revoked")
    seconds_until_status(open_api, key, 200)
    deployment.revoke("to-be-revoked")
    seconds_until_status(open_api, key, 401)
    valid = deployment.key("valid")
    seconds_until_status(open_api, valid, 200)
    others = [ALMOST, "x", valid[:-1], valid + "x", valid[:-1] + chr(ord(valid[-1]) ^ 1), valid.upper()]
    responses = [open_api.get(BOARD, headers=bearer(other)) for other in (key, *others)]
    assert {response.status_code for response in responses} == {401}
    assert len({response.content for response in responses}) == 1


def test_a_key_is_accepted_in_either_header(deployment: Deployment, closed_api: httpx.Client) -> None:
    key = deployment.key("either")
    seconds_until_status(closed_api, key, 200)
    for headers in ({"Authorization": f"bearer {key}"}, {"X-API-Key": key}):
        assert closed_api.get(BOARD, headers=headers).status_code == 200
    assert closed_api.get(f"{BOARD}?api_key={key}").status_code == 401


def test_basic_authorization_of_a_proxy_is_ignored(open_api: httpx.Client) -> None:
    assert open_api.get(BOARD, auth=("ann", "password")).status_code == 200


def test_probes_need_no_key(closed_api: httpx.Client) -> None:
    for headers in ({}, bearer(ALMOST)):
        assert closed_api.get("/healthz", headers=headers).status_code == 200
        assert closed_api.get("/readyz", headers=headers).status_code == 200


def test_metrics_require_the_scope_admin_without_anonymous_access(
    deployment: Deployment, closed_api: httpx.Client
) -> None:
    reader, admin = deployment.key("reader"), deployment.key("prometheus", scopes=("admin",))
    seconds_until_status(closed_api, admin, 200)
    rejected = closed_api.get("/metrics", headers=bearer(reader))
    assert (rejected.status_code, rejected.json()["error"]["code"]) == (403, "forbidden")
    assert (
        b'ladder_requests_total{endpoint="other",status="403"}'
        in closed_api.get("/metrics", headers=bearer(admin)).content
    )


def test_responses_that_require_a_key_are_private(deployment: Deployment, closed_api: httpx.Client) -> None:
    key = deployment.key("no-proxy")
    seconds_until_status(closed_api, key, 200)
    for _ in range(2):
        kept = closed_api.get(BOARD, headers=bearer(key)).headers["cache-control"]
        assert kept.startswith("private, ")
        assert "public" not in kept


def test_the_last_use_of_a_key_is_recorded(deployment: Deployment, open_api: httpx.Client) -> None:
    unused, used = deployment.key("unused"), deployment.key("used")
    seconds_until_status(open_api, used, 200)

    def last_used() -> dict[str, datetime | None]:
        with connect(deployment.database.admin_url) as admin:
            return {key.key_id: key.last_used_at for key in list_keys(admin)}

    seconds_until(lambda: last_used()[used[4:12]] is not None)
    noted = last_used()[used[4:12]]
    assert noted is not None
    assert abs((datetime.now(UTC) - noted).total_seconds()) < 10
    assert last_used()[unused[4:12]] is None


def test_no_key_is_in_any_log(deployment: Deployment, open_api: httpx.Client) -> None:
    key = deployment.key("logged")
    seconds_until_status(open_api, key, 200)
    logs = list((deployment.database.settings.home / "logs").glob("*.log"))
    assert logs
    for log in logs:
        assert not re.search("ldr_[a-z0-9]{8}_", Path(log).read_text())


def test_keys_stay_valid_while_postgresql_rejects_connections(
    deployment: Deployment, open_api: httpx.Client, patience: float
) -> None:
    key = deployment.key("outage")
    seconds_until_status(open_api, key, 200)
    with psycopg.connect(deployment.database.admin_url, autocommit=True) as admin:
        admin.execute("ALTER ROLE ladder_serving NOLOGIN")
        try:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE usename = 'ladder_serving' AND datname = current_database()"
            )
            time.sleep(3)
            assert open_api.get(BOARD, headers=bearer(key)).status_code == 200
            assert open_api.get(BOARD, headers=bearer(ALMOST)).status_code == 401
            with deployment.api() as started_in_outage:
                response = httpx.get(started_in_outage + BOARD, headers=bearer(key))
                assert (response.status_code, response.json()["error"]["code"]) == (503, "keys_unknown")
                assert int(response.headers["retry-after"]) > 0
        finally:
            admin.execute("ALTER ROLE ladder_serving LOGIN")
    deployment.revoke("outage")
    assert seconds_until_status(open_api, key, 401) < 5 * patience
    seconds_until(lambda: "degraded" not in open_api.get("/readyz").json())

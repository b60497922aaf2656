"""Protection against mixing data of the real APIs with simulated data: a source must be of the stored data's world.

The world of an address is `real` if its host is the API's own. Any other server is requested for its world's name at
`/sandbox/world`, which the sandbox serves; a server without a name is `unnamed`. That request carries no key.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx
import msgspec
import psycopg

from ingestion.errors import Unreachable
from ingestion.http.client import check_address
from ingestion.http.refusals import Upstream
from ingestion.sync.connector import SourceConnector
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings, load_settings
from warehouse.database.connections import connect
from warehouse.lake.files import Lake
from warehouse.lake.worlds import REAL, UNNAMED, has_data, record_world, recorded_world, save_address, saved_address

__all__ = ["SourceAddress", "change_address", "list_addresses", "resolve_settings"]

_WORLD_PATH = b"/sandbox/world"
_TIMEOUT_S = 10.0
_CONNECT_ATTEMPTS = 3
_MAX_NAME_LENGTH = 100


class _WorldName(msgspec.Struct):
    world: str


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """The address of a source.

    Args:
        source: name of the source.
        url: base URL.
        origin: where the address comes from: `variable`, `set` (by `ladder upstream set`), or `default`.
    """

    source: str
    url: str
    origin: str


async def resolve_settings(connector: SourceConnector, settings: Settings, database_url: str, lake: Lake) -> Settings:
    """The settings with the address that was set for this warehouse, if any, after a check of the address's world.

    Records the world of a warehouse that holds no data yet.

    Args:
        connector: the source.
        settings: the configuration.
        database_url: a login that may read and write `ops` (`ladder_ingest`).
        lake: where pages land.

    Raises:
        ConfigurationError: the source is of another world than the stored data; its API was not requested.
        WrongAddressError: the address is invalid.
        Unreachable: no server responds at the address.
        DatabaseError: the warehouse cannot be read.
        LakeError: the lake cannot be written.
    """
    with connect(database_url) as connection:
        address = _current_address(connection, connector, settings)
        settings = settings.model_copy(update={_url_setting(connector): address.url})
        home = recorded_world(connection, lake)
        if address.origin == "set" and home == REAL:
            return settings
        world = await _fetch_world(connector, connector.upstream(settings))
        if home not in (None, world) and has_data(connection, lake):
            raise _wrong_world_error(connector, address, world, str(home))
        record_world(connection, lake, world)
    return settings


def list_addresses(
    connectors: dict[str, SourceConnector], settings: Settings, database_url: str, lake: Lake
) -> tuple[str | None, list[SourceAddress]]:
    """The recorded world, and the address of each source.

    Raises:
        ConfigurationError: the database and the lake are of different worlds.
    """
    with connect(database_url) as connection:
        found = [_current_address(connection, connector, settings) for connector in connectors.values()]
        return recorded_world(connection, lake), found


async def change_address(
    connector: SourceConnector, settings: Settings, url: str, database_url: str, lake: Lake, *, is_real: bool = False
) -> str:
    """Set another address of the same world for a source; returns the world.

    Args:
        connector: the source.
        settings: the configuration.
        url: the new base URL.
        database_url: a login that may read and write `ops` (`ladder_ingest`).
        lake: where pages land.
        is_real: a server without a world's name serves the real API, for instance as a proxy.

    Raises:
        ConfigurationError: the address is of another world than the stored data.
        WrongAddressError: the address is invalid.
        Unreachable: no server responds at the address.
    """
    name = _url_setting(connector)
    checked = load_settings(**{name: url})
    upstream = connector.upstream(settings.model_copy(update={name: getattr(checked, name)}))
    with connect(database_url) as connection:
        home = recorded_world(connection, lake)
        world = await _fetch_world(connector, upstream)
        if world == UNNAMED and (is_real or home == REAL):
            world = REAL
        if home not in (None, world) and has_data(connection, lake):
            raise _wrong_world_error(
                connector, SourceAddress(connector.source.name, upstream.url, "set"), world, str(home)
            )
        record_world(connection, lake, world)
        save_address(connection, connector.source.name, upstream.url)
    return world


def _current_address(connection: psycopg.Connection, connector: SourceConnector, settings: Settings) -> SourceAddress:
    source, name = connector.source.name, _url_setting(connector)
    if name in settings.model_fields_set:
        return SourceAddress(source, getattr(settings, name), "variable")
    url = saved_address(connection, source)
    return (
        SourceAddress(source, getattr(settings, name), "default") if url is None else SourceAddress(source, url, "set")
    )


def _url_setting(connector: SourceConnector) -> str:
    return f"{connector.source.name}_url"


async def _fetch_world(connector: SourceConnector, upstream: Upstream) -> str:
    """The world of an address; requests the server only if its host is not the API's own."""
    check_address(upstream)
    url = httpx.URL(upstream.url)
    if _domain(url.host) == _domain(httpx.URL(Settings.model_fields[_url_setting(connector)].default).host):
        return REAL
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            status, body = await _fetch(url.copy_with(raw_path=_WORLD_PATH))
        named = msgspec.json.decode(body, type=_WorldName).world if status == 200 else UNNAMED
    except msgspec.MsgspecError:
        return UNNAMED
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        reason = str(error)[:_MAX_NAME_LENGTH]
        raise Unreachable(
            f"{upstream.name} cannot be reached at {upstream.url}{f' ({reason})' if reason else ''}",
            f"check the network and {upstream.variable_prefix}_URL; stored data stays as it is",
        ) from None
    # A server cannot declare itself the real API.
    return named[:_MAX_NAME_LENGTH] if named.isprintable() and named not in ("", REAL) else UNNAMED


async def _fetch(url: httpx.URL) -> tuple[int, bytes]:
    """Status and first chunk of a response; a name fits into it."""
    # Loading certificates takes longer than the request itself, and http needs none.
    transport = httpx.AsyncHTTPTransport(verify=url.scheme == "https", retries=_CONNECT_ATTEMPTS - 1)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "ladderhouse"}
    async with (
        httpx.AsyncClient(timeout=_TIMEOUT_S, transport=transport, headers=headers) as client,
        client.stream("GET", url) as response,
    ):
        async for part in response.aiter_raw():
            return response.status_code, part
        return response.status_code, b""


def _domain(host: str) -> str:
    """The last two labels, e.g. `opendota.com`."""
    return ".".join(host.lower().rstrip(".").split(".")[-2:])


def _wrong_world_error(connector: SourceConnector, address: SourceAddress, world: str, home: str) -> ConfigurationError:
    source = connector.source.name
    variable = f"LADDER_{source.upper()}_URL"
    hints = {
        (REAL, UNNAMED): f"if it serves the real API, `ladder upstream set --real {source} {address.url}`",
        (UNNAMED, REAL): f"name the server that this home was filled from in {variable}",
        (REAL, world): f"correct {variable}",
    }
    hint = hints.get((home, world), f"name a server of that world in {variable}")
    address_world = f"the real {source}" if world == REAL else _described(world)
    return ConfigurationError(
        f"this home holds data of {_described(home)}, and {address.url} is {address_world}; "
        "nothing was requested there",
        f"{hint}, or choose another LADDER_HOME",
    )


def _described(world: str) -> str:
    named = {REAL: "the real world", UNNAMED: "a server that does not name its world"}
    return named.get(world, f"the simulated world {world}")

"""Whether a source may be requested: only one of the world that the stored data is of.

The world of an address is `real` where its host is the API's own; otherwise the server's name is requested at
`/sandbox/world`, as the sandbox answers it; a server without one is `unnamed`. No key is sent with that request.
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
from ingestion.sync.connector import Reader
from warehouse.core.errors import ConfigurationError
from warehouse.core.settings import Settings, load_settings
from warehouse.database.connections import connect
from warehouse.lake.files import Lake
from warehouse.lake.worlds import REAL, UNNAMED, has_data, record_world, recorded_world, save_address, saved_address

__all__ = ["Address", "addresses", "change_address", "settled"]

_WORLD_PATH = b"/sandbox/world"
_TIMEOUT_S = 10.0
_CONNECT_ATTEMPTS = 3
_LONGEST_NAME = 100


class _Named(msgspec.Struct):
    world: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a source is requested.

    Args:
        source: its name.
        url: base URL.
        origin: `variable`, `set` (by `ladder upstream set`), or `default`.
    """

    source: str
    url: str
    origin: str


async def settled(reader: Reader, settings: Settings, database_url: str, lake: Lake) -> Settings:
    """The settings with which a source may be requested: with the address that was set for this warehouse, if any.

    Records the world of a warehouse that holds nothing yet.

    Args:
        reader: the source.
        settings: the configuration.
        database_url: a login that may read and write `ops` (`ladder_ingest`).
        lake: where pages land.

    Raises:
        ConfigurationError: the source is of another world than what is stored; nothing was requested of it.
        WrongAddressError: the address is none.
        Unreachable: nothing answers at the address.
        DatabaseError: the warehouse cannot be read.
        LakeError: the lake cannot be written.
    """
    with connect(database_url) as connection:
        address = _address(connection, reader, settings)
        settings = settings.model_copy(update={_field(reader): address.url})
        home = recorded_world(connection, lake)
        if address.origin == "set" and home == REAL:
            return settings
        world = await _world_of(reader, reader.upstream(settings))
        if home not in (None, world) and has_data(connection, lake):
            raise _other_world(reader, address, world, str(home))
        record_world(connection, lake, world)
    return settings


def addresses(
    readers: dict[str, Reader], settings: Settings, database_url: str, lake: Lake
) -> tuple[str | None, list[Address]]:
    """The recorded world, and where each source is requested.

    Raises:
        ConfigurationError: the database and the lake are of different worlds.
    """
    with connect(database_url) as connection:
        return recorded_world(connection, lake), [_address(connection, one, settings) for one in readers.values()]


async def change_address(
    reader: Reader, settings: Settings, url: str, database_url: str, lake: Lake, *, is_real: bool = False
) -> str:
    """Request a source at another address of the same world from now on; returns the world.

    Args:
        reader: the source.
        settings: the configuration.
        url: the new base URL.
        database_url: a login that may read and write `ops` (`ladder_ingest`).
        lake: where pages land.
        is_real: a server that names no world serves the real API, for instance as a proxy.

    Raises:
        ConfigurationError: the address is of another world than what is stored.
        WrongAddressError: it is no address.
        Unreachable: nothing answers at the address.
    """
    name = _field(reader)
    checked = load_settings(**{name: url})
    upstream = reader.upstream(settings.model_copy(update={name: getattr(checked, name)}))
    with connect(database_url) as connection:
        home = recorded_world(connection, lake)
        world = await _world_of(reader, upstream)
        if world == UNNAMED and (is_real or home == REAL):
            world = REAL
        if home not in (None, world) and has_data(connection, lake):
            raise _other_world(reader, Address(reader.source.name, upstream.url, "set"), world, str(home))
        record_world(connection, lake, world)
        save_address(connection, reader.source.name, upstream.url)
    return world


def _address(connection: psycopg.Connection, reader: Reader, settings: Settings) -> Address:
    source, name = reader.source.name, _field(reader)
    if name in settings.model_fields_set:
        return Address(source, getattr(settings, name), "variable")
    url = saved_address(connection, source)
    return Address(source, getattr(settings, name), "default") if url is None else Address(source, url, "set")


def _field(reader: Reader) -> str:
    return f"{reader.source.name}_url"


async def _world_of(reader: Reader, upstream: Upstream) -> str:
    """The world of an address, with a request only where the host is not the API's own."""
    check_address(upstream)
    url = httpx.URL(upstream.url)
    if _domain(url.host) == _domain(httpx.URL(Settings.model_fields[_field(reader)].default).host):
        return REAL
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            status, body = await _fetch(url.copy_with(raw_path=_WORLD_PATH))
        named = msgspec.json.decode(body, type=_Named).world if status == 200 else UNNAMED
    except msgspec.MsgspecError:
        return UNNAMED
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        reason = str(error)[:_LONGEST_NAME]
        raise Unreachable(
            f"{upstream.name} cannot be reached at {upstream.url}{f' ({reason})' if reason else ''}",
            f"check the network and {upstream.variables}_URL; stored data stays as it is",
        ) from None
    # A server is no real API because it says so.
    return named[:_LONGEST_NAME] if named.isprintable() and named not in ("", REAL) else UNNAMED


async def _fetch(url: httpx.URL) -> tuple[int, bytes]:
    """Status and the first bytes of an answer, which a name fits into."""
    # Certificates take longer to load than the rest takes, and http has none.
    transport = httpx.AsyncHTTPTransport(verify=url.scheme == "https", retries=_CONNECT_ATTEMPTS - 1)
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "ladderhouse"}
    async with (
        httpx.AsyncClient(timeout=_TIMEOUT_S, transport=transport, headers=headers) as client,
        client.stream("GET", url) as answer,
    ):
        async for part in answer.aiter_raw():
            return answer.status_code, part
        return answer.status_code, b""


def _domain(host: str) -> str:
    """The last two labels, e.g. `opendota.com`."""
    return ".".join(host.lower().rstrip(".").split(".")[-2:])


def _other_world(reader: Reader, address: Address, world: str, home: str) -> ConfigurationError:
    source = reader.source.name
    variable = f"LADDER_{source.upper()}_URL"
    hints = {
        (REAL, UNNAMED): f"if it serves the real API, `ladder upstream set --real {source} {address.url}`",
        (UNNAMED, REAL): f"name the server that this home was filled from in {variable}",
        (REAL, world): f"correct {variable}",
    }
    hint = hints.get((home, world), f"name a server of that world in {variable}")
    seen = f"the real {source}" if world == REAL else _described(world)
    return ConfigurationError(
        f"this home holds data of {_described(home)}, and {address.url} is {seen}; nothing was requested there",
        f"{hint}, or choose another LADDER_HOME",
    )


def _described(world: str) -> str:
    named = {REAL: "the real world", UNNAMED: "a server that does not name its world"}
    return named.get(world, f"the simulated world {world}")

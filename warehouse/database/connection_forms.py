"""Render a login to PostgreSQL in the forms that other programs accept."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Literal
from urllib.parse import quote, urlencode

from psycopg import conninfo

from warehouse.core.errors import ConfigurationError
from warehouse.database.connections import connection_parameters, libpq_environment

__all__ = ["Form", "render_connection", "render_variables"]

Form = Literal["url", "dsn", "env", "sqlalchemy", "jdbc"]

_LOGIN = ("host", "port", "user", "password", "dbname")
#: JDBC's names of the libpq parameters that its driver supports (https://jdbc.postgresql.org/documentation/use/).
_JDBC = {
    **{name: name for name in ("user", "password", "options", "sslmode", "sslrootcert", "sslcert", "sslkey")},
    **{"application_name": "ApplicationName", "connect_timeout": "connectTimeout", "gssencmode": "gssEncMode"},
}


def render_connection(database_url: str, form: Form, *, with_password: bool) -> str:
    """Render a login in one form; lines end with a line feed.

    Args:
        database_url: the login, as a URL or in libpq's `key=value` form.
        form: `url` (`postgresql://`), `dsn` (`key=value`), `env` (lines for a shell's `eval`), `sqlalchemy` (driver
            psycopg), or `jdbc`.
        with_password: whether to include the password.

    Raises:
        ConfigurationError: the form cannot express the login.
    """
    found = connection_parameters(database_url)
    found.pop("require_auth", None)  # older clients reject unknown parameters
    if not with_password:
        found.pop("password", None)
    if form == "env":
        return render_variables(libpq_environment(conninfo.make_conninfo(**found)))
    return _FORMS[form](found) + "\n"


def render_variables(variables: Mapping[str, str]) -> str:
    """Render lines that set variables in sh, bash, zsh and fish.

    Each line ends with a semicolon, so that an `eval` without quotes also works.
    """
    return "".join(f"export {name}={shlex.quote(value)};\n" for name, value in variables.items())


def _url(found: Mapping[str, str]) -> str:
    rest = {name: value for name, value in found.items() if name not in _LOGIN}
    return f"postgresql://{_user(found)}{_hosts(found)}/{_quoted(found.get('dbname', ''))}{_query(rest)}"


def _sqlalchemy(found: Mapping[str, str]) -> str:
    """URL for SQLAlchemy, which takes several hosts, or the folder of a socket, only in the query string."""
    rest = {name: value for name, value in found.items() if name not in _LOGIN}
    hosts, place = _pairs(found), ""
    if len(hosts) > 1 or _is_socket(hosts[0][0]):
        rest |= {"host": ",".join(host for host, _ in hosts), "port": ",".join(port for _, port in hosts)}
    else:
        place = _hosts(found)
    return f"postgresql+psycopg://{_user(found)}{place}/{_quoted(found.get('dbname', ''))}{_query(rest)}"


def _jdbc(found: Mapping[str, str]) -> str:
    if any(_is_socket(host) for host in found.get("host", "").split(",")):
        raise ConfigurationError("JDBC does not connect to a Unix socket", "name a host in LADDER_DATABASE_URL")
    known = {_JDBC[name]: value for name, value in found.items() if name in _JDBC}
    hosts = _hosts(found) or "localhost"
    return f"jdbc:postgresql://{hosts}/{_quoted(found.get('dbname', ''))}{_query(known)}"


def _user(found: Mapping[str, str]) -> str:
    password = f":{_quoted(found['password'])}" if "password" in found else ""
    return f"{_quoted(found.get('user', ''))}{password}@" if found.get("user") or password else ""


def _hosts(found: Mapping[str, str]) -> str:
    return ",".join(
        (f"[{host}]" if ":" in host else _quoted(host)) + (f":{port}" if port else "") for host, port in _pairs(found)
    )


def _pairs(found: Mapping[str, str]) -> list[tuple[str, str]]:
    """Hosts with their ports; a single port applies to all hosts."""
    hosts = found.get("host", "").split(",")
    ports = found.get("port", "").split(",")
    return list(zip(hosts, ports * len(hosts) if len(ports) == 1 else ports, strict=True))


def _is_socket(host: str) -> bool:
    """Whether a host is a folder or an abstract name, which libpq uses for Unix sockets."""
    return host.startswith(("/", "@"))


def _query(values: Mapping[str, str]) -> str:
    return f"?{urlencode(values, quote_via=quote, safe='')}" if values else ""


def _quoted(text: str) -> str:
    return quote(text, safe="")


_FORMS: dict[str, Callable[[Mapping[str, str]], str]] = {
    "url": _url,
    "dsn": lambda found: conninfo.make_conninfo(**found),
    "sqlalchemy": _sqlalchemy,
    "jdbc": _jdbc,
}

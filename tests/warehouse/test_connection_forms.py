"""Every form of a login means the same to its program as the URL means to libpq."""

from __future__ import annotations

import re
import subprocess
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import conninfo
from sqlalchemy import make_url

from warehouse.core.errors import ConfigurationError
from warehouse.database.connection_forms import Form, render_connection, render_variables
from warehouse.database.connections import connection_parameters

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
HOSTS = st.sampled_from(["127.0.0.1", "db.example.org", "::1", "/var/run/postgresql", "a.example.org,b.example.org"])
LOGINS = st.fixed_dictionaries(
    {"host": HOSTS, "port": st.sampled_from(["5432", "15001"]), "user": WORDS, "password": WORDS, "dbname": WORDS},
    optional={"sslmode": st.just("require"), "options": WORDS, "connect_timeout": st.just("3")},
)


def written(login: dict[str, str], form: Form, *, with_password: bool = True) -> str:
    text = render_connection(conninfo.make_conninfo(**login), form, with_password=with_password)
    assert text.endswith("\n")
    return text.removesuffix("\n")


def each_port(login: dict[str, str]) -> dict[str, str]:
    """The port of each host, if one port was given for several hosts."""
    return {"port": f"{login['port']},{login['port']}"} if "," in login["host"] else {}


@given(LOGINS)
@settings(deadline=None)
def test_url_and_dsn_contain_the_login(login: dict[str, str]) -> None:
    assert connection_parameters(written(login, "url")) == {**login, **each_port(login)}
    assert connection_parameters(written(login, "dsn")) == login


@given(LOGINS)
@settings(deadline=None)
def test_sqlalchemy_passes_the_login_to_its_driver(login: dict[str, str]) -> None:
    url = make_url(written(login, "sqlalchemy"))
    _, given_to_driver = url.get_dialect()().create_connect_args(url)
    assert {name: str(value) for name, value in given_to_driver.items() if name != "context"} == {
        **login,
        **each_port(login),
    }


@given(LOGINS.filter(lambda login: not login["host"].startswith("/")))
@settings(deadline=None)
def test_jdbc_contains_hosts_database_and_every_parameter_by_its_jdbc_name(login: dict[str, str]) -> None:
    text = written(login, "jdbc")
    assert text.isascii()
    address = urlsplit(text.removeprefix("jdbc:"))
    hosts = [f"[{host}]" if ":" in host else host for host in login["host"].split(",")]
    assert address.netloc == ",".join(f"{host}:{login['port']}" for host in hosts)
    assert unquote(address.path) == f"/{login['dbname']}"
    query = {name: values[0] for name, values in parse_qs(address.query, strict_parsing=True).items()}
    names = {"connect_timeout": "connectTimeout"}
    assert query == {names.get(name, name): login[name] for name in login if name not in ("host", "port", "dbname")}


def test_jdbc_rejects_a_socket() -> None:
    with pytest.raises(ConfigurationError, match="Unix socket"):
        written({"host": "/var/run/postgresql", "user": "ann", "dbname": "ladder"}, "jdbc")


@given(LOGINS, st.sampled_from(["url", "dsn", "env", "sqlalchemy", "jdbc"]))
@settings(deadline=None)
def test_without_the_password_all_other_parameters_are_present(login: dict[str, str], form: Form) -> None:
    login = {**login, "host": "127.0.0.1", "password": "s3cret~&word"}
    kept = {name: value for name, value in login.items() if name != "password"}
    assert written(login, form, with_password=False) == written(kept, form)
    assert "s3cret" not in written(login, form, with_password=False)
    assert "s3cret" in written(login, form)


@given(st.lists(WORDS.filter(lambda word: not word.isspace()), min_size=1, max_size=30))
@settings(max_examples=10, deadline=None)
def test_a_shell_sets_the_variables_to_the_exact_values(values: list[str]) -> None:
    variables = {f"LADDER_{number}": value for number, value in enumerate([*values, "a'b\"c $(x) `y` \\ * ;"])}
    names = " ".join(f'"${name}"' for name in variables)
    script = f"{render_variables(variables)}\nprintf '%s\\0' {names}"
    ended = subprocess.run(["sh", "-c", script], capture_output=True, check=True)
    assert ended.stdout.decode().split("\0")[:-1] == list(variables.values())


def test_an_eval_without_quotes_sets_the_variables() -> None:
    lines = render_variables({"PGHOST": "127.0.0.1", "PGPASSWORD": "a'b;$c", "PGDATABASE": "ladder"})
    script = "eval $(cat); env; export -p"
    ended = subprocess.run(["sh", "-c", script], input=lines.encode(), capture_output=True, check=True)
    found = dict(line.split("=", 1) for line in ended.stdout.decode().splitlines() if "=" in line)
    assert [found[name] for name in ("PGHOST", "PGPASSWORD", "PGDATABASE")] == ["127.0.0.1", "a'b;$c", "ladder"]
    assert not re.search(r"^(export|declare -x) export$", ended.stdout.decode(), re.MULTILINE)

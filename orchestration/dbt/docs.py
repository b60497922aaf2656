"""dbt's own documentation of the published marts as one page that asks nobody for anything."""

from __future__ import annotations

import gzip
import json
from importlib import resources
from pathlib import Path
from typing import Any

from orchestration.dbt.graph import write_atomically
from orchestration.dbt.manifests import prepare
from orchestration.dbt.runner import describe
from orchestration.warehouse_access import Warehouse
from serving.web.catalog import CATALOG_FILE
from warehouse.core.errors import PublicationError
from warehouse.database.connections import connect
from warehouse.publication.publication import current_generation

__all__ = ["write_documentation"]

_PROJECT = "ladderhouse"
HTML_PATCHES = {
    # In place of an address; a browser would ask for it.
    "${require('./assets/favicons/favicon.ico')}": "data:,",
    # Its framework need not try whether it may make code of text.
    'ng-app="dbt"': 'ng-app="dbt" ng-csp="no-unsafe-eval"',
    # Before the framework has filled it in, a browser would take it for an address.
    'xlink:href="{{': 'ng-attr-xlink:href="{{',
}
"""What dbt's page says, and what it has to say here."""


def write_documentation(warehouse: Warehouse) -> Path:
    """Write it to where `/catalog` finds it.

    Raises:
        PublicationError: nothing is published yet.
        BuildError: dbt could not run.
    """
    settings = warehouse.settings
    with connect(warehouse.url("transform")) as connection:
        generation = current_generation(connection)
    if generation is None:
        raise PublicationError("nothing is published yet", "run `ladder run`")
    prepared = prepare(settings, warehouse.servers.database_url)
    manifest, catalog = describe(prepared, settings, warehouse.url("transform"), generation.colour)
    # Most macros are dbt's own, about which nobody asks here.
    manifest["macros"] = {
        name: macro for name, macro in manifest["macros"].items() if macro["package_name"] == _PROJECT
    }
    page = (resources.files("dbt.task.docs") / "index.html").read_text()
    for said, meant in HTML_PATCHES.items():
        page = page.replace(said, meant)
    page = page.replace('"MANIFEST.JSON INLINE DATA"', _script(manifest))
    page = page.replace('"CATALOG.JSON INLINE DATA"', _script(catalog))
    path = settings.home / CATALOG_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, gzip.compress(page.encode(), compresslevel=9))
    return path


def _script(content: dict[str, Any]) -> str:
    """JSON that no description in it can turn into markup."""
    return json.dumps(content, separators=(",", ":"), default=str).replace("<", "\\u003c")

"""dbt's documentation of the published marts, as one page without external requests."""

from __future__ import annotations

import gzip
import json
from importlib import resources
from pathlib import Path
from typing import Any

from orchestration.dbt.manifests import prepare
from orchestration.dbt.runner import describe
from orchestration.warehouse_access import Warehouse
from serving.web.catalog import CATALOG_FILE
from warehouse.core.errors import PublicationError
from warehouse.core.files import write_atomically
from warehouse.database.connections import connect
from warehouse.publication.generations import current_generation

__all__ = ["write_documentation"]

_PROJECT = "ladderhouse"
HTML_PATCHES = {
    # A data URL; the browser would request the original as a path.
    "${require('./assets/favicons/favicon.ico')}": "data:,",
    # AngularJS would otherwise test whether it may evaluate strings, which the Content-Security-Policy reports.
    'ng-app="dbt"': 'ng-app="dbt" ng-csp="no-unsafe-eval"',
    # Until AngularJS replaces the placeholder, the browser would request it as a URL.
    'xlink:href="{{': 'ng-attr-xlink:href="{{',
}
"""Replacements in dbt's page."""


def write_documentation(warehouse: Warehouse) -> Path:
    """Write the page to the file that the API serves at `/catalog`, and return its path.

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
    # Most macros are dbt's own, which this page need not document.
    manifest["macros"] = {
        name: macro for name, macro in manifest["macros"].items() if macro["package_name"] == _PROJECT
    }
    page = (resources.files("dbt.task.docs") / "index.html").read_text()
    for original, replacement in HTML_PATCHES.items():
        page = page.replace(original, replacement)
    page = page.replace('"MANIFEST.JSON INLINE DATA"', _script(manifest))
    page = page.replace('"CATALOG.JSON INLINE DATA"', _script(catalog))
    path = settings.home / CATALOG_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, gzip.compress(page.encode(), compresslevel=9))
    return path


def _script(content: dict[str, Any]) -> str:
    """JSON for a script element, in which `<` is escaped, so that no description becomes markup."""
    return json.dumps(content, separators=(",", ":"), default=str).replace("<", "\\u003c")

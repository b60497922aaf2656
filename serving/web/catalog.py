"""`/catalog`: the dbt documentation that `ladder docs` generates, with a policy for its scripts."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from serving.cache.responses import StoredBody

__all__ = ["CATALOG_FILE", "Catalog", "CatalogPage"]

CATALOG_FILE = Path("dbt") / "docs" / "index.html.gz"
"""Path below LADDER_HOME."""
_SCRIPT = re.compile(rb"<script[^>]*>(.*?)</script>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class CatalogPage:
    """The documentation page.

    Args:
        stored: HTML.
        etag: its entity tag.
        policy: its Content-Security-Policy: allows its own scripts by digest, and no external resource.
    """

    stored: StoredBody
    etag: str
    policy: str


class Catalog:
    """The documentation file, loaded at the first request and after changes.

    Args:
        path: path of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loaded: tuple[tuple[int, int], CatalogPage] | None = None

    async def read(self) -> CatalogPage | None:
        """The page; None if the file does not exist."""
        try:
            state = self._path.stat()
            version = (state.st_mtime_ns, state.st_size)
            if self._loaded is None or self._loaded[0] != version:
                # In a thread, because decompressing some megabytes would delay other requests.
                self._loaded = (version, await asyncio.to_thread(_load, self._path))
        except FileNotFoundError:
            return None
        return self._loaded[1]


def _load(path: Path) -> CatalogPage:
    compressed = path.read_bytes()
    body = gzip.decompress(compressed)
    digests = [base64.b64encode(hashlib.sha256(script).digest()).decode() for script in _SCRIPT.findall(body)]
    scripts = " ".join(f"'sha256-{digest}'" for digest in digests)
    policy = (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    tag = hashlib.blake2b(compressed, digest_size=12).hexdigest()
    return CatalogPage(StoredBody.of(body, 0), f'W/"{tag}"', policy)

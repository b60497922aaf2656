"""The stylesheet and the icon: read once, compressed once, under names that change with their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

from serving.cache.responses import StoredBody

__all__ = ["Asset", "load_assets"]

_TYPES = {"style.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that never changes under its path.

    Args:
        path: names the digest of its content.
        media_type: its content type.
        stored: its bytes.
    """

    path: str
    media_type: str
    stored: StoredBody


def load_assets() -> dict[str, Asset]:
    """Every asset, by the name of its file."""
    found = {}
    for name, media_type in _TYPES.items():
        body = (resources.files("serving.web") / "static" / name).read_bytes()
        digest = hashlib.blake2b(body, digest_size=8).hexdigest()
        stem, _, suffix = name.partition(".")
        path = f"/assets/{stem}.{digest}.{suffix}"
        found[name] = Asset(path, media_type, StoredBody.of(body, 0))
    return found

"""The stylesheet and the icon: loaded and compressed once, under paths with a digest of their content."""

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
        path: URL path with the digest of its content.
        media_type: its content type.
        stored: its bytes.
    """

    path: str
    media_type: str
    stored: StoredBody


def load_assets() -> dict[str, Asset]:
    """All assets, by file name."""
    found = {}
    for name, media_type in _TYPES.items():
        body = (resources.files("serving.web") / "static" / name).read_bytes()
        digest = hashlib.blake2b(body, digest_size=8).hexdigest()
        stem, _, suffix = name.partition(".")
        path = f"/assets/{stem}.{digest}.{suffix}"
        found[name] = Asset(path, media_type, StoredBody.of(body, 0))
    return found

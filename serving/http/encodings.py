"""Content negotiation: identity, gzip or zstd."""

from __future__ import annotations

import functools
from typing import Final

__all__ = ["GZIP", "IDENTITY", "ZSTD", "preferred_encoding"]

IDENTITY: Final = 0
GZIP: Final = 1
ZSTD: Final = 2

_BY_PREFERENCE = ((ZSTD, b"zstd"), (GZIP, b"gzip"))
"""Preference between encodings of equal weight."""


@functools.lru_cache(maxsize=256)
def preferred_encoding(accept_encoding: bytes) -> int:
    """The preferred encoding of an Accept-Encoding header, by RFC 9110. Clients send few values, so results are cached.

    A header that allows no encoding gets the identity form, which every client can read.
    """
    weights = dict(map(_parse_weight, accept_encoding.lower().split(b",")))
    wildcard_weight = weights.get(b"*", 0.0)
    weight, encoding = max(
        ((weights.get(name, wildcard_weight), encoding) for encoding, name in _BY_PREFERENCE),
        key=lambda candidate: candidate[0],
    )
    # An identity encoding that is not listed comes after every listed encoding.
    return encoding if weight > 0 and weight >= weights.get(b"identity", 0.0) else IDENTITY


def _parse_weight(item: bytes) -> tuple[bytes, float]:
    name, *parameters = (part.strip() for part in item.split(b";"))
    for parameter in parameters:
        key, _, value = parameter.partition(b"=")
        if key.strip() == b"q":
            try:
                return name, float(value)
            except ValueError:
                return name, 0.0
    return name, 1.0

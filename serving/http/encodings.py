"""Which form of a body a client takes: as it is, with gzip, or with zstd."""

from __future__ import annotations

import functools
from typing import Final

__all__ = ["GZIP", "IDENTITY", "ZSTD", "preferred_encoding"]

IDENTITY: Final = 0
GZIP: Final = 1
ZSTD: Final = 2

_BY_PREFERENCE = ((ZSTD, b"zstd"), (GZIP, b"gzip"))
"""What decides between those that a client likes equally."""


@functools.lru_cache(maxsize=256)
def preferred_encoding(accept_encoding: bytes) -> int:
    """The best form that an Accept-Encoding allows, by RFC 9110; clients send a handful of them, so each is read once.

    One that allows none is answered with the body as it is: every client can read that.
    """
    weights = dict(map(_parse_weight, accept_encoding.lower().split(b",")))
    wildcard_weight = weights.get(b"*", 0.0)
    weight, encoding = max(
        ((weights.get(name, wildcard_weight), encoding) for encoding, name in _BY_PREFERENCE),
        key=lambda candidate: candidate[0],
    )
    # What is not named costs nothing to read, so it is second to whatever is requested at all.
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

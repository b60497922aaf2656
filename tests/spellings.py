"""How numbers and booleans are spelled within documents, as JSON, and what ingestion and models read."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

__all__ = ["SPELLINGS", "Spelling"]


class Spelling(NamedTuple):
    """A value as it is sent, and what it is read as by type; None where it cannot be read."""

    sent: str
    integer: int | None = None
    decimal: Decimal | None = None
    boolean: bool | None = None


def _whole(sent: str, value: int, boolean: bool | None = None) -> Spelling:
    return Spelling(sent, value, Decimal(value), boolean)


SPELLINGS = (
    _whole("0", 0, False),
    _whole("1", 1, True),
    _whole("1.0", 1, True),
    _whole("-0.0", 0, False),
    _whole('"1.0"', 1, True),
    _whole("19", 19),
    _whole("19.0", 19),
    _whole("1e1", 10),
    _whole('"19"', 19),
    _whole('"19.0"', 19),
    _whole('"12.000"', 12),
    _whole('"1e1"', 10),
    _whole('"1.5E+1"', 15),
    _whole('"150e-1"', 15),
    _whole('" 3 "', 3),
    _whole(r'"\t3\n"', 3),
    _whole(r'"3\u00a0"', 3),
    _whole(r'"\u20093\u3000"', 3),
    _whole('"+5"', 5),
    _whole('"-5"', -5),
    _whole('"007"', 7),
    _whole('"0000000000012"', 12),
    _whole("1000000000", 10**9),
    _whole('"-1000000000.0"', -(10**9)),
    Spelling("1000000001", None, Decimal(10**9 + 1)),
    Spelling('"1000000000000000000"', None, Decimal(10**18)),
    Spelling('"1000000000000000001"'),
    Spelling("1e18", None, Decimal(10**18)),
    Spelling("1e300"),
    Spelling("1e400"),
    Spelling('"1e99"'),
    Spelling('"1e100"'),
    Spelling("2.5", None, Decimal("2.5")),
    Spelling('"2.5"', None, Decimal("2.5")),
    Spelling('"85.34"', None, Decimal("85.34")),
    Spelling('"1e-1"', None, Decimal("0.1")),
    Spelling("1.2345678901234567e-5", None, Decimal("0.000012345678901235")),
    Spelling("5e-324", None, Decimal(0)),
    Spelling("true", boolean=True),
    Spelling("false", boolean=False),
    Spelling('"true"', boolean=True),
    Spelling('" False "', boolean=False),
    Spelling('"TRUE"', boolean=True),
    Spelling('"yes"'),
    Spelling('"many"'),
    Spelling('"19a"'),
    Spelling('"1 9"'),
    Spelling('"1,5"'),
    Spelling('"1_000"'),
    Spelling('".5"'),
    Spelling('"5."'),
    Spelling('"--5"'),
    Spelling('"0x10"'),
    Spelling('"NaN"'),
    Spelling("NaN"),
    Spelling('"Infinity"'),
    Spelling('"\u0663"'),
    Spelling('"null"'),
    Spelling('" "'),
    Spelling(r'"3\u0000"'),
    Spelling("[3]"),
    Spelling('{"a": 3}'),
)

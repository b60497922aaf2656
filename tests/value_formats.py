"""Notations of numbers and booleans within JSON documents, and the values that ingestion and models parse them as."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

__all__ = ["VALUE_FORMATS", "ValueFormat"]


class ValueFormat(NamedTuple):
    """A value as it is sent, and the parsed value by type; None if it is unreadable."""

    sent: str
    integer: int | None = None
    decimal: Decimal | None = None
    boolean: bool | None = None


def _whole(sent: str, value: int, boolean: bool | None = None) -> ValueFormat:
    return ValueFormat(sent, value, Decimal(value), boolean)


VALUE_FORMATS = (
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
    ValueFormat("1000000001", None, Decimal(10**9 + 1)),
    ValueFormat('"1000000000000000000"', None, Decimal(10**18)),
    ValueFormat('"1000000000000000001"'),
    ValueFormat("1e18", None, Decimal(10**18)),
    ValueFormat("1e300"),
    ValueFormat("1e400"),
    ValueFormat('"1e99"'),
    ValueFormat('"1e100"'),
    ValueFormat("2.5", None, Decimal("2.5")),
    ValueFormat('"2.5"', None, Decimal("2.5")),
    ValueFormat('"85.34"', None, Decimal("85.34")),
    ValueFormat('"1e-1"', None, Decimal("0.1")),
    ValueFormat("1.2345678901234567e-5", None, Decimal("0.000012345678901235")),
    ValueFormat("5e-324", None, Decimal(0)),
    ValueFormat("true", boolean=True),
    ValueFormat("false", boolean=False),
    ValueFormat('"true"', boolean=True),
    ValueFormat('" False "', boolean=False),
    ValueFormat('"TRUE"', boolean=True),
    ValueFormat('"yes"'),
    ValueFormat('"many"'),
    ValueFormat('"19a"'),
    ValueFormat('"1 9"'),
    ValueFormat('"1,5"'),
    ValueFormat('"1_000"'),
    ValueFormat('".5"'),
    ValueFormat('"5."'),
    ValueFormat('"--5"'),
    ValueFormat('"0x10"'),
    ValueFormat('"NaN"'),
    ValueFormat("NaN"),
    ValueFormat('"Infinity"'),
    ValueFormat('"\u0663"'),
    ValueFormat('"null"'),
    ValueFormat('" "'),
    ValueFormat(r'"3\u0000"'),
    ValueFormat("[3]"),
    ValueFormat('{"a": 3}'),
)

"""The encoding of a body follows Accept-Encoding, including weights."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.http.encodings import GZIP, IDENTITY, ZSTD, preferred_encoding


@pytest.mark.parametrize(
    ("accept_encoding", "encoding"),
    [
        (b"", IDENTITY),
        (b"identity", IDENTITY),
        (b"gzip", GZIP),
        (b"zstd", ZSTD),
        (b"gzip, deflate, br, zstd", ZSTD),
        (b"GZip", GZIP),
        (b"zstd;q=0.5, gzip;q=0.8", GZIP),
        (b"zstd;q=0.8, gzip;q=0.8", ZSTD),
        (b"zstd;q=0, gzip;q=0.1", GZIP),
        (b"gzip ; q = 0.000", IDENTITY),
        (b"gzip;q=0.5, identity", IDENTITY),
        (b"gzip;q=0.5, identity;q=0.2", GZIP),
        (b"*", ZSTD),
        (b"*;q=0", IDENTITY),
        (b"gzip, *;q=0", GZIP),
        (b"zstd;q=0, *", GZIP),
        (b"br, deflate", IDENTITY),
        (b"gzip;q=much", IDENTITY),
        (b"gzip;x=1", GZIP),
        (b"gzip;q=nan", IDENTITY),
    ],
)
def test_the_preferred_encoding_of_the_client_is_chosen(accept_encoding: bytes, encoding: int) -> None:
    assert preferred_encoding(accept_encoding) == encoding


@given(st.binary(max_size=60) | st.text("gzipstd;q=0.1,* identity", max_size=60).map(str.encode))
def test_any_header_yields_an_encoding_that_it_allows(accept_encoding: bytes) -> None:
    encoding = preferred_encoding(accept_encoding)
    assert encoding in (IDENTITY, GZIP, ZSTD)
    if b"*" not in accept_encoding:
        assert encoding != GZIP or b"gzip" in accept_encoding.lower()
        assert encoding != ZSTD or b"zstd" in accept_encoding.lower()

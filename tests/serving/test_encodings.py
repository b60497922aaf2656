"""The form of a body follows what the client takes, weights included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.http.encodings import GZIP, PLAIN, ZSTD, preferred


@pytest.mark.parametrize(
    ("accepted", "form"),
    [
        (b"", PLAIN),
        (b"identity", PLAIN),
        (b"gzip", GZIP),
        (b"zstd", ZSTD),
        (b"gzip, deflate, br, zstd", ZSTD),
        (b"GZip", GZIP),
        (b"zstd;q=0.5, gzip;q=0.8", GZIP),
        (b"zstd;q=0.8, gzip;q=0.8", ZSTD),
        (b"zstd;q=0, gzip;q=0.1", GZIP),
        (b"gzip ; q = 0.000", PLAIN),
        (b"gzip;q=0.5, identity", PLAIN),
        (b"gzip;q=0.5, identity;q=0.2", GZIP),
        (b"*", ZSTD),
        (b"*;q=0", PLAIN),
        (b"gzip, *;q=0", GZIP),
        (b"zstd;q=0, *", GZIP),
        (b"br, deflate", PLAIN),
        (b"gzip;q=much", PLAIN),
        (b"gzip;x=1", GZIP),
        (b"gzip;q=nan", PLAIN),
    ],
)
def test_the_form_that_a_client_likes_best_is_chosen(accepted: bytes, form: int) -> None:
    assert preferred(accepted) == form


@given(st.binary(max_size=60) | st.text("gzipstd;q=0.1,* identity", max_size=60).map(str.encode))
def test_whatever_a_client_sends_some_form_is_chosen_and_none_that_it_refuses(accepted: bytes) -> None:
    form = preferred(accepted)
    assert form in (PLAIN, GZIP, ZSTD)
    if b"*" not in accepted:
        assert form != GZIP or b"gzip" in accepted.lower()
        assert form != ZSTD or b"zstd" in accepted.lower()

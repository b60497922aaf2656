"""The published generation, and the script that announces it in Redis."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from warehouse.publication.generations import Generation

__all__ = ["POINTER_SCRIPT", "PublishedGeneration"]

POINTER_SCRIPT = """
local packed = redis.call('GET', KEYS[1])
if packed then
    local is_read, known = pcall(cjson.decode, packed)
    if is_read and type(known) == 'table'
        and (tonumber(known.generation) or 0) >= tonumber(ARGV[2])
        and (tonumber(known.moment) or 0) >= tonumber(ARGV[3])
    then
        return 0
    end
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""
"""Moves the pointer KEYS[1] to the generation ARGV[1] with number ARGV[2] and timestamp ARGV[3]; never back."""


@dataclass(frozen=True, slots=True)
class PublishedGeneration:
    """A published generation, with the fields that responses need.

    Args:
        generation: its number.
        as_of_date: anchor date of the rolling windows; None without any match.
        published_at: when it was promoted.
    """

    generation: int
    as_of_date: date | None
    published_at: datetime

    @classmethod
    def of(cls, generation: Generation) -> PublishedGeneration:
        """From the warehouse's record of a generation."""
        return cls(generation.generation, generation.as_of_date, generation.published_at)

    @classmethod
    def unpack(cls, packed: bytes) -> PublishedGeneration:
        """Decode the output of `pack`.

        Raises:
            msgspec.DecodeError: the bytes have another format.
        """
        return msgspec.json.decode(packed, type=cls)

    def pack(self) -> bytes:
        """Encode as JSON, for the pointer in Redis."""
        return msgspec.json.encode({**dataclasses.asdict(self), "moment": self.published_at_us})

    def is_after(self, other: PublishedGeneration | None) -> bool:
        """Whether it is newer: by number, or by time if the database was created again and counts from 1."""
        return other is None or self.generation > other.generation or self.published_at_us > other.published_at_us

    @property
    def published_at_us(self) -> int:
        """Time of the promotion in microseconds since 1970."""
        return int(self.published_at.timestamp() * 1_000_000)

    @property
    def token(self) -> str:
        """Identifies the generation, also between databases that each count from 1."""
        return f"{self.generation}-{self.published_at_us:x}"

"""Which generation is published, as this process knows it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from warehouse.publication.publication import Generation

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
"""Moves the pointer KEYS[1] to the publication ARGV[1] of number ARGV[2] and moment ARGV[3]; never back."""


@dataclass(frozen=True, slots=True)
class PublishedGeneration:
    """A publication, as far as answers need it.

    Args:
        generation: its number.
        as_of_date: the date that its windows hang on; None without any play.
        published_at: when readers began to see it.
    """

    generation: int
    as_of_date: date | None
    published_at: datetime

    @classmethod
    def of(cls, generation: Generation) -> PublishedGeneration:
        """From the warehouse's own record."""
        return cls(generation.generation, generation.as_of_date, generation.published_at)

    @classmethod
    def unpack(cls, packed: bytes) -> PublishedGeneration:
        """From what `pack` wrote.

        Raises:
            msgspec.DecodeError: somebody else wrote it.
        """
        return msgspec.json.decode(packed, type=cls)

    def pack(self) -> bytes:
        """As JSON, for the cache's pointer."""
        return msgspec.json.encode({**dataclasses.asdict(self), "moment": self.published_at_us})

    def is_after(self, other: PublishedGeneration | None) -> bool:
        """Whether it follows another: by number, or by time where a database was set up anew and counts from 1."""
        return other is None or self.generation > other.generation or self.published_at_us > other.published_at_us

    @property
    def published_at_us(self) -> int:
        """Microseconds since 1970 at which it was published."""
        return int(self.published_at.timestamp() * 1_000_000)

    @property
    def token(self) -> str:
        """Identifies the publication, also among databases that count from 1 each."""
        return f"{self.generation}-{self.published_at_us:x}"

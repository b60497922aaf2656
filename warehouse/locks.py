"""Advisory locks of the warehouse, in the order in which they are taken."""

from __future__ import annotations

__all__ = ["BUILD", "LOAD", "MIGRATE"]

#: Only one process changes roles, schemas and definitions at a time.
MIGRATE = 0x1ADDE2
#: Held alone by a build, shared by loads: while a build runs, batches land but wait to load.
BUILD = 0x1ADDE3
#: One load of a source at a time; the second half of the key is the source's hash.
LOAD = 0x1ADDE4

"""The simulated API of OpenDota over the world."""

from sandbox.opendota.app import ObservedRank, OpenDota

__all__ = ["ObservedRank", "OpenDota"]

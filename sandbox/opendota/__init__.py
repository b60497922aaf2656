"""OpenDota, as its API shows the world."""

from sandbox.opendota.app import ObservedRank, OpenDota

__all__ = ["ObservedRank", "OpenDota"]

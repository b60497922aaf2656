"""OpenDota, as its API shows the world."""

from sandbox.opendota.app import OpenDota

__all__ = ["OpenDota"]

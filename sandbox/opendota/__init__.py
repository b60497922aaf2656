"""OpenDota, as its API shows the world. Behaviour follows the contract in `docs/sources`."""

from sandbox.opendota.app import OpenDota

__all__ = ["OpenDota"]

"""FACEIT, as its API shows the world."""

from sandbox.faceit.app import Faceit, ObservedElo
from sandbox.faceit.limits import KEY, FaceitLimits
from sandbox.faceit.world import FaceitWorld

__all__ = ["KEY", "Faceit", "FaceitLimits", "FaceitWorld", "ObservedElo"]

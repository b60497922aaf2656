"""FACEIT, as its API shows the world.

Where neither contract nor recordings say how FACEIT behaves, this one does what asks most of a client: `from` and `to`
include their ends, histories are cut by start and statistics by end, the maps of a series share one end, histories
list cancelled matches, and byes as matches that a team `bye` without players has lost, and a match is listed as under
way until its result is known.
"""

from sandbox.faceit.app import Faceit, ObservedElo
from sandbox.faceit.rate_limits import KEY, FaceitLimits
from sandbox.faceit.world import FaceitWorld

__all__ = ["KEY", "Faceit", "FaceitLimits", "FaceitWorld", "ObservedElo"]

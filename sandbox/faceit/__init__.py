"""The simulated API of FACEIT over the world.

Where neither FACEIT's contract nor recordings define a behaviour, this one is the most demanding for a client: `from`
and `to` are inclusive, histories are bounded by start and statistics by end, the maps of a series share one end,
histories include cancelled matches, and byes as matches that a team `bye` without players has lost, and a match is
listed as in progress until its result is known.
"""

from sandbox.faceit.app import Faceit, ObservedElo
from sandbox.faceit.rate_limits import KEY, FaceitLimits
from sandbox.faceit.world import FaceitWorld

__all__ = ["KEY", "Faceit", "FaceitLimits", "FaceitWorld", "ObservedElo"]

"""OpenDota's staging tables: dependencies between its streams, and schedules."""

from ingestion.sources.opendota.connector import CONNECTOR
from orchestration.assets.staging import StagingAssets, SyncJob

__all__ = ["STAGING"]

STAGING = StagingAssets(
    CONNECTOR,
    depends_on={
        "player_matches": ("players",),
        "player_ratings": ("player_matches",),
        "player_heroes": ("player_matches",),
        "player_totals": ("player_matches", "player_heroes"),
        "team_matches": ("teams",),
        "league_matches": ("leagues",),
        "matches": ("player_matches", "pro_matches", "team_matches", "league_matches"),
    },
    jobs=(
        SyncJob(
            "profiles",
            "Profiles and ranks of tracked players.",
            "profiles_every_30_minutes",
            "0,30 * * * *",
            ("players",),
        ),
        SyncJob(
            "player_matches",
            "Matches of tracked players, and details of the newest; OpenDota's own totals.",
            "player_matches_every_30_minutes",
            "5,35 * * * *",
            ("player_matches", "player_ratings", "player_heroes", "player_totals", "matches"),
        ),
        SyncJob(
            "scene",
            "Professional and public matches, matches of tracked teams and leagues.",
            "scene_hourly",
            "20 * * * *",
            ("pro_matches", "public_matches", "team_matches", "league_matches"),
        ),
        SyncJob(
            "constants",
            "Constants, hero statistics, teams and leagues.",
            "constants_daily",
            "10 3 * * *",
            ("constants", "hero_stats", "teams", "leagues"),
        ),
    ),
)

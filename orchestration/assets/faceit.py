"""FACEIT's staging tables: dependencies between its streams, and schedules."""

from ingestion.sources.faceit.connector import CONNECTOR
from orchestration.assets.staging import StagingAssets, SyncJob

__all__ = ["STAGING"]

STAGING = StagingAssets(
    CONNECTOR,
    depends_on={
        "history_matches": ("players",),
        "player_match_stats": ("history_matches",),
        "player_stats": ("history_matches",),
        "matches": ("history_matches",),
        "match_rounds": ("history_matches", "matches", "hubs", "championships"),
    },
    jobs=(
        SyncJob(
            "faceit_profiles",
            "Profiles and elo of tracked players.",
            "faceit_profiles_every_30_minutes",
            "10,40 * * * *",
            ("players",),
        ),
        SyncJob(
            "faceit_histories",
            "Matches of tracked players, with statistics and details of the newest; their bans.",
            "faceit_histories_every_30_minutes",
            "15,45 * * * *",
            ("history_matches", "player_match_stats", "player_stats", "player_bans", "matches", "match_rounds"),
        ),
        SyncJob(
            "faceit_competitions",
            "Rankings; tracked hubs and championships.",
            "faceit_competitions_hourly",
            "25 * * * *",
            ("rankings", "hubs", "championships", "hub_members"),
        ),
    ),
)

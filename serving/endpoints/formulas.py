"""SQL formulas of the marts, rendered from dbt macros. `make contracts` writes this; do not edit."""

# ruff: noqa: E501
# fmt: off
__all__ = ["FORMULAS"]

FORMULAS = {
    "win_rate": "cast(round(cast(wins as numeric) / nullif(matches, 0), 6) as numeric(8, 6))",
    "win_rate_low": "cast( round( ( wins + 1.9208 - 1.96 * sqrt( cast(wins as numeric) * (matches - wins) / nullif(matches, 0) + 0.9604 ) ) / (matches + 3.8416), 6 ) as numeric(7, 6) )",
    "win_rate_high": "cast( round( ( wins + 1.9208 + 1.96 * sqrt( cast(wins as numeric) * (matches - wins) / nullif(matches, 0) + 0.9604 ) ) / (matches + 3.8416), 6 ) as numeric(7, 6) )",
    "share_of_picks": "cast(round(cast(picks as numeric) / nullif(all_picks, 0), 6) as numeric(8, 6))",
}

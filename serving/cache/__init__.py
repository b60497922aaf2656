"""Cached answers: keys, tiers, publication, warm-up."""

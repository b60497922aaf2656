"""Generations: plan, promote, check, and the feed of changes."""

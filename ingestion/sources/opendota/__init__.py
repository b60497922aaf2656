"""OpenDota: public and professional Dota 2 matches."""

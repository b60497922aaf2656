"""Publication of the marts: plan builds, promote a colour, check published marts, and trim the change feed."""

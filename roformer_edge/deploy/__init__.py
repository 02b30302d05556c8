"""From a checkpoint to a validated bundle in one call."""

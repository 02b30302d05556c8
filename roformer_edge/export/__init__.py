"""From canonical arrays to the graphs that engines run."""

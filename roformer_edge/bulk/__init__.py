"""Jobs on more than one machine: shards, the folder of their answers, comparisons, and Ray, which computes them."""

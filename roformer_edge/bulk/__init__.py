"""Jobs of many files on more than one machine: shards, the folder of their answers, and Ray, which computes them."""

"""What a deployment does where nothing else is asked for: on the command line and in Python alike."""

# a key of ``quantize.recipe.RECIPES``
RECIPE = "int8-dynamic"
# What is tried for a machine, keys of ``quantize.recipe.RECIPES``: the others make files smaller and nothing quicker.
TRIED_RECIPES = ("int8-dynamic", "int8-attention", "int8-static", "fp32")
# Tokens that models are timed on for a machine where there are no texts: as many requests of each.
TIMED_LENGTHS = (16, 64, 128)
# a key of ``quantize.observers.OBSERVERS``, for recipes whose ranges are calibrated
OBSERVER = "percentile"
# the most texts (or pairs) that are looked at in calibration
CALIBRATION_TEXTS = 512

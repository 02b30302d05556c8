"""What a deployment does where nothing else is asked for: on the command line and in Python alike."""

# a key of ``quantize.recipe.RECIPES``
RECIPE = "int8-dynamic"
# a key of ``quantize.observers.OBSERVERS``, for recipes whose ranges are calibrated
OBSERVER = "percentile"
# the most texts (or pairs) that are looked at in calibration
CALIBRATION_TEXTS = 512

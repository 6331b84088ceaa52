"""The functions. Each starts with imports, which make 150,000 objects and no garbage."""

import gc

gc.set_threshold(200_000)  # collecting in the midst of imports is a sixth of a cold start

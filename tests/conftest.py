"""Settings for all tests: hypothesis draws the same examples each time, and no test has a clock."""

from hypothesis import settings

settings.register_profile("tinynet", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("tinynet")

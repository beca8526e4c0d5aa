"""How long and how hard Hypothesis looks: no time limits, since a slow machine is not a wrong answer."""

import os

from hypothesis import HealthCheck, settings

# The same examples in each run; RANDOM_TESTS=1 looks for what nobody has thought of.
settings.register_profile(
    "core",
    deadline=None,
    derandomize="RANDOM_TESTS" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("core")

"""How long and how hard Hypothesis looks: no time limits, since a slow machine is not a wrong answer."""

from hypothesis import HealthCheck, settings

settings.register_profile("core", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("core")

"""What every test shares: Hypothesis draws the same examples in every run, unless asked otherwise."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadline: one slow example (Argon2id, a cold cache, a busy machine) is no failure.
_SLOW_IS_FINE = [HealthCheck.too_slow]
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile("explore", max_examples=2_000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

"""What every test shares: Hypothesis draws the same examples in every run, unless asked otherwise; and signals do
what they do at a terminal, also where the tests were started by `nohup` or in the background, which ignores some.
"""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# No deadline: one slow example (Argon2id, a cold cache, a busy machine) is no failure.
_SLOW_IS_FINE = [HealthCheck.too_slow]
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile("explore", max_examples=2_000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

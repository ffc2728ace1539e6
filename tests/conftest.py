"""What every test shares: Hypothesis draws the same examples in every run, unless asked otherwise; and signals do
what they do at a terminal, also where the tests were started by `nohup` or in the background, which ignores some.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile

from hypothesis import HealthCheck, settings

# No deadline: one slow example (Argon2id, a cold cache, a busy machine) is no failure.
_SLOW_IS_FINE = [HealthCheck.too_slow]
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile("explore", max_examples=2_000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# No test reads the configuration of whoever runs it, nor writes to its state.
_HOME = tempfile.mkdtemp(prefix="tera-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)
for _name in ("TERA_STATE", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
    os.environ[_name] = os.path.join(_HOME, _name)
os.environ.pop("TERA_CONFIG", None)

signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

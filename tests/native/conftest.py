"""How hard hypothesis tries: a little at the desk, a lot where FORTEPIANO_HYPOTHESIS=slow."""

import os

from hypothesis import HealthCheck, settings

# A shared machine is slow now and then, which says nothing about the code.
_patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", _patient, max_examples=50)
settings.register_profile("slow", _patient, max_examples=2000)
settings.load_profile(os.environ.get("FORTEPIANO_HYPOTHESIS", "fast"))

"""Property tests on shared machines: how long one example takes says nothing."""

from hypothesis import settings

settings.register_profile("filegate", deadline=None)
settings.load_profile("filegate")

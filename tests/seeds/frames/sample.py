"""Run a Python sample with what the seeds' samples presume: a folder called `media`."""

import os
import runpy
import sys
from pathlib import Path

runpy.run_path(sys.argv[1], init_globals={"media": Path(os.environ["SEEDS_MEDIA"])})

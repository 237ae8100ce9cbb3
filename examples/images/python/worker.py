"""A worker without a port: it touches a file at every turn of its loop."""

import signal
import sys
import time
from pathlib import Path

# As process 1 it gets no signal that it does not ask for.
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
while True:
    Path("/tmp/heartbeat").touch()
    time.sleep(2)

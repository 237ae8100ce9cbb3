"""The integration tests once more, under strace: whatever the executable is asked, it starts threads at most.

What the tests themselves find is judged elsewhere: some measure what strace changes. They only have to have run.
"""

import fcntl
import os
import re
import shlex
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import measure

CALLS = "execve,execveat,fork,vfork,clone,clone3"

# Without those that need hours under strace: the faults alone are thousands of runs.
LONG = ["faults::", "tls::the_matrix", "tls::each_handshake", "services::mysql::", "services::postgres::"]
TESTS = ["--test", "it", "--", *(word for name in LONG for word in ("--skip", name))]


def wrapper(folder, exe):
    """An executable that runs `exe` under strace, a log each, as its caller's own child."""
    path = Path(folder, "traced")
    # A test that traces by itself keeps doing so: nobody is traced twice.
    path.write_text(f"""#!/bin/sh
        grep -q '^TracerPid:.0$' /proc/self/status || exec {shlex.quote(str(exe))} "$@"
        exec strace -DDD -f --seccomp-bpf -qq -e signal=none -e trace={CALLS} -o {folder}/$$.log {shlex.quote(str(exe))} "$@"
    """)  # fmt: skip
    path.chmod(0o755)
    return path


# A call of the family that is made for no thread. Of a thread that is killed on its way into a call, strace writes `???(` or
# a number: that call was not made.
STARTS = re.compile(rf"\b({CALLS.replace(',', '|')})\((?!.*CLONE_THREAD)")


def runs(folder):
    """Of each run, the calls of that family that were not its own start or a thread's."""
    logs = [path.read_text().splitlines() for path in sorted(Path(folder).glob("*.log"))]
    return [[line for line in log[1:] if STARTS.search(line)] for log in logs if log]


class Calls(unittest.TestCase):
    def setUp(self):
        measure.need("strace")
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        # Tests run it as other users too.
        os.chmod(self.folder, 0o777)

    def settled(self):
        """The runs, once the tracers of the last ones have written all."""
        before = None
        while (now := runs(self.folder)) != before:
            before = now
            time.sleep(0.5)
        return now

    def test_the_check_sees_a_program_that_starts_another(self):
        build = [measure.ROOT / "scripts/build-server", "tests/docker/part.rs"]
        part = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        subprocess.run([wrapper(self.folder, part), "exec"], check=True)
        [calls] = self.settled()
        self.assertTrue(any("exec" in call for call in calls), calls)

    def test_no_run_of_the_integration_tests_starts_a_process(self):
        exe = measure.build(os.uname().machine, "default")
        env = os.environ | {"HEALTHCHECK_BIN": str(wrapper(self.folder, exe))}
        tests = ["cargo", "test", "--locked", "--quiet", "--no-fail-fast", *TESTS]
        # One run of them at a time, as in `make integration`.
        with open(measure.ROOT / "target/it.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            subprocess.run(tests, cwd=measure.ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=900)
        found = self.settled()
        self.assertGreater(len(found), 500)
        self.assertEqual([calls for calls in found if calls], [])

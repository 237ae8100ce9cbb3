"""What Docker's health state says: status, exit code and output, for each kind of verdict."""

import subprocess
import time
import unittest
from datetime import datetime

import engine
from engine import Container, base, docker, healthcheck, image

SERVER = ("ENV PORT=8080", 'CMD ["/demo-server"]')
URL = "http://localhost:${PORT}"


def setUpModule():
    base()


def seconds(entry):
    """How long Docker says that the probe took; it writes nanoseconds, which Python does not read."""
    start, end = (datetime.fromisoformat(entry[key][:23]) for key in ("Start", "End"))
    return (end - start).total_seconds()


class Verdicts(unittest.TestCase):
    maxDiff = None

    def probe(self, *args, status, code, flavour="default", options=(), **timing):
        """A container whose HEALTHCHECK is these arguments becomes `status`; what its probe printed."""
        made = image(*SERVER, healthcheck(*args, **timing), flavour=flavour)
        with Container(made, options=options) as container:
            entry = container.until(status)
            self.assertEqual(entry["ExitCode"], code, entry)
            return entry

    def test_healthy_with_the_port_from_a_variable(self):
        entry = self.probe(f"{URL}/healthz", status="healthy", code=0)
        self.assertRegex(entry["Output"], r"\Ahealthy: http://localhost:(8080|\$\{PORT\})/healthz: 200 OK in \d+ ms\n\Z")

    def test_healthy_without_tls_in_the_executable(self):
        entry = self.probe(f"{URL}/healthz", status="healthy", code=0, flavour="plain")
        self.assertIn(": 200 OK in ", entry["Output"])

    def test_a_variable_of_docker_run_counts(self):
        entry = self.probe(f"{URL}/healthz", status="healthy", code=0, options=["-e", "PORT=9090"])
        self.assertIn(": 200 OK in ", entry["Output"])

    def test_a_variable_that_is_not_set_is_named(self):
        entry = self.probe("http://localhost:${NO_PORT}/healthz", status="unhealthy", code=1)
        self.assertRegex(entry["Output"], r"\Ahealthcheck: .*NO_PORT.*\n\Z")

    def test_a_rejected_status_shows_the_body(self):
        made = image(*SERVER, healthcheck(f"{URL}/healthz"))
        with Container(made) as container:
            self.assertEqual(container.until("healthy")["ExitCode"], 0)
            self.assertEqual(container.exec("/healthcheck", "-X", "POST", "http://localhost:8080/sick").returncode, 0)
            entry = container.until("unhealthy")
            self.assertEqual(entry["ExitCode"], 1)
            self.assertRegex(entry["Output"], r'\Aunhealthy: \S+: status 503, want 200-399: \{"db":"timeout"\}(\\n)?\n\Z')
            container.exec("/healthcheck", "-X", "POST", "http://localhost:8080/well")
            self.assertEqual(container.until("healthy")["ExitCode"], 0)

    def test_a_refused_connection_names_the_address(self):
        entry = self.probe("http://localhost:9/", status="unhealthy", code=1)
        self.assertRegex(
            entry["Output"],
            r"\Aunhealthy: http://localhost:9/: connecting to .*127\.0\.0\.1:9.*: Connection refused \(os error 111\).*\n\Z",
        )

    def test_a_server_that_never_answers_meets_our_timeout(self):
        entry = self.probe("--timeout", "1s", f"{URL}/hang", status="unhealthy", code=1)
        self.assertRegex(entry["Output"], r"\Aunhealthy: \S+/hang: timed out after 1 s while reading from 127\.0\.0\.1:8080: no byte of an answer came\n\Z")
        self.assertLess(seconds(entry), 10)

    def test_docker_timeout_first_and_the_log_still_says_what_was_waited_for(self):
        made = image(*SERVER, healthcheck("--timeout", "30s", f"{URL}/hang", timeout="3s"))
        with Container(made) as container:
            # What Docker reads of the probe before it kills it.
            probe = subprocess.Popen([engine.CLIENT, "exec", container.name, "/healthcheck", "--timeout", "5s", "http://localhost:8080/hang"],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
            waiting = r"waiting: \S+/hang: reading from 127\.0\.0\.1:8080\n"
            self.assertRegex(probe.stdout.readline(), rf"\A{waiting}\Z")
            said = time.monotonic()
            entry = container.until("unhealthy")
            self.assertEqual(entry["ExitCode"], -1, entry)
            # Older engines (20.10 among them) throw away what a probe wrote that they had to kill.
            self.assertRegex(entry["Output"], rf"\AHealth check exceeded timeout \(3s\)(: {waiting})?\Z")
            self.assertRegex(probe.communicate(timeout=30)[0], r"\Aunhealthy: \S+/hang: timed out after 5 s while reading from 127\.0\.0\.1:8080: no byte of an answer came\n\Z")
            # It had said so long before it gave up.
            self.assertGreater(time.monotonic() - said, 2)

    def test_a_probe_killed_by_docker_leaves_no_process(self):
        made = image(*SERVER, healthcheck("--timeout", "30s", f"{URL}/hang", timeout="1s"))
        with Container(made) as container:
            container.until("unhealthy")
            # The server, and at most the probe that was started since; one that was killed does not stay, as a zombie or else.
            end = time.monotonic() + 10
            while True:
                states = docker("top", container.name, "-eo", "pid,stat,args").stdout.splitlines()[1:]
                left = [line for line in states if " Z" in line or "<defunct>" in line] + states[2:]
                if not left or time.monotonic() > end:
                    break
                time.sleep(0.1)
            self.assertEqual(left, [], states)

    def test_arguments_from_the_environment(self):
        made = image(*SERVER, healthcheck())
        for args, status, part in [
            ("http://localhost:${PORT}/healthz --expect '\"status\":\"ok\"'", "healthy", "200 OK"),
            ("tcp://:9", "unhealthy", "Connection refused"),
        ]:
            with self.subTest(args), Container(made, options=["-e", f"HEALTHCHECK_ARGS={args}"]) as container:
                entry = container.until(status)
                self.assertEqual(entry["ExitCode"], int(status == "unhealthy"))
                self.assertIn(part, entry["Output"])

    def test_health_cmd_wants_a_shell(self):
        options = ["--health-cmd", "/healthcheck http://localhost:8080/healthz", "--health-interval", "500ms", "--health-retries", "1"]
        with Container(base(), "/demo-server", options=options) as container:
            entry = container.until("unhealthy")
            self.assertEqual(container.inspect()["Config"]["Healthcheck"]["Test"][0], "CMD-SHELL")
            self.assertIn("/bin/sh", entry["Output"])

    def test_docker_events_show_arguments_and_no_secret_of_a_variable(self):
        made = image(*SERVER, healthcheck(f"{URL}/healthz", "-H", "A: typed", "-H", "B: ${TOKEN}"))
        started = time.time()
        with Container(made, options=["-e", "TOKEN=s3cret"]) as container:
            container.until("healthy")
            events = docker("events", "--since", started, "--until", time.time(), "--filter", f"container={container.name}", "--format", "{{.Action}}").stdout
        self.assertIn("exec_create: /healthcheck ", events)
        self.assertIn("A: typed", events)
        self.assertIn("B: ${TOKEN}", events)
        self.assertNotIn("s3cret", events)

    def test_no_arguments_at_all_is_a_usage_error(self):
        entry = self.probe(status="unhealthy", code=1)
        self.assertRegex(entry["Output"], r"\Ahealthcheck: .+\n\Z")

    def test_several_checks_print_a_line_each(self):
        entry = self.probe(f"{URL}/healthz", "tcp://:${PORT}", "tcp://:9", status="unhealthy", code=1)
        lines = entry["Output"].splitlines()
        self.assertEqual([line.split(": ")[0] for line in lines], ["unhealthy", "healthy", "healthy"], lines)
        entry = self.probe("--any", f"{URL}/healthz", "tcp://:9", status="healthy", code=0)
        self.assertEqual(len(entry["Output"].splitlines()), 2, entry)

    def test_64_checks_at_once_fit_into_8_mib(self):
        with Container(image(*SERVER)) as container:
            container.ready("http://localhost:8080/healthz")
            done = container.exec("/healthcheck", *["http://localhost:8080/healthz"] * 64)
            self.assertEqual((done.returncode, done.stdout.count("healthy: "), done.stderr), (0, 64, ""), done.stdout)

    def test_docker_keeps_4096_bytes(self):
        # What --verbose says comes first, and is more than that.
        entry = self.probe(*[f"{URL}/healthz"] * 40, "-v", status="healthy", code=0)
        self.assertEqual((len(entry["Output"]), entry["Output"][-3:]), (4096 + 3, "..."))

    def test_json_in_the_log(self):
        entry = self.probe("-o", "json", f"{URL}/none", status="unhealthy", code=1)
        self.assertRegex(entry["Output"], r'\A\{"healthy":false,"elapsed_ms":\d+,"checks":\[\{.*"kind":"http".*\}\]\}\n\Z')


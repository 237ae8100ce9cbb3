"""Runs suites of unittest and prints what cargo's test executables print: a line per test, a closing line per suite."""

import importlib
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor


def main(group, suites, wanted, at_once):
    """Runs the suites named in `wanted` (`SUITE` or `SUITE.TEST`), else all; those of a tuple at the same time. The exit code."""
    steps = [suite if isinstance(suite, tuple) else (suite,) for suite in suites]
    known = [suite for step in steps for suite in step]

    def one(name):
        suite, _, test = name.partition(".")
        if suite not in known:
            sys.exit(f"suite {suite}: one of {', '.join(known)} is wanted")
        module = importlib.import_module(f"suite_{suite}")
        return run(f"{group}::{suite}", module, test, getattr(module, "AT_ONCE", at_once))

    failed = 0
    for step in [(name,) for name in wanted] or steps:
        with ThreadPoolExecutor(len(step)) as pool:
            failed += sum(pool.map(one, step))
    return 1 if failed else 0


def run(name, module, only, at_once):
    """Runs one suite; the number of failures."""
    loader = unittest.TestLoader()
    loader.testMethodPrefix = f"test_{only}"
    tests = [test for group in loader.loadTestsFromModule(module) for test in group]
    started = time.monotonic()
    # What all need is made once, before they run at the same time.
    getattr(module, "prepare", lambda: None)()
    lock = threading.Lock()
    counts = {"ok": 0, "FAILED": 0, "ignored": 0}

    def one(test):
        result = unittest.TestResult()
        test.run(result)
        wrong = result.errors + result.failures
        outcome = "FAILED" if wrong else "ignored" if result.skipped else "ok"
        with lock:
            counts[outcome] += 1
            reason = f", {result.skipped[0][1]}" if result.skipped else ""
            print(f"test {name}::{test.id().rpartition('.test_')[2]} ... {outcome}{reason}", flush=True)
            for _, trace in wrong:
                print(trace, flush=True)

    print(f"\nrunning {len(tests)} tests", flush=True)
    try:
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(one, tests))
    finally:
        getattr(module, "finish", lambda: None)()
    verdict = "FAILED" if counts["FAILED"] or not tests else "ok"
    print(f"\ntest result: {verdict}. {counts['ok']} passed; {counts['FAILED']} failed; {counts['ignored']} ignored; "
          f"finished in {time.monotonic() - started:.2f}s", flush=True)  # fmt: skip
    return counts["FAILED"] + (not tests)

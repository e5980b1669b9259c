"""Runs the end-to-end suites and writes {"passed", "failed", "skipped", "reasons"} to the file of --summary."""
import argparse
import concurrent.futures
import faulthandler
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# Of the fault matrix what needs no brokers.
FAULTS = HERE.parent / "Faults"
sys.path[:0] = [str(HERE), str(FAULTS)]
# Nothing runs beside these: a lone broker that is killed again and again comes back badly where processors are short.
ALONE = ("test_membership", "test_kill")
# What takes longest begins first.
LONG = ["test_refusals.Refusals", "test_postgres.Outage", "test_verify.Verify", "test_trouble.Trouble", "test_bench.Bench", "test_operations.Operations",
        "test_compose.Started"]


class Result(unittest.TextTestResult):
    """Counts what passed, and prints how long it took."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.passed = 0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def addSuccess(self, test):
        self.stream.write(f"{time.monotonic() - self.started:.0f} s ")
        super().addSuccess(test)
        self.passed += 1


def suite_names(tests):
    """The classes of a test suite, in its order, as `module.Class`."""
    names = []
    for test in tests:
        if isinstance(test, unittest.TestSuite):
            found = suite_names(test)
        elif isinstance(test, unittest.loader._FailedTest):
            # A module that cannot be loaded: its own process tells why.
            found = [test._testMethodName]
        else:
            found = [f"{type(test).__module__}.{type(test).__qualname__}"]
        names += [name for name in found if name not in names]
    return names


def in_turn(names, jobs):
    """Runs each class, or what else is named, in a process of its own, `jobs` of them at a time, and shows what each wrote when it has ended.
    The sum of their results.

    Most tests wait: for sessions, timeouts, brokers. The longest come first.
    """
    names.sort(key=lambda name: LONG.index(name) if name in LONG else len(LONG))
    total = {"passed": 0, "failed": 0, "skipped": 0, "reasons": []}
    lock = threading.Lock()

    def run(name):
        with tempfile.TemporaryDirectory(prefix="tripline-suite-") as folder:
            summary, output = pathlib.Path(folder) / "summary.json", pathlib.Path(folder) / "output"
            with open(output, "wb") as file:
                child = subprocess.Popen([sys.executable, __file__, "--summary", str(summary), name], stdout=file, stderr=file)
                children.add(child)
                wait(child)
                children.discard(child)
            with lock:
                print(f"== {name}\n{output.read_text(errors='replace')}", file=sys.stderr, flush=True)
                if not summary.exists():
                    print(f"{name} ended with {child.returncode} before its summary", file=sys.stderr, flush=True)
                    total["failed"] += 1
                    return
                for key, value in json.loads(summary.read_text()).items():
                    total[key] += value

    children = set()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            alone = [name for name in names if name.split(".")[0] in ALONE]
            for name in alone:
                pool.submit(run, name).result()
            for one in [pool.submit(run, name) for name in names if name not in alone]:
                one.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in list(children):
                child.terminate()
    return {**total, "reasons": sorted(set(total["reasons"]))}


def wait(child):
    """One that hangs shows where, and ends."""
    try:
        child.wait(1_200)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGUSR1)
        time.sleep(1)
        child.terminate()
        child.wait()


def here(tests):
    result = unittest.TextTestRunner(resultclass=Result, verbosity=2).run(tests)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped) + len(result.expectedFailures)
    return {"passed": result.passed, "failed": failed, "skipped": skipped, "reasons": sorted({reason for _, reason in result.skipped})}


def main():
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # A terminated run cleans up like an interrupted one: brokers and services are children of this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary")
    parser.add_argument("--jobs", type=int, default=1, help="so many classes at a time, each in a process of its own")
    parser.add_argument("suites", nargs="*", help="test_kill, test_kill.Kill, …")
    arguments = parser.parse_args()
    loader = unittest.TestLoader()
    if arguments.suites:
        tests = loader.loadTestsFromNames(arguments.suites)
    else:
        tests = unittest.TestSuite(loader.discover(str(folder), top_level_dir=str(folder)) for folder in (HERE, FAULTS))
    began = time.monotonic()
    result = in_turn(arguments.suites or suite_names(tests), arguments.jobs) if arguments.jobs > 1 else here(tests)
    if arguments.jobs > 1:
        print(f"{arguments.jobs} at a time in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    if arguments.summary:
        with open(arguments.summary, "w", encoding="utf-8") as file:
            json.dump(result, file)
    return 1 if result["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())

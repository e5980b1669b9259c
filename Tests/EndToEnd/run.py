"""Runs the end-to-end suites and writes {"passed", "failed", "skipped", "reasons"} to the file of --summary."""
import argparse
import faulthandler
import json
import pathlib
import signal
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
# Of the fault matrix what needs no brokers.
FAULTS = HERE.parent / "Faults"
sys.path[:0] = [str(HERE), str(FAULTS)]


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


def main():
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    # A terminated run cleans up like an interrupted one: brokers and services are children of this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--summary")
    parser.add_argument("suites", nargs="*", help="test_kill, test_kill.KillTest, …")
    arguments = parser.parse_args()
    loader = unittest.TestLoader()
    if arguments.suites:
        tests = loader.loadTestsFromNames(arguments.suites)
    else:
        tests = unittest.TestSuite(loader.discover(str(folder), top_level_dir=str(folder)) for folder in (HERE, FAULTS))
    result = unittest.TextTestRunner(resultclass=Result, verbosity=2).run(tests)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped) + len(result.expectedFailures)
    if arguments.summary:
        with open(arguments.summary, "w", encoding="utf-8") as file:
            json.dump({"passed": result.passed, "failed": failed, "skipped": skipped, "reasons": sorted({reason for _, reason in result.skipped})}, file)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

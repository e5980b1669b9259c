"""`tripline bench` measures the service beside a bare loop, and leaves nothing behind."""
import json
import subprocess

from harness import BINARY, ENVIRONMENT, ROOT, EndToEnd, Group, wait_until


class Bench(EndToEnd):
    needs = ("kafka", "redis")

    def bench(self, *words):
        done = subprocess.run([BINARY, "bench", *words], capture_output=True, text=True, timeout=180, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_backlog_and_live(self):
        report, = self.bench(
            "--set", f"kafka.bootstrap_servers={self.kafka.servers}", "--set", f"redis.url={self.redis.url}", "--payments", "300000", "--accounts", "2000",
            "--runs", "1", "--rate", "2000", "--for", "3s", "-o", "json")
        run, = report["runs"]
        self.assertEqual(run["bare_loop"]["payments"] >= 300000, True)
        self.assertGreater(run["backlog"]["payments"], 0)
        self.assertGreater(run["backlog"]["peak_bytes"], 1 << 20)
        self.assertGreater(run["live"]["sent"], 3000)
        for live in (run["live"], run["bare_live"]):
            self.assertGreater(live["alerts"], 0)
            self.assertEqual([0 <= live[stage]["p50"] <= live[stage]["p99"] for stage in ("latency_ms", "until_written_ms", "until_read_ms")], [True] * 3)
            self.assertGreaterEqual(len(live["seconds"]), 3)
        self.assertGreater(run["checkpoints"], 0)
        self.assertGreater(len(self.redis.call("KEYS", "tripline:tripline-bench-*:risk")), 0)
        self.assertEqual([name for name in self.kafka.admin.list_topics(timeout=10).topics if name.startswith("tripline-bench")], [])

    def test_state(self):
        report, = self.bench("--state", "--accounts", "50000", "-o", "json")
        self.assertEqual(report["accounts"], 50000)
        # Compressed: an account with one window is some 9 bytes.
        self.assertGreater(report["checkpoint_bytes"], 50000 * 4)


class Backlog(EndToEnd):
    """A stop while records are still being fetched."""

    def test_a_stop_in_the_middle_of_a_backlog_ends_well(self):
        self.kafka.create("backlog")
        # Tombstones: read and counted, nothing else.
        self.produce(((str(number), None, 1_764_000_000_000) for number in range(300_000)), "backlog")
        done = subprocess.run(
            [BINARY, "bench", "--bare", "backlog", "--payments", "20000", "--set", f"kafka.bootstrap_servers={self.kafka.servers}"],
            capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 0, done.stderr)
        service = Group(self.kafka, "backlog", self.folder, ROOT / "rules", topic="backlog").create_outputs().service("a").start()
        self.addCleanup(service.kill)
        wait_until(lambda: any(one.get("next", 0) > 0 for one in (service.status() or {}).get("partitions", [])), "it reads")
        self.assertEqual(service.terminate(), 0, service.tail())

"""The whole service without Kafka: `tripline demo` on librdkafka's mock cluster."""
import json
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

import alerts
from harness import BINARY, ENVIRONMENT, ROOT, free_port


class Embedded(unittest.TestCase):
    def demo(self, *arguments):
        return subprocess.Popen(
            [BINARY, "demo", *arguments], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, process):
        out, notes = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, notes)
        return out.splitlines(), notes

    def test_generated_payments_become_alerts_and_scores(self):
        port = free_port()
        process = self.demo("--rate", "1000", "--for", "8s", "--listen", f"127.0.0.1:{port}", "-o", "json")
        line = process.stdout.readline()
        first = alerts.check_body(line.rstrip("\n"))
        if shutil.which("redis-server"):
            address = f"http://127.0.0.1:{port}/v1/accounts/{first['account_id']}/risk"
            with urllib.request.urlopen(address, timeout=5) as answer:
                self.assertEqual(json.loads(answer.read())["account_id"], first["account_id"])
        lines, notes = self.finish(process)
        for line in lines[:-1]:
            alerts.check_body(line)
        summary = json.loads(lines[-1])["summary"]
        self.assertEqual(summary["read"], summary["sent"])
        self.assertEqual(summary["outcomes"]["folded"], summary["read"])
        self.assertEqual(summary["alerts"], len(lines))
        self.assertGreater(summary["alerts"], 0)
        self.assertIsNotNone(summary["latency_ms"]["p99"])
        self.assertIn("keeps nothing and settles no offsets", notes)
        print(f"demo: {summary}", flush=True)

    def test_given_payments_are_read_to_the_end(self):
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
            for number in range(500):
                payment = {"payment_id": f"p{number}", "account_id": f"a{number % 10}", "amount": 100, "currency": "EUR",
                           "occurred_at": f"2026-01-01T00:{number // 60:02d}:{number % 60:02d}Z"}
                file.write(json.dumps(payment) + "\n")
            file.flush()
            lines, _ = self.finish(self.demo("--payments", file.name, "--listen", f"127.0.0.1:{free_port()}"))
        text = "\n".join(lines)
        self.assertRegex(text, r"payments  500 read")
        self.assertTrue(re.search(r"high_velocity \d+", text), text)

    def test_a_file_that_holds_no_payments_is_refused_with_its_line(self):
        with tempfile.NamedTemporaryFile("w", suffix=".ndjson") as file:
            file.write('{"account_id":"a"}\nnonsense\n')
            file.flush()
            process = self.demo("--payments", file.name)
            _, notes = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 2)
        self.assertIn(":2: ", notes)

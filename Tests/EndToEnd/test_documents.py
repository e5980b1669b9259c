"""Files for other programs, checked by those programs where they are installed."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import ROOT

# Series of a bad quarter of an hour, and the alerts that must fire at its end; nothing may fire where all is well.
TROUBLE = """
rule_files: [{rules}]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {{series: 'tripline_partition_state{{partition="0",state="refused"}}', values: '1x20'}}
      - {{series: 'tripline_partition_lag_records{{partition="0"}}', values: '20000+1000x20'}}
      - {{series: 'tripline_records_total{{outcome="folded"}}', values: '5x20'}}
      - {{series: 'tripline_rule_errors_total{{rule="r"}}', values: '0+1x20'}}
      - {{series: 'tripline_partition_unstable_records{{partition="0"}}', values: '7x20'}}
    alert_rule_test:
      - {{eval_time: 20m, alertname: TriplinePartitionRefused, exp_alerts: [{{exp_labels: {{severity: page, partition: "0"}}, exp_annotations: {{summary:
          "Partition 0 is refused; /status names the cure."}}}}]}}
      - {{eval_time: 20m, alertname: TriplineNotReading, exp_alerts: [{{exp_labels: {{severity: page}}, exp_annotations: {{summary:
          "Payments wait and none is read."}}}}]}}
      - {{eval_time: 20m, alertname: TriplineLagGrows, exp_alerts: [{{exp_labels: {{severity: ticket, partition: "0"}}, exp_annotations: {{summary:
          "Partition 0 falls behind."}}}}]}}
      - {{eval_time: 20m, alertname: TriplineRuleErrors, exp_alerts: [{{exp_labels: {{severity: ticket, rule: r}}, exp_annotations: {{summary:
          "Rule r cannot be computed for some payments."}}}}]}}
      - {{eval_time: 20m, alertname: TriplineInputHeldBack, exp_alerts: [{{exp_labels: {{severity: ticket, partition: "0"}}, exp_annotations: {{summary:
          "Payments of partition 0 are held back by a transaction that a producer left open."}}}}]}}
  - interval: 1m
    input_series:
      - {{series: 'tripline_partition_state{{partition="0",state="refused"}}', values: '0x20'}}
      - {{series: 'tripline_partition_lag_records{{partition="0"}}', values: '10x20'}}
      - {{series: 'tripline_records_total{{outcome="folded"}}', values: '5+100x20'}}
      - {{series: 'tripline_rule_errors_total{{rule="r"}}', values: '3x20'}}
      - {{series: 'tripline_partition_unstable_records{{partition="0"}}', values: '7 0 7 0 7 0 7 0 7 0 7 0 7 0 7 0 7 0 7 0 7'}}
    alert_rule_test:
      - {{eval_time: 20m, alertname: TriplinePartitionRefused}}
      - {{eval_time: 20m, alertname: TriplineNotReading}}
      - {{eval_time: 20m, alertname: TriplineLagGrows}}
      - {{eval_time: 20m, alertname: TriplineRuleErrors}}
      - {{eval_time: 20m, alertname: TriplineInputHeldBack}}
"""


@unittest.skipIf(shutil.which("promtool") is None, "promtool is not installed: apt-get install prometheus")
class PrometheusRules(unittest.TestCase):
    rules = ROOT / "docs/prometheus-rules.yaml"

    def promtool(self, *arguments):
        done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_prometheus_takes_the_alerts(self):
        self.promtool("check", "rules", self.rules)

    def test_alerts_fire_in_trouble_and_are_silent_otherwise(self):
        with tempfile.TemporaryDirectory() as folder:
            tests = pathlib.Path(folder) / "tests.yaml"
            tests.write_text(TROUBLE.format(rules=self.rules))
            self.promtool("test", "rules", tests)

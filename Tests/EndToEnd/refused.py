"""What every refusal of a partition is held to: it is seen everywhere, the command that it prints mends it, and the second fold agrees in the end."""
import collections
import json
import re
import shlex

from harness import OneGroup, run_when_empty, tripline, wait_until


class RefusedGroup(OneGroup):
    """A group whose partitions are refused, cured, and verified when the test ends."""

    def refused(self, service, reason, words="", count=4):
        """Waits until so many partitions are refused for that reason, sees it in the status, the metrics, the readiness and the log. Their cures."""
        def seen():
            service.check_alive()
            found = (service.status() or {}).get("partitions", [])
            refused = [one for one in found if one["state"] == "refused"]
            code, readiness = service.get("/readyz?verbose") or (None, "")
            settled = "[+]group ok" in readiness and all(one["state"] in ("live", "refused") for one in found)
            return (found, code, readiness) if len(refused) == count and settled else None
        found, code, readiness = wait_until(seen, f"{count} partitions are refused")
        found = {one["partition"]: one.get("refusal") for one in found}
        metrics = service.metrics()
        for partition, refusal in found.items():
            self.assertEqual(metrics[f'tripline_partition_state{{partition="{partition}",state="refused"}}'], 1 if refusal else 0)
            if refusal:
                self.assertEqual(refusal["reason"], reason, refusal["message"])
                self.assertIn(words, refusal["message"])
                self.assertIn(f"\n[-]partition-{partition} failed: {refusal['message']}\n", readiness)
        # It goes on with the others.
        self.assertEqual((code, readiness.count("[-]")), (503 if count == len(found) else 200, count), readiness)
        self.assertEqual(metrics["tripline_digest_mismatches_total"], count if reason == "digest_mismatch" else 0)
        cures = {partition: refusal["cure"] for partition, refusal in found.items() if refusal}
        logged = {int(line["partition"]): (line["reason"], line["cure"]) for line in service.logged("partition refused")[-count:]}
        self.assertEqual(logged, {partition: (reason, cure) for partition, cure in cures.items()})
        return cures

    def refusals(self, reason, words, count=4, **settings):
        """One life of a service that sees so many partitions refused for that reason. Their cures."""
        service = self.group.service("a", **settings)
        self.addCleanup(lambda: service.process and service.kill())
        service.start()
        cures = self.refused(service, reason, words, count)
        self.assertEqual(service.terminate(), 0, service.tail())
        return list(cures.values())

    def command(self, cure):
        """The words after `tripline` of the command that a cure prints."""
        return shlex.split(re.search(r"run: tripline (.+?) ; then", cure)[1])

    def cure(self, cures, *commands):
        """Runs what each cure prints as it is printed, once the group's members are forgotten; and that it is one of these commands. What each said."""
        told = []
        for cure in cures:
            words = self.command(cure)
            self.assertIn(" ".join(words[:2]) + "".join(f" {word}" for word in words if word.startswith("--to")), commands)
            told.append(run_when_empty(*words, "--yes", "--reason", "a test", binary=self.group.binary)[0])
        return told

    def check_alerts(self, total, times=1):
        """Each payment's alert stands once; where partitions began anew, up to `times`."""
        alerts = collections.Counter(json.loads(message.value())["alert_id"] for message in self.group.alerts())
        self.assertEqual(len(alerts), total)
        self.assertEqual(max(alerts.values()), times)

    def totals(self):
        """By partition, as committed."""
        text, _ = tripline("offsets", "show", "-o", "json", "--config", str(self.group.folder / "a.yaml"), binary=self.group.binary)
        return {one["partition"]: {name: total["records"] for name, total in one["metadata"]["totals"].items()} for one in json.loads(text)["partitions"]}

    def check_conserved(self, total):
        """Every payment is counted once, by what became of it."""
        self.assertEqual(sum(sum(totals.values()) for totals in self.totals().values()), total)

    def run_later(self, count, total):
        """As `run_once`, with payments of a window that the log holds whole, whatever it no longer has of earlier ones."""
        self.now += 900_000
        return self.run_once(count, total)

    def check_verified(self, records, *, judged=None, passed=()):
        """The second fold agrees: it folds so many records and sees the partitions from their birth, totals and all; or, where the log no longer
        reaches back, can tell the alerts of the `judged` last ones alone."""
        born = judged is None
        words = [word for text in passed for word in ("--passed", text)]
        text, _ = tripline("verify", "-o", "json", "--config", str(self.group.folder / "a.yaml"), *words, binary=self.group.binary)
        document = json.loads(text)
        self.assertEqual((document["ok"], document["differences"]), (True, []))
        self.assertEqual(sum(one["records"] for one in document["partitions"]), records, document)
        self.assertEqual({(one["from_birth"], one["totals_compared"]) for one in document["partitions"]}, {(born, born)}, document)
        alerts = document["outputs"][0]
        self.assertEqual((alerts["expected"], alerts["matched"]), (records if born else judged,) * 2)
        return document

"""The payment data sets and the plain fold the service is compared with."""
import collections
import datetime
import gzip
import hashlib
import json
import os
import pathlib
import unittest

WINDOW = 300_000


def data_folder():
    folder = os.environ.get("TRIPLINE_DATA")
    if not folder or not (pathlib.Path(folder) / "reference-dev.json").exists():
        raise unittest.SkipTest("no payment data: set TRIPLINE_DATA to the folder with sparkov-dev.ndjson.gz and reference-dev.json")
    return pathlib.Path(folder)


def reference(name, factor):
    return json.loads((data_folder() / "reference-dev.json").read_text())[name]["windows"][f"compress_{factor}"]


def milliseconds(text):
    return int(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def rfc3339(time):
    moment = datetime.datetime.fromtimestamp(time // 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + f".{time % 1000:03d}Z"


Payment = collections.namedtuple("Payment", "account amount time json")


def load(name, factor, limit=None):
    """Payments `factor` times faster from midnight of the first day on, without their fraud labels."""
    payments = []
    start = None
    with gzip.open(data_folder() / f"{name}-dev.ndjson.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            fields = json.loads(line)
            fields.pop("is_fraud", None)
            fields.pop("fraud_scenario", None)
            time = milliseconds(fields["occurred_at"])
            if start is None:
                start = time // 86_400_000 * 86_400_000
            time = start + (time - start) // factor
            fields["occurred_at"] = rfc3339(time)
            payments.append(Payment(fields["account_id"], fields["amount_minor"], time, json.dumps(fields, ensure_ascii=False).encode()))
            if len(payments) == limit:
                break
    return payments


def windows(payments):
    """(account, window start) → (count, sum)."""
    folded = collections.defaultdict(lambda: [0, 0])
    for payment in payments:
        cell = folded[payment.account, payment.time // WINDOW * WINDOW]
        cell[0] += 1
        cell[1] += payment.amount
    return {key: tuple(cell) for key, cell in folded.items()}


def digest(folded):
    """As the reference has it: the SHA-256 over `account,start,count,sum` lines (start in epoch seconds), by account's bytes, then start."""
    total = hashlib.sha256()
    for (account, start), (count, amount) in sorted(folded.items(), key=lambda item: (item[0][0].encode(), item[0][1])):
        total.update(f"{account},{start // 1000},{count},{amount}\n".encode())
    return total.hexdigest()

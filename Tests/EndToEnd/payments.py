"""The payment data sets and the plain fold the service is compared with."""
import collections
import datetime
import gzip
import hashlib
import json
import os
import pathlib
import random
import unittest

WINDOW = 300_000


def has_data():
    folder = os.environ.get("TRIPLINE_DATA")
    return bool(folder) and (pathlib.Path(folder) / "reference-dev.json").exists()


def data_folder():
    if not has_data():
        raise unittest.SkipTest(
            "no payment data: set TRIPLINE_DATA to a folder with sparkov-dev.ndjson.gz (output of github.com/namebrandon/Sparkov_Data_Generation) and "
            "reference-dev.json (its exact windows); Tests/EndToEnd/README.md says what stands in them")
    return pathlib.Path(os.environ["TRIPLINE_DATA"])


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


def generated(count, seed, accounts=800, hours=5):
    """Payments in the order of their times: a few busy accounts and many quiet ones, each with amounts of its own; now and then one is drained
    within three minutes, by higher amounts."""
    chance = random.Random(seed)
    names = [f"acc-{number:04d}" for number in range(accounts)]
    weights = [1 / (1 + number) ** 0.4 for number in range(accounts)]
    typical = [chance.lognormvariate(8.2, 0.8) for _ in names]
    currencies = [chance.choice(["EUR", "EUR", "USD", "GBP", "VND"]) for _ in names]
    start, end = 1_750_000_200_000, 1_750_000_200_000 + hours * 3_600_000
    moments = []
    while len(moments) < count:
        account = chance.choices(range(accounts), weights)[0]
        time = chance.randrange(start, end)
        if chance.random() < 0.003:
            moments += [(min(time + chance.randrange(180_000), end), account, 4) for _ in range(chance.randint(6, 18))]
        else:
            moments.append((time, account, 1))
    payments = []
    for number, (time, account, factor) in enumerate(sorted(moments[:count])):
        amount = int(chance.lognormvariate(0, 0.6) * typical[account] * factor)
        fields = {"payment_id": f"g-{number}", "account_id": names[account], "amount_minor": amount, "currency": currencies[account],
                  "occurred_at": rfc3339(time), "merchant_id": f"m-{chance.randrange(300)}"}
        payments.append(Payment(names[account], amount, time, json.dumps(fields).encode()))
    return payments


def plausible(count, seed):
    """Real payments where the data set lies, else generated ones: for suites that need many of the kind but no reference."""
    return load("sparkov", 288, count) if has_data() else generated(count, seed)


def whole_windows(payments):
    """Without those of the last window, which is cut off somewhere."""
    return [one for one in payments if one.time < payments[-1].time // WINDOW * WINDOW]


def moved(payments, end):
    """The same payments by whole windows later, so that the last one happens in the window before `end`, Unix ms."""
    distance = (end - payments[-1].time) // WINDOW * WINDOW
    return [one._replace(time=one.time + distance, json=one.json.replace(rfc3339(one.time).encode(), rfc3339(one.time + distance).encode()))
            for one in payments]


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

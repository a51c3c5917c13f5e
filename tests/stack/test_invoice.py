"""An invoice from the usage records equals one from upstream's own log, to the byte-second."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from filegate.instants import HOUR, SECOND
from filegate.usage import GRACE, hour_start
from filegate.usage_reports import Span, Step, UsageReports
from invoices import invoice_of_log, invoice_of_rows, lives
from local_stack import LocalStack, StackTenant
from resumable import send, start

TENANTS = 4
OPERATIONS = 10
PAUSES = (0.3, 61, 1_799.5, 33_333.25, 20_000, 3_600, 50_000, 0.7, 41_234, 59.9, 57_000, 3_599)
"""Seconds between bouts of work: within a second, over the ends of hours, for most of a day."""


@dataclass
class Customer:
    """A tenant that does this and that."""

    tenant: StackTenant
    chance: random.Random
    names: set[str] = field(default_factory=set)
    """Of every file it ever had."""
    there: list[str] = field(default_factory=list)

    def work(self) -> None:
        """Some operations, one after the other."""
        with self.tenant.http() as http:
            for _ in range(OPERATIONS):
                if self.there and self.chance.random() < 0.35:
                    name = self.there.pop(self.chance.randrange(len(self.there)))
                    # It may have expired meanwhile.
                    assert http.delete(f"/v1beta/{name}").status_code in {200, 403}
                elif self.chance.random() < 0.2:
                    http.get("/v1beta/files").raise_for_status()
                else:
                    self._upload()

    def _upload(self) -> None:
        content = self.chance.randbytes(self.chance.choice([0, 1, 999, 70_000]))
        opened = start(self.tenant, len(content))
        # Some are given up: they are charged for by nobody.
        if self.chance.random() < 0.1:
            return
        stored = send(opened.headers["x-goog-upload-url"], "upload, finalize", content)
        name = str(stored.raise_for_status().json()["file"]["name"])
        self.names.add(name)
        self.there.append(name)


@dataclass(frozen=True)
class Books:
    """Two sets of books on the same customers, the gateway's and upstream's."""

    stack: LocalStack
    customers: Sequence[Customer]

    def agree(self, begin: int, end: int, step: Step) -> None:
        """Check that both say the same, in all and row by row."""
        now = self.stack.now()
        for customer in self.customers:
            files = lives(self.stack, customer.names)
            assert len(files) == len(customer.names)
            span = Span(begin, end, step)
            rows = UsageReports(self.stack.table).rows(customer.tenant.id, span, now)
            due = invoice_of_log(files, begin // SECOND, end // SECOND)
            assert invoice_of_rows(rows) == due, step
            for row in rows:
                due = invoice_of_log(files, row.start // SECOND, row.end // SECOND)
                assert invoice_of_rows([row]) == due, row
                assert row.complete is (row.end + GRACE <= now)


def work_for_days(stack: LocalStack, customers: Sequence[Customer], chance: random.Random) -> None:
    """Bouts of work, all customers at once, with a janitor that comes or does not."""
    for pause in PAUSES:
        with ThreadPoolExecutor(len(customers)) as pool:
            for done in [pool.submit(customer.work) for customer in customers]:
                done.result()
        stack.advance(pause)
        if chance.random() < 0.7:
            stack.run_janitor()


def run_out(stack: LocalStack, seconds: float) -> int:
    """Let time pass and keep what is due then; answers the hour that it is."""
    stack.advance(seconds)
    stack.catch_up()
    return hour_start(stack.now())


def test_an_invoice_from_the_records_equals_one_from_the_log(stack: LocalStack) -> None:
    chance = random.Random(4)  # noqa: S311 - the same story each time
    customers = [
        Customer(stack.tenant(), random.Random(number))  # noqa: S311
        for number in range(TENANTS)
    ]
    books = Books(stack, customers)
    first = hour_start(stack.now())
    work_for_days(stack, customers, chance)
    # Open uploads end, and what was finalized is seen.
    last = run_out(stack, 3_600)
    assert last - first > 48 * HOUR, "some files must have expired"
    assert sum(len(customer.names) for customer in customers) > 100
    for step in Step:
        books.agree(first, last, step)
    for _ in range(3):
        begin, end = sorted(chance.sample(range(first, last + HOUR, HOUR), 2))
        books.agree(begin, end, Step.TENANT)
    # In the end all is gone, and nothing is charged for any more.
    books.agree(first, run_out(stack, 49 * 3_600), Step.DAY)
    books.agree(hour_start(stack.now()) - HOUR, hour_start(stack.now()), Step.HOUR)
    for customer in customers:
        assert all(file.until is not None for file in lives(stack, customer.names))

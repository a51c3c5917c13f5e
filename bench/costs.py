"""Costs: from counted units and measured CPU to dollars. Arithmetic alone, nothing is run.

What is measured: calls and units of each operation (calls.py), CPU of a function's process per call
(latency.py, cpu.py), and what the template declares. What is assumed stands in `Waits` and `Bytes`:
how long others keep a function waiting, and how much it says. Prices are prices.py's.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench import prices
from bench.recorder import Cost

CHUNK: Final = 8 * 1024 * 1024
"""Bytes of a chunk, as every SDK sends them."""
_FULL_CORE: Final = 1769
"""MemorySize in MB at which a function has one vCPU (AWS Lambda Developer Guide, memory)."""
_HTTP_STEP: Final = 512 * 1024
"""Bytes that an HTTP API counts as one request (API Gateway pricing)."""


@dataclass(frozen=True)
class Waits:
    """Milliseconds a function is paid for while it waits; assumed, as a desk cannot know them."""

    read: float = 5
    write: float = 5
    transaction: float = 10
    upstream: float = 100
    """The File API's answer to anything but bytes."""
    model: float = 5_000
    """From a model call until the last of its answer."""

    def of(self, cost: Cost) -> float:
        """Milliseconds that the calls of an operation take, one after the other."""
        return (
            cost.reads * self.read
            + cost.writes * self.write
            + cost.transactions * self.transaction
            + cost.upstream * self.upstream
        )


@dataclass(frozen=True)
class Bytes:
    """Bytes that leave with each run of a function, and with each answer; assumed."""

    logged: int = 1_200
    """Lambda's own lines in JSON, and one line of metrics."""
    answered: int = 1_000
    model_answered: int = 4_000


WAITS: Final = Waits()
BYTES: Final = Bytes()


@dataclass(frozen=True)
class Dollars:
    """What one operation costs, by who asks for it."""

    database: float = 0
    functions: float = 0
    gateway: float = 0
    traffic: float = 0
    """Data that leaves AWS."""
    logs: float = 0

    def __add__(self, other: "Dollars") -> "Dollars":
        return Dollars(
            self.database + other.database,
            self.functions + other.functions,
            self.gateway + other.gateway,
            self.traffic + other.traffic,
            self.logs + other.logs,
        )

    def times(self, count: float) -> "Dollars":
        """The same so many times."""
        return Dollars(
            self.database * count,
            self.functions * count,
            self.gateway * count,
            self.traffic * count,
            self.logs * count,
        )

    @property
    def total(self) -> float:
        """All of it."""
        return self.database + self.functions + self.gateway + self.traffic + self.logs


@dataclass(frozen=True)
class Run:
    """One run of a function: CPU ms on a full core, ms of waiting, and its MemorySize in MB."""

    cpu: float
    waits: float
    memory: int

    @property
    def billed(self) -> float:
        """Milliseconds billed: CPU at the share of a core that the memory brings, and waiting."""
        return math.ceil(self.cpu * max(1.0, _FULL_CORE / self.memory) + self.waits)

    @property
    def dollars(self) -> Dollars:
        """Its request, its duration and what it logs."""
        gigabyte_seconds = self.billed / 1000 * self.memory / 1024
        return Dollars(
            functions=prices.RUNS.dollars / prices.MILLION
            + gigabyte_seconds * prices.MEMORY.dollars,
            logs=BYTES.logged / prices.GB * (prices.LOGS.dollars + prices.LOGS_KEPT.dollars),
        )


def database(cost: Cost) -> Dollars:
    """What DynamoDB asks for the units of an operation."""
    return Dollars(database=cost.dollars / prices.MILLION)


def request(answered: int = BYTES.answered) -> Dollars:
    """One request to the REST API, and its answer's way out."""
    return Dollars(
        gateway=prices.REST.dollars / prices.MILLION,
        traffic=answered / prices.GB * prices.OUT.dollars,
    )


def relayed(size: int) -> Dollars:
    """The way of so many bytes from API Gateway to Google: data out, as far as AWS tells."""
    return Dollars(traffic=size / prices.GB * prices.OUT.dollars)


def http_requests(size: int) -> int:
    """What an HTTP API would count for an upload of `size` bytes in chunks."""
    whole, rest = divmod(size, CHUNK)
    return whole * (CHUNK // _HTTP_STEP) + math.ceil(rest / _HTTP_STEP)


@dataclass(frozen=True)
class Measured:
    """What the arithmetic starts from.

    `cpu` is CPU ms per call of a function's whole process, by operation; `memory` MemorySize in MB
    by function. Raises KeyError where something was not measured.
    """

    calls: Mapping[str, Cost]
    cpu: Mapping[str, float]
    memory: Mapping[str, int]

    def run(self, operation: str, function: str, like: str | None = None) -> Run:
        """A run of a function for an operation; `like` names one whose CPU stands for its own."""
        return Run(
            self.cpu[like or operation], WAITS.of(self.calls[operation]), self.memory[function]
        )

    def called(self, operation: str, function: str, like: str | None = None) -> Dollars:
        """An operation that a client asks for."""
        return (
            request()
            + self.run(operation, function, like).dollars
            + database(self.calls[operation])
        )

    def chunk(self, operation: str, like: str) -> Dollars:
        """A chunk through the gateway, without its bytes: a request, and its authorizer's run."""
        return (
            request(answered=0)
            + self.run(operation, "SessionsFunction", like).dollars
            + database(self.calls[operation])
        )

    def model_call(self) -> Dollars:
        """A model call; its function runs until the last of the answer has passed."""
        cost = self.calls["generateContent"]
        waits = WAITS.of(cost) - WAITS.upstream + WAITS.model
        run = Run(self.cpu["generateContent"], waits, self.memory["GenerateFunction"])
        return request(BYTES.model_answered) + run.dollars + database(cost)


_SETTLES: Final = "first get after the upload (settles)"


def operations(measured: Measured) -> dict[str, Dollars]:
    """Dollars of single operations, warm."""
    return {
        "get": measured.called("get", "FilesFunction"),
        "list of 10": measured.called("list of 10", "FilesFunction"),
        "start": measured.called("start", "FilesFunction"),
        "plain chunk, without its bytes": measured.chunk("plain chunk", "plain chunk"),
        _SETTLES: measured.called(_SETTLES, "FilesFunction", like="delete"),
        "delete": measured.called("delete", "FilesFunction"),
        f"generateContent, {WAITS.model / 1000:g} s": measured.model_call(),
    }


def upload(measured: Measured, size: int, *, direct: bool) -> Dollars:
    """A file's whole life: start, chunks, the get that settles it, delete."""
    after = measured.called(_SETTLES, "FilesFunction", like="delete") + measured.called(
        "delete", "FilesFunction"
    )
    if direct:
        start = measured.called("start, straight to upstream", "FilesFunction", like="start")
        return start + after
    plain = measured.chunk("plain chunk", "plain chunk").times(math.ceil(size / CHUNK) - 1)
    last = measured.chunk("last chunk", "last chunk")
    return measured.called("start", "FilesFunction") + plain + last + relayed(size) + after


@dataclass(frozen=True)
class Declared:
    """What the template makes that costs something by being there."""

    secrets: int
    alarms: int
    janitor_metrics: int
    """Custom metrics that the janitor writes in each round."""
    janitor_memory: int


def idle(
    measured: Measured, declared: Declared, get_item_cpu: float
) -> dict[str, tuple[float, float]]:
    """Dollars a month of a stack that nobody calls, line by line, without and with AWS's free tier.

    A round of the janitor is taken for as many bare reads (CPU ms `get_item_cpu`) as it makes.
    """
    rounds = prices.MONTH_HOURS * 60
    cost = measured.calls["janitor, nothing due"]
    run = Run(cost.reads * get_item_cpu, WAITS.of(cost), declared.janitor_memory)
    dollars = run.dollars.times(rounds)
    reads = database(cost).times(rounds).total
    metrics = declared.janitor_metrics * prices.METRIC.dollars
    alarms = declared.alarms * prices.ALARM.dollars
    secrets = declared.secrets * prices.SECRET.dollars
    return {
        f"{declared.secrets} secrets": (secrets, secrets),
        f"{declared.alarms} alarms (10 are free)": (
            alarms,
            max(0, declared.alarms - 10) * prices.ALARM.dollars,
        ),
        f"{declared.janitor_metrics} metrics (10 are free)": (metrics, 0.0),
        f"{rounds:,} rounds of the janitor: Lambda (free)": (dollars.functions, 0.0),
        f"{rounds:,} rounds of the janitor: DynamoDB": (reads, reads),
        "their logs (5 GB are free)": (dollars.logs, 0.0),
        "API Gateway, table, queue, schedule": (0.0, 0.0),
    }


@dataclass(frozen=True)
class Servers:
    """A gateway of servers behind a load balancer, with Postgres.

    `cpu` is CPU ms that one of its requests takes; `baseline` the vCPUs that all its instances may
    use for good, beyond which `burst` dollars are asked for a vCPU-hour (None: not to be had).
    """

    name: str
    instance: prices.Price
    instances: int
    baseline: float
    burst: float | None
    cpu: float
    zones: int = 2

    def idle(self) -> float:
        """Dollars a month, whether anybody calls or not."""
        hourly = (
            self.instances * self.instance.dollars
            + prices.POSTGRES.dollars
            + prices.BALANCER.dollars
            + (self.zones + self.instances) * prices.ADDRESS.dollars
        )
        disks = self.instances * 20 * prices.DISK.dollars + 20 * prices.POSTGRES_DISK.dollars
        return hourly * prices.MONTH_HOURS + disks

    @property
    def most(self) -> float:
        """Requests a month that its cores can bear, all of them at work all the time."""
        cores = self.baseline if self.burst is None else self.instances * 2
        return cores * prices.MONTH_HOURS * 3600 * 1000 / self.cpu

    def month(self, requests: float, answered: int = BYTES.answered) -> float:
        """Dollars a month with so many requests, spread evenly. Raises ValueError beyond `most`."""
        if requests > self.most:
            raise ValueError(f"{self.name} bears {self.most:.0f} requests a month")
        used = requests * self.cpu / 1000 / 3600
        above = max(0.0, used - self.baseline * prices.MONTH_HOURS)
        size = requests * answered
        # An LCU an hour is 25 new connections a second or 1 GB; connections are kept here.
        units = max(size / prices.GB, 0.0)
        return (
            self.idle()
            + above * (self.burst or 0.0)
            + units * prices.BALANCER_UNIT.dollars
            + size / prices.GB * prices.OUT.dollars
        )


LITELLM_CPU: Final = 10.3
"""CPU ms of LiteLLM 1.106 for one request as it comes, measured beside ours 2026-11-22; without its
database, so it takes more."""

ALTERNATIVES: Final[Sequence[Servers]] = (
    Servers("LiteLLM, 2 × t4g.medium, Postgres", prices.SMALL, 2, 0.8, 0.04, LITELLM_CPU),
    Servers("LiteLLM, 2 × its own minimum, Postgres", prices.LARGE, 2, 8, None, LITELLM_CPU),
)
"""Two small instances as one would begin with; and two of what LiteLLM's deployment page asks of
production, 4 cores and 8 GB each (docs.litellm.ai, "Docker, Helm, Terraform")."""
REQUESTS: Final = (0, 1_000_000, 10_000_000, 100_000_000)
"""Requests a month that gateways are compared at."""


@dataclass(frozen=True)
class Bill:
    """Everything the tables show."""

    operations: Mapping[str, Dollars] = field(default_factory=dict)
    uploads: Mapping[str, tuple[Dollars, float]] = field(default_factory=dict)
    """For 1,000 uploads; with what API Gateway would ask if it were an HTTP API."""
    idle: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tenant: float = 0.0
    """Dollars a month for each tenant that stores anything all the time."""
    months: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    """Dollars a month at each of REQUESTS; None where it cannot bear them."""
    even: Mapping[str, float] = field(default_factory=dict)
    """Requests a month at which an alternative costs as much as Filegate."""


SIZES: Final = {"1 MB": 10**6, "100 MB": 10**8, "2 GB": 2 * 10**9}


def bill(measured: Measured, declared: Declared, get_item_cpu: float) -> Bill:
    """All costs. Raises KeyError where something was not measured."""
    found = operations(measured)
    standing = idle(measured, declared, get_item_cpu)
    fixed = sum(dollars for dollars, _ in standing.values())
    each = found["get"].total
    months: dict[str, Sequence[float | None]] = {
        "Filegate": [fixed + requests * each for requests in REQUESTS]
    }
    for servers in ALTERNATIVES:
        months[servers.name] = [
            servers.month(requests) if requests <= servers.most else None for requests in REQUESTS
        ]
    return Bill(
        operations=found,
        uploads={
            f"{name}, {way}": (
                upload(measured, size, direct=direct).times(1000),
                1000 * _http(size, direct=direct),
            )
            for name, size in SIZES.items()
            for way, direct in (("relayed", False), ("straight to upstream", True))
        },
        idle=standing,
        tenant=_tenant_month(measured),
        months=months,
        even={servers.name: _even(servers, fixed, each) for servers in ALTERNATIVES},
    )


def _http(size: int, *, direct: bool) -> float:
    """Dollars for the requests of a file's life at an HTTP API."""
    return (3 + (0 if direct else http_requests(size))) * prices.HTTP.dollars / prices.MILLION


HOURS: Final = 10
CLOSING: Final = f"janitor, closes {HOURS} hours"


def _tenant_month(measured: Measured) -> float:
    """Dollars of DynamoDB for closing every hour of a month in which a tenant stores something."""
    nothing, ten = measured.calls["janitor, nothing due"], measured.calls[CLOSING]
    each = (ten.dollars - nothing.dollars) / HOURS / prices.MILLION
    return each * prices.MONTH_HOURS


def _even(servers: Servers, fixed: float, each: float) -> float:
    """Requests a month at which servers cost as much; both grow by the request."""
    slope = (servers.month(prices.MILLION) - servers.idle()) / prices.MILLION
    return (servers.idle() - fixed) / (each - slope)

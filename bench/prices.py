"""Prices: what AWS asks, from its public price list. The one place where a price is written.

As known on 2026-11-28: us-east-1, on demand, first tier, without taxes, discounts or free tier.
AWS's pages show most of their figures to a browser alone, so not each could be read there again;
whoever reads a table made of these looks at the date, and at the page, first.
"""

from dataclasses import dataclass
from typing import Final

AS_OF: Final = "2026-11-28"
MONTH_HOURS: Final = 730
"""Hours of a month, as AWS's calculator has it."""
MILLION: Final = 1_000_000
GB: Final = 10**9
"""Bytes of a GB of logs, traffic and storage; what AWS means by it differs by service, and by 7 %
at most."""


@dataclass(frozen=True)
class Price:
    """`dollars` for one `per`; `source` is the page of AWS it is from."""

    what: str
    dollars: float
    per: str
    source: str


READS: Final = Price("DynamoDB reads", 0.125, "million RRU", "DynamoDB pricing, on-demand")
WRITES: Final = Price("DynamoDB writes", 0.625, "million WRU", "DynamoDB pricing, on-demand")
TABLE: Final = Price("DynamoDB storage", 0.25, "GB-month", "DynamoDB pricing, on-demand")
RECOVERY: Final = Price("DynamoDB PITR", 0.20, "GB-month", "DynamoDB pricing, on-demand")
RUNS: Final = Price("Lambda requests", 0.20, "million", "Lambda pricing")
MEMORY: Final = Price("Lambda duration, arm64", 0.0000133334, "GB-second", "Lambda pricing")
REST: Final = Price("API Gateway, REST", 3.50, "million requests", "API Gateway pricing")
HTTP: Final = Price("API Gateway, HTTP", 1.00, "million requests of 512 KB", "API Gateway pricing")
OUT: Final = Price("data out to the internet", 0.09, "GB", "EC2 on-demand pricing, data transfer")
SECRET: Final = Price("Secrets Manager, a secret", 0.40, "month", "Secrets Manager pricing")
LOGS: Final = Price("CloudWatch Logs, taken in", 0.50, "GB", "CloudWatch pricing")
LOGS_KEPT: Final = Price("CloudWatch Logs, kept", 0.03, "GB-month", "CloudWatch pricing")
METRIC: Final = Price("CloudWatch, a metric", 0.30, "month", "CloudWatch pricing")
ALARM: Final = Price("CloudWatch, an alarm", 0.10, "month", "CloudWatch pricing")
SMALL: Final = Price("EC2 t4g.medium, 2 vCPU, 4 GiB", 0.0336, "hour", "EC2 on-demand pricing")
LARGE: Final = Price("EC2 c7g.xlarge, 4 vCPU, 8 GiB", 0.1450, "hour", "EC2 on-demand pricing")
BURST: Final = Price("EC2 t4g, above its baseline", 0.04, "vCPU-hour", "EC2 on-demand pricing")
DISK: Final = Price("EBS gp3", 0.08, "GB-month", "EBS pricing")
POSTGRES: Final = Price("RDS db.t4g.small, one zone", 0.032, "hour", "RDS for PostgreSQL pricing")
POSTGRES_DISK: Final = Price("RDS gp3, one zone", 0.115, "GB-month", "RDS for PostgreSQL pricing")
BALANCER: Final = Price("ALB", 0.0225, "hour", "Elastic Load Balancing pricing")
BALANCER_UNIT: Final = Price("ALB, an LCU", 0.008, "hour", "Elastic Load Balancing pricing")
ADDRESS: Final = Price("public IPv4 address", 0.005, "hour", "VPC pricing")

ALL: Final = (
    *(READS, WRITES, TABLE, RECOVERY, RUNS, MEMORY, REST, HTTP, OUT, SECRET),
    *(LOGS, LOGS_KEPT, METRIC, ALARM, SMALL, LARGE, BURST, DISK, POSTGRES, POSTGRES_DISK),
    *(BALANCER, BALANCER_UNIT, ADDRESS),
)

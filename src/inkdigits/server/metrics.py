"""What the service counts, for Prometheus: requests, their seconds, pictures, refusals."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

from inkdigits.server.worker_main import Answer

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """What is counted, for Prometheus."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "inkdigits_requests", "Requests answered", ("path", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "inkdigits_request_seconds", "Time from a request's headers to its answer",
            ("path",), buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.pictures = Counter(
            "inkdigits_pictures", "Pictures read, by what came of it", ("outcome",),
            registry=self.registry,
        )  # fmt: skip
        self.refused = Counter(
            "inkdigits_busy", "Requests refused because too many waited", registry=self.registry
        )

    def count(self, answers: list[Answer]) -> None:
        """Count pictures that were answered."""
        for answer in answers:
            self.pictures.labels(answer.outcome).inc()

"""What an instance costs: on-demand Linux, USD an hour, eu-central-1. Told as an estimate, never as a bill."""

USD_AN_HOUR = {
    "t4g.small": 0.0192,
    "t4g.medium": 0.0384,
    "t4g.large": 0.0768,
    "t4g.xlarge": 0.1536,
    "m6g.large": 0.092,
    "m6g.xlarge": 0.184,
    "m7g.large": 0.0978,
    "m7g.xlarge": 0.1956,
    "m7g.2xlarge": 0.3912,
    "c7g.large": 0.0829,
    "c7g.xlarge": 0.1658,
    "r7g.large": 0.1291,
}


def hourly(instance_type: str) -> float:
    """USD an hour; a type that is not in the table costs like the dearest that is."""
    return USD_AN_HOUR.get(instance_type, max(USD_AN_HOUR.values()))

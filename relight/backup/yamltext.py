"""YAML of other writers' manifests, read as every Kubernetes client reads it. Imported only where a manifest is no JSON."""

from typing import Any

import yaml


class Loader(yaml.CSafeLoader):
    """Dates stay the text they are, as in every Kubernetes client."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load(text: bytes) -> list[Any]:
    """Every document of the text. Raises ValueError.

    Aliases are refused: a few lines expand to gigabytes. They need an anchor, which is rare enough to look for.
    """
    try:
        if b"&" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=Loader)):
            raise ValueError("it uses YAML aliases, write the value out where it is used")
        return list(yaml.load_all(text, Loader=Loader))
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None

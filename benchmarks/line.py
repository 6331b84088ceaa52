"""An instance's line to S3: ``python -m benchmarks.line ENDPOINT MEGABYTES_A_SECOND`` prints its port; input ends it."""

import sys
from urllib.parse import urlsplit

from relight.local.instances.link import Link


def main() -> None:
    link = Link(sys.argv[1], float(sys.argv[2]))
    link.start()
    print(urlsplit(link.endpoint).port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()

"""`fastswap bench ops` without an installed command: python benchmarks/ops.py [--json]."""

from __future__ import annotations

import json
import sys

from rich.console import Console

from fastswap.bench import ops

if __name__ == "__main__":
    result = ops.run()
    if "--json" in sys.argv[1:]:
        print(json.dumps(result, indent=2))
    else:
        ops.print_table(result, Console())

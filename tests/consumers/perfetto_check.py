"""Opens each trace with Perfetto's trace processor. Exits with 3 if that can't be had, with 1 if it complains."""

import os
import sys

from perfetto.trace_processor import TraceProcessor

failed = False
for path in sys.argv[1:]:
    try:
        processor = TraceProcessor(trace=path)
    except Exception as error:  # the package downloads the processor when it is first used
        print(f"no trace processor: {error}", file=sys.stderr)
        sys.exit(3)
    query = "select name, value from stats where severity in ('error', 'data_loss') and value > 0"
    problems = [f"{row.name} {row.value}" for row in processor.query(query)]
    slices = next(iter(processor.query("select count(*) as n from slice"))).n
    flows = next(iter(processor.query("select count(*) as n from flow"))).n
    processor.close()
    name = os.path.basename(path)
    if problems or slices == 0 or flows == 0:
        print(f"Perfetto complains of {name}: {problems}, {slices} slices, {flows} flows", file=sys.stderr)
        failed = True
    else:
        print(f"Perfetto takes {name}: {slices} slices, {flows} flows")
sys.exit(1 if failed else 0)

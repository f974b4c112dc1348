"""Opens each trace with Perfetto's trace processor, and asks what it complains of.

`perfetto_check.py DIR TRACE...`: DIR is where its web page was unpacked. The package `perfetto` knows the messages; the
processor itself, which that package would download, is the web page's.
"""

import json
import os
import pathlib
import struct
import subprocess
import sys

from perfetto.trace_processor.api import TraceProcessor
from perfetto.trace_processor.platform import PlatformDelegate
from perfetto.trace_processor.protos import ProtoFactory

PROTOS = ProtoFactory(PlatformDelegate())
RPC = PROTOS.TraceProcessorRpc
COMPLAINTS = "select name, value from stats where severity in ('error', 'data_loss') and value > 0"


class Processor:
    """One trace, open."""

    def __init__(self, page, trace):
        worker = pathlib.Path(__file__).with_name("perfetto.mjs")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self.node = subprocess.Popen(["node", worker, page], **pipes)
        self.ask(request=RPC.TPM_APPEND_TRACE_DATA, append_trace_data=trace)
        self.ask(request=RPC.TPM_FINALIZE_TRACE_DATA)

    def close(self):
        self.node.stdin.close()
        self.node.wait()

    def read(self, length):
        data = self.node.stdout.read(length)
        if len(data) != length:
            raise RuntimeError("the trace processor is gone")
        return data

    def ask(self, **request):
        stream = PROTOS.TraceProcessorRpcStream(msg=[RPC(**request)])
        data = stream.SerializeToString()
        self.node.stdin.write(struct.pack(">I", len(data)) + data)
        self.node.stdin.flush()
        answer = PROTOS.TraceProcessorRpcStream()
        while length := struct.unpack(">I", self.read(4))[0]:
            answer.MergeFromString(self.read(length))
        for said in answer.msg:
            error = said.fatal_error or said.append_result.error or said.finalize_data_result.error
            if error:
                raise RuntimeError(error)
        return answer.msg

    def query(self, sql):
        said = self.ask(request=RPC.TPM_QUERY_STREAMING, query_args=PROTOS.QueryArgs(sql_query=sql))
        for one in said:
            if one.query_result.error:
                raise RuntimeError(one.query_result.error)
        batches = [batch for one in said for batch in one.query_result.batch]
        return TraceProcessor.QueryResultIterator(said[0].query_result.column_names, batches)


def complaints(page, trace):
    """What is wrong with it, and how much of it is there. All slices and flows of the file must be."""
    phases = [event["ph"] for event in json.loads(trace)["traceEvents"]]
    expected = [phases.count("X") + phases.count("b"), phases.count("s")]
    processor = None
    try:
        processor = Processor(page, trace)
        problems = [f"{row.name} {row.value}" for row in processor.query(COMPLAINTS)]
        counts = [next(iter(processor.query(f"select count(*) as n from {of}"))).n for of in ("slice", "flow")]
    except RuntimeError as error:
        return [str(error)], "not opened"
    finally:
        if processor:
            processor.close()
    if counts != expected or 0 in counts:
        problems.append(f"of {expected[0]} slices and {expected[1]} flows")
    return problems, f"{counts[0]} slices, {counts[1]} flows"


def crossing(trace):
    """The same with two more slices on a track, the second of which begins in the first and ends behind it."""
    document = json.loads(trace)
    last = max((event for event in document["traceEvents"] if event["ph"] == "X"), key=lambda event: event["ts"])
    document["traceEvents"] += [last | {"ts": last["ts"] + later, "dur": 10} for later in (5, 10)]
    return json.dumps(document).encode()


page, paths = sys.argv[1], sys.argv[2:]
failed = False
for path in paths:
    trace, name = pathlib.Path(path).read_bytes(), os.path.basename(path)
    problems, has = complaints(page, trace)
    if problems:
        print(f"Perfetto complains of {name}: {problems}, {has}", file=sys.stderr)
        failed = True
    else:
        print(f"Perfetto takes {name}: {has}")
    if not complaints(page, crossing(trace))[0]:
        print(f"Perfetto says nothing of {name} with slices that cross", file=sys.stderr)
        failed = True
sys.exit(1 if failed else 0)

"""Starts a sync, or joins the one that runs, and follows it to its end."""

import sys

from agent import connected
from shopmaster.v1 import run_pb2, run_pb2_grpc

run = None
with connected() as channel:
    runs = run_pb2_grpc.RunsStub(channel)
    request = run_pb2.StartRunRequest(kind=run_pb2.RUN_KIND_SYNC)
    run = runs.StartRun(request, timeout=30).run
    # No deadline: a run takes as long as it needs.
    for answer in runs.WatchRun(run_pb2.WatchRunRequest(id=run.id)):
        run = answer.run
        print(f"{run.done} of {run.total} products", flush=True)

if run.state != run_pb2.RUN_STATE_FINISHED:
    sys.exit("the agent ended before the run")
print(f"{run_pb2.RunOutcome.Name(run.outcome)}: {run.message}")
sys.exit(run.outcome != run_pb2.RUN_OUTCOME_COMPLETED)

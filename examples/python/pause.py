"""Pauses sending for the given number of minutes; without a number, resumes sending."""

import sys

from agent import connected
from google.protobuf import duration_pb2
from shopmaster.v1 import agent_pb2, agent_pb2_grpc

with connected() as channel:
    agent = agent_pb2_grpc.AgentStub(channel)
    if len(sys.argv) > 2:
        duration = duration_pb2.Duration(seconds=60 * int(sys.argv[2]))
        answer = agent.Pause(agent_pb2.PauseRequest(duration=duration), timeout=30)
    else:
        answer = agent.Resume(agent_pb2.ResumeRequest(), timeout=30)

print(answer.status.headline)

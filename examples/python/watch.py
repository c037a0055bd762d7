"""Shows the agent's state, and again after each change, until the agent ends."""

from agent import connected
from shopmaster.v1 import agent_pb2, agent_pb2_grpc

with connected() as channel:
    agent = agent_pb2_grpc.AgentStub(channel)
    shown = None
    for answer in agent.WatchStatus(agent_pb2.WatchStatusRequest()):
        # Every answer has the whole state, also where some in between were left out.
        if answer.status.headline != shown:
            shown = answer.status.headline
            print(shown, flush=True)

print("The agent has stopped")

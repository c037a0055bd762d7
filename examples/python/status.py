"""Shows the state of the agent, and what is wrong."""

from agent import connected
from shopmaster.v1 import agent_pb2, agent_pb2_grpc, status_pb2

with connected() as channel:
    agent = agent_pb2_grpc.AgentStub(channel)
    status = agent.GetStatus(agent_pb2.GetStatusRequest(), timeout=10).status

print(f"{status_pb2.State.Name(status.state)}: {status.headline}")
print(f"{status.pending} waiting, {status.published} published, {status.parked} refused")
for issue in status.issues:
    print(f"{issue.code}: {issue.text}\n    {issue.remedy}")

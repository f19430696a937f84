"""`/api/v1/agents`: what every agent that was heard said of itself, above all which orders it runs. Holds no secret."""

from __future__ import annotations

import msgspec
from aiohttp import web

from collector.core.fleet import Fleet
from collector.core.tally import AgentTally
from collector.expose.api import time_text


def add_agents_route(app: web.Application, fleet: Fleet) -> None:
    """Before it serves."""

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(page(fleet.tally.agents)), content_type="application/json")

    app.add_routes([web.get("/api/v1/agents", show)])


def page(agents: dict[str, AgentTally]) -> dict[str, object]:
    """The answer's body; of agents that were heard since the collector began."""
    return {"agents": [_agent(name, tally) for name, tally in sorted(agents.items()) if tally.heard_ms]}


def _agent(name: str, tally: AgentTally) -> dict[str, object]:
    return {
        "id": name,
        "version": tally.version,
        "heard": time_text(tally.heard_ms),
        "orders": {
            "state": tally.orders_state,
            "runs": tally.orders,
            "offered": tally.orders_offered,
            "refused": tally.orders_refused,
            "detail": tally.orders_detail,
        },
    }

# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""A customer-research agent as one would write it: two SDKs, tools, a feature flag, and no word of carbon.

Twelve model calls and thirty tool calls a run: plan, gather (three turns), extract (five sources), synthesise,
critique, report. What it learns stays in its context, which grows from call to call.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from opentelemetry.context import Context

from carbonspan.demo._scenario import AGENT, FEATURE, FLAG_KEY, FLAG_PROVIDER, SEARCH_TOOLS, passage, system_prompt

if TYPE_CHECKING:
    from collections.abc import Callable

    import anthropic
    import openai
    from opentelemetry.trace import Tracer

    from carbonspan.demo._scenario import Cohort, Variant

_PLAN_WORDS = 120
_SUMMARY_WORDS = 90
_SYNTHESIS_WORDS = 320
_MAX_TOKENS = 4096
_CACHE: Any = {"type": "ephemeral"}

_SOURCES = tuple(f"source-{number}" for number in range(1, 6))
_SNIPPET_WORDS = 30
_SECTION_WORDS = 60
_TOOL_PARAMETER = {**dict.fromkeys(SEARCH_TOOLS, "query"), "fetch_page": "source", "verify_claim": "claim"}


class ResearchAgent:
    """One agent for one customer; `run` may be called once."""

    def __init__(
        self,
        *,
        openai_client: openai.OpenAI,
        anthropic_client: anthropic.Anthropic,
        tracer: Tracer,
        variant: Variant,
        cohort: Cohort,
        run_number: int,
        on_step: Callable[[], None],
    ) -> None:
        self._openai = openai_client
        self._anthropic = anthropic_client
        self._tracer = tracer
        self._variant = variant
        self._cohort = cohort
        self._on_step = on_step  # called after every model call and every tool call
        self._system = system_prompt(cohort.customer, run_number)
        self._chat: list[Any] = [{"role": "system", "content": self._system}]
        self._chat_tools: list[Any] = [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": _description(name),
                    "parameters": _schema(name),
                },
            }
            for name in (*SEARCH_TOOLS, "fetch_page")
        ]

    def run(self) -> str:
        """Research the customer and return the report. The trace is the caller's to read."""
        with self._tracer.start_as_current_span(
            f"invoke_agent {AGENT}",
            context=Context(),  # a trace of its own, whatever the caller is doing
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": AGENT,
                "app.feature": FEATURE,
                "user.cohort": self._cohort.name,
                "feature_flag.key": FLAG_KEY,
                "feature_flag.result.variant": self._variant.name,
            },
        ) as span:
            # What OpenFeature's tracing hook leaves on the span that is current when a flag is evaluated.
            span.add_event(
                "feature_flag.evaluation",
                {
                    "feature_flag.key": FLAG_KEY,
                    "feature_flag.result.variant": self._variant.name,
                    "feature_flag.result.reason": "targeting_match",
                    "feature_flag.provider.name": FLAG_PROVIDER,
                },
            )
            self._plan()
            dossier = self._gather()
            conversation, notes = self._extract(dossier)
            synthesis = self._synthesise(conversation)
            critique = self._critique(synthesis, notes)
            return self._report(synthesis, critique)

    # OpenAI: plan, gather, report. One conversation, so that each request begins with all of the one before.

    def _plan(self) -> None:
        with self._tracer.start_as_current_span("plan"):
            question = f"Plan the account brief for {self._cohort.customer} in about {_PLAN_WORDS} words."
            self._chat.append({"role": "user", "content": question})
            self._complete(self._variant.plan, effort="medium", tool_choice="none")

    def _gather(self) -> str:
        pages = []
        with self._tracer.start_as_current_span("gather"):
            order = f"Search every system, fetch the pages that matter, then sum up in about {_SUMMARY_WORDS} words."
            self._chat.append({"role": "user", "content": order})
            while calls := self._complete(self._variant.gather, effort="minimal", tool_choice="auto"):
                for call in calls:
                    arguments = json.loads(call.function.arguments)
                    result = self._use(call.function.name, arguments, call.id)
                    self._chat.append({"role": "tool", "tool_call_id": call.id, "content": result})
                    if call.function.name == "fetch_page":
                        pages.append(result)
        return "\n\n".join(pages)

    def _complete(
        self, model: str, *, effort: Literal["minimal", "medium"], tool_choice: Literal["auto", "none"]
    ) -> list[Any]:
        reply = self._openai.chat.completions.create(
            model=model,
            messages=self._chat,
            tools=self._chat_tools,
            tool_choice=tool_choice,
            reasoning_effort=effort,
        ).choices[0]
        self._chat.append(reply.message.model_dump(exclude_none=True))
        self._on_step()
        return list(reply.message.tool_calls or ())

    def _report(self, synthesis: str, critique: str) -> str:
        with self._tracer.start_as_current_span("report"):
            order = f"Write the brief in about {self._cohort.report_words} words."
            self._chat.append({"role": "user", "content": f"{synthesis}\n\nCritique: {critique}\n\n{order}"})
            stream = self._openai.chat.completions.create(
                model=self._variant.report,
                messages=self._chat,
                tools=self._chat_tools,
                tool_choice="none",
                reasoning_effort="low",
                stream=True,
                stream_options={"include_usage": True},
            )
            report = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
            self._on_step()
            return report

    # Anthropic: extract, synthesise, critique. The dossier and each turn are marked for the prompt cache.

    def _extract(self, dossier: str) -> tuple[list[Any], str]:
        conversation: list[Any] = []
        notes = []
        with self._tracer.start_as_current_span("extract"):
            for source in _SOURCES:
                readings = [self._use(name, {"source": source}) for name in ("open_section", "open_section")]
                readings.append(self._use("extract_figures", {"source": source}))
                order = f"Extract what {source} says in about {self._cohort.note_words} words."
                blocks = [{"type": "text", "text": "\n".join([*readings, order])}]
                if not conversation:
                    blocks.insert(0, {"type": "text", "text": dossier, "cache_control": _CACHE})
                conversation.append({"role": "user", "content": blocks})
                notes.append(self._message(self._variant.extract, conversation))
                conversation.append({"role": "assistant", "content": notes[-1]})
        return conversation, "\n\n".join(notes)

    def _synthesise(self, conversation: list[Any]) -> str:
        with self._tracer.start_as_current_span("synthesise"):
            order = f"Weigh the sources against each other in about {_SYNTHESIS_WORDS} words."
            conversation.append({"role": "user", "content": [{"type": "text", "text": order}]})
            return self._message(self._variant.synthesise, conversation)

    def _message(self, model: str, conversation: list[Any]) -> str:
        conversation[-1]["content"][-1]["cache_control"] = _CACHE
        reply = self._anthropic.messages.create(
            model=model, max_tokens=_MAX_TOKENS, system=self._system, messages=conversation
        )
        del conversation[-1]["content"][-1]["cache_control"]  # the mark moves on: an API call may carry four
        self._on_step()
        return "".join(block.text for block in reply.content if block.type == "text")

    def _critique(self, synthesis: str, notes: str) -> str:
        with self._tracer.start_as_current_span("critique"):
            reply = self._anthropic.messages.create(
                model=self._variant.critique,
                max_tokens=_MAX_TOKENS,
                system=self._system,
                tools=[
                    {
                        "name": "verify_claim",
                        "description": _description("verify_claim"),
                        "input_schema": _schema("verify_claim"),
                    }
                ],
                messages=[{"role": "user", "content": f"{notes}\n\n{synthesis}\n\nVerify the claims that matter."}],
            )
            self._on_step()
            findings = [block.text for block in reply.content if block.type == "text"]
            findings += [
                self._use(block.name, {key: str(value) for key, value in block.input.items()}, block.id)
                for block in reply.content
                if block.type == "tool_use"
            ]
            return "\n".join(findings)

    def _use(self, name: str, arguments: dict[str, str], call_id: str = "") -> str:
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.type": "function"}
        if call_id:
            attributes["gen_ai.tool.call.id"] = call_id
        with self._tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes):
            result = _call_tool(name, arguments, self._cohort)
        self._on_step()
        return result


# The tools: made-up systems that answer at once.


def _call_tool(name: str, arguments: dict[str, str], cohort: Cohort) -> str:
    """Return the result of a tool: prose whose length depends on the tool and the cohort."""
    topic = f"{cohort.customer} {name} {' '.join(arguments.values())}"
    if name in SEARCH_TOOLS:
        return "\n".join(f"[{source}] {passage(topic + source, _SNIPPET_WORDS)}" for source in _SOURCES)
    if name == "fetch_page":
        return f"# {arguments['source']}\n{passage(topic, cohort.document_words)}"
    return passage(topic, _SECTION_WORDS)


def _schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of a tool's arguments."""
    parameter = _TOOL_PARAMETER[name]
    return {"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}


def _description(name: str) -> str:
    """Return how a tool is described to the models."""
    return f"{name.replace('_', ' ').capitalize()}: answers with text from the customer's files."

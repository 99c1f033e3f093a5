# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""The instrumentations of the matrix, by what they instrument and by whose they are."""

from __future__ import annotations

import importlib
from typing import Any

OFFICIAL, TRACELOOP, OPENINFERENCE = "official", "traceloop", "openinference"

INSTRUMENTORS = {
    ("openai", OFFICIAL): "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
    ("openai", TRACELOOP): "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
    ("openai", OPENINFERENCE): "openinference.instrumentation.openai:OpenAIInstrumentor",
    ("anthropic", OFFICIAL): "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
    ("anthropic", TRACELOOP): "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor",
    ("anthropic", OPENINFERENCE): "openinference.instrumentation.anthropic:AnthropicInstrumentor",
    ("gemini", OFFICIAL): "opentelemetry.instrumentation.google_genai:GoogleGenAiSdkInstrumentor",
    ("gemini", TRACELOOP): "opentelemetry.instrumentation.google_generativeai:GoogleGenerativeAiInstrumentor",
    ("gemini", OPENINFERENCE): "openinference.instrumentation.google_genai:GoogleGenAIInstrumentor",
    ("bedrock", OFFICIAL): "opentelemetry.instrumentation.botocore:BotocoreInstrumentor",
    ("bedrock", TRACELOOP): "opentelemetry.instrumentation.bedrock:BedrockInstrumentor",
    ("bedrock", OPENINFERENCE): "openinference.instrumentation.bedrock:BedrockInstrumentor",
    ("langchain", OFFICIAL): "opentelemetry.instrumentation.genai.langchain:LangChainInstrumentor",
    ("langchain", TRACELOOP): "opentelemetry.instrumentation.langchain:LangchainInstrumentor",
    ("langchain", OPENINFERENCE): "openinference.instrumentation.langchain:LangChainInstrumentor",
    ("openai_agents", OFFICIAL): "opentelemetry.instrumentation.genai.openai_agents:OpenAIAgentsInstrumentor",
    ("openai_agents", TRACELOOP): "opentelemetry.instrumentation.openai_agents:OpenAIAgentsInstrumentor",
    ("openai_agents", OPENINFERENCE): "openinference.instrumentation.openai_agents:OpenAIAgentsInstrumentor",
    ("crewai", TRACELOOP): "opentelemetry.instrumentation.crewai:CrewAIInstrumentor",
    ("crewai", OPENINFERENCE): "openinference.instrumentation.crewai:CrewAIInstrumentor",
    ("litellm", OPENINFERENCE): "openinference.instrumentation.litellm:LiteLLMInstrumentor",
    ("adk", OPENINFERENCE): "openinference.instrumentation.google_adk:GoogleADKInstrumentor",
}


def instrument_parts(parts: tuple[str, ...], default: str = "") -> None:
    """Turn on the instrumentations of a case: a name alone is one of the stack itself."""
    for part in parts:
        what, _, whose = part.rpartition("/")
        instrument(what or default, whose)


def instrument(what: str, whose: str, **options: Any) -> None:
    """Turn one instrumentation on, for the rest of the process."""
    module, _, name = INSTRUMENTORS[what, whose].partition(":")
    getattr(importlib.import_module(module), name)().instrument(**options)

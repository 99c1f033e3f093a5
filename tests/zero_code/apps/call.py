# Copyright The carbonspan authors
# SPDX-License-Identifier: Apache-2.0
"""An application that knows nothing of OpenTelemetry: one call with OpenAI's SDK."""

import openai

client = openai.OpenAI()
client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "How warm is it?"}])
client.close()
print("done")  # noqa: T201 - how the test knows that it ran to its end

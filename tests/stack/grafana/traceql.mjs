// Copyright The carbonspan authors
// SPDX-License-Identifier: Apache-2.0
// Reads a JSON list of TraceQL queries, and writes for each what Grafana's parser finds wrong, as a list.
import { readFileSync } from "node:fs";
import { parser } from "@grafana/lezer-traceql";

const wrong = (query) => {
  const found = [];
  parser.parse(query).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) found.push(`${from}: ${query.slice(from, to + 12)}`);
    },
  });
  return found;
};
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(wrong)));

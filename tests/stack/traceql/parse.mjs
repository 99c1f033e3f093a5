// Copyright The carbonspan authors
// SPDX-License-Identifier: Apache-2.0
// Parses TraceQL by Grafana's published grammar: a JSON list of expressions on stdin, a JSON list of trees on stdout.
import { readFileSync } from 'node:fs';
import { parser } from '@grafana/lezer-traceql';

function tree(node, text) {
  const children = [];
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(tree(child, text));
  return { name: node.type.name, error: node.type.isError, text: text.slice(node.from, node.to), children };
}

const expressions = JSON.parse(readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(expressions.map((text) => tree(parser.parse(text).topNode, text))));

#!/bin/sh
# Builds the programs of the stack from their pinned Go modules into a cached folder: Prometheus and promtool, Jaeger,
# and the Collector by its own builder. Once: again only where a pin has changed. Needs Go 1.26 or newer.
set -eu
cd "$(dirname "$0")"
cache="${STACK_PROGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/carbonspan/stack}"
if ! command -v go >/dev/null; then
    echo "the stack's programs are built with Go 1.26 or newer, which is not on the PATH" >&2
    exit 1
fi
mkdir -p "$cache/bin" "$cache/pins"

# built NAME PINS... : whether NAME stands in the cache and was built from just these pins
built() {
    name=$1
    shift
    pins=$(cat "$@" build.sh | cksum)
    [ -x "$cache/bin/$name" ] && [ "$(cat "$cache/pins/$name" 2>/dev/null)" = "$pins" ]
}
done_with() { echo "$pins" >"$cache/pins/$1"; }

# go_program NAME FOLDER PACKAGE [TAGS]
go_program() {
    built "$1" "$2/go.mod" "$2/go.sum" && return 0
    echo "building $1"
    # -mod=readonly: what is built is what go.sum has the sums of.
    (cd "$2" && go build -mod=readonly -trimpath -tags "${4:-}" -o "$cache/bin/$1" "$3")
    done_with "$1"
}

# Without service discovery, which the stack has no use for: half the time to build.
go_program prometheus prometheus github.com/prometheus/prometheus/cmd/prometheus remove_all_sd
go_program promtool prometheus github.com/prometheus/prometheus/cmd/promtool remove_all_sd
go_program jaeger jaeger github.com/jaegertracing/jaeger/cmd/jaeger

manifest=../../../collector-config/builder.yaml
if ! built otelcol "$manifest" builder/go.mod builder/go.sum; then
    echo "building otelcol"
    go_program ocb builder go.opentelemetry.io/collector/cmd/builder
    built otelcol "$manifest" builder/go.mod builder/go.sum || true # its pins again
    sources=$(mktemp -d)
    trap 'rm -rf "$sources"' EXIT
    sed "s|^dist:|dist:\n  output_path: $sources|" "$manifest" >"$sources/builder.yaml"
    "$cache/bin/ocb" --config "$sources/builder.yaml" 2>"$sources/log" || { cat "$sources/log" >&2; exit 1; }
    mv "$sources/otelcol" "$cache/bin/otelcol"
    done_with otelcol
fi
echo "$cache/bin"

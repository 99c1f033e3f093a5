#!/bin/sh
# Runs the tests under every declared Python on this machine, each in its own environment; names those that are missing.
# Arguments go to pytest. WITHOUT=path/of/python leaves out the version of that one, whose tests run elsewhere.
set -eu
without=""
if [ -n "${WITHOUT:-}" ]; then
    without=$("$WITHOUT" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
fi
tested=""
missing=""
for version in ${PYTHONS:-3.10 3.11 3.12 3.13 3.14}; do
    if [ "$version" = "$without" ]; then
        continue
    fi
    python=""
    # pyenv's shims exist for versions that are not selected: ask the interpreter itself.
    for candidate in "python$version" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$version"*/bin/python; do
        if "$candidate" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
            python="$candidate"
            break
        fi
    done
    if [ -z "$python" ]; then
        missing="$missing $version"
        continue
    fi
    environment=".venv-py$version"
    if [ ! -e "$environment/.ready" ] || [ constraints.txt -nt "$environment/.ready" ] || [ pyproject.toml -nt "$environment/.ready" ]; then
        "$python" -m venv "$environment"
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
        "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt \
            -e '.[demo,ecologits,cost]' --group test
        touch "$environment/.ready"
    fi
    echo "== Python $version"
    "$environment/bin/python" -m pytest -q "$@"
    tested="$tested $version"
done
echo "tested under:${tested:- none}; not on this machine:${missing:- none}${without:+; left out: $without}"
[ -n "$tested$without" ]

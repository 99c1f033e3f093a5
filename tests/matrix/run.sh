#!/bin/sh
# Runs the matrix: each environment of tests/matrix/environments is made once, from its own pins, and all
# stacks in it are run. `ENVIRONMENTS="clients adk"` picks some, `RECORD=1` writes down what the stacks emit.
set -eu
python="${PYTHON:-python3}"
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "the pins of the matrix are for Python 3.11 and newer; PYTHON=... names another" >&2
    exit 1
fi
folder=tests/matrix/environments
tested=""
failed=""
for name in ${ENVIRONMENTS:-clients agents openai2 adk agent_framework}; do
    environment=".venv-inst-$name"
    # Made anew where the pins, or what carbonspan needs, have changed.
    wanted=$(cat "$folder/$name.txt" pyproject.toml "$0" | cksum)
    if [ "$(cat "$environment/.ready" 2>/dev/null)" != "$wanted" ]; then
        echo "making the environment $environment, once"
        "$python" -m venv --clear --without-pip "$environment"
        # The pins are whole: nothing is resolved.
        "$python" -m pip --python "$environment/bin/python" install --quiet --disable-pip-version-check \
            --no-deps --no-compile -r "$folder/$name.txt"
        "$python" -m pip --python "$environment/bin/python" install --quiet --disable-pip-version-check --no-deps -e .
        echo "$wanted" >"$environment/.ready"
    fi
    echo "== $name"
    if CARBONSPAN_TEST_ENVIRONMENT="$name" "$environment/bin/python" -m pytest -q -p no:cacheprovider \
        tests/matrix; then
        tested="$tested $name"
    else
        failed="$failed $name"
    fi
done
echo "counted right in:$tested"
if [ -n "$failed" ]; then
    echo "failed in:$failed"
    exit 1
fi

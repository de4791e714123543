#!/usr/bin/env bash
# Everything that is broken on purpose, at full length: the scenarios of `moed chaos`, real daemons that are killed,
# a server that is stopped at once, a million random steps against the queue's model, and thousands of interleavings.
set -euo pipefail
cd "$(dirname "$0")/../.."

moed=${MOED_BINARY:-.build-static/release/moed}
(source Tests/server.sh && "$moed" chaos --database "host=$home user=moed dbname=postgres")
Tests/Chaos/client-types.sh
Tests/Chaos/polling.sh
Tests/Chaos/kills.sh
MOED_PROPERTY_STEPS=${MOED_PROPERTY_STEPS:-1000000} swift test --filter RandomScheduleTests
MOED_INTERLEAVINGS=${MOED_INTERLEAVINGS:-2000} swift test --skip-build --filter ExplorerTests

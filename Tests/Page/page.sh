#!/usr/bin/env bash
# Shows the page of a database with 100,000 jobs: how long it takes, and how it looks at two widths, light and dark.
#   MOED_BINARY=.build-static/dist/moed Tests/Page/page.sh [FOLDER]     screenshots into FOLDER (docs/page)
# Chromium is Debian's package; without it only times are shown.
set -euo pipefail
cd "$(dirname "$0")/../.."
binary=$(realpath "${MOED_BINARY:?the path of moed}")
pictures=${1:-docs/page}
source Tests/server.sh
database="host=$home user=moed dbname=work"
"$bin/createdb" -h "$home" -U moed work
"$binary" migrate --roles --database "$database" >/dev/null
"$bin/psql" -q -1 -v ON_ERROR_STOP=1 "$database" -f Tests/Page/seed.sql
"$bin/psql" -q "$database" -c "CREATE ROLE page LOGIN; GRANT moed_reader TO page; CREATE ROLE gate LOGIN; GRANT moed_gateway TO gate"
nice -n 19 "$binary" serve --database "host=$home user=gate dbname=work" --set gateway.listen="$home/api" \
  --set front.listen=127.0.0.1:18099 --set "front.database=host=$home user=page dbname=work" 2>"$home/log" &
url=http://127.0.0.1:18099/
curl -s --retry 50 --retry-connrefused --retry-delay 1 -o /dev/null "$url"
for _ in 1 2 3 4 5; do curl -s -o "$home/page.html" -w '%{time_total} s, %{size_download} bytes\n' "$url"; done
if ! command -v chromium >/dev/null; then
  say 'no chromium: no screenshots'
  exit 0
fi
mkdir -p "$pictures"
shoot() {
  nice -n 19 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$home/chromium" \
    --force-device-scale-factor=1 "$@" "$url" >/dev/null 2>&1
}
for theme in light dark; do
  [[ $theme == dark ]] && scheme=0 || scheme=1
  shoot --window-size=1280,800 --blink-settings=preferredColorScheme=$scheme --screenshot="$pictures/wide-$theme.png"
  shoot --window-size=390,844 --blink-settings=preferredColorScheme=$scheme --screenshot="$pictures/narrow-$theme.png"
done
say "screenshots are in $pictures"

# The unit's credential and hardening lines under a real systemd, with a probe in the daemon's place.
# In the environment: MOED_UNITS (the project's systemd/ folder). Output as in unit-test.sh.
set -u
failures=0
check() {
  local name=$1; shift
  if "$@"; then echo "ok - $name"; else echo "not ok - $name"; failures=$((failures + 1)); fi
}
install -d /etc/systemd/system/moed.service.d /etc/moed
install -m 644 "$MOED_UNITS/moed.service" /etc/systemd/system/
cat >/usr/bin/moed <<'PROBE'
#!/bin/sh
{
  echo "passfile=$(cat "$CREDENTIALS_DIRECTORY/pgpass")"
  echo "libpq=${PGPASSFILE-unset}"
  echo "root=$(test "$(id -u)" = 0 && echo yes || echo no)"
  echo "state=$(touch "$STATE_DIRECTORY/x" 2>/dev/null && echo writable || echo denied)"
  echo "usr=$(touch /usr/bin/y 2>/dev/null && echo writable || echo denied)"
  echo "home=$(ls /root 2>/dev/null | wc -l)"
  echo "meminfo=$(grep -c MemTotal /proc/meminfo)"
  echo "network=$(readlink /proc/self/ns/net)"
} >"$STATE_DIRECTORY/report"
PROBE
chmod 755 /usr/bin/moed
cat >/etc/systemd/system/moed.service.d/probe.conf <<'DROPIN'
[Service]
Type=oneshot
WatchdogSec=0
Restart=no
DROPIN
report() { grep "^$1=" /var/lib/moed/report | cut -d= -f2-; }
is() { [[ $1 == "$2" ]] || { echo "# '$1', expected '$2'"; return 1; }; }
run() { rm -f /var/lib/moed/report; systemctl daemon-reload; systemctl start moed; }

check "it starts without a credentials folder" run
check "the unit file has no line that systemd does not know" \
  test "$(journalctl --sync; journalctl --no-pager _PID=1 | grep -c 'moed.service:.*\(Unknown\|Invalid\|ignoring\)')" = 0
check "then the password file is only a comment" is "$(report passfile)" "#"
install -d -m 700 /etc/moed/credentials
(umask 077; echo '*:*:*:*:s3cret' >/etc/moed/credentials/pgpass)
check "it starts with a password" run
check "the password reaches the credential" is "$(report passfile)" '*:*:*:*:s3cret'
# libpq ignores a password file that others may read, and systemd 254 gives credentials such a mode: moed reads them.
check "libpq is not told of the file" is "$(report libpq)" unset
check "not as root" is "$(report root)" no
check "its state folder can be written" is "$(report state)" writable
check "programs cannot be replaced" is "$(report usr)" denied
check "homes are hidden" is "$(report home)" 0
check "the memory size can be read" is "$(report meminfo)" 1
check "with the host's network" is "$(report network)" "$(readlink /proc/self/ns/net)"
cp "$MOED_UNITS/moed-socket.conf" /etc/systemd/system/moed.service.d/
check "it starts with the socket-only drop-in" run
check "without the host's network" test "$(report network)" != "$(readlink /proc/self/ns/net)"
((failures == 0)) || journalctl --no-pager --unit=moed | tail -n 40
exit $((failures > 0))

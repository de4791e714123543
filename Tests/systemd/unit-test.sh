# Runs moed under its own unit file and a real systemd; run by systemd-sandbox, started by Tests/SystemdTests.
#
# In the environment: MOED_BINARY (the built daemon), MOED_MODEL (a checkpoint folder), MOED_DATABASE (conninfo URL
# without password), PGPASSWORD (its password), MOED_UNITS (the project's systemd/ folder).
# Prints `ok - …` or `not ok - …` for each check and ends with 1 when one failed. Everything it installs is gone
# with the sandbox.
set -u
# For this script alone: the daemon takes MOED_ variables for settings.
export -n MOED_BINARY MOED_MODEL MOED_DATABASE MOED_UNITS
failures=0
check() { # NAME COMMAND…: one check
  local name=$1; shift
  if "$@"; then echo "ok - $name"; else echo "not ok - $name"; failures=$((failures + 1)); fi
}
property() { systemctl show moed --property="$1" --value; }
sql() { psql --no-psqlrc -qAtX "$MOED_DATABASE" -v ON_ERROR_STOP=1 -c "$1"; }
wait_for() { # SECONDS COMMAND…: polls until the command succeeds
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}
journal() { journalctl --sync; journalctl --unit=moed --no-pager "$@"; }
evidence() {
  echo "# --- evidence"
  systemctl status moed --no-pager --full --lines=0
  journal --output=short-monotonic --priority=info | tail -n 60
}

# --- install as an administrator would

install -m 755 "$MOED_BINARY" /usr/bin/moed
# Libraries of a Swift toolchain that may lie in a home directory, which ProtectHome= hides.
ldd "$MOED_BINARY" | awk '$3 ~ /^\// && $3 !~ /^\/(usr\/)?lib/ { print $3 }' | while read -r library; do
  install -m 755 "$library" /usr/local/lib/
done
ldconfig
install -d /etc/systemd/system/moed.service.d /etc/moed /usr/share/moed
install -m 644 "$MOED_UNITS/moed.service" /etc/systemd/system/
cp -r "$MOED_MODEL" /usr/share/moed/model
chmod -R a+rX /usr/share/moed
configure() { # WATCHDOG_S; further lines of the configuration on standard input
  printf '[Service]\nWatchdogSec=%s\nTimeoutAbortSec=5\nRestartSec=1\n' "$1" >/etc/systemd/system/moed.service.d/test.conf
  cat >/etc/moed/moed.yaml <<YAML
database:
  url: "$MOED_DATABASE"
model:
  path: /usr/share/moed/model
  name: sample
queue:
  poll_interval: 200ms
  lease: 20s
log:
  level: info
shutdown:
  grace: 10s
YAML
  cat >>/etc/moed/moed.yaml
  systemctl daemon-reload
  systemctl reset-failed moed 2>/dev/null
}
configure 60 </dev/null
if [[ -n ${PGPASSWORD:-} ]]; then
  install -d -m 700 /etc/moed/credentials
  (umask 077; printf '*:*:*:*:%s\n' "$PGPASSWORD" >/etc/moed/credentials/pgpass)
fi
systemctl log-level debug # the manager then records each notification it gets
check "systemctl enable" systemctl enable --quiet moed
check "moed migrate" /usr/bin/moed migrate --config /etc/moed/moed.yaml

# --- start

secret="marmalade$RANDOM$RANDOM"
enqueue() { # COUNT: jobs whose prompts hold the secret word
  sql "SELECT count(moed.enqueue(prompt => 'What is ' || i || ' + 4? $secret', reasoning =>
         CASE WHEN i % 2 = 0 THEN 'thinking' ELSE 'non_thinking' END, max_tokens => 64))
       FROM generate_series(1, $1) AS i" >/dev/null
}
open_jobs() { sql "SELECT count(*) FROM moed.jobs WHERE state IN ('scheduled', 'queued', 'running')"; }
all_done() { [[ $(open_jobs) == 0 ]]; }
succeeded() { sql "SELECT count(*) FROM moed.jobs WHERE state = 'succeeded' AND content IS NOT NULL AND total_tokens > 0"; }
is() { [[ $1 == "$2" ]] || { echo "# '$1', expected '$2'"; return 1; }; }
status_has_figures() { property StatusText | grep -q '[0-9]' || { echo "# StatusText is '$(property StatusText)'"; return 1; }; }
# The manager's own messages carry the unit in a field of its own.
notified() { journalctl --sync; journalctl --no-pager _PID=1 | grep -q "moed.service: Got notification message.*$1"; }

check "systemctl start returns after READY=1" systemctl start moed
check "the unit is active" is "$(property ActiveState)/$(property SubState)" active/running
check "READY=1 was sent by the daemon" notified READY=1
# Dynamic users have ids from 61184 on (systemd.exec(5)).
check "it runs as a dynamic user" test "$(stat -c %u "/proc/$(property MainPID)")" -ge 61184
enqueue 12
check "jobs run" wait_for 1200 all_done
check "every job succeeded" is "$(succeeded)" 12
check "StatusText has figures" wait_for 1200 status_has_figures
check "the journal knows jobs by MOED_JOB_ID" \
  test "$(journal --output=json | grep -c '"MOED_JOB_ID"')" -gt 0
check "journalctl finds one job" test "$(journal "MOED_JOB_ID=$(sql 'SELECT max(id) FROM moed.jobs')" | grep -c moed)" -gt 0
check "no prompt is in the journal" is "$(journal --output=export | grep -c "$secret")" 0

# --- check and reload

check "moed check --unit looks as the unit does" moed check --unit moed
check "a running daemon keeps its runtime folder" test -d /run/moed
chmod 700 /usr/share/moed
check "check as root sees the model" moed check --config /etc/moed/moed.yaml
moed check --unit moed >/tmp/unit-check 2>&1
check "check as the unit does not" is "$?" 78
check "and names the reason" grep -q 'Permission denied' /tmp/unit-check
chmod 755 /usr/share/moed
check "there is no such unit" test "$(moed check --unit nosuch 2>&1 | grep -c 'there is no unit nosuch.service')" = 1
pid=$(property MainPID)
check "systemctl reload" systemctl reload moed
reloaded() { [[ $(journal | grep -c 'reload:') -gt 0 ]]; }
check "the journal tells of it" wait_for 1200 reloaded
check "the same process goes on" is "$(property ActiveState)/$(property MainPID)" "active/$pid"

# --- watchdog

thread_named() { # PID NAME: id of the first thread whose name begins so
  local task
  for task in "/proc/$1"/task/*; do
    [[ $(cat "$task/comm" 2>/dev/null) == "$2"* ]] && { basename "$task"; return; }
  done
  return 1
}
# Stops one thread by attaching to it as a debugger does, and holds it until it is gone.
freeze_thread() {
  python3 - "$1" <<'PYTHON' &
import ctypes, os, sys
thread, SEIZE, INTERRUPT, WALL = int(sys.argv[1]), 0x4206, 0x4207, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
for request in (SEIZE, INTERRUPT):
    if libc.ptrace(request, thread, None, None) < 0:
        sys.exit("ptrace: " + os.strerror(ctypes.get_errno()))
while True:
    # The thread's end must be collected, or its process cannot end.
    _, status = os.waitpid(thread, WALL)
    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
        break
PYTHON
}
restarted() { (($(property NRestarts) > $1)) && [[ $(property ActiveState) == active && $(property MainPID) != "$2" ]]; }
watchdog_fired() { journalctl --sync; journalctl --no-pager _PID=1 | grep -c 'moed.service: Watchdog timeout'; }
hang() { # NAME COMMAND PID…: freezes, expects a restart by the watchdog and the jobs done after it
  local name=$1; shift
  local pid restarts before fired
  pid=$(property MainPID) restarts=$(property NRestarts) before=$(succeeded) fired=$(watchdog_fired)
  "$@"
  enqueue 6
  check "$name: the watchdog restarts the daemon" wait_for 1200 restarted "$restarts" "$pid"
  check "$name: it was the watchdog" test "$(watchdog_fired)" -gt "$fired"
  check "$name: all jobs are finished after it" wait_for 1200 all_done
  check "$name: every job succeeded" is "$(succeeded)" $((before + 6))
}
# Longer than a daemon on a busy machine may come to nothing, and shorter than the wait.
configure 15 </dev/null
check "restart with a watchdog of 15 s" systemctl restart moed
sleep 35
check "an idle daemon is not taken for a hung one" is "$(property NRestarts)" 0
check "WATCHDOG=1 was sent" notified WATCHDOG=1
if ! command -v python3 >/dev/null; then
  echo "ok - sweep thread frozen # SKIP python3 is not installed"
elif thread=$(thread_named "$(property MainPID)" moed-sweep); then
  hang "sweep thread frozen" freeze_thread "$thread"
else
  check "the sweep loop has a thread named moed-sweep" false
fi
hang "whole process stopped" kill -STOP "$(property MainPID)"

# --- stop

enqueue 200
sleep 0.5
started=$SECONDS
check "systemctl stop" systemctl stop moed
check "it ends within TimeoutStopSec" test $((SECONDS - started)) -lt 60
check "it ends in order" is "$(property Result)/$(property ExecMainCode)/$(property ExecMainStatus)" success/1/0
check "STOPPING=1 was sent" notified STOPPING=1
check "no job is left running" is "$(sql "SELECT count(*) FROM moed.jobs WHERE state = 'running'")" 0
check "stopping uses no attempt" is "$(sql "SELECT count(*) FROM moed.jobs WHERE state = 'queued' AND attempt > 0")" 0
check "start again" systemctl start moed
check "the rest is done after the next start" wait_for 1200 all_done
check "no job has failed" is "$(sql "SELECT count(*) FROM moed.jobs WHERE state <> 'succeeded'")" 0
systemctl stop moed

# --- wrong configuration

configure 60 <<<'databse: oops'
systemctl start moed 2>/dev/null
check "an unknown key ends the start" is "$(property ActiveState)/$(property ExecMainStatus)" failed/78
sleep 4
check "and there is no restart loop" is "$(property ActiveState)/$(property NRestarts)" failed/0
check "the journal names the key" test "$(journal | grep -c databse)" -gt 0

((failures == 0)) || evidence
exit $((failures > 0))

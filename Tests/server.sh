# A private PostgreSQL in "$home", for scripts to source; it and everything started is gone when they end.

bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
home=$(mktemp -d /tmp/moed-${0##*/}.XXXXXX)

# PostgreSQL refuses to run as root.
if [[ $EUID == 0 ]]; then
  chown postgres "$home"
  as_server() { runuser -u postgres -- "$@"; }
else
  as_server() { "$@"; }
fi

stop() {
  kill -9 $(jobs -p) 2>/dev/null || true
  as_server "$bin/pg_ctl" -D "$home/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$home"
}
trap stop EXIT
trap 'exit 130' INT TERM

say() { printf '%s\n' "$*"; }
server() { (cd / && as_server "$bin/pg_ctl" -D "$home/data" -l "$home/data/log" "$@" >/dev/null 2>&1); }

(cd / && as_server "$bin/initdb" -D "$home/data" -U moed -A trust -E UTF8 --locale=C.UTF-8 >"$home/initdb.log" 2>&1) ||
  { cat "$home/initdb.log"; exit 1; }
as_server sh -c "cat >>'$home/data/postgresql.conf'" <<CONF
listen_addresses = ''
unix_socket_directories = '$home'
CONF
server -w start
